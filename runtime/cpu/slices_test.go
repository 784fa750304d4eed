package cpu_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func TestSlices(t *testing.T) {
	gs, err := text.Parse("p.ug", []byte("program p(X: f32[S, 2], W: const f32[2, 2]) -> (Y) where S <= 8 {\n Y = X @ W\n}"))
	if err != nil {
		t.Fatal(err)
	}
	dev := cpu.New(1)
	defer dev.Close()
	w, err := tensor.FromSlice(ugraph.F32, []int64{2, 2}, []float32{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	p, err := dev.Load(gs[0], map[string]*tensor.Tensor{"W": w})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Slices(ugraph.Env{"S": 9}); err == nil || !strings.Contains(err.Error(), "bounds") {
		t.Error(err)
	}
	if _, err := p.Slices(nil); err == nil || !strings.Contains(err.Error(), "no value") {
		t.Error(err)
	}
	s, err := p.Slices(ugraph.Env{"S": 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Error(err)
	}
	y := make([]float32, 1, 16)
	room := &y[0]
	for what, err := range map[string]error{
		"there is no input":  cpu.BindInput(s, "Z", []float32{1}),
		"elements":           cpu.BindInput(s, "X", []float32{1}),
		"does not store":     cpu.BindInput(s, "X", []int32{1, 2, 3, 4, 5, 6}),
		"there is no output": cpu.BindOutput(s, "Z", &y),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := cpu.BindInput(s, "X", []float32{1, 0, 0, 1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	if err := cpu.BindOutput(s, "Y", &y); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(y, []float32{1, 2, 3, 4, 4, 6}) || &y[0] != room {
		t.Error(y)
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%g allocations a run", n)
	}
	s.Release()
	clear(y)
	if err := s.Run(context.Background()); err != nil || !slices.Equal(y, []float32{1, 2, 3, 4, 4, 6}) {
		t.Error(y, err)
	}
}
