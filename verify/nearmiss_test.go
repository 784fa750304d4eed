package verify

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// pairCase is a program, a second one over the same inputs, and whether they are the same.
type pairCase struct {
	name, sig, a, b string
	equal           bool
}

const (
	attn  = "Q: f32[2, 8, 64], K: f32[2, 96, 64], V: f32[2, 96, 64]"
	heads = "Q: f32[1, 32, 64, 64], K: f32[1, 8, 512, 64], V: f32[1, 8, 512, 64]"
	mat   = "X: f32[4, 96], W: f32[96, 80]"
	rows  = "X: f32[6, 96]"
	rows2 = "X: f32[6, 96], Y: f32[6, 96]"
)

var pairCases = []pairCase{
	// Right rewrites.
	{"softmax without the maximum", rows, "softmax(X)", "exp(X) / sum(exp(X), axis=-1, keepdims=true)", true},
	{"softmax by its definition", rows, "softmax(X)", "exp(X - max(X, axis=-1, keepdims=true)) / sum(exp(X - max(X, axis=-1, keepdims=true)), axis=-1, keepdims=true)", true},
	{"division after the product", attn, "softmax(matmul(Q, K, transpose_b=true)) @ V", "(exp(matmul(Q, K, transpose_b=true)) @ V) / sum(exp(matmul(Q, K, transpose_b=true)), axis=-1, keepdims=true)", true},
	{"scale on q first", attn, "softmax(matmul(Q, K, transpose_b=true) * 0.125) @ V", "softmax(matmul(Q * 0.125, K, transpose_b=true)) @ V", true},
	{"attention by its definition", attn, "attention(Q, K, V)", "softmax(matmul(Q, K, transpose_b=true) * 0.125) @ V", true},
	{"grouped heads by their definition", heads, "attention(Q, K, V)",
		"reshape(softmax(matmul(reshape(Q, shape=[1, 8, 4, 64, 64]), reshape(K, shape=[1, 8, 1, 512, 64]), transpose_b=true) * 0.125) @ reshape(V, shape=[1, 8, 1, 512, 64]), shape=[1, 32, 64, 64])", true},
	{"logsumexp with another shift", rows, "logsumexp(X)", "log(sum(exp(X), axis=-1))", true},
	{"log_softmax", rows, "log_softmax(X)", "X - max(X, axis=-1, keepdims=true) - log(sum(exp(X - max(X, axis=-1, keepdims=true)), axis=-1, keepdims=true))", true},
	{"rms scale after the product", mat, "rms_norm(X) @ W", "(X @ W) / sqrt(mean(square(X), axis=-1, keepdims=true))", true},
	{"rsqrt for the root", rows, "rms_norm(X)", "X * rsqrt(mean(square(X), axis=-1, keepdims=true))", true},
	{"1/n as a literal at its size", "X: f32[6, 64]", "mean(X, axis=-1)", "sum(X, axis=-1) * 0.015625", true},
	{"variance by moments", rows, "mean(square(X - mean(X, axis=-1, keepdims=true)), axis=-1)", "mean(square(X), axis=-1) - square(mean(X, axis=-1))", true},
	{"layer_norm by moments", rows, "layer_norm(X, eps=0.001)", "(X - mean(X, axis=-1, keepdims=true)) / sqrt(mean(square(X), axis=-1, keepdims=true) - square(mean(X, axis=-1, keepdims=true)) + 0.001)", true},
	{"lora merged", "X: f32[8, 64], W: f32[64, 48], A: f32[64, 4], B: f32[4, 48]", "X @ W + X @ A @ B", "X @ (W + A @ B)", true},
	{"lora re-associated", "X: f32[8, 64], W: f32[64, 48], A: f32[64, 4], B: f32[4, 48]", "X @ W + X @ A @ B", "X @ W + X @ (A @ B)", true},
	{"concatenated product", "X: f32[8, 64], W: f32[64, 48], Y: f32[8, 32], B: f32[32, 48]", "X @ W + Y @ B", "concat(X, Y, axis=1) @ concat(W, B, axis=0)", true},
	{"silu by exp", rows, "silu(X)", "X / (1 + exp(-X))", true},
	{"tanh by sigmoid", rows, "tanh(X)", "2 * sigmoid(2 * X) - 1", true},
	{"products of exponentials", rows2, "exp(X) * exp(Y)", "exp(X + Y)", true},
	{"max is associative", rows2, "max(maximum(X, Y), axis=-1)", "maximum(max(X, axis=-1), max(Y, axis=-1))", true},
	{"sums in another order", "X: f32[6, 8, 12]", "sum(sum(X, axis=1), axis=1)", "sum(X, axis=[1, 2])", true},
	{"sum of a reshape", "X: f32[6, 96]", "sum(X, axis=-1)", "sum(sum(reshape(X, shape=[6, 8, 12]), axis=2), axis=1)", true},
	{"transposed product", mat, "transpose(X @ W)", "matmul(W, X, transpose_a=true, transpose_b=true)", true},
	{"two heads by batching", "X: f32[2, 5, 16], W: f32[2, 16, 7]", "sum(X @ W, axis=0)", "matmul(reshape(transpose(X, perm=[1, 0, 2]), shape=[5, 32]), reshape(W, shape=[32, 7]))", true},
	{"causal mask by where", "Q: f32[1, 8, 16], K: f32[1, 8, 16], V: f32[1, 8, 16]", "attention(Q, K, V, scale=1, causal=true)",
		"softmax(where(iota(n=8) <= reshape(iota(n=8), shape=[8, 1]), matmul(Q, K, transpose_b=true), -inf)) @ V", true},
	// Near misses.
	{"scale missing", attn, "softmax(matmul(Q, K, transpose_b=true) * 0.125) @ V", "softmax(matmul(Q, K, transpose_b=true)) @ V", false},
	{"another scale", attn, "attention(Q, K, V)", "softmax(matmul(Q, K, transpose_b=true) * 0.0625) @ V", false},
	{"sum for mean", rows, "mean(X, axis=-1)", "sum(X, axis=-1)", false},
	{"sum of squares for the mean", rows, "rms_norm(X)", "X / sqrt(sum(square(X), axis=-1, keepdims=true))", false},
	{"1/n of another size", "X: f32[6, 64]", "mean(X, axis=-1)", "sum(X, axis=-1) * 0.0078125", false},
	{"n-1 for n", "X: f32[6, 65]", "mean(X, axis=-1)", "sum(X, axis=-1) * 0.015625", false},
	{"maximum in the numerator only", rows, "softmax(X)", "exp(X - max(X, axis=-1, keepdims=true)) / sum(exp(X), axis=-1, keepdims=true)", false},
	{"maximum in the denominator only", rows, "softmax(X)", "exp(X) / sum(exp(X - max(X, axis=-1, keepdims=true)), axis=-1, keepdims=true)", false},
	{"logsumexp without its shift", rows, "logsumexp(X)", "log(sum(exp(X - max(X, axis=-1, keepdims=true)), axis=-1))", false},
	{"exchanged inputs", rows2, "silu(X) * Y", "silu(Y) * X", false},
	{"exchanged weights", "X: f32[8, 64], A: f32[64, 64], B: f32[64, 64]", "(X @ A) @ B", "(X @ B) @ A", false},
	{"transposed weight", "X: f32[8, 64], A: f32[64, 64]", "X @ A", "matmul(X, A, transpose_b=true)", false},
	{"norm over the wrong axis", "X: f32[64, 64]", "rms_norm(X)", "rms_norm(X, axis=0)", false},
	{"norm of the wrong tensor", attn, "softmax(matmul(rms_norm(Q), K, transpose_b=true)) @ V", "softmax(matmul(Q, rms_norm(K), transpose_b=true)) @ V", false},
	{"norm of V for K", attn, "softmax(matmul(rms_norm(Q), rms_norm(K), transpose_b=true)) @ V", "softmax(matmul(rms_norm(Q), K, transpose_b=true)) @ rms_norm(V)", false},
	{"softmax over the wrong axis", "X: f32[64, 64]", "softmax(X)", "softmax(X, axis=0)", false},
	{"mask off by one", "Q: f32[1, 8, 16], K: f32[1, 8, 16], V: f32[1, 8, 16]", "attention(Q, K, V, scale=1, causal=true)",
		"softmax(where(iota(n=8) <= reshape(iota(n=8), shape=[8, 1]) + 1, matmul(Q, K, transpose_b=true), -inf)) @ V", false},
	{"mask off by 64", "S: f32[128, 128]", "softmax(where(iota(n=128) <= reshape(iota(n=128), shape=[128, 1]), S, -inf))",
		"softmax(where(iota(n=128) <= reshape(iota(n=128), shape=[128, 1]) + 64, S, -inf))", false},
	{"mask forgotten", "Q: f32[1, 8, 16], K: f32[1, 8, 16], V: f32[1, 8, 16]", "attention(Q, K, V, causal=true)", "attention(Q, K, V)", false},
	{"-1e9 for -inf", "S: f32[16, 16]", "softmax(where(iota(n=16) <= reshape(iota(n=16), shape=[16, 1]), S, -inf))",
		"softmax(where(iota(n=16) <= reshape(iota(n=16), shape=[16, 1]), S, -1e9))", false},
	{"key row 0 for row k", attn, "softmax(matmul(Q, K, transpose_b=true)) @ V", "softmax(matmul(Q, broadcast(slice(K, axis=1, start=0, end=1), shape=[2, 96, 64]), transpose_b=true)) @ V", false},
	{"last key dropped", attn, "softmax(matmul(Q, K, transpose_b=true)) @ V",
		"softmax(matmul(Q, slice(K, axis=1, end=-1), transpose_b=true)) @ slice(V, axis=1, end=-1)", false},
	{"first row of values for all", attn, "softmax(matmul(Q, K, transpose_b=true)) @ V", "softmax(matmul(Q, K, transpose_b=true)) @ broadcast(slice(V, axis=1, start=0, end=1), shape=[2, 96, 64])", false},
	{"wrong grouping of heads", "Q: f32[1, 4, 3, 16], K: f32[1, 2, 9, 16], V: f32[1, 2, 9, 16]", "attention(Q, K, V)",
		"reshape(transpose(attention(reshape(transpose(reshape(Q, shape=[1, 2, 2, 3, 16]), perm=[0, 2, 1, 3, 4]), shape=[1, 4, 3, 16]), K, V), perm=[0, 1, 2, 3]), shape=[1, 4, 3, 16])", false},
	{"heads in turn, not in groups", heads, "attention(Q, K, V)",
		"reshape(softmax(matmul(reshape(Q, shape=[1, 4, 8, 64, 64]), reshape(K, shape=[1, 1, 8, 512, 64]), transpose_b=true) * 0.125) @ reshape(V, shape=[1, 1, 8, 512, 64]), shape=[1, 32, 64, 64])", false},
	{"product of exponentials for the exponential of a product", rows2, "exp(X * Y)", "exp(X) * exp(Y)", false},
	{"epsilon forgotten", rows, "rms_norm(X, eps=0.001)", "rms_norm(X)", false},
	{"another epsilon", rows, "rms_norm(X, eps=0.001)", "rms_norm(X, eps=0.0001)", false},
	{"epsilon outside the root", rows, "rms_norm(X, eps=0.01)", "X / (sqrt(mean(square(X), axis=-1, keepdims=true)) + 0.1)", false},
	{"silu of the other factor", "X: f32[8, 64], A: f32[64, 48], B: f32[64, 48]", "silu(X @ A) * (X @ B)", "(X @ A) * silu(X @ B)", false},
	{"gelu for silu", rows, "gelu(X)", "silu(X)", false},
	{"tanh form for erf form", rows, "gelu(X)", "gelu(X, approximate=tanh)", false},
	{"maximum for minimum", rows2, "maximum(X, Y)", "minimum(X, Y)", false},
	{"less for less_equal", rows2, "where(X < Y, X, 0)", "where(X <= Y, X, 0)", false},
	{"sign of a difference", rows2, "X - Y", "Y - X", false},
	{"split in the other order", "X: f32[6, 64]", "concat(slice(X, axis=1, end=32), slice(X, axis=1, start=32), axis=1)", "concat(slice(X, axis=1, start=32), slice(X, axis=1, end=32), axis=1)", false},
	{"reshape for transpose", "X: f32[12, 8]", "transpose(X)", "reshape(X, shape=[8, 12])", false},
	{"mean over a subset", "X: f32[6, 64]", "mean(X, axis=-1)", "mean(slice(X, axis=1, end=32), axis=-1)", false},
}

func program(sig, body string) string { return "program p(" + sig + ") -> (O) {\n O = " + body + "\n}" }

// TestPairs is the suite of right rewrites, each accepted, and near misses, each rejected with a witness.
func TestPairs(t *testing.T) {
	right, wrong := 0, 0
	for _, c := range pairCases {
		t.Run(c.name, func(t *testing.T) {
			r, err := Equal(context.Background(), programtest.Parse(t, program(c.sig, c.a)), programtest.Parse(t, program(c.sig, c.b)), Options{Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			if r.Equal != c.equal {
				t.Errorf("equal %v, want %v: %s; witness %+v", r.Equal, c.equal, r.Reason, r.Witness)
			}
			if !c.equal && r.Witness == nil {
				t.Errorf("rejected without a witness: %s", r.Reason)
			}
		})
		if c.equal {
			right++
		} else {
			wrong++
		}
	}
	if right < 20 || wrong < 30 {
		t.Errorf("%d right rewrites and %d near misses", right, wrong)
	}
}
