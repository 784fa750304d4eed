package text

import (
	"bytes"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// FuzzParse checks on any bytes that Parse and Format end without a panic, that what parses prints to a
// text of the same graph, and that Format changes neither its own result nor the graphs.
// The committed corpus is testdata/fuzz/FuzzParse.
func FuzzParse(f *testing.F) {
	f.Add([]byte(rmsnormLinear))
	f.Fuzz(func(t *testing.T, src []byte) {
		gs, err := Parse("f.ug", src)
		for _, g := range gs {
			roundTrip(t, g)
		}
		once, ferr := Format("f.ug", src)
		if ferr != nil {
			if err == nil {
				t.Fatalf("parses, but does not format: %v", ferr)
			}
			return
		}
		twice, ferr := Format("f.ug", once)
		if ferr != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not idempotent: %v\n%q\n%q\n%q", ferr, src, once, twice)
		}
		again, _ := Parse("f.ug", once)
		if len(again) != len(gs) {
			t.Fatalf("%d graphs became %d\n%q\n%q", len(gs), len(again), src, once)
		}
		for i := range gs {
			if d := ugraph.Diff(gs[i], again[i]); d != "" {
				t.Fatalf("formatting changed %s\n%q\n%q", d, src, once)
			}
		}
	})
}
