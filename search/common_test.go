package search

import (
	"context"
	"sync"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// testRow is the target of the tests: the described AVX2 processor with two cores, whatever machine
// runs them.
func testRow(t testing.TB) target.Row {
	t.Helper()
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	return row.WithUnits(2)
}

func lowered(g *ugraph.Graph) (*ugraph.Graph, error) {
	out, _, err := lower.Run(g)
	return out, err
}

// optimize searches without measuring.
func optimize(t testing.TB, g *ugraph.Graph, opt Options) *Result {
	t.Helper()
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	r, err := Optimize(context.Background(), g, testRow(t), nil, lowered, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var found struct {
	sync.Mutex
	results map[string]*Result
}

// best is the result for an embedded program, searched once for all tests.
func best(t testing.TB, name string) *Result {
	t.Helper()
	found.Lock()
	defer found.Unlock()
	if r := found.results[name]; r != nil {
		return r
	}
	r := optimize(t, programtest.Program(t, name), Options{})
	if found.results == nil {
		found.results = map[string]*Result{}
	}
	found.results[name] = r
	return r
}
