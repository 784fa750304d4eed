package schedule

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

func names(m map[string]*expr.DAG) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// The price of a form and a tiling is that of the μGraph which they emit.
func TestAgreesWithEmitted(t *testing.T) {
	row := avx2(t)
	ps := programs(t)
	for _, name := range names(ps) {
		d := ps[name]
		sizes := exprtest.Sizes(d)
		start := time.Now()
		best, stats, err := Best(context.Background(), loop.Forms(d), Options{Row: row, Sizes: sizes, Top: 4})
		took := time.Since(start)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, c := range best {
			e, err := cost.Graph(emit(t, c), sizes[0], row)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if i == 0 {
				t.Logf("%-16s %v, %+v: %.1f µs, emitted %.1f µs, %d kernels, loop %d %+v split %v, tiles %.0f", name, took.Round(time.Millisecond), stats,
					c.US, e.US, c.Kernels, c.Form.Loop, c.Tiling, c.Tiling.Split, c.TileBytes)
			}
			if ratio := e.US / c.US; ratio > 1.1 || ratio < 1/1.1 {
				t.Errorf("%s: choice %d: predicted %.1f µs, emitted graph %.1f µs: %s", name, i, c.US, e.US, fmt.Sprint(c.Tiling))
			}
		}
	}
}

// Branch and bound finds what full enumeration finds.
func TestBoundIsExact(t *testing.T) {
	row := avx2(t)
	ps := programs(t)
	maps.Copy(ps, ragged(t))
	for _, name := range []string{"tiny", "gated_mlp", "rmsnorm_linear", "lora", "layer_norm", "softmax_wide", "ntrans", "ragged_max", "ragged_mlp"} {
		d := ps[name]
		forms := loop.Forms(d)
		a, sa, err := Best(context.Background(), forms, Options{Row: row, Top: 3})
		if err != nil {
			t.Fatal(err)
		}
		b, sb, err := Best(context.Background(), forms, Options{Row: row, Top: 3, exhaustive: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(a) == 0 || len(a) != len(b) {
			t.Errorf("%s: %d and %d choices", name, len(a), len(b))
			continue
		}
		if a[0].US > b[0].US*1.0021 {
			t.Errorf("%s: %.3f µs with bounds, %.3f without", name, a[0].US, b[0].US)
		}
		if sa.PrunedBound == 0 && sb.Priced > 50 {
			t.Errorf("%s: nothing was pruned by bound in %d states", name, sa.States)
		}
		t.Logf("%s: %d of %d priced", name, sa.Priced, sb.Priced)
	}
}

// A bound is at most the price of each completion.
func TestBoundIsAdmissible(t *testing.T) {
	row := avx2(t)
	ps := programs(t)
	maps.Copy(ps, ragged(t))
	rng := rand.New(rand.NewPCG(1, 2))
	checked := 0
	for _, name := range names(ps) {
		d := ps[name]
		for _, f := range loop.Forms(d) {
			s := &search{ctx: context.Background(), opt: Options{Row: row, Sizes: exprtest.Sizes(d)}, limit: math.Inf(1)}
			if err := s.prepare(f); err != nil {
				t.Fatal(err)
			}
			splits := s.sp.splits[:min(len(s.sp.splits), 2)] // a merge is scheduled for each
			for range 60 {
				p := point{open: expr.Set(s.sp.axes...), loopOpen: f.Loop >= 0}
				p.split = splits[rng.IntN(len(splits))]
				last := 0.0
				for i := 0; ; i++ {
					v, _, ok := s.value(&p)
					if !ok {
						break
					}
					if v < last*(1-1e-9) {
						t.Fatalf("%s loop %d: bound %g, then %g at %+v", name, f.Loop, last, v, p)
					}
					last = v
					checked++
					if i < len(s.sp.axes) {
						p.open &^= expr.Set(s.sp.axes[i])
						if tile := s.sp.tiles[i][rng.IntN(len(s.sp.tiles[i]))]; tile != whole {
							p.grid = s.insert(nil, p.grid, loop.AxisTile{Axis: s.sp.axes[i], Tile: tile})
						}
					} else if p.loopOpen {
						p.loop, p.loopOpen = s.sp.loops[rng.IntN(len(s.sp.loops))], false
						if p.split > 0 {
							p.loop = min(p.loop, p.split)
						}
					} else {
						break
					}
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d values were compared", checked)
	}
}

// Two searches give the same choices, and their shapes of grid differ.
func TestDeterministicAndDiverse(t *testing.T) {
	row := avx2(t)
	d := exprtest.Lift(t, programtest.Program(t, "gqa"))
	run := func() ([]Choice, Stats) {
		c, s, err := Best(context.Background(), loop.Forms(d), Options{Row: row, Top: 5})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c {
			c[i].Form = nil
		}
		return c, s
	}
	a, sa := run()
	b, sb := run()
	if !reflect.DeepEqual(a, b) || sa != sb {
		t.Errorf("two runs differ:\n%v %+v\n%v %+v", a, sa, b, sb)
	}
	for i := range a {
		for j := range i {
			if reflect.DeepEqual(a[i].Tiling.Grid, a[j].Tiling.Grid) && reflect.DeepEqual(a[i].Tiling.Split, a[j].Tiling.Split) && a[i].Tiling.LoopTile != a[j].Tiling.LoopTile {
				t.Errorf("choices %d and %d differ in the loop's tile only", j, i)
			}
		}
		if i > 0 && bucket(a[i].US) < bucket(a[i-1].US) {
			t.Errorf("choice %d is better than %d", i, i-1)
		}
	}
}

// The geometric mean of several sizes, and a limit.
func TestSizesAndBelow(t *testing.T) {
	row := avx2(t)
	d := exprtest.Lift(t, programtest.Program(t, "attention_decode"))
	sizes := []ugraph.Env{{"S": 2048}, {"S": 16384}, {"S": 131072}}
	c, _, err := Best(context.Background(), loop.Forms(d), Options{Row: row, Sizes: sizes})
	if err != nil || len(c) == 0 {
		t.Fatalf("%v, %v", c, err)
	}
	if b := c[0].BySize; len(b) != 3 || !(b[0] < b[1] && b[1] < b[2]) || !(b[0] < c[0].US && c[0].US < b[2]) {
		t.Errorf("times by size: %v, mean %g", b, c[0].US)
	}
	none, _, err := Best(context.Background(), loop.Forms(d), Options{Row: row, Sizes: sizes, Below: c[0].US / 2})
	if err != nil || len(none) != 0 {
		t.Errorf("below half of the best: %v, %v", none, err)
	}
	if _, _, err := Best(context.Background(), loop.Forms(d), Options{Row: row}); err == nil {
		t.Error("an unbound symbol gave no error")
	}
}
