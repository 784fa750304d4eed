package bundle

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// sameInterface checks that a μGraph takes and gives what the program does: the same symbols, and
// inputs and outputs of the same name, element type and shape in the same order. const is a remark to
// the loader and may differ.
func sameInterface(program, graph *ugraph.Graph) error {
	for i, n := 0, max(len(program.Symbols), len(graph.Symbols)); i < n; i++ {
		if i >= len(program.Symbols) || i >= len(graph.Symbols) || program.Symbols[i] != graph.Symbols[i] {
			return fmt.Errorf("its symbols (%s) are not the program's (%s)", symbols(graph), symbols(program))
		}
	}
	for _, side := range []struct {
		what string
		list func(*ugraph.Graph) []string
	}{{"inputs", inputs}, {"outputs", outputs}} {
		a, b := side.list(program), side.list(graph)
		if strings.Join(a, ", ") != strings.Join(b, ", ") {
			return fmt.Errorf("its %s (%s) are not the program's (%s)", side.what, list(b), list(a))
		}
	}
	return nil
}

func symbols(g *ugraph.Graph) string {
	var s []string
	for _, y := range g.Symbols {
		s = append(s, fmt.Sprintf("%d <= %s <= %d, %s %% %d == 0", y.Lo, y.Name, y.Hi, y.Name, max(y.Multiple, 1)))
	}
	return list(s)
}

func inputs(g *ugraph.Graph) []string {
	var s []string
	for _, in := range g.Inputs {
		v := g.Value(in.Value)
		s = append(s, v.Name+": "+v.Type.String())
	}
	return s
}

func outputs(g *ugraph.Graph) []string {
	var s []string
	for _, o := range g.Outputs {
		s = append(s, o.Name+": "+g.Value(o.Value).Type.String())
	}
	return s
}

func list(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
