package partition

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// outputs runs a graph in float64 on inputs drawn from a seed.
func outputs(t *testing.T, g *ugraph.Graph, env ugraph.Env) [][]float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	var in []*interp.Tensor[float64]
	for _, i := range g.Inputs {
		v := g.Values[i.Value]
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			t.Fatal(err)
		}
		n, err := interp.Elements(shape)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, n)
		for k := range x {
			x[k] = r.NormFloat64()
		}
		tensor, err := interp.FromFloats(v.DType, shape, x)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, tensor)
	}
	res, err := interp.Run(interp.Float64{}, g, in, env)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for _, x := range res {
		out = append(out, interp.Floats(x))
	}
	return out
}

// The emitted μGraphs, of plans and of plans with every window replaced by its own, compute the program.
func TestMeaning(t *testing.T) {
	row := avx2(t)
	for name, c := range map[string]struct {
		src string
		env ugraph.Env
		opt Options
	}{
		"two outputs": {`program p(X: f32[6, 1, 21], W: const f32[21, 13], U: const f32[13, 9]) -> (Y, H, Z) {
    H = silu(rms_norm(X) @ W)
    Y = transpose(softmax(H @ U), perm=[2, 1, 0])
    Z = sum(H, axis=-1)
}`, nil, Options{MaxOperators: 4}},
		"an output that others read": {`program p(X: f32[20, 30]) -> (T, Y) {
    T = transpose(exp(X), perm=[1, 0])
    Y = T / sum(T, axis=0, keepdims=true) + max(T, axis=1, keepdims=true)
}`, nil, Options{MaxOperators: 2}},
		"attention": {`program p(Q: f32[2, 5, 8], K: f32[2, S, 8], V: f32[2, S, 7], M: f32[5, S], t3: f32[7]) -> (O) where S <= 100 {
    O = softmax(matmul(Q, K, transpose_b=true) * 0.3 + M) @ V + t3
}`, ugraph.Env{"S": 37}, Options{Sizes: []ugraph.Env{{"S": 20}, {"S": 90}}, Top: 6}},
		"mlp": {`program p(x: f32[1, 24], Wg: const f32[24, 70], Wu: const f32[24, 70], Wd: const f32[70, 20]) -> (y) {
    y = (silu(x @ Wg) * (x @ Wu)) @ Wd
}`, nil, Options{Top: 8, MaxContractions: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			g := programtest.Parse(t, c.src)
			want := outputs(t, g, c.env)
			p, err := Best(context.Background(), exprtest.Lift(t, g), row, c.opt)
			if err != nil {
				t.Fatal(err)
			}
			check := func(p *Plan, pick []int) {
				u, err := p.Emit(pick)
				if err != nil {
					t.Fatal(err)
				}
				for i, got := range outputs(t, u, c.env) {
					for k := range got {
						if d := math.Abs(got[k] - want[i][k]); !(d < 1e-9*(1+math.Abs(want[i][k]))) {
							t.Fatalf("%d groups, choices %v, output %s, element %d: %g, want %g", len(p.Groups), pick, g.Outputs[i].Name, k, got[k], want[i][k])
						}
					}
				}
			}
			for _, pick := range p.Picks(8) {
				check(p, pick)
			}
			for _, groups := range p.Windows() {
				w, opt, err := p.Window(groups)
				if err != nil {
					t.Fatal(err)
				}
				opt.Prefix, opt.MaxOperators = "w_", 2
				sub, err := Best(context.Background(), w, row, opt)
				if err != nil {
					t.Fatal(err)
				}
				q, err := p.Splice(groups, sub)
				if err != nil {
					t.Fatal(err)
				}
				check(q, nil)
			}
			t.Logf("%d groups, %d windows", len(p.Groups), len(p.Windows()))
		})
	}
}
