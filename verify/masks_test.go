package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// maskPairs are right candidates whose masks of positions and integers are those of their programs, and near misses.
var maskPairs = []kernelPair{
	{"program p(X: f32[8, S], n: i32[8, 1], V: f32[S, 4]) -> (Y) where S <= 4096 { Y = softmax(where(iota(n=S) < n, X, -inf)) @ V }",
		`ugraph p for p(X: f32[8, S], n: i32[8, 1], V: f32[S, 4]) -> (Y) where S <= 4096 {
    w = reshape(n, shape=[8])
    Y = kernel k(X, w, V) grid(r: 8 by 4) loop(c: S by 256) {
        seen = load(iota(n=S), loop=0) < reshape(load(w, r=0), shape=[4, 1])
        e = where(seen, exp(load(X, r=0, loop=1)), 0)
        store Y(r=0) = accum(e @ load(V, loop=0)) / accum(sum(e, axis=1, keepdims=true))
    }
}`, [][3]string{
			{"one key more", "loop=0) < reshape", "loop=0) <= reshape"},
			{"the keys that are hidden", "where(seen, exp(load(X, r=0, loop=1)), 0)", "where(seen, 0, exp(load(X, r=0, loop=1)))"},
			{"positions that start at 1", "load(iota(n=S), loop=0) <", "load(iota(n=S), loop=0) + 1 <"},
			{"compared the other way round", "loop=0) < reshape", "loop=0) > reshape"},
			{"another number of keys", "load(w, r=0), shape=[4, 1])", "load(w, r=0), shape=[4, 1]) + 1"},
			{"the same length for all rows", "reshape(load(w, r=0), shape=[4, 1])", "max(load(w), axis=0)"},
			{"a length forgotten in the denominator", "sum(e, axis=1", "sum(exp(load(X, r=0, loop=1)), axis=1"},
			{"lengths doubled", "w = reshape(n, shape=[8])", "w = reshape(n + n, shape=[8])"},
			{"lengths in the reverse order of blocks", "w = reshape(n, shape=[8])", "w = reshape(transpose(reshape(n, shape=[2, 4])), shape=[8])"},
		}},
	{"program p(X: f32[6, 6, 64], a: i32[6, 1, 1], b: i32[6, 1]) -> (Y) { Y = sum(where(and(a <= b, iota(n=64) < a), X, 0), axis=2) }",
		`ugraph p for p(X: f32[6, 6, 64], a: i32[6, 1, 1], b: i32[6, 1]) -> (Y) {
    u = reshape(a, shape=[6])
    v = reshape(b, shape=[6])
    Y = kernel k(X, u, v) grid(i: 6 by 2, j: 6 by 2) {
        p = reshape(load(u, i=0), shape=[2, 1, 1])
        seen = and(load(iota(n=64)) < p, reshape(load(v, j=0), shape=[2, 1]) >= p)
        store Y(i=0, j=1) = sum(where(seen, load(X, i=0, j=1), 0), axis=2)
    }
}`, [][3]string{
			{"blocks of the other dimension", "load(u, i=0)", "load(u, j=0)"},
			{"rows for columns", "reshape(load(v, j=0), shape=[2, 1])", "reshape(load(v, i=0), shape=[2, 1])"},
			{"one input for the other", "p = reshape(load(u, i=0)", "p = 0 * reshape(load(u, i=0), shape=[2, 1, 1]) + reshape(load(v, i=0)"},
			{"or for and", "seen = and(", "seen = or("},
			{"half of the mask", "load(iota(n=64)) < p", "0 * load(iota(n=64)) < 0 * p + 1"},
			{"a mask of the tile's rows", "load(iota(n=64)) < p", "reshape(load(iota(n=2)), shape=[2, 1]) + 0 * load(iota(n=64)) < p"},
			{"arithmetic of 8 bits", "load(iota(n=64)) < p", "cast(load(iota(n=64)), to=i8) < cast(p, to=i8)"},
			{"strict", "shape=[2, 1]) >= p", "shape=[2, 1]) > p"},
		}},
	{`program p(X: f32[40, 40]) -> (Y) { k = iota(n=40)
    q = reshape(iota(n=40), shape=[40, 1])
    Y = sum(where(and(k <= q, q - k < 17), X, 0), axis=1) }`,
		`ugraph p for p(X: f32[40, 40]) -> (Y) {
    Y = kernel k(X) grid(r: 40 by 8) {
        k = load(iota(n=40))
        q = reshape(load(iota(n=40), r=0), shape=[8, 1])
        store Y(r=0) = sum(where(and(q - k < 17, k <= q), load(X, r=0), 0), axis=1)
    }
}`, [][3]string{
			{"a row's place in its block", "load(iota(n=40), r=0)", "load(iota(n=8))"},
			{"a window of one more", "q - k < 17", "q - k < 18"},
			{"a window to the other side", "q - k < 17", "k - q < 17"},
			{"no window", "and(q - k < 17, k <= q)", "k <= q"},
			{"rows for columns", "where(and(q - k < 17, k <= q), load(X, r=0), 0)", "where(and(k - q < 17, q <= k), load(X, r=0), 0)"},
			{"from the end", "k <= q)", "k <= max(load(iota(n=40)), axis=0, keepdims=true) - q)"},
		}},
	{"program p(Q: f32[2, 24, 8], K: f32[2, 40, 8], V: f32[2, 40, 8]) -> (O) { O = attention(Q, K, V, causal=true, scale=1) }",
		`ugraph p for p(Q: f32[2, 24, 8], K: f32[2, 40, 8], V: f32[2, 40, 8]) -> (O) {
    O = kernel k(Q, K, V) grid(a: 2 by 1, b: 24 by 8) {
        q = reshape(load(iota(n=24), b=0), shape=[8, 1])
        s = max(load(iota(n=40)), axis=0) - max(load(iota(n=24)), axis=0)
        x = where(load(iota(n=40)) <= q + s, matmul(load(Q, a=0, b=1), load(K, a=0), transpose_b=true), -inf)
        e = exp(x - max(x, axis=2, keepdims=true))
        store O(a=0, b=1) = e @ load(V, a=0) / sum(e, axis=2, keepdims=true)
    }
}`, [][3]string{
			{"not the query's own key", "<= q + s", "< q + s"},
			{"the first query sees one key", "<= q + s", "<= q + 0 * s"},
			{"one key more", "<= q + s", "<= q + s + 1"},
			{"keys for queries", "max(load(iota(n=40)), axis=0) - max(load(iota(n=24)), axis=0)", "max(load(iota(n=24)), axis=0) - max(load(iota(n=40)), axis=0)"},
			{"a query's place in its block", "load(iota(n=24), b=0)", "load(iota(n=8))"},
			{"a query's place in reverse", "q + s, matmul", "s - q + 23, matmul"},
			{"hidden keys that weigh 1", "transpose_b=true), -inf)", "transpose_b=true), 0)"},
			{"no mask", "load(iota(n=40)) <= q + s", "0 * load(iota(n=40)) <= q * 0 + s"},
		}},
	{"program p(Q: f32[1, T, 8], K: f32[1, S, 8], V: f32[1, S, 8]) -> (O) where T <= 512, S <= 512 { O = attention(Q, K, V, causal=true, scale=1) }",
		`ugraph p for p(Q: f32[1, T, 8], K: f32[1, S, 8], V: f32[1, S, 8]) -> (O) where T <= 512, S <= 512 {
    O = kernel k(Q, K, V) grid(b: T by 8) loop(c: S by 16) {
        q = reshape(load(iota(n=T), b=0), shape=[8, 1])
        s = max(load(iota(n=S)), axis=0) - max(load(iota(n=T)), axis=0)
        x = where(load(iota(n=S), loop=0) <= q + s, matmul(load(Q, b=1), load(K, loop=1), transpose_b=true), -inf)
        m = accum(max(x, axis=2, keepdims=true), kind=max)
        r = where(running(m) == -inf, 0, running(m))
        e = exp(x - r)
        f = exp(previous(m) - r)
        o = accum(e @ load(V, loop=1), f) / accum(sum(e, axis=2, keepdims=true), f)
        store O(b=1) = where(m == -inf, 0, o)
    }
}`, [][3]string{
			{"a query without keys", "where(m == -inf, 0, o)", "where(m == -inf, 1, o)"},
			{"a query without keys unguarded", "where(m == -inf, 0, o)", "where(m == -inf, o, o)"},
			{"tiles without keys unguarded", "r = where(running(m) == -inf, 0, running(m))", "r = running(m)"},
			{"rescale forgotten", "accum(sum(e, axis=2, keepdims=true), f)", "accum(sum(e, axis=2, keepdims=true))"},
			{"not the query's own key in tiles", "<= q + s", "< q + s"},
			{"no offset", "<= q + s", "<= q + 0 * s"},
			{"the offset of queries alone", "max(load(iota(n=S)), axis=0) - max(load(iota(n=T)), axis=0)", "max(load(iota(n=S)), axis=0) - max(load(iota(n=S)), axis=0)"},
			{"keys and queries in each other's place", "load(iota(n=S), loop=0) <= q + s", "q <= load(iota(n=S), loop=0) + s"},
		}},
	{`program p(X: f32[5, 9], W: f32[9, 64], key: i32[5, 1]) -> (Y) { Y = argmax(X @ W - log(-log(uniform(key, iota(n=64)))), axis=-1) }`,
		`ugraph p for p(X: f32[5, 9], W: f32[9, 64], key: i32[5, 1]) -> (Y) {
    w = reshape(key, shape=[5])
    Z = kernel k(X, W, w) grid(c: 64 by 16) {
        u = uniform(reshape(load(w), shape=[5, 1]), load(iota(n=64), c=0))
        store Z(c=1) = load(X) @ load(W, c=1) - log(-log(u))
    }
    Y = argmax(Z, axis=-1)
}`, [][3]string{
			{"a word's place in its tile", "load(iota(n=64), c=0))", "load(iota(n=16)))"},
			{"one key for all rows", "reshape(load(w), shape=[5, 1])", "max(load(w), axis=0)"},
			{"another key", "reshape(load(w), shape=[5, 1])", "reshape(load(w), shape=[5, 1]) + 1"},
			{"words from 1", "load(iota(n=64), c=0))", "load(iota(n=64), c=0) + 1)"},
			{"the sign of the noise", "- log(-log(u))", "+ log(-log(u))"},
			{"noise without its second logarithm", "log(-log(u))", "log(u)"},
			{"keys for words", "uniform(reshape(load(w), shape=[5, 1]), load(iota(n=64), c=0))", "uniform(load(iota(n=64), c=0), reshape(load(w), shape=[5, 1]))"},
			{"the least", "Y = argmax(Z", "Y = argmax(-Z"},
		}},
}

func TestMasks(t *testing.T) {
	for _, pair := range maskPairs {
		a := programtest.Parse(t, pair.program)
		check := func(name, text string, want bool) {
			t.Run(name, func(t *testing.T) {
				r, err := Equal(context.Background(), a, programtest.Parse(t, text), Options{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				if r.Equal != want {
					t.Fatalf("equal: %v, want %v: %s %v", r.Equal, want, r.Reason, r.Checks)
				}
				if apart := strings.Contains(strings.Join(r.Checks, " "), "any masks"); want && !apart {
					t.Errorf("proved in another way: %v", r.Checks)
				}
			})
		}
		check("right", pair.right, true)
		for _, m := range pair.misses {
			text := strings.Replace(pair.right, m[1], m[2], 1)
			if text == pair.right {
				t.Fatalf("%s: nothing is replaced", m[0])
			}
			check(m[0], text, false)
		}
	}
}
