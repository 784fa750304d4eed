package onnx

import (
	"math"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Around an operator without a form the graph falls into programs that give each other what they need.
func TestPartial(t *testing.T) {
	m := graph{
		nodes: []op{
			{typ: "Exp", in: []string{"x"}, out: []string{"e"}},
			{typ: "Tile", in: []string{"e", "once"}, out: []string{"same"}},
			{typ: "FancyNorm", in: []string{"e"}, out: []string{"f"}, domain: "com.example", name: "fancy"},
			{typ: "Add", in: []string{"f", "same"}, out: []string{"s"}},
			{typ: "Mul", in: []string{"s", "w"}, out: []string{"y"}},
			{typ: "FancyNorm", in: []string{"s"}, out: []string{"g"}, domain: "com.example", name: "untyped"},
			{typ: "Neg", in: []string{"g"}, out: []string{"z"}},
			{typ: "FancyNorm", in: []string{"x"}, out: []string{"early"}, domain: "com.example", name: "first"},
			{typ: "Add", in: []string{"early", "e"}, out: []string{"u"}},
		},
		inputs:  [][]byte{value("x", tFloat, "N")},
		outputs: [][]byte{value("y", tFloat, "N"), value("z", tFloat, "N"), value("u", tFloat, "N")},
		inits:   [][]byte{ints("once", []int64{1}, 1), floats("w", []int64{1, 2}, 3, 4)},
		infos:   [][]byte{value("f", tFloat, "N"), value("early", tFloat, "N")},
	}
	m.inputs[0], m.infos[0], m.infos[1] = value("x", tFloat, 2), value("f", tFloat, 2), value("early", tFloat, 2)
	r := imported(t, m.model(17), Options{Partial: true})
	var printed string
	for _, p := range r.Programs {
		printed += text.Print(p)
	}
	want := `program m_0(x: f32[2], early: f32[2]) -> (u, e) {
    e = exp(x)
    u = early + e
}
program m_1(f: f32[2], e: f32[2], w: const f32[1, 2]) -> (y, s) {
    s = f + e
    y = s * w
}
`
	if printed != want {
		t.Errorf("printed:\n%s", printed)
	}
	var names []string
	for _, u := range r.Unsupported {
		names = append(names, u.Node)
	}
	if !slices.Equal(names, []string{`"fancy"`, `"untyped"`, `that makes "z"`, `"first"`}) {
		t.Errorf("left out: %v", r.Unsupported)
	}
	first := run(t, r, r.Programs[0], nil, map[string][]float64{"x": {0, 1}, "early": {1, 1}})
	compare(t, "u", first["u"], []float64{2, 1 + math.E})
	second := run(t, r, r.Programs[1], nil, map[string][]float64{"f": {1, 1}, "e": values(first["e"])})
	compare(t, "y", second["y"], []float64{6, 4 + 4*math.E})
}

// Shapes are computed at import, in polynomials of the symbols.
func TestShapeArithmetic(t *testing.T) {
	m := graph{
		nodes: []op{
			{typ: "Shape", in: []string{"x"}, out: []string{"s"}},
			{typ: "Gather", in: []string{"s", "zero"}, out: []string{"n"}},
			{typ: "Gather", in: []string{"s", "one"}, out: []string{"d"}},
			{typ: "Div", in: []string{"d", "two"}, out: []string{"h"}},
			{typ: "Unsqueeze", in: []string{"n", "axis"}, out: []string{"n1"}},
			{typ: "Unsqueeze", in: []string{"h", "axis"}, out: []string{"h1"}},
			{typ: "Concat", in: []string{"n1", "minus", "h1"}, out: []string{"target"}, attrs: attrs{"axis": 0}},
			{typ: "Reshape", in: []string{"x", "target"}, out: []string{"r"}},
			{typ: "Range", in: []string{"zero", "n", "one"}, out: []string{"places"}},
			{typ: "Cast", in: []string{"n"}, out: []string{"nf"}, attrs: attrs{"to": 1}},
			{typ: "Div", in: []string{"r", "nf"}, out: []string{"y"}},
		},
		inputs:  [][]byte{value("x", tFloat, "N", 4)},
		outputs: [][]byte{value("y", tFloat, "N", 2, 2), value("places", tI64, "N")},
		inits: [][]byte{ints("zero", nil, 0), ints("one", nil, 1), ints("two", nil, 2), ints("axis", []int64{1}, 0),
			ints("minus", []int64{1}, -1)},
	}
	r := imported(t, m.model(17), Options{Bounds: map[string]int64{"": 9}})
	want := `program m(x: f32[N, 4]) -> (y, places) where 1 <= N <= 9 {
    r = reshape(x, shape=[N, 2, 2])
    places = cast(iota(n=N), to=i64)
    nf = cast(sum(broadcast(const(dtype=i64, value=1), shape=[N])), to=f32)
    y = r / nf
}
`
	if got := text.Print(r.Programs[0]); got != want {
		t.Errorf("printed:\n%s", got)
	}
	out := run(t, r, r.Programs[0], ugraph.Env{"N": 2}, map[string][]float64{"x": {2, 4, 6, 8, 10, 12, 14, 16}})
	compare(t, "y", out["y"], []float64{1, 2, 3, 4, 5, 6, 7, 8})
	fixed := imported(t, m.model(17), Options{Dims: map[string]int64{"N": 3}})
	if len(fixed.Symbols) != 0 || !fixed.Fixed["N"] {
		t.Errorf("symbols %v, fixed %v", fixed.Symbols, fixed.Fixed)
	}
}
