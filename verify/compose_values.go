package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// numbering gives tensors of both graphs classes: tensors of one class have equal entries at all inputs at which
// the program defines them. A tensor is a layout of a class. Equal operators on equal views are equal (congruence,
// Downey, Sethi and Tarjan 1980), whatever they do; other equalities are added when they are proved.
type numbering struct {
	classes []class
	nodes   map[string]int // an operator on its operands' views → the class of its first result
	inputs  int            // of the program
	proved  map[int]layout // classes of the candidate that were shown to be views of the program's
}

// class is a set of equal tensors; its views are those of the tensor that made it.
type class struct {
	typ     ugraph.Type
	value   ugraph.ValueID // of the program; −1: no tensor of the program is known to be of this class
	depends string         // the inputs that it depends on, a byte each
}

// free tells whether a class depends on no input: it is computed again wherever it is needed.
func (c *class) free() bool { return !strings.Contains(c.depends, "1") }

// numbered is a graph whose tensors have views.
type numbered struct {
	g     *ugraph.Graph
	views []layout
}

func (n *numbering) fresh(t ugraph.Type, value ugraph.ValueID, depends string) int {
	n.classes = append(n.classes, class{ugraph.Type{DType: t.DType, Shape: t.Shape}, value, depends})
	return len(n.classes) - 1
}

// exactFloat tells whether a cast to the type changes no number in exact arithmetic.
func exactFloat(dt ugraph.DType) bool { return dt.IsFloat() && dt != ugraph.F8E4M3 }

// kind is what exact arithmetic sees of a type.
func kind(dt ugraph.DType) string {
	if exactFloat(dt) {
		return "float"
	}
	return dt.String()
}

// input numbers an input: number of the program's inputs.
func (n *numbering) input(g *numbered, v ugraph.ValueID, number int, program bool) {
	key := fmt.Sprintf("input %d", number)
	id, ok := n.nodes[key]
	if !ok {
		depends := []byte(strings.Repeat("0", n.inputs))
		depends[number] = '1'
		value := ugraph.ValueID(-1)
		if program {
			value = v
		}
		id = n.fresh(g.g.Values[v].Type, value, string(depends))
		n.nodes[key] = id
	}
	g.views[v] = wholeView(id, g.g.Values[v].Shape)
}

// node numbers the results of a node of a graph. Those of the program that are of no class yet stand for theirs.
func (n *numbering) node(g *numbered, at int, program bool) {
	nd := &g.g.Nodes[at]
	typ := func(v ugraph.ValueID) ugraph.Type { return g.g.Values[v].Type }
	args := make([]layout, len(nd.Args))
	for i, a := range nd.Args {
		args[i] = g.views[a]
	}
	switch nd.Op {
	case ugraph.OpReshape:
		g.views[nd.Results[0]] = args[0].reshaped(typ(nd.Results[0]).Shape)
		return
	case ugraph.OpTranspose:
		if perm, err := ugraph.Perm(nd.Attrs, len(args[0].shape)); err == nil {
			if v, ok := args[0].transposed(perm); ok {
				g.views[nd.Results[0]] = v
				return
			}
		}
	case ugraph.OpCast:
		if exactFloat(typ(nd.Args[0]).DType) && exactFloat(typ(nd.Results[0]).DType) {
			g.views[nd.Results[0]] = args[0]
			return
		}
	}
	key := n.keyOf(nd, args, func(r int) string { return kind(typ(nd.Results[r]).DType) })
	first, ok := n.nodes[key]
	if !ok {
		for k, r := range nd.Results {
			depends := n.depends(readBy(nd, k, args))
			value := ugraph.ValueID(-1)
			if program {
				value = r
			}
			id := n.fresh(typ(r), value, depends)
			if k == 0 {
				first = id
			}
		}
		n.nodes[key] = first
	}
	for k, r := range nd.Results {
		g.views[r] = wholeView(first+k, typ(r).Shape)
		if v, ok := n.proved[first+k]; ok {
			g.views[r] = v.reshaped(typ(r).Shape)
		}
	}
}

// keyOf names an operator on its operands.
func (n *numbering) keyOf(nd *ugraph.Node, args []layout, result func(r int) string) string {
	keys := make([]string, len(args))
	for i, a := range args {
		keys[i] = a.key() + kind(n.classes[a.root].typ.DType)
	}
	if nd.Op.Info().Commutes && len(keys) == 2 {
		slices.Sort(keys)
	}
	body := ""
	if nd.Body != nil {
		body = ugraph.Hash(nd.Body)
	}
	out := ""
	for r := range nd.Results {
		out += " " + result(r)
	}
	return fmt.Sprintf("%s {%s} %s (%s)%s", nd.Op, nd.Attrs, body, strings.Join(keys, ", "), out)
}

// readBy are the operands that a result is made of.
func readBy[T any](nd *ugraph.Node, result int, args []T) []T {
	if nd.Op != ugraph.OpKernel {
		return args
	}
	g := nd.Body
	needed := neededBy(g, g.Outputs[result].Value, func(ugraph.ValueID) bool { return false })
	var out []T
	for k, x := range g.Inputs {
		if needed[x.Value] {
			out = append(out, args[k])
		}
	}
	return out
}

// depends is the union of what the operands depend on.
func (n *numbering) depends(args []layout) string {
	out := []byte(strings.Repeat("0", n.inputs))
	for _, a := range args {
		d := n.classes[a.root].depends
		for i := range d {
			if d[i] == '1' {
				out[i] = '1'
			}
		}
	}
	return string(out)
}

// known tells whether a layout is of a tensor of the program.
func (n *numbering) known(v layout) bool { return n.classes[v.root].value >= 0 }

// number numbers a graph; in says which of the program's inputs each input is.
func (n *numbering) number(g *ugraph.Graph, in []int, program bool) *numbered {
	out := &numbered{g, make([]layout, len(g.Values))}
	for k, i := range g.Inputs {
		n.input(out, i.Value, in[k], program)
	}
	for i := range g.Nodes {
		n.node(out, i, program)
	}
	return out
}
