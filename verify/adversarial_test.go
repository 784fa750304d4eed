package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// attack is a right μGraph and edits of its text, each of which makes it another program.
type attack struct {
	name, program, right string
	edits                [][2]string // text, its replacement; the first occurrence
}

var attacks = []attack{
	{"online softmax", `program p(Q: f32[2, 12, 8], K: f32[2, 8, 40], V: f32[2, 40, 8]) -> (O) { O = softmax(Q @ K) @ V }`,
		`ugraph p for p(Q: f32[2, 12, 8], K: f32[2, 8, 40], V: f32[2, 40, 8]) -> (O) {
    O = kernel k(V, Q, K) grid(a: 2 by 1) loop(d: 40 by 16) {
        v = load(V, a=0, loop=1)
        s = load(Q, a=0) @ load(K, a=0, loop=2)
        m = accum(max(s, axis=2, keepdims=true), kind=max)
        r = running(m)
        e = exp(s - r)
        f = exp(previous(m) - r)
        o = accum(e @ v, f)
        d = accum(sum(e, axis=2, keepdims=true), f)
        store O(a=0) = o / d
    }
}`, [][2]string{
			{"accum(e @ v, f)", "accum(e @ v)"},
			{"keepdims=true), f)", "keepdims=true))"},
			{"exp(previous(m) - r)", "exp(r - previous(m))"},
			{"exp(previous(m) - r)", "exp(running(m) - r)"},
			{"e = exp(s - r)", "e = exp(s - max(s, axis=2, keepdims=true))"},
			{"o = accum(e @ v, f)", "o = accum(exp(s - max(s, axis=2, keepdims=true)) @ v, f)"},
			{"accum(e @ v, f)", "accum(e @ v, f * f)"},
			{"d = accum(sum(e,", "d = accum(max(e,"},
			{"d = accum(sum(e,", "d = accum(mean(e,"},
			{"d = accum(sum(e, axis=2, keepdims=true), f)", "d = accum(sum(e, axis=2, keepdims=true), kind=max)"},
			{"store O(a=0) = o / d", "store O(a=0) = o / (d + 1e-9)"},
			{"load(K, a=0, loop=2)", "(load(K, a=0, loop=2) + load(K, a=0, loop=2) * 1e-12)"},
			{"o / d", "o / d * 1.0000000001"},
			{"s = load(Q, a=0) @ load(K, a=0, loop=2)", "s = load(Q, a=0) @ load(K, a=0, loop=2) + 0 * running(accum(sum(load(V, a=0, loop=1), axis=1, keepdims=true))) @ load(K, a=0, loop=2) * 1 + sum(load(V, a=0, loop=1)) * 1e-3 - 0"},
			{"load(V, a=0, loop=1)", "exp(load(V, a=0, loop=1) * 0) * load(V, a=0, loop=1) * 2"},
		}},
	{"split keys and a merge", `program p(Q: f32[2, 8, 4], K: f32[2, S, 4], V: f32[2, S, 4]) -> (O) where S <= 4096 {
    P = softmax(matmul(Q, K, transpose_b=true) * 0.125)
    O = P @ V
}`, `ugraph p for p(Q: f32[2, 8, 4], K: f32[2, S, 4], V: f32[2, S, 4]) -> (O) where 1 <= S <= 4096 {
    p0, p1, p2 = kernel k(V, K, Q) grid(d: S by 64) loop(d: 64 by 16) {
        v = load(V, d=1, loop=1)
        s = matmul(load(Q) * 0.125, load(K, d=1, loop=1), transpose_b=true)
        m = accum(max(s, axis=2, keepdims=true), kind=max)
        r = running(m)
        e = exp(s - r)
        f = exp(previous(m) - r)
        o = accum(e @ v, f)
        t = accum(sum(e, axis=2, keepdims=true), f)
        store p0(d=0) = reshape(m, shape=[1, 2, 8])
        store p1(d=0) = reshape(o, shape=[1, 2, 8, 4])
        store p2(d=0) = reshape(t, shape=[1, 2, 8])
    }
    O = kernel merge(p1, p0, p2) grid(a: 2 by 1) {
        x = load(p1, a=1)
        y = load(p0, a=1)
        w = exp(y - max(y, axis=0, keepdims=true))
        n = sum(x * reshape(w, shape=[ceil(S, 64), 1, 8, 1]), axis=0, keepdims=true)
        l = sum(load(p2, a=1) * w, axis=0, keepdims=true)
        store O(a=0) = sum(n, axis=0) / transpose(l, perm=[1, 2, 0])
    }
}`, [][2]string{
		{"load(p2, a=1) * w", "load(p2, a=1)"},
		{"x * reshape(w, shape=[ceil(S, 64), 1, 8, 1])", "x"},
		{"l = sum(", "l = max("},
		{"l = sum(", "l = mean("},
		{"* 0.125", "* 0.1250001"},
		{"load(Q) * 0.125", "load(Q)"},
		{"store p0(d=0) = reshape(m,", "store p0(d=0) = reshape(m * 0.5,"},
		{"n = sum(x *", "n = mean(x *"},
		{"accum(e @ v, f)", "accum(e @ v)"},
		{"w = exp(y - max(y, axis=0, keepdims=true))", "w = exp(y - max(y, axis=2, keepdims=true))"},
		{"store p0(d=0) = reshape(m, shape=[1, 2, 8])", "store p0(d=0) = reshape(transpose(reshape(m, shape=[2, 8]), perm=[1, 0]), shape=[1, 2, 8])"},
	}},
	{"rms norm and a product", `program p(X: f32[4, 40], W: const f32[40, 12]) -> (Y) { Y = rms_norm(X) @ W }`,
		`ugraph p for p(X: f32[4, 40], W: const f32[40, 12]) -> (Y) {
    Y = kernel k(X, W) grid(c: 12 by 5) loop(k: 40 by 16) {
        x = load(X, loop=1)
        a = accum(x @ load(W, c=1, loop=0))
        q = accum(sum(square(x), axis=1, keepdims=true))
        store Y(c=1) = a / sqrt(q / 40)
    }
}`, [][2]string{
			{"q / 40", "q / 41"},
			{"q / 40", "q / 48"},
			{"q / 40", "q"},
			{"accum(sum(square(x), axis=1, keepdims=true))", "accum(mean(square(x), axis=1, keepdims=true)) * 40 / 3"},
			{"accum(sum(square(x), axis=1, keepdims=true))", "accum(mean(square(x), axis=1, keepdims=true)) * 16"},
			{"accum(sum(square(x), axis=1, keepdims=true))", "accum(sum(square(x), axis=1, keepdims=true), kind=max)"},
			{"accum(sum(square(x), axis=1, keepdims=true))", "accum(sum(square(x), axis=1, keepdims=true) + 0.01)"},
			{"accum(sum(square(x), axis=1, keepdims=true))", "accum(sum(square(load(X)), axis=1, keepdims=true)) * 0.5"},
			{"sum(square(x), axis=1", "sum(abs(x), axis=1"},
			{"a = accum(x @", "a = accum(abs(x) @"},
			{"a / sqrt(q / 40)", "a / sqrt(q / 40 + 1e-5)"},
			{"a / sqrt(q / 40)", "a / (q / 40)"},
		}},
	{"a sum over blocks", `program p(X: f32[1, 20], A: const f32[20, 24], B: const f32[24, 20]) -> (Y) { Y = silu(X @ A) @ B }`,
		`ugraph p for p(X: f32[1, 20], A: const f32[20, 24], B: const f32[24, 20]) -> (Y) {
    Y = kernel k(X, A, B) grid(b: 24 by 10) loop(b: 10 by 4) {
        h = silu(load(X) @ load(A, b=1, loop=1))
        store Y(reduce=sum) = accum(h @ load(B, b=0, loop=0))
    }
}`, [][2]string{
			{"reduce=sum", "reduce=max"},
			{"reduce=sum", "reduce=min"},
			{"accum(h @ load(B, b=0, loop=0))", "accum(h @ load(B, b=0, loop=0)) + 0.1"},
			{"h = silu(load(X) @ load(A, b=1, loop=1))", "h = silu(load(X) @ load(A, b=1, loop=1) - 0.000001)"},
			{"silu(", "relu("},
			{"h @ load(B, b=0, loop=0)", "h @ load(B, b=0, loop=0) + sum(load(X)) * 0.01"},
		}},
	{"two equal-shaped weights", `program p(X: f32[3, 8], A: const f32[8, 8], B: const f32[8, 8]) -> (Y) { Y = silu(X @ A) * (X @ B) }`,
		`ugraph p for p(X: f32[3, 8], A: const f32[8, 8], B: const f32[8, 8]) -> (Y) {
    Y = kernel k(X, A, B) grid(c: 8 by 4) loop(k: 8 by 2) {
        x = load(X, loop=1)
        a = accum(x @ load(A, c=1, loop=0))
        b = accum(x @ load(B, c=1, loop=0))
        store Y(c=1) = silu(a) * b
    }
}`, [][2]string{
			{"load(A, c=1, loop=0))\n        b = accum(x @ load(B", "load(B, c=1, loop=0))\n        b = accum(x @ load(A"},
			{"silu(a) * b", "silu(b) * a"},
			{"load(A, c=1, loop=0)", "transpose(load(A, c=0, loop=1), perm=[1, 0])"},
			{"silu(a) * b", "a * b"},
			{"silu(a) * b", "silu(a) * b + a * 1e-8"},
		}},
	{"blocks of a square output", `program p(X: f32[4, 4], W: f32[4, 4]) -> (Y) { Y = X @ W }`,
		`ugraph p for p(X: f32[4, 4], W: f32[4, 4]) -> (Y) {
    Y = kernel k(X, W) grid(a: 4 by 1) {
        store Y(a=0) = load(X, a=0) @ load(W)
    }
}`, [][2]string{
			{"store Y(a=0) = load(X, a=0) @ load(W)", "store Y(a=1) = transpose(load(X, a=0) @ load(W), perm=[1, 0])"},
			{"load(X, a=0) @ load(W)", "transpose(transpose(load(X, a=0), perm=[1, 0]), perm=[1, 0]) @ transpose(load(W), perm=[1, 0])"},
			{"store Y(a=0) = load(X, a=0) @ load(W)", "store Y(a=0) = transpose(load(X) @ load(W, a=1), perm=[1, 0])"},
			{"store Y(a=0) = load(X, a=0) @ load(W)", "store Y(a=0) = slice(load(X), axis=0, start=0, end=1) @ load(W)"},
			{"store Y(a=0) = load(X, a=0) @ load(W)", "store Y(a=1) = load(W) @ load(X, a=1)"},
			{"load(X, a=0) @ load(W)", "load(W, a=0) @ load(X)"},
		}},
	{"Chan's variance", `program p(X: f32[4, 40]) -> (Y) { Y = layer_norm(X, eps=1e-5) }`,
		`ugraph p for p(X: f32[4, 40]) -> (Y) {
    Y = kernel k(X) grid(r: 4 by 3) loop(c: 40 by 16) {
        z = load(X, r=0, loop=1)
        k = sum(z * 0 + 1, axis=1, keepdims=true)
        n = accum(k)
        t = accum(sum(z, axis=1, keepdims=true))
        b = mean(z, axis=1, keepdims=true)
        a = previous(t) / maximum(previous(n), 1)
        q = accum(sum(square(z - b), axis=1, keepdims=true) + square(b - a) * (previous(n) * k / running(n)))
        store Y(r=0) = (load(X, r=0) - t / n) / sqrt(q / n + 1e-5)
    }
}`, [][2]string{
			{"previous(n) * k / running(n)", "running(n) * k / running(n)"},
			{"previous(n) * k / running(n)", "previous(n) * k / 40"},
			{"previous(n) * k / running(n)", "previous(n) * 16 / running(n)"},
			{"a = previous(t) /", "a = running(t) /"},
			{"square(z - b), axis=1", "square(z - a), axis=1"},
			{"q / n + 1e-5", "q / (n - 1) + 1e-5"},
			{"q / n + 1e-5", "q / 48 + 1e-5"},
			{"q / n + 1e-5", "q / n + 1e-6"},
		}},
	{"a causal mask", `program p(Q: f32[12, 8], K: f32[12, 8], V: f32[12, 8]) -> (O) {
    S = matmul(Q, K, transpose_b=true)
    M = where(reshape(iota(n=12), shape=[1, 12]) <= reshape(iota(n=12), shape=[12, 1]), S, -inf)
    O = softmax(M) @ V
}`, `ugraph p for p(Q: f32[12, 8], K: f32[12, 8], V: f32[12, 8]) -> (O) {
    O = kernel k(Q, K, V) grid(r: 12 by 4) loop(c: 12 by 5) {
        s = matmul(load(Q, r=0), load(K, loop=0), transpose_b=true)
        g = reshape(load(iota(n=12), loop=0), shape=[1, 5]) <= reshape(load(iota(n=12), r=0), shape=[4, 1])
        m = where(g, s, -inf)
        w = exp(m)
        store O(r=0) = accum(w @ load(V, loop=0)) / accum(sum(w, axis=1, keepdims=true))
    }
}`, [][2]string{
		{"<= reshape(load", "< reshape(load"},
		{"shape=[1, 5]) <=", "shape=[1, 5]) + 1 <="},
		{"shape=[1, 5]) <=", "shape=[1, 5]) <= 1 +"},
		{"<= reshape(load", ">= reshape(load"},
		{"where(g, s, -inf)", "where(g, s, -1000)"},
		{"where(g, s, -inf)", "where(g, s, 0)"},
		{"accum(sum(w,", "accum(sum(exp(s),"},
		{"accum(w @", "accum(exp(s) @"},
	}},
}

