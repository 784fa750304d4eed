package programtest

import (
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

func TestResized(t *testing.T) {
	g := Resized(t, "rmsnorm_linear", map[int64]int64{4096: 60, 6144: 96})
	for i, want := range [][]ugraph.Dim{ugraph.Ds(2, 60), ugraph.Ds(60, 96)} {
		if got := g.Values[g.Inputs[i].Value].Shape; !ugraph.SameShape(got, want) {
			t.Errorf("input %d is %v, want %v", i, got, want)
		}
	}
	full := Program(t, "rmsnorm_linear")
	if got := full.Values[full.Inputs[1].Value].Shape; !ugraph.SameShape(got, ugraph.Ds(4096, 6144)) {
		t.Errorf("the program itself has W %v", got)
	}
}

// Every embedded program expands into operators that no definition stands for.
func TestExpanded(t *testing.T) {
	for _, name := range Names() {
		g := Expanded(t, Program(t, name))
		for i := range g.Nodes {
			if op := g.Nodes[i].Op; op.Info().Class == ugraph.Composite {
				t.Errorf("%s: %s is left", name, op)
			}
		}
	}
}
