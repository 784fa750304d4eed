package verify

import (
	"strings"
	"testing"
)

// labelAttacks differ at labels of columns that none, all and every other column do not show, or at
// indices that only one side accepts. Pairs that are equal mask columns alike.
var labelAttacks = []struct {
	name, sig, a, b string
	equal           bool
	reason          string // part of it
}{
	{"pairs of columns, by a reshape of the mask", "M: bool[40], X: f32[20, 2]", "Y = sum(where(reshape(M, shape=[20, 2]), X, 0))",
		"R = reshape(M, shape=[20, 2])\n U = where(R, X, 0)\n V = where(R, 0, X)\n A, B = split(U, parts=2, axis=1)\n C, D = split(V, parts=2, axis=1)\n Y = sum(U) + sum(A * B) * sum(C * D)", false, ""},
	{"the number of labels of a pair", "M: bool[40], X: f32[20, 2]", "Y = sum(where(reshape(M, shape=[20, 2]), X, 0))",
		"R = reshape(M, shape=[20, 2])\n A = sum(where(R, 1, 0), axis=1)\n Y = sum(where(R, X, 0)) + sum(A * (A - 1)) * sum((A - 1) * (A - 2))", false, ""},
	{"four columns by slices after the mask", "M: bool[40], X: f32[40]", "Y = sum(where(M, X, 0))",
		`U = where(M, X, 0)
		V = where(M, 0, X)
		A = sum(slice(U, axis=0, start=0, end=1)) * sum(slice(U, axis=0, start=1, end=2))
		B = sum(slice(V, axis=0, start=2, end=3)) * sum(slice(V, axis=0, start=3, end=4))
		Y = sum(U) + A * B`, false, ""},
	{"halves that are concatenated the other way", "M: bool[40], X: f32[40]", "Y = sum(where(M, X, 0))",
		"U = where(M, X, 0)\n A, B = split(U, parts=2)\n C, D = split(where(M, 0, X), parts=2)\n Y = sum(concat(B, A, axis=0)) + sum(A) * sum(B) * sum(C * D)", false, ""},
	{"rows of a reshape, multiplied", "M: bool[8, 40], X: f32[8, 40]", "Y = sum(where(M, X, 0), axis=1)",
		"U = reshape(where(M, X, 0), shape=[8, 20, 2])\n V = reshape(where(M, 0, X), shape=[8, 20, 2])\n A, B = split(U, parts=2, axis=2)\n C, D = split(V, parts=2, axis=2)\n Y = sum(U, axis=[1, 2]) + sum(A * B, axis=[1, 2]) * sum(C * D, axis=[1, 2])", false, ""},
	{"masked scores, exponentials first", "M: bool[8, 100], X: f32[8, 100], V: f32[100, 16]", "Y = softmax(where(M, X, -inf)) @ V",
		"E = where(M, exp(X), 0)\n Y = (E @ V) / sum(E, axis=1, keepdims=true)", true, ""},
	{"masked scores with an axis of extent 1", "M: bool[8, 100], X: f32[8, 100], V: f32[100, 16]", "Y = softmax(where(M, X, -inf)) @ V",
		"E = where(reshape(M, shape=[8, 1, 100]), exp(reshape(X, shape=[8, 1, 100])), 0)\n F = reshape(E, shape=[8, 100])\n Y = (F @ V) / sum(F, axis=1, keepdims=true)", true, ""},
	{"masked rows, parts of their columns", "M: bool[40], T: f32[40, 8]", "Y = sum(where(reshape(M, shape=[40, 1]), T, 0), axis=0)",
		"A, B = split(T, parts=2, axis=1)\n N = reshape(not(M), shape=[40, 1])\n Y = concat(sum(where(N, 0, A), axis=0), sum(where(N, 0, B), axis=0), axis=0)", true, ""},
	{"an index of a shorter table", "I: i32[5], T: f32[20, 8], U: f32[10, 8]", "Y = gather(T, I)", "Y = gather(T, I) + 0 * gather(U, I)", false, "extent 10"},
	{"a number that becomes an index", "I: i32[5], T: f32[20]", "Y = cast(I, to=f32) + 0 * sum(T)", "Y = cast(I, to=f32) + 0 * gather(T, I)", false, "any integer"},
	{"a computed index of a shorter table", "I: i32[5], T: f32[20, 8], U: f32[10, 8]", "Y = gather(T, I + 1)", "Y = gather(T, I + 1) + 0 * gather(U, I + 1)", false, "extent 10"},
	{"a computed index of a longer table", "I: i32[5], T: f32[20, 8], U: f32[30, 8]", "Y = gather(T, I + 1)", "Y = gather(T, I + 1) + 0 * gather(U, I + 1)", true, ""},
	{"another computed index", "I: i32[5], T: f32[20, 8], U: f32[20, 8]", "Y = gather(T, I + 1)", "Y = gather(T, I + 1) + 0 * gather(U, I + 2)", false, ""},
	{"an index of a longer table", "I: i32[5], T: f32[20, 8], U: f32[30, 8]", "Y = gather(T, I)", "Y = gather(T, I) + 0 * gather(U, I)", true, ""},
}

func TestLabelAttacks(t *testing.T) {
	for _, p := range labelAttacks {
		t.Run(p.name, func(t *testing.T) {
			program := func(body string) string { return "program p(" + p.sig + ") -> (Y) { " + body + " }" }
			r := verifyTexts(t, program(p.a), program(p.b), 1)
			if r.Equal != p.equal || !strings.Contains(r.Reason, p.reason) {
				t.Fatalf("equal %v, want %v: %s", r.Equal, p.equal, r.Reason)
			}
			t.Log(r.Reason)
		})
	}
}
