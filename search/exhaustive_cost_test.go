package search

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
)

// By brute force: every program that the enumeration finds, cut into kernels in every way, each kernel with every loop
// and every tiling in the search's candidates, written as a μGraph and priced by package cost. The least of all
// these prices is what the search finds, which gets there by bounds.
func TestOptimumAgainstExhaustion(t *testing.T) {
	row := testRow(t)
	for _, c := range tiny {
		t.Run(c.name, func(t *testing.T) {
			if c.operators > 3 && !everything || testing.Short() || slowdown > 1 {
				t.Skip("four operators are left to MORGANA_FULL=1")
			}
			sizes := least
			if everything {
				sizes = smaller
			}
			p := programtest.Parse(t, sizes.Replace(c.source))
			d := exprtest.Lift(t, p)
			b := newBrute(d)
			b.grow(c.operators)
			o := &optimum{t: t, row: &row, least: math.Inf(1)}
			for _, g := range b.found {
				o.form(g)
			}
			s, err := newState(p, row, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s.r.Best, s.r.Baseline = &Choice{}, &Choice{}
			x, err := s.explore(context.Background(), d, 0)
			if err != nil {
				t.Fatal(err)
			}
			plans, err := s.plans(context.Background(), x, &partition.Stats{})
			if err != nil || len(plans) == 0 {
				t.Fatalf("%d plans, %v", len(plans), err)
			}
			found := plans[0].plan
			t.Logf("%d forms, %d cuts, %d tilings priced: the least is %.3f µs with %d kernels; the search found %.3f µs with %d", len(b.found), o.cuts, o.priced, o.least, o.kernels, found.US, found.Kernels())
			g, err := found.Emit(nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := cost.Graph(g, nil, &row)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("written, the search's is priced at %.3f µs: %s", r.US, planText(found))
			// The search prefers fewer kernels by a tax of 1 % each, and times within 0.2 % tie.
			if r.US < o.least*(1-1e-9) || r.US > o.least*(1.003+0.01*float64(max(0, o.kernels-found.Kernels()))) {
				t.Errorf("the search found %g µs, the least is %g", r.US, o.least)
			}
			if math.Abs(found.US/r.US-1) > 0.02 {
				t.Errorf("the search's value is %g µs, that of its μGraph %g", found.US, r.US)
			}
		})
	}
}

// smaller sizes leave fewer tilings; the least ones, a quarter of them.
var (
	smaller = strings.NewReplacer("96", "24", "64", "16", " 32", " 8", "[32", "[8")
	least   = strings.NewReplacer("96", "8", "64", "6", "16", "6", " 32", " 4", "[32", "[4")
)

// optimum is the least price of all schedules.
type optimum struct {
	t       *testing.T
	row     *target.Row
	cuts    int
	priced  int
	least   float64
	kernels int
}

// form tries every set partition of a program's operators whose groups can run one after the other.
func (o *optimum) form(d *expr.DAG) {
	var nodes []int
	for i, n := range d.Nodes {
		if len(n.Args) > 0 {
			nodes = append(nodes, i)
		}
	}
	memo := map[uint64]float64{} // best time of a group, which does not depend on how the rest is cut
	of := make([]int, len(nodes))
	var assign func(k, groups int)
	assign = func(k, groups int) {
		if k < len(nodes) {
			for g := range groups + 1 {
				of[k] = g
				assign(k+1, max(groups, g+1))
			}
			return
		}
		lists := make([][]int, groups)
		for i, n := range nodes {
			lists[of[i]] = append(lists[of[i]], n)
		}
		if lists = ordered(d, lists); lists == nil {
			return
		}
		o.cuts++
		p, err := partition.Grouped(context.Background(), d, lists, o.row, partition.Options{})
		if err != nil {
			return // a group whose tiles do not fit
		}
		us, kernels := 0.0, 0
		for i := range lists {
			set := uint64(0)
			for _, n := range lists[i] {
				set |= 1 << n
			}
			if _, ok := memo[set]; !ok {
				memo[set] = o.group(p, i)
			}
			us += memo[set]
			kernels++
		}
		if us < o.least {
			o.least, o.kernels = us, kernels
		}
	}
	assign(0, 0)
}

// ordered puts groups into an order in which they can run; nil: there is none.
func ordered(d *expr.DAG, lists [][]int) [][]int {
	done := uint64(0)
	for i, n := range d.Nodes {
		if len(n.Args) == 0 {
			done |= 1 << i
		}
	}
	var out [][]int
	for len(lists) > 0 {
		at := slices.IndexFunc(lists, func(list []int) bool {
			have := done
			for _, n := range list {
				have |= 1 << n
			}
			return !slices.ContainsFunc(list, func(n int) bool {
				return slices.ContainsFunc(d.Nodes[n].Args, func(a int) bool { return have>>a&1 == 0 })
			})
		})
		if at < 0 {
			return nil
		}
		for _, n := range lists[at] {
			done |= 1 << n
		}
		out = append(out, lists[at])
		lists = slices.Delete(slices.Clone(lists), at, at+1)
	}
	return out
}

// group is the least price of a plan's group over all forms and tilings: that of the whole μGraph, less what the
// others take.
func (o *optimum) group(p *partition.Plan, at int) float64 {
	q := *p
	q.Groups = slices.Clone(p.Groups)
	others := p.US - p.Groups[at].US()
	least := math.Inf(1)
	for _, f := range loop.Forms(p.Groups[at].DAG) {
		o.tilings(f, func(t loop.Tiling) float64 {
			q.Groups[at].Choices = []schedule.Choice{{Form: f, Tiling: t}}
			g, err := q.Emit(nil)
			if err != nil {
				o.t.Fatal(err)
			}
			r, err := cost.Graph(g, nil, o.row)
			if err != nil {
				o.t.Fatal(err)
			}
			o.priced++
			if slices.ContainsFunc(r.Kernels, func(k cost.KernelCost) bool { return k.TileBytes > float64(o.row.TileBudget) }) {
				return math.Inf(1)
			}
			least = min(least, r.US-others)
			return r.US
		})
	}
	return least
}

// tilings prices all tilings of a form in the search's candidates. What the second kernel of a split takes does not
// depend on how the first is cut otherwise.
func (o *optimum) tilings(f *loop.Form, price func(loop.Tiling) float64) {
	extent := func(a int) int64 {
		n, _ := f.DAG.Axes[a].Extent.Const()
		return n
	}
	axes := f.Grid
	for i, x := range f.DAG.Outputs {
		axes &= expr.Set(x.Axes...) & f.Steps[f.Outputs[i]].Axes
	}
	if f.Loop >= 0 {
		axes &^= expr.Set(f.Loop)
	}
	list := axes.List()
	loops := []int64{0}
	splits := []int64{0}
	if f.Loop >= 0 {
		loops = append(o.tiles(extent(f.Loop), true), extent(f.Loop))
		if f.Split {
			for _, parts := range []int64{2, 4, 8, 16, 32, 64} {
				n := (extent(f.Loop) + parts - 1) / parts
				if n >= 16 {
					n = (n + 15) / 16 * 16
				}
				if n < extent(f.Loop) && !slices.Contains(splits, n) {
					splits = append(splits, n)
				}
			}
		}
	}
	merge := map[int64][]loop.AxisTile{} // by split: the best grid of the second kernel
	for _, n := range splits[1:] {
		if f.Direct {
			break
		}
		least := math.Inf(1)
		for set := range uint64(1) << len(list) {
			o.grids(list, set, nil, func(grid []loop.AxisTile) {
				grid = append([]loop.AxisTile{}, grid...)
				us := price(loop.Tiling{LoopTile: 1, Split: &loop.AxisTile{Axis: f.Loop, Tile: n}, MergeGrid: grid})
				if us < least {
					least, merge[n] = us, grid
				}
			}, func(a int) []int64 { return o.tiles(extent(a), false) })
		}
	}
	for set := range uint64(1) << len(list) { // the axes that are cut
		o.grids(list, set, nil, func(grid []loop.AxisTile) {
			for _, n := range splits {
				for _, l := range loops {
					t := loop.Tiling{Grid: slices.Clone(grid), LoopTile: l}
					if n > 0 {
						if l > n {
							continue
						}
						t.Split, t.MergeGrid = &loop.AxisTile{Axis: f.Loop, Tile: n}, merge[n]
					}
					price(t)
				}
			}
		}, func(a int) []int64 { return o.tiles(extent(a), true) })
	}
}

// grids lists the cuts of a set of axes, in both orders of two.
func (o *optimum) grids(list []int, set uint64, grid []loop.AxisTile, f func([]loop.AxisTile), tiles func(a int) []int64) {
	if set == 0 {
		f(grid)
		if len(grid) > 1 {
			r := slices.Clone(grid)
			slices.Reverse(r)
			f(r)
		}
		return
	}
	k := bits.TrailingZeros64(set)
	for _, n := range tiles(list[k]) {
		o.grids(list, set&(set-1), append(slices.Clone(grid), loop.AxisTile{Axis: list[k], Tile: n}), f, tiles)
	}
}

// tiles are the candidates of an axis below its extent: single elements and parts for all units; where fine also powers
// of two, and multiples of 3 and 6 of them.
func (o *optimum) tiles(extent int64, fine bool) []int64 {
	var out []int64
	add := func(n int64) {
		if n >= 1 && n < extent && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	add(1)
	if fine {
		for n := int64(2); n < extent; n *= 2 {
			add(n)
			if n <= 256 {
				add(n / 2 * 3)
			}
		}
		for _, n := range []int64{3, 6, 12, 24, 48, 96, 192, 384} {
			add(n)
		}
	}
	u := int64(o.row.Units)
	for _, parts := range []int64{2, 3, 4, u, 2 * u, 4 * u} {
		n := (extent + parts - 1) / parts
		if n >= 64 {
			n = (n + 15) / 16 * 16
		}
		add(n)
	}
	slices.Sort(out)
	return out
}
