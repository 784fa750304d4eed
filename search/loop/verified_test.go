package loop

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/verify"
)

// TestVerified: the verifier, which knows nothing of the law, accepts every form with accumulators,
// whole and split. Entropy is left out: its logarithm stands in a product in the program and in a sum in
// the loop's form, and no law of the verifier joins the two.
func TestVerified(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if name == "entropy" {
			continue
		}
		d := programs[name]()
		p, err := expr.ToProgram(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Forms(d) {
			if f.Loop >= 0 && f.Roles["rescaled"]+f.Roles["moving"] == 0 && f.Loop != axisOf(d, "k") {
				continue
			}
			tilings := []Tiling{{LoopTile: 4}}
			if f.Split {
				tilings = append(tilings, Tiling{LoopTile: 2, Split: &AxisTile{f.Loop, 4}})
			}
			for _, tl := range tilings {
				for _, a := range f.Grid.List() {
					if a != f.Loop {
						tl.Grid = append(tl.Grid, AxisTile{a, 2})
					}
				}
				g, err := emitGraph(f, tl)
				if err != nil {
					t.Fatal(err)
				}
				r, err := verify.Equal(context.Background(), p, g, verify.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if !r.Equal {
					t.Errorf("%s, split %v: %s\n%s", name, tl.Split, r.Reason, f)
				}
				n++
			}
		}
	}
	t.Logf("%d μGraphs verified", n)
}
