package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// TestWitness looks at what a reader is shown of a difference.
func TestWitness(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		float      bool
	}{
		{"twice", "program p(X: f32[64, 4096]) -> (Y) { Y = softmax(X) }", "program p(X: f32[64, 4096]) -> (Y) { Y = softmax(2 * X) }", true},
		{"any size", "program p(X: f32[4, S]) -> (Y) where S <= 512 { Y = mean(X, axis=1) }", "program p(X: f32[4, S]) -> (Y) where S <= 512 { Y = sum(X, axis=1) }", true},
		{"too small for float64", "program p(X: f32[4, 8]) -> (Y) { Y = X * 1 }", "program p(X: f32[4, 8]) -> (Y) { Y = X * 1.00000000000000001 }", false},
		{"the scale of a head", "program p(Q: f32[2, 8, 64], K: f32[2, 100, 64], V: f32[2, 100, 64]) -> (Y) { Y = attention(Q, K, V) }",
			"program p(Q: f32[2, 8, 64], K: f32[2, 100, 64], V: f32[2, 100, 64]) -> (Y) { Y = attention(Q, K, V, scale=0.25) }", true},
		{"an integer", "program p(X: f32[4, 8], I: i32[4]) -> (Y) { Y = reshape(I, shape=[2, 2]) }", "program p(X: f32[4, 8], I: i32[4]) -> (Y) { Y = transpose(reshape(I, shape=[2, 2])) }", false},
	} {
		r, err := Equal(context.Background(), programtest.Parse(t, c.a), programtest.Parse(t, c.b), Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Equal || r.Witness == nil {
			t.Errorf("%s: equal %v, witness %v", c.name, r.Equal, r.Witness)
			continue
		}
		x, isFloat := r.Witness.A.(float64)
		y, _ := r.Witness.B.(float64)
		if isFloat != c.float || isFloat && x == y {
			t.Errorf("%s: %v against %v: %s", c.name, r.Witness.A, r.Witness.B, r.Reason)
		}
		t.Log(c.name, *r.Witness, r.Reason)
	}
}
