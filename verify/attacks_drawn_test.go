package verify

import (
	"fmt"
	"strings"
	"testing"
)

// drawnPairs differ at integers or labels that are easily not drawn: at one value of a byte, at rows that no index
// reaches in a small table, at a number of columns that is masked, at one size of a symbol.
var drawnPairs = []headPair{
	{"a byte that is an index and compared", "program p(T: f32[100], I: i8[1]) -> (Y) {", "Y = gather(T, I) + where(I < 50, 0, 1)", "Y = gather(T, I)", false},
	{"a byte that is an index and compared, of one entry", "program p(T: f32[100], I: i8[]) -> (Y) {", "Y = gather(T, I) * where(I < 50, 1, 0)", "Y = gather(T, I)", false},
	{"a byte that scatters and is compared", "program p(T: f32[100], I: i8[1], V: f32[1]) -> (Y) {", "Y = sum(scatter_add(T, I, V)) + where(I < 50, 0, 1)", "Y = sum(scatter_add(T, I, V)) + 0 * where(I < 50, 0, 1)", false},
	{"an index that is a number of few values", "program p(T: f32[100], I: i32[5]) -> (Y) { J = cast(I, to=f32)", "Y = gather(T, I) + 0 * J", "Y = gather(T, I) + J * (J - 1) * (J - 2) * (J - 3) * (J - 4) * (J - 5)", false},
	{"all values but one of a byte", "program p(I: u8[1], X: f32[1]) -> (Y) { J = cast(I, to=f32)", "Y = X + 0 * J", "Y = X + " + butOne(77), false},
	{"all values but one of a byte in an exponent", "program p(I: u8[1], X: f32[1]) -> (Y) { J = cast(I, to=f32)", "Y = exp(X) + 0 * J", "Y = exp(X + " + butOne(77) + ")", false},
	{"few values of a byte", "program p(I: u8[4], X: f32[4]) -> (Y) { J = cast(I, to=f32)", "Y = (J - 1) * (J + 1) * X", "Y = (J * J - 1) * X", true},
	{"bytes in an exponent", "program p(I: i8[4], X: f32[4]) -> (Y) { J = cast(I, to=f32)", "Y = exp(J * X) * exp(X)", "Y = exp((J + 1) * X)", true},

	{"computed indices of a table of any size", "program p(T: f32[N], Z: f32[5]) -> (Y) where 1 <= N <= 1000 {", "Y = Z + 0 * gather(T, iota(n=5))", "Y = Z + 0 * gather(T, iota(n=5) * 2)", false},
	{"computed indices, no lookup in the program", "program p(T: f32[N], Z: f32[2]) -> (Y) where 1 <= N <= 1000 {", "Y = Z + sum(T)", "Y = Z + sum(T) + 0 * gather(T, iota(n=2))", false},
	{"computed indices scatter", "program p(T: f32[N], Z: f32[2]) -> (Y) where 1 <= N <= 1000 {", "Y = T", "Y = scatter_add(T, iota(n=2), Z - Z)", false},
	{"computed indices that only the largest size has", "program p(T: f32[100], Z: f32[N]) -> (Y) where 1 <= N <= 100 {", "Y = Z", "Y = Z + 0 * gather(T, iota(n=N) + 1)", false},
	{"the same computed indices", "program p(T: f32[N, 4], Z: f32[5, 4]) -> (Y) where 5 <= N <= 1000 {", "Y = Z + gather(T, iota(n=5))", "Y = gather(T, iota(n=5)) + Z", true},

	{"a short table of one part, a long one of all", "program p(U: f32[2], T: f32[3], I: i32[2]) -> (A, Y) { A = gather(U, slice(I, axis=0, start=0, end=1))  P = slice(T, axis=0, start=0, end=2)  Q = slice(T, axis=0, start=2, end=3)",
		"Y = gather(T, I) + 0 * Q", "Y = gather(concat(P, 0 * Q, axis=0), I)", false},
	{"tables of parts", "program p(U: f32[2, 4], T: f32[20, 4], I: i32[2]) -> (A, Y) { A = gather(U, slice(I, axis=0, start=0, end=1))  M = cast(iota(n=20) < 2, to=f32)  J = slice(I, axis=0, start=1, end=2)",
		"Y = gather(T, J)", "Y = gather(T * reshape(M, shape=[20, 1]), J)", false},
	{"tables of parts of rows", "program p(U: f32[2, 4], T: f32[20, 4], I: i32[2, 3]) -> (A, Y) { A = gather(U, slice(I, axis=0, start=0, end=1))  M = cast(iota(n=20) < 2, to=f32)  J = slice(I, axis=0, start=1, end=2)",
		"Y = gather(T, J)", "Y = gather(T * reshape(M, shape=[20, 1]), J)", false},
	{"a short table beside a scatter", "program p(U: f32[2, 4], T: f32[20], I: i32[2], V: f32[1]) -> (A, Y) { A = gather(U, slice(I, axis=0, start=0, end=1))  M = cast(iota(n=20) < 2, to=f32)  J = slice(I, axis=0, start=1, end=2)",
		"Y = scatter_add(T, J, V)", "Y = T + scatter_add(0 * T, J, V) * M", false},
	{"a shorter table of all", "program p(U: f32[2, 4], T: f32[20, 4], I: i32[2]) -> (A, Y) { A = gather(U, I)", "Y = gather(T, I)", "Y = gather(slice(T, axis=0, start=0, end=2), I)", true},

	{"four of eight masked", "program p(M: bool[8], X: f32[8]) -> (Y) { K = sum(where(M, 1, 0))", "Y = sum(where(M, X, 0)) + 0 * K", "Y = sum(where(M, X, 0)) + K * (K - 4) * (K - 8) * sum(X)", false},
	{"two of four masked in every row", "program p(M: bool[3, 4], X: f32[4, 5]) -> (Y) { W = where(M, 1, 0)  K = sum(W, axis=1, keepdims=true)", "Y = W @ X + 0 * K", "Y = W @ X + K * (K - 2) * (K - 4) * sum(X)", false},
	{"two of four masked beside a maximum", "program p(M: bool[4], X: f32[4]) -> (Y) { K = sum(where(M, 1, 0))", "Y = max(where(M, X, 0)) + 0 * K", "Y = max(where(M, X, 0)) + K * (K - 2) * (K - 4) * sum(X)", false},
	{"a masked sum in two", "program p(M: bool[8], X: f32[8]) -> (Y) {", "Y = sum(where(M, X, 0))", "Y = sum(X) - sum(where(M, 0, X))", true},
	{"a masked maximum in two", "program p(M: bool[3, 9], X: f32[9]) -> (Y) {", "Y = max(where(M, X, 0), axis=1)", "A, B, C = split(where(M, X, 0), axis=1, parts=3)  Y = maximum(max(A, axis=1), maximum(max(C, axis=1), max(B, axis=1)))", true},

	{"an index of 64 bits", "program p(T: f32[20], I: i64[4]) -> (Y) { B = slice(T, axis=0, start=0, end=4)", "Y = scatter_add(T, I, B)", "Y = where(iota(n=20) == 0, T + sum(B), T) + 0 * scatter_add(T, I, B)", false},
	{"positions of a whole table beside rows of a short one", "program p(T: f32[20], I: i32[1]) -> (Y) {", "Y = gather(T, I)", "Y = gather(T, I) + where(gather(iota(n=20), I) == 7, 1, 0)", false},
	{"an index that argmax found, of a table of any size", "program p(X: f32[3], T: f32[N], Z: f32[]) -> (Y) where 1 <= N <= 100 {", "Y = Z", "Y = Z + 0 * gather(T, argmax(X, axis=0))", false},

	{"a truth value of an undefined one", "program p(X: f32[8], Z: f32[8]) -> (Y) {", "Y = Z < X", "Y = exp(log(Z)) < X", false},
	{"an index of an undefined one", "program p(X: f32[8]) -> (Y) {", "Y = argmax(X, axis=0)", "Y = argmax(exp(log(X)), axis=0)", false},
	{"a choice by an undefined one, in pieces", "program p(X: f32[8], Z: f32[8]) -> (Y, K) { K = argmax(X, axis=0)", "Y = where(Z <= 0, X, Z)", "Y = where(Z / Z * Z <= 0, X, Z)", false},
	{"a choice by a logarithm, in pieces", "program p(X: f32[8], Z: f32[8]) -> (Y, K) { K = argmax(X, axis=0)", "B = Z < X  Y = where(B, X, Z)", "B = exp(log(Z)) < X  Y = where(B, X, Z)", false},
	{"a truth value the other way round", "program p(X: f32[8], Z: f32[8]) -> (Y) {", "Y = Z + 1 < X", "Y = X > 1 + Z", true},

	{"the order of a selected value", "program p(X: f32[8], Z: f32[8], W: f32[8]) -> (Y) {", "Y = maximum(W, Z) + 0 * X", "Y = maximum(W, where(Z < W, X, Z)) + 0 * X", false},
	{"the order of a value that two comparisons select", "program p(X: f32[8], Z: f32[8], W: f32[8]) -> (Y) {", "Y = where(W < Z, Z, W) + 0 * X", "S = where(Z < W, X, Z)  Y = where(W < S, S, W) + 0 * X", false},
	{"the order of a value that truth values select", "program p(X: f32[8], Z: f32[8], W: f32[8], M: bool[8], N: bool[8], O: bool[8]) -> (Y) {", "Y = maximum(W, Z) + 0 * X", "Y = maximum(W, where(and(Z < W, and(M, and(N, O))), X, Z)) + 0 * X", false},
	{"the order of four values", "program p(X: f32[8], Z: f32[8], W: f32[8], V: f32[8]) -> (Y) { S = where(Z < W, X, W)  R = where(W < S, V, S)", "Y = maximum(W, Z) + 0 * X + 0 * V", "Y = maximum(maximum(W, Z), where(S < R, where(W < S, R, W), W)) + 0 * X + 0 * V", false},
	{"a clamped value", "program p(X: f32[8], Z: f32[8]) -> (Y) {", "Y = relu(X) + 0 * Z", "S = where(X > 0, Z, X)  Y = where(and(X > 0, S > X), S, relu(X)) + 0 * Z", false},
	{"a selected value", "program p(X: f32[8], Z: f32[8], W: f32[8]) -> (Y) {", "Y = maximum(W, where(X < 0, W, Z))", "Y = maximum(where(X < 0, W, Z), W)", true},

	{"one value and one order", "program p(I: u8[5], X: f32[5], Z: f32[5], W: f32[5]) -> (Y) { R = where(X < Z, X, Z) + where(Z < W, W, Z)", "Y = R", "Y = R + where(and(I == 77, and(X < Z, Z < W)), 1, 0)", false},
	{"one value and ties", "program p(I: u8[5], X: f32[5], Z: f32[5], W: f32[5]) -> (Y) { R = where(X < Z, X, Z) + where(Z < W, W, Z)", "Y = R", "Y = R + where(and(I == 77, and(X == Z, Z == W)), 1, 0)", false},
	{"one value and three signs", "program p(I: u8[5], X: f32[5], Z: f32[5], W: f32[5]) -> (Y) { A = sqrt(X * X)  B = sqrt(Z * Z)  C = sqrt(W * W)", "Y = A + B + C", "Y = A + B + C + where(I == 77, 1, 0) * (A - X) * (B - Z) * (C - W)", false},
}

