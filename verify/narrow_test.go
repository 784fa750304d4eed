package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// TestNarrow: what rounds to f8 is no identity, whether a cast says it or the type of a computed result.
func TestNarrow(t *testing.T) {
	const in = `(X: f8e4m3[16, 64], W: f8e4m3[64, 128], V: f8e4m3[128, 32]) -> (Y)`
	const chain = `program p` + in + ` { Y = relu(X @ W) @ V }`
	wide := func(y string) string {
		return `program p` + in + ` { A = cast(X, to=f32) @ cast(W, to=f32)  B = cast(V, to=f32)  Y = cast(` + y + `, to=f8e4m3) }`
	}
	for _, c := range []struct {
		name, a, b string
		equal      bool
	}{
		{"the same", chain, chain, true},
		{"said by casts, in order", chain, wide("relu(cast(cast(A, to=f8e4m3), to=f32)) @ B"), true},
		{"not rounded between", chain, wide("relu(A) @ B"), false},
		{"movement does not round", `program p(X: f8e4m3[4, 6]) -> (Y) { Y = transpose(neg(X)) }`, `program p(X: f8e4m3[4, 6]) -> (Y) { Y = neg(transpose(X)) }`, true},
		{"sums round once", `program p(X: f8e4m3[4, 8]) -> (Y) { Y = sum(X, axis=1) }`,
			`program p(X: f8e4m3[4, 8]) -> (Y) { Y = sum(sum(reshape(X, shape=[4, 2, 4]), axis=2), axis=1) }`, false},
		{"sums of wide numbers", `program p(X: f8e4m3[4, 8]) -> (Y) { Y = sum(X, axis=1) }`,
			`program p(X: f8e4m3[4, 8]) -> (Y) { Y = cast(sum(sum(reshape(cast(X, to=f32), shape=[4, 2, 4]), axis=2), axis=1), to=f8e4m3) }`, true},
	} {
		r, err := Equal(context.Background(), programtest.Parse(t, c.a), programtest.Parse(t, c.b), Options{Seed: 3})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Equal != c.equal {
			t.Errorf("%s: equal = %v: %s", c.name, r.Equal, r.Reason)
		}
	}
}
