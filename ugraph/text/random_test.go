package text

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/morgana-ml/morgana/ugraph"
)

// TestRandomPrograms checks Parse(Print(g)) = g on random programs.
func TestRandomPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := ugraph.NewBuilder("p")
		s := b.Symbol("S", 1, 64, rapid.SampledFrom([]int64{1, 4}).Draw(t, "multiple"))
		vals := []ugraph.ValueID{
			b.Input("X", ugraph.F32, []ugraph.Dim{ugraph.D(4), s.Mul(ugraph.D(2))}),
			b.Input("H", ugraph.F16, []ugraph.Dim{ugraph.D(4), ugraph.D(4)}),
			b.Weight("W", ugraph.F32, []ugraph.Dim{s.Mul(ugraph.D(2)), ugraph.D(8)}),
			b.Input("I", ugraph.I32, ugraph.Ds(8)),
			b.Input("M", ugraph.Bool, ugraph.Ds(1)),
		}
		if rapid.Bool().Draw(t, "inf is a name") {
			vals = append(vals, b.Input("inf", ugraph.F32, nil))
		}
		randomNodes(t, b, vals, rapid.IntRange(1, 25).Draw(t, "nodes"), randomOps)
		g, err := b.Graph()
		if err != nil {
			t.Fatalf("the generator made an illegal graph: %v", err)
		}
		roundTrip(t, g)
	})
}

// randomOps are the operators that the generator tries, with attributes that often fit.
var randomOps = []struct {
	op    ugraph.Op
	args  int
	attrs ugraph.Attrs
}{
	{ugraph.OpAdd, 2, nil}, {ugraph.OpSub, 2, nil}, {ugraph.OpMul, 2, nil}, {ugraph.OpDiv, 2, nil}, {ugraph.OpMatMul, 2, nil},
	{ugraph.OpMatMul, 2, ugraph.Attrs{ugraph.BoolAttr("transpose_b", true)}},
	{ugraph.OpLess, 2, nil}, {ugraph.OpEqual, 2, nil}, {ugraph.OpNeg, 1, nil}, {ugraph.OpExp, 1, nil}, {ugraph.OpMaximum, 2, nil},
	{ugraph.OpWhere, 3, nil}, {ugraph.OpNot, 1, nil}, {ugraph.OpUniform, 2, nil},
	{ugraph.OpSum, 1, nil}, {ugraph.OpMax, 1, ugraph.Attrs{ugraph.IntsAttr("axis", 0)}},
	{ugraph.OpMean, 1, ugraph.Attrs{ugraph.IntsAttr("axis", 0, 1), ugraph.BoolAttr("keepdims", true)}},
	{ugraph.OpSoftmax, 1, nil}, {ugraph.OpTopK, 1, ugraph.Attrs{ugraph.IntAttr("k", 2)}},
	{ugraph.OpSplit, 1, ugraph.Attrs{ugraph.IntAttr("parts", 2), ugraph.IntAttr("axis", -1)}},
	{ugraph.OpConcat, 2, nil}, {ugraph.OpGather, 2, nil}, {ugraph.OpTranspose, 1, nil},
	{ugraph.OpReshape, 1, ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.D(-1))}},
	{ugraph.OpBroadcast, 1, ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.D(3), ugraph.D(4), ugraph.Sym("S").Mul(ugraph.D(2)))}},
	{ugraph.OpIota, 0, ugraph.Attrs{ugraph.DimAttr("n", ugraph.Sym("S").CeilDiv(3).Add(ugraph.D(1)))}},
	{ugraph.OpClamp, 1, ugraph.Attrs{ugraph.NumberAttr("min", ugraph.Int(-1)), ugraph.NumberAttr("max", ugraph.Inf(1))}},
	{ugraph.OpCast, 1, ugraph.Attrs{ugraph.WordAttr("to", "f16")}}, {ugraph.OpCast, 1, ugraph.Attrs{ugraph.WordAttr("to", "f32")}},
}

