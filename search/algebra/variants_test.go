package algebra

import (
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/search/expr"
)

// Every variant of every embedded program lifts, and each result is a legal program with its interface.
func TestEveryVariant(t *testing.T) {
	if testing.Short() {
		t.Skip("every variant")
	}
	for _, info := range programs.List() {
		for _, name := range info.Variants {
			d := liftProgram(t, name)
			for i, c := range explore(t, d, Options{MaxDAGs: 16}).DAGs {
				p, err := expr.ToProgram(c.DAG)
				if err != nil {
					t.Errorf("%s: result %d: %v\n%s", name, i, err, c.DAG)
					continue
				}
				for k := range d.Outputs {
					if got := p.Value(p.Outputs[k].Value).Type; got.DType != d.Outputs[k].DType {
						t.Errorf("%s: result %d: output %s is %s", name, i, d.Outputs[k].Name, got)
					}
				}
			}
		}
	}
}