// graphAttacks are pairs of programs, or programs and μGraphs, that differ only at some sizes, in some
// order of the values, under some mask, or in the last of many elements.
var graphAttacks = []struct{ name, a, b string }{
	{"the last of 4096 keys dropped", `program p(X: f32[8, 4096]) -> (Y) { Y = softmax(X) }`,
		`program p(X: f32[8, 4096]) -> (Y) { E = exp(X)
		Y = E / sum(where(reshape(iota(n=4096), shape=[1, 4096]) < 4095, E, 0), axis=1, keepdims=true) }`},
	{"a key dropped beyond 4000, symbolic", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(where(reshape(iota(n=S), shape=[1, S]) < 8000, X, 0), axis=1) }`},
	{"a literal right at one size", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = mean(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(X, axis=1) / 512 }`},
	{"a literal for the fixed size", `program p(X: f32[8, 4096]) -> (Y) { Y = mean(X, axis=1) }`,
		`program p(X: f32[8, 4096]) -> (Y) { Y = sum(X, axis=1) / 4095 }`},
	{"the mean of ragged tiles", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(X, axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, S]) -> (Y) where S <= 8192 {
		Y = kernel k(X) loop(s: S by 256) { store Y() = accum(mean(load(X, loop=1), axis=1, keepdims=true)) * 256 } }`},
	{"a constant per trip", `program p(X: f32[8, 64]) -> (Y) { Y = sum(X, axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 64]) -> (Y) {
		Y = kernel k(X) loop(s: 64 by 16) { store Y() = accum(sum(load(X, loop=1), axis=1, keepdims=true) + 1) - 5 } }`},
	{"the whole read in each trip", `program p(X: f32[8, 64], Z: f32[8, 64]) -> (Y) { Y = sum(X, axis=1, keepdims=true) + sum(Z, axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 64], Z: f32[8, 64]) -> (Y) {
		Y = kernel k(X, Z) loop(s: 64 by 32) { store Y() = accum(sum(load(X, loop=1), axis=1, keepdims=true) + sum(load(Z), axis=1, keepdims=true)) } }`},
	{"positions within the tile", `program p(X: f32[8, 64]) -> (Y) { Y = sum(X * cast(reshape(iota(n=64), shape=[1, 64]), to=f32), axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 64]) -> (Y) {
		Y = kernel k(X) loop(s: 64 by 16) { store Y() = accum(sum(load(X, loop=1) * cast(reshape(load(iota(n=16)), shape=[1, 16]), to=f32), axis=1, keepdims=true)) } }`},
	{"a mask wrong by 64", `program p(X: f32[256, 256]) -> (Y) { Y = softmax(where(reshape(iota(n=256), shape=[1, 256]) <= reshape(iota(n=256), shape=[256, 1]), X, -inf)) }`,
		`program p(X: f32[256, 256]) -> (Y) { Y = softmax(where(reshape(iota(n=256), shape=[1, 256]) <= reshape(iota(n=256), shape=[256, 1]) + 64, X, -inf)) }`},
	{"a window one longer", `program p(X: f32[S, S]) -> (Y) where S <= 4096 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		Y = softmax(where(and(J <= I, J > I - 128), X, -inf)) }`,
		`program p(X: f32[S, S]) -> (Y) where S <= 4096 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		Y = softmax(where(and(J <= I, J >= I - 128), X, -inf)) }`},
	{"a running maximum over a masked first tile", `program p(X: f32[32, 32], V: f32[32, 8]) -> (Y) {
		Y = softmax(where(reshape(iota(n=32), shape=[1, 32]) >= reshape(iota(n=32), shape=[32, 1]), X, -inf)) @ V }`,
		`ugraph p for p(X: f32[32, 32], V: f32[32, 8]) -> (Y) {
		Y = kernel k(X, V) loop(c: 32 by 8) {
			s = where(reshape(load(iota(n=32), loop=0), shape=[1, 8]) > reshape(load(iota(n=32)), shape=[32, 1]) - 1, load(X, loop=1), -inf)
			m = accum(max(s, axis=1, keepdims=true), kind=max)
			e = exp(s - running(m))
			f = exp(previous(m) - running(m))
			store Y() = accum(e @ load(V, loop=0), f) / accum(sum(e, axis=1, keepdims=true), f)
		} }`},
	{"a running maximum under a mask that is an input", `program p(X: f32[32, 32], M: bool[32, 32], V: f32[32, 8]) -> (Y) { Y = softmax(where(M, X, -inf)) @ V }`,
		`ugraph p for p(X: f32[32, 32], M: bool[32, 32], V: f32[32, 8]) -> (Y) {
		Y = kernel k(X, M, V) loop(c: 32 by 8) {
			s = where(load(M, loop=1), load(X, loop=1), -inf)
			m = accum(max(s, axis=1, keepdims=true), kind=max)
			e = exp(s - running(m))
			f = exp(previous(m) - running(m))
			store Y() = accum(e @ load(V, loop=0), f) / accum(sum(e, axis=1, keepdims=true), f)
		} }`},
	{"the maximum of all but one", `program p(X: f32[6, 8]) -> (Y) { Y = where(X < max(X, axis=1, keepdims=true), X, 0) }`,
		`program p(X: f32[6, 8]) -> (Y) { Y = where(X < max(slice(X, axis=1, start=0, end=7), axis=1, keepdims=true), X, 0) }`},
	{"argmax of all but one", `program p(X: f32[6, 8]) -> (Y) { Y = argmax(X, axis=1) }`,
		`program p(X: f32[6, 8]) -> (Y) { Y = argmax(slice(X, axis=1, start=0, end=7), axis=1) }`},
	{"topk's order", `program p(X: f32[6, 8]) -> (Y) { A, B = topk(X, k=2)
		Y = slice(A, axis=1, start=0, end=1) }`, `program p(X: f32[6, 8]) -> (Y) { A, B = topk(X, k=2)
		Y = slice(A, axis=1, start=1, end=2) }`},
	{"max of multiples by a number that may be no square", `program p(X: f32[6, 8]) -> (Y) { Y = maximum(38 * X, X) }`, `program p(X: f32[6, 8]) -> (Y) { Y = minimum(38 * X, X) }`},
	{"the same with relu", `program p(X: f32[6, 8]) -> (Y) { Y = maximum(38 * X, X) }`, `program p(X: f32[6, 8]) -> (Y) { Y = X - 37 * relu(-X) }`},
	{"the square root of a multiple", `program p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) { Y = sqrt(abs(X) * 37) * Z }`, `program p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) { Y = -sqrt(abs(X) * 37) * Z }`},
	{"sqrt of a square of a difference", `program p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) { Y = sqrt(square(X - Z)) }`, `program p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) { Y = X - Z }`},
	{"heads grouped the other way", `program p(Q: f32[8, 4, 16], K: f32[2, 16, 8]) -> (Y) { Y = reshape(Q, shape=[2, 4, 4, 16]) @ reshape(K, shape=[2, 1, 16, 8]) }`,
		`program p(Q: f32[8, 4, 16], K: f32[2, 16, 8]) -> (Y) { Y = transpose(reshape(Q, shape=[4, 2, 4, 16]), perm=[1, 0, 2, 3]) @ reshape(K, shape=[2, 1, 16, 8]) }`},
	{"a reshape for a transpose", `program p(X: f32[64, 64]) -> (Y) { Y = reshape(transpose(reshape(X, shape=[8, 8, 64]), perm=[1, 0, 2]), shape=[64, 64]) }`, `program p(X: f32[64, 64]) -> (Y) { Y = X + 0 }`},
	{"outputs exchanged", `program p(X: f32[8, 8]) -> (A, B) { A = X + 1
		B = X * 2 }`, `program p(X: f32[8, 8]) -> (A, B) { A = X * 2
		B = X + 1 }`},
	{"a slice shifted by one", `program p(X: f32[4, 512]) -> (Y) { Y = slice(X, axis=1, start=100, end=200) }`, `program p(X: f32[4, 512]) -> (Y) { Y = slice(X, axis=1, start=101, end=201) }`},
	{"concat in the other order", `program p(X: f32[4, 8], Z: f32[4, 8]) -> (Y) { Y = concat(X, Z, axis=1) }`, `program p(X: f32[4, 8], Z: f32[4, 8]) -> (Y) { Y = concat(Z, X, axis=1) }`},
	{"rope's style", `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P) }`, `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P, style=interleaved) }`},
	{"rope's base", `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P) }`, `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P, theta=10001) }`},
	{"rope at the next position", `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P) }`, `program p(X: f32[4, 16], P: i32[4]) -> (Y) { Y = rope(X, P + 1) }`},
	{"seed and index exchanged", `program p(A: i32[4], B: i32[4]) -> (Y) { Y = uniform(A, B) }`, `program p(A: i32[4], B: i32[4]) -> (Y) { Y = uniform(B, A) }`},
	{"i8 that wraps", `program p(A: i8[64], B: i8[64]) -> (Y) { Y = shift_right(A + B, 1) }`, `program p(A: i8[64], B: i8[64]) -> (Y) { Y = shift_right(A, 1) + shift_right(B, 1) }`},
	{"a rare integer", `program p(A: i32[64]) -> (Y) { Y = A + 0 }`, `program p(A: i32[64]) -> (Y) { Y = where(A == 123456, A + 1, A) }`},
	{"a rare float", `program p(A: f32[64]) -> (Y) { Y = A + 0 }`, `program p(A: f32[64]) -> (Y) { Y = where(A == 123456, A + 1, A) }`},
	{"a threshold far out", `program p(A: f32[64]) -> (Y) { Y = A + 0 }`, `program p(A: f32[64]) -> (Y) { Y = clamp(A, min=-1e30, max=1e30) }`},
	{"gather at the next row", `program p(X: f32[16, 8], I: i32[4]) -> (Y) { Y = gather(X, I) }`, `program p(X: f32[16, 8], I: i32[4]) -> (Y) { Y = gather(X, minimum(I + 1, 15)) }`},
	{"a ragged grid stored at another extent", `program p(X: f32[10, 10]) -> (Y) { Y = exp(X) }`,
		`ugraph p for p(X: f32[10, 10]) -> (Y) { Y = kernel k(X) grid(a: 10 by 3) { store Y(a=0) = transpose(exp(load(X, a=1)), perm=[1, 0]) } }`},
	{"a sum over one half of the blocks", `program p(X: f32[8, 64]) -> (Y) { Y = sum(X, axis=1) }`,
		`ugraph p for p(X: f32[8, 64]) -> (Y) {
		P = kernel k(X) grid(a: 64 by 16) { store P(a=1) = sum(load(X, a=1), axis=1, keepdims=true) }
		Y = sum(slice(P, axis=1, start=0, end=3), axis=1) }`},
	{"high bits of an integer", `program p(A: i32[64]) -> (Y) { Y = A + 0 }`, `program p(A: i32[64]) -> (Y) { Y = and(A, 65535) }`},
	{"an integer beyond a threshold", `program p(A: i32[64], X: f32[64]) -> (Y) { Y = X * 1 }`, `program p(A: i32[64], X: f32[64]) -> (Y) { Y = where(A < 100000, X, 0) }`},
	{"a negative integer", `program p(A: i32[64]) -> (Y) { Y = A + 0 }`, `program p(A: i32[64]) -> (Y) { Y = maximum(A, -1000) }`},
	{"one position of 4096", `program p(X: f32[8, 4096]) -> (Y) { Y = X * 1 }`,
		`program p(X: f32[8, 4096]) -> (Y) { Y = where(reshape(iota(n=4096), shape=[1, 4096]) == 3000, 0, X) }`},
	{"positions beyond a symbolic size's start", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X * 1 }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = where(reshape(iota(n=S), shape=[1, S]) > 5000, 0, X) }`},
	{"a distance beyond a symbolic size's start", `program p(X: f32[S, S]) -> (Y) where S <= 8192 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		Y = where(J <= I, X, 0) }`,
		`program p(X: f32[S, S]) -> (Y) where S <= 8192 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		Y = where(and(J <= I, J + 4000 > I), X, 0) }`},
	{"positions to a power", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X * cast(reshape(iota(n=S), shape=[1, S]), to=f32) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = X * cast(reshape(and(iota(n=S), 1023), shape=[1, S]), to=f32) }`},
	{"a choice among three", `program p(X: f32[6, 8], Z: f32[6, 8], W: f32[6, 8]) -> (Y) { Y = where(X < Z, where(Z < W, X, Z), W) }`,
		`program p(X: f32[6, 8], Z: f32[6, 8], W: f32[6, 8]) -> (Y) { Y = where(X < Z, where(X < W, X, Z), W) }`},
	{"a choice among four in one order", `program p(X: f32[6, 8], Z: f32[6, 8], W: f32[6, 8], U: f32[6, 8]) -> (Y) { Y = X * 1 + 0 * (Z + W + U) }`,
		`program p(X: f32[6, 8], Z: f32[6, 8], W: f32[6, 8], U: f32[6, 8]) -> (Y) { Y = where(X < Z, where(Z < W, where(W < U, Z, X), X), X) }`},
	{"the rank of an element", `program p(X: f32[6, 8]) -> (Y) { Y = sum(cast(reshape(X, shape=[6, 8, 1]) < reshape(X, shape=[6, 1, 8]), to=f32), axis=2) }`,
		`program p(X: f32[6, 8]) -> (Y) { Y = minimum(sum(cast(reshape(X, shape=[6, 8, 1]) < reshape(X, shape=[6, 1, 8]), to=f32), axis=2), 6) }`},
	{"all below the maximum", `program p(X: f32[6, 9]) -> (Y) { Y = where(X >= max(X, axis=1, keepdims=true), X, 0) }`,
		`program p(X: f32[6, 9]) -> (Y) { Y = where(X >= max(slice(X, axis=1, start=0, end=8), axis=1, keepdims=true), X, 0) }`},
	{"a maximum over one tile of four", `program p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) { Y = where(Z < max(X, axis=1, keepdims=true), Z, 0) }`,
		`ugraph p for p(X: f32[6, 8], Z: f32[6, 8]) -> (Y) {
		M = kernel k(X) loop(c: 8 by 2) { x = load(X, loop=1)
			store M() = accum(max(x, axis=1, keepdims=true), kind=max) }
		Y = where(Z < minimum(M, max(Z, axis=1, keepdims=true)), Z, 0) }`},
	{"a window over masked first tiles", `program p(X: f32[32, 32], V: f32[32, 8]) -> (Y) { I = reshape(iota(n=32), shape=[32, 1])
		J = reshape(iota(n=32), shape=[1, 32])
		Y = softmax(where(and(J <= I, J > I - 6), X, -inf)) @ V }`,
		`ugraph p for p(X: f32[32, 32], V: f32[32, 8]) -> (Y) {
		Y = kernel k(X, V) loop(c: 32 by 8) {
			i = reshape(load(iota(n=32)), shape=[32, 1])
			j = reshape(load(iota(n=32), loop=0), shape=[1, 8])
			s = where(and(j <= i, j > i - 6), load(X, loop=1), -inf)
			m = accum(max(s, axis=1, keepdims=true), kind=max)
			e = exp(s - running(m))
			f = exp(previous(m) - running(m))
			store Y() = accum(e @ load(V, loop=0), f) / accum(sum(e, axis=1, keepdims=true), f)
		} }`},
	{"a power sum identity of two columns, beside a norm over the carried axis", `program p(X: f32[64, 16]) -> (Y) { N = rms_norm(X)
		A = sum(N, axis=0)
		Y = A * A * A + 2 * sum(N * N * N, axis=0) }`, `program p(X: f32[64, 16]) -> (Y) { N = rms_norm(X)
		Y = 3 * sum(N, axis=0) * sum(N * N, axis=0) }`},
	{"the same, mixed afterwards", `program p(X: f32[64, 16], W: f32[16, 16]) -> (Y) { N = rms_norm(X)
		A = sum(N, axis=0, keepdims=true)
		Y = rms_norm((A * A * A + 2 * sum(N * N * N, axis=0, keepdims=true)) @ W) }`, `program p(X: f32[64, 16], W: f32[16, 16]) -> (Y) { N = rms_norm(X)
		Y = rms_norm((3 * sum(N, axis=0, keepdims=true) * sum(N * N, axis=0, keepdims=true)) @ W) }`},
	{"a sum of one row's index for the other's", `program p(X: f32[64, 16]) -> (Y) { N = X / sum(X * X, axis=0)
		P = sum(N, axis=1, keepdims=true)
		Y = P * transpose(P) + X @ transpose(X) }`, `program p(X: f32[64, 16]) -> (Y) { N = X / sum(X * X, axis=0)
		P = sum(N, axis=1, keepdims=true)
		Y = P * P + 0 * transpose(P) + X @ transpose(X) }`},
	{"attention's keys in the place of its queries", `program p(X: f32[64, 16]) -> (Y) { Y = softmax(X @ transpose(X)) @ X }`,
		`program p(X: f32[64, 16]) -> (Y) { Y = softmax(X @ transpose(X), axis=0) @ X }`},
	{"a norm over the values' axis once more", `program p(Q: f32[4, 16], K: f32[64, 16], V: f32[64, 16]) -> (Y) { Y = softmax(matmul(Q, K, transpose_b=true)) @ rms_norm(V) }`,
		`program p(Q: f32[4, 16], K: f32[64, 16], V: f32[64, 16]) -> (Y) { Y = rms_norm(softmax(matmul(Q, K, transpose_b=true)) @ V) }`},
	{"a norm over keys for one over values", `program p(Q: f32[4, 16], K: f32[64, 16], V: f32[64, 16]) -> (Y) { Y = softmax(matmul(Q, K, transpose_b=true)) @ rms_norm(V) }`,
		`program p(Q: f32[4, 16], K: f32[64, 16], V: f32[64, 16]) -> (Y) { Y = softmax(matmul(Q, K, transpose_b=true)) @ rms_norm(V, axis=0) }`},
	{"nested exponentials", `program p(X: f32[4, 8]) -> (Y) { Y = exp(exp(exp(X))) }`, `program p(X: f32[4, 8]) -> (Y) { Y = exp(exp(exp(X) + 1e-9)) }`},
}

// programAttacks are pairs of programs that differ.
var programAttacks = []struct{ name, a, b string }{
	{"sqrt(x²) for x", "Y = X + 0", "Y = sqrt(square(X))"},
	{"sqrt(x·y²)/sqrt(x) for y", "Y = Z + 0 * X", "Y = sqrt(exp(X) * square(Z)) / sqrt(exp(X))"},
	{"abs for relu twice", "Y = relu(X) * relu(X)", "Y = relu(X) * abs(X) + 0 * X - relu(-X) * relu(X) + X * 1e-9"},
	{"erf(-x)", "Y = erf(X)", "Y = erf(-X)"},
	{"erf of a sum", "Y = erf(X + Z)", "Y = erf(X) + erf(Z)"},
	{"the tanh form of gelu", "Y = gelu(X)", "Y = gelu(X, approximate=tanh)"},
	{"clamp in the other order", "Y = maximum(minimum(X, -1), 1)", "Y = minimum(maximum(X, 1), -1)"},
	{"strict comparison", "Y = where(X <= 0, X, Z)", "Y = where(X < 0, X, Z)"},
	{"a comparison the other way", "Y = where(X < Z, X, Z)", "Y = where(Z < X, X, Z)"},
	{"max of the wrong axis", "Y = X - max(X, axis=1, keepdims=true)", "Y = X - max(X, axis=0, keepdims=true)"},
	{"max for sum", "Y = X / sum(abs(X), axis=1, keepdims=true)", "Y = X / max(abs(X), axis=1, keepdims=true)"},
	{"max of a sum", "Y = maximum(X + Z, 0)", "Y = maximum(X, 0) + maximum(Z, 0)"},
	{"max times -1", "Y = max(-X, axis=1, keepdims=true) + 0 * X", "Y = -max(X, axis=1, keepdims=true) + 0 * X"},
	{"two maxima in one", "Y = maximum(X, Z) + minimum(X, Z)", "Y = X + Z + 1e-7"},
	{"floor dropped", "Y = floor(X)", "Y = X + 0"},
	{"floor of a shift", "Y = floor(X + 0.5)", "Y = floor(X) + 0.5"},
	{"sin for cos", "Y = square(sin(X))", "Y = square(cos(X))"},
	{"log of a sum", "Y = log(exp(X) + exp(Z))", "Y = X + Z"},
	{"exp of a product", "Y = exp(X * Z)", "Y = exp(X) * exp(Z)"},
	{"a shift out of one exp", "Y = exp(X - Z) / sum(exp(X - Z), axis=1, keepdims=true)", "Y = exp(X) / sum(exp(X), axis=1, keepdims=true)"},
	{"variance over n-1", "Y = X * sum(square(X), axis=1, keepdims=true) / 6", "Y = X * mean(square(X), axis=1, keepdims=true)"},
	{"a cast to an integer dropped", "Y = cast(cast(X, to=i32), to=f32)", "Y = X + 0"},
	{"a cast to f8 dropped", "Y = cast(cast(X, to=f8e4m3), to=f32)", "Y = X + 0"},
	{"softmax over the other axis", "Y = softmax(X, axis=1)", "Y = softmax(X, axis=0)"},
	{"softmax of softmax", "Y = softmax(softmax(X))", "Y = softmax(X)"},
	{"argmax of a negative", "Y = X + cast(reshape(argmax(X, axis=1), shape=[6, 1]), to=f32)", "Y = X + cast(reshape(argmax(-X, axis=1), shape=[6, 1]), to=f32)"},
	{"mean of a mean", "Y = X * mean(mean(X, axis=0), axis=0)", "Y = X * mean(X, axis=0)"},
	{"pow by a nearby exponent", "Y = pow(abs(X), exponent=1.5)", "Y = pow(abs(X), exponent=1.5000001)"},
	{"a small constant", "Y = X * 0.3333333333", "Y = X / 3"},
	{"rope by another base", "Y = X * 1e-30", "Y = X * 0"},
	{"a transposed square", "Y = X @ transpose(Z, perm=[1, 0]) @ Z", "Y = Z @ transpose(X, perm=[1, 0]) @ Z"},
	{"a reversed product", "Y = (X @ transpose(Z, perm=[1, 0])) @ X", "Y = (Z @ transpose(X, perm=[1, 0])) @ X"},
	{"sign of zero", "Y = sign(X) * X", "Y = sign(X) * sign(X) * X"},
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	check := func(name, a, b string, want bool) {
		ga := programtest.Parse(t, a)
		gb, err := tryParse(b)
		if err != nil {
			t.Errorf("%s: illegal: %v", name, err)
			return
		}
		r, err := Equal(context.Background(), ga, gb, Options{Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if r.Equal != want {
			t.Errorf("%s: equal = %v, want %v: %s\n%s", name, r.Equal, want, r.Reason, b)
		} else if !want {
			t.Logf("%s: %s", name, r.Reason)
		}
	}
	for _, a := range attacks {
		check(a.name, a.program, a.right, true)
		for _, e := range a.edits {
			if !strings.Contains(a.right, e[0]) {
				t.Errorf("%s has no %q", a.name, e[0])
				continue
			}
			check(a.name+": "+e[0]+" → "+e[1], a.program, strings.Replace(a.right, e[0], e[1], 1), false)
		}
	}
	for _, p := range graphAttacks {
		check(p.name, p.a, p.b, false)
	}
	const head = "program p(X: f32[6, 7], Z: f32[6, 7]) -> (Y) { "
	for _, p := range programAttacks {
		check(p.name, head+p.a+" }", head+p.b+" }", false)
	}
}

// tryParse parses text that may be illegal.
func tryParse(src string) (*ugraph.Graph, error) {
	gs, err := text.Parse("attack.ug", []byte(src))
	if err != nil {
		return nil, err
	}
	return gs[0], nil
}
