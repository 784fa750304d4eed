package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// rootPairs have square roots of values that may be negative, in the candidate or for another output only.
var rootPairs = []struct {
	name, head, a, b string
	equal            bool
}{
	{"a root of X·|X|", "program p(X: f32[8]) -> (Y) {", "Y = reciprocal(sqrt(X * X)) * (X / X)", "Y = reciprocal(sqrt(X * sqrt(square(X)))) * (X / X)", false},
	{"a root of the first output", "program p(X: f32[8], Z: f32[8]) -> (Y, U) { U = sqrt(X)", "Y = relu(sqrt(X - Z))", "Y = relu(sqrt(sqrt(X * X) - Z))", false},
	{"|X| where another output needs X ≥ 0", "program p(X: f32[8]) -> (Y, U) { U = sqrt(X)", "Y = X + 0", "Y = sqrt(X * X)", false},
	{"|X| where another row needs X ≥ 0", "program p(X: f32[2]) -> (Y) { A, B = split(X, parts=2)", "Y = concat(sqrt(A), A + 0 * B)", "Y = concat(sqrt(A), sqrt(A * A) + 0 * B)", false},
	{"|W| in a root of a quotient", "program p(X: f32[8], W: f32[8]) -> (Y, U) { U = sqrt(X)", "Y = sqrt(X / W)", "Y = sqrt(X / sqrt(square(W)))", false},
	{"|X| in a root of a quotient, summed", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = sum(sqrt(X / W))", "Y = sum(sqrt(sqrt(square(X)) / W))", false},
	{"a logarithm times 1, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = log(X)", "Y = log(X) * (relu(W) / relu(W))", false},
	{"a logarithm divided by 1, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = log(X)", "Y = log(X) / (relu(W) / relu(W))", false},
	{"a logarithm times 2, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = log(X) * 2", "Y = log(X) * (W / W + 1)", false},
	{"the cosine of 0, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = X", "Y = X * cos(0 * log(W))", false},
	{"the power 0, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = X + 0", "Y = X * pow(log(W), exponent=0)", false},
	{"−∞, where defined", "program p(X: f32[8], W: f32[8]) -> (Y) {", "Y = exp(maximum(-inf, -inf)) + X", "Y = exp(maximum(-inf + log(W), -inf)) + X", false},
	{"an unused root", "program p(X: f32[8]) -> (Y) { U = sqrt(X)", "Y = X + 0", "Y = sqrt(X * X)", false},
	{"a root of the candidate's own, times 0", "program p(X: f32[8]) -> (Y) {", "Y = X + 0", "Y = sqrt(X * X) + 0 * sqrt(X)", false},
	{"a reciprocal root of another output", "program p(X: f32[8], Z: f32[8]) -> (Y, U) { U = rsqrt(Z)", "Y = X * Z", "Y = X * sqrt(Z * Z)", false},
	{"a difference under the root", "program p(X: f32[8], Z: f32[8]) -> (Y, U) { U = sqrt(X - Z)", "Y = X - Z", "Y = sqrt(square(X - Z))", false},
	{"a root that the output depends on", "program p(X: f32[8]) -> (Y) {", "Y = sqrt(X) * X", "Y = sqrt(X) * sqrt(X * X)", true},
	{"the root of a product", "program p(X: f32[8], Z: f32[8]) -> (Y) {", "Y = sqrt(X) * sqrt(Z)", "Y = sqrt(Z) * sqrt(X)", true},
	{"roots of sums of squares", "program p(X: f32[8, 16]) -> (Y) { S = sum(square(X), axis=1, keepdims=true)", "Y = X * rsqrt(S * 0.0625)", "Y = X * 4 / sqrt(S)", true},
}

func TestRootPairs(t *testing.T) {
	for _, p := range rootPairs {
		r, err := Equal(context.Background(), programtest.Parse(t, p.head+" "+p.a+" }"), programtest.Parse(t, p.head+" "+p.b+" }"), Options{Seed: 2})
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		if r.Equal != p.equal {
			t.Errorf("%s: equal = %v: %s", p.name, r.Equal, r.Reason)
		}
	}
}
