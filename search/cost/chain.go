package cost

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// The executor computes elementwise operators of one shape, and reductions of theirs over the last axis, together, a
// piece of a row at a time: what one of them gives to another stays in the nearest cache, and a difference under
// an exponential, a square under a sum and a product under a sum of two are computed by their reader. This file says
// which those are; package schedule asks the same of forms.

// Packs tells whether the executor packs weights of that type.
func Packs(t ugraph.DType) bool { return t == ugraph.F32 || t == ugraph.F16 || t == ugraph.BF16 }

// Widens tells whether elements of that type are computed with in a wider one.
func Widens(t ugraph.DType) bool { return t.Size() < 4 }

// Rounds tells whether a cast rounds to a narrow type of floating-point numbers: others change nothing in a tile, or
// as little as a move.
func Rounds(from, to ugraph.DType) bool { return from != to && to.IsFloat() && to.Size() < 4 }

// FoldsInto tells whether an operator is computed by the one that alone reads it.
func FoldsInto(op, reader ugraph.Op) bool {
	switch op {
	case ugraph.OpSub:
		return reader == ugraph.OpExp
	case ugraph.OpSquare:
		return reader == ugraph.OpSum || reader == ugraph.OpMean
	case ugraph.OpMul:
		return reader == ugraph.OpAdd
	}
	return false
}

// Chains tells whether an operator is computed a piece of a row at a time.
func Chains(op ugraph.Op) bool {
	return op.Info().Class == ugraph.Elementwise && op != ugraph.OpCast && op != ugraph.OpWhere && op != ugraph.OpUniform
}

func (r *blockReader) rounds(n *ugraph.Node) bool {
	return n.Op == ugraph.OpCast && Rounds(r.g.Values[n.Args[0]].DType, r.g.Values[n.Results[0]].DType)
}

// productRate is the peak rate of a product.
func (r *blockReader) productRate(n *ugraph.Node) float64 {
	stored := func(v ugraph.ValueID) ugraph.DType {
		if s := r.source(v); s >= 0 {
			return r.g.Values[r.g.Nodes[s].Args[0]].DType
		}
		return r.g.Values[v].DType
	}
	return r.c.row.ProductRate(stored(n.Args[0]), stored(n.Args[1]), r.g.Values[n.Args[0]].DType)
}

// reader is the only node that reads a value, nil for others.
func (r *blockReader) reader(v ugraph.ValueID) *ugraph.Node {
	if len(r.uses[v]) != 1 || slices.ContainsFunc(r.g.Outputs, func(o ugraph.Output) bool { return o.Value == v }) {
		return nil
	}
	return &r.g.Nodes[r.uses[v][0]]
}

// folded tells whether a node is computed by its reader.
func (r *blockReader) folded(n *ugraph.Node) bool {
	m := r.reader(n.Results[0])
	return m != nil && FoldsInto(n.Op, m.Op) && r.together(n.Results[0], m) && (n.Op != ugraph.OpMul || m.Args[0] == n.Results[0] || !r.foldable(m.Args[0], m))
}

// foldable tells whether the first operand of a sum of two is a product that the sum takes: then the second is not.
func (r *blockReader) foldable(v ugraph.ValueID, m *ugraph.Node) bool {
	d := r.g.Values[v].Node
	return d >= 0 && r.g.Nodes[d].Op == ugraph.OpMul && r.reader(v) == m && r.together(v, m)
}

// operands are what a node reads, with those of the nodes that it computes in the place of their results.
func (r *blockReader) operands(n *ugraph.Node) []ugraph.ValueID {
	var out []ugraph.ValueID
	for _, a := range n.Args {
		if d := r.g.Values[a].Node; d >= 0 && r.folded(&r.g.Nodes[d]) {
			out = append(out, r.g.Nodes[d].Args...)
		} else {
			out = append(out, a)
		}
	}
	return out
}

// together tells whether a value and a node that reads it are computed piece by piece.
func (r *blockReader) together(v ugraph.ValueID, m *ugraph.Node) bool {
	d := r.g.Values[v].Node
	if d < 0 || !Chains(r.g.Nodes[d].Op) || r.phases[v] != r.phases[m.Results[0]] {
		return false
	}
	return Chains(m.Op) && r.elems[v] == r.elems[m.Results[0]] || r.sums(m)
}

// sums tells whether a node reduces over the last axis alone.
func (r *blockReader) sums(m *ugraph.Node) bool {
	if m.Op.Info().Class != ugraph.Reduction {
		return false
	}
	rank := r.g.Values[m.Args[0]].Rank()
	axes, err := ugraph.ReduceAxes(m.Attrs, rank)
	return err == nil && len(axes) == 1 && axes[0] == rank-1
}

// passes tells whether a node finds an operand in the nearest cache, a piece at a time.
func (r *blockReader) passes(v ugraph.ValueID, n *ugraph.Node) bool { return r.together(v, n) }

// private tells whether a value exists a piece at a time only.
func (r *blockReader) private(v ugraph.ValueID) bool {
	if len(r.uses[v]) == 0 || slices.ContainsFunc(r.g.Outputs, func(o ugraph.Output) bool { return o.Value == v }) {
		return false
	}
	for _, u := range r.uses[v] {
		if !r.together(v, &r.g.Nodes[u]) {
			return false
		}
	}
	return true
}

// summed tells whether a value that is computed piece by piece is reduced on the way: then each row is a piece.
func (r *blockReader) summed(v ugraph.ValueID) bool {
	return slices.ContainsFunc(r.uses[v], func(u ugraph.NodeID) bool {
		return r.sums(&r.g.Nodes[u]) && r.together(v, &r.g.Nodes[u])
	})
}

// gaps tells whether a value is a tile of a tensor whose rows do not follow each other.
func (r *blockReader) gaps(v ugraph.ValueID) bool {
	s := r.source(v)
	if s < 0 {
		return false
	}
	t := r.g.Values[r.g.Nodes[s].Results[0]].Type
	whole := r.g.Values[r.g.Nodes[s].Args[0]].Type
	last := t.Rank() - 1
	if last < 0 || whole.Rank() != t.Rank() || Widens(whole.DType) {
		return false
	}
	n, err := whole.Shape[last].Eval(r.c.env)
	size := r.sizes[r.g.Nodes[s].Results[0]]
	return err == nil && size[last] < n
}

// padding is how much larger a packed tile of a weight is than its elements: columns come in groups.
func (r *blockReader) padding(load ugraph.ValueID) float64 {
	size := r.sizes[load]
	if len(size) < 2 {
		return 1
	}
	n := size[len(size)-1]
	if r.readTransposed(load) {
		n = size[len(size)-2]
	}
	g := r.c.row.ColumnGroup
	return float64((n+g-1)/g*g) / float64(n)
}

// readTransposed tells whether a product takes the value, or a view of it, as N×K.
func (r *blockReader) readTransposed(v ugraph.ValueID) bool {
	for _, u := range r.uses[v] {
		m := &r.g.Nodes[u]
		if m.Op == ugraph.OpMatMul {
			return m.Attrs.Flag("transpose_b")
		}
		if r.isView(m) {
			return r.readTransposed(m.Results[0])
		}
	}
	return false
}
