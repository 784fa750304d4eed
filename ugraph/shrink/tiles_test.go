package shrink

import (
	"math"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// same are programs, equal candidates, and the small extents, by the size of the class in the program.
var same = []struct {
	name, program, candidate string
	sizes                    map[string]int64
	tile                     func(from, to ugraph.Dim, tile int64, loop bool) int64
}{
	{"tiles of one row become longer", `program p(X: f32[64, 1009]) -> (Y) { Y = reshape(softmax(X), shape=[64, 1, 1009]) }`, `ugraph p for p(X: f32[64, 1009]) -> (Y) {
    Y = kernel k(X) grid(r: 64 by 1) {
        x = load(X, r=0)
        e = exp(x - max(x, axis=1, keepdims=true))
        y = reshape(e, shape=[1, 1, 1009]) / reshape(sum(e, axis=1, keepdims=true), shape=[1, 1, 1])
        store Y(r=0) = y
    }
}`, map[string]int64{"64": 8, "1009": 13}, func(_, to ugraph.Dim, tile int64, _ bool) int64 {
		if tile == 1 {
			return 4
		}
		return tile
	}},
	{"slices of a fused product", `program p(X: f32[4, 30], A: const f32[30, 64], B: const f32[30, 64]) -> (Y) { Y = X @ A + tanh(X @ B) }`,
		`program p(X: f32[4, 30], A: const f32[30, 64], B: const f32[30, 64]) -> (Y) {
    Z = X @ concat(A, B, axis=1)
    Y = slice(Z, axis=1, start=0, end=64) + tanh(slice(Z, axis=1, start=64, end=128))
}`, map[string]int64{"30": 5, "64": 6}, nil},
	{"its parts", `program p(X: f32[4, 30], A: const f32[30, 64], B: const f32[30, 64]) -> (Y) { Y = X @ A + tanh(X @ B) }`,
		`program p(X: f32[4, 30], A: const f32[30, 64], B: const f32[30, 64]) -> (Y) {
    U, V = split(X @ concat(A, B, axis=1), parts=2, axis=1)
    Y = U + tanh(V)
}`, map[string]int64{"30": 5, "64": 6}, nil},
	{"a sum in two halves", `program p(X: f32[4, 64], A: const f32[64, 6]) -> (Y) { Y = X @ A }`,
		`program p(X: f32[4, 64], A: const f32[64, 6]) -> (Y) {
    Y = slice(X, axis=1, start=0, end=32) @ slice(A, axis=0, start=0, end=32) + slice(X, axis=1, start=32, end=64) @ slice(A, axis=0, start=32, end=64)
}`, map[string]int64{"64": 10}, nil},
}

// The small candidate computes the small program.
func TestSmallIsTheSame(t *testing.T) {
	for _, c := range same {
		p, q := parse(t, c.program), parse(t, c.candidate)
		a, err := Analyse(p)
		if err != nil {
			t.Fatal(err)
		}
		plan := a.Plan(sizesBy(a, c.sizes))
		plan.Tile = c.tile
		small, err := Rebuild(p, plan)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		other, err := Rebuild(q, plan)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var in []*interp.Tensor[float64]
		for k, x := range small.Inputs {
			shape, _ := ugraph.EvalShape(small.Values[x.Value].Shape, nil)
			for i, d := range shape {
				if was, _ := p.Values[p.Inputs[k].Value].Shape[i].Const(); c.sizes[ugraph.D(was).String()] != 0 && d != c.sizes[ugraph.D(was).String()] {
					t.Errorf("%s: axis %d of input %d has %d", c.name, i, k, d)
				}
			}
			n, _ := interp.Elements(shape)
			data := make([]float64, n)
			for i := range data {
				data[i] = math.Sin(float64((k + 1) * (i + 3)))
			}
			tensor, err := interp.FromFloats(ugraph.F32, shape, data)
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, tensor)
		}
		x, err := interp.Run(interp.Float64{}, small, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		y, err := interp.Run(interp.Float64{}, other, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x[0].Data {
			if math.Abs(x[0].Data[i]-y[0].Data[i]) > 1e-12 {
				t.Errorf("%s: element %d: %v and %v", c.name, i, x[0].Data[i], y[0].Data[i])
				break
			}
		}
	}
}
