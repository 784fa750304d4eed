package verify

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// knownGood are μGraphs that are right, with their programs; the mutation test starts from them too.
var knownGood = []struct{ name, sig, program, kernels string }{
	{"rmsnorm_linear", "X: f32[4, 100], W: f32[100, 50]", "Y = rms_norm(X) @ W", `
    Y = kernel k(X, W) grid(n: 50 by 16) loop(k: 100 by 32) {
        x = load(X, loop=1)
        acc = accum(x @ load(W, n=1, loop=0))
        ss = accum(sum(square(x), axis=1, keepdims=true))
        store Y(n=1) = acc / sqrt(ss * 0.01)
    }`},
	{"gated_mlp", "X: f32[8, 256], A: f32[256, 96], B: f32[256, 96]", "Y = silu(X @ A) * (X @ B)", `
    Y = kernel k(X, A, B) grid(n: 96 by 32) loop(k: 256 by 64) {
        x = load(X, loop=1)
        a = accum(x @ load(A, n=1, loop=0))
        b = accum(x @ load(B, n=1, loop=0))
        store Y(n=1) = silu(a) * b
    }`},
	{"lora", "X: f32[16, 256], W: f32[256, 96], A: f32[256, 8], B: f32[8, 96]", "Y = X @ W + X @ A @ B", `
    Y = kernel k(X, W, A, B) grid(n: 96 by 32) loop(k: 256 by 64) {
        x = load(X, loop=1)
        w = accum(x @ load(W, n=1, loop=0))
        a = accum(x @ load(A, loop=0))
        store Y(n=1) = w + a @ load(B, n=1)
    }`},
	{"flash attention", "Q: f32[2, 16, 64], K: f32[2, 250, 64], V: f32[2, 250, 64]", "Y = softmax(matmul(Q, K, transpose_b=true) * 0.125) @ V", `
    Y = kernel k(Q, K, V) grid(h: 2 parts, q: 16 by 8) loop(s: 250 by 32) {
        s = matmul(load(Q, h=0, q=1), load(K, h=0, loop=1), transpose_b=true) * 0.125
        m = accum(max(s, axis=-1, keepdims=true), kind=max)
        p = exp(s - running(m))
        f = exp(previous(m) - running(m))
        l = accum(sum(p, axis=-1, keepdims=true), f)
        o = accum(p @ load(V, h=0, loop=1), f)
        store Y(h=0, q=1) = o / l
    }`},
	{"attention of any length", "Q: f32[2, 4, 64], K: f32[2, S, 64], V: f32[2, S, 64]", "Y = softmax(matmul(Q, K, transpose_b=true)) @ V", `
    Y = kernel k(Q, K, V) grid(h: 2 parts) loop(s: S by 32) {
        s = matmul(load(Q, h=0), load(K, h=0, loop=1), transpose_b=true)
        m = accum(max(s, axis=-1, keepdims=true), kind=max)
        p = exp(s - running(m))
        f = exp(previous(m) - running(m))
        l = accum(sum(p, axis=-1, keepdims=true), f)
        o = accum(p @ load(V, h=0, loop=1), f)
        store Y(h=0) = o / l
    }`},
	{"split keys", "Q: f32[4, 64], K: f32[256, 64], V: f32[256, 32]", "Y = softmax(matmul(Q, K, transpose_b=true)) @ V", `
    m, l, o = kernel parts(Q, K, V) grid(s: 256 by 64) {
        s = matmul(load(Q), load(K, s=0), transpose_b=true)
        top = max(s, axis=-1, keepdims=true)
        p = exp(s - top)
        store m(s=0) = reshape(top, shape=[1, 4, 1])
        store l(s=0) = reshape(sum(p, axis=-1, keepdims=true), shape=[1, 4, 1])
        store o(s=0) = reshape(p @ load(V, s=0), shape=[1, 4, 32])
    }
    Y = kernel merge(m, l, o) {
        f = exp(load(m) - max(load(m), axis=0, keepdims=true))
        store Y() = sum(load(o) * f, axis=0) / sum(load(l) * f, axis=0)
    }`},
	{"product over blocks", "X: f32[12, 256], W: f32[256, 48]", "Y = X @ W", `
    Y = kernel k(X, W) grid(k: 256 by 64, n: 48 by 16) {
        store Y(n=1, reduce=sum) = load(X, k=1) @ load(W, k=0, n=1)
    }`},
	{"softmax, two passes", "X: f32[16, 500]", "Y = softmax(X)", `
    m, l = kernel stats(X) grid(r: 16 by 4) loop(c: 500 by 64) {
        x = load(X, r=0, loop=1)
        top = accum(max(x, axis=-1, keepdims=true), kind=max)
        store m(r=0) = top
        store l(r=0) = accum(sum(exp(x - running(top)), axis=-1, keepdims=true), exp(previous(top) - running(top)))
    }
    Y = kernel scale(X, m, l) grid(r: 16 by 4) loop(c: 500 by 64) {
        store Y(r=0, loop=1) = exp(load(X, r=0, loop=1) - load(m, r=0)) / load(l, r=0)
    }`},
	{"logsumexp", "X: f32[16, 500]", "Y = logsumexp(X, keepdims=true)", `
    Y = kernel k(X) grid(r: 16 by 4) loop(c: 500 by 64) {
        x = load(X, r=0, loop=1)
        m = accum(max(x, axis=-1, keepdims=true), kind=max)
        l = accum(sum(exp(x - running(m)), axis=-1, keepdims=true), exp(previous(m) - running(m)))
        store Y(r=0) = m + log(l)
    }`},
	{"layer_norm, whole rows", "X: f32[16, 100], G: f32[100], B: f32[100]", "Y = layer_norm(X, G, B)", `
    Y = kernel k(X, G, B) grid(r: 16 by 4) {
        x = load(X, r=0)
        c = x - mean(x, axis=-1, keepdims=true)
        store Y(r=0) = c / sqrt(mean(square(c), axis=-1, keepdims=true)) * load(G) + load(B)
    }`},
	{"layer_norm, two passes", "X: f32[16, 512]", "Y = layer_norm(X, eps=0.001)", `
    mean, var = kernel stats(X) grid(r: 16 by 4) loop(c: 512 by 64) {
        x = load(X, r=0, loop=1)
        s = accum(sum(x, axis=-1, keepdims=true)) * 0.001953125
        q = accum(sum(square(x), axis=-1, keepdims=true)) * 0.001953125
        store mean(r=0) = s
        store var(r=0) = q - square(s)
    }
    Y = kernel scale(X, mean, var) grid(r: 16 by 4) loop(c: 512 by 64) {
        store Y(r=0, loop=1) = (load(X, r=0, loop=1) - load(mean, r=0)) / sqrt(load(var, r=0) + 0.001)
    }`},
	{"moe", "X: f32[8, 64], W: f32[4, 64, 48], G: f32[8, 4]", "Y = sum((X @ W) * reshape(transpose(softmax(G)), shape=[4, 8, 1]), axis=0)", `
    Y = kernel k(X, W, G) grid(n: 48 by 16) {
        g = reshape(transpose(softmax(load(G))), shape=[4, 8, 1])
        store Y(n=1) = sum((load(X) @ load(W, n=2)) * g, axis=0)
    }`},
	{"rms norm inside attention", "Q: f32[2, 4, 64], K: f32[2, 128, 64], V: f32[2, 128, 64]", "Y = softmax(matmul(rms_norm(Q), rms_norm(K), transpose_b=true)) @ V", `
    Y = kernel k(Q, K, V) grid(h: 2 parts) loop(s: 128 by 32) {
        s = matmul(rms_norm(load(Q, h=0)), rms_norm(load(K, h=0, loop=1)), transpose_b=true)
        m = accum(max(s, axis=-1, keepdims=true), kind=max)
        p = exp(s - running(m))
        f = exp(previous(m) - running(m))
        l = accum(sum(p, axis=-1, keepdims=true), f)
        store Y(h=0) = accum(p @ load(V, h=0, loop=1), f) / l
    }`},
	{"chan", "X: f32[6, 256]", "Y = layer_norm(X)", `
    mean, dev = kernel stats(X) loop(c: 256 by 64) {
        x = load(X, loop=1)
        n = accum(sum(x * 0 + 1, axis=-1, keepdims=true))
        s = accum(sum(x, axis=-1, keepdims=true))
        t = sum(x * 0 + 1, axis=-1, keepdims=true)
        here = sum(x, axis=-1, keepdims=true) / t
        own = sum(square(x - here), axis=-1, keepdims=true)
        d = here - previous(s) / maximum(previous(n), 1)
        m2 = accum(own + square(d) * previous(n) * t / running(n))
        store mean() = s / n
        store dev() = sqrt(m2 / n)
    }
    Y = kernel scale(X, mean, dev) loop(c: 256 by 64) {
        store Y(loop=1) = (load(X, loop=1) - load(mean)) / load(dev)
    }`},
}

