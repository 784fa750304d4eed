package search

import (
	"context"
	"math"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// What Sample gives is what was asked for: different graphs, equal to the program, over the whole range, and the same
// ones for any number of jobs.
func TestSample(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	program := programtest.Program(t, "lora")
	draw := func(jobs int) []*Choice {
		cs, err := Sample(context.Background(), program, row, nil, func(g *ugraph.Graph) (*ugraph.Graph, error) {
			out, _, err := lower.Run(g)
			return out, err
		}, Options{Seed: 1, Jobs: jobs}, Draw{Count: 8, Spread: 8})
		if err != nil {
			t.Fatal(err)
		}
		return cs
	}
	cs := draw(1)
	if len(cs) < 6 {
		t.Fatalf("%d schedules of 8", len(cs))
	}
	if last := cs[len(cs)-1].PredictedUS / cs[0].PredictedUS; last < 3 || last > 8 {
		t.Errorf("the slowest of 8 times the best is %.1f times as slow", last)
	}
	hashes := map[string]bool{}
	for i, c := range cs {
		if i > 0 && c.PredictedUS < cs[i-1].PredictedUS {
			t.Errorf("schedule %d is faster than the one before it", i)
		}
		if math.Abs(c.Cost.US-c.PredictedUS) > 0.1*c.PredictedUS {
			t.Errorf("schedule %d was drawn at %.1f µs and is priced at %.1f", i, c.PredictedUS, c.Cost.US)
		}
		if h := ugraph.Hash(c.Graph); hashes[h] {
			t.Errorf("schedule %d is drawn twice", i)
		} else {
			hashes[h] = true
		}
		if r, err := verify.Equal(context.Background(), program, c.Lowered, verify.Options{Seed: 9}); err != nil || !r.Equal {
			t.Errorf("schedule %d: %v, %v", i, r, err)
		}
	}
	for i, c := range draw(2) {
		if i >= len(cs) || ugraph.Hash(c.Graph) != ugraph.Hash(cs[i].Graph) {
			t.Fatalf("schedule %d depends on the number of jobs", i)
		}
	}
	if _, err := Sample(context.Background(), program, row, nil, nil, Options{}, Draw{Count: 0, Spread: 4}); err == nil {
		t.Error("no schedules gave no error")
	}
}
