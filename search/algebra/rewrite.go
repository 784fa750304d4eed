package algebra

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// tree is a definition of a value as a tree. A contraction is a sum of a product, so that the laws of both hold
// of it; contract marks such a sum, which is written as a contraction again.
type tree struct {
	op       ugraph.Op // OpInvalid: a value that is left as it is
	args     []*tree
	over     expr.AxisSet
	axes     expr.AxisSet
	attrs    ugraph.Attrs
	dtype    ugraph.DType
	contract bool
	value    int          // of a leaf
	open     func() *tree // of a leaf that is no input or constant: its definition
	text     string       // key, once it is known
}

// normal takes contractions apart.
func (x *tree) normal() *tree {
	if x.op != ugraph.OpMatMul {
		return x
	}
	product := &tree{op: ugraph.OpMul, args: x.args, axes: x.args[0].axes | x.args[1].axes, dtype: x.dtype}
	return &tree{op: ugraph.OpSum, args: []*tree{product}, over: x.over, axes: x.axes, dtype: x.dtype, contract: true}
}

// key is the term as text; commuting operands are in order.
func (x *tree) key() string {
	if x.text != "" {
		return x.text
	}
	if x.op == ugraph.OpInvalid {
		x.text = fmt.Sprintf("v%d", x.value)
		return x.text
	}
	keys := make([]string, len(x.args))
	for i, a := range x.args {
		keys[i] = a.key()
	}
	if (expr.Node{Op: x.op, Args: make([]int, len(x.args))}).Commutes() && keys[0] > keys[1] {
		keys[0], keys[1] = keys[1], keys[0]
	}
	x.text = fmt.Sprintf("%s%x%s(%s)", x.op, uint64(x.over), x.attrs, strings.Join(keys, ","))
	return x.text
}

// place adds the term's nodes to a DAG; leaf places values.
func (x *tree) place(g *expr.DAG, leaf func(v int) int, have map[string]int) int {
	if i, ok := have[x.key()]; ok {
		return i
	}
	var i int
	switch {
	case x.op == ugraph.OpInvalid:
		return leaf(x.value)
	case x.contract && x.args[0].op == ugraph.OpMul && (x.args[0].args[0].axes & x.args[0].args[1].axes).Contains(x.over):
		p := x.args[0]
		a, b := p.args[0].place(g, leaf, have), p.args[1].place(g, leaf, have)
		i = g.Add(expr.Node{Op: ugraph.OpMatMul, Args: []int{a, b}, Over: x.over, DType: x.dtype})
	default:
		args := make([]int, len(x.args))
		for k, a := range x.args {
			args[k] = a.place(g, leaf, have)
		}
		i = g.Add(expr.Node{Op: x.op, Args: args, Over: x.over, Attrs: x.attrs, DType: x.dtype})
	}
	have[x.key()] = i
	return i
}

// move is a term that one law makes of another.
type move struct {
	law  string
	tree *tree
}

// maxTerms is how many terms rewrite makes from either side: enough for three laws on a value of six operators.
const maxTerms = 4000

// unfold is the move that writes a common value out. It changes nothing, but laws may then hold of the whole.
const unfold = "unfold"

// rewrite finds a shortest chain of laws from a to b, breadth first from both sides, or nil. Every law
// can be read both ways. Common values are written out where unfolding.
func rewrite(a, b *tree, unfolding bool) []move {
	type seen struct {
		tree *tree
		from *seen
		law  string
	}
	sides := [2]map[string]*seen{{a.key(): {tree: a}}, {b.key(): {tree: b}}}
	fronts := [2][]*seen{{sides[0][a.key()]}, {sides[1][b.key()]}}
	chain := func(key string) []move {
		var out []move
		for s := sides[0][key]; s.from != nil; s = s.from {
			out = append([]move{{s.law, s.tree}}, out...)
		}
		for s := sides[1][key]; s.from != nil; s = s.from {
			out = append(out, move{s.law, s.from.tree})
		}
		if n := len(out); n > 0 {
			out[n-1].tree = b // the same but for how it is written
		}
		return out
	}
	if a.key() == b.key() {
		return []move{}
	}
	for len(fronts[0])+len(fronts[1]) > 0 {
		side := 0
		if len(fronts[0]) == 0 || len(fronts[1]) > 0 && len(fronts[1]) < len(fronts[0]) {
			side = 1
		}
		var next []*seen
		for _, s := range fronts[side] {
			for _, m := range s.tree.moves(unfolding) {
				k := m.tree.key()
				if _, ok := sides[side][k]; ok {
					continue
				}
				n := &seen{m.tree, s, m.law}
				sides[side][k] = n
				if _, met := sides[1-side][k]; met {
					return chain(k)
				}
				next = append(next, n)
			}
			if len(sides[side]) > maxTerms {
				next = nil
				break
			}
		}
		fronts[side] = next
	}
	return nil
}

// moves are all terms that one law at one place makes of a term.
func (x *tree) moves(unfolding bool) []move {
	if x.op == ugraph.OpInvalid {
		if unfolding && x.open != nil {
			return []move{{unfold, x.open()}}
		}
		return nil
	}
	out := x.here()
	for i, a := range x.args {
		for _, m := range a.moves(unfolding) {
			c := *x
			c.text = ""
			c.args = append([]*tree(nil), x.args...)
			c.args[i] = m.tree
			if m.tree.axes != a.axes {
				continue
			}
			out = append(out, move{m.law, &c})
		}
	}
	return out
}

// apply is an operator applied to terms.
func apply(op ugraph.Op, dt ugraph.DType, args ...*tree) *tree {
	x := &tree{op: op, args: args, dtype: dt}
	for _, a := range args {
		x.axes |= a.axes
	}
	return x
}

// sumOf is a reduction, a contraction again where it sums a product that is larger than its factors.
func sumOf(op ugraph.Op, dt ugraph.DType, over expr.AxisSet, a *tree) *tree {
	x := &tree{op: op, args: []*tree{a}, over: over, axes: a.axes &^ over, dtype: dt}
	if op == ugraph.OpSum && a.op == ugraph.OpMul {
		p, q := a.args[0].axes, a.args[1].axes
		x.contract = a.axes != p && a.axes != q
	}
	return x
}
