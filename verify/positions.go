package verify

import (
	"fmt"
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
)

// Positions (iota) enter a graph as integers. Sums and differences of positions, of the greatest
// position of an axis and of integer literals, compared with each other, are masks: an instance
// whose axes reach beyond the sum of all literals has every outcome that a larger one has. Every
// other use of a position is a use as a number, for which only the real size speaks.

// positionUse is what a graph does with positions.
type positionUse struct {
	far     int64 // sum of the absolute values of integer literals
	numbers bool  // a position is used as a number
}

// maskOps are the operators that keep integers of positions affine with coefficients ±1.
var maskOps = map[ugraph.Op]bool{
	ugraph.OpAdd: true, ugraph.OpSub: true, ugraph.OpNeg: true, ugraph.OpMax: true, ugraph.OpMin: true,
	ugraph.OpReshape: true, ugraph.OpBroadcast: true, ugraph.OpTranspose: true, ugraph.OpLoad: true, ugraph.OpMaximum: true, ugraph.OpMinimum: true,
}

// compareOps end a chain of positions in a mask.
var compareOps = map[ugraph.Op]bool{
	ugraph.OpLess: true, ugraph.OpLessEqual: true, ugraph.OpEqual: true, ugraph.OpGreater: true, ugraph.OpGreaterEqual: true,
}

// follow marks the positions of a graph; tainted tells which inputs hold positions.
func (u *positionUse) follow(g *ugraph.Graph, tainted []bool) []bool {
	pos := make([]bool, len(g.Values))
	for i, in := range g.Inputs {
		pos[in.Value] = tainted != nil && tainted[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		any := false
		args := make([]bool, len(n.Args))
		for k, a := range n.Args {
			args[k] = pos[a]
			any = any || pos[a]
		}
		if n.Body != nil {
			for k, p := range u.follow(n.Body, args) {
				pos[n.Results[k]] = p
			}
			continue
		}
		switch {
		case n.Op == ugraph.OpIota:
			pos[n.Results[0]] = true
		case n.Op == ugraph.OpConst:
			if g.Value(n.Results[0]).DType.IsInt() {
				v, _ := n.Attrs.Num("value", ugraph.Int(0)).IsInt()
				u.far = min(u.far+max(v, -v), 1<<40)
			}
		case !any || compareOps[n.Op]:
		case maskOps[n.Op]:
			pos[n.Results[0]] = true
		case n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.IsFloat() && onlyTimesZero(g, n.Results[0]):
			// 0 · position: a way to write a constant along the axis.
		default:
			u.numbers = true
		}
	}
	out := make([]bool, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = pos[o.Value]
		if pos[o.Value] && g.Level == ugraph.KernelLevel {
			u.numbers = true
		}
	}
	return out
}

// onlyTimesZero tells whether every use of a value multiplies it by the literal 0.
func onlyTimesZero(g *ugraph.Graph, v ugraph.ValueID) bool {
	zero := func(w ugraph.ValueID) bool {
		d := g.Value(w).Node
		if d < 0 || g.Nodes[d].Op != ugraph.OpConst {
			return false
		}
		return g.Nodes[d].Attrs.Num("value", ugraph.Int(1)).Cmp(ugraph.Rat(new(big.Rat))) == 0
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, a := range n.Args {
			if a == v && (n.Op != ugraph.OpMul || !zero(n.Args[1-k])) {
				return false
			}
		}
	}
	for _, o := range g.Outputs {
		if o.Value == v {
			return false
		}
	}
	return true
}

// placePositions makes the axes whose positions are used large enough for every mask, or keeps
// their real size where positions are numbers.
func (c *check) placePositions(s *sizing, need map[int]int, axisOf func(int) int) error {
	if len(s.iota) == 0 {
		return nil
	}
	var far int64
	numbers := false
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		u := &positionUse{}
		u.follow(g, nil)
		far = max(far, u.far)
		numbers = numbers || u.numbers
	}
	if numbers {
		for i := range s.iota {
			s.pin(i, "positions are used as numbers")
			s.pin(axisOf(i), "positions are used as numbers")
		}
		return nil
	}
	if far > maxOffset {
		return &errUndecided{fmt.Sprintf("a mask with the number %d is beyond any small instance", far)}
	}
	// Twice: so that a whole tile of one axis lies beyond any position of the other, on either side.
	size := 4
	for i := range s.iota {
		size = max(size, need[axisOf(i)])
	}
	size = 2*size + int(far) + 3
	for i := range s.iota {
		need[axisOf(i)] = size
	}
	return nil
}

// maxOffset bounds the integer literals beside positions that an instance is enlarged for.
const maxOffset = 1024
