package verify

import "testing"

// endAttacks are wrong pairs that differ where an axis ends, or where something is defined: masks that overlap or are empty on
// axes that are shorter than the small instance, or than each other; and conditions that hold for other entries only.
var endAttacks = []struct{ name, a, b string }{
	{"start and end overlap", `program p(X: f32[8, S]) -> (Y) where 1 <= S <= 8192 { Y = X * 0 }`,
		`program p(X: f32[8, S]) -> (Y) where 1 <= S <= 8192 { I = iota(n=S)
		 L = max(I, keepdims=true)
		 Y = where(and(I < 5, I > L - 5), X, 0) }`},
	{"columns of both ends", `program p(X: f32[8, S]) -> (Y) where 2 <= S <= 8192 { Y = sum(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where 2 <= S <= 8192 { I = iota(n=S)
		 L = max(I, keepdims=true)
		 Y = sum(X, axis=1) + sum(where(and(I < 2, L - I < 2), X, 0), axis=1) }`},
	{"both ends of sixteen", `program p(X: f32[8, S]) -> (Y) where 16 <= S <= 8192, S % 16 == 0 { I = iota(n=S)
		 L = max(I, keepdims=true)
		 Y = where(I < 16, X, where(L - I < 16, X * 2, X * 3)) }`,
		`program p(X: f32[8, S]) -> (Y) where 16 <= S <= 8192, S % 16 == 0 { I = iota(n=S)
		 L = max(I, keepdims=true)
		 Y = where(L - I < 16, X * 2, where(I < 16, X, X * 3)) }`},
	{"no column on a short axis", `program p(X: f32[S]) -> (Y) where 1 <= S <= 8192 { Y = X * 1 }`,
		`program p(X: f32[S]) -> (Y) where 1 <= S <= 8192 { M = where(iota(n=S) >= 5, 1.0, 0.0)
		 Y = X * max(M, keepdims=true) }`},
	{"the fifth of four columns", `program p(X: f32[S]) -> (Y) where 4 <= S <= 4096 { I = iota(n=S)
		 Y = X * max(where(I == 3, 1.0, 0.0), keepdims=true) }`,
		`program p(X: f32[S]) -> (Y) where 4 <= S <= 4096 { I = iota(n=S)
		 Y = X * max(where(I == 4, 1.0, 0.0), keepdims=true) }`},
	{"rows beyond all columns", `program p(X: f32[64, 32]) -> (Y) { Y = X * 1 }`,
		`program p(X: f32[64, 32]) -> (Y) { I = reshape(iota(n=64), shape=[64,1])
		 J = reshape(iota(n=32), shape=[1,32])
		 M = where(J >= I, 1.0, 0.0)
		 Y = X * max(M, axis=1, keepdims=true) }`},
	{"rows without their column", `program p(X: f32[64, 32]) -> (Y) { Y = X * 1 }`,
		`program p(X: f32[64, 32]) -> (Y) { I = reshape(iota(n=64), shape=[64,1])
		 J = reshape(iota(n=32), shape=[1,32])
		 Y = X * max(where(J == I, 1.0, 0.0), axis=1, keepdims=true) }`},
	{"sums of no columns", `program p(X: f32[64, 32], V: f32[32, 8]) -> (Y) { I = reshape(iota(n=64), shape=[64,1])
		 J = reshape(iota(n=32), shape=[1,32])
		 E = where(J >= I, exp(X), 0)
		 Y = (E @ V) * sum(E, axis=1, keepdims=true) }`,
		`program p(X: f32[64, 32], V: f32[32, 8]) -> (Y) { I = reshape(iota(n=64), shape=[64,1])
		 J = reshape(iota(n=32), shape=[1,32])
		 E = where(J >= I, exp(X), 0)
		 S = sum(E, axis=1, keepdims=true)
		 Y = (E @ V) / S * S * S }`},
	{"sums of no columns in a loop", `program p(X: f32[64, 32], V: f32[32, 8]) -> (Y) { I = reshape(iota(n=64), shape=[64,1])
		 J = reshape(iota(n=32), shape=[1,32])
		 Y = where(J >= I, exp(X), 0) @ V }`,
		`ugraph p for p(X: f32[64, 32], V: f32[32, 8]) -> (Y) { Y = kernel k(X, V) loop(c: 32 by 8) {
		 i = reshape(load(iota(n=64)), shape=[64, 1])
		 j = reshape(load(iota(n=32), loop=0), shape=[1, 8])
		 e = where(j >= i, exp(load(X, loop=1)), 0)
		 s = accum(sum(e, axis=1, keepdims=true))
		 store Y() = accum(e @ load(V, loop=0)) * s / s } }`},
	{"more queries than keys", `program p(Q: f32[1, T, 8], K: f32[1, S, 8], V: f32[1, S, 8]) -> (Y) where T <= 512, S <= 512 { Y = attention(Q, K, V, causal=true, scale=1) }`,
		`program p(Q: f32[1, T, 8], K: f32[1, S, 8], V: f32[1, S, 8]) -> (Y) where T <= 512, S <= 512 { i = iota(n=T)
		 j = iota(n=S)
		 I = reshape(i, shape=[T,1])
		 J = reshape(j, shape=[1,S])
		 Y = softmax(where(J - max(J) <= I - max(I), matmul(Q, K, transpose_b=true), -inf)) @ V }`},
	{"a fact of another output", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = Z / exp(log(X))
		 Y = Z + 0 * X }`,
		`program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = Z / exp(log(X))
		 Y = X * Z / X }`},
	{"a fact of another entry", `program p(X: f32[8], Z: f32[8]) -> (Y) { Y = concat(Z / exp(log(X)), Z + 0 * X, axis=0) }`,
		`program p(X: f32[8], Z: f32[8]) -> (Y) { Y = concat(Z / exp(log(X)), X * Z / X, axis=0) }`},
	{"a comparison for another output", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = where(Z / X < 1, Z, X)
		 Y = Z + 0 * X }`,
		`program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = where(Z / X < 1, Z, X)
		 Y = X * (Z / X) }`},
	{"an order for another output", `program p(X: f32[4], Z: f32[4]) -> (U, Y) { U = argmax(Z / X, axis=0)
		 Y = Z + 0 * X }`,
		`program p(X: f32[4], Z: f32[4]) -> (U, Y) { U = argmax(Z / X, axis=0)
		 Y = X * Z / X }`},
	{"a comparison in another branch", `program p(X: f32[8], Z: f32[8], M: bool[8]) -> (Y) { Y = where(M, where(Z / X < 1, Z, X), Z + X) }`,
		`program p(X: f32[8], Z: f32[8], M: bool[8]) -> (Y) { Y = where(M, where(Z / X < 1, Z, X), Z + X * X / X) }`},
	{"a window on a short axis", `program p(X: f32[S, S]) -> (Y) where S <= 4096 { I = reshape(iota(n=S), shape=[S, 1])  J = reshape(iota(n=S), shape=[1, S])  Y = X * max(where(J - I == 3, 1.0, 0.0), keepdims=true) }`,
		`program p(X: f32[S, S]) -> (Y) where S <= 4096 { Y = X * 1 }`},
	{"columns before all rows", `program p(X: f32[32, 64]) -> (Y) { I = reshape(iota(n=32), shape=[32, 1])  J = reshape(iota(n=64), shape=[1, 64])  Y = X * max(where(I >= J, 1.0, 0.0), axis=0, keepdims=true) }`,
		`program p(X: f32[32, 64]) -> (Y) { Y = X * 1 }`},
	{"a strict mask of one row", `program p(X: f32[S, S]) -> (Y) where S <= 64 { I = reshape(iota(n=S), shape=[S, 1])  J = reshape(iota(n=S), shape=[1, S])  Y = X * max(where(J < I, 1.0, 0.0), keepdims=true) }`,
		`program p(X: f32[S, S]) -> (Y) where S <= 64 { Y = X * 1 }`},
	{"a fact through a root", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = Z / sqrt(exp(log(X)))  Y = Z + 0 * X }`,
		`program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = Z / sqrt(exp(log(X)))  Y = X * Z / X }`},
	{"a fact of a power", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = log(exp(log(X)))  Y = Z + 0 * X }`,
		`program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = log(X)  Y = X * Z * reciprocal(X) }`},
	{"a maximum for another output", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = where(log(X) < 1, Z, X)  Y = Z + 0 * X }`,
		`program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = where(log(X) < 1, Z, X)  Y = Z * exp(log(X) - log(X)) }`},
	{"a fact in another kernel", `program p(X: f32[8], Z: f32[8]) -> (U, Y) { U = Z / exp(log(X))  Y = Z + 0 * X }`,
		`ugraph p for p(X: f32[8], Z: f32[8]) -> (U, Y) { U = kernel u(X, Z) { store U = load(Z) / exp(log(load(X))) }
		Y = kernel y(X, Z) { x = load(X)
		store Y = x * load(Z) / x } }`},
}

func TestEndAttacks(t *testing.T) {
	t.Parallel()
	for _, p := range endAttacks {
		t.Run(p.name, func(t *testing.T) {
			r := verifyTexts(t, p.a, p.b, 1)
			if r.Equal {
				t.Error("accepted")
			}
			t.Log(r.Reason)
		})
	}
}