// randomNodes adds nodes on random operands, names some of the values, and makes outputs of some.
func randomNodes(t *rapid.T, b *ugraph.Builder, vals []ugraph.ValueID, count int, ops []struct {
	op    ugraph.Op
	args  int
	attrs ugraph.Attrs
}) {
	first := len(vals)
	for tries := 0; len(vals)-first < count && tries < 20*count; tries++ {
		if rapid.IntRange(0, 3).Draw(t, "literal") == 0 {
			dt := rapid.SampledFrom([]ugraph.DType{ugraph.F32, ugraph.F16, ugraph.I32}).Draw(t, "dtype")
			n := ugraph.Int(rapid.Int64Range(-3, 1000).Draw(t, "number"))
			if dt == ugraph.F32 {
				f, err := ugraph.Float(rapid.Float64Range(-1e30, 1e30).Draw(t, "float"))
				if err != nil {
					t.Fatal(err)
				}
				n = rapid.SampledFrom([]ugraph.Number{n, f, ugraph.Inf(-1), ugraph.Inf(1), third}).Draw(t, "value")
			}
			vals = append(vals, b.Const(n, dt))
			continue
		}
		row := rapid.SampledFrom(ops).Draw(t, "op")
		args := make([]ugraph.ValueID, row.args)
		types := make([]ugraph.Type, row.args)
		for i := range args {
			// Recent values are often used, so that expressions nest.
			at := rapid.IntRange(0, len(vals)-1).Draw(t, "operand")
			if back := rapid.IntRange(0, 5).Draw(t, "back"); back < 3 {
				at = max(0, len(vals)-1-back)
			}
			args[i] = vals[at]
			types[i] = b.Type(args[i])
		}
		results, err := ugraph.Infer(row.op, ugraph.CanonicalAttrs(row.op, row.attrs), types)
		if err != nil || len(results[0].Shape) > 4 {
			continue
		}
		vals = append(vals, b.Ops(row.op, row.attrs, args...)...)
	}
	for i, v := range vals[first:] {
		if rapid.IntRange(0, 3).Draw(t, "name") == 0 {
			b.Name(v, fmt.Sprintf("v%d", i))
		}
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "outputs") {
		b.Output(fmt.Sprintf("O%d", i), rapid.SampledFrom(vals).Draw(t, "output"))
	}
}

var third = func() ugraph.Number {
	n, err := ugraph.ParseNumber("3")
	if err != nil {
		panic(err)
	}
	r := n.Rat()
	return ugraph.Rat(r.Inv(ugraph.Int(3).Rat()))
}()

// TestRandomUGraphs checks Parse(Print(g)) = g on random μGraphs: grids and loops by tiles and parts,
// accumulators, rescaling factors, running and previous values, thread graphs, iota, and all stores.
func TestRandomUGraphs(t *testing.T) {
	kinds := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		b := ugraph.NewBuilder("g")
		if rapid.Bool().Draw(t, "for") {
			b.For("p")
		}
		s := b.Symbol("S", 1, 4096, 16)
		x := b.Input("X", ugraph.F32, []ugraph.Dim{ugraph.D(8), s})
		w := b.Weight("W", ugraph.F32, []ugraph.Dim{s, ugraph.D(64)})
		y := randomKernel(t, b, x, w, s, "Y")
		if rapid.Bool().Draw(t, "between") {
			z := b.Op(ugraph.OpMul, nil, b.Op(ugraph.OpExp, nil, y), b.Const(ugraph.Int(2), ugraph.F32))
			y = b.Op(ugraph.OpAdd, nil, z, y)
		}
		b.Output("Out", y)
		g, err := b.Graph()
		if err != nil {
			t.Skipf("illegal: %v", err)
		}
		count(kinds, g)
		roundTrip(t, g)
	})
	for _, k := range []string{"thread", "running", "previous", "factor", "iota", "parts", "loop parts", "reduce", "store loop", "max"} {
		if kinds[k] == 0 {
			t.Errorf("no random graph had a %s", k)
		}
	}
}

// count notes what occurs in a graph.
func count(kinds map[string]int, g *ugraph.Graph) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		kinds[n.Op.String()]++
		if n.Op == ugraph.OpAccum {
			kinds[n.Attrs.Word("kind", "sum")]++
			if len(n.Args) == 2 {
				kinds["factor"]++
			}
		}
		if n.Body != nil {
			count(kinds, n.Body)
		}
	}
	for _, d := range g.Grid {
		if d.Parts > 0 {
			kinds["parts"]++
		}
	}
	if g.Loop != nil && g.Loop.Parts > 0 {
		kinds["loop parts"]++
	}
	for _, o := range g.Outputs {
		if o.Store != nil && o.Store.Reduce != "" {
			kinds["reduce"]++
		}
		if o.Store != nil && o.Store.Loop >= 0 {
			kinds["store loop"]++
		}
	}
}

