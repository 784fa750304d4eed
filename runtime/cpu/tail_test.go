package cpu

import (
	"context"
	"math"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// TestGeluTail: in f64 too, gelu keeps its digits far on the left, where 1 + erf and 1 + tanh have none.
func TestGeluTail(t *testing.T) {
	d := New(1)
	defer d.Close()
	p, err := d.Load(programtest.Parse(t, "program p(X: f64[3]) -> (A, B) { A = gelu(X)\n B = gelu(X, approximate=tanh) }"), nil)
	if err != nil {
		t.Fatal(err)
	}
	xs := []float64{-3, -6, -9}
	x, err := tensor.FromFloat64(ugraph.F64, []int64{3}, xs)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.OutputTensors(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), map[string]*tensor.Tensor{"X": x}, out); err != nil {
		t.Fatal(err)
	}
	for i, x := range xs {
		u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
		for name, want := range map[string]float64{"A": x / 2 * math.Erfc(-x/math.Sqrt2), "B": x / (1 + math.Exp(-2*u))} {
			if got := out[name].Float64s()[i]; math.Abs(got/want-1) > 1e-13 {
				t.Errorf("%s at %v is %v, want %v", name, x, got, want)
			}
		}
	}
}
