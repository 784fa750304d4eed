package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// layer is a layer of a transformer with one head.
const layer = `program layer(X: f32[8, 96], g: f32[96], Q: f32[96, 64], K: f32[96, 64], V: f32[96, 64], O: f32[64, 96], h: f32[96], G: f32[96, 160], U: f32[96, 160], D: f32[160, 96]) -> (Y) {
    n = rms_norm(X, g, eps=1e-5)
    s = softmax(matmul(n @ Q, n @ K, transpose_b=true) * 0.125, axis=-1)
    r = X + s @ (n @ V) @ O
    m = rms_norm(r, h, eps=1e-5)
    Y = r + (silu(m @ G) * (m @ U)) @ D
}`

// layerKernels is the layer in six kernels: products of keys stored transposed, the output's product as partial sums.
const layerKernels = `ugraph layer(X: f32[8, 96], g: f32[96], Q: f32[96, 64], K: f32[96, 64], V: f32[96, 64], O: f32[64, 96], h: f32[96], G: f32[96, 160], U: f32[96, 160], D: f32[160, 96]) -> (Y) {
    n = kernel norm(X, g) grid(a: 8 by 2) {
        x = load(X, a=0)
        store n(a=0) = x * reciprocal(sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g)
    }
    q, kt, v = kernel products(n, Q, K, V) grid(a: 64 by 32) loop(e: 96 by 24) {
        x = load(n, loop=1)
        aq = accum(x @ load(Q, a=1, loop=0))
        ak = accum(x @ load(K, a=1, loop=0))
        av = accum(x @ load(V, a=1, loop=0))
        store q(a=1) = aq
        store kt(a=0) = transpose(ak, perm=[1, 0])
        store v(a=1) = av
    }
    o = kernel attend(q, kt, v) grid(a: 8 by 2) {
        t = load(q, a=0) @ load(kt) * 0.125
        e = exp(t - max(t, axis=1, keepdims=true))
        store o(a=0) = (e @ load(v)) / sum(e, axis=1, keepdims=true)
    }
    p = kernel split(o, O) grid(c: 64 by 16) {
        store p(c=0) = reshape(load(o, c=1) @ load(O, c=0), shape=[1, 8, 96])
    }
    r = kernel merge(X, p) grid(a: 8 by 2) {
        store r(a=0) = load(X, a=0) + sum(load(p, a=1), axis=0)
    }
    Y = kernel mlp(r, h, G, U, D) grid(a: 8 by 4) loop(f: 160 by 40) {
        x = load(r, a=0)
        m = x / sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001) * load(h)
        w = accum((silu(m @ load(G, loop=1)) * (m @ load(U, loop=1))) @ load(D, loop=0))
        store Y(a=0) = x + w
    }
}`

