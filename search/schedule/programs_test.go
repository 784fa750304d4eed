package schedule

import (
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// programs are the embedded programs, by name.
func programs(t testing.TB) map[string]*expr.DAG {
	out := map[string]*expr.DAG{}
	for _, name := range programtest.Names() {
		out[name] = exprtest.Lift(t, programtest.Program(t, name))
	}
	return out
}

func avx2(t testing.TB) *target.Row {
	r, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// emit is the μGraph of a single kernel's choice.
func emit(t testing.TB, c Choice) *ugraph.Graph {
	t.Helper()
	d := c.Form.DAG
	b := ugraph.NewBuilder(d.Name)
	for _, s := range d.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	var in []ugraph.ValueID
	for _, x := range d.Inputs {
		add := b.Input
		if x.Const {
			add = b.Weight
		}
		in = append(in, add(x.Name, x.DType, d.Extents(x.Axes)))
	}
	outs, err := loop.Emit(b, c.Form, c.Tiling, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outs {
		b.Output(d.Outputs[i].Name, o)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}
