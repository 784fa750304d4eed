package algebra

import (
	"math"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// A maximum is put in where every output stays the same, and only there.
func TestStabilise(t *testing.T) {
	cases := []struct {
		name, src string
		maxima    int // 0: nothing can be put in
	}{
		{"softmax", `program p(X: f32[2, 6]) -> (Y) { E = exp(X) Y = E / sum(E, axis=-1, keepdims=true) }`, 1},
		{"attention", small["gqa no max"], 1},
		{"logsumexp", `program p(X: f32[2, 6]) -> (Y) { Y = log(sum(exp(X), axis=-1)) }`, 1},
		{"stable already", small["gqa"], 0},
		{"sum of exps", `program p(X: f32[2, 6]) -> (Y) { Y = sum(exp(X), axis=-1) }`, 0},
		{"moe", small["moe"], 0},
		{"one of two outputs would change", `program p(X: f32[2, 6]) -> (Y, S) { E = exp(X) S = sum(E, axis=-1) Y = E / reshape(S, shape=[2, 1]) }`, 0},
		{"two softmaxes", `program p(X: f32[2, 6], Z: f32[2, 6]) -> (Y) { E = exp(X) F = exp(Z) Y = E / sum(E, axis=-1, keepdims=true) + F / sum(F, axis=-1, keepdims=true) }`, 2},
	}
	for _, c := range cases {
		d := liftText(t, c.src)
		s := Stabilise(d)
		if c.maxima == 0 {
			if s != nil {
				t.Errorf("%s: a maximum was put in:\n%s", c.name, s)
			}
			continue
		}
		if s == nil {
			t.Errorf("%s: no maximum was put in", c.name)
			continue
		}
		n := 0
		for _, x := range s.Nodes {
			if x.Op == ugraph.OpMax {
				n++
			}
		}
		if n != c.maxima {
			t.Errorf("%s: %d maxima, want %d\n%s", c.name, n, c.maxima, s)
		}
		in := inputs(t, d)
		want, err := expr.Eval(d, nil, in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expr.Eval(s, nil, in)
		if err != nil {
			t.Fatal(err)
		}
		for j := range want[0] {
			if math.Abs(got[0][j]-want[0][j]) > 1e-12 {
				t.Errorf("%s: element %d is %g, not %g", c.name, j, got[0][j], want[0][j])
			}
		}
		// At large inputs the stabilised program is finite where the program is not.
		for i := range in {
			for j := range in[i] {
				in[i][j] *= 2000
			}
		}
		was, _ := expr.Eval(d, nil, in)
		is, _ := expr.Eval(s, nil, in)
		if finite(was[0]) || !finite(is[0]) {
			t.Errorf("%s: at large inputs %v became %v", c.name, was[0], is[0])
		}
		found := false
		for _, x := range explore(t, d, Options{}).DAGs {
			found = found || expr.Hash(x.DAG) == expr.Hash(s) && x.Stable
		}
		if !found {
			t.Errorf("%s: the stabilised program is not among the results", c.name)
		}
	}
}

func finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// Programs without their maximum have fewer operators; they must not crowd out the others.
func TestOnlyStableResultsByDefault(t *testing.T) {
	d := liftText(t, `program p(X: f32[3, 6], G: f32[6], WQ: f32[6, 8], K: f32[5, 8], V: f32[5, 8], WO: f32[8, 7]) -> (O) {
		Q = rms_norm(X, G, eps=0.01) @ WQ
		O = softmax(matmul(Q, K, transpose_b=true) * 0.5) @ V @ WO
	}`)
	r := explore(t, d, Options{})
	if len(r.DAGs) < 100 || r.Stats.Pruned[pruneUnstable].Count == 0 {
		t.Errorf("%d programs, %+v", len(r.DAGs), r.Stats)
	}
	for _, c := range r.DAGs {
		if !c.Stable {
			t.Errorf("%s", c.Reason)
		}
	}
}

// A variance computed as a difference, or from terms of either sign, is less stable than the program's.
func TestVarianceStaysASumOfSquares(t *testing.T) {
	if testing.Short() {
		t.Skip("a large closure")
	}
	d := liftText(t, `program p(X: f32[2, 6]) -> (Y) { M = mean(X, axis=-1, keepdims=true) Y = mean(square(X - M), axis=-1) }`)
	st := &Stats{Pruned: make([]Count, pruneUnstable+1)}
	c := newClosure(d, Options{NoAbstraction: true, MaxOperators: 5}.withDefaults(), st)
	c.seed(true)
	c.run(t.Context())
	j := newJudge(c, d, d)
	other := liftText(t, `program p(X: f32[2, 6]) -> (Y) { M = mean(X, axis=-1, keepdims=true) Y = mean(X * (X - M), axis=-1) }`)
	if got := j.candidate(other); got.Stable {
		t.Errorf("judged stable:\n%s", other)
	}
	if got := j.candidate(d); !got.Stable {
		t.Errorf("the program itself is judged unstable: %s", got.Reason)
	}
}
