package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// orderPairs compute with an index that argmax or top-k found: indices of a long axis do not occur on a short one.
var orderPairs = []struct {
	name, a, b string
	equal      bool
}{
	{"a least index", `program p(X: f32[64]) -> (Y) { Y = argmax(X, axis=0) }`, `program p(X: f32[64]) -> (Y) { Y = minimum(argmax(X, axis=0), 40) }`, false},
	{"in a kernel", `program p(X: f32[4, 64]) -> (Y) { Y = argmax(X, axis=1) }`,
		`ugraph p for p(X: f32[4, 64]) -> (Y) { Y = kernel k(X) grid(a: 4 by 1) { store Y(a=0) = minimum(argmax(load(X, a=0), axis=1), 40) } }`, false},
	{"of any size", `program p(X: f32[S]) -> (Y) where S <= 8192 { Y = argmax(X, axis=0) }`,
		`program p(X: f32[S]) -> (Y) where S <= 8192 { Y = minimum(argmax(X, axis=0), 4000) }`, false},
	{"eight bits", `program p(X: f32[S]) -> (Y) where S <= 5000 { Y = argmax(X, axis=0) }`,
		`program p(X: f32[S]) -> (Y) where S <= 5000 { Y = cast(cast(argmax(X, axis=0), to=i8), to=i32) }`, false},
	{"an early index", `program p(X: f32[64], Z: f32[]) -> (Y) { Y = Z * cast(argmax(X, axis=0) < 9, to=f32) }`, `program p(X: f32[64], Z: f32[]) -> (Y) { Y = Z * 1 }`, false},
	{"an index as a number", `program p(X: f32[S], Z: f32[]) -> (Y) where S <= 8192 { Y = where(argmax(X, axis=0) < 4000, Z, 0) }`,
		`program p(X: f32[S], Z: f32[]) -> (Y) where S <= 8192 { Y = Z * 1 }`, false},
	{"top-k's index", "program p(X: f32[64]) -> (Y) { V, I = topk(X, k=1)  Y = I + 0 }", "program p(X: f32[64]) -> (Y) { V, I = topk(X, k=1)  Y = minimum(I, 40) }", false},
	{"top-k's second index", "program p(X: f32[64]) -> (Y) { V, I = topk(X, k=2)  Y = I + 0 }", "program p(X: f32[64]) -> (Y) { V, I = topk(X, k=2)  Y = maximum(I, -1) - 0 * minimum(I, 9) + minimum(I - 50, 0) - (I - 50) }", false},
	{"a row that is looked up", `program p(X: f32[64], T: f32[64]) -> (Y) { Y = gather(T, argmax(X, axis=0)) }`,
		`program p(X: f32[64], T: f32[64]) -> (Y) { Y = gather(slice(T, axis=0, start=0, end=32), minimum(argmax(X, axis=0), 31)) }`, false},
	{"a half of the axis", `program p(X: f32[64]) -> (Y) { Y = shift_right(argmax(X, axis=0), 5) }`, `program p(X: f32[64]) -> (Y) { Y = argmax(X, axis=0) * 0 }`, false},
	{"low bits", `program p(X: f32[64]) -> (Y) { Y = and(argmax(X, axis=0), 31) }`, `program p(X: f32[64]) -> (Y) { Y = argmax(X, axis=0) * 1 }`, false},
	{"one hot", `program p(X: f32[64], Z: f32[64]) -> (Y) { Y = sum(where(equal(iota(n=64), argmax(X, axis=0)), Z, 0)) }`,
		`program p(X: f32[64], Z: f32[64]) -> (Y) { Y = sum(where(equal(iota(n=64), minimum(argmax(X, axis=0), 60)), Z, 0)) }`, false},
	{"an index and its axis's end", `program p(X: f32[S]) -> (Y) where S <= 300 { Y = argmax(X, axis=0) < 250 }`, `program p(X: f32[S]) -> (Y) where S <= 300 { Y = argmax(X, axis=0) < 260 }`, false},
	{"moved only", `program p(X: f32[4, 64]) -> (Y) { Y = argmax(X, axis=1) }`,
		`program p(X: f32[4, 64]) -> (Y) { Y = reshape(reshape(argmax(X, axis=1), shape=[2, 2]), shape=[4]) }`, true},
}

func TestOrderPairs(t *testing.T) {
	for _, p := range orderPairs {
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
