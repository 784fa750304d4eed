package onnx

import (
	"testing"

	"github.com/morgana-ml/morgana/ugraph/text"
)

// Outputs may be anything that has a name: an input, an initializer, a constant, a size, one value twice.
func TestOutputs(t *testing.T) {
	m := graph{
		nodes: []op{
			{typ: "Exp", in: []string{"x"}, out: []string{"e"}},
			{typ: "Identity", in: []string{"e"}, out: []string{"again"}},
			{typ: "Identity", in: []string{"x"}, out: []string{"through"}},
			{typ: "Shape", in: []string{"x"}, out: []string{"s"}},
			{typ: "Constant", out: []string{"c"}, attrs: attrs{"value_float": 0.1}},
			{typ: "Sin", in: []string{"x"}, out: []string{"unused"}},
		},
		inputs: [][]byte{value("x", tFloat, "N", 2), value("idle", tFloat, 3)},
		outputs: [][]byte{value("e", tFloat), value("again", tFloat), value("through", tFloat), value("x", tFloat), value("w", tFloat),
			value("c", tFloat), value("s", tI64)},
		inits: [][]byte{floats("w", []int64{2}, 5, 6)},
	}
	r := imported(t, m.model(17), Options{})
	want := `program m(
    x: f32[N, 2],
    idle: f32[3],
    w: const f32[2],
) -> (e, again, through, x, w, c, s) where 1 <= N <= 4096 {
    e = exp(x)
    _1 = reshape(sum(broadcast(const(dtype=i64, value=1), shape=[N])), shape=[1])
    s = concat(_1, reshape(const(dtype=i64, value=2), shape=[1]))
    c = 0.1
    again = e
    through = x
}
`
	if got := text.Print(r.Programs[0]); got != want {
		t.Errorf("printed:\n%s", got)
	}
	out := run(t, r, r.Programs[0], map[string]int64{"N": 1}, map[string][]float64{"x": {0, 0}, "idle": {0, 0, 0}})
	for name, v := range map[string][]float64{"e": {1, 1}, "again": {1, 1}, "through": {0, 0}, "w": {5, 6}, "c": {0.1}, "s": {1, 2}} {
		compare(t, name, out[name], v)
	}
}

// Names of the model become identifiers that no two tensors share.
func TestNames(t *testing.T) {
	m := graph{
		nodes: []op{
			{typ: "Exp", in: []string{"a.b"}, out: []string{"/a/b"}},
			{typ: "Add", in: []string{"/a/b", "a/b"}, out: []string{"program"}},
			{typ: "Neg", in: []string{"program"}, out: []string{"1"}},
			{typ: "Neg", in: []string{"1"}, out: []string{"日本"}},
		},
		inputs:  [][]byte{value("a.b", tFloat, 2), value("a/b", tFloat, 2)},
		outputs: [][]byte{value("日本", tFloat)},
	}
	r := imported(t, m.model(17), Options{})
	want := `program m(a_b: f32[2], a_b_2: f32[2]) -> (t) {
    a_b_3 = exp(a_b)
    tprogram = a_b_3 + a_b_2
    t1 = -tprogram
    t = -t1
}
`
	if got := text.Print(r.Programs[0]); got != want {
		t.Errorf("printed:\n%s", got)
	}
}