// butOne is 0 for every value of a byte J but one.
func butOne(value int) string {
	var factors []string
	for k := range 256 {
		if k != value {
			factors = append(factors, fmt.Sprintf("((J - %d) / 64)", k))
		}
	}
	return strings.Join(factors, " * ")
}

// tileIndices compute an index in tiles; of all entries, of the first alone.
var tileIndices = []struct {
	name, program, kernels string
	equal                  bool
}{
	{"the first of every tile", "Y = X + 0 * gather(T, slice(I, axis=0, start=0, end=1) + 1)", "Y = kernel k(X, T, I) grid(a: 8 by 2) { store Y(a=0) = load(X, a=0) + 0 * gather(load(T), slice(load(I, a=0), axis=0, start=0, end=1) + 1) }", false},
	{"the first of every tile, stored", "Y = X + 0 * gather(T, slice(I, axis=0, start=0, end=1) + 1)", "J = kernel k(I) grid(a: 8 by 2) { store J(a=0) = slice(load(I, a=0), axis=0, start=0, end=1) + 1 }  Y = X + 0 * sum(gather(T, J))", false},
	{"all, tile by tile", "Y = X + gather(T, I + 1)", "J = kernel k(I) grid(a: 8 by 3) { store J(a=0) = load(I, a=0) + 1 }  Y = gather(T, J) + X", true},
	{"all, trip by trip", "Y = X + gather(T, I + 1)", "J = kernel k(I) loop(a: 8 by 3) { store J(loop=0) = load(I, loop=0) + 1 }  Y = gather(T, J) + X", true},
	{"all, the tiles summed", "Y = X + 0 * gather(T, I + 1)", "J = kernel k(I) grid(a: 8 by 2) { store J(reduce=sum) = load(I, a=0) + 1 }  Y = X + 0 * sum(gather(T, J), axis=0, keepdims=true)", false},
	{"all, stacked as often as there are blocks", "Y = X + 0 * gather(T, I + 1)", "J = kernel k(I) grid(a: 8 by 4) { store J(a=0) = load(I) + 1 + 1 }  Y = X + 0 * sum(gather(T, J), axis=0, keepdims=true)", false},
}

func TestTileIndices(t *testing.T) {
	head := "(X: f32[8], T: f32[4], I: i32[8]) -> (Y) { "
	for _, p := range tileIndices {
		if r := verifyTexts(t, "program p"+head+p.program+" }", "ugraph p for p"+head+p.kernels+" }", 2); r.Equal != p.equal {
			t.Errorf("%s: equal = %v: %s", p.name, r.Equal, r.Reason)
		}
	}
}

func TestDrawnPairs(t *testing.T) { tryHeadPairs(t, drawnPairs) }
