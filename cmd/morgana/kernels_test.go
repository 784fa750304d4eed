package main

import (
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Times find their kernels: one each, or all of a composite operator's primitives; where the executor ran
// something else there are none.
func TestMatchKernels(t *testing.T) {
	gs, err := text.Parse("p.ug", []byte("program p(X: f32[4, 8]) -> (Y) {\n    Y = exp(gelu(X))\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g := gs[0]
	row := target.Native(features())
	r, err := cost.Graph(g, nil, &row)
	if err != nil {
		t.Fatal(err)
	}
	primitive, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	var apart []execute.KernelTime
	for i := range primitive.Nodes {
		if op := primitive.Nodes[i].Op.String(); op != "const" {
			apart = append(apart, execute.KernelTime{Name: op, US: 1})
		}
	}
	whole := []execute.KernelTime{{Name: "gelu", US: 5}, {Name: "exp", US: 2}}
	for _, c := range []struct {
		name  string
		times []execute.KernelTime
		want  []float64
	}{
		{"one kernel each", whole, []float64{5, 2}},
		{"primitives", apart, []float64{float64(len(apart) - 1), 1}},
		{"one missing", whole[:1], nil},
		{"one more", append(slices.Clone(whole), execute.KernelTime{Name: "mul", US: 1}), nil},
		{"none", nil, nil},
	} {
		if got := matchKernels(g, c.times, r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
