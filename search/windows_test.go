package search

import (
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/ugraph"
)

// decoder is a layer of a transformer at a decoding step: too large to be explored as a whole.
const decoder = `
program decoder(
    x: f32[8, 512], g1: const f32[512], Wq: const f32[512, 512], Wk: const f32[512, 512], Wv: const f32[512, 512],
    K: f32[1024, 512], V: f32[1024, 512], Wo: const f32[512, 512], g2: const f32[512],
    Wg: const f32[512, 1536], Wu: const f32[512, 1536], Wd: const f32[1536, 512],
) -> (y, k, v) {
    h = rms_norm(x, g1)
    q = h @ Wq
    k = h @ Wk
    v = h @ Wv
    p = softmax(matmul(q, K, transpose_b=true) * 0.044)
    a = (p @ V) @ Wo + x
    b = rms_norm(a, g2)
    y = (silu(b @ Wg) * (b @ Wu)) @ Wd + a
}
`

// stage sums the counts of a rule.
func stage(r *Result, rule string) int {
	n := 0
	for _, s := range r.Stats.Stages {
		if s.Rule == rule {
			n += s.Count
		}
	}
	return n
}

// planOf plans a program that is too large to be explored as a whole, with and without a second look.
func planOf(t *testing.T, src string) (r *Result, with, without planned) {
	if testing.Short() {
		t.Skip("-short")
	}
	g := programtest.Parse(t, src)
	dag := exprtest.Lift(t, g)
	if n := dag.Operators(); n <= usual.operators {
		t.Fatalf("%d operators are explored as a whole", n)
	}
	r = &Result{Program: g, Best: &Choice{}, Baseline: &Choice{}}
	s := &state{r: r, row: testRow(t), envs: Sizes(g, nil), opt: Options{limits: usual}}
	x, err := s.explore(t.Context(), dag, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sum partition.Stats
	a, err := s.plans(t.Context(), x, &sum)
	if err != nil {
		t.Fatal(err)
	}
	x.all = true
	b, err := s.plans(t.Context(), x, &sum)
	if err != nil {
		t.Fatal(err)
	}
	u, err := a[0].plan.Emit(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ugraph.Validate(u); err != nil {
		t.Error(err)
	}
	t.Logf("%.1f µs with, %.1f µs without; %d windows, %d replaced", a[0].plan.US, b[0].plan.US, stage(r, "windows looked at again"), stage(r, "windows replaced"))
	return r, a[0], b[0]
}

// TestSecondLook: the groups of a program that was cut, and its neighbours, are explored; a layer as it is written
// already gains nothing.
func TestSecondLook(t *testing.T) {
	r, with, without := planOf(t, decoder)
	if looked := stage(r, "windows looked at again"); looked < 4 {
		t.Errorf("%d windows", looked)
	}
	if with.plan.US > without.plan.US {
		t.Errorf("%.1f µs with the second look, %.1f without", with.plan.US, without.plan.US)
	}
	if n := with.plan.Kernels(); n > 8 {
		t.Errorf("%d kernels", n)
	}
}

// TestSecondLookPays: where the second product of a chain is narrow, multiplying the matrices first takes a
// fraction of the time; the rest of the program is too large for anyone to see that in the whole.
func TestSecondLookPays(t *testing.T) {
	r, with, without := planOf(t, `
program chain(x: f32[2048, 512], A: f32[512, 2048], B: f32[2048, 16], g: f32[16]) -> (y) {
    a = (x @ A) @ B
    b = softmax(rms_norm(a, g) * 2)
    c = softmax(rms_norm(b, g) * 3)
    y = softmax(c)
}`)
	if with.plan.US > without.plan.US/2 {
		t.Errorf("%.1f µs with the second look, %.1f µs without: want half", with.plan.US, without.plan.US)
	}
	if stage(r, "windows replaced") == 0 || !strings.Contains(with.derivation, "across a cut: v1 = sum(A * B, over c)") {
		t.Errorf("derivation %s", with.derivation)
	}
}
