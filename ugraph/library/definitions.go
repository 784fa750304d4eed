package library

import (
	"fmt"
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
)

// Definition is one composite operator as a graph of primitives.
type Definition struct {
	Op      ugraph.Op
	Formula string // with the axis' extent n, all sums over the axis
	// expand appends the definition; its operands are f32 or f64 already, but for integers and masks.
	expand func(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID
}

// Definitions is the table of composite operators.
var Definitions = []Definition{
	{ugraph.OpSoftmax, "e / Σ e with e = exp(x - max x)", softmax},
	{ugraph.OpLogSoftmax, "s - log Σ exp(s) with s = x - max x", logSoftmax},
	{ugraph.OpLogSumExp, "max x + log Σ exp(x - max x)", logSumExp},
	{ugraph.OpRMSNorm, "x / sqrt(mean(x²) + eps) · weight", rmsNorm},
	{ugraph.OpLayerNorm, "c / sqrt(mean(c²) + eps) · weight + bias with c = x - mean x", layerNorm},
	{ugraph.OpRope, "half: (x₁ cos φ - x₂ sin φ, x₂ cos φ + x₁ sin φ) for the halves x₁, x₂ of the last axis (interleaved: its even and odd entries), φᵢ = position · exp(i · log(theta) · (-2/d))", rope},
	{ugraph.OpAttention, "softmax(q kᵀ · scale + mask) v, 0 for a row that sees no key; query head h uses key head ⌊h · Hkv / Hq⌋", attention},
}

// Lookup returns the definition of a composite operator.
func Lookup(op ugraph.Op) (*Definition, bool) {
	for i := range Definitions {
		if Definitions[i].Op == op {
			return &Definitions[i], true
		}
	}
	return nil, false
}

// shifted returns x - max x along the axis attribute, and the maximum with the axis kept.
func shifted(e *emitter, attrs ugraph.Attrs, x ugraph.ValueID) (diff, top ugraph.ValueID) {
	top = e.reduce(ugraph.OpMax, x, attrs.Int("axis", -1))
	return e.op(ugraph.OpSub, nil, x, top), top
}

func softmax(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	diff, _ := shifted(e, attrs, args[0])
	exp := e.op(ugraph.OpExp, nil, diff)
	return e.op(ugraph.OpDiv, nil, exp, e.reduce(ugraph.OpSum, exp, attrs.Int("axis", -1)))
}

func logSoftmax(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	diff, _ := shifted(e, attrs, args[0])
	sum := e.reduce(ugraph.OpSum, e.op(ugraph.OpExp, nil, diff), attrs.Int("axis", -1))
	return e.op(ugraph.OpSub, nil, diff, e.op(ugraph.OpLog, nil, sum))
}

func logSumExp(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	diff, top := shifted(e, attrs, args[0])
	sum := e.reduce(ugraph.OpSum, e.op(ugraph.OpExp, nil, diff), attrs.Int("axis", -1))
	out := e.op(ugraph.OpAdd, nil, top, e.op(ugraph.OpLog, nil, sum))
	if attrs.Flag("keepdims") {
		return out
	}
	shape := e.shape(args[0])
	axis, err := ugraph.NormalAxis(attrs.Int("axis", -1), len(shape))
	if err != nil {
		e.fail(err)
		return out
	}
	return e.reshape(out, append(append([]ugraph.Dim{}, shape[:axis]...), shape[axis+1:]...))
}

// rootMean is sqrt(mean(x²) + eps) along the axis, which is kept.
func rootMean(e *emitter, attrs ugraph.Attrs, x ugraph.ValueID) ugraph.ValueID {
	ms := e.reduce(ugraph.OpMean, e.op(ugraph.OpSquare, nil, x), attrs.Int("axis", -1))
	if eps := attrs.Num("eps", ugraph.Int(0)); eps.Cmp(ugraph.Int(0)) != 0 {
		ms = e.op(ugraph.OpAdd, nil, ms, e.constant(eps, e.dtype(x)))
	}
	return e.op(ugraph.OpSqrt, nil, ms)
}

func rmsNorm(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	out := e.op(ugraph.OpDiv, nil, args[0], rootMean(e, attrs, args[0]))
	if len(args) > 1 {
		out = e.op(ugraph.OpMul, nil, out, args[1])
	}
	return out
}

func layerNorm(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	centred := e.op(ugraph.OpSub, nil, args[0], e.reduce(ugraph.OpMean, args[0], attrs.Int("axis", -1)))
	out := e.op(ugraph.OpDiv, nil, centred, rootMean(e, attrs, centred))
	if len(args) > 1 {
		out = e.op(ugraph.OpMul, nil, out, args[1])
	}
	if len(args) > 2 {
		out = e.op(ugraph.OpAdd, nil, out, args[2])
	}
	return out
}

func rope(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	x, position := args[0], args[1]
	shape, dt := e.shape(x), e.dtype(x)
	last := len(shape) - 1
	d, ok := shape[last].Const()
	if !ok || d%2 != 0 {
		e.fail(fmt.Errorf("rope: the last axis must be an even number, not %s", shape[last]))
		return x
	}
	theta := attrs.Num("theta", ugraph.Int(10000))
	if theta.IsInf() != 0 || theta.Rat().Sign() <= 0 {
		e.fail(fmt.Errorf("rope: theta=%s must be positive and finite", theta))
		return x
	}
	// φ = position · theta^(-2i/d), of position's shape and the axis i behind it.
	step := e.op(ugraph.OpMul, nil, e.op(ugraph.OpLog, nil, e.constant(theta, dt)), e.constant(ugraph.Rat(big.NewRat(-2, d)), dt))
	frequency := e.op(ugraph.OpExp, nil, e.op(ugraph.OpMul, nil, e.cast(e.iota(ugraph.D(d/2)), dt), step))
	column := e.reshape(e.cast(position, dt), append(append([]ugraph.Dim{}, e.shape(position)...), ugraph.D(1)))
	phi := e.op(ugraph.OpMul, nil, column, frequency)
	cos, sin := e.op(ugraph.OpCos, nil, phi), e.op(ugraph.OpSin, nil, phi)

	rotate := func(a, b ugraph.ValueID, axis int64) ugraph.ValueID {
		first := e.op(ugraph.OpSub, nil, e.op(ugraph.OpMul, nil, a, cos), e.op(ugraph.OpMul, nil, b, sin))
		second := e.op(ugraph.OpAdd, nil, e.op(ugraph.OpMul, nil, b, cos), e.op(ugraph.OpMul, nil, a, sin))
		return e.op(ugraph.OpConcat, ugraph.Attrs{ugraph.IntAttr("axis", axis)}, first, second)
	}
	halves := ugraph.Attrs{ugraph.IntAttr("parts", 2), ugraph.IntAttr("axis", -1)}
	if attrs.Word("style", "half") == "half" {
		h := e.ops(ugraph.OpSplit, halves, x)
		if len(h) != 2 {
			return x
		}
		return rotate(h[0], h[1], -1)
	}
	// Interleaved: even and odd entries are the two columns of (…, d/2, 2).
	pairs := append(append([]ugraph.Dim{}, shape[:last]...), ugraph.D(d/2), ugraph.D(2))
	h := e.ops(ugraph.OpSplit, halves, e.reshape(x, pairs))
	if len(h) != 2 {
		return x
	}
	column1 := append(append([]ugraph.Dim{}, e.shape(phi)...), ugraph.D(1))
	cos, sin = e.reshape(cos, column1), e.reshape(sin, column1)
	return e.reshape(rotate(h[0], h[1], -1), shape)
}
