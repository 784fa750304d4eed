package expr_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

func lift(t *testing.T, src string) (*expr.DAG, *ugraph.Graph, error) {
	t.Helper()
	g := programtest.Expanded(t, programtest.Parse(t, src))
	d, err := expr.Lift(g)
	return d, g, err
}

// programs are small instances of what the search must lift, of every kind of axis bookkeeping.
var programs = map[string]string{
	"rmsnorm_linear": `program p(X: f32[2, 6], W: const f32[6, 4]) -> (Y) { Y = rms_norm(X, eps=0.001) @ W }`,
	"gated_mlp":      `program p(X: f32[2, 6], A: const f32[6, 4], B: const f32[6, 4]) -> (Y) { Y = silu(X @ A) * (X @ B) }`,
	"attention":      `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true) * 0.5) @ V }`,
	"causal groups":  `program p(Q: f32[4, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = attention(Q, K, V, causal=true) }`,
	"unit axes":      `program p(X: f32[1, 6], W: f32[6, 1]) -> (Y) { Y = (X @ W) + X }`,
	"broadcast":      `program p(X: f32[3]) -> (Y: f32) { Y = broadcast(reshape(X, shape=[3, 1]), shape=[3, 4]) }`,
	"two outputs":    `program p(X: f16[2, 6], G: f16[6]) -> (M: f32, Y) { M = mean(X * G, axis=-1); Y = X - mean(X, axis=-1, keepdims=true) }`,
	"transposed":     `program p(X: f32[2, 6], W: f32[4, 6]) -> (Y) { Y = transpose(X @ transpose(W)) }`,
	"merged heads":   `program p(X: f32[2, 6], W: f32[6, 8], V: f32[8, 5]) -> (Y) { H = reshape(X @ W, shape=[2, 4, 2]) * 3  Y = reshape(H, shape=[2, 8]) @ V }`,
	"symbol":         `program p(K: f32[2, S, 4]) -> (Y) where S <= 8 { Y = logsumexp(K, axis=1) }`,
	"sum all":        `program p(X: f32[2, 6], b: bool[6]) -> (Y, N) { Y = sum(where(b, X, 0))  N = sum(b) }`,
	"product twice":  `program p(X: f32[2, 3, 4], Y: f32[2, 3, 4]) -> (Z) { Z = sum(matmul(X, Y, transpose_b=true) , axis=[0, 2]) }`,
}

