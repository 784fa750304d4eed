package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// A mask that both graphs compute alike from positions and integers of inputs may be any mask: where the graphs are
// equal with a boolean input of its own in its place, they are equal with the mask. This file spells
// such masks, the same for tiles and whole tensors; masks_lift.go puts the inputs in their place.

// maskTerm is a tensor of integers, of booleans, or of numbers that are made of integers alone, as an expression of positions,
// entries of integer inputs, and literals.
type maskTerm struct {
	op      string // the operator with its attributes and type; of a leaf, what it is
	commute bool
	args    []*maskTerm
	axes    []termAxis // of a leaf: its indices
	size    int
}

// termAxis is one index of a leaf.
type termAxis struct {
	at     int        // the axis of the tensor that it runs over; −1: one of one position in a tile, which the tile has no more
	cut    ugraph.Cut // what cuts it
	extent ugraph.Dim // of the whole axis
}

// maxTerm bounds the operators of a term.
const maxTerm = 64

func makeTerm(op string, args ...*maskTerm) *maskTerm {
	t := &maskTerm{op: op, args: args, size: 1}
	for _, a := range args {
		if a == nil {
			return nil
		}
		t.size += a.size
	}
	if t.size > maxTerm {
		return nil
	}
	return t
}

// moved is the term with each index changed; nil where one cannot be.
func (t *maskTerm) moved(to func(termAxis) (termAxis, bool)) *maskTerm {
	if t == nil {
		return nil
	}
	u := *t
	u.args, u.axes = make([]*maskTerm, len(t.args)), make([]termAxis, len(t.axes))
	for i, a := range t.args {
		if u.args[i] = a.moved(to); u.args[i] == nil {
			return nil
		}
	}
	for i, x := range t.axes {
		var ok bool
		if u.axes[i], ok = to(x); !ok {
			return nil
		}
	}
	return &u
}

// index of a list of axes: of the tensor where it has the axis, else that of the same cut, whose one position is the same.
func (x termAxis) index(order []termAxis) int {
	return slices.IndexFunc(order, func(y termAxis) bool {
		return x.at == y.at && (x.at >= 0 || x.cut == y.cut && x.extent == y.extent)
	})
}

// spell is the term as text, whose indices are numbered in the order in which they are met.
func (t *maskTerm) spell(order *[]termAxis) string {
	if len(t.args) == 0 {
		out := t.op
		for _, x := range t.axes {
			k := x.index(*order)
			if k < 0 {
				k = len(*order)
				*order = append(*order, x)
			}
			out += fmt.Sprintf("[%d:%s]", k, x.extent)
		}
		return out
	}
	args := slices.Clone(t.args)
	if t.commute {
		slices.SortStableFunc(args, func(a, b *maskTerm) int {
			return strings.Compare(a.spell(new([]termAxis)), b.spell(new([]termAxis)))
		})
	}
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.spell(order)
	}
	return t.op + "(" + strings.Join(parts, ", ") + ")"
}

// consistent tells whether all indices that run over one axis of a tensor are one index.
func (t *maskTerm) consistent(seen map[int]termAxis) bool {
	for _, x := range t.axes {
		if y, ok := seen[x.at]; ok && x.at >= 0 && x != y {
			return false
		}
		seen[x.at] = x
	}
	return !slices.ContainsFunc(t.args, func(a *maskTerm) bool { return !a.consistent(seen) })
}

// maskTerms finds the terms of a graph's values; a value without one has nil. Logical operators end a term where parts is true.
type maskTerms struct {
	parts bool
	of    map[*ugraph.Graph][]*maskTerm
}

// follow spells the values of a graph whose inputs have the given terms.
func (s *maskTerms) follow(g *ugraph.Graph, inputs []*maskTerm) {
	t := make([]*maskTerm, len(g.Values))
	for i, in := range g.Inputs {
		t[in.Value] = inputs[i]
	}
	s.of[g] = t
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]*maskTerm, len(n.Args))
		for k, a := range n.Args {
			args[k] = t[a]
		}
		switch {
		case n.Body != nil:
			s.follow(n.Body, args)
			for k, r := range n.Results {
				t[r] = storedTerm(n.Body, k, s.of[n.Body][n.Body.Outputs[k].Value], g.Value(r).Shape)
			}
		case len(n.Results) == 1 && len(args) > 0 && g.Value(n.Results[0]).DType.IsFloat():
			if numberOf(g, n) || n.Op == ugraph.OpLoad || n.Op.Info().Class == ugraph.Movement && len(args) == 1 {
				t[n.Results[0]] = s.node(g, n, args)
			}
		case len(n.Results) == 1:
			t[n.Results[0]] = s.node(g, n, args)
		}
	}
}

// numberOf tells whether an operator makes a number of integers, which may be any number.
func numberOf(g *ugraph.Graph, n *ugraph.Node) bool {
	return n.Op == ugraph.OpUniform || n.Op == ugraph.OpCast && g.Value(n.Args[0]).DType.IsInt()
}

// inputTerms are those of a program's or μGraph's inputs; number gives them the program's numbers.
func inputTerms(g *ugraph.Graph, number func(int) int) []*maskTerm {
	out := make([]*maskTerm, len(g.Inputs))
	for i, in := range g.Inputs {
		v := g.Value(in.Value)
		if v.DType.IsFloat() {
			continue
		}
		leaf := makeTerm(fmt.Sprintf("%s:%s", inputName(number(i)), v.DType))
		for ax, d := range v.Shape {
			if !d.Is(1) {
				leaf.axes = append(leaf.axes, termAxis{at: ax, extent: d})
			}
		}
		out[i] = leaf
	}
	return out
}

