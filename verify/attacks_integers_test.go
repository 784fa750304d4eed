package verify

import (
	"fmt"
	"testing"
)

// integerAttacks are pairs that differ at sizes, positions or integers that a small instance with small
// integers does not have.
var integerAttacks = []struct{ name, a, b string }{
	{"the 64th power of a strictly causal matrix", `program p(M: f32[128, 128]) -> (Y) { I = reshape(iota(n=128), shape=[128, 1])
		J = reshape(iota(n=128), shape=[1, 128])
		T0 = where(J < I, M, 0)
		T1 = T0 @ T0
		T2 = T1 @ T1
		T3 = T2 @ T2
		T4 = T3 @ T3
		T5 = T4 @ T4
		T6 = T5 @ T5
		Y = T6 + 0 }`, `program p(M: f32[128, 128]) -> (Y) { Y = M * 0 }`},
	{"the 64th power of a strictly causal matrix, symbolic", `program p(M: f32[S, S]) -> (Y) where S <= 8192 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		T0 = where(J < I, M, 0)
		T1 = T0 @ T0
		T2 = T1 @ T1
		T3 = T2 @ T2
		T4 = T3 @ T3
		T5 = T4 @ T4
		T6 = T5 @ T5
		Y = T6 + 0 }`, `program p(M: f32[S, S]) -> (Y) where S <= 8192 { Y = M * 0 }`},
	{"a determinant of products over more columns than the instance's", `program p(X: f32[3, 4096], Z: f32[4096, 3]) -> (Y) { G = X @ Z
		A, B, C = split(G, parts=3, axis=0)
		A0, A1, A2 = split(A, parts=3, axis=1)
		B0, B1, B2 = split(B, parts=3, axis=1)
		C0, C1, C2 = split(C, parts=3, axis=1)
		Y = A0 * (B1 * C2 - B2 * C1) - A1 * (B0 * C2 - B2 * C0) + A2 * (B0 * C1 - B1 * C0) }`,
		`program p(X: f32[3, 4096], Z: f32[4096, 3]) -> (Y) { Y = sum(sum(X @ Z * 0, axis=0, keepdims=true), axis=1, keepdims=true) }`},
	{"a determinant of products in each of 64 tiles", `program p(X: f32[3, 256], Z: f32[256, 3]) -> (Y) { Y = sum(sum(X @ Z * 0, axis=0, keepdims=true), axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[3, 256], Z: f32[256, 3]) -> (Y) {
		Y = kernel k(X, Z) loop(c: 256 by 4) {
			G = load(X, loop=1) @ load(Z, loop=0)
			A, B, C = split(G, parts=3, axis=0)
			A0, A1, A2 = split(A, parts=3, axis=1)
			B0, B1, B2 = split(B, parts=3, axis=1)
			C0, C1, C2 = split(C, parts=3, axis=1)
			d = A0 * (B1 * C2 - B2 * C1) - A1 * (B0 * C2 - B2 * C0) + A2 * (B0 * C1 - B1 * C0)
			store Y() = accum(d + 1) - 64 } }`},
	{"a mask from the end of other axes", "program p(X: f32[T, S]) -> (Y) where T <= 8192, S <= 8192 {" + positions("T", "S") + `Y = where(J <= I, X, 0) }`,
		"program p(X: f32[T, S]) -> (Y) where T <= 8192, S <= 8192 {" + positions("T", "S") + `Y = where(J - max(J, axis=1, keepdims=true) <= I - max(I, axis=0, keepdims=true), X, 0) }`},
	{"a mask from the end of axes of 300 and 500", "program p(X: f32[300, 500]) -> (Y) {" + positions("300", "500") + `Y = where(J <= I, X, 0) }`,
		"program p(X: f32[300, 500]) -> (Y) {" + positions("300", "500") + `Y = where(J - max(J, axis=1, keepdims=true) <= I - max(I, axis=0, keepdims=true), X, 0) }`},
	{"linear attention, its mask from the end", "program p(Q: f32[T, 16], K: f32[S, 16], V: f32[S, 16]) -> (Y) where T <= 4096, S <= 4096 {" + positions("T", "S") +
		`Y = where(J - max(J, axis=1, keepdims=true) <= I - max(I, axis=0, keepdims=true), matmul(Q, K, transpose_b=true), 0) @ V }`,
		"program p(Q: f32[T, 16], K: f32[S, 16], V: f32[S, 16]) -> (Y) where T <= 4096, S <= 4096 {" + positions("T", "S") +
			`Y = where(J <= I, matmul(Q, K, transpose_b=true), 0) @ V }`},
	{"causal attention of T queries and S keys, its mask from the start", `program p(Q: f32[1, 1, T, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where T <= 8192, S <= 8192 { Y = attention(Q, K, V, scale=1, causal=true) }`,
		"program p(Q: f32[1, 1, T, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where T <= 8192, S <= 8192 {" + positions("T", "S") +
			`Y = softmax(where(J <= I, matmul(Q, K, transpose_b=true), -inf)) @ V }`},
	{"causal attention, the own key left out", "program p(Q: f32[1, 1, S, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where S <= 4096 { Y = attention(Q, K, V, scale=0.25, causal=true) }",
		"program p(Q: f32[1, 1, S, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where S <= 4096 {" + positions("S", "S") +
			`Y = softmax(where(J < maximum(I, 1), matmul(Q, K, transpose_b=true) * 0.25, -inf)) @ V }`},
	{"greatest positions compared", `program p(X: f32[8], Z: f32[8]) -> (Y) { Y = where(max(iota(n=4096)) < max(iota(n=5000)), X, Z) }`, `program p(X: f32[8], Z: f32[8]) -> (Y) { Y = Z + 0*X }`},
	{"a product of literals", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X + 0 }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 8192 {" + positions("8", "S") + `Y = where(J < const(value=1000, dtype=i32) * const(value=8, dtype=i32), X, 0) }`},
	{"a shifted literal", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X + 0 }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 8192 {" + positions("8", "S") + `Y = where(J < shift_left(const(value=1, dtype=i32), 12), X, 0) }`},
	{"literals that add up", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X + 0 }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 8192 {" + positions("8", "S") + `Y = where(J + 1000 < const(value=3000, dtype=i32) + 3000, X, 0) }`},
	{"a position 1024 times", "program p(X: f32[S, S], Z: f32[S, S]) -> (Y) where S <= 8192 {" + positions("S", "S") + `Y = where(J <= 0, X, Z) }`,
		"program p(X: f32[S, S], Z: f32[S, S]) -> (Y) where S <= 8192 {" + positions("S", "S") + doubled(10) + `Y = where(J10 <= I, X, Z) }`},
	{"a position that wraps", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X + 0 }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 8192 {" + positions("8", "S") + doubled(20) + `Y = where(J20 >= 0, X, 0) }`},
	{"a position that saturates", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X + 0 }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 8192 {" + positions("8", "S") + `Y = where(cast(cast(J, to=i8), to=i32) == J, X, 0) }`},
	{"the sum of two positions", "program p(X: f32[S, S]) -> (Y) where S <= 8192 { Y = X + 0 }",
		"program p(X: f32[S, S]) -> (Y) where S <= 8192 {" + positions("S", "S") + `Y = where(J + I < max(J, axis=1, keepdims=true) + max(I, axis=0, keepdims=true), X, 0) }`},
	{"positions within tiles of 64", `program p(X: f32[8, 512]) -> (Y) { Y = X * 1 }`,
		`ugraph p for p(X: f32[8, 512]) -> (Y) {
		Y = kernel k(X) grid(c: 512 by 64) {
			x = load(X, c=1)
			store Y(c=1) = where(reshape(load(iota(n=64)), shape=[1, 64]) < 50, x, 0) } }`},
	{"a band in a loop", "program p(X: f32[256, 256]) -> (Y) {" + positions("256", "256") + `Y = sum(where(J > I - 20, X, 0), axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[256, 256]) -> (Y) {
		Y = kernel k(X) loop(c: 256 by 64) {
			i = reshape(load(iota(n=256)), shape=[256, 1])
			j = reshape(load(iota(n=256), loop=0), shape=[1, 64])
			store Y() = accum(sum(where(j > i - 19, load(X, loop=1), 0), axis=1, keepdims=true)) } }`},
	{"a cast that saturates, i8", "program p(I: i8[64]) -> (Y) { Y = cast(I, to=f32) }", "program p(I: i8[64]) -> (Y) { Y = cast(cast(I, to=u8), to=f32) }"},
	{"a cast that saturates, u8", "program p(I: u8[64]) -> (Y) { Y = cast(I, to=f32) }", "program p(I: u8[64]) -> (Y) { Y = cast(cast(I, to=i8), to=f32) }"},
	{"a cast that saturates, i64", "program p(I: i64[64]) -> (Y) { Y = cast(I, to=f32) }", "program p(I: i64[64]) -> (Y) { Y = cast(cast(I, to=i32), to=f32) }"},
	{"an index that saturates", "program p(X: f32[1000, 4], I: i32[16]) -> (Y) { Y = gather(X, I) }", "program p(X: f32[1000, 4], I: i32[16]) -> (Y) { Y = gather(X, cast(cast(I, to=i8), to=i32)) }"},
	{"a position that saturates", "program p(X: f32[4, 16], Q: i8[4]) -> (Y) { Y = rope(X, cast(Q, to=i32)) }", "program p(X: f32[4, 16], Q: i8[4]) -> (Y) { Y = rope(X, cast(cast(Q, to=u8), to=i32)) }"},
	{"an integer that is hardly ever 0", "program p(I: i32[64], X: f32[64]) -> (Y) { Y = cast(cast(I, to=bool), to=f32) * X }", "program p(I: i32[64], X: f32[64]) -> (Y) { Y = X + 0 }"},
	{"32 bits, counted", "program p(X: f32[8], M: bool[8, 32]) -> (Y) { Y = where(sum(M, axis=1) == 32, X + 1, X) }", "program p(X: f32[8], M: bool[8, 32]) -> (Y) { Y = X + 0 }"},
	{"64 bits of two inputs", "program p(X: f32[8], M: bool[8, 64], N: bool[8, 64]) -> (Y) { Y = X * (sum(cast(xor(M, N), to=f32), axis=1) - sum(cast(xor(N, M), to=f32), axis=1) + 1) }",
		"program p(X: f32[8], M: bool[8, 64], N: bool[8, 64]) -> (Y) { Y = where(sum(xor(M, N), axis=1) == 0, X + 1, X) }"},
	{"operators of integers for each other", "program p(I: i32[64]) -> (Y) { Y = I + 1 }", "program p(I: i32[64]) -> (Y) { Y = I - 1 }"},
	{"one of two choices by the same comparison", "program p(I: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = where(I == 123456, Z, X) }", "program p(I: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = where(I == 123456, 2 * Z, X) }"},
	{"a comparison the other way", "program p(I: i32[64], J: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = where(I < J, Z, X) }", "program p(I: i32[64], J: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = where(J < I, Z, X) }"},
	{"rows by computed indices", "program p(X: f32[1000, 4], I: i32[16]) -> (Y) { Y = gather(X, minimum(I + 1, 999)) }", "program p(X: f32[1000, 4], I: i32[16]) -> (Y) { Y = gather(X, minimum(I + 2, 999)) }"},
	{"a number that is not negative", "program p(I: i32[64]) -> (Y) { Y = relu(cast(I * I, to=f32)) }", "program p(I: i32[64]) -> (Y) { Y = cast(I * I, to=f32) }"},
	{"a rare value of a sum, by floats", "program p(I: i32[64], X: f32[64]) -> (Y) { Y = maximum(cast(I + 1, to=f32), -1000000) * X }", "program p(I: i32[64], X: f32[64]) -> (Y) { Y = cast(I + 1, to=f32) * X }"},
	{"sixteen conditions", "program p(I: i32[8, 16], X: f32[8]) -> (Y) { F = cast(I == 5, to=f32)\n A, B = split(F, parts=2, axis=1)\n C, D = split(A * B, parts=2, axis=1)\n E, G = split(C * D, parts=2, axis=1)\n H, K = split(E * G, parts=2, axis=1)\n Y = X * (1 - reshape(H * K, shape=[8])) }",
		"program p(I: i32[8, 16], X: f32[8]) -> (Y) { Y = X * 1 }"},
}

// integerPairs are the same programs.
var integerPairs = []struct{ name, a, b string }{
	{"causal attention by its definition, symbolic", "program p(Q: f32[1, 1, S, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where S <= 4096 { Y = attention(Q, K, V, scale=0.25, causal=true) }",
		"program p(Q: f32[1, 1, S, 16], K: f32[1, 1, S, 16], V: f32[1, 1, S, 16]) -> (Y) where S <= 4096 {" + positions("S", "S") +
			`Y = softmax(where(J <= I, matmul(Q, K, transpose_b=true) * 0.25, -inf)) @ V }`},
	{"an integer and one", "program p(I: i32[64]) -> (Y) { Y = I + 1 }", "program p(I: i32[64]) -> (Y) { Y = 1 + I }"},
	{"a choice by integers", "program p(I: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = where(I < 5, X + Z, X) }", "program p(I: i32[64], X: f32[64], Z: f32[64]) -> (Y) { Y = X + where(5 > I, Z, 0) }"},
	{"rows by a computed index, in a kernel", "program p(X: f32[1000, 64], I: i32[16], W: f32[64, 8]) -> (Y) { Y = gather(X, I + 1) @ W }",
		`ugraph p for p(X: f32[1000, 64], I: i32[16], W: f32[64, 8]) -> (Y) {
		J = I + 1
		R = gather(X, J)
		Y = kernel k(R, W) grid(r: 16 by 4) loop(c: 64 by 16) { store Y(r=0) = accum(load(R, r=0, loop=1) @ load(W, loop=0)) } }`},
	{"integers computed in a kernel", "program p(I: i32[64], X: f32[64, 8]) -> (Y) { Y = cast(reshape(I * I - 3, shape=[64, 1]), to=f32) * X }",
		`ugraph p for p(I: i32[64], X: f32[64, 8]) -> (Y) {
		Y = kernel k(I, X) grid(r: 64 by 16) { i = load(I, r=0)
			store Y(r=0) = load(X, r=0) * cast(reshape(i * i - 3, shape=[16, 1]), to=f32) } }`},
	{"a matrix to the third", `program p(M: f32[S, S]) -> (Y) where S <= 4096 { Y = M @ M @ M }`, `program p(M: f32[S, S]) -> (Y) where S <= 4096 { Y = M @ (M @ M) }`},
}

// shortPairs are right ones that are undecided: at sizes below the small instance's the masks have outcomes of their own,
// and so they may have where one axis is longer than the other.
var shortPairs = []struct{ name, a, b string }{
	{"linear attention by parts", "program p(Q: f32[T, 16], K: f32[S, 16], V: f32[S, 16]) -> (Y) where T <= 4096, S <= 4096 {" + positions("T", "S") +
		`Y = where(J <= I, matmul(Q, K, transpose_b=true), 0) @ V }`,
		"program p(Q: f32[T, 16], K: f32[S, 16], V: f32[S, 16]) -> (Y) where T <= 4096, S <= 4096 {" + positions("T", "S") +
			`Y = (cast(J < I + 1, to=f32) * matmul(Q, K, transpose_b=true)) @ V }`},
	{"a window of 5", "program p(X: f32[S, S]) -> (Y) where S <= 4096 {" + positions("S", "S") + `Y = sum(where(and(J <= I, J > I - 5), X, 0), axis=1) }`,
		"program p(X: f32[S, S]) -> (Y) where S <= 4096 {" + positions("S", "S") + `Y = sum(where(J <= I, X, 0), axis=1) - sum(where(J <= I - 5, X, 0), axis=1) }`},
	{"all but the last five", "program p(X: f32[8, S]) -> (Y) where S <= 4096 {" + positions("8", "S") + `Y = where(J <= max(J, axis=1, keepdims=true) - 5, X, 0) }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 4096 {" + positions("8", "S") + `Y = where(max(J, axis=1, keepdims=true) - J > 4, X, 0) }`},
	{"causal attention, aligned to the end", `program p(X: f32[T, S]) -> (Y) where T <= 8192, S <= 8192 {` + positions("T", "S") + `Y = where(J - max(J, axis=1, keepdims=true) <= I - max(I, axis=0, keepdims=true), X, 0) }`,
		`program p(X: f32[T, S]) -> (Y) where T <= 8192, S <= 8192 {` + positions("T", "S") + `Y = where(I - max(I, axis=0, keepdims=true) + max(J, axis=1, keepdims=true) < J, 0, X) }`},
	{"a product of literals in reach", "program p(X: f32[8, S]) -> (Y) where S <= 4096 {" + positions("8", "S") + `Y = where(J < const(value=5, dtype=i32) * const(value=8, dtype=i32), X, 0) }`,
		"program p(X: f32[8, S]) -> (Y) where S <= 4096 {" + positions("8", "S") + `Y = where(J >= 40, 0, X) }`},
}

// positions are the positions of rows and columns of a matrix, as text.
func positions(rows, columns string) string {
	return " I = reshape(iota(n=" + rows + "), shape=[" + rows + ", 1])\n J = reshape(iota(n=" + columns + "), shape=[1, " + columns + "])\n "
}

// doubled are the columns' positions, doubled n times, as text.
func doubled(n int) string {
	text := " J0 = J + 0\n "
	for i := range n {
		text += fmt.Sprintf("J%d = J%d + J%d\n ", i+1, i, i)
	}
	return text
}

func TestIntegerAttacks(t *testing.T) {
	t.Parallel()
	check := func(name, a, b string, want bool) {
		t.Run(name, func(t *testing.T) {
			r := verifyTexts(t, a, b, 1)
			if r.Equal != want {
				t.Fatalf("equal = %v, want %v: %s %v", r.Equal, want, r.Reason, r.Checks)
			}
			t.Log(r.Reason)
		})
	}
	for _, p := range integerAttacks {
		check(p.name, p.a, p.b, false)
	}
	for _, p := range integerPairs {
		check(p.name, p.a, p.b, true)
	}
	for _, p := range shortPairs {
		check(p.name, p.a, p.b, false)
	}
}
