package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// facts are what is known of the entries of a tensor of the program, for all finite inputs.
type facts struct {
	partial bool       // some entries may be undefined
	low     bool       // some may be −∞
	high    bool       // some may be +∞
	sign    field.Sign // of the entries that are defined and finite
}

// infinite tells whether some entries may be infinite: such a tensor is no cut, since what begins there would
// take it for numbers.
func (f facts) infinite() bool { return f.low || f.high }

// or is what holds of entries of either.
func (f facts) or(g facts) facts {
	out := facts{partial: f.partial || g.partial, low: f.low || g.low, high: f.high || g.high}
	if f.sign > 0 && g.sign > 0 {
		out.sign = min(f.sign, g.sign)
	}
	return out
}

// unknown is what is known of a tensor that an operator without a rule makes.
var unknown = facts{partial: true, low: true, high: true}

// factsOf finds the facts of all tensors of a program.
func factsOf(p *numbered) []facts {
	g := p.g
	out := make([]facts, len(g.Values))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]facts, len(n.Args))
		for k, a := range n.Args {
			args[k] = out[a]
		}
		f := factsOfNode(p, n, args)
		for _, r := range n.Results {
			out[r] = f
			if g.Values[r].DType == ugraph.F8E4M3 && (n.Op == ugraph.OpCast || n.Op.Rounds()) {
				out[r].sign = roundedSign(out[r].sign)
			}
			if !g.Values[r].DType.IsFloat() && n.Op != ugraph.OpConst && n.Op != ugraph.OpIota {
				out[r].sign = field.Unsigned // integers wrap
			}
		}
	}
	return out
}

// roundedSign is what is known of the sign after rounding, which may make a small number 0.
func roundedSign(s field.Sign) field.Sign {
	switch s {
	case field.Positive:
		return field.NonNegative
	case field.Negative:
		return field.NonPositive
	}
	return s
}

func factsOfNode(p *numbered, n *ugraph.Node, args []facts) facts {
	switch n.Op {
	case ugraph.OpConst:
		return factsOfLiteral(n.Attrs.Num("value", ugraph.Number{}))
	case ugraph.OpIota:
		return facts{sign: field.NonNegative}
	case ugraph.OpKernel, ugraph.OpThread, ugraph.OpAttention:
		return unknown
	case ugraph.OpGather, ugraph.OpScatterAdd: // an index may leave its range
		f := args[0]
		for _, a := range args[1:] {
			f = f.or(a)
		}
		f.partial, f.sign = true, field.Unsigned
		return f
	case ugraph.OpWhere:
		f := args[1].or(args[2])
		f.partial = f.partial || args[0].partial
		return f
	case ugraph.OpSub:
		return differenceFacts(p, n, args)
	case ugraph.OpAdd:
		return sumFacts(args[0], args[1])
	case ugraph.OpMul:
		f := args[0].or(args[1])
		if f.infinite() { // 0 · ∞ is undefined
			return unknown
		}
		if p.views[n.Args[0]].key() == p.views[n.Args[1]].key() {
			f.sign = max(f.sign, field.NonNegative)
		}
		return f
	}
	if f, ok := unaryFacts(n, args); ok {
		return f
	}
	switch n.Op.Info().Class {
	case ugraph.Movement:
		f := args[0]
		for _, a := range args[1:] {
			f = f.or(a)
		}
		return f
	case ugraph.Reduction, ugraph.Selection, ugraph.Elementwise, ugraph.Contraction:
		return orderFacts(n, args)
	}
	return compositeFacts(n, args)
}

func factsOfLiteral(v ugraph.Number) facts {
	switch v.IsInf() {
	case -1:
		return facts{low: true}
	case 1:
		return facts{high: true}
	}
	if r := v.Rat(); r != nil {
		return facts{sign: field.Sign(2 * r.Sign())}
	}
	return unknown
}

// sumFacts are those of a + b: +∞ − ∞ is undefined.
func sumFacts(a, b facts) facts {
	f := a.or(b)
	f.partial = f.partial || a.low && b.high || a.high && b.low
	if a.sign > 0 && b.sign > 0 {
		f.sign = max(a.sign, b.sign)
	}
	return f
}

