package verify

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph/mirage"
)

// corpusPrograms are the programs that Mirage's saved graphs claim to compute; right says whether
// they do.
var corpusPrograms = []struct {
	file, program string
	right         bool
}{
	{"rmsnorm_bs1", `program p(X: f16[2, 4096], W: f16[4096, 6144]) -> (Y) { Y = rms_norm(X) @ W }`, true},
	{"gqa_bs1", `program p(Q: f16[2, 256, 64], K: f16[2, 64, 4096], V: f16[2, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"mqa_bs1", `program p(Q: f16[1, 1024, 64], K: f16[1, 64, 4096], V: f16[1, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"mha_bs1", `program p(Q: f16[32, 16, 64], K: f16[32, 64, 4096], V: f16[32, 4096, 64]) -> (O) {
		E = exp(Q @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ V }`, true},
	{"lora", `program p(X: f16[16, 256], W: f16[256, 4096], A: f16[256, 16], B: f16[16, 4096]) -> (O) { O = X @ W + X @ A @ B }`, true},
	{"gated_mlp", `program p(X: f16[8, 4096], W1: f16[4096, 4096], W2: f16[4096, 4096]) -> (O) { O = silu(X @ W1) * (X @ W2) }`, true},
	{"ntrans_bs1", `program p(H: f16[8, 4096], X: f16[8, 4096], alpha: f16[8, 4096]) -> (O) { O = rms_norm(X + alpha * (rms_norm(H) + X)) }`, true},
	{"qknorm_gqa_bs1", `program p(Q: f16[2, 256, 64], K: f16[2, 64, 4096], V: f16[2, 4096, 64]) -> (O) {
		E = exp(rms_norm(Q) @ K)
		O = (E / sum(E, axis=-1, keepdims=true)) @ rms_norm(V) }`, false},
}

// TestCorpus verifies Mirage's saved μGraphs: all right ones accepted, all 19 wrong ones rejected.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: Mirage's saved graphs are not at hand")
	}
	for _, c := range corpusPrograms {
		f, err := os.ReadFile(filepath.Join(dir, "mirage", c.file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		gs, err := mirage.Import(bytes.NewReader(f))
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		p := programtest.Parse(t, c.program)
		for i, g := range gs {
			t.Run(fmt.Sprintf("%s/%d", c.file, i), func(t *testing.T) {
				start := time.Now()
				r, err := Equal(context.Background(), p, g, Options{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				t.Logf("%v, %d tests, 2^%.0f, %.0f ms", r.Equal, r.Tests, r.ErrorLog2, float64(took.Milliseconds()))
				if r.Equal != c.right {
					t.Errorf("equal %v, want %v: %s", r.Equal, c.right, r.Reason)
				}
				if !c.right && r.Witness == nil {
					t.Errorf("rejected without a witness: %s", r.Reason)
				}
			})
		}
	}
}
