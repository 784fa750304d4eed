package verify

import "github.com/morgana-ml/morgana/ugraph"

// maxPosition bounds integers that are used as numbers only (positions of rope): theory 4.2 asks for
// integers below 2^20 that are not 0, 1, 2, ….
const maxPosition = 1 << 20

// integerRange is the range [lo, hi) of values that an integer or boolean input is drawn from: the
// rows of what it indexes; small integers, so that ties and both outcomes occur, where it is
// compared or computed with; large ones where it only becomes a number.
func (c *check) integerRange(in *instance, i int) (lo, hi int64) {
	dt := c.a.Value(c.a.Inputs[i].Value).DType
	if dt == ugraph.Bool {
		return 0, 2
	}
	use := integerUse{limit: maxPosition}
	use.follow(in, c.a, c.a.Inputs[i].Value)
	for j, k := range c.m.inputs {
		if k == i {
			use.follow(in, c.b, c.b.Inputs[j].Value)
		}
	}
	hi = use.limit
	if use.computed {
		hi = min(hi, 16)
	}
	if dt == ugraph.I8 || dt == ugraph.U8 {
		hi = min(hi, 128)
	}
	if use.computed && !use.index && dt != ugraph.U8 {
		return -hi / 2, max(hi/2, 1)
	}
	return 0, max(hi, 1)
}

type integerUse struct {
	limit    int64
	index    bool // some gather or scatter_add uses it
	computed bool
}

// integersDecide tells whether an integer input is compared or computed with: then a difference may
// hide at values that random draws do not meet.
func (c *check) integersDecide(in *instance) bool {
	for i := range c.a.Inputs {
		if !c.a.Value(c.a.Inputs[i].Value).DType.IsInt() {
			continue
		}
		use := integerUse{limit: maxPosition}
		use.follow(in, c.a, c.a.Inputs[i].Value)
		for j, k := range c.m.inputs {
			if k == i {
				use.follow(in, c.b, c.b.Inputs[j].Value)
			}
		}
		if use.computed {
			return true
		}
	}
	return false
}

// follow looks at every operator that sees the value, through operators that only move it.
func (u *integerUse) follow(in *instance, g *ugraph.Graph, v ugraph.ValueID) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, a := range n.Args {
			if a != v {
				continue
			}
			switch {
			case n.Body != nil:
				u.follow(in, n.Body, n.Body.Inputs[k].Value)
			case (n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd) && k == 1:
				ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
				if err != nil {
					continue
				}
				if d, _, err := in.extent(g, n.Args[0], ax); err == nil {
					u.limit = min(u.limit, int64(d))
					u.index = true
				}
			case n.Op == ugraph.OpRope && k == 1, n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.IsFloat():
			case n.Op == ugraph.OpLoad, n.Op.Info().Class == ugraph.Movement, n.Op == ugraph.OpCast:
				for _, r := range n.Results {
					u.follow(in, g, r)
				}
			default:
				u.computed = true
			}
		}
	}
}
