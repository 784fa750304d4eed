package search

import (
	"context"
	"strings"
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

// Tilings that are undecided for one reason differ in its numbers alone.
func TestAlike(t *testing.T) {
	a, b := alike("no small instance has the ragged tiles: 128 by 12, here 2 by 1"), alike("no small instance has the ragged tiles: 64 by 7, here 4 by 3")
	if a != b {
		t.Errorf("%q and %q", a, b)
	}
	if alike("a mask") == alike("a tile") {
		t.Error("reasons of other words are alike")
	}
}

// Behind a candidate that is not equal nothing more is asked, and the reason is that of the first check.
func TestFirstReasonIsGiven(t *testing.T) {
	g := programtest.Program(t, "tiny")
	other := programtest.Parse(t, "program tiny_wrong(X: f32[4]) -> (Y) { Y = X * 2 }")
	p := programtest.Parse(t, "program tiny_right(X: f32[4]) -> (Y) { Y = X * 3 }")
	for _, jobs := range []int{1, 3} {
		s := &state{r: &Result{Program: p}, lower: func(*ugraph.Graph) (*ugraph.Graph, error) { return g, nil }, row: testRow(t), envs: []ugraph.Env{{}}}
		s.opt.fill()
		s.prepareJudge(t.Context())
		v := s.verifyOne(t.Context(), candidate{graph: other}, jobs)
		if v.choice != nil || v.undecided || !strings.HasPrefix(v.reason, "not equal: output Y differs") {
			t.Errorf("%d jobs: %+v", jobs, v)
		}
	}
}
