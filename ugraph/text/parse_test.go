package text

import (
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// TestExamples parses the language's own examples.
func TestExamples(t *testing.T) {
	gs, err := Parse("ex.ug", []byte(`
// Falcon-7B's gated MLP, Mirage's benchmark 1.
program gated_mlp(
    X:  f16[8, 4096],
    W1: const f16[4096, 4096],
    W2: const f16[4096, 4096],
) -> (Y) {
    Y = silu(X @ W1) * (X @ W2)
}

// Decoding attention over a cache of any length.
program gqa_decode(
    Q: f16[2, 256, 64],
    K: f16[2, S, 64],
    V: f16[2, S, 64],
) -> (O: f16, L: f32) where 1 <= S <= 131072, S % 16 == 0 {
    A = matmul(Q, K, transpose_b=true) * 0.125
    P = softmax(A, axis=-1)
    O = P @ V
    L = logsumexp(A, axis=-1)
}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(gs) != 2 || gs[0].Name != "gated_mlp" || gs[1].Name != "gqa_decode" {
		t.Fatalf("got %d graphs", len(gs))
	}
	g := gs[1]
	if want := (ugraph.Symbol{Name: "S", Lo: 1, Hi: 131072, Multiple: 16}); g.Symbols[0] != want {
		t.Errorf("symbol %v, want %v", g.Symbols[0], want)
	}
	var ops []string
	for _, n := range g.Nodes {
		ops = append(ops, n.Op.String())
	}
	if got, want := strings.Join(ops, " "), "matmul const mul softmax matmul logsumexp cast"; got != want {
		t.Errorf("operators %s, want %s", got, want)
	}
	if l := g.Values[g.Outputs[1].Value]; l.DType != ugraph.F32 || l.Name != "L" {
		t.Errorf("output L is %s %s", l.Name, l.Type)
	}
}
