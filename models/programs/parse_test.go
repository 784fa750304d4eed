package programs

import (
	"testing"

	"github.com/morgana-ml/morgana/ugraph/text"
)

// Every program and every variant is one legal program that bears the base name.
func TestEveryTextParses(t *testing.T) {
	for _, info := range List() {
		for _, name := range append([]string{info.Name}, info.Variants...) {
			source, err := Source(name)
			if err != nil {
				t.Error(err)
				continue
			}
			graphs, err := text.Parse(name+".ug", []byte(source))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(graphs) != 1 || graphs[0].Name != info.Name {
				t.Errorf("%s holds %d programs, the first called %s", name, len(graphs), graphs[0].Name)
			}
		}
	}
}
