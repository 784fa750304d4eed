package search

import (
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"pgregory.net/rapid"
)

// TestFinalistsLoseNothing holds the plan found by way of bounds and finalists against those of all variants, and
// bounds against prices.
func TestFinalistsLoseNothing(t *testing.T) {
	row := testRow(t)
	var ps []*ugraph.Graph
	for _, name := range []string{"tiny", "rmsnorm_linear", "gated_mlp", "lora", "gqa", "mlp_decode", "ntrans", "moe"} {
		if !testing.Short() || short[name] {
			ps = append(ps, programtest.Program(t, name))
		}
	}
	source := rapid.Custom(drawProgram)
	for seed := range 40 {
		ps = append(ps, programtest.Parse(t, source.Example(seed)))
	}
	compared, variants := 0, 0
	for i, p := range ps {
		primitive, err := library.Expand(p)
		if err != nil {
			t.Fatal(err)
		}
		dag, err := expr.Lift(primitive)
		if err != nil {
			continue // cut into segments, each of which is such a program
		}
		s := &state{r: &Result{Program: p, Best: &Choice{}, Baseline: &Choice{}}, row: row, envs: Sizes(p, nil), opt: Options{limits: usual}}
		x, err := s.explore(t.Context(), dag, 0)
		if err != nil {
			t.Fatal(err)
		}
		x.all = true // a second look is another matter
		var sum partition.Stats
		got, err := s.plans(t.Context(), x, &sum)
		if err != nil || len(got) == 0 {
			t.Fatalf("program %d: %d plans, %v", i, len(got), err)
		}
		best := 0.0
		for _, v := range x.variants {
			bound, err := partition.Bound(v.dag, &row, partition.Options{Sizes: s.envs})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := partition.Best(t.Context(), v.dag, &row, partition.Options{Sizes: s.envs})
			if err != nil {
				t.Fatal(err)
			}
			if bound > plan.US*(1+1e-9) {
				t.Errorf("program %d: %s: bound %.3f µs above the plan's %.3f", i, v.derivation, bound, plan.US)
			}
			if best == 0 || plan.US < best {
				best = plan.US
			}
			variants++
		}
		if got[0].plan.US > best*1.005 {
			t.Errorf("program %d: %.3f µs, by all variants %.3f", i, got[0].plan.US, best)
		}
		compared++
	}
	t.Logf("%d programs, %d variants", compared, variants)
	if compared < 20 || variants < 2*compared {
		t.Errorf("%d programs, %d variants", compared, variants)
	}
}
