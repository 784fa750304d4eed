package schedule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// lift reads a program of the embedded collection as a DAG.
func lift(t testing.TB, path string) *expr.DAG {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gs, err := text.Parse(path, src)
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

func programs(t testing.TB) map[string]*expr.DAG {
	paths, err := filepath.Glob("../../models/programs/*.ug")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	out := map[string]*expr.DAG{}
	for _, p := range paths {
		out[strings.TrimSuffix(filepath.Base(p), ".ug")] = lift(t, p)
	}
	return out
}

func avx2(t testing.TB) *target.Row {
	r, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// sizesFor binds symbols to 1/8 of their bounds.
func sizesFor(d *expr.DAG) []ugraph.Env {
	env := ugraph.Env{}
	for _, s := range d.Symbols {
		env[s.Name] = s.At(s.Hi / 8)
	}
	return []ugraph.Env{env}
}

// emit is the μGraph of a single kernel's choice.
func emit(t testing.TB, c Choice) *ugraph.Graph {
	t.Helper()
	d := c.Form.DAG
	b := ugraph.NewBuilder(d.Name)
	for _, s := range d.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	var in []ugraph.ValueID
	for _, x := range d.Inputs {
		add := b.Input
		if x.Const {
			add = b.Weight
		}
		in = append(in, add(x.Name, x.DType, d.Extents(x.Axes)))
	}
	outs, err := loop.Emit(b, c.Form, c.Tiling, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outs {
		b.Output(d.Outputs[i].Name, o)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}
