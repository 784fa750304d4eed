package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// Hash is the structural hash of a DAG: operators, operands up to commutation, axes with their
// extents, symbols, inputs and outputs with element types; not the names of inputs, outputs and axes,
// nor the order of the nodes, nor nodes that no output needs.
func Hash(d *DAG) string {
	h := sha256.New()
	for _, s := range d.Symbols {
		fmt.Fprintf(h, "symbol %s %d %d %d\n", s.Name, s.Lo, s.Hi, s.Multiple)
	}
	// Axes are numbered by first appearance in the inputs, then the outputs, then as they stand.
	number := make([]int, len(d.Axes))
	next := 0
	visit := func(axes []int) {
		for _, a := range axes {
			if number[a] == 0 {
				next++
				number[a] = next
			}
		}
	}
	for _, in := range d.Inputs {
		visit(in.Axes)
	}
	for _, o := range d.Outputs {
		visit(o.Axes)
	}
	for a := range d.Axes {
		visit([]int{a})
	}
	axes := func(list []int) string {
		var b strings.Builder
		for _, a := range list {
			fmt.Fprintf(&b, " %d:%s", number[a], d.Axes[a].Extent)
		}
		return b.String()
	}
	set := func(s AxisSet) string {
		list := s.List()
		sort.Slice(list, func(i, j int) bool { return number[list[i]] < number[list[j]] })
		return axes(list)
	}
	for i, in := range d.Inputs {
		fmt.Fprintf(h, "input %s %v%s %s\n", in.DType, in.Const, axes(in.Axes), ugraph.ShapeString(d.InputShape(i)))
	}
	keys := make([]string, len(d.Nodes))
	for i, n := range d.Nodes {
		var args []string
		for _, a := range n.Args {
			args = append(args, keys[a])
		}
		if n.Commutes() {
			sort.Strings(args)
		}
		text := fmt.Sprintf("%d %s {%s} over%s", n.Op, n.DType, n.Attrs, set(n.Over))
		switch {
		case n.Op == ugraph.OpInvalid:
			text += fmt.Sprintf(" input %d", n.Input)
		case n.isSource():
			text += fmt.Sprintf(" %s axes%s", n.Value, set(n.Axes))
		}
		sum := sha256.Sum256([]byte(text + "\n" + strings.Join(args, "\n")))
		keys[i] = hex.EncodeToString(sum[:])
	}
	for i, o := range d.Outputs {
		fmt.Fprintf(h, "output %s %s%s %s\n", keys[o.Node], o.DType, axes(o.Axes), ugraph.ShapeString(d.OutputShape(i)))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Commutes tells whether the operands may be exchanged; over named axes a contraction's may.
func (n Node) Commutes() bool {
	return len(n.Args) == 2 && (n.Op == ugraph.OpMatMul || n.Op.Info().Commutes)
}

// Operators is the number of nodes that compute something.
func (d *DAG) Operators() int {
	k := 0
	for _, n := range d.Nodes {
		if n.Op != ugraph.OpInvalid && !n.isSource() {
			k++
		}
	}
	return k
}
