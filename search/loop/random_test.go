package loop

import (
	"math"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"pgregory.net/rapid"
)

// drawDAG draws a program of up to 14 operators over four axes, one of extent 1.
func drawDAG(rt *rapid.T) *expr.DAG {
	d := newDAG("random")
	d.axis("i", n(3))
	d.axis("j", n(7))
	d.axis("k", n(4))
	d.axis("u", n(1))
	shapes := []string{"ij", "ji", "jk", "ijk", "i", "j", "uj", "iuj", "kj", "kij"}
	var vals []int
	for i := range rapid.IntRange(1, 3).Draw(rt, "inputs") {
		vals = append(vals, d.in(string(rune('X'+i)), rapid.SampledFrom(shapes).Draw(rt, "shape")))
	}
	pick := func() int { return rapid.SampledFrom(vals).Draw(rt, "arg") }
	for range rapid.IntRange(1, 14).Draw(rt, "ops") {
		x := pick()
		axes := d.Nodes[x].Axes
		var over string
		if l := axes.List(); len(l) > 0 {
			over = d.Axes[rapid.SampledFrom(l).Draw(rt, "over")].Name
		}
		switch kind := rapid.IntRange(0, 11).Draw(rt, "kind"); {
		case kind == 0:
			vals = append(vals, d.op(ugraph.OpAdd, x, pick()))
		case kind == 1:
			vals = append(vals, d.op(ugraph.OpSub, x, pick()))
		case kind == 2:
			vals = append(vals, d.op(ugraph.OpMul, x, pick()))
		case kind == 3: // a positive divisor
			s := d.op(ugraph.OpAdd, d.op(ugraph.OpSquare, pick()), d.num("1"))
			vals = append(vals, d.op(ugraph.OpDiv, x, s))
		case kind == 4:
			vals = append(vals, d.op(ugraph.OpNeg, x))
		case kind == 5 && over != "":
			vals = append(vals, d.red(ugraph.OpSum, over, x))
		case kind == 6 && over != "":
			vals = append(vals, d.red(ugraph.OpMax, over, x))
		case kind == 7 && over != "":
			vals = append(vals, d.red(ugraph.OpMean, over, x))
		case kind == 8 && over != "":
			m := d.red(ugraph.OpMax, over, x)
			e := d.op(ugraph.OpExp, d.op(ugraph.OpSub, x, m))
			vals = append(vals, e, d.red(ugraph.OpSum, over, e))
		case kind == 9 && over != "":
			y := pick()
			if shared := axes & d.Nodes[y].Axes; shared != 0 {
				a := rapid.SampledFrom(shared.List()).Draw(rt, "contracted")
				vals = append(vals, d.red(ugraph.OpMatMul, d.Axes[a].Name, x, y))
			}
		case kind == 10:
			vals = append(vals, d.op(ugraph.OpSquare, x))
		case kind == 11 && over != "":
			c := d.op(ugraph.OpLessEqual, d.iota(over), d.Add(expr.Node{Op: ugraph.OpConst, Value: ugraph.Int(2), DType: ugraph.I32}))
			vals = append(vals, d.op(ugraph.OpWhere, c, x, d.num("0")))
		}
	}
	for o := range rapid.IntRange(1, 2).Draw(rt, "outputs") {
		v := vals[len(vals)-1-o*min(1, len(vals)-1)]
		axes := ""
		for _, a := range d.Nodes[v].Axes.List() {
			axes = d.Axes[a].Name + axes // not the order of the inputs
		}
		d.out(string(rune('A'+o)), axes, v)
	}
	return d.DAG
}

// TestRandomPrograms runs every form of drawn programs under a drawn tiling.
func TestRandomPrograms(t *testing.T) {
	loops := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDAG(rt)
		seed := rapid.Uint64().Draw(rt, "seed")
		in := randomInputs(d, nil, seed)
		want, err := evalDAG(d, nil, in)
		if err != nil {
			rt.Fatal(err)
		}
		for _, o := range want {
			for _, x := range o.data {
				if math.IsNaN(x) || math.Abs(x) > 1e9 {
					rt.Skip("the program itself is not tame")
				}
			}
		}
		for _, f := range Forms(d) {
			for role := range f.Roles {
				loops[role]++
			}
			tl := drawTiling(rt, f)
			g, err := emitGraph(f, tl)
			if err != nil {
				rt.Fatalf("%v\ntiling %+v split %v\n%s\n%s", err, tl, tl.Split, d, f)
			}
			got, err := runGraph(g, nil, in)
			if err == nil {
				err = compare(got, want)
			}
			if err != nil {
				rt.Fatalf("%v\ntiling %+v split %v\n%s\n%s", err, tl, tl.Split, d, f)
			}
		}
	})
	t.Logf("accumulators of the forms: %v", loops)
}
