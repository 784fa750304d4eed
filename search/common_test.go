package search

import (
	"context"
	"sync"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
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

// parse reads the one program of a source.
func parse(t testing.TB, name, src string) *ugraph.Graph {
	t.Helper()
	gs, err := text.Parse(name, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if len(gs) != 1 {
		t.Fatalf("%s holds %d graphs", name, len(gs))
	}
	return gs[0]
}

func embedded(t testing.TB, name string) *ugraph.Graph {
	t.Helper()
	src, err := programs.Source(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, src)
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
	r := optimize(t, embedded(t, name), Options{})
	if found.results == nil {
		found.results = map[string]*Result{}
	}
	found.results[name] = r
	return r
}