// storedTerm is the term of what a kernel's blocks store, if they store it where they loaded it from.
func storedTerm(g *ugraph.Graph, output int, t *maskTerm, shape []ugraph.Dim) *maskTerm {
	o := g.Outputs[output]
	if t == nil || o.Store == nil || o.Store.Reduce != "" {
		return nil
	}
	tile := g.Value(o.Value)
	for gi, ax := range o.Store.Grid {
		if ax >= 0 && tile.Cut(ax).Grid != gi+1 {
			return nil // stacked
		}
	}
	return t.moved(func(x termAxis) (termAxis, bool) {
		ok := x.at >= 0 && (x.cut.Grid == 0 || o.Store.Grid[x.cut.Grid-1] == x.at) && (!x.cut.Loop || o.Store.Loop == x.at)
		if !ok || x.at >= len(shape) || shape[x.at] != x.extent {
			return x, false
		}
		return termAxis{at: x.at, extent: x.extent}, true
	})
}

// node is the term of the result of one operator.
func (s *maskTerms) node(g *ugraph.Graph, n *ugraph.Node, args []*maskTerm) *maskTerm {
	to := g.Value(n.Results[0])
	switch n.Op {
	case ugraph.OpConst:
		return makeTerm(fmt.Sprintf("const{%s}", n.Attrs))
	case ugraph.OpIota:
		if to.Shape[0].Is(1) {
			return nil
		}
		t := makeTerm("position:" + to.DType.String())
		t.axes = []termAxis{{at: 0, extent: to.Shape[0]}}
		return t
	}
	if len(args) == 0 || slices.Contains(args, nil) {
		return nil
	}
	from := g.Value(n.Args[0])
	// An axis of one position that meets a longer one: what runs over it does not follow the longer one.
	aligned := func(t *maskTerm, v *ugraph.Value) *maskTerm {
		return t.moved(func(x termAxis) (termAxis, bool) {
			if x.at < 0 {
				return x, true
			}
			one := v.Shape[x.at].Is(1)
			if x.at += to.Rank() - v.Rank(); one && !to.Shape[x.at].Is(1) {
				x.at = -1
			}
			return x, x.at >= 0 || x.cut.IsCut()
		})
	}
	switch n.Op {
	case ugraph.OpLoad:
		return args[0].moved(func(x termAxis) (termAxis, bool) {
			if x.cut.IsCut() || x.at < 0 {
				return x, false
			}
			x.cut = to.Cut(x.at)
			irregular := x.cut.Irregular
			return x, !irregular
		})
	case ugraph.OpBroadcast:
		return aligned(args[0], from)
	case ugraph.OpReshape:
		return args[0].moved(func(x termAxis) (termAxis, bool) {
			if x.at < 0 {
				return x, true
			}
			if from.Shape[x.at].Is(1) {
				x.at = -1
				return x, x.cut.IsCut()
			}
			at, ok := reshapedAxis(from.Shape, to.Shape, x.at)
			x.at = to.Rank() - 1 - at
			return x, ok
		})
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, from.Rank())
		if err != nil {
			return nil
		}
		return args[0].moved(func(x termAxis) (termAxis, bool) {
			if x.at >= 0 {
				x.at = slices.Index(perm, x.at)
			}
			return x, true
		})
	case ugraph.OpMax:
		return lastPosition(n, args[0], from.Rank())
	}
	if n.Op.Info().Class != ugraph.Elementwise && n.Op != ugraph.OpUniform || s.parts && to.DType.IsBool() && !compareOps[n.Op] && n.Op != ugraph.OpCast {
		return nil
	}
	op := n.Op
	if op == ugraph.OpGreater || op == ugraph.OpGreaterEqual {
		args = []*maskTerm{args[1], args[0]}
		op = map[ugraph.Op]ugraph.Op{ugraph.OpGreater: ugraph.OpLess, ugraph.OpGreaterEqual: ugraph.OpLessEqual}[op]
		n = &ugraph.Node{Op: op, Args: []ugraph.ValueID{n.Args[1], n.Args[0]}, Attrs: n.Attrs}
	}
	joint := make([]*maskTerm, len(args))
	for k, a := range args {
		joint[k] = aligned(a, g.Value(n.Args[k]))
	}
	t := makeTerm(fmt.Sprintf("%s{%s}:%s", op, n.Attrs, to.DType), joint...)
	if t == nil || !t.consistent(map[int]termAxis{}) {
		return nil
	}
	t.commute = symmetric[op]
	return t
}

// lastPosition is the greatest of all positions of an axis.
func lastPosition(n *ugraph.Node, t *maskTerm, rank int) *maskTerm {
	axes, err := ugraph.ReduceAxes(n.Attrs, rank)
	if err != nil || !strings.HasPrefix(t.op, "position:") || len(t.axes) != 1 || len(axes) != 1 || axes[0] != t.axes[0].at || t.axes[0].cut.IsCut() {
		return nil
	}
	return makeTerm(fmt.Sprintf("last %s of %s", t.op, t.axes[0].extent))
}
