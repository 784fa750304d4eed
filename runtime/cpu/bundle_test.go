package cpu_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

const bundled = `program scaled(X: f32[S, 8], W: const f32[8, 4]) -> (Y) where S <= 64 {
    Y = X @ W * 2
}
ugraph scaled_fused for scaled(X: f32[S, 8], W: const f32[8, 4]) -> (Y) where S <= 64 {
    Y = kernel k(X, W) grid(m: S by 5) {
        x = load(X, m=0)
        w = load(W)
        y = (x @ w) * 2
        store Y(m=0) = y
    }
}`

// writeScaled writes a bundle of the two graphs for the targets.
func writeScaled(t *testing.T, targets ...string) string {
	t.Helper()
	gs, err := text.Parse("scaled.ug", []byte(bundled))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{Program: gs[0]}
	for _, name := range targets {
		b.Targets = append(b.Targets, bundle.Target{Name: name, Graph: gs[1], Executed: true})
	}
	dir := filepath.Join(t.TempDir(), "scaled.morgana")
	if err := bundle.Write(dir, b); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadBundle(t *testing.T) {
	dev := cpu.New(2)
	defer dev.Close()
	dir := writeScaled(t, "cuda:sm_80", "cpu:generic")
	w, err := tensor.New(ugraph.F32, 8, 4)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := tensor.New(ugraph.F32, 7, 8)
	for i := range w.Len() {
		w.SetFloat64(i, float64(i))
	}
	for i := range x.Len() {
		x.SetFloat64(i, 1)
	}
	verified := 0
	p, err := cpu.LoadBundle(dev, os.DirFS(dir), cpu.WithWeights(map[string]*tensor.Tensor{"W": w}),
		cpu.WithVerifier(func(program, graph *ugraph.Graph) error { verified++; return nil }))
	if err != nil || verified != 1 {
		t.Fatal(err, verified)
	}
	in := map[string]*tensor.Tensor{"X": x}
	env, err := p.Bind(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.OutputTensors(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	// Column c of W holds c, c+4, …, c+28: the sum is 8c + 112.
	for i := range out["Y"].Len() {
		if want := 2 * float64(8*(i%4)+112); out["Y"].Float64At(i) != want {
			t.Fatalf("element %d is %g, want %g", i, out["Y"].Float64At(i), want)
		}
	}
}

func TestLoadBundleErrors(t *testing.T) {
	dev := cpu.New(1)
	defer dev.Close()
	dir := writeScaled(t, "cpu:avx2", "cpu:generic")
	if _, err := cpu.OpenBundle(dev, dir); !errors.Is(err, bundle.ErrUnverified) {
		t.Error(err)
	}
	wrong := errors.New("output Y[0, 0] differs")
	if _, err := cpu.OpenBundle(dev, dir, cpu.WithVerifier(func(_, _ *ugraph.Graph) error { return wrong })); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if _, err := cpu.OpenBundle(dev, dir, cpu.WithTarget("cuda:sm_80")); err == nil || !strings.Contains(err.Error(), "it holds cpu:avx2, cpu:generic") {
		t.Error(err)
	}
	if _, err := cpu.OpenBundle(dev, writeScaled(t, "cuda:sm_80")); err == nil || !strings.Contains(err.Error(), "it holds cuda:sm_80") {
		t.Error(err)
	}
	if _, err := cpu.OpenBundle(dev, t.TempDir()); !errors.Is(err, bundle.ErrNotBundle) {
		t.Error(err)
	}
}
