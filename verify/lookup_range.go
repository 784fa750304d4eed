package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// An index that leaves its range is an error when the graph runs, also in an operator that nothing depends on, or of
// which a slice or a where takes another part. So every index of the candidate must be one that the program looks up
// on an axis that is no longer: the same value, or entries of inputs that the program looks up. Where the candidate
// computes an index of its own, all its entries are evaluated at the real size (watched), which must be one size.

// leavesRange says where an index that the program accepts may leave the range of an axis of the candidate; "" if none does.
func (c *check) leavesRange() string {
	used := map[*ugraph.Node]bool{}
	findUsed(c.b, used)
	for _, b := range c.lookups(1) {
		if c.alike(&b) {
			continue
		}
		for _, x := range b.sources {
			if x.input >= 0 && !c.bounded(&b, x) {
				return c.uncovered(&b, x)
			}
		}
		switch {
		case !c.own(&b):
		case len(c.b.Symbols) > 0:
			return fmt.Sprintf("%s: the candidate computes an index for an axis of extent %s, and at some size of %s it may leave its range: look up what the program does", b.node.Op, b.extent(), c.b.Symbols[0].Name)
		case !used[b.node]:
			// A proof piece by piece does not see it.
			return fmt.Sprintf("%s: no output of the candidate depends on it, and the index that it computes for an axis of extent %s may leave its range: remove it", b.node.Op, b.extent())
		}
	}
	return ""
}

// alike tells whether the program has a lookup with the same index on an axis that is no longer.
func (c *check) alike(b *lookup) bool {
	return b.index != "" && slices.ContainsFunc(c.lookups(0), func(a lookup) bool {
		return a.index == b.index && within(a.extent(), b.extent())
	})
}

// own tells whether the candidate computes an index of which no range is known.
func (c *check) own(b *lookup) bool {
	return !c.alike(b) && slices.ContainsFunc(b.sources, func(x indexSource) bool { return !c.bounded(b, x) })
}

// bounded tells whether entries of a source are in the range of the axis that a lookup of the candidate indexes: by
// how they are found, because the program looks the same entries up on an axis that is no longer, or by their type,
// if they are not negative.
func (c *check) bounded(b *lookup, x indexSource) bool {
	extent := b.extent()
	if x.input < 0 {
		return x.below != nil && within(*x.below, extent)
	}
	dt := x.g.Value(x.v).DType
	n, number := extent.Const()
	typed := number && float64(n) > dt.Max()
	if typed && dt.Min() == 0 {
		return true
	}
	return slices.ContainsFunc(c.lookups(0), func(a lookup) bool {
		return (typed || within(a.extent(), extent)) && slices.ContainsFunc(a.sources, func(y indexSource) bool {
			return y.input == x.input && (y.part == "" || y.part == x.part && x.part != inTiles)
		})
	})
}

// within tells whether every index of the one axis is one of the other.
func within(a, b ugraph.Dim) bool {
	m, ok := a.Const()
	n, number := b.Const()
	return a == b || ok && number && m <= n
}

// uncovered is the message about entries of an input that the program does not bound.
func (c *check) uncovered(b *lookup, x indexSource) string {
	var least []string
	part := ""
	for _, a := range c.lookups(0) {
		for _, y := range a.sources {
			switch {
			case y.input != x.input:
			case y.part != "":
				part = " in some entries"
			default:
				least = append(least, a.extent().String())
			}
		}
	}
	known := "any integer" + part
	if len(least) > 0 {
		known = "indices of axes of extent " + strings.Join(least, ", ")
	}
	return fmt.Sprintf("the candidate uses input %s as an index of an axis of extent %s, for which the program accepts %s: an index may leave the range in the candidate alone",
		c.a.Value(c.a.Inputs[x.input].Value).Name, b.extent(), known)
}

// watched are the operators of which entries of the real size evaluate all indices.
func (c *check) watched() (map[*ugraph.Node]bool, error) {
	nodes := map[*ugraph.Node]bool{}
	for _, b := range c.lookups(1) {
		switch {
		case !c.own(&b):
		case b.g.Level != ugraph.KernelLevel:
			return nil, &errUndecided{fmt.Sprintf("%s: the candidate computes an index in a block for an axis of extent %s, and entries show no range of it", b.node.Op, b.extent())}
		default:
			nodes[b.node] = true
		}
	}
	return nodes, nil
}

// findUsed adds the operators of a graph, and of the graphs in it, that its outputs depend on.
func findUsed(g *ugraph.Graph, used map[*ugraph.Node]bool) {
	live := make([]bool, len(g.Values))
	for _, o := range g.Outputs {
		live[o.Value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] }) {
			continue
		}
		used[n] = true
		for _, a := range n.Args {
			live[a] = true
		}
		if n.Body != nil {
			findUsed(n.Body, used)
		}
	}
}

// allInRange evaluates every entry of an index.
func (z *lazyEngine[V]) allInRange(n *ugraph.Node, table, idx *lazyTensor[V]) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(table.shape))
	if err != nil {
		z.fail(err)
		return
	}
	for k := range elements(idx.shape) {
		if j := z.at(idx, k).i; j < 0 || j >= int64(table.shape[ax]) {
			z.fail(&errUndecided{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, table.shape[ax]-1)})
		}
		if z.bad != nil {
			return
		}
	}
}
