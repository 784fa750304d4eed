package verify

import (
	"context"
	"strings"
	"testing"

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
		{"y = load(p0, a=1)", "y = load(p2, a=1)"},
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
		{"iota(n=12), loop=0", "iota(n=12), r=0"},
	}},
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
	{"variance over n-1", "Y = X * sum(square(X), axis=1, keepdims=true) / 7", "Y = X * mean(square(X), axis=1, keepdims=true)"},
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
	check := func(name, a, b string, want bool) {
		ga := parse(t, a)
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
