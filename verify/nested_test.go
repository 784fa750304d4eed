package verify

import (
	"testing"
)

// nestedPairs have exponents that depend on inputs through inner exponentials alone, or constants in
// exponents that are no short fractions.
var nestedPairs = []struct {
	name, a, b string
	equal      bool
}{
	{"softmax of softmax", "Y = softmax(softmax(X))", `P = softmax(X)
		E = exp(P)
		Y = E / sum(E, axis=1, keepdims=true)`, true},
	{"softmax of softmax, half the temperature", "Y = softmax(softmax(X))", `P = softmax(X)
		E = exp(P * 0.5)
		Y = E / sum(E, axis=1, keepdims=true)`, false},
	{"softmax of softmax, the inner sum over one less", "Y = softmax(softmax(X))", `F = exp(X)
		P = F / sum(slice(F, axis=1, start=0, end=6), axis=1, keepdims=true)
		Y = softmax(P)`, false},
	{"a product of softmaxes under exp", "Y = exp(softmax(X) * softmax(Z))", "Y = exp(exp(X + Z) / (sum(exp(X), axis=1, keepdims=true) * sum(exp(Z), axis=1, keepdims=true)))", true},
	{"one of them over the other axis", "Y = exp(softmax(X) * softmax(Z))", "Y = exp(exp(X + Z) / (sum(exp(X), axis=1, keepdims=true) * sum(exp(Z), axis=0, keepdims=true)))", false},
	{"silu of silu", "Y = silu(silu(X))", "Y = silu(X) / (1 + exp(-X / (1 + exp(-X))))", true},
	{"silu of silu, one sign", "Y = silu(silu(X))", "Y = silu(X) / (1 + exp(X / (1 + exp(-X))))", false},
	{"exp of exp, squared", "Y = square(exp(exp(X)))", "Y = exp(2 * exp(X))", true},
	{"exp of exp of twice", "Y = square(exp(exp(X)))", "Y = exp(exp(2 * X))", false},
	{"a constant with ten digits", "Y = exp(X * 2 + 0.0123456789) / exp(X)", "Y = exp(X + 0.0123456789)", true},
	{"two constants with ten digits", "Y = exp(X + 0.0123456789) * exp(Z + 0.0987654321)", "Y = exp(X + Z + (0.0123456789 + 0.0987654321))", true},
	{"a constant with ten digits, one wrong", "Y = exp(X * 2 + 0.0123456789) / exp(X)", "Y = exp(X + 0.0123456788)", false},
	{"the negative of a constant", "Y = exp(X - 0.0123456789)", "Y = exp(X + 0.0123456789)", false},
	{"a constant and its double", "Y = square(exp(X + 0.0123456789))", "Y = exp(2 * X + 0.0123456789)", false},
}

// TestNestedExponents decides programs whose exponents need the inner exponentials as variables, or
// literals as variables.
func TestNestedExponents(t *testing.T) {
	const head = "program p(X: f32[6, 7], Z: f32[6, 7]) -> (Y) { "
	for _, p := range nestedPairs {
		t.Run(p.name, func(t *testing.T) {
			r := verifyTexts(t, head+p.a+" }", head+p.b+" }", 1)
			if r.Equal != p.equal {
				t.Fatalf("equal %v, want %v: %s", r.Equal, p.equal, r.Reason)
			}
			t.Log(r.Reason, r.Tests, r.ErrorLog2, r.Checks)
		})
	}
}
