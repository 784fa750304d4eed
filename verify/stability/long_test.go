package stability

import (
	"context"
	"strings"
	"testing"
)

// long are programs whose real sums are longer than those of the small instance.
var long = []pair{
	{"softmax of 32768, shifted by 80 more", program("(X: T[8, 32768]) -> (Y)", "Y = softmax(X)"),
		program("(X: T[8, 32768]) -> (Y)", "E = exp(cast(X, to=f32) - cast(max(X, axis=1, keepdims=true), to=f32) + 80)\nY = cast(E / sum(E, axis=1, keepdims=true), to=T)"), all},
	{"the same of 256", program("(X: T[8, 256]) -> (Y)", "Y = softmax(X)"),
		program("(X: T[8, 256]) -> (Y)", "E = exp(cast(X, to=f32) - cast(max(X, axis=1, keepdims=true), to=f32) + 80)\nY = cast(E / sum(E, axis=1, keepdims=true), to=T)"), ""},
	{"softmax of 32768", program("(X: T[8, 32768]) -> (Y)", "Y = softmax(X)"),
		program("(X: T[8, 32768]) -> (Y)", "E = exp(cast(X, to=f32) - cast(max(X, axis=1, keepdims=true), to=f32))\nY = cast(E / sum(E, axis=1, keepdims=true), to=T)"), ""},
	{"any size, at its bound", program("(X: T[8, S]) -> (Y) where S <= 65536", "Y = softmax(X)"),
		program("(X: T[8, S]) -> (Y) where S <= 65536", "E = exp(cast(X, to=f32) - cast(max(X, axis=1, keepdims=true), to=f32) + 80)\nY = cast(E / sum(E, axis=1, keepdims=true), to=T)"), all},
	{"mean of 32768, the sum in the type", program("(X: T[8, 32768]) -> (Y)", "Y = mean(X + 30, axis=1, keepdims=true)"),
		program("(X: T[8, 32768]) -> (Y)", "Y = sum(X + 30, axis=1, keepdims=true) / 32768"), "f16"},
}

func TestLong(t *testing.T) {
	accepted, rejected := runTable(t, long, 1)
	t.Logf("accepted:\n%s\nrejected:\n%s", strings.Join(accepted, "\n"), strings.Join(rejected, "\n"))
}

// A row that should be 0 and is not has no finite ratio, and a constant row is no reason to reject a
// candidate whose variance is 0 but for rounding.
func TestConstantRows(t *testing.T) {
	p := parse(t, normProgram, "f32")
	c := parse(t, program(rows, "D = X - sum(X * 0.0009765625, axis=1, keepdims=true)\nY = D / sqrt(mean(square(D), axis=1, keepdims=true) + 1e-5)"), "f32")
	s, err := Check(context.Background(), p, c, Options{})
	if err != nil || !s.OK && strings.Contains(s.Reason, constantRows.name) {
		t.Error(s, err)
	}
}