// sample evaluates a DAG on inputs drawn from a fixed stream.
func sample(t *testing.T, d *expr.DAG) [][]float64 {
	t.Helper()
	env, in := draw(t, d)
	out, err := expr.Eval(d, env, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// draw binds the symbols and draws inputs.
func draw(t *testing.T, d *expr.DAG) (ugraph.Env, [][]float64) {
	t.Helper()
	env := ugraph.Env{}
	for _, s := range d.Symbols {
		env[s.Name] = s.At(3)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var in [][]float64
	for i, x := range d.Inputs {
		shape, err := ugraph.EvalShape(d.InputShape(i), env)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(1)
		for _, e := range shape {
			n *= e
		}
		v := make([]float64, n)
		for j := range v {
			v[j] = r.NormFloat64()
			if x.DType == ugraph.Bool {
				v[j] = math.Round(r.Float64())
			}
		}
		in = append(in, v)
	}
	return env, in
}

// A lifted program written back has the same interface and, lifted again, the same values.
func TestRoundTrip(t *testing.T) {
	for name, src := range programs {
		t.Run(name, func(t *testing.T) {
			src = strings.ReplaceAll(src, ";", "\n")
			d, g, err := lift(t, src)
			if err != nil {
				t.Fatal(err)
			}
			p, err := expr.ToProgram(d)
			if err != nil {
				t.Fatalf("%v\n%s", err, d)
			}
			for i := range g.Inputs {
				a, b := g.Value(g.Inputs[i].Value), p.Value(p.Inputs[i].Value)
				if a.Name != b.Name || !a.Type.Equal(b.Type) || g.Inputs[i].Const != p.Inputs[i].Const {
					t.Errorf("input %s %s became %s %s", a.Name, a.Type, b.Name, b.Type)
				}
			}
			for i := range g.Outputs {
				a, b := g.Value(g.Outputs[i].Value), p.Value(p.Outputs[i].Value)
				if g.Outputs[i].Name != p.Outputs[i].Name || !a.Type.Equal(b.Type) {
					t.Errorf("output %s %s became %s %s", g.Outputs[i].Name, a.Type, p.Outputs[i].Name, b.Type)
				}
			}
			d2, err := expr.Lift(p)
			if err != nil {
				t.Fatalf("%v\n%s", err, d)
			}
			want, got := sample(t, d), sample(t, d2)
			for i := range want {
				for j := range want[i] {
					if math.Abs(want[i][j]-got[i][j]) > 1e-12*(1+math.Abs(want[i][j])) {
						t.Fatalf("output %d[%d] = %g, written back and lifted %g\n%s\n%s", i, j, want[i][j], got[i][j], d, d2)
					}
				}
			}
			if expr.Hash(d) != expr.Hash(d2) {
				t.Errorf("the hash changed:\n%s\n%s", d, d2)
			}
		})
	}
}

// The reference interpreter gets the same from the program, from the program lifted and written back,
// and as the DAG's own evaluation.
func TestAgainstInterpreter(t *testing.T) {
	for name, src := range programs {
		d, g, err := lift(t, strings.ReplaceAll(src, ";", "\n"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := expr.ToProgram(d)
		if err != nil {
			t.Fatal(err)
		}
		env, in := draw(t, d)
		own, err := expr.Eval(d, env, in)
		if err != nil {
			t.Fatal(err)
		}
		run := func(g *ugraph.Graph) [][]float64 {
			var args []*interp.Tensor[float64]
			for i, x := range in {
				shape, err := ugraph.EvalShape(d.InputShape(i), env)
				if err != nil {
					t.Fatal(err)
				}
				var a *interp.Tensor[float64]
				if dt := d.Inputs[i].DType; dt.IsFloat() {
					a, err = interp.FromFloats(dt, shape, x)
				} else {
					ints := make([]int64, len(x))
					for j, v := range x {
						ints[j] = int64(v)
					}
					a, err = interp.FromInts[float64](dt, shape, ints)
				}
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, a)
			}
			out, err := interp.Run(interp.Float64{}, g, args, env)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var all [][]float64
			for _, o := range out {
				all = append(all, interp.Floats(o))
			}
			return all
		}
		want, got := run(g), run(p)
		for i := range want {
			for j := range want[i] {
				for _, x := range []float64{got[i][j], own[i][j]} {
					if math.Abs(x-want[i][j]) > 1e-12*(1+math.Abs(want[i][j])) {
						t.Fatalf("%s: output %d[%d]: the program gives %g, written back %g, the DAG %g\n%s", name, i, j, want[i][j], got[i][j], own[i][j], d)
					}
				}
			}
		}
	}
}

func TestNotLiftable(t *testing.T) {
	cases := []struct {
		src  string
		op   ugraph.Op
		what string
	}{
		{`program p(X: f32[3, 4]) -> (Y) { Y = matmul(X, X, transpose_b=true) }`, ugraph.OpMatMul, "carry one axis twice"},
		{`program p(X: f32[3, 3]) -> (Y) { Y = X + transpose(X) }`, ugraph.OpAdd, "carry one axis twice"},
		{`program p(X: f32[4]) -> (Y) { Y = slice(X, end=2) }`, ugraph.OpSlice, "no meaning"},
		{`program p(X: f32[4, 6]) -> (Y) { Y = reshape(X, shape=[6, 4]) }`, ugraph.OpReshape, "neither divides"},
		{`program p(X: f32[1, 4]) -> (Y) { Y = sum(broadcast(X, shape=[3, 4]), axis=0) }`, ugraph.OpSum, "repeated"},
	}
	for _, c := range cases {
		_, _, err := lift(t, c.src)
		var e *expr.NotLiftable
		if !errors.Is(err, expr.ErrNotLiftable) || !errors.As(err, &e) || e.Op != c.op || !strings.Contains(e.Reason, c.what) {
			t.Errorf("%s\ngot %v, want %s: …%s…", c.src, err, c.op, c.what)
		}
	}
}

// Windows that cover a program compute, one after the other, what the whole computes.
func TestWindow(t *testing.T) {
	d, _, err := lift(t, programs["attention"])
	if err != nil {
		t.Fatal(err)
	}
	want := sample(t, d)
	r := rand.New(rand.NewPCG(1, 2))
	var nodes []int
	vals := map[int][]float64{}
	for i, n := range d.Nodes {
		if n.Op == ugraph.OpInvalid {
			v := make([]float64, sizeOf(t, d, n.Axes.List()))
			for j := range v {
				v[j] = r.NormFloat64()
			}
			vals[i] = v
		} else {
			nodes = append(nodes, i)
		}
	}
	for cut := 1; cut < len(nodes); cut++ {
		known := map[int][]float64{}
		for k, v := range vals {
			known[k] = v
		}
		for _, part := range [][]int{nodes[:cut], nodes[cut:]} {
			w, m := expr.NewWindows(d).Of(part)
			if len(m.Inputs) != len(w.Inputs) || len(m.Outputs) != len(w.Outputs) {
				t.Fatalf("the map has %d inputs and %d outputs, the window %d and %d", len(m.Inputs), len(m.Outputs), len(w.Inputs), len(w.Outputs))
			}
			if len(w.Outputs) == 0 { // constants only
				continue
			}
			var in [][]float64
			for _, n := range m.Inputs {
				in = append(in, known[n])
			}
			out, err := expr.Eval(w, nil, in)
			if err != nil {
				t.Fatalf("cut %d: %v\n%s", cut, err, w)
			}
			for i, n := range m.Outputs {
				known[n] = out[i]
			}
		}
		got := known[d.Outputs[0].Node]
		for j := range want[0] {
			if got[j] != want[0][j] {
				t.Fatalf("cut %d: element %d is %g, not %g", cut, j, got[j], want[0][j])
			}
		}
	}
}

func sizeOf(t *testing.T, d *expr.DAG, axes []int) int {
	shape, err := ugraph.EvalShape(d.Extents(axes), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for _, e := range shape {
		n *= int(e)
	}
	return n
}

func TestHashSeesTheEdges(t *testing.T) {
	d, _, _ := lift(t, `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Y) { Y = silu(X @ A) * (X @ B) }`)
	e, _, _ := lift(t, `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Y) { Y = (X @ A) * silu(X @ B) }`)
	f, _, _ := lift(t, `program q(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Z) { B1 = X @ B  Z = B1 * silu(X @ A) }`)
	if expr.Hash(d) == expr.Hash(e) {
		t.Error("silu on the other product has the same hash")
	}
	if expr.Hash(d) != expr.Hash(f) {
		t.Error("order of nodes, of a product's operands, or a name changed the hash")
	}
}
