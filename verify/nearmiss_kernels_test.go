package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// kernelPair is a right candidate as a whole text, and the near misses that edits of it are.
type kernelPair struct {
	program, right string
	misses         [][3]string // name, text, its replacement
}

var kernelPairs = []kernelPair{
	{"program p(Q: f32[2, 12, 8], K: f32[2, 90, 8], V: f32[2, 90, 8]) -> (O) { O = softmax(matmul(Q, K, transpose_b=true)) @ V }",
		`ugraph p for p(Q: f32[2, 12, 8], K: f32[2, 90, 8], V: f32[2, 90, 8]) -> (O) {
    O = kernel k(Q, K, V) grid(a: 2 by 1) loop(d: 90 by 16) {
        v = load(V, a=0, loop=1)
        s = matmul(load(Q, a=0), load(K, a=0, loop=1), transpose_b=true)
        m = accum(max(s, axis=2, keepdims=true), kind=max)
        r = running(m)
        e = exp(s - r)
        f = exp(previous(m) - r)
        g = exp(previous(m) - r)
        o = accum(e @ v, f)
        d = accum(sum(e, axis=2, keepdims=true), g)
        store O(a=0) = o / d
    }
}`, [][3]string{
			{"rescale forgotten", "accum(e @ v, f)", "accum(e @ v, 0 * f + 1)"},
			{"rescale of the denominator forgotten", "keepdims=true), g)", "keepdims=true), 0 * g + 1)"},
			{"stale maximum in a rescale", "g = exp(previous(m) - r)", "g = exp(previous(m) - max(s, axis=2, keepdims=true))"},
			{"the tile's maximum for the running one", "e = exp(s - r)", "e = exp(s - max(s, axis=2, keepdims=true))"},
			{"maximum left out of the numerator", "o = accum(e @ v, f)", "o = accum(exp(s) @ v + 0 * e @ v, 0 * f + 1)"},
			{"a tile read twice", "d = accum(sum(e, axis=2, keepdims=true), g)", "d = accum(sum(e, axis=2, keepdims=true) + sum(e, axis=2, keepdims=true), g)"},
			{"keys for values", "v = load(V, a=0, loop=1)", "v = load(K, a=0, loop=1) + 0 * load(V, a=0, loop=1)"},
			{"a ragged edge unguarded: its padding counts as exp(0)", "store O(a=0) = o / d", "store O(a=0) = o / (d + 6 * exp(0 - m))"},
		}},
	{"program p(X: f32[6, 90]) -> (Y) { Y = mean(X, axis=1) }",
		`ugraph p for p(X: f32[6, 90]) -> (Y) {
    Y = kernel k(X) grid(r: 6 by 4) loop(c: 90 by 16) {
        x = load(X, r=0, loop=1)
        store Y(r=0) = accum(sum(x, axis=1)) / 90
    }
}`, [][3]string{
			{"a ragged edge unguarded: its padding counts", "/ 90", "/ 96"},
			{"a tile read twice in a sum", "accum(sum(x, axis=1))", "accum(sum(x, axis=1) + sum(slice(load(X, r=0), axis=1, start=0, end=16), axis=1))"},
			{"a mean of tiles' means", "accum(sum(x, axis=1)) / 90", "accum(mean(x, axis=1)) / 6"},
			{"the last tile dropped", "x = load(X, r=0, loop=1)", "x = where(reshape(load(iota(n=90), loop=0), shape=[1, -1]) < 80, load(X, r=0, loop=1), 0)"},
		}},
	{"program p(X: f32[S, 8]) -> (Y) where S <= 512 { Y = mean(X, axis=0) }",
		"program p(X: f32[S, 8]) -> (Y) where S <= 512 { Y = reshape(mean(X, axis=0, keepdims=true), shape=[8]) }", [][3]string{
			{"1/n forgotten, n being 1 in the smallest instance", "mean(X", "sum(X"},
			{"a literal that is right at one size only", "mean(X, axis=0, keepdims=true)", "sum(X, axis=0, keepdims=true) * 0.015625"},
		}},
	{"program p(X: f32[1, 90, 8]) -> (Y) { Y = mean(X, axis=0) }",
		"program p(X: f32[1, 90, 8]) -> (Y) { Y = sum(X, axis=0) }", [][3]string{
			{"1/n forgotten, n being 1 on another axis", "sum(X, axis=0)", "reshape(sum(X, axis=1, keepdims=true) * 1, shape=[1, 8]) + 0 * sum(X, axis=0)"},
		}},
	{"program p(X: f32[6, 40], A: f32[40, 8], B: f32[40, 8]) -> (Y, Z) {\n Y = X @ A\n Z = X @ B }",
		"program p(X: f32[6, 40], A: f32[40, 8], B: f32[40, 8]) -> (Y, Z) {\n C = X @ concat(A, B, axis=1)\n Y = slice(C, axis=1, end=8)\n Z = slice(C, axis=1, start=8) }", [][3]string{
			{"swapped outputs", "concat(A, B", "concat(B, A"},
			{"one output twice", "Z = slice(C, axis=1, start=8)", "Z = slice(C, axis=1, end=8)"},
		}},
	{"program p(X: f32[6, 8], Y: f32[6, 8]) -> (O) { O = Y + 0 * X }",
		"program p(X: f32[6, 8], Y: f32[6, 8]) -> (O) { O = Y * 1 + 0 * X }", [][3]string{
			{"x·(y/x) at 0", "Y * 1", "X * (Y / X)"},
			{"y·(x/x) at 0", "Y * 1", "Y * (X / X)"},
		}},
}

// TestKernelPairs: near misses of candidates as wholes, each rejected with a witness.
func TestKernelPairs(t *testing.T) { testKernelPairs(t, kernelPairs) }

func testKernelPairs(t *testing.T, pairs []kernelPair) {
	t.Helper()
	for _, p := range pairs {
		a := programtest.Parse(t, p.program)
		r, err := Equal(context.Background(), a, programtest.Parse(t, p.right), Options{Seed: 9})
		if err != nil || !r.Equal {
			t.Errorf("a right candidate: %+v, %v\n%s", r, err, p.right)
			continue
		}
		for _, miss := range p.misses {
			if !strings.Contains(p.right, miss[1]) {
				t.Errorf("%s: %q is not in the text", miss[0], miss[1])
				continue
			}
			r, err := Equal(context.Background(), a, programtest.Parse(t, strings.Replace(p.right, miss[1], miss[2], 1)), Options{Seed: 9})
			switch {
			case err != nil:
				t.Errorf("%s: %v", miss[0], err)
			case r.Equal || r.Witness == nil:
				t.Errorf("%s: equal %v, witness %v: %s", miss[0], r.Equal, r.Witness, r.Reason)
			}
		}
	}
}
