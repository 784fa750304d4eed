package stability

import (
	"math"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// anyInteger is the limit of an integer that is no index.
const anyInteger = 0

// integerLimits bounds each integer input by the axes that it is an index of, followed through moves,
// casts and thresholds; it is anyInteger where it is no index.
func integerLimits(g *ugraph.Graph) []int64 {
	limits := make([]int64, len(g.Inputs))
	for i, in := range g.Inputs {
		limits[i] = math.MaxInt64
		if g.Values[in.Value].DType.IsFloat() {
			continue
		}
		from := map[ugraph.ValueID]bool{in.Value: true}
		for k := range g.Nodes {
			n := &g.Nodes[k]
			for j, a := range n.Args {
				if !from[a] {
					continue
				}
				if (n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd) && j == 1 {
					x := g.Values[n.Args[0]].Type
					if axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), x.Rank()); err == nil {
						if e, ok := x.Shape[axis].Const(); ok {
							limits[i] = min(limits[i], max(e, 1))
						}
					}
				} else if g.Values[n.Results[0]].DType.IsInt() {
					for _, res := range n.Results {
						from[res] = true
					}
				}
			}
		}
		if limits[i] == math.MaxInt64 {
			limits[i] = anyInteger
		}
	}
	for k := range g.Nodes {
		if n := &g.Nodes[k]; n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd {
			capIndex(g, n, limits)
		}
	}
	return limits
}

// capIndex lowers the limits until an index that is computed from inputs, as word + N·row is, stays in its axis by
// interval arithmetic; where that does not tell, they stay.
func capIndex(g *ugraph.Graph, n *ugraph.Node, limits []int64) {
	x := g.Values[n.Args[0]].Type
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return
	}
	extent, ok := x.Shape[axis].Const()
	if !ok {
		return
	}
	most := int64(1)
	for _, l := range limits {
		most = max(most, l)
	}
	capped := func(c int64) []int64 {
		out := make([]int64, len(limits))
		for i, l := range limits {
			if out[i] = l; l != anyInteger {
				out[i] = min(l, c)
			}
		}
		return out
	}
	within := func(c int64) bool {
		r, ok := ranges(g, capped(c), n.Args[1])
		return ok && r.lo >= 0 && r.hi < extent
	}
	if within(most) || !within(1) {
		return
	}
	first := sort.Search(int(min(most, math.MaxInt32)), func(c int) bool { return !within(int64(c + 1)) })
	copy(limits, capped(int64(first)))
}

// span is a range of integers, both ends included.
type span struct{ lo, hi int64 }

// ranges bounds an integer value by interval arithmetic, the inputs being below their limits. It is not ok where an
// operator has no rule, or numbers are so large that products might overflow.
func ranges(g *ugraph.Graph, limits []int64, want ugraph.ValueID) (span, bool) {
	const large = 1 << 31
	known := make([]*span, len(g.Values))
	for i, in := range g.Inputs {
		switch {
		case g.Values[in.Value].DType.IsBool():
			known[in.Value] = &span{0, 1}
		case limits[i] == anyInteger:
			known[in.Value] = &span{0, few - 1}
		default:
			known[in.Value] = &span{0, limits[i] - 1}
		}
	}
	for k := range g.Nodes {
		n := &g.Nodes[k]
		var args []span
		complete := true
		for _, a := range n.Args {
			if complete = complete && known[a] != nil; complete {
				args = append(args, *known[a])
			}
		}
		var out *span
		switch class := n.Op.Info().Class; {
		case n.Op == ugraph.OpIota:
			d, _ := n.Attrs.Get("n")
			if e, ok := d.Dims[0].Const(); ok {
				out = &span{0, e - 1}
			}
		case n.Op == ugraph.OpConst:
			if v, ok := n.Attrs.Num("value", ugraph.Int(0)).IsInt(); ok {
				out = &span{v, v}
			}
		case !complete || len(args) == 0:
		case n.Op == ugraph.OpAdd:
			out = &span{args[0].lo + args[1].lo, args[0].hi + args[1].hi}
		case n.Op == ugraph.OpSub:
			out = &span{args[0].lo - args[1].hi, args[0].hi - args[1].lo}
		case n.Op == ugraph.OpMul:
			p := []int64{args[0].lo * args[1].lo, args[0].lo * args[1].hi, args[0].hi * args[1].lo, args[0].hi * args[1].hi}
			out = &span{min(p[0], p[1], p[2], p[3]), max(p[0], p[1], p[2], p[3])}
		case n.Op == ugraph.OpMaximum:
			out = &span{max(args[0].lo, args[1].lo), max(args[0].hi, args[1].hi)}
		case n.Op == ugraph.OpMinimum:
			out = &span{min(args[0].lo, args[1].lo), min(args[0].hi, args[1].hi)}
		case n.Op == ugraph.OpCast, n.Op == ugraph.OpGather, class == ugraph.Movement && len(args) == 1:
			out = &args[0] // of a gather: the table
		}
		if out == nil || out.lo < -large || out.hi > large || !g.Values[n.Results[0]].DType.IsInt() {
			continue
		}
		for _, r := range n.Results {
			known[r] = out
		}
	}
	if known[want] == nil {
		return span{}, false
	}
	return *known[want], true
}
