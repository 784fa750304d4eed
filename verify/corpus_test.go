package verify

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph/mirage"
)

// TestCorpus verifies Mirage's saved μGraphs: all right ones accepted, all 19 wrong ones rejected.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: Mirage's saved graphs are not at hand")
	}
	for _, c := range programtest.Corpus {
		f, err := os.ReadFile(filepath.Join(dir, "mirage", c.File+".json"))
		if err != nil {
			t.Fatal(err)
		}
		gs, err := mirage.Import(bytes.NewReader(f))
		if err != nil {
			t.Errorf("%s: %v", c.File, err)
			continue
		}
		p := programtest.Parse(t, c.Source)
		for i, g := range gs {
			t.Run(fmt.Sprintf("%s/%d", c.File, i), func(t *testing.T) {
				start := time.Now()
				r, err := Equal(context.Background(), p, g, Options{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				t.Logf("%v, %d tests, 2^%.0f, %.0f ms", r.Equal, r.Tests, r.ErrorLog2, float64(took.Milliseconds()))
				if r.Equal != c.Right {
					t.Errorf("equal %v, want %v: %s", r.Equal, c.Right, r.Reason)
				}
				if !c.Right && r.Witness == nil {
					t.Errorf("rejected without a witness: %s", r.Reason)
				}
			})
		}
	}
}
