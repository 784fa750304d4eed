package cpu

import (
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
)

func TestOnKernelCountsWork(t *testing.T) {
	const m, k, n = 4, 64, 32
	d := New(2)
	defer d.Close()
	var runs []KernelRun
	d.OnKernel(func(r KernelRun) { runs = append(runs, r) })
	p, err := d.Load(gatedKernel(t, m, k, n, 16, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.OutputTensors(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]*tensor.Tensor{"X": random(t, 1, m, k), "W1": random(t, 2, k, n), "W2": random(t, 3, k, n)}
	if err := p.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 || runs[0].Name != "k" || runs[0].Elapsed <= 0 {
		t.Fatalf("got %+v", runs)
	}
	// X once for each of two column blocks, both weights once, the result once.
	if want := float64(4 * (2*m*k + 2*k*n + m*n)); runs[0].Bytes != want {
		t.Errorf("%v bytes, want %v", runs[0].Bytes, want)
	}
	if least := float64(2 * 2 * m * k * n); runs[0].Flops < least || runs[0].Flops > 1.1*least {
		t.Errorf("%v flops, want %v and what the elementwise part takes", runs[0].Flops, least)
	}
}
