package verify

import (
	"math"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxPosition bounds integers that are used as numbers only (positions of rope): theory 4.2 asks for
// integers below 2^20 that are not 0, 1, 2, ….
const maxPosition = 1 << 20

// integerRange is the range [lo, hi) of values that an integer or boolean input is drawn from: the
// rows of what it indexes; small integers, so that ties and both outcomes occur, where it is
// compared or computed with (all of those of 8 bits); large ones where it only becomes a number.
func (c *check) integerRange(in *instance, i int) (lo, hi int64) {
	dt := c.a.Value(c.a.Inputs[i].Value).DType
	use := c.integerUse(in, i)
	switch {
	case dt == ugraph.Bool:
		return 0, 2
	case dt.Size() == 1 && !use.index && c.opaque == nil:
		return int64(dt.Min()), int64(dt.Max()) + 1
	case use.index:
		if float64(use.limit) > dt.Max() { // the other way round, the greatest i64 would overflow
			return 0, int64(dt.Max())
		}
		return 0, max(1, use.limit)
	case use.computed && c.opaque == nil:
		return -8, 8
	}
	return -use.limit / 2, use.limit / 2
}

type integerUse struct {
	limit    int64
	index    bool // some gather or scatter_add uses it
	uneven   bool // some table has rows that are never drawn, though the program accepts their indices
	computed bool
	number   bool // it becomes a float
	moved    bool // it is moved to an output
}

// integerUse is what both graphs do with an input.
func (c *check) integerUse(in *instance, i int) integerUse {
	use := integerUse{limit: maxPosition}
	use.follow(c.a, c.a.Inputs[i].Value)
	for j, k := range c.m.inputs {
		if k == i {
			use.follow(c.b, c.b.Inputs[j].Value)
		}
	}
	type rows struct {
		real ugraph.Dim
		here int64
	}
	var tables []rows
	accepted := int64(math.MaxInt64) // indices of the real size that the program accepts in every entry, where numbers say so
	for side := range 2 {
		for _, k := range c.lookups(side) {
			for _, x := range k.sources {
				if n, ok := k.extent().Const(); ok && x.input == i && x.part == "" && side == 0 {
					accepted = min(accepted, n)
				}
			}
			if !slices.ContainsFunc(k.sources, func(x indexSource) bool { return x.input == i }) {
				continue
			}
			use.index = true
			if d, _, err := in.extent(k.g, k.node.Args[0], k.axis); err == nil {
				tables = append(tables, rows{k.extent(), int64(d)})
				use.limit = min(use.limit, int64(d))
			} else {
				use.uneven = true
			}
		}
	}
	for _, t := range tables {
		if n, ok := t.real.Const(); t.here > use.limit && !(ok && n > accepted) {
			use.uneven = true
		}
	}
	return use
}

// follow looks at every operator that sees the value, through operators that only move it. It returns
// the outputs of the graph that the value is moved to.
func (u *integerUse) follow(g *ugraph.Graph, v ugraph.ValueID) (reached []int) {
	for k, o := range g.Outputs {
		if o.Value == v {
			reached = append(reached, k)
			u.moved = u.moved || g.Level == ugraph.KernelLevel
			// Blocks that combine compute with it.
			u.computed = u.computed || o.Store != nil && o.Store.Reduce != ""
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, a := range n.Args {
			if a != v {
				continue
			}
			switch {
			case n.Body != nil:
				for _, o := range u.follow(n.Body, n.Body.Inputs[k].Value) {
					reached = append(reached, u.follow(g, n.Results[o])...)
				}
			case (n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd) && k == 1:
			case n.Op == ugraph.OpRope && k == 1, n.Op == ugraph.OpUniform, n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.IsFloat():
				u.number = true
			case n.Op == ugraph.OpScatterAdd: // a sum of integers
				u.computed = true
			case moves(g, n):
				for _, r := range n.Results {
					reached = append(reached, u.follow(g, r)...)
				}
			default:
				u.computed = true
			}
		}
	}
	return reached
}
