package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// integerAttacks are pairs that differ at sizes, positions or integers that a small instance with small
// integers does not have.
var integerAttacks = []struct{ name, a, b string }{
	{"the 64th power of a strictly causal matrix", `program p(M: f32[128, 128]) -> (Y) { I = reshape(iota(n=128), shape=[128, 1])
		J = reshape(iota(n=128), shape=[1, 128])
		T0 = where(J < I, M, 0)
		T1 = T0 @ T0
		T2 = T1 @ T1
		T3 = T2 @ T2
		T4 = T3 @ T3
		T5 = T4 @ T4
		T6 = T5 @ T5
		Y = T6 + 0 }`, `program p(M: f32[128, 128]) -> (Y) { Y = M * 0 }`},
	{"the 64th power of a strictly causal matrix, symbolic", `program p(M: f32[S, S]) -> (Y) where S <= 8192 { I = reshape(iota(n=S), shape=[S, 1])
		J = reshape(iota(n=S), shape=[1, S])
		T0 = where(J < I, M, 0)
		T1 = T0 @ T0
		T2 = T1 @ T1
		T3 = T2 @ T2
		T4 = T3 @ T3
		T5 = T4 @ T4
		T6 = T5 @ T5
		Y = T6 + 0 }`, `program p(M: f32[S, S]) -> (Y) where S <= 8192 { Y = M * 0 }`},
	{"a determinant of products over more columns than the instance's", `program p(X: f32[3, 4096], Z: f32[4096, 3]) -> (Y) { G = X @ Z
		A, B, C = split(G, parts=3, axis=0)
		A0, A1, A2 = split(A, parts=3, axis=1)
		B0, B1, B2 = split(B, parts=3, axis=1)
		C0, C1, C2 = split(C, parts=3, axis=1)
		Y = A0 * (B1 * C2 - B2 * C1) - A1 * (B0 * C2 - B2 * C0) + A2 * (B0 * C1 - B1 * C0) }`,
		`program p(X: f32[3, 4096], Z: f32[4096, 3]) -> (Y) { Y = sum(sum(X @ Z * 0, axis=0, keepdims=true), axis=1, keepdims=true) }`},
}

// integerPairs are the same programs.
var integerPairs = []struct{ name, a, b string }{
	{"a matrix to the third", `program p(M: f32[S, S]) -> (Y) where S <= 4096 { Y = M @ M @ M }`, `program p(M: f32[S, S]) -> (Y) where S <= 4096 { Y = M @ (M @ M) }`},
}

func TestIntegerAttacks(t *testing.T) {
	check := func(name, a, b string, want bool) {
		t.Run(name, func(t *testing.T) {
			gb, err := tryParse(b)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Equal(context.Background(), programtest.Parse(t, a), gb, Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if r.Equal != want {
				t.Fatalf("equal = %v, want %v: %s %v", r.Equal, want, r.Reason, r.Checks)
			}
			t.Log(r.Reason)
		})
	}
	for _, p := range integerAttacks {
		check(p.name, p.a, p.b, false)
	}
	for _, p := range integerPairs {
		check(p.name, p.a, p.b, true)
	}
}
