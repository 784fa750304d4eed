package lower

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// attention is softmax(where(j ≤ i, Q Kᵀ, -inf)) V over axes i, j, d, v; with gate, silu(…)·G.
func attention(gate bool) *expr.DAG {
	d := &expr.DAG{Name: "attention", Axes: []expr.Axis{{Name: "i", Extent: ugraph.D(6)}, {Name: "j", Extent: ugraph.D(10)}, {Name: "d", Extent: ugraph.D(4)}, {Name: "v", Extent: ugraph.D(3)}}}
	in := func(name string, axes ...int) int {
		d.Inputs = append(d.Inputs, expr.Input{Name: name, DType: ugraph.F32, Axes: axes})
		return d.Add(expr.Node{Input: len(d.Inputs) - 1, DType: ugraph.F32})
	}
	op := func(o ugraph.Op, over expr.AxisSet, args ...int) int {
		dt := ugraph.F32
		if o == ugraph.OpLessEqual {
			dt = ugraph.Bool
		}
		return d.Add(expr.Node{Op: o, Args: args, Over: over, DType: dt})
	}
	iota := func(a int) int {
		return d.Add(expr.Node{Op: ugraph.OpIota, Axes: expr.Set(a), DType: ugraph.I32})
	}
	j := expr.Set(1)
	q, k, v := in("Q", 0, 2), in("K", 1, 2), in("V", 1, 3)
	s := op(ugraph.OpMatMul, expr.Set(2), q, k)
	low := d.Add(expr.Node{Op: ugraph.OpConst, Value: ugraph.Inf(-1), DType: ugraph.F32})
	s = op(ugraph.OpWhere, 0, op(ugraph.OpLessEqual, 0, iota(1), iota(0)), s, low)
	e := op(ugraph.OpExp, 0, op(ugraph.OpSub, 0, s, op(ugraph.OpMax, j, s)))
	p := op(ugraph.OpDiv, 0, e, op(ugraph.OpSum, j, e))
	o := op(ugraph.OpMatMul, j, p, v)
	if gate {
		o = op(ugraph.OpMul, 0, op(ugraph.OpSilu, 0, o), in("G", 0, 3))
	}
	d.Outputs = []expr.Output{{Name: "O", DType: ugraph.F32, Node: o, Axes: []int{0, 3}}}
	return d
}

