package onnx

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func sortedKeys(m attrs) []string { return slices.Sorted(maps.Keys(m)) }

// imported imports a model whole, and checks that its text means the same graph.
func imported(t *testing.T, model []byte, opts Options) *Result {
	t.Helper()
	if opts.Name == "" {
		opts.Name = "m"
	}
	r, err := Import(model, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range r.Programs {
		back, err := text.Parse("printed", []byte(text.Print(g)))
		if err != nil {
			t.Fatalf("%v\n%s", err, text.Print(g))
		}
		if text.Print(back[0]) != text.Print(g) {
			t.Fatalf("printed and read again:\n%s\n%s", text.Print(g), text.Print(back[0]))
		}
	}
	return r
}

// run runs one program in float64; weights come from the model.
func run(t *testing.T, r *Result, g *ugraph.Graph, env ugraph.Env, inputs map[string][]float64) map[string]*interp.Tensor[float64] {
	t.Helper()
	weights := map[string][]float64{}
	for _, w := range r.Weights {
		weights[w.Name] = weightValues(t, w)
	}
	var in []*interp.Tensor[float64]
	for _, i := range g.Inputs {
		v := g.Values[i.Value]
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			t.Fatal(err)
		}
		data, ok := inputs[v.Name]
		if i.Const {
			data, ok = weights[v.Name]
		}
		if !ok {
			t.Fatalf("input %s has no values\n%s", v.Name, text.Print(g))
		}
		x, err := interp.FromFloats(v.DType, shape, data)
		if err != nil {
			t.Fatalf("input %s: %v", v.Name, err)
		}
		in = append(in, x)
	}
	out, err := interp.Run(interp.Float64{}, g, in, env)
	if err != nil {
		t.Fatalf("%v\n%s", err, text.Print(g))
	}
	m := map[string]*interp.Tensor[float64]{}
	for i, o := range g.Outputs {
		m[o.Name] = out[i]
	}
	return m
}

func weightValues(t *testing.T, w *Weight) []float64 {
	t.Helper()
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	k, err := (&source{}).elementsOf(&tensorProto{raw: b, hasRaw: true}, w.DType)
	if err != nil {
		t.Fatal(err)
	}
	out := append([]float64{}, k.floats...)
	for _, d := range k.ints {
		n, _ := d.Const()
		out = append(out, float64(n))
	}
	return out
}

func values(x *interp.Tensor[float64]) []float64 {
	if x.Data != nil {
		return x.Data
	}
	out := make([]float64, len(x.Ints))
	for i, v := range x.Ints {
		out[i] = float64(v)
	}
	return out
}

func closeTo(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-6*(1+math.Abs(b))
}

func compare(t *testing.T, name string, got *interp.Tensor[float64], want []float64) {
	t.Helper()
	v := values(got)
	if len(v) != len(want) {
		t.Fatalf("%s: %v has %d elements, want %d", name, got.Shape, len(v), len(want))
	}
	for i := range v {
		if !closeTo(v[i], want[i]) {
			t.Fatalf("%s[%d] = %v, want %v\n%v\n%v", name, i, v[i], want[i], v, want)
		}
	}
}

func TestLinearLayer(t *testing.T) {
	m := graph{
		nodes: []op{
			{typ: "MatMul", in: []string{"x", "fc.weight"}, out: []string{"/MatMul_output_0"}},
			{typ: "Add", in: []string{"/MatMul_output_0", "fc.bias"}, out: []string{"/Add_output_0"}},
			{typ: "Relu", in: []string{"/Add_output_0"}, out: []string{"y"}},
		},
		inputs:  [][]byte{value("x", tFloat, "batch", 2)},
		outputs: [][]byte{value("y", tFloat, "batch", 3)},
		inits:   [][]byte{floats("fc.weight", []int64{2, 3}, 1, 2, 3, 4, 5, 6), floats("fc.bias", []int64{3}, 0.5, -100, 0)},
	}.model(17)
	r := imported(t, m, Options{Bounds: map[string]int64{"batch": 64}})
	want := `program m(
    x: f32[batch, 2],
    fc_weight: const f32[2, 3],
    fc_bias: const f32[3],
) -> (y) where 1 <= batch <= 64 {
    MatMul_output_0 = x @ fc_weight
    Add_output_0 = MatMul_output_0 + fc_bias
    y = relu(Add_output_0)
}
`
	if got := text.Print(r.Programs[0]); got != want {
		t.Errorf("printed:\n%s", got)
	}
	out := run(t, r, r.Programs[0], ugraph.Env{"batch": 2}, map[string][]float64{"x": {1, 0, -1, 1}})
	compare(t, "y", out["y"], []float64{1.5, 0, 3, 3.5, 0, 3})
}
