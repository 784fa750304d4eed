package schedule

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
)

// The value of a complete tiling is the price that package cost gives to the μGraph which it emits, to the last digits:
// of every form of every embedded program, and of ragged ones, tilings drawn at random. Where tiles have a single
// element, the emitter may have to tell a unit from such an axis, by a sum over a unit or a copy, which is not
// priced here.
func TestAgreesOnRandomTilings(t *testing.T) {
	row := avx2(t)
	ps := programs(t)
	maps.Copy(ps, ragged(t))
	x, err := algebra.Explore(context.Background(), exprtest.Lift(t, programtest.Parse(t, "program p(X: f32[2, 16, 24], W: const f32[2, 24, 24], G: f32[2, 16, 1]) -> (Y) { Y = sum((X @ W) * G, axis=0) }")), algebra.Options{KeepUnstable: true})
	if err != nil {
		t.Fatal(err)
	}
	ps["two_axes"] = x.DAGs[1].DAG
	rng := rand.New(rand.NewPCG(5, 6))
	exact, single, near := 0, 0, 0
	for _, name := range names(ps) {
		d := ps[name]
		sizes := exprtest.Sizes(d)[:1]
		for _, f := range loop.Forms(d) {
			s := &search{ctx: context.Background(), opt: Options{Row: row, Sizes: sizes}, limit: math.Inf(1)}
			if err := s.prepare(f); err != nil {
				t.Fatal(err)
			}
			for range 30 {
				drawn := s.sp.draw(rng)
				p := s.point(&drawn)
				e, ok := s.tiling(&p)
				if !ok {
					continue
				}
				c := e.choice
				g := emit(t, c)
				r, err := cost.Graph(g, sizes[0], row)
				if err != nil {
					t.Fatal(err)
				}
				ones := c.Tiling.LoopTile == 1 || c.Tiling.Split != nil && c.Tiling.Split.Tile == 1
				for _, x := range slices.Concat(c.Tiling.Grid, c.Tiling.MergeGrid) {
					ones = ones || x.Tile == 1
				}
				off := math.Abs(math.Log(r.US / c.US))
				if !ones {
					exact++
				} else if single++; off < 0.002 {
					near++
				}
				if off > 1e-9 && !ones || off > 0.25 {
					t.Errorf("%s, loop %d, %+v, split %+v: %g µs, as a μGraph %g", name, f.Loop, c.Tiling, c.Tiling.Split, c.US, r.US)
				}
			}
		}
	}
	t.Logf("%d tilings agree; of %d with single elements %d within 0.2 %%", exact, single, near)
	if exact < 300 || float64(near) < 0.9*float64(single) {
		t.Errorf("%d tilings were compared; of %d with single elements only %d agree within 0.2 %%", exact, single, near)
	}
}
