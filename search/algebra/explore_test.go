package algebra

import (
	"context"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func liftText(t testing.TB, src string) *expr.DAG {
	t.Helper()
	gs, err := text.Parse("t.ug", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	g, err := library.Expand(gs[0])
	if err != nil {
		t.Fatal(err)
	}
	d, err := expr.Lift(g)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func liftProgram(t testing.TB, name string) *expr.DAG {
	src, err := programs.Source(name)
	if err != nil {
		t.Fatal(err)
	}
	return liftText(t, src)
}

func explore(t testing.TB, d *expr.DAG, opt Options) *Result {
	t.Helper()
	r, err := Explore(context.Background(), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPrograms(t *testing.T) {
	for _, info := range programs.List() {
		t.Run(info.Name, func(t *testing.T) {
			d := liftProgram(t, info.Name)
			start := time.Now()
			r := explore(t, d, Options{})
			stable := 0
			for _, c := range r.DAGs {
				if c.Stable {
					stable++
				}
			}
			t.Logf("%d ops, %v, %d dags (%d stable) of %d, %+v", d.Operators(), time.Since(start).Round(100*time.Microsecond), len(r.DAGs), stable, r.Stats.DAGs, r.Stats)
		})
	}
}
