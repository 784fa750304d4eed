package search

import (
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// odd are programs at the edges of what the search expresses. kernels is the most data-moving operators and
// kernels that may remain, 0: any number; keep says that the program itself is a right answer.
var odd = []struct {
	src     string
	kernels int
	keep    bool
}{
	{src: `program scalar(X: f32[], Y: f32[]) -> (Z) { Z = exp(X) * Y + 1 }`, kernels: 1},
	{src: `program total(X: f32[7, 11]) -> (Z) { Z = sum(X * X) }`, kernels: 1},
	{src: `program ones(X: f32[1, 1, 1]) -> (Z) { Z = softmax(X) + rms_norm(X) }`, kernels: 1},
	{src: `program unit(X: f32[1, 13], W: f32[13, 1]) -> (Y) { Y = tanh(X @ W) }`, kernels: 1},
	{src: `program pass(X: f32[9, 9]) -> (Y) { Y = X }`, keep: true},
	{src: `program same(X: f32[3, 5]) -> (Y, Z) { Y = X  Z = X }`, keep: true},
	{src: `program beside(X: f32[3, 5]) -> (Y, Z) { Y = X  Z = exp(X) + X }`, kernels: 1},
	{src: `program turned(X: f32[3, 5]) -> (Y) { Y = transpose(X) }`, keep: true},
	{src: `program fixed(X: f32[3, 5]) -> (Y) { Y = broadcast(2, shape=[3, 5]) }`, keep: true},
	{src: `program counted(X: f32[5]) -> (Y) { Y = cast(iota(n=5), to=f32) * X }`, kernels: 1},
	{src: `program idle(X: f32[3, 5], U: f32[9], V: i32[2]) -> (Y) { Y = exp(X) * 2 }`, kernels: 1},
	{src: `program shared(X: f32[17, 23], W: f32[23, 29]) -> (A, B, C) {
    H = relu(X @ W)
    A = H * 2 + 1
    B = sum(H, axis=-1)
    C = softmax(H)
}`, kernels: 3},
	{src: `program again(X: f32[17, 23]) -> (A, B) { E = exp(X)  A = E / sum(E, axis=1, keepdims=true)  B = E }`, kernels: 2},
	{src: `program whole(I: i32[7, 9], J: i32[7, 9]) -> (K) { K = maximum(I + J, I) * 2 }`, keep: true},
	{src: `program truth(X: f32[7, 9], Y: f32[7, 9]) -> (B) { B = X < Y }`, keep: true},
	{src: `program chosen(X: f32[7, 9], Y: f32[7, 9]) -> (Z) { Z = where(less(X, Y), X * 2, Y) }`, kernels: 1},
	{src: `program greatest(X: f32[7, 64]) -> (I) { I = argmax(X + 1, axis=1) }`},
	{src: `program look(I: i32[7], E: f32[100, 64]) -> (Y) { Y = softmax(gather(E, I) * 2) }`},
	{src: `program put(X: f32[50, 16], I: i32[7], U: f32[7, 16]) -> (Y) { Y = scatter_add(X, I, U * 2) }`},
	{src: `program joined(A: f32[7, 9], B: f32[7, 5]) -> (Y) { Y = softmax(concat(A * 2, B, axis=1)) }`},
	{src: `program part(X: f32[19, 64]) -> (Y) { Y = exp(slice(X, axis=1, start=3, end=40)) + 1 }`},
	{src: `program padded(X: f32[19, 30], Z: f32[19, 3]) -> (Y) { Y = softmax(concat(exp(X * 2), Z * 0, axis=1)) }`},
	{src: `program parts(X: f32[19, 64]) -> (Y) { A, B = split(X, parts=2, axis=1)  Y = silu(A) * B }`},
	{src: `program bits(I: i32[64]) -> (N) { N = popcount(shift_left(I, 3)) + I }`},
	{src: `program logic(X: f32[7, 9], M: bool[7, 9]) -> (Y) { Y = where(and(M, X < 1), X * 2, 0) }`, kernels: 1},
	{src: `program turned_look(X: f32[3, 11, 32], P: i32[11], E: const f32[50, 32], I: i32[11]) -> (Y, V, J) { R = rope(X + gather(E, I), P)  Y = R * 0.5  V, J = topk(R, k=3) }`},
	{src: `program turn(X: f32[4, 8, 64], P: i32[8]) -> (Y) { Y = rope(X * 2, P) }`},
	{src: `program masked(Q: f32[2, 9, 16], K: f32[2, 33, 16], V: f32[2, 33, 16], M: bool[9, 33]) -> (O) { O = attention(Q, K, V, M) }`, kernels: 1},
	{src: `program causal(Q: f32[2, 9, 16], K: f32[2, 33, 16], V: f32[2, 33, 16]) -> (O) { O = attention(Q, K, V, causal=true) }`, kernels: 1},
	{src: `program cached(Q: f32[2, 1, 16], K: f32[2, S, 16], V: f32[2, S, 16], L: f32[2, 1, 16], W: f32[2, 1, 16]) -> (O) where S <= 64 {
    O = attention(Q, concat(K, L, axis=1), concat(V, W, axis=1))
}`},
	{src: `program halves(X: f32[19, 64], W: f32[32, 8]) -> (Y) { A = slice(X, axis=1, start=0, end=32)  B = slice(X, axis=1, start=32, end=64)  Y = (silu(A) * B) @ W }`},
	{src: `program primes(X: f32[127, 509], W: f32[509, 251]) -> (Y) { Y = softmax(rms_norm(X) @ W) }`},
	{src: `program tall(X: f32[1000003]) -> (Y) { Y = X / sqrt(mean(square(X))) }`, kernels: 3},
	{src: `program divisible(X: f32[S, 64], W: const f32[64, 32]) -> (Y) where S <= 4096, S % 16 == 0 { Y = gelu(X @ W) }`, kernels: 1},
	{src: `program symbols(X: f32[S, T], Y: f32[T]) -> (Z) where S <= 100, T <= 1000, T % 8 == 0 { Z = softmax(X + Y) }`, kernels: 1},
	{src: `program halved(X: f32[33, 65], W: f32[65, 17]) -> (Y) { Y = cast(cast(X, to=f16) @ cast(W, to=f16), to=f32) }`},
	{src: `program eighth(X: f8e4m3[33, 65], W: f8e4m3[65, 17], V: const f8e4m3[17, 40]) -> (Y) { Y = relu(X @ W) @ V }`, kernels: 1},
	{src: `program narrow(X: f8e4m3[33, 65]) -> (Y) { Y = softmax(X) * 2 }`, kernels: 1},
	{src: `program thirds(X: f16[6, 40]) -> (Y) { Y = reshape(exp(reshape(X, shape=[2, 3, 40])) * 2, shape=[6, 40]) }`},
	{src: `program regrouped(X: f32[6, 40]) -> (Y) { Y = softmax(reshape(X, shape=[4, 60])) }`},
	{src: `program outer(X: f32[31], Y: f32[37]) -> (Z) { Z = reshape(X, shape=[31, 1]) * reshape(Y, shape=[1, 37]) }`, kernels: 1},
	{src: `program square_of(X: f32[31, 31]) -> (Z) { Z = X @ X @ X }`},
	{src: `program sorted(X: f32[5, 64]) -> (V, I) { V, I = topk(X * 2, k=3) }`},
	{src: `program chain(X: f32[8]) -> (Y) { Y = exp(tanh(sin(cos(X * 2) + 1) - 3) / 2) }`, kernels: 1},
}

// TestOdd: something verified, or the program itself with a reason; never an error, and with its interface.
func TestOdd(t *testing.T) {
	list := odd
	if testing.Short() {
		list = list[:6]
	}
	for _, c := range list {
		g := programtest.Parse(t, c.src)
		t.Run(g.Name, func(t *testing.T) {
			r := optimize(t, g, Options{})
			t.Logf("%.2f s, baseline %v, rejected %d, kept %v: %s", r.Seconds, r.Best == r.Baseline, r.Stats.Rejected, r.Kept, r.Reason)
			for _, x := range r.Rejections {
				t.Logf("rejected: %s", x.Reason)
			}
			if r.Best == r.Baseline {
				if r.Reason == "" {
					t.Error("the program itself, without a reason")
				}
				if !c.keep && c.kernels > 0 && len(r.Baseline.Cost.Kernels) > c.kernels {
					t.Errorf("the program itself, with %d kernels: %s", len(r.Baseline.Cost.Kernels), r.Reason)
				}
				return
			}
			checkAnswer(t, g.Name, r, "exhausted")
			if d, o := kernels(r.Best.Graph); c.kernels > 0 && d+o > c.kernels {
				t.Errorf("%d kernels and %d operators, want %d\n%s", d, o, c.kernels, text.Print(r.Best.Graph))
			}
			for i, o := range g.Outputs {
				if p := r.Best.Lowered.Outputs[i]; p.Name != o.Name || !r.Best.Lowered.Value(p.Value).Type.Equal(g.Value(o.Value).Type) {
					t.Errorf("output %s is %s %s", o.Name, p.Name, r.Best.Lowered.Value(p.Value).Type)
				}
			}
			if len(g.Symbols) == 0 && !moves(g) {
				sameFloats(t, g, r.Best.Lowered)
			}
		})
	}
}

// moves tells whether an input holds positions, which floats drawn for it would not be.
func moves(g *ugraph.Graph) bool {
	for _, in := range g.Inputs {
		if !g.Value(in.Value).DType.IsFloat() {
			return true
		}
	}
	return false
}
