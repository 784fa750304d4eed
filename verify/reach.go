package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// positionTaint says how a value depends on positions: with which coefficients an integer does on
// the positions of each axis (at most), whether a float does, and whether it also depends on inputs.
type positionTaint struct {
	coef   map[int]int64
	number bool
	data   bool
}

func (t positionTaint) positions() bool { return len(t.coef) > 0 || t.number }

// analyticOps are functions of a position whose differences have as many zeros as their degree says,
// or none: what agrees formally at many positions agrees at all.
var analyticOps = map[ugraph.Op]bool{
	ugraph.OpAdd: true, ugraph.OpSub: true, ugraph.OpMul: true, ugraph.OpDiv: true, ugraph.OpNeg: true, ugraph.OpSquare: true, ugraph.OpReciprocal: true,
	ugraph.OpExp: true, ugraph.OpLog: true, ugraph.OpSqrt: true, ugraph.OpRsqrt: true, ugraph.OpSigmoid: true, ugraph.OpSilu: true, ugraph.OpTanh: true,
	ugraph.OpSin: true, ugraph.OpCos: true, ugraph.OpErf: true, ugraph.OpGelu: true, ugraph.OpPow: true, ugraph.OpMatMul: true, ugraph.OpSum: true, ugraph.OpMean: true,
	ugraph.OpSoftmax: true, ugraph.OpLogSoftmax: true, ugraph.OpLogSumExp: true, ugraph.OpRMSNorm: true, ugraph.OpLayerNorm: true, ugraph.OpRope: true,
	ugraph.OpAccum: true, ugraph.OpUniform: true,
}

// orderOnPositions are operators whose result depends on the order of their operands: of positions
// alone they make thresholds that may lie anywhere.
var orderOnPositions = map[ugraph.Op]bool{
	ugraph.OpMaximum: true, ugraph.OpMinimum: true, ugraph.OpMax: true, ugraph.OpMin: true, ugraph.OpRelu: true, ugraph.OpAbs: true, ugraph.OpClamp: true, ugraph.OpAccum: true,
}

// maskOps are the operators that keep integers of positions affine with coefficients ±1.
var maskOps = map[ugraph.Op]bool{
	ugraph.OpAdd: true, ugraph.OpSub: true, ugraph.OpNeg: true, ugraph.OpMax: true, ugraph.OpMin: true,
	ugraph.OpReshape: true, ugraph.OpBroadcast: true, ugraph.OpTranspose: true, ugraph.OpLoad: true, ugraph.OpMaximum: true, ugraph.OpMinimum: true,
}

// samplePositions checks that positions enter a graph in ways for which blocks around the numbers of
// numbersOf show every kind of entry: integers that are sums and differences of positions of different
// axes and literals, compared with each other; or numbers in analytic functions. Anything else may
// hide a difference at positions that no sample meets.
func (c *check) samplePositions(s *sizing, g *ugraph.Graph, in []positionTaint) ([]positionTaint, error) {
	axisOf := s.axisOf()
	taint := make([]positionTaint, len(g.Values))
	for i, x := range g.Inputs {
		taint[x.Value].data = true
		if in != nil {
			taint[x.Value] = in[i]
		}
	}
	refuse := func(n *ugraph.Node) error {
		return &errUndecided{fmt.Sprintf("%s of positions may differ where no sampled block lies", n.Op)}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		var args []positionTaint
		joint := positionTaint{coef: map[int]int64{}}
		some, pure := false, false
		for _, a := range n.Args {
			t := taint[a]
			args = append(args, t)
			for q, k := range t.coef {
				joint.coef[q] = max(joint.coef[q], k)
			}
			joint.number, joint.data = joint.number || t.number, joint.data || t.data
			some = some || t.positions()
			pure = pure || t.positions() && !t.data
		}
		if n.Body != nil {
			outs, err := c.samplePositions(s, n.Body, args)
			if err != nil {
				return nil, err
			}
			for k, r := range n.Results {
				taint[r] = outs[k]
			}
			continue
		}
		isInt := len(n.Results) > 0 && !g.Value(n.Results[0]).DType.IsFloat()
		switch {
		case n.Op == ugraph.OpIota:
			joint.coef[axisOf(s.slot(g, n.Results[0], 0))] = 1
		case !some:
		case compareOps[n.Op]:
			sum := map[int]int64{}
			for _, t := range args {
				for q, k := range t.coef {
					if sum[q] += k; sum[q] > 1 {
						return nil, refuse(n)
					}
				}
			}
			if joint.number && pure {
				return nil, refuse(n)
			}
			joint.coef, joint.number = nil, false // a mask
		case isInt && (n.Op == ugraph.OpAdd || n.Op == ugraph.OpSub):
			joint.coef = map[int]int64{}
			for _, t := range args {
				for q, k := range t.coef {
					joint.coef[q] = min(joint.coef[q]+k, 1<<20)
				}
			}
		case isInt && maskOps[n.Op], n.Op == ugraph.OpSlice, n.Op == ugraph.OpSplit, n.Op.Info().Class == ugraph.Movement && n.Op != ugraph.OpGather && n.Op != ugraph.OpScatterAdd && n.Op != ugraph.OpConcat,
			n.Op == ugraph.OpLoad, n.Op == ugraph.OpRunning, n.Op == ugraph.OpPrevious:
		case n.Op == ugraph.OpGather, n.Op == ugraph.OpScatterAdd:
			for _, k := range args[1].coef {
				if k > 1 {
					return nil, refuse(n)
				}
			}
		case n.Op == ugraph.OpConcat, n.Op == ugraph.OpWhere:
			joint.data = joint.data && !pure
		case n.Op == ugraph.OpCast && !isInt:
			joint.coef, joint.number = nil, true
		case isInt && !joint.number && n.Op == ugraph.OpUniform:
			joint.coef, joint.number = nil, true
		case isInt:
			return nil, refuse(n)
		case orderOnPositions[n.Op] && pure && n.Op != ugraph.OpAccum, n.Op == ugraph.OpAccum && pure && n.Attrs.Word("kind", "sum") != "sum":
			return nil, refuse(n)
		case !analyticOps[n.Op] && !orderOnPositions[n.Op]:
			return nil, refuse(n)
		default:
			joint.coef, joint.number = nil, true
		}
		for _, r := range n.Results {
			taint[r] = joint
		}
	}
	out := make([]positionTaint, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = taint[o.Value]
	}
	return out, nil
}