func symbols(sig string) string {
	for i := range sig {
		if sig[i] == 'S' && (sig[i+1] == ',' || sig[i+1] == ']') {
			return " where 1 <= S <= 4096"
		}
	}
	return ""
}

func goodPair(t testing.TB, i int) (p, g *ugraph.Graph) {
	k := knownGood[i]
	p = programtest.Parse(t, "program p("+k.sig+") -> (Y)"+symbols(k.sig)+" {\n"+k.program+"\n}")
	g = programtest.Parse(t, "ugraph g for p("+k.sig+") -> (Y)"+symbols(k.sig)+" {"+k.kernels+"\n}")
	return p, g
}

func TestKnownGood(t *testing.T) {
	for i, k := range knownGood {
		t.Run(k.name, func(t *testing.T) {
			p, g := goodPair(t, i)
			start := time.Now()
			r, err := Equal(context.Background(), p, g, Options{Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Equal {
				t.Errorf("rejected: %s, witness %+v", r.Reason, r.Witness)
			}
			if r.Equal && r.ErrorLog2 > -64 {
				t.Errorf("error 2^%.1f", r.ErrorLog2)
			}
			t.Logf("%d tests, 2^%.0f, %v: %v", r.Tests, r.ErrorLog2, time.Since(start), r.Checks)
		})
	}
}

// TestPrograms compares every embedded program with its expansion into primitives: the composite
// operators here are written independently of the library's.
func TestPrograms(t *testing.T) {
	for _, name := range programtest.Names() {
		g := programtest.Program(t, name)
		t.Run(name, func(t *testing.T) {
			x := programtest.Expanded(t, g)
			start := time.Now()
			r, err := Equal(context.Background(), g, x, Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Equal || math.IsNaN(r.ErrorLog2) {
				t.Errorf("not equal to its expansion: %s, witness %+v", r.Reason, r.Witness)
			}
			t.Logf("%d tests, 2^%.0f, %v", r.Tests, r.ErrorLog2, time.Since(start))
		})
	}
}