// layerChanges are changes of one place of layerKernels.
var layerChanges = []struct {
	name, from, to string
	equal          bool
}{
	{"as it is", "", "", true},
	{"the norm is rounded to f16", "store n(a=0) = x * reciprocal(sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g)",
		"store n(a=0) = cast(cast(x * reciprocal(sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g), to=f16), to=f32)", true},
	{"the factor after the exponent's shift", "e = exp(t - max(t, axis=1, keepdims=true))", "e = exp(t - max(t, axis=1, keepdims=true) - 1)", true},
	{"a sum of two residuals", "store Y(a=0) = x + w", "store Y(a=0) = (w + x * 2) - x", true},

	{"another factor", "* 0.125", "* 0.25", false},
	{"another eps", "mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g)", "mean(square(x), axis=1, keepdims=true) + 0.0001)) * load(g)", false},
	{"the residual of the norm", "merge(X, p)", "merge(X=n, p)", false},
	{"the residual of the input", "store Y(a=0) = x + w", "store Y(a=0) = m + w", false},
	{"no residual", "load(X, a=0) + sum", "0 * load(X, a=0) + sum", false},
	{"queries for keys", "av = accum(x @ load(V, a=1, loop=0))\n        store q(a=1) = aq\n        store kt(a=0) = transpose(ak, perm=[1, 0])",
		"av = accum(x @ load(V, a=1, loop=0))\n        store q(a=1) = ak\n        store kt(a=0) = transpose(aq, perm=[1, 0])", false}, // scores are transposed
	{"values for queries", "attend(q, kt, v)", "attend(q=v, kt, v)", false},
	{"gate for up", "mlp(r, h, G, U, D)", "mlp(r, h, G=U, U=G, D)", false},
	{"the other norm's weight", "mlp(r, h, G, U, D)", "mlp(r, h=g, G, U, D)", false},
	{"a partial sum twice", "sum(load(p, a=1), axis=0)", "2 * max(load(p, a=1), axis=0)", false},
	{"the mean of partial sums", "sum(load(p, a=1), axis=0)", "mean(load(p, a=1), axis=0)", false},
	{"the sum without its maximum", "store o(a=0) = (e @ load(v)) / sum(e, axis=1, keepdims=true)", "store o(a=0) = (e @ load(v)) / (sum(e, axis=1, keepdims=true) + 1)", false},
	{"divided by what the program does not divide by", "load(X, a=0) + sum", "load(X, a=0) * (load(X, a=0) / load(X, a=0)) + sum", false},
	{"divided by a cut", "store Y(a=0) = x + w", "store Y(a=0) = square(x) / x + w", false},
	{"a norm that is rounded to eight bits", "* reciprocal(sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g)",
		"* cast(cast(reciprocal(sqrt(mean(square(x), axis=1, keepdims=true) + 0.00001)) * load(g), to=f8e4m3), to=f32)", false},
	{"a norm of half the row", "mean(square(x), axis=1, keepdims=true) + 0.00001) * load(h)", "mean(square(x) / 2, axis=1, keepdims=true) + 0.00001) * load(h)", false},
}

// composeTexts is what pieces alone say of two texts.
func composeTexts(t *testing.T, a, b string) *Result {
	t.Helper()
	c := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: context.Background(), a: programtest.Parse(t, a), b: programtest.Parse(t, b), opt: Options{ErrorLog2: -64}, res: &Result{}}
	var err error
	if c.m, err = match(c.a, c.b); err != nil {
		t.Fatal(err)
	}
	why, err := c.compose()
	if err != nil {
		t.Fatal(err)
	}
	c.res.Reason = why
	return c.res
}

// TestComposedWhole asks for the verdict on the whole: a layer is equal to itself without any test, accepted by its
// pieces, and refuted by a witness of the whole.
func TestComposedWhole(t *testing.T) {
	t.Parallel()
	if r := verifyTexts(t, layer, layer, 1); !r.Equal || r.Tests != 0 {
		t.Errorf("the layer and itself: %+v", r)
	}
	if r := verifyTexts(t, layer, layerKernels, 1); !r.Equal {
		t.Error(r.Reason)
	}
	if r := verifyTexts(t, layer, strings.Replace(layerKernels, "* 0.125", "* 0.25", 1), 1); r.Equal || r.Witness == nil {
		t.Errorf("another factor: %+v", r)
	}
}

// TestComposedLayer verifies a layer kernel by kernel: right changes of one kernel are accepted, wrong ones refused.
func TestComposedLayer(t *testing.T) {
	t.Parallel()
	for _, c := range layerChanges {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(layerKernels, c.from) {
				t.Fatal("there is no such place")
			}
			r := composeTexts(t, layer, strings.Replace(layerKernels, c.from, c.to, 1))
			if r.Equal != c.equal {
				t.Errorf("equal %v, want %v: %s", r.Equal, c.equal, r.Reason)
			}
			if r.Equal && (r.ErrorLog2 > -64 || r.Sampled != "" || !strings.Contains(strings.Join(r.Checks, " "), "piece by piece")) {
				t.Errorf("2^%g, %q, %v", r.ErrorLog2, r.Sampled, r.Checks)
			}
		})
	}
}

