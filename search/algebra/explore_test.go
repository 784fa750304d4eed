package algebra

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/ugraph"
)

func liftText(t testing.TB, src string) *expr.DAG {
	t.Helper()
	return exprtest.Lift(t, programtest.Parse(t, src))
}

func liftProgram(t testing.TB, name string) *expr.DAG {
	t.Helper()
	return exprtest.Lift(t, programtest.Program(t, name))
}

func explore(t testing.TB, d *expr.DAG, opt Options) *Result {
	t.Helper()
	r, err := Explore(context.Background(), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// small are programs of every kind that the search must deal with, at sizes that evaluate at once.
var small = map[string]string{
	"rmsnorm_linear": `program p(X: f32[2, 6], W: f32[6, 4]) -> (Y) { Y = rms_norm(X) @ W }`,
	"gamma":          `program p(X: f32[2, 6], G: f32[6], W: f32[6, 4]) -> (Y) { Y = rms_norm(X, G, eps=0.01) @ W }`,
	"gated_mlp":      `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Y) { Y = silu(X @ A) * (X @ B) }`,
	"full_mlp":       `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4], D: f32[4, 6]) -> (Y) { Y = (silu(X @ A) * (X @ B)) @ D }`,
	"lora":           `program p(X: f32[2, 6], W: f32[6, 4], A: f32[6, 3], B: f32[3, 4]) -> (Y) { Y = X @ W + X @ A @ B }`,
	"chain":          `program p(A: f32[2, 6], B: f32[6, 4], C: f32[4, 3]) -> (Y) { Y = A @ B @ C }`,
	"moe":            `program p(X: f32[2, 2, 6], A: f32[2, 6, 4], B: f32[2, 4, 3]) -> (Y) { Y = exp(X @ A) @ B }`,
	"ntrans":         `program p(H: f32[2, 6], X: f32[2, 6], a: f32[2, 6]) -> (Y) { Y = rms_norm(X + a * (rms_norm(H) + X)) }`,
	"gqa":            `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true)) @ V }`,
	"gqa scaled":     `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true) * 0.5) @ V }`,
	"gqa no max":     `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { E = exp(matmul(Q, K, transpose_b=true)) O = (E / sum(E, axis=-1, keepdims=true)) @ V }`,
	"mask":           `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], M: f32[3, 5], V: f32[2, 5, 4]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true) + M) @ V }`,
	"causal":         `program p(Q: f32[2, 5, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = attention(Q, K, V, causal=true) }`,
	"qknorm":         `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { O = softmax(matmul(rms_norm(Q), rms_norm(K), transpose_b=true)) @ V }`,
	"layer_norm":     `program p(X: f32[2, 6], W: f32[6, 4]) -> (Y) { Y = layer_norm(X, eps=0.01) @ W }`,
	"logsumexp":      `program p(X: f32[2, 6]) -> (Y) { Y = logsumexp(X) }`,
	"cross entropy":  `program p(X: f32[2, 6], W: f32[6, 5], T: f32[2, 5]) -> (Y) { L = X @ W Y = logsumexp(L) - sum(L * T, axis=-1) }`,
	"entropy":        `program p(X: f32[2, 6]) -> (Y) { P = softmax(X) Y = sum(P * log_softmax(X), axis=-1) }`,
	"backward":       `program p(G: f32[3, 4], P: f32[3, 5], V: f32[5, 4], K: f32[5, 2]) -> (DQ, DV) { DP = matmul(G, V, transpose_b=true) DS = P * (DP - sum(DP * P, axis=-1, keepdims=true)) DQ = DS @ K DV = matmul(P, G, transpose_a=true) }`,
	"rms mlp":        `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Y) { N = rms_norm(X) Y = silu(N @ A) * (N @ B) }`,
}

var smallNames = []string{"rmsnorm_linear", "gamma", "gated_mlp", "full_mlp", "lora", "chain", "moe", "ntrans", "gqa", "gqa scaled", "gqa no max",
	"mask", "causal", "qknorm", "layer_norm", "logsumexp", "cross entropy", "entropy", "backward", "rms mlp"}

// What the search must find, with nothing programmed per program.
func TestFinds(t *testing.T) {
	const head = `program p(Q: f32[2, 3, 4], K: f32[2, 5, 4], V: f32[2, 5, 4]) -> (O) { `
	cases := []struct {
		program, what, src string
		stable             bool
	}{
		{"rmsnorm_linear", "division after the product", `program p(X: f32[2, 6], W: f32[6, 4]) -> (Y) { Y = (X @ W) / sqrt(mean(square(X), axis=-1, keepdims=true)) }`, true},
		{"gamma", "the weight in W, division after", `program p(X: f32[2, 6], G: f32[6], W: f32[6, 4]) -> (Y) { Y = (X @ (reshape(G, shape=[6, 1]) * W)) / sqrt(mean(square(X), axis=-1, keepdims=true) + 0.01) }`, true},
		{"lora", "X(W + AB)", `program p(X: f32[2, 6], W: f32[6, 4], A: f32[6, 3], B: f32[3, 4]) -> (Y) { Y = X @ (W + A @ B) }`, true},
		{"chain", "A(BC)", `program p(A: f32[2, 6], B: f32[6, 4], C: f32[4, 3]) -> (Y) { Y = A @ (B @ C) }`, true},
		{"gqa", "division after P·V", head + `A = matmul(Q, K, transpose_b=true) E = exp(A - max(A, axis=-1, keepdims=true)) O = (E @ V) / sum(E, axis=-1, keepdims=true) }`, true},
		{"gqa", "the maximum cancelled", head + `E = exp(matmul(Q, K, transpose_b=true)) O = (E @ V) / sum(E, axis=-1, keepdims=true) }`, false},
		{"gqa no max", "the maximum put in, division after", head + `A = matmul(Q, K, transpose_b=true) E = exp(A - max(A, axis=-1, keepdims=true)) O = (E @ V) / sum(E, axis=-1, keepdims=true) }`, true},
		{"gqa no max", "division after, as unstable as the program", head + `E = exp(matmul(Q, K, transpose_b=true)) O = (E @ V) / sum(E, axis=-1, keepdims=true) }`, true},
		{"qknorm", "every division after its product", head + `A = matmul(Q, K, transpose_b=true)
			R = A / sqrt(mean(square(Q), axis=-1, keepdims=true)) S = R / transpose(sqrt(mean(square(K), axis=-1, keepdims=true)), perm=[0, 2, 1])
			E = exp(S - max(S, axis=-1, keepdims=true)) O = (E @ V) / sum(E, axis=-1, keepdims=true) }`, true},
		{"layer_norm", "division after", `program p(X: f32[2, 6], W: f32[6, 4]) -> (Y) { D = X - mean(X, axis=-1, keepdims=true) Y = (D @ W) / sqrt(mean(square(D), axis=-1, keepdims=true) + 0.01) }`, true},
		{"layer_norm", "the mean taken out of the weight", `program p(X: f32[2, 6], W: f32[6, 4]) -> (Y) { D = X - mean(X, axis=-1, keepdims=true)
			Y = (X @ (W - mean(W, axis=0, keepdims=true))) / sqrt(mean(square(D), axis=-1, keepdims=true) + 0.01) }`, true},
		{"rms mlp", "both divisions after", `program p(X: f32[2, 6], A: f32[6, 4], B: f32[6, 4]) -> (Y) { R = sqrt(mean(square(X), axis=-1, keepdims=true)) Y = silu((X @ A) / R) * ((X @ B) / R) }`, true},
		{"cross entropy", "the picked logit as X·(ΣTW)", `program p(X: f32[2, 6], W: f32[6, 5], T: f32[2, 5]) -> (Y) { L = X @ W M = max(L, axis=-1, keepdims=true)
			Y = reshape(M, shape=[2]) + log(sum(exp(L - M), axis=-1)) - sum(X * matmul(T, W, transpose_b=true), axis=-1) }`, true},
	}
	for _, c := range cases {
		t.Run(c.program+"/"+c.what, func(t *testing.T) {
			want := liftText(t, c.src)
			r := explore(t, liftText(t, small[c.program]), Options{KeepUnstable: !c.stable})
			for _, x := range r.DAGs {
				if sameUpToSum(x.DAG, want) {
					if x.Stable != c.stable {
						t.Errorf("stable: %v (%s), want %v", x.Stable, x.Reason, c.stable)
					}
					return
				}
			}
			t.Errorf("not among %d programs:\n%s", len(r.DAGs), want)
		})
	}
}

// sameUpToSum compares two DAGs, reading Σ_k(x·y) as a contraction.
func sameUpToSum(a, b *expr.DAG) bool {
	return expr.Hash(contractions(a)) == expr.Hash(contractions(b))
}

func contractions(d *expr.DAG) *expr.DAG {
	c := d.Clone()
	for i, n := range c.Nodes {
		if n.Op != ugraph.OpSum {
			continue
		}
		if x := c.Nodes[n.Args[0]]; x.Op == ugraph.OpMul {
			n.Op, n.Args = ugraph.OpMatMul, x.Args
			c.Nodes[i] = n
		}
	}
	return c
}

// Every candidate computes what the program computes, in float64.
func TestCandidatesAreEqual(t *testing.T) {
	for _, name := range smallNames {
		d := liftText(t, small[name])
		r := explore(t, d, Options{MaxDAGs: 64, KeepUnstable: true})
		in := inputs(t, d)
		want, err := expr.Eval(d, nil, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range r.DAGs {
			got, err := expr.Eval(c.DAG, nil, in)
			if err != nil {
				t.Fatal(err)
			}
			for o := range want {
				for j := range want[o] {
					if math.Abs(got[o][j]-want[o][j]) > 1e-9*(1+math.Abs(want[o][j])) {
						t.Fatalf("%s: candidate %d gives %g, not %g\n%s", name, i, got[o][j], want[o][j], c.DAG)
					}
				}
			}
			if p, err := expr.ToProgram(c.DAG); err != nil {
				t.Errorf("%s: candidate %d as a program: %v", name, i, err)
			} else if len(p.Inputs) != len(d.Inputs) || len(p.Outputs) != len(d.Outputs) {
				t.Errorf("%s: candidate %d has another interface", name, i)
			}
		}
	}
}

func inputs(t *testing.T, d *expr.DAG) [][]float64 {
	r := rand.New(rand.NewPCG(3, 4))
	var out [][]float64
	for i := range d.Inputs {
		shape, err := ugraph.EvalShape(d.InputShape(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(1)
		for _, e := range shape {
			n *= e
		}
		v := make([]float64, n)
		for j := range v {
			v[j] = 0.5 + r.Float64()
		}
		out = append(out, v)
	}
	return out
}

// The embedded programs reach a fixpoint within the limits.
func TestFixpoint(t *testing.T) {
	for _, info := range programs.List() {
		r := explore(t, liftProgram(t, info.Name), Options{})
		t.Logf("%s: %d values, %d tests with %d terms, %d evaluations, %d programs", info.Name, r.Stats.Values, r.Stats.Tests, r.Stats.Terms, r.Stats.Evals, len(r.DAGs))
		if r.Stats.Stop != StopFixpoint {
			t.Errorf("%s stopped by %s", info.Name, r.Stats.Stop)
		}
		if !r.DAGs[0].Stable || len(r.DAGs[0].Derivation) != 0 {
			t.Errorf("%s: the program itself does not come first", info.Name)
		}
	}
}

// summary is everything about a result that must not depend on workers.
func summary(r *Result) string {
	s := fmt.Sprintf("%+v\n", r.Stats)
	for _, c := range r.DAGs {
		s += fmt.Sprintf("%s %v %s %q\n", expr.Hash(c.DAG), c.Stable, c.Reason, c.Derivation)
	}
	return s
}

func TestWorkersDoNotMatter(t *testing.T) {
	for _, name := range []string{"mask", "qknorm", "cross entropy", "gamma"} {
		d := liftText(t, small[name])
		want := summary(explore(t, d, Options{Workers: 1}))
		for _, w := range []int{1, 2, 3, 8} {
			if got := summary(explore(t, d, Options{Workers: w})); got != want {
				t.Errorf("%s: %d workers:\n%s\none:\n%s", name, w, got, want)
			}
		}
	}
}

// Values, tests and evaluations are the same for other axis sizes: no false merge.
func TestSizesDoNotMatter(t *testing.T) {
	names := smallNames
	if testing.Short() {
		names = names[:2]
	}
	for _, name := range names {
		d := liftText(t, small[name])
		want := explore(t, d, Options{}).Stats
		for _, sizes := range [][][]int{{{2}}, {{3}}, {{2, 3}}, {{3, 2}}, {{2, 3, 5}}} {
			got := explore(t, d, Options{Sizes: sizes}).Stats
			if got.Values != want.Values || got.Tests != want.Tests || got.Evals != want.Evals {
				t.Errorf("%s at sizes %v: %d values, %d tests, %d evaluations; at 2 and 3: %d, %d, %d",
					name, sizes, got.Values, got.Tests, got.Evals, want.Values, want.Tests, want.Evals)
			}
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Explore(ctx, liftText(t, small["gqa"]), Options{})
	if err != nil || r.Stats.Stop != StopInterrupted || len(r.DAGs) == 0 {
		t.Errorf("got %v, %v; want the program and %q", r, err, StopInterrupted)
	}
}

// A program whose forms are large ends soon after its context does, at any stage.
func TestEndsWithItsContext(t *testing.T) {
	src := `program p(A: f32[2, 3], B: f32[2, 3], C: f32[2, 3], D: f32[2, 3], E: f32[2, 3], F: f32[2, 3], G: f32[2, 3], H: f32[2, 3], I: f32[2, 3], J: f32[2, 3]) -> (Y) {
		Y = (A + B) * (C + D) * (E + F) * (G + H) * (I + J) * (A + C) * (B + D) }`
	d := liftText(t, src)
	for _, budget := range []time.Duration{20 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		start := time.Now()
		r, err := Explore(ctx, d, Options{})
		cancel()
		if took := time.Since(start); err != nil || len(r.DAGs) == 0 || took > budget+2*time.Second {
			t.Errorf("%v: %v after %v", budget, err, took)
		} else {
			t.Logf("%v: %s, %d values, %d tests after %v", budget, r.Stats.Stop, r.Stats.Values, r.Stats.Tests, took)
		}
	}
}

// A tensor of so many axes that it cannot be evaluated leaves the program as it is.
func TestTooManyAxes(t *testing.T) {
	d := liftText(t, `program p(X: f32[2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3]) -> (Y) { Y = X * 2.0 + X }`)
	if r := explore(t, d, Options{}); r.Stats.Stop != StopWide || len(r.DAGs) != 1 {
		t.Errorf("%+v, %d programs", r.Stats, len(r.DAGs))
	}
}

func TestLimits(t *testing.T) {
	d := liftText(t, small["mask"])
	if r := explore(t, d, Options{MaxValues: 20}); r.Stats.Stop != StopValues || r.Stats.Values > 20 {
		t.Errorf("%+v", r.Stats)
	}
	if r := explore(t, d, Options{MaxTests: 500}); r.Stats.Stop != StopTests {
		t.Errorf("%+v", r.Stats)
	}
	if r := explore(t, d, Options{MaxElements: 2000}); r.Stats.Stop != StopElements {
		t.Errorf("%+v", r.Stats)
	}
	if r := explore(t, d, Options{MaxDAGs: 3}); len(r.DAGs) > 4 {
		t.Errorf("%d programs", len(r.DAGs))
	}
}

// A difference of extents is no zero and a quotient of them no one, although axes have one size in an instance: what
// is built from positions and from numbers of elements is told apart by axis.
func TestExtentsAreToldApart(t *testing.T) {
	for _, src := range []string{
		`program p(Q: f32[2, 4, 3], K: f32[2, 7, 3], V: f32[2, 7, 3]) -> (O) { O = attention(Q, K, V, causal=true) }`,
		`program p(X: f32[4, 7]) -> (Y) { Y = softmax(where(reshape(iota(n=4), shape=[4, 1]) + 3 >= iota(n=7), X, -inf)) }`,
		`program p(X: f32[4, 7], W: f32[7, 3], V: f32[4, 3]) -> (Y) { Y = mean(X, axis=0, keepdims=true) @ W + mean(V, axis=0, keepdims=true) }`,
		`program p(X: f32[4, 7]) -> (Y) { Y = mean(sum(X, axis=1), axis=0) + sum(mean(X, axis=1), axis=0) }`,
		`program p(X: f32[4], W: f32[7]) -> (Y) { Y = mean(X) * sum(W) - sum(X) * mean(W) }`,
	} {
		d := liftText(t, src)
		r := explore(t, d, Options{MaxDAGs: 64, KeepUnstable: true})
		in := inputs(t, d)
		want, err := expr.Eval(d, nil, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range r.DAGs {
			got, err := expr.Eval(c.DAG, nil, in)
			if err != nil {
				t.Fatal(err)
			}
			for j, w := range want[0] {
				if math.Abs(got[0][j]-w) > 1e-9*(1+math.Abs(w)) {
					t.Fatalf("%s\ncandidate %d of %d gives %g, not %g\n%s", src, i, len(r.DAGs), got[0][j], w, c.DAG)
				}
			}
		}
		t.Logf("%d programs", len(r.DAGs))
	}
}
