package algebra

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// infix are the operators that are written between their operands, with how strongly they bind.
var infix = map[ugraph.Op]struct {
	sign   string
	strong int
}{
	ugraph.OpAdd: {"+", 1}, ugraph.OpSub: {"-", 1}, ugraph.OpMul: {"*", 2}, ugraph.OpDiv: {"/", 2},
}

// whole is the binding of what needs no parentheses: it binds more strongly than any operator.
const whole = 3

// explain writes nodes, in their order, as assignments in the language's notation: what one of them computes
// has a name in those after it, an output its own. A contraction is the sum that it is:
//
//	v1 = Q * 0.125; v2 = sum(K * v1, over c); O = v2 / sum(exp(v2), over d)
func explain(d *expr.DAG, nodes []int) []string {
	names := map[int]string{}
	taken := map[string]bool{}
	for _, in := range d.Inputs {
		taken[in.Name] = true
	}
	for _, o := range d.Outputs {
		taken[o.Name] = true
	}
	var out []string
	n := 0
	for _, i := range nodes {
		text, _ := expression(d, i, names)
		name := ""
		for _, o := range d.Outputs {
			if o.Node == i && name == "" {
				name = o.Name
			}
		}
		for name == "" || taken[name] && !isOutput(d, i, name) {
			n++
			name = fmt.Sprintf("v%d", n)
		}
		names[i] = name
		out = append(out, name+" = "+text)
	}
	return out
}

func isOutput(d *expr.DAG, node int, name string) bool {
	for _, o := range d.Outputs {
		if o.Node == node && o.Name == name {
			return true
		}
	}
	return false
}

// expression is a node's operator on its operands, and how strongly the text binds.
func expression(d *expr.DAG, i int, names map[int]string) (string, int) {
	n := d.Nodes[i]
	switch n.Op {
	case ugraph.OpInvalid, ugraph.OpConst, ugraph.OpIota:
		return describe(d, i), whole
	}
	operand := func(a, least int) string {
		if name := names[a]; name != "" {
			return name
		}
		text, strong := expression(d, a, names)
		if strong < least {
			return "(" + text + ")"
		}
		return text
	}
	over := ""
	for _, a := range n.Over.List() {
		over += " " + d.Axes[a].Name
	}
	if len(n.Attrs) == 0 && len(n.Args) == 2 {
		if op, ok := infix[n.Op]; ok && over == "" {
			return operand(n.Args[0], op.strong) + " " + op.sign + " " + operand(n.Args[1], op.strong+1), op.strong
		}
		if n.Op == ugraph.OpMatMul {
			product := operand(n.Args[0], 2) + " * " + operand(n.Args[1], 3)
			if over == "" {
				return product, 2
			}
			return "sum(" + product + ", over" + over + ")", whole
		}
	}
	var parts []string
	for _, a := range n.Args {
		parts = append(parts, operand(a, 0))
	}
	if over != "" {
		parts = append(parts, "over"+over)
	}
	for _, a := range n.Attrs {
		parts = append(parts, a.String())
	}
	return n.Op.String() + "(" + strings.Join(parts, ", ") + ")", whole
}
