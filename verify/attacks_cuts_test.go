package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

const (
	byGroups16 = `program p(X: f32[8, 64]) -> (Y) { X3 = reshape(X, shape=[8, 4, 16])
		Y = reshape(X3 / max(abs(X3), axis=2, keepdims=true), shape=[8, 64]) }`
	halvesLess = `program p(X: f32[8, 64]) -> (Y) { A, B = split(X, parts=2, axis=1)
		Y = concat(A - %(A, axis=1, keepdims=true), B - %(B, axis=1, keepdims=true), axis=1) }`
	over   = "ugraph p for p(X: f32[8, 64]) -> (Y) { Y = kernel k(X) "
	over24 = "ugraph p for p(X: f32[2, 24]) -> (Y) { Y = kernel k(X) "
)

// cutPairs are pairs whose cuts differ in reality. In an instance where every axis has two parts they
// would coincide.
var cutPairs = []struct {
	name, a, b string
	equal      bool
}{
	{"maxima of 16 for those of 8", byGroups16, over + `grid(a: 64 by 8) { x = load(X, a=1)
		store Y(a=1) = x / max(abs(x), axis=1, keepdims=true) } }`, false},
	{"maxima of 16", byGroups16, over + `grid(a: 64 by 16) { x = load(X, a=1)
		store Y(a=1) = x / max(abs(x), axis=1, keepdims=true) } }`, true},
	{"the same in a loop", byGroups16, over + `loop(a: 64 by 8) { x = load(X, loop=1)
		store Y(loop=1) = x / max(abs(x), axis=1, keepdims=true) } }`, false},
	{"maxima of 16 in a loop", byGroups16, over + `loop(a: 64 by 16) { x = load(X, loop=1)
		store Y(loop=1) = x / max(abs(x), axis=1, keepdims=true) } }`, true},
	{"sums of halves for those of tiles", strings.ReplaceAll(halvesLess, "%", "sum"), over + `grid(a: 64 by 16) { x = load(X, a=1)
		store Y(a=1) = x - sum(x, axis=1, keepdims=true) } }`, false},
	{"maxima of halves for those of tiles", strings.ReplaceAll(halvesLess, "%", "max"), over + `grid(a: 64 by 16) { x = load(X, a=1)
		store Y(a=1) = x - max(x, axis=1, keepdims=true) } }`, false},
	{"maxima of halves", strings.ReplaceAll(halvesLess, "%", "max"), over + `grid(a: 64 by 32) { x = load(X, a=1)
		store Y(a=1) = x - max(x, axis=1, keepdims=true) } }`, true},
	{"tiles of 16 and of 8", over + `grid(a: 64 by 16) { x = load(X, a=1)
		store Y(a=1) = x - sum(x, axis=1, keepdims=true) } }`, over + `grid(a: 64 by 8) { x = load(X, a=1)
		store Y(a=1) = x - sum(x, axis=1, keepdims=true) } }`, false},
	{"tiles of 16 and of 1", over + `grid(a: 64 by 16) { x = load(X, a=1)
		store Y(a=1) = x - max(x, axis=1, keepdims=true) } }`, over + `grid(a: 64 by 1) { x = load(X, a=1)
		store Y(a=1) = x - max(x, axis=1, keepdims=true) } }`, false},
	{"a prefix of two for one of four", `program p(X: f32[8, 64]) -> (Y) { A, B = split(X, parts=2, axis=1)
		Y = concat(A + sum(A, axis=1, keepdims=true), B + sum(A, axis=1, keepdims=true) + sum(B, axis=1, keepdims=true), axis=1) }`,
		over + `loop(a: 64 by 16) { x = load(X, loop=1)
		c = accum(sum(x, axis=1, keepdims=true))
		store Y(loop=1) = x + running(c) } }`, false},
	{"a prefix of four", `program p(X: f32[8, 64]) -> (Y) { A, B, C, D = split(X, parts=4, axis=1)
		a = sum(A, axis=1, keepdims=true)
		b = a + sum(B, axis=1, keepdims=true)
		c = b + sum(C, axis=1, keepdims=true)
		Y = concat(A + a, B + b, C + c, D + c + sum(D, axis=1, keepdims=true), axis=1) }`,
		over + `loop(a: 64 by 16) { x = load(X, loop=1)
		c = accum(sum(x, axis=1, keepdims=true))
		store Y(loop=1) = x + running(c) } }`, true},
	{"squares of the sums of two parts for four", `program p(X: f32[8, 64]) -> (Y) { A, B = split(X, parts=2, axis=1)
		Y = square(sum(A, axis=1, keepdims=true)) + square(sum(B, axis=1, keepdims=true)) }`,
		over + `loop(a: 64 by 16) { x = load(X, loop=1)
		store Y() = sum(accum(x * sum(x, axis=1, keepdims=true)), axis=1, keepdims=true) } }`, false},
	{"sums of maxima", `program p(X: f32[8, 64]) -> (Y) { A, B = split(X, parts=2, axis=1)
		Y = max(A, axis=1, keepdims=true) + max(B, axis=1, keepdims=true) }`,
		over + `grid(a: 64 by 16) { store Y(reduce=sum) = max(load(X, a=1), axis=1, keepdims=true) } }`, false},
	{"pools of 16 and of 8", `program p(X: f32[8, 64]) -> (Y) { Y = sum(max(reshape(X, shape=[8, 4, 16]), axis=2), axis=1) }`,
		`ugraph p for p(X: f32[8, 64]) -> (Y) {
		M = kernel k(X) grid(a: 64 by 8) { store M(a=1) = max(load(X, a=1), axis=1, keepdims=true) }
		Y = sum(M, axis=1) }`, false},
	{"symbolic groups of 16 and of 8", `program p(X: f32[8, 16*S]) -> (Y) where S <= 8192 { X3 = reshape(X, shape=[8, S, 16])
		Y = reshape(X3 / max(abs(X3), axis=2, keepdims=true), shape=[8, 16*S]) }`,
		`ugraph p for p(X: f32[8, 16*S]) -> (Y) where S <= 8192 { Y = kernel k(X) grid(a: 16*S by 8) { x = load(X, a=1)
		store Y(a=1) = x / max(abs(x), axis=1, keepdims=true) } }`, false},
	{"symbolic halves and tiles", `program p(X: f32[8, 2*S]) -> (Y) where S <= 8192 { A, B = split(X, parts=2, axis=1)
		Y = concat(A - max(A, axis=1, keepdims=true), B - max(B, axis=1, keepdims=true), axis=1) }`,
		`ugraph p for p(X: f32[8, 2*S]) -> (Y) where S <= 8192 { Y = kernel k(X) grid(a: 2*S by 64) { x = load(X, a=1)
		store Y(a=1) = x - max(x, axis=1, keepdims=true) } }`, false},
	{"free cuts of many sizes", `program p(X: f32[8, 4096], W: f32[4096, 512]) -> (Y) { Y = exp(X) @ W + sum(X, axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 4096], W: f32[4096, 512]) -> (Y) {
		E = kernel k(X) grid(a: 4096 by 96) { store E(a=1) = exp(load(X, a=1)) }
		P = kernel k2(E, W) grid(a: 4096 by 128, n: 512 by 64) loop(c: 128 by 32) {
			store P(n=1, reduce=sum) = accum(load(E, a=1, loop=1) @ load(W, a=0, loop=0, n=1)) }
		Q = kernel k3(X) grid(a: 4096 by 512) { store Q(reduce=sum) = sum(load(X, a=1), axis=1, keepdims=true) }
		Y = P + Q }`, true},
	{"a reshape of 21 million elements", `program p(X: f32[6000, 3500]) -> (Y) { Y = exp(reshape(X, shape=[10000, 2100])) }`,
		`program p(X: f32[6000, 3500]) -> (Y) { Y = reshape(exp(X), shape=[10000, 2100]) }`, true},
	{"a size that one of them does not take", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 16 { Y = sum(X, axis=1) }`, false},
	{"multiples only", `program p(X: f32[8, S]) -> (Y) where S <= 8192 { Y = sum(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192, S % 16 == 0 { Y = sum(X, axis=1) }`, false},
	{"blocks of one column beside four parts", over24 + `grid(a: 24 by 1) { store Y(reduce=sum) = sum(load(X, a=1), axis=1, keepdims=true) } }`,
		over24 + `loop(a: 4 parts) { x = load(X, loop=1)
		store Y() = sum(accum(x), axis=1, keepdims=true) } }`, true},
	{"blocks of one column beside four parts with a maximum each", over24 + `grid(a: 24 by 1) { store Y(reduce=sum) = sum(load(X, a=1), axis=1, keepdims=true) } }`,
		over24 + `loop(a: 4 parts) { x = load(X, loop=1)
		store Y() = sum(accum(x + max(x, axis=1, keepdims=true)), axis=1, keepdims=true) } }`, false},
	{"more sizes", `program p(X: f32[8, S]) -> (Y) where S <= 16, S % 4 == 0 { Y = sum(X, axis=1) }`,
		`program p(X: f32[8, S]) -> (Y) where S <= 8192, S % 2 == 0 { Y = sum(X, axis=1) }`, true},
}

func TestCutPairs(t *testing.T) {
	t.Parallel()
	for _, p := range cutPairs {
		r, err := Equal(context.Background(), programtest.Parse(t, p.a), programtest.Parse(t, p.b), Options{Seed: 2})
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		if r.Equal != p.equal {
			t.Errorf("%s: equal = %v: %s", p.name, r.Equal, r.Reason)
		}
	}
}

// TestTileOfAWhole: a tile that is larger than an axis that is cut elsewhere, too, is the axis itself, and what divides it
// is listed once.
func TestTileOfAWhole(t *testing.T) {
	head := `ugraph p for p(X: f32[4, S], W: f32[S, 4]) -> (Y) where 1 <= S <= 200 {
    A = kernel k(X, W) grid(c: S by 6) loop(d: 6 by 2) {
        x = load(X, c=1, loop=1)
        store A(reduce=sum) = accum(x @ load(W, c=0, loop=0))
    }
`
	a := head + "Y = kernel j(A, X) grid(r: 4 by 2) { store Y(r=0) = load(A, r=0) - max(load(X, r=0), axis=1, keepdims=true) } }"
	b := head + "Y = kernel j(A, X) grid(r: 4 by 5) { store Y(r=0) = load(A, r=1) - max(load(X, r=0), axis=1, keepdims=true) } }"
	if r := verifyTexts(t, a, b, 1); r.Equal {
		t.Error("columns pass for rows")
	}
}
