package text

import (
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestDataDriven prints what each text parses to, or its errors.
func TestDataDriven(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			gs, err := Parse("t.ug", []byte(d.Input))
			if err != nil {
				return err.Error() + "\n"
			}
			for _, g := range gs {
				roundTrip(t, g)
			}
			return PrintAll(gs)
		})
	})
}
