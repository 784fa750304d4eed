package verify

import (
	"context"
	"errors"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// lazyPrograms are small programs whose every entry is evaluated both ways.
var lazyPrograms = []string{
	`program p(X: f32[6, 10], Z: f32[10, 4]) -> (Y) { Y = softmax(X @ Z, axis=0) + sum(X, axis=1, keepdims=true) }`,
	`program p(X: f32[2, 3, 8], W: f32[8], B: f32[8]) -> (Y) { Y = layer_norm(X, W, B, eps=1e-5) * max(rms_norm(X, axis=1), axis=2, keepdims=true) }`,
	`program p(X: f32[4, 12], P: i32[4]) -> (Y) { Y = rope(X, P) + rope(X, P, style=interleaved) }`,
	`program p(Q: f32[4, 5, 6], K: f32[2, 7, 6], V: f32[2, 7, 3], M: bool[5, 7]) -> (Y, Z, W) {
		Y = attention(Q, K, V, causal=true)
		Z = attention(Q, K, V, M, scale=0.5)
		W = attention(concat(Q, Q, axis=1), K, V, causal=true) }`,
	`program p(X: f32[4, 6], I: i32[3]) -> (Y, Z) { Y = gather(X, I, axis=1)
		Z = scatter_add(X, I, slice(X, axis=0, start=1, end=4), axis=0) }`,
	`program p(X: f32[4, 6]) -> (Y, Z) { A, B = split(X, parts=2, axis=1)
		Y = concat(B, transpose(reshape(A, shape=[3, 4])), axis=1)
		Z = broadcast(slice(X, axis=0, start=-1, end=4), shape=[5, 6]) }`,
	`program p(X: i32[4, 6]) -> (Y, Z, W, U) { Y, Z = topk(X, k=2, axis=0)
		W = argmax(X, axis=1, keepdims=true)
		U = sum(X, axis=0) + max(X, axis=1, keepdims=true) }`,
	`program p(X: f32[6, 10]) -> (Y, Z) { Y = logsumexp(X, axis=1) + log_softmax(sum(X, axis=1))
		Z = where(reshape(iota(n=10), shape=[1, 10]) < 4, X, clamp(X, min=-2, max=2)) * pow(X, exponent=3) }`,
	`program p(X: f32[2, 12]) -> (Y) { Y = reshape(X, shape=[2, 3, 4]) @ transpose(reshape(X, shape=[2, 3, 4]), perm=[0, 2, 1]) }`,
}

// lazyKernels are kernels with every kind of cut, store and accumulator.
var lazyKernels = []string{
	`ugraph p for p(X: f32[10, 14], W: f32[14, 9]) -> (Y) {
		Y = kernel k(X, W) grid(a: 10 by 3, b: 9 by 4) loop(c: 14 by 5) {
			store Y(a=0, b=1) = accum(load(X, a=0, loop=1) @ load(W, b=1, loop=0)) } }`,
	`ugraph p for p(Q: f32[2, 6, 4], K: f32[2, 10, 4], V: f32[2, 10, 3]) -> (O) {
		O = kernel k(Q, K, V) grid(h: 2 parts, q: 6 by 4) loop(s: 10 by 3) {
			s = matmul(load(Q, h=0, q=1), load(K, h=0, loop=1), transpose_b=true)
			m = accum(max(s, axis=-1, keepdims=true), kind=max)
			p = exp(s - running(m))
			f = exp(previous(m) - running(m))
			store O(h=0, q=1) = accum(p @ load(V, h=0, loop=1), f) / accum(sum(p, axis=-1, keepdims=true), f) } }`,
	`ugraph p for p(X: f32[4, 24]) -> (Y) {
		P = kernel k(X) grid(a: 24 by 6) loop(b: 6 by 4) { store P(a=1) = accum(sum(load(X, a=1, loop=1), axis=1, keepdims=true)) }
		Y = kernel m(P) { store Y() = sum(load(P), axis=1) } }`,
	`ugraph p for p(X: f32[4, 24], W: f32[24, 4]) -> (Y) {
		Y = kernel k(X, W) grid(a: 24 by 8) { store Y(reduce=sum) = load(X, a=1) @ load(W, a=0) } }`,
	`ugraph p for p(X: f32[4, 24]) -> (Y) {
		Y = kernel k(X) grid(a: 4 by 1) loop(b: 24 by 7) { store Y(a=0, loop=1) = exp(load(X, a=0, loop=1)) } }`,
	`ugraph p for p(X: f32[4, 24]) -> (Y) {
		Y = kernel k(X) grid(a: 4 by 3, u: 4 parts) { store Y(a=0) = load(X, a=0) * 2 } }`,
	`ugraph p for p(X: i32[8, 6]) -> (Y) {
		Y = kernel k(X) loop(b: 8 by 3) { store Y() = accum(load(X, loop=0), kind=max) } }`,
}

// TestLazyIsDense evaluates every entry of programs and kernels on demand and compares with the dense
// evaluation of the same draw.
func TestLazyIsDense(t *testing.T) {
	for _, src := range append(append([]string(nil), lazyPrograms...), lazyKernels...) {
		g, err := tryParse(src)
		if err != nil {
			t.Errorf("%v\n%s", err, src)
			continue
		}
		lazyIsDense(t, g)
	}
	for i := range knownGood {
		if p, g := goodPair(t, i); len(g.Symbols) == 0 {
			lazyIsDense(t, p)
			lazyIsDense(t, g)
		}
	}
}

func lazyIsDense(t *testing.T, g *ugraph.Graph) {
	t.Helper()
	m, err := match(g, g)
	if err != nil {
		t.Fatal(err)
	}
	c := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: context.Background(), a: g, b: g, m: m, res: &Result{}}
	c.key, c.env = c.streamKey(), c.realEnv()
	in, err := c.analyse().solve(plan{blocks: 2, env: c.env, real: true})
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	st := setting{model: field.S, comps: 3}
	dense, err := c.draw(in, st, 0)
	var large *errTooLarge
	if errors.As(err, &large) {
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	st.places = c.everything()
	for i := range st.places { // a few of many entries
		var few []int
		for k := 0; k < len(st.places[i]); k += 1 + len(st.places[i])/50 {
			few = append(few, k)
		}
		st.places[i] = few
	}
	lazy, err := c.draw(in, st, 0)
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	for i := range dense.outA {
		for k, at := range st.places[i] {
			x, y := cellOf(dense.outA[i], at), cellOf(lazy.outA[i], k)
			if x.i != y.i || dense.outA[i].f != nil && !x.f.Same(y.f) {
				t.Errorf("%s: output %d, entry %d is %v densely and %v on demand", g.Name, i, at, x, y)
				break
			}
		}
	}
}

// sampledPairs have no smaller instance.
var sampledPairs = []struct {
	name, a, b string
	equal      bool
	sampled    bool
}{
	{"a slice of a long axis", `program p(X: f32[4, 104857]) -> (Y) { Y = 2 * slice(X, axis=1, start=1000, end=90000) }`,
		`program p(X: f32[4, 104857]) -> (Y) { Z = slice(X, axis=1, start=1000, end=90000)
		Y = Z + Z }`, true, false},
	{"a slice shifted by one", `program p(X: f32[4, 1048576]) -> (Y) { Y = slice(X, axis=1, start=1000, end=900000) }`,
		`program p(X: f32[4, 1048576]) -> (Y) { Y = slice(X, axis=1, start=1001, end=900001) }`, false, true},
	{"a long vector, all of it", `program p(X: f32[262144]) -> (Y) { Y = slice(X, axis=0, start=1, end=262144) * 2 }`,
		`program p(X: f32[262144]) -> (Y) { Z = slice(X, axis=0, start=1, end=262144)
		Y = Z + Z }`, true, false},
	{"one position far out", `program p(X: f32[64, 1048576]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[64, 1048576]) -> (Y) { Y = where(reshape(iota(n=1048576), shape=[1, 1048576]) == 777777, X, X + X) }`, false, true},
	{"a mask far out, the same", `program p(X: f32[64, 1048576]) -> (Y) { Y = where(reshape(iota(n=1048576), shape=[1, 1048576]) < 777777, X, 0) }`,
		`program p(X: f32[64, 1048576]) -> (Y) { Y = where(reshape(iota(n=1048576), shape=[1, 1048576]) >= 777777, 0, X) }`, true, true},
	{"a mask far out, off by one", `program p(X: f32[64, 1048576]) -> (Y) { Y = where(reshape(iota(n=1048576), shape=[1, 1048576]) < 777777, X, 0) }`,
		`program p(X: f32[64, 1048576]) -> (Y) { Y = where(reshape(iota(n=1048576), shape=[1, 1048576]) > 777777, 0, X) }`, false, true},
	{"a position that twice is a literal", `program p(X: f32[64, 1048576]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[64, 1048576]) -> (Y) { I = reshape(iota(n=1048576), shape=[1, 1048576])
		Y = where(I + I == 777776, X, X + X) }`, false, true},
	{"a position that a square finds", `program p(X: f32[64, 262144]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[64, 262144]) -> (Y) { I = reshape(iota(n=262144), shape=[1, 262144])
		Y = where(and(I, 65535) == 54321, X, X + X) }`, false, true},
	{"a position that a float threshold finds", `program p(X: f32[64, 262144]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[64, 262144]) -> (Y) { F = cast(reshape(iota(n=262144), shape=[1, 262144]), to=f32)
		Y = X * 2 + relu(F * 0.5 - 100002) }`, false, true},
	{"a place on a diagonal", `program p(X: f32[8192, 8192]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[8192, 8192]) -> (Y) { Y = where(reshape(iota(n=8192), shape=[8192, 1]) == reshape(iota(n=8192), shape=[1, 8192]) + 3000, X, X + X) }`, false, true},
	{"the place where the axes meet", `program p(X: f32[8192, 8192]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[8192, 8192]) -> (Y) { Y = where(reshape(iota(n=8192), shape=[8192, 1]) == reshape(iota(n=8192), shape=[1, 8192]), X, X + X) }`, false, true},
	{"a join, one element late", `program p(X: f32[8, 200000], Z: f32[8, 300000]) -> (Y) { Y = slice(concat(X, Z, axis=1), axis=1, start=1, end=499999) }`,
		`program p(X: f32[8, 200000], Z: f32[8, 300000]) -> (Y) { Y = concat(slice(X, axis=1, start=1, end=200000), slice(Z, axis=1, start=0, end=299999), axis=1) + 0 }`, true, false},
	{"a join of other parts", `program p(X: f32[16, 300000], Z: f32[16, 300000]) -> (Y) { Y = concat(slice(X, axis=1, start=0, end=200000), slice(Z, axis=1, start=200000, end=300000), axis=1) }`,
		`program p(X: f32[16, 300000], Z: f32[16, 300000]) -> (Y) { Y = concat(slice(X, axis=1, start=0, end=200001), slice(Z, axis=1, start=200001, end=300000), axis=1) }`, false, true},
	{"an axis split into parts that are tied", `program p(X: f32[128, 1649]) -> (Y) { Y = reshape(transpose(reshape(X, shape=[128, 17, 97]), perm=[0, 2, 1]), shape=[128, 1649]) * cast(reshape(iota(n=1649), shape=[1, 1649]), to=f32) }`,
		`program p(X: f32[128, 1649]) -> (Y) { F = cast(reshape(iota(n=1649), shape=[1, 1649]), to=f32)
		Y = F * reshape(transpose(reshape(X, shape=[128, 17, 97]), perm=[0, 2, 1]), shape=[128, 1649]) }`, true, false},
	{"an axis split the other way", `program p(X: f32[128, 1649]) -> (Y) { Y = reshape(transpose(reshape(X, shape=[128, 17, 97]), perm=[0, 2, 1]), shape=[128, 1649]) }`,
		`program p(X: f32[128, 1649]) -> (Y) { Y = reshape(transpose(reshape(X, shape=[128, 97, 17]), perm=[0, 2, 1]), shape=[128, 1649]) }`, false, true},
	{"positions as numbers in a kernel", `program p(X: f32[8, 32768]) -> (Y) { Y = sum(X * cast(reshape(iota(n=32768), shape=[1, 32768]), to=f32), axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 32768]) -> (Y) {
		Y = kernel k(X) grid(r: 8 by 3) loop(s: 32768 by 1000) { store Y(r=0) = accum(sum(load(X, r=0, loop=1) * cast(reshape(load(iota(n=32768), loop=0), shape=[1, 1000]), to=f32), axis=1, keepdims=true)) } }`, true, false},
	{"positions as numbers, within the tile", `program p(X: f32[8, 32768]) -> (Y) { Y = sum(X * cast(reshape(iota(n=32768), shape=[1, 32768]), to=f32), axis=1, keepdims=true) }`,
		`ugraph p for p(X: f32[8, 32768]) -> (Y) {
		Y = kernel k(X) grid(r: 8 by 2) loop(s: 32768 by 1024) { store Y(r=0) = accum(sum(load(X, r=0, loop=1) * cast(reshape(load(iota(n=1024)), shape=[1, 1024]), to=f32), axis=1, keepdims=true)) } }`, false, true},
	{"one element of a merged axis", `program p(X: f32[8192, 8192]) -> (Y) { Y = X * 2 }`,
		`program p(X: f32[8192, 8192]) -> (Y) { Y = X + reshape(where(iota(n=67108864) == 31234567, 0, reshape(X, shape=[67108864])), shape=[8192, 8192]) }`, false, true},
	{"the same, transposed", `program p(X: f32[8192, 8192]) -> (Y) { Y = transpose(X * 2) }`,
		`program p(X: f32[8192, 8192]) -> (Y) { Y = transpose(X + reshape(where(iota(n=67108864) == 31234567, 0, reshape(X, shape=[67108864])), shape=[8192, 8192])) }`, false, true},
	{"a number that is taken off three times", `program p(X: f32[64, 65536]) -> (Y) { Y = X + 0 }`,
		`program p(X: f32[64, 65536]) -> (Y) { Y = where(reshape(iota(n=65536), shape=[1, 65536]) - 15000 - 15000 == 15007, X + 1, X) }`, false, true},
	{"one place in three axes", `program p(X: f32[3000, 3000, 3000]) -> (Y) { Y = X + 0 }`,
		`program p(X: f32[3000, 3000, 3000]) -> (Y) { I = reshape(iota(n=3000), shape=[3000, 1, 1])
		J = reshape(iota(n=3000), shape=[1, 3000, 1])
		K = reshape(iota(n=3000), shape=[1, 1, 3000])
		Y = where(and(and(I == 2100, J == 2003), K == 1717), X + 1, X) }`, false, true},
	{"exponentials of a slice", `program p(X: f32[64, 100000]) -> (Y) { Y = silu(slice(X, axis=1, start=5, end=100000)) }`,
		`program p(X: f32[64, 100000]) -> (Y) { Z = slice(X, axis=1, start=5, end=100000)
		Y = Z / (1 + exp(-Z)) }`, true, true},
}

// TestSampled compares graphs that have no smaller instance: equal pairs are accepted with a record
// that says whether all entries were compared, and a difference in one place among millions is found or
// the pair refused.
func TestSampled(t *testing.T) {
	t.Parallel()
	for _, p := range sampledPairs {
		t.Run(p.name, func(t *testing.T) {
			r := verifyTexts(t, p.a, p.b, 1)
			if r.Equal != p.equal {
				t.Fatalf("equal %v, want %v: %s %v", r.Equal, p.equal, r.Reason, r.Checks)
			}
			if r.Equal && (r.Sampled != "") != p.sampled {
				t.Errorf("sampled: %q, want a sample: %v: %v", r.Sampled, p.sampled, r.Checks)
			}
			t.Log(r.Reason, r.Sampled, r.Tests, r.ErrorLog2, r.Witness)
		})
	}
}
