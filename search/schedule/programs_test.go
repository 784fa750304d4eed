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

// ragged are programs with sizes that no tile divides.
func ragged(t testing.TB) map[string]*expr.DAG {
	out := map[string]*expr.DAG{}
	for _, src := range []string{
		`program ragged_max(X: f32[29, 1999], W: const f32[1999, 50]) -> (Z, V) { Z = X @ W  V = max(Z, axis=1) }`,
		`program ragged_mlp(X: f32[13, 509], A: const f32[509, 131], B: f32[509, 131]) -> (Y) { Y = silu(X @ A) * (X @ B) }`,
		`program ragged_attention(Q: f32[3, 13, 20], K: f32[3, 37, 20], V: f32[3, 37, 20]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true)) @ V }`,
	} {
		g := programtest.Parse(t, src)
		out[g.Name] = exprtest.Lift(t, g)
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