// randomKernel is a product x @ w, normalized in the manner of an online softmax, with random cuts.
func randomKernel(t *rapid.T, b *ugraph.Builder, x, w ugraph.ValueID, s ugraph.Dim, name string) ugraph.ValueID {
	draw := func(what string) bool { return rapid.Bool().Draw(t, what) }
	keep := ugraph.Attrs{ugraph.IntsAttr("axis", 1), ugraph.BoolAttr("keepdims", true)}
	var out ugraph.ValueID
	results := b.Kernel(rapid.SampledFrom([]string{"k", "", "kernel"}).Draw(t, "name"), func(k *ugraph.BlockBuilder) {
		xg, wg := []int64{}, []int64{}
		place := ugraph.Store{Loop: -1}
		if draw("rows") {
			if draw("rows by parts") {
				k.GridParts("m", 4)
			} else {
				k.Grid("m", ugraph.D(8), 3)
			}
			xg, wg, place.Grid = append(xg, 0), append(wg, -1), append(place.Grid, 0)
		}
		if draw("columns") {
			k.Grid("n", ugraph.D(64), 16)
			xg, wg, place.Grid = append(xg, -1), append(wg, 1), append(place.Grid, 1)
		}
		split := draw("split")
		if split {
			k.Grid("s", s, 256)
			xg, wg, place.Grid = append(xg, 1), append(wg, 0), append(place.Grid, -1)
			place.Reduce = "sum"
		}
		if draw("first an iota") {
			k.Arg(w)
		}
		loop := int64(-1)
		switch {
		case draw("loop"):
			extent := s
			if split {
				extent = ugraph.D(256)
			}
			k.Loop("k", extent, 32)
			loop = 1
		case draw("parts") && split:
			// refused where the grid's last tile is ragged
			k.LoopParts("k", 2)
			loop = 1
		case draw("trips"):
			k.LoopParts("k", 2)
		}
		xt := k.Load(x, xg, loop)
		if draw("position") {
			iota := k.Op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", s)})
			var at []int64
			for _, a := range xg {
				at = append(at, map[int64]int64{1: 0, 0: -1, -1: -1}[a])
			}
			l := int64(-1)
			if loop >= 0 {
				l = 0
			}
			pos := k.Op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "f32")}, k.LoadTile(iota, at, l))
			xt = k.Op(ugraph.OpAdd, nil, xt, k.Op(ugraph.OpMul, nil, pos, k.Const(third, ugraph.F32)))
		}
		if draw("stored per trip") && loop >= 0 {
			place.Reduce, place.Loop = "", 1
			for i := range place.Grid {
				place.Grid[i] = int(xg[i])
			}
			k.Store(name, xt, place)
			return
		}
		wt := k.Load(w, wg, map[int64]int64{1: 0, -1: -1}[loop])
		var acc ugraph.ValueID
		if draw("online") {
			mx := k.Accum("max", k.Op(ugraph.OpMax, keep, xt))
			run := k.Running(mx)
			e := k.Op(ugraph.OpExp, nil, k.Op(ugraph.OpSub, nil, xt, run))
			factor := k.Op(ugraph.OpExp, nil, k.Op(ugraph.OpSub, nil, k.Previous(mx), run))
			den := k.Accum("sum", k.Op(ugraph.OpSum, keep, e), factor)
			num := k.Accum("sum", k.Op(ugraph.OpMatMul, nil, e, wt), factor)
			acc = k.Op(ugraph.OpDiv, nil, num, den)
		} else {
			acc = k.Accum("sum", k.Op(ugraph.OpMatMul, nil, xt, wt))
		}
		if draw("named") {
			k.Name(acc, "acc")
		}
		if draw("scaled") {
			acc = k.Op(ugraph.OpMul, nil, k.Const(ugraph.Int(2), ugraph.F32), acc)
		}
		if draw("thread") {
			acc = randomThread(t, k, acc)
		}
		k.Store(name, acc, place)
	})
	if b.Err() == nil {
		out = results[0]
	}
	return out
}

func randomThread(t *rapid.T, k *ugraph.BlockBuilder, v ugraph.ValueID) ugraph.ValueID {
	g := &ugraph.Graph{Level: ugraph.ThreadLevel, Name: rapid.SampledFrom([]string{"", "fuse"}).Draw(t, "thread name")}
	in := g.AddInput(rapid.SampledFrom([]string{"", "x"}).Draw(t, "input name"), k.Type(v), false)
	var r []ugraph.ValueID
	for _, n := range []ugraph.Node{{Op: ugraph.OpExp, Args: []ugraph.ValueID{in}}, {Op: ugraph.OpAdd}} {
		if n.Args == nil {
			n.Args = []ugraph.ValueID{r[0], in}
		}
		var err error
		if r, err = g.Append(n); err != nil {
			t.Fatal(err)
		}
	}
	g.Outputs = append(g.Outputs, ugraph.Output{Name: "out", Value: r[0]})
	ids := k.Adopt(ugraph.Node{Op: ugraph.OpThread, Body: g}, []ugraph.ValueID{v})
	if len(ids) == 0 {
		return 0
	}
	return ids[0]
}
