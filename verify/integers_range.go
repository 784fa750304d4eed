package verify

import (
	"fmt"
	"strings"

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
		return 0, max(1, min(use.limit, int64(dt.Max())))
	case use.computed && c.opaque == nil:
		return -8, 8
	}
	return -use.limit / 2, use.limit / 2
}

type integerUse struct {
	limit    int64
	index    bool      // some gather or scatter_add uses it
	indexed  []indexed // by them, in the order in which they are met
	computed bool
	number   bool // it becomes a float, or is moved to an output
}

// indexed is an axis of which an integer is an index.
type indexed struct {
	g    *ugraph.Graph
	v    ugraph.ValueID
	axis int
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
	for _, x := range use.indexed {
		if d, _, err := in.extent(x.g, x.v, x.axis); err == nil {
			use.limit = min(use.limit, int64(d))
			use.index = true
		}
	}
	return use
}

// leavesRange says where an index that the program accepts leaves the range of an axis of the candidate; "" if none does.
func (c *check) leavesRange() string {
	for j, i := range c.m.inputs {
		v := c.a.Value(c.a.Inputs[i].Value)
		if !v.DType.IsInt() {
			continue
		}
		var inA, inB integerUse
		inA.follow(c.a, c.a.Inputs[i].Value)
		inB.follow(c.b, c.b.Inputs[j].Value)
		for _, b := range inB.indexed {
			extent := b.g.Value(b.v).Shape[b.axis]
			n, number := extent.Const()
			covered := number && float64(n) > v.DType.Max() && (v.DType.Min() == 0 || len(inA.indexed) > 0)
			var least []string
			for _, a := range inA.indexed {
				other := a.g.Value(a.v).Shape[a.axis]
				m, ok := other.Const()
				covered = covered || other == extent || ok && number && m <= n
				least = append(least, other.String())
			}
			if covered {
				continue
			}
			known := "any integer"
			if len(least) > 0 {
				known = "indices of axes of extent " + strings.Join(least, ", ")
			}
			return fmt.Sprintf("the candidate uses input %s as an index of an axis of extent %s, for which the program accepts %s: an index may leave the range in the candidate alone", v.Name, extent, known)
		}
	}
	return c.unusedLookup()
}

// follow looks at every operator that sees the value, through operators that only move it. It returns
// the outputs of the graph that the value is moved to.
func (u *integerUse) follow(g *ugraph.Graph, v ugraph.ValueID) (reached []int) {
	for k, o := range g.Outputs {
		if o.Value == v {
			reached = append(reached, k)
			u.number = u.number || g.Level == ugraph.KernelLevel
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
				ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
				if err != nil {
					continue
				}
				u.indexed = append(u.indexed, indexed{g, n.Args[0], ax})
			case n.Op == ugraph.OpRope && k == 1, n.Op == ugraph.OpUniform, n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.IsFloat():
				u.number = true
			case n.Op == ugraph.OpScatterAdd: // a sum of integers
				u.computed = true
			case n.Op == ugraph.OpLoad, n.Op.Info().Class == ugraph.Movement, n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.Size() > g.Value(v).DType.Size():
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
