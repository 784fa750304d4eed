package verify

import (
	"strings"
	"testing"
)

// headPair is two programs of one head, and whether they are equal.
type headPair struct {
	name, head, a, b string
	equal            bool
}

func tryHeadPairs(t *testing.T, pairs []headPair) {
	t.Helper()
	for _, p := range pairs {
		b := strings.Replace(p.head, "program p", "program q", 1)
		if r := verifyTexts(t, p.head+" "+p.a+" }", b+" "+p.b+" }", 2); r.Equal != p.equal {
			t.Errorf("%s: equal = %v: %s", p.name, r.Equal, r.Reason)
		}
	}
}

// rowPairs look rows up, round to f8, or order what integers make.
var rowPairs = []headPair{
	{"three rows", "program p(T: f32[20], I: i32[4], J: i32[4], K: i32[4]) -> (Y) { A = gather(T, I)  B = gather(T, J)  C = gather(T, K)",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"three rows of any table", "program p(T: f32[N], I: i32[4], J: i32[4], K: i32[4]) -> (Y) where 4 <= N <= 1000 { A = gather(T, I)  B = gather(T, J)  C = gather(T, K)",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"three rows of one index", "program p(T: f32[20, 8], I: i32[3]) -> (Y) { A, B, C = split(gather(T, I), parts=3, axis=0)",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"three rows along axis 1", "program p(T: f32[8, 20], I: i32[3]) -> (Y) { A, B, C = split(gather(T, I, axis=1), parts=3, axis=1)",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"three rows behind a matmul", "program p(T: f32[20, 8], W: f32[8, 4], I: i32[3]) -> (Y) { A, B, C = split(gather(T @ W, I), parts=3, axis=0)",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"three rows of sums of an index", "program p(T: f32[20], I: i32[4], J: i32[4]) -> (Y) { A = gather(T, I)  B = gather(T, J)  C = sum(T)",
		"Y = 0 * A * B * C", "Y = (A - B) * (20 * A - C) * (20 * B - C)", false},
	{"scattered and looked up", "program p(T: f32[20], I: i32[3], V: f32[3]) -> (Y) { A, B, C = split(gather(T, I), parts=3)",
		"Y = scatter_add(T, I, V)", "Y = scatter_add(T, I, V) + (A - B) * (B - C) * (A - C)", false},
	{"rows that argmax found", "program p(X: f32[20], W: f32[20], V: f32[20], T: f32[20]) -> (Y) { A = gather(T, argmax(X, axis=0))  B = gather(T, argmax(W, axis=0))  C = gather(T, argmax(V, axis=0))",
		"Y = 0 * A * B * C", "Y = (A - B) * (B - C) * (A - C)", false},
	{"exchanged indices", "program p(T: f32[20, 8], I: i32[4], J: i32[4]) -> (Y) {", "Y = gather(T, I) - 2 * gather(T, J)", "Y = gather(T, J) - 2 * gather(T, I)", false},
	{"the other table", "program p(T: f32[20, 8], U: f32[20, 8], I: i32[4]) -> (Y) {", "Y = gather(T, I) * gather(U, I)", "Y = gather(T, I) * gather(T, I)", false},
	{"one row is another", "program p(T: f32[20, 8], I: i32[4], J: i32[4]) -> (Y) { E = cast(equal(I, J), to=f32)", "Y = sum(gather(T, I), axis=1)", "Y = sum(gather(T, I), axis=1) * (1 - E)", false},
	{"a sum of rows", "program p(T: f32[20, 8], I: i32[6]) -> (Y) {", "Y = sum(gather(T, I), axis=0)", "Y = sum(sum(reshape(gather(T, I), shape=[2, 3, 8]), axis=1), axis=0)", true},
	{"a matmul before or behind", "program p(T: f32[20, 8], W: f32[8, 4], I: i32[6]) -> (Y) {", "Y = gather(T @ W, I)", "Y = gather(T, I) @ W", true},
	{"softmax over selected rows", "program p(Q: f32[1, 8], K: f32[512, 8], V: f32[512, 8], I: i32[32]) -> (Y) { S = matmul(Q, gather(K, I), transpose_b=true)",
		"Y = softmax(S) @ gather(V, I)", "E = exp(S - max(S, axis=1, keepdims=true))  Y = (E @ gather(V, I)) / sum(E, axis=1, keepdims=true)", true},
	{"scattered in another order", "program p(T: f32[3], I: i32[2], V: f32[2], W: f32[2]) -> (Y) {", "Y = scatter_add(T, I, V + W)", "Y = scatter_add(scatter_add(T, I, V), I, W)", true},

	{"an index out of range that nothing depends on", "program p(X: f16[8], Z: f16[5]) -> (Y) { I = iota(n=5) * 2", "V = scatter_add(X, and(I, 3), Z)  Y = Z + Z", "V = scatter_add(X, I, Z)  Y = Z + Z", false},
	{"an index out of range that a slice leaves out", "program p(X: f16[8]) -> (Y) { I = iota(n=5) * 2", "Y = slice(gather(X, and(I, 7)), axis=0, start=0, end=4)", "Y = slice(gather(X, I), axis=0, start=0, end=4)", false},
	{"an index out of range that where leaves out", "program p(X: f16[8], Z: f16[5]) -> (Y) { I = iota(n=5) * 2", "Y = where(I < 8, gather(X, and(I, 7)), Z)", "Y = where(I < 8, gather(X, I), Z)", false},
	{"an index out of range, times 0", "program p(X: f16[8], Z: f16[5]) -> (Y) { I = iota(n=5) * 2", "Y = Z + 0 * gather(X, and(I, 7))", "Y = Z + 0 * gather(X, I)", false},
	{"computed indices in range", "program p(X: f16[9], Z: f16[5]) -> (Y) { I = iota(n=5) * 2", "Y = Z + gather(X, I)", "J = iota(n=5)  Y = gather(X, J + J) + Z", true},
	{"an index of a part, then of all", "program p(T: f32[20], I: i32[4]) -> (Y) {", "Y = gather(T, slice(I, axis=0, start=0, end=2))", "Y = slice(gather(T, I), axis=0, start=0, end=2)", false},
	{"an index of another part", "program p(T: f32[20], I: i32[4]) -> (Y) { J, K = split(I, parts=2)", "Y = gather(T, J)", "Y = gather(T, J) + 0 * gather(T, K)", false},
	{"an index of selected entries, then of all", "program p(T: f32[20], I: i32[4], J: i32[2]) -> (Y) {", "Y = gather(T, gather(I, J))", "Y = gather(gather(T, I), J)", false},
	{"an index of bytes of a part", "program p(T: f32[300], I: i8[4]) -> (Y) {", "Y = gather(T, slice(I, axis=0, start=0, end=2))", "Y = slice(gather(T, I), axis=0, start=0, end=2)", false},
	{"an index of positive bytes of a part", "program p(T: f32[300], I: u8[4]) -> (Y) {", "Y = gather(T, slice(I, axis=0, start=0, end=2))", "Y = slice(gather(T, I), axis=0, start=0, end=2)", true},
	{"an index of all, then of parts", "program p(T: f32[20], I: i32[4]) -> (Y) { J, K = split(I, parts=2)", "Y = gather(T, I)", "Y = concat(gather(T, J), gather(T, K), axis=0)", true},
	{"an index of one part, moved", "program p(T: f32[20], I: i32[4]) -> (Y) { J = slice(I, axis=0, start=0, end=2)", "Y = reshape(gather(T, J), shape=[2, 1])", "Y = gather(T, reshape(J, shape=[2, 1]))", true},
	{"an index that argmax found, of a shorter table", "program p(X: f32[20], T: f32[10], Z: f32[20]) -> (Y) { J = argmax(X, axis=0)", "Y = Z + 0 * gather(concat(T, T, axis=0), J)", "Y = Z + 0 * gather(T, J)", false},
	{"f8 sums of halves", "program p(X: f8e4m3[1024, 1024]) -> (Y) { A, B = split(slice(X, axis=1, start=0, end=100), parts=2, axis=1)",
		"Y = sum(A, axis=1) + sum(B, axis=1)", "Y = sum(slice(X, axis=1, start=0, end=100), axis=1)", false},
	{"f8 products in another order", "program p(X: f8e4m3[1024, 1024]) -> (Y) { A = slice(X, axis=1, start=0, end=7)", "Y = A * A * A * A", "Y = (A * A) * (A * A)", false},
	{"a small f8 exponential", "program p(X: f8e4m3[8], Z: f32[8]) -> (Y, R) { R = reciprocal(cast(exp(X), to=f32))", "Y = Z + 0", "Y = Z + (R - R)", false},
	{"a small f8 number, in pieces", "program p(X: f32[8], Z: f32[8]) -> (Y, R, K) { R = reciprocal(cast(cast(exp(X), to=f8e4m3), to=f32))  K = argmax(Z, axis=0)",
		"Y = Z + X", "Y = Z + X + (R - R)", false},
	{"a small f8 square, in pieces", "program p(X: f8e4m3[8], Z: f32[8]) -> (Y, R, K) { R = log(cast(square(exp(X)), to=f32))  K = argmax(Z, axis=0)",
		"Y = Z", "Y = Z + (R - R)", false},

	{"the order of an integer", "program p(I: i32[8], X: f32[8]) -> (Y) { N = cast(I, to=f32) + 1000000", "Y = N * X", "Y = relu(N) * X", false},
	{"the order of an integer beside 0 · X", "program p(I: i32[8], X: f32[8]) -> (Y) { N = 0 * X + cast(I, to=f32) + 1000000", "Y = N", "Y = relu(N)", false},
	{"the order of an integer beside X − X", "program p(I: i32[8], X: f32[8]) -> (Y) { N = X - X + cast(I, to=f32) + 1000000", "Y = where(N > 0, X, 0)", "Y = X + 0 * N", false},
	{"the root of an integer", "program p(I: i32[8], X: f32[8]) -> (Y) { N = cast(I, to=f32)", "Y = X", "Y = X + 0 * sqrt(N * N + N)", false},
	{"the maximum of an integer with itself", "program p(I: i32[8]) -> (Y) { N = cast(I, to=f32)", "Y = maximum(N, N - 0) + maximum(N, 3)", "Y = maximum(3, N) + N", true},
}