// differenceFacts are those of a − b. Nothing exceeds its own maximum, so that x − max x is not +∞.
func differenceFacts(p *numbered, n *ugraph.Node, args []facts) facts {
	b := args[1]
	b.low, b.high, b.sign = b.high, b.low, field.Unsigned
	f := sumFacts(args[0], b)
	f.sign = field.Unsigned
	if at := p.g.Values[n.Args[1]].Node; at >= 0 {
		m := &p.g.Nodes[at]
		if m.Op == ugraph.OpMax && p.views[m.Args[0]].key() == p.views[n.Args[0]].key() && m.Attrs.Flag("keepdims") {
			f.high = false
		}
	}
	return f
}

// unaryFacts are those of elementwise functions of one operand.
func unaryFacts(n *ugraph.Node, args []facts) (facts, bool) {
	if len(args) == 0 {
		return unknown, true
	}
	x := args[0]
	sign := x.sign
	keep := func(s field.Sign) (facts, bool) {
		if x.infinite() {
			return unknown, true
		}
		return facts{partial: x.partial, sign: s}, true
	}
	switch n.Op {
	case ugraph.OpExp: // exp −∞ = 0
		f := facts{partial: x.partial, high: x.high, sign: field.Positive}
		if x.low {
			f.sign = field.NonNegative
		}
		return f, true
	case ugraph.OpNeg:
		return facts{partial: x.partial, low: x.high, high: x.low}, true
	case ugraph.OpSquare:
		if sign.Strict() {
			return keep(field.Positive)
		}
		return keep(field.NonNegative)
	case ugraph.OpAbs:
		return keep(field.NonNegative)
	case ugraph.OpSqrt, ugraph.OpLog, ugraph.OpRsqrt, ugraph.OpReciprocal:
		f, _ := keep(field.Unsigned)
		switch n.Op {
		case ugraph.OpSqrt:
			f.partial = f.partial || sign <= 0
			f.sign = max(sign, field.NonNegative)
		case ugraph.OpReciprocal:
			f.partial = f.partial || !sign.Strict()
			f.sign = sign
		case ugraph.OpLog:
			f.partial = f.partial || sign != field.Positive
		default:
			f.partial = f.partial || sign != field.Positive
			f.sign = field.Positive
		}
		return f, true
	case ugraph.OpSigmoid:
		return keep(field.Positive)
	case ugraph.OpRelu:
		return keep(field.NonNegative)
	case ugraph.OpPow:
		f, _ := keep(field.Unsigned)
		e, whole := n.Attrs.Num("exponent", ugraph.Int(1)).IsInt()
		f.partial = f.partial || (!whole || e < 0) && sign != field.Positive
		return f, true
	case ugraph.OpSign, ugraph.OpFloor, ugraph.OpSin, ugraph.OpCos, ugraph.OpTanh, ugraph.OpErf, ugraph.OpSilu, ugraph.OpGelu, ugraph.OpClamp:
		return keep(field.Unsigned)
	case ugraph.OpCast:
		return keep(sign)
	}
	return facts{}, false
}

// orderFacts are those of the other operators of one value per entry, and of reductions.
func orderFacts(n *ugraph.Node, args []facts) facts {
	f := args[0]
	for _, a := range args[1:] {
		f = f.or(a)
	}
	switch n.Op {
	case ugraph.OpMax, ugraph.OpMin, ugraph.OpMaximum, ugraph.OpMinimum:
		return f
	case ugraph.OpSum, ugraph.OpMean:
		f.partial = f.partial || f.low && f.high
		return f
	case ugraph.OpDiv:
		if f.infinite() {
			return unknown
		}
		return facts{partial: f.partial || !args[1].sign.Strict(), sign: f.sign}
	case ugraph.OpMatMul, ugraph.OpUniform:
		f.sign = field.Unsigned
	}
	if f.infinite() {
		return unknown
	}
	if n.Op == ugraph.OpArgmax || n.Op == ugraph.OpTopK || n.Op.Info().Class == ugraph.Elementwise {
		f.sign = field.Unsigned
	}
	return f
}

// compositeFacts are those of definitions that stand as one operator.
func compositeFacts(n *ugraph.Node, args []facts) facts {
	f := facts{}
	for _, a := range args {
		f = f.or(a)
	}
	f.sign = field.Unsigned
	if f.infinite() {
		return unknown
	}
	switch n.Op {
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRope:
		return f
	case ugraph.OpRMSNorm, ugraph.OpLayerNorm:
		if eps := n.Attrs.Num("eps", ugraph.Int(0)).Rat(); eps == nil || eps.Sign() <= 0 {
			f.partial = true
		}
		return f
	}
	return unknown
}
