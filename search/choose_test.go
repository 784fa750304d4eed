package search

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph"
)

// timesOf is a device that gives out times in the order of the graphs.
type timesOf []float64

func (d timesOf) Execute(context.Context, *ugraph.Graph) (float64, error) { return 0, nil }

func (d timesOf) Measure(context.Context, []*ugraph.Graph, ugraph.Env) ([]float64, error) {
	return d, nil
}

// Of what measures as near equals the fewest kernels, then the fewest bytes are chosen; a real difference
// decides by itself.
func TestChooseNearEquals(t *testing.T) {
	g := programtest.Program(t, "tiny")
	choice := func(kernels int, bytes float64) *Choice {
		return &Choice{Graph: g, Lowered: g, Cost: &cost.Report{Kernels: make([]cost.KernelCost, kernels), Estimate: cost.Estimate{Bytes: bytes}}}
	}
	for _, c := range []struct {
		name  string
		times timesOf // of two candidates (1 kernel, 90 bytes; 1 kernel, 80 bytes) and of the program (3 kernels, 100 bytes)
		want  int
		near  int
	}{
		{"the program by a hair", timesOf{100, 104, 99}, 0, 1},
		{"fewer bytes", timesOf{100, 101, 150}, 1, 1},
		{"the program clearly", timesOf{100, 101, 90}, 2, 0},
		{"a candidate clearly", timesOf{70, 90, 100}, 0, 0},
	} {
		all := []*Choice{choice(1, 90), choice(1, 80), choice(3, 100)}
		s := &state{r: &Result{Program: g, Best: all[2], Baseline: all[2]}, opt: Options{Measure: true}, m: c.times, envs: []ugraph.Env{{}}}
		if err := s.choose(t.Context(), all[:2]); err != nil {
			t.Fatal(err)
		}
		if s.r.Best != all[c.want] || len(s.r.Near) != c.near {
			t.Errorf("%s: %.0f µs of %v, %d near it; want number %d, %d near", c.name, s.r.Best.MeasuredUS, c.times, len(s.r.Near), c.want, c.near)
		}
	}
}
