package stability

import (
	"strings"
	"testing"
)

const (
	logits  = "(X: T[64, 512], W: const T[512, 300]) -> (N)"
	sampled = "(X: T[64, 512], W: const T[512, 300], t: T[64, 1]) -> (N)"
)

// jumps are programs whose results jump: near a tie two good computations give two answers, and no row of them says
// anything; elsewhere a choice is right or wrong.
var jumps = []pair{
	{"argmax of a product in two halves", program(logits, "N = argmax(X @ W, axis=1)"),
		program(logits, "A = cast(slice(X, axis=1, start=0, end=256), to=f32) @ cast(slice(W, axis=0, start=0, end=256), to=f32)\nB = cast(slice(X, axis=1, start=256, end=512), to=f32) @ cast(slice(W, axis=0, start=256, end=512), to=f32)\nN = argmax(cast(A + B, to=T), axis=1)"), ""},
	{"argmax of rounded products", program(logits, "N = argmax(X @ W, axis=1)"), program(logits, "N = argmax(cast(X @ W, to=bf16), axis=1)"), "f32 f16"},
	{"argmax of the next column", program(logits, "N = argmax(X @ W, axis=1)"), program(logits, "N = argmax(X @ W, axis=1) + 1"), all},
	{"a temperature that may be zero", program(sampled, "N = argmax(cast(X, to=f32) @ cast(W, to=f32) / cast(t, to=f32), axis=1)"), program(sampled, "N = argmax(cast(X, to=f32) / cast(t, to=f32) @ cast(W, to=f32), axis=1)"), ""},
	{"the lowest of temperatures", program(sampled, "N = argmax(X @ W / t, axis=1)"), program(sampled, "N = argmax(X @ W, axis=1)"), all},
	{"attention with scores beyond f16", program(attention, "O = softmax(Q @ K) @ V"), program(attention, "O = softmax(cast(cast(Q @ K, to=f16), to=T)) @ V"), "f32 bf16"},
}

func TestJumps(t *testing.T) {
	for seed := range uint64(3) {
		accepted, rejected := runTable(t, jumps, seed)
		t.Logf("accepted:\n%s\nrejected:\n%s", strings.Join(accepted, "\n"), strings.Join(rejected, "\n"))
	}
}
