package interp

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// random returns a tensor of normal numbers from a fixed stream.
func random(t *testing.T, seed uint64, dt ugraph.DType, shape ...int64) *Tensor[float64] {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	n, err := Elements(shape)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = dt.Round(r.NormFloat64())
	}
	x, err := FromFloats(dt, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func floats(t *testing.T, shape []int64, v ...float64) *Tensor[float64] {
	t.Helper()
	x, err := FromFloats(ugraph.F32, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func ints(t *testing.T, dt ugraph.DType, shape []int64, v ...int64) *Tensor[float64] {
	t.Helper()
	x, err := FromInts[float64](dt, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// call runs one operator on whole tensors.
func call(ar Arith[float64], op ugraph.Op, attrs ugraph.Attrs, args ...*Tensor[float64]) ([]*Tensor[float64], error) {
	b := ugraph.NewBuilder("call")
	ids := make([]ugraph.ValueID, len(args))
	for i, a := range args {
		ids[i] = b.Input("x"+string(rune('a'+i)), a.DType, ugraph.Ds(a.Shape...))
	}
	for i, r := range b.Ops(op, attrs, ids...) {
		b.Output("y"+string(rune('a'+i)), r)
	}
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	return Run(ar, g, args, nil)
}

func mustCall(t *testing.T, op ugraph.Op, attrs ugraph.Attrs, args ...*Tensor[float64]) []*Tensor[float64] {
	t.Helper()
	out, err := call(Float64{}, op, attrs, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// requireClose compares with a relative and absolute tolerance; NaN equals NaN.
func requireClose(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		same := got[i] == want[i] || math.IsNaN(got[i]) && math.IsNaN(want[i]) ||
			math.Abs(got[i]-want[i]) <= tol*(1+math.Abs(want[i]))
		if !same {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// requireSame runs two graphs on the same inputs and compares every output.
func requireSame(t *testing.T, a, b *ugraph.Graph, inputs []*Tensor[float64], env ugraph.Env, tol float64) {
	t.Helper()
	x, err := Run(Float64{}, a, inputs, env)
	if err != nil {
		t.Fatal(err)
	}
	y, err := Run(Float64{}, b, inputs, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(x) != len(y) {
		t.Fatalf("%d and %d outputs", len(x), len(y))
	}
	for i := range x {
		requireClose(t, a.Outputs[i].Name, Floats(y[i]), Floats(x[i]), tol)
	}
}

func graph(t *testing.T, name string, fill func(b *ugraph.Builder)) *ugraph.Graph {
	t.Helper()
	b := ugraph.NewBuilder(name)
	fill(b)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func axis(n ...int64) ugraph.Attrs {
	return ugraph.Attrs{ugraph.IntsAttr("axis", n...), ugraph.BoolAttr("keepdims", true)}
}

func TestRunErrors(t *testing.T) {
	g := graph(t, "p", func(b *ugraph.Builder) {
		s := b.Symbol("S", 2, 64, 2)
		b.Output("y", b.Op(ugraph.OpExp, nil, b.Input("x", ugraph.F32, []ugraph.Dim{s})))
	})
	x := floats(t, []int64{4}, 1, 2, 3, 4)
	for _, c := range []struct {
		what   string
		inputs []*Tensor[float64]
		env    ugraph.Env
		want   string
	}{
		{"no symbol", []*Tensor[float64]{x}, nil, "symbol S has no value"},
		{"bounds", []*Tensor[float64]{x}, ugraph.Env{"S": 66}, "outside its bounds"},
		{"divisibility", []*Tensor[float64]{x}, ugraph.Env{"S": 5}, "multiple of 2"},
		{"count", nil, ugraph.Env{"S": 4}, "takes 1 inputs"},
		{"shape", []*Tensor[float64]{x}, ugraph.Env{"S": 6}, "must be f32[6]"},
		{"nil", []*Tensor[float64]{nil}, ugraph.Env{"S": 4}, "must be f32[4]"},
		{"dtype", []*Tensor[float64]{ints(t, ugraph.I32, []int64{4}, 1, 2, 3, 4)}, ugraph.Env{"S": 4}, "must be f32[4]"},
		{"no data", []*Tensor[float64]{{DType: ugraph.F32, Shape: []int64{4}}}, ugraph.Env{"S": 4}, "wrong kind or number"},
	} {
		if _, err := Run(Float64{}, g, c.inputs, c.env); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	if _, err := Run(Float64{}, g, []*Tensor[float64]{x}, ugraph.Env{"S": 4}); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	huge := graph(t, "huge", func(b *ugraph.Builder) {
		i := b.Op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", ugraph.D(1<<40))})
		b.Output("y", i)
	})
	if _, err := Run(Float64{}, huge, nil, nil); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("2^40 elements: %v", err)
	}
	work := graph(t, "work", func(b *ugraph.Builder) {
		one := b.Const(ugraph.Int(1), ugraph.F32)
		x := b.Op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.Ds(1<<13, 1<<13)...)}, one)
		b.Output("y", b.Op(ugraph.OpMatMul, nil, x, x))
	})
	if _, err := Run(Float64{}, work, nil, nil); err == nil || !strings.Contains(err.Error(), "work") {
		t.Errorf("2^39 products: %v", err)
	}
}
