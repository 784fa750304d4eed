package exprtest

import (
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// Lift is the program over named axes, its composite operators expanded.
func Lift(t testing.TB, g *ugraph.Graph) *expr.DAG {
	t.Helper()
	g, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	d, err := expr.Lift(g)
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	return d
}

// Sizes binds each symbol to an eighth of its upper bound, as one environment.
func Sizes(d *expr.DAG) []ugraph.Env {
	env := ugraph.Env{}
	for _, s := range d.Symbols {
		env[s.Name] = s.At(s.Hi / 8)
	}
	return []ugraph.Env{env}
}