func TestRowPairs(t *testing.T) { tryHeadPairs(t, rowPairs) }

// tileLookups look entries up in tiles, of a program that looks the first two of eight up.
var tileLookups = []struct {
	name, body string
	equal      bool
}{
	{"the first two of every tile", "Y = kernel k(X, T, I) grid(a: 8 by 4) { g = gather(load(T), slice(load(I, a=0), axis=0, start=0, end=2))  store Y(a=0) = load(X, a=0) + 0 * sum(g, axis=0, keepdims=true) }", false},
	{"the first two of all", "Y = kernel k(X, T, I) grid(a: 8 by 4) { g = gather(load(T), slice(load(I), axis=0, start=0, end=2))  store Y(a=0) = load(X, a=0) + 0 * sum(g, axis=0, keepdims=true) }", false},
	{"the first two, taken before", "J = slice(I, axis=0, start=0, end=2)  Y = kernel k(X, T, J) grid(a: 8 by 4) { g = gather(load(T), load(J))  store Y(a=0) = load(X, a=0) + 0 * sum(g, axis=0, keepdims=true) }", true},
	{"stored in another order", "J = kernel k(I) grid(a: 8 by 4) { store J(a=0) = slice(load(I, a=0), axis=0, start=0, end=2) }  Y = X + 0 * sum(gather(T, slice(J, axis=0, start=2, end=4)), axis=0, keepdims=true)", false},
	{"a sum of blocks", "J = kernel k(I) grid(a: 8 by 4) { store J(reduce=sum) = slice(load(I, a=0), axis=0, start=0, end=2) }  Y = X + 0 * sum(gather(T, J), axis=0, keepdims=true)", false},
}

func TestTileLookups(t *testing.T) {
	head := "(X: f32[8], T: f32[20], I: i32[8]) -> (Y) { "
	a := "program p" + head + "Y = X + 0 * sum(gather(T, slice(I, axis=0, start=0, end=2)), axis=0, keepdims=true) }"
	for _, p := range tileLookups {
		if r := verifyTexts(t, a, "ugraph p for p"+head+p.body+" }", 2); r.Equal != p.equal {
			t.Errorf("%s: equal = %v: %s", p.name, r.Equal, r.Reason)
		}
	}
}
