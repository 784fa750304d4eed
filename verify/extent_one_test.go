package verify

import (
	"testing"
)

// TestExtentOneBesideSymbol: an extent of 1 is repeated along an axis of a symbol, which has one column
// in an instance where nothing mixes it.
func TestExtentOneBesideSymbol(t *testing.T) {
	const head = "program p(X: f32[S, 8], W: f32[8, 4], C: f32[S, 1], R: f32[1, 4]) -> (Y) where S <= 64 { Y = "
	for _, p := range []struct {
		a, b  string
		equal bool
	}{
		{"X @ W * C + R", "X @ (W * 1) * C + R", true},
		{"X @ W * C + R", "(X * C) @ W + R", true},
		{"X @ W * C + R", "(X @ W + R) * C", false},
		{"X @ W * C + R", "X @ W * sum(C, axis=0, keepdims=true) + R", false},
		{"X @ W * C + R", "X @ W * C + sum(R, axis=1, keepdims=true)", false},
	} {
		r := verifyTexts(t, head+p.a+" }", head+p.b+" }", 1)
		if r.Equal != p.equal {
			t.Errorf("%s and %s: equal %v: %s", p.a, p.b, r.Equal, r.Reason)
		}
	}
}
