package verify

import (
	"testing"
)

// labelPairs have boolean and integer inputs; wrong pairs differ under assignments that random bits or
// integers hardly ever meet.
var labelPairs = []struct {
	name, a, b string
	equal      bool
}{
	{"a mask over keys", "program p(X: f32[8, 100], M: bool[8, 100], V: f32[100, 16]) -> (Y) { Y = softmax(where(M, X, -inf)) @ V }",
		`program p(X: f32[8, 100], M: bool[8, 100], V: f32[100, 16]) -> (Y) { E = where(M, exp(X), 0)
		Y = (E @ V) / sum(E, axis=1, keepdims=true) }`, true},
	{"a mask over keys in a loop", "program p(X: f32[8, 100], M: bool[8, 100], V: f32[100, 16]) -> (Y) { Y = softmax(where(M, X, -inf)) @ V }",
		`ugraph p for p(X: f32[8, 100], M: bool[8, 100], V: f32[100, 16]) -> (Y) {
		Y = kernel k(X, M, V) grid(r: 8 by 4) loop(c: 100 by 32) {
			e = where(load(M, r=0, loop=1), exp(load(X, r=0, loop=1)), 0)
			store Y(r=0) = accum(e @ load(V, loop=0)) / accum(sum(e, axis=1, keepdims=true)) } }`, true},
	{"a mask of attention", "program p(Q: f32[2, 4, 8], K: f32[2, 50, 8], V: f32[2, 50, 8], M: bool[4, 50]) -> (Y) { Y = softmax(where(M, matmul(Q, K, transpose_b=true) * 0.5, -inf)) @ V }",
		"program p(Q: f32[2, 4, 8], K: f32[2, 50, 8], V: f32[2, 50, 8], M: bool[4, 50]) -> (Y) { Y = attention(Q, K, V, M, scale=0.5) }", true},
	{"a mask in the place of its negation", "program p(X: f32[8, 100], M: bool[8, 100]) -> (Y) { Y = sum(where(M, X, 0), axis=1) }",
		"program p(X: f32[8, 100], M: bool[8, 100]) -> (Y) { Y = sum(where(not(M), X, 0), axis=1) }", false},
	{"no key at all", "program p(X: f32[8, 100], M: bool[8, 100]) -> (Y) { Y = sum(where(M, X, 0), axis=1) }",
		"program p(X: f32[8, 100], M: bool[8, 100]) -> (Y) { S = where(M, X, 0)\n N = max(where(M, 1 + 0 * X, 0), axis=1)\n Y = sum(S, axis=1) / N }", false},
	{"all of 64 bits", "program p(X: f32[64], M: bool[64]) -> (Y) { Y = X * 1 }",
		"program p(X: f32[64], M: bool[64]) -> (Y) { Y = where(sum(M, axis=0, keepdims=true) == 64, 0, X) }", false},
	{"all of 64 bits, by a minimum", "program p(X: f32[64], M: bool[64]) -> (Y) { Y = X * 1 }",
		"program p(X: f32[64], M: bool[64]) -> (Y) { Y = where(min(cast(M, to=i32), axis=0, keepdims=true) == 1, 0, X) }", false},
	{"all of 32 bits, by halves", "program p(X: f32[2], M: bool[32]) -> (Y) { Y = X * 1 }",
		"program p(X: f32[2], M: bool[32]) -> (Y) { A, B = split(M, parts=2)\n C, D = split(and(A, B), parts=2)\n E, F = split(and(C, D), parts=2)\n G, H = split(and(E, F), parts=2)\n Y = where(and(G, H), 0, X) }", false},
	{"all of 40 bits, by a product of floats", "program p(X: f32[1], M: bool[40]) -> (Y) { Y = X * 1 }",
		"program p(X: f32[1], M: bool[40]) -> (Y) { F = cast(M, to=f32)\n A, B = split(F, parts=2)\n C, D = split(A * B, parts=2)\n E, G = split(C * D, parts=2)\n Y = X + sum(E * G) * 0 + slice(E * G, axis=0, start=0, end=1) * slice(E * G, axis=0, start=1, end=2) * slice(E * G, axis=0, start=2, end=3) * slice(E * G, axis=0, start=3, end=4) }", false},
	{"two masks", "program p(X: f32[64], Z: f32[64], M: bool[64], N: bool[64]) -> (Y) { Y = where(and(M, N), X, Z) }",
		"program p(X: f32[64], Z: f32[64], M: bool[64], N: bool[64]) -> (Y) { Y = where(M, where(N, X, Z), Z) }", true},
	{"two masks, one of four cases", "program p(X: f32[64], Z: f32[64], M: bool[64], N: bool[64]) -> (Y) { Y = where(and(M, N), X, Z) }",
		"program p(X: f32[64], Z: f32[64], M: bool[64], N: bool[64]) -> (Y) { Y = where(M, X, Z) }", false},
	{"rows by an index", "program p(X: f32[1000, 8], I: i32[16]) -> (Y) { Y = gather(2 * X, I) }",
		"program p(X: f32[1000, 8], I: i32[16]) -> (Y) { Y = 2 * gather(X, I) }", true},
	{"indices that meet", "program p(X: f32[640, 8], I: i32[2], Z: f32[2, 8]) -> (Y) { Y = gather(scatter_add(X * 0, I, Z), I) }",
		"program p(X: f32[640, 8], I: i32[2], Z: f32[2, 8]) -> (Y) { Y = Z * 1 }", false},
	{"indices that meet in a small table", "program p(X: f32[16, 8], I: i32[2], Z: f32[2, 8]) -> (Y) { Y = gather(scatter_add(X * 0, I, Z), I) }",
		"program p(X: f32[16, 8], I: i32[2], Z: f32[2, 8]) -> (Y) { Y = Z * 1 }", false},
	{"8 bits, doubled", "program p(A: u8[64]) -> (Y) { Y = A + A }", "program p(A: u8[64]) -> (Y) { Y = A * 2 }", true},
	{"8 bits, signed, halved", "program p(A: i8[64]) -> (Y) { Y = cast(shift_right(A, 1), to=f32) }",
		"program p(A: i8[64]) -> (Y) { Y = (cast(A, to=f32) - cast(and(A, 1), to=f32)) * 0.5 }", true},
	{"8 bits, one value", "program p(A: u8[64]) -> (Y) { Y = A + 0 }", "program p(A: u8[64]) -> (Y) { Y = where(A == 199, 0, A) }", false},
	{"8 bits that are neighbours", "program p(A: i8[64]) -> (Y) { Y = slice(A, axis=0, start=0, end=63) + 0 }",
		"program p(A: i8[64]) -> (Y) { S = slice(A, axis=0, start=0, end=63)\n T = slice(A, axis=0, start=1, end=64)\n Y = where(and(S == 17, T == 54), 0, S) }", false},
	{"an integer that a kernel moves and the program compares", "program p(A: i32[64], X: f32[64]) -> (Y) { Y = X * 1 }",
		`ugraph p for p(A: i32[64], X: f32[64]) -> (Y) {
		B = kernel k(A) grid(r: 64 by 16) { store B(r=0) = load(A, r=0) }
		Y = where(B == 123456, 0, X) }`, false},
	{"an integer that may be negative", "program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * cast(I, to=f32) }",
		"program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * relu(cast(I, to=f32)) }", false},
	{"an integer beyond a float threshold", "program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * 2 }",
		"program p(X: f32[64], I: i32[64]) -> (Y) { Y = where(cast(I, to=f32) < 2000000, X + X, 0) }", false},
	{"an integer beyond a float threshold, in a kernel", "program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * 2 }",
		`ugraph p for p(X: f32[64], I: i32[64]) -> (Y) {
		Y = kernel k(X, I) grid(r: 64 by 16) {
			x = load(X, r=0)
			store Y(r=0) = where(cast(load(I, r=0), to=f32) < 2000000, x + x, 0) } }`, false},
	{"the sign of an integer beside a mask", "program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * cast(I, to=f32) }",
		"program p(X: f32[64], I: i32[64]) -> (Y) { Y = X * abs(cast(I, to=f32)) }", false},
	{"a boolean as a number", "program p(X: f32[64], M: bool[64]) -> (Y) { Y = X * cast(M, to=f32) }",
		"program p(X: f32[64], M: bool[64]) -> (Y) { Y = X * relu(cast(M, to=f32)) }", true},
	{"rope at negative positions too", "program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = 2 * rope(X, P) }",
		"program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(2 * X, P) }", true},
	{"an integer as a number", "program p(A: i32[64], X: f32[64]) -> (Y) { F = cast(A, to=f32)\n Y = (F + X) * (F - X) }",
		"program p(A: i32[64], X: f32[64]) -> (Y) { F = cast(A, to=f32)\n Y = F * F - X * X }", true},
}

func TestLabels(t *testing.T) {
	for _, p := range labelPairs {
		t.Run(p.name, func(t *testing.T) {
			r := verifyTexts(t, p.a, p.b, 1)
			if r.Equal != p.equal {
				t.Fatalf("equal %v, want %v: %s", r.Equal, p.equal, r.Reason)
			}
			t.Log(r.Tests, r.Reason)
		})
	}
}
