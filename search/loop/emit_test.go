package loop

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"pgregory.net/rapid"
)

// emitGraph is a form's μGraph for a tiling.
func emitGraph(f *Form, t Tiling) (*ugraph.Graph, error) {
	b := ugraph.NewBuilder(f.DAG.Name)
	for _, s := range f.DAG.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	var in []ugraph.ValueID
	for _, x := range f.DAG.Inputs {
		in = append(in, b.Input(x.Name, x.DType, shapeOf(f.DAG, x.Axes)))
	}
	outs, err := Emit(b, f, t, in)
	if err != nil {
		return nil, err
	}
	for i, o := range outs {
		b.Output(f.DAG.Outputs[i].Name, o)
	}
	return b.Graph()
}

// randomInputs draws inputs; masks get -inf, whole tiles of it included, but never a whole row.
func randomInputs(d *expr.DAG, env ugraph.Env, seed uint64) []array {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []array
	for _, in := range d.Inputs {
		shape, err := ugraph.EvalShape(shapeOf(d, in.Axes), env)
		if err != nil {
			panic(err)
		}
		x := array{shape: shape}
		last := shape[len(shape)-1]
		for i := range elements(shape) {
			v := r.NormFloat64()
			if row, col := i/last, i%last; in.Name == "M" && col < 5 && col != row {
				v = math.Inf(-1)
			}
			x.data = append(x.data, v)
		}
		out = append(out, x)
	}
	return out
}

func elements(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

func compare(got, want []array) error {
	for i := range want {
		if fmt.Sprint(got[i].shape) != fmt.Sprint(want[i].shape) {
			return fmt.Errorf("output %d has shape %v, want %v", i, got[i].shape, want[i].shape)
		}
		for j, w := range want[i].data {
			if g := got[i].data[j]; !(math.Abs(g-w) <= 1e-9*(1+math.Abs(w))) {
				return fmt.Errorf("output %d element %d is %g, want %g", i, j, g, w)
			}
		}
	}
	return nil
}

func checkTiling(f *Form, t Tiling, env ugraph.Env, seed uint64) error {
	g, err := emitGraph(f, t)
	if err != nil {
		return err
	}
	in := randomInputs(f.DAG, env, seed)
	got, err := runGraph(g, env, in)
	if err != nil {
		return err
	}
	want, err := evalDAG(f.DAG, env, in)
	if err != nil {
		return err
	}
	return compare(got, want)
}

// TestTilings runs every program in every legal form under drawn tilings, ragged ones too, and
// compares it with the program.
func TestTilings(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		t.Run(name, func(t *testing.T) {
			p := programs[name]()
			fs := Forms(p)
			rapid.Check(t, func(rt *rapid.T) {
				f := rapid.SampledFrom(fs).Draw(rt, "form")
				env := ugraph.Env{"S": rapid.Int64Range(1, 13).Draw(rt, "S"), "K": rapid.Int64Range(1, 13).Draw(rt, "K")}
				tl := drawTiling(rt, f)
				if err := checkTiling(f, tl, env, rapid.Uint64().Draw(rt, "seed")); err != nil {
					rt.Fatalf("%v\ntiling %+v split %v\n%s", err, tl, tl.Split, f)
				}
			})
		})
	}
}

func drawTiling(rt *rapid.T, f *Form) Tiling {
	var t Tiling
	for _, a := range f.Grid.List() {
		if a != f.Loop && rapid.Bool().Draw(rt, "cut") {
			t.Grid = append(t.Grid, AxisTile{a, rapid.Int64Range(1, 6).Draw(rt, "tile")})
		}
	}
	if f.Loop >= 0 {
		t.LoopTile = rapid.Int64Range(1, 6).Draw(rt, "loop")
		if f.Split && rapid.Bool().Draw(rt, "split") {
			t.Split = &AxisTile{f.Loop, rapid.Int64Range(1, 14).Draw(rt, "part")}
		}
	}
	return t
}

// TestNarrowTypes: a half-precision program computes in f32 inside and rounds when it stores; unit
// axes and axes with unusable names do no harm.
func TestNarrowTypes(t *testing.T) {
	d := attention("causal")
	for i := range d.Inputs {
		d.Inputs[i].DType = ugraph.F16
	}
	for i := range d.Nodes {
		if d.Nodes[i].DType == ugraph.F32 {
			d.Nodes[i].DType = ugraph.F16
		}
	}
	d.Outputs[0].DType = ugraph.F16
	d.Axes[axisOf(d, "i")].Extent = n(1)
	d.Axes[axisOf(d, "v")].Name = "loop"
	d.Axes[axisOf(d, "h")].Name = "j" // a name twice
	for _, f := range Forms(d) {
		if f.Loop != 2 {
			continue
		}
		for _, split := range []*AxisTile{nil, {2, 4}} {
			tl := Tiling{Grid: []AxisTile{{0, 1}, {1, 1}, {4, 2}}, LoopTile: 3, Split: split}
			g, err := emitGraph(f, tl)
			if err != nil {
				t.Fatal(err)
			}
			for i := range g.Nodes {
				b := g.Nodes[i].Body
				for j := range b.Nodes {
					n := &b.Nodes[j]
					dt := b.Values[n.Results[0]].DType
					if dt == ugraph.F16 && n.Op != ugraph.OpLoad && n.Op != ugraph.OpCast {
						t.Errorf("%s computes in f16", n.Op)
					}
				}
			}
			if err := checkTiling(f, tl, nil, 7); err != nil {
				t.Error(err)
			}
		}
	}
}