// composedPairs are pairs of programs, most of which differ at places that cuts could hide.
var composedPairs = []struct {
	name, a, b string
	equal      bool
}{
	{"order-dependent operators on a product in a kernel",
		"program p(X: f32[8, 40], W: f32[40, 300]) -> (T) { T = argmax(X @ W * 2, axis=-1) }",
		`ugraph p(X: f32[8, 40], W: f32[40, 300]) -> (T) {
    z = kernel k(X, W) grid(a: 300 by 100) { store z(a=1) = load(X) @ (load(W, a=1) + load(W, a=1)) }
    T = argmax(z, axis=-1)
}`, true},
	{"order-dependent operators on another product",
		"program p(X: f32[8, 40], W: f32[40, 300]) -> (T) { T = argmax(X @ W * 2, axis=-1) }",
		`ugraph p(X: f32[8, 40], W: f32[40, 300]) -> (T) {
    z = kernel k(X, W) grid(a: 300 by 100) { store z(a=1) = load(X) @ (load(W, a=1) * load(W, a=1)) }
    T = argmax(z, axis=-1)
}`, false},
	{"another operator that depends on order",
		"program p(X: f32[8, 40]) -> (T) { T = argmax(X * 2 + 1, axis=-1) }",
		`ugraph p(X: f32[8, 40]) -> (T) {
    z = kernel k(X) grid(a: 8 by 2) { store z(a=0) = 1 + 2 * load(X, a=0) }
    T = argmax(-z, axis=-1)
}`, false},
	{"an entry that may be undefined beside one that is needed",
		"program p(X: f32[8, 40], Z: f32[4, 40]) -> (Y) { L = log(X)  A, B = split(L, axis=0, parts=2)  Y = Z + exp(A) * 2 }",
		`ugraph p(X: f32[8, 40], Z: f32[4, 40]) -> (Y) {
    L = log(X)
    A, B = split(L, axis=0, parts=2)
    Y = kernel k(Z, A, B) grid(a: 4 by 2) { store Y(a=0) = load(Z, a=0) + exp(load(A, a=0)) * 2 + (load(B, a=0) - load(B, a=0)) }
}`, false},
	{"an entry that may be undefined, which is needed",
		"program p(X: f32[8, 40], Z: f32[4, 40]) -> (Y) { L = log(X)  A, B = split(L, axis=0, parts=2)  Y = Z + exp(A * 2) * B }",
		`ugraph p(X: f32[8, 40], Z: f32[4, 40]) -> (Y) {
    L = log(X)
    A, B = split(L, axis=0, parts=2)
    Y = kernel k(Z, A, B) grid(a: 4 by 2) { store Y(a=0) = load(Z, a=0) + exp(load(A, a=0)) * load(B, a=0) * exp(load(A, a=0)) }
}`, true},
	{"a row of an undefined column",
		"program p(X: f32[8, 40], Z: f32[8, 40]) -> (Y) { L = sqrt(X)  Y = Z * sum(L, axis=-1, keepdims=true) + tanh(Z) }",
		`ugraph p(X: f32[8, 40], Z: f32[8, 40]) -> (Y) {
    L = sqrt(X)
    Y = kernel k(Z, L) grid(a: 40 by 8) { store Y(a=1) = load(Z, a=1) * sum(load(L), axis=1, keepdims=true) + tanh(load(Z, a=1)) + sum(load(L) * 0, axis=[0, 1], keepdims=true) }
}`, false},
	{"infinite entries of a cut",
		"program p(X: f32[8, 40], M: bool[8, 40]) -> (Y) { S = where(M, X * 2, -inf)  Y = exp(S - 1) * X }",
		`ugraph p(X: f32[8, 40], M: bool[8, 40]) -> (Y) {
    S = where(M, X * 2, -inf)
    Y = kernel k(S, X) grid(a: 8 by 2) { store Y(a=0) = exp(load(S, a=0) - 1) * load(X, a=0) + (load(S, a=0) - load(S, a=0)) }
}`, false},
	{"infinite entries of a cut that vanish",
		"program p(X: f32[8, 40], M: bool[8, 40]) -> (Y) { S = where(M, X * 2, -inf)  Y = exp(S - 1) * X }",
		`ugraph p(X: f32[8, 40], M: bool[8, 40]) -> (Y) {
    S = where(M, X * 2, -inf)
    Y = kernel k(S, X) grid(a: 8 by 2) { store Y(a=0) = load(X, a=0) * exp(load(S, a=0) - 1) }
}`, true},
	{"a fact that a cut forgets",
		"program p(X: f32[8, 40]) -> (Y) { R = square(X)  Y = R / sqrt(R + 1) }",
		`ugraph p(X: f32[8, 40]) -> (Y) {
    R = square(X)
    Y = kernel k(R) grid(a: 8 by 2) { store Y(a=0) = load(R, a=0) * (load(R, a=0) + 1) / (load(R, a=0) + 1) / sqrt(load(R, a=0) + 1) }
}`, true},
	{"a fact that is none",
		"program p(X: f32[8, 40]) -> (Y) { R = X * 3  Y = R / sqrt(square(R) + 1) }",
		`ugraph p(X: f32[8, 40]) -> (Y) {
    R = X * 3
    Y = kernel k(R) grid(a: 8 by 2) { store Y(a=0) = load(R, a=0) * (load(R, a=0) + 1) / (load(R, a=0) + 1) / sqrt(square(load(R, a=0)) + 1) }
}`, false},
	{"the transpose of a square cut",
		"program p(X: f32[8, 8]) -> (Y) { R = exp(X)  Y = R @ tanh(R) }",
		`ugraph p(X: f32[8, 8]) -> (Y) {
    R = exp(X)
    S = transpose(R, perm=[1, 0])
    Y = kernel k(R, S) grid(a: 8 by 2) { store Y(a=0) = load(R, a=0) @ tanh(load(S)) }
}`, false},
	{"a transpose that is undone",
		"program p(X: f32[8, 8]) -> (Y) { R = exp(X)  Y = R @ tanh(R) }",
		`ugraph p(X: f32[8, 8]) -> (Y) {
    R = kernel e(X) grid(a: 8 by 4) { store R(a=1) = transpose(exp(load(X, a=0)), perm=[1, 0]) }
    Y = kernel k(R) grid(a: 8 by 2) { store Y(a=0) = transpose(load(R, a=1), perm=[1, 0]) @ tanh(transpose(load(R), perm=[1, 0])) }
}`, true},
	{"a reshape for a transpose",
		"program p(X: f32[8, 6]) -> (Y) { R = exp(X)  Y = tanh(transpose(R, perm=[1, 0])) + 1 }",
		`ugraph p(X: f32[8, 6]) -> (Y) {
    R = exp(X)
    S = reshape(R, shape=[6, 8])
    Y = kernel k(S) grid(a: 6 by 2) { store Y(a=0) = 1 + tanh(load(S, a=0)) }
}`, false},
	{"integers of a cut in another type",
		"program p(X: f32[8, 40]) -> (Y) { I = cast(X, to=i32)  Y = cast(I * I, to=f32) + X }",
		`ugraph p(X: f32[8, 40]) -> (Y) {
    I = cast(X, to=i8)
    Y = kernel k(I, X) grid(a: 8 by 2) { i = cast(load(I, a=0), to=i32)
 store Y(a=0) = load(X, a=0) + cast(i * i, to=f32) }
}`, false},
	{"the shorter of two equal cuts",
		"program p(X: f32[8, 40], Z: f32[8, 40]) -> (Y, R) { R = X + Z  Y = exp(R) * exp(X) }",
		`ugraph p(X: f32[8, 40], Z: f32[8, 40]) -> (Y, R) {
    R = kernel a(X, Z) grid(a: 8 by 2) { store R(a=0) = load(Z, a=0) + load(X, a=0) }
    Y = kernel k(R) grid(a: 8 by 2) { store Y(a=0) = exp(load(R, a=0) + load(R, a=0)) }
}`, false},
}

func TestComposedPairs(t *testing.T) {
	for _, c := range composedPairs {
		t.Run(c.name, func(t *testing.T) {
			r := verifyTexts(t, c.a, c.b, 1)
			if r.Equal != c.equal {
				t.Errorf("equal %v, want %v: %s %v", r.Equal, c.equal, r.Reason, r.Checks)
			}
			if !c.equal && composeTexts(t, c.a, c.b).Equal {
				t.Error("equal piece by piece")
			}
			t.Log(r.Equal, r.Checks, r.Reason)
		})
	}
}