func emit(t *testing.T, f *loop.Form, tl loop.Tiling) *ugraph.Graph {
	t.Helper()
	b := ugraph.NewBuilder(f.DAG.Name)
	var in []ugraph.ValueID
	for _, x := range f.DAG.Inputs {
		var shape []ugraph.Dim
		for _, a := range x.Axes {
			shape = append(shape, f.DAG.Axes[a].Extent)
		}
		in = append(in, b.Input(x.Name, x.DType, shape))
	}
	outs, err := loop.Emit(b, f, tl, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outs {
		b.Output(f.DAG.Outputs[i].Name, o)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func run(t *testing.T, g *ugraph.Graph) []float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var in []*interp.Tensor[float64]
	for _, i := range g.Inputs {
		v := g.Values[i.Value]
		shape, err := ugraph.EvalShape(v.Shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := interp.New[float64](v.DType, shape)
		if err != nil {
			t.Fatal(err)
		}
		for k := range x.Data {
			x.Data[k] = r.NormFloat64()
		}
		in = append(in, x)
	}
	out, err := interp.Run(interp.Float64{}, g, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []float64
	for _, o := range out {
		all = append(all, interp.Floats(o)...)
	}
	return all
}

// graphs are μGraphs of every form of the programs under a few tilings, ragged and split.
func graphs(t *testing.T) []*ugraph.Graph {
	var out []*ugraph.Graph
	for _, gate := range []bool{false, true} {
		for _, f := range loop.Forms(attention(gate)) {
			for _, tile := range []int64{2, 4, 5} {
				tl := loop.Tiling{LoopTile: tile}
				for _, a := range f.Grid.List() {
					if a != f.Loop && len(tl.Grid) < 1 {
						tl.Grid = append(tl.Grid, loop.AxisTile{Axis: a, Tile: tile})
					}
				}
				if f.Split && tile == 4 {
					tl.Split = &loop.AxisTile{Axis: f.Loop, Tile: 6}
				}
				out = append(out, emit(t, f, tl))
			}
		}
	}
	return out
}

// same: a graph computes bit by bit what it did before a pass.
func same(t *testing.T, before, after *ugraph.Graph) {
	t.Helper()
	want, got := run(t, before), run(t, after)
	for i := range want {
		if math.Float64bits(want[i]) != math.Float64bits(got[i]) {
			t.Fatalf("element %d is %g, was %g", i, got[i], want[i])
		}
	}
}

// TestSame: lowering changes no bit of what is computed, and is idempotent.
func TestSame(t *testing.T) {
	threads := 0
	for _, g := range graphs(t) {
		before := ugraph.Hash(g)
		low, plan, err := Run(g)
		if err != nil {
			t.Fatal(err)
		}
		if ugraph.Hash(g) != before {
			t.Fatal("the graph was changed in place")
		}
		same(t, g, low)
		again, _, err := Run(low)
		if err != nil {
			t.Fatal(err)
		}
		if d := ugraph.Diff(low, again); d != "" {
			t.Fatalf("lowering twice: %s", d)
		}
		for _, k := range plan.Kernels {
			checkPlan(t, low.Nodes[k.Node].Body, k)
			for i := range low.Nodes[k.Node].Body.Nodes {
				if low.Nodes[k.Node].Body.Nodes[i].Op == ugraph.OpThread {
					threads++
				}
			}
		}
	}
	if threads == 0 {
		t.Error("nothing was fused")
	}
}

// checkPlan: no two tiles that are live at once overlap, and the arena holds them all.
func checkPlan(t *testing.T, g *ugraph.Graph, k KernelPlan) {
	t.Helper()
	for i, a := range k.Tiles {
		if a.Bytes == 0 {
			continue
		}
		if a.Offset%Align != 0 || a.Offset+a.Bytes > k.Bytes {
			t.Errorf("%s: tile %d at %d+%d of %d", g.Name, a.Value, a.Offset, a.Bytes, k.Bytes)
		}
		for _, b := range k.Tiles[:i] {
			if b.Bytes > 0 && a.First <= b.Last && b.First <= a.Last && a.Offset < b.Offset+b.Bytes && b.Offset < a.Offset+a.Bytes {
				t.Errorf("%s: tiles %d and %d overlap", g.Name, a.Value, b.Value)
			}
		}
	}
	if k.Bytes < k.Peak {
		t.Errorf("%s: an arena of %d bytes for %d live at once", g.Name, k.Bytes, k.Peak)
	}
}

// TestOrder: the exact order's peak is at most the greedy and the given one's, on drawn phases, and
// equals the best of all orders on small ones.
func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	better := 0
	for range 200 {
		n := 3 + r.IntN(5)
		p := &phaseGraph{before: make([][]int, n), bytes: make([]int64, n), frees: make([]int, n), reads: make([][]int, n)}
		for k := range n {
			p.bytes[k] = 1 + r.Int64N(100)
			for j := range k {
				if r.IntN(3) == 0 {
					p.before[k], p.reads[k] = append(p.before[k], j), append(p.reads[k], j)
					p.frees[j]++
				}
			}
		}
		given := make([]int, n)
		for i := range given {
			given[i] = i
		}
		least := bruteForce(p, nil, n)
		got := p.peak(given)
		if o, ok := p.exact(got); ok {
			got = p.peak(o)
			better++
		}
		if got != least {
			t.Fatalf("exact order has peak %d, the best %d", got, least)
		}
		if p.peak(p.greedy()) < least {
			t.Fatal("the greedy order beats the best")
		}
	}
	if better == 0 {
		t.Error("no order was improved")
	}
}

func bruteForce(p *phaseGraph, order []int, n int) int64 {
	if len(order) == n {
		return p.peak(order)
	}
	best := int64(math.MaxInt64)
next:
	for k := range n {
		done := map[int]bool{}
		for _, o := range order {
			done[o] = true
		}
		if done[k] {
			continue
		}
		for _, j := range p.before[k] {
			if !done[j] {
				continue next
			}
		}
		best = min(best, bruteForce(p, append(append([]int{}, order...), k), n))
	}
	return best
}

// TestMemoryExact: exhaustive placement reaches the smallest arena, which stacking at all offsets
// confirms, and one that best fit misses.
func TestMemoryExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	improved := 0
	for range 400 {
		tiles, order := drawTiles(r, 3+r.IntN(5))
		a := arena{tiles: tiles}
		fit, peak := a.fit(order), livePeak(tiles)
		got := a.exact(order, fit, peak)
		least := peak
		for !stacks(tiles, make([]int64, 0, len(tiles)), least) {
			least += Align
		}
		if got != least {
			t.Fatalf("exact placement needs %d bytes, the smallest arena %d, best fit %d: %+v", got, least, fit, tiles)
		}
		if got < fit {
			improved++
		}
		checkPlan(t, &ugraph.Graph{}, KernelPlan{Tiles: tiles, Bytes: got, Peak: peak})
	}
	if improved == 0 {
		t.Error("exhaustive placement never improved on best fit")
	}
}

// TestMemoryLimit: the search ends before its limit, and so is exhaustive, with ten tiles.
func TestMemoryLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		tiles, order := drawTiles(r, 10)
		a := arena{tiles: tiles}
		a.exact(order, a.fit(order), livePeak(tiles))
		if a.steps > maxPlacements {
			t.Fatalf("the search is cut off: %+v", tiles)
		}
	}
}

// drawTiles draws tiles of one to five lines and short lives, and their ids.
func drawTiles(r *rand.Rand, n int) ([]TilePlan, []int) {
	tiles, order := make([]TilePlan, n), make([]int, n)
	for i := range tiles {
		first := r.IntN(8)
		tiles[i] = TilePlan{Bytes: Align * (1 + r.Int64N(5)), First: first, Last: first + r.IntN(4)}
		order[i] = i
	}
	return tiles, order
}

func livePeak(tiles []TilePlan) int64 {
	var peak int64
	for at := range 12 {
		var live int64
		for _, x := range tiles {
			if x.First <= at && at <= x.Last {
				live += x.Bytes
			}
		}
		peak = max(peak, live)
	}
	return peak
}

// stacks tells whether the tiles fit into an arena, trying every offset for every tile.
func stacks(tiles []TilePlan, at []int64, arena int64) bool {
	n := len(at)
	if n == len(tiles) {
		return true
	}
next:
	for o := int64(0); o+tiles[n].Bytes <= arena; o += Align {
		for j, p := range at {
			if tiles[j].First <= tiles[n].Last && tiles[n].First <= tiles[j].Last && p < o+tiles[n].Bytes && o < p+tiles[j].Bytes {
				continue next
			}
		}
		if stacks(tiles, append(at, o), arena) {
			return true
		}
	}
	return false
}

// TestErrors: an illegal graph is refused.
func TestErrors(t *testing.T) {
	g := graphs(t)[0]
	g.Nodes[0].Args[0] = 99
	if _, _, err := Run(g); err == nil {
		t.Error("no error")
	}
}
