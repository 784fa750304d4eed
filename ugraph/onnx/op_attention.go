package onnx

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// attentionOperators came with operator set 23.
var attentionOperators = map[string]*operator{
	"Attention":       {since: 23, min: 3, max: 6, rule: attention, doc: "attention; concat with what came before"},
	"RotaryEmbedding": {since: 23, min: 3, max: 4, rule: rotary, doc: "products with the cached cosines and sines; gather where positions are given"},
}

// heads brings a [batch, length, heads·d] tensor into [batch, heads, length, d].
func (c *call) heads(x v, n int64) v {
	s := c.typ(x).Shape
	if n < 1 {
		c.refuse("inputs of three axes need q_num_heads and kv_num_heads")
	}
	return c.transpose(c.reshape(x, []ugraph.Dim{s[0], s[1], ugraph.D(n), c.part(s[2], n)}), 0, 2, 1, 3)
}

// attention: queries of length T see S keys, of which P came before (past_key). ONNX's causal query i sees keys
// up to i + P, the language's up to i + S - T: the same where S = P + T, else a mask.
func attention(c *call) []*tensor {
	qHeads, kvHeads := c.attrInt("q_num_heads", 0), c.attrInt("kv_num_heads", 0)
	causal, softcap := c.attrFlag("is_causal", false), c.attrFloat("softcap", 0)
	c.attr("qk_matmul_output_mode") // of an output that is refused
	if len(c.node.outputs) > 3 && c.node.outputs[3] != "" {
		c.refuse("the output qk_matmul_output: the scores are no tensor of their own")
	}
	if p := c.attrInt("softmax_precision", 1); p == 11 && c.in[0].typ.DType != ugraph.F64 {
		c.refuse("softmax_precision=%d; a composite computes in f32 inside", p)
	}
	q, k, w := c.value(0), c.value(1), c.value(2)
	rank := c.typ(q).Rank()
	if rank != 3 && rank != 4 || c.typ(k).Rank() != rank || c.typ(w).Rank() != rank {
		c.refuse("Q, K and V must have three or four axes each, they are %s, %s, %s", c.typ(q), c.typ(k), c.typ(w))
	}
	if rank == 3 {
		q, k, w = c.heads(q, qHeads), c.heads(k, kvHeads), c.heads(w, kvHeads)
	}
	past := ugraph.D(0)
	if c.has(4) != c.has(5) {
		c.refuse("past_key and past_value come together")
	}
	if c.has(4) {
		past = c.past(4)
		join := ugraph.Attrs{ugraph.IntAttr("axis", 2)}
		k, w = c.op(ugraph.OpConcat, join, c.value(4), k), c.op(ugraph.OpConcat, join, c.value(5), w)
	}
	var attrs ugraph.Attrs
	if c.attr("scale") != nil {
		attrs = attrs.With(ugraph.NumberAttr("scale", c.attrFloat("scale", 0)))
	}
	args := []v{q, k, w}
	mask, masked := c.mask(q, k, past, &causal)
	if masked {
		args = append(args, mask)
	}
	if causal {
		attrs = attrs.With(ugraph.BoolAttr("causal", true))
	}
	var y v
	if softcap.Cmp(ugraph.Int(0)) > 0 {
		if masked || causal {
			c.refuse("softcap with a mask: the versions of ONNX differ in which comes first")
		}
		y = c.capped(q, k, w, attrs, softcap)
	} else {
		y = c.op(ugraph.OpAttention, attrs, args...)
	}
	if rank == 3 {
		s := c.typ(y).Shape
		y = c.reshape(c.transpose(y, 0, 2, 1, 3), []ugraph.Dim{s[0], s[2], s[1].Mul(s[3])})
	}
	out := c.one(y)
	if len(c.node.outputs) > 1 {
		out = append(out, c.computed(k), c.computed(w))
	}
	return out
}

// past is the length of what came before.
func (c *call) past(i int) ugraph.Dim {
	t := c.in[i].typ
	if t.Rank() != 4 {
		c.refuse("input %d must have four axes, it is %s", i, t)
	}
	return t.Shape[2]
}

// mask is input 3, and what is_causal says where the language's causal is another: then causal is cleared.
// Keys that the mask is too short for are not seen.
func (c *call) mask(q, k v, past ugraph.Dim, causal *bool) (m v, masked bool) {
	t, s := c.typ(q).Shape[2], c.typ(k).Shape[2]
	if c.has(3) {
		m, masked = c.value(3), true
		typ := c.typ(m)
		if typ.Rank() < 2 {
			c.refuse("the mask is %s", typ)
		}
		if have := typ.Shape[typ.Rank()-1]; have != s {
			missing := s.Sub(have)
			if have.Is(1) || !c.im.positive(missing) {
				c.refuse("the mask is %s for %s keys", typ, s)
			}
			hidden := ugraph.Int(0)
			if typ.DType.IsFloat() {
				hidden = ugraph.Inf(-1)
			}
			m = c.padAxis(m, typ.Rank()-1, ugraph.D(0), missing, hidden)
		}
	}
	if !*causal || s.Sub(t) == past {
		return m, masked
	}
	*causal = false
	seen := c.diagonal(ugraph.OpLessEqual, t, s, c.size(past, ugraph.I32))
	switch {
	case !masked:
		return seen, true
	case c.typ(m).DType == ugraph.Bool:
		return c.op(ugraph.OpAnd, nil, m, seen), true
	}
	return c.where(seen, m, c.num(ugraph.Inf(-1), c.typ(m).DType)), true
}

// capped is attention whose scores x are cap · tanh(x / cap), written out.
func (c *call) capped(q, k, w v, attrs ugraph.Attrs, limit ugraph.Number) v {
	qs, ks := c.typ(q).Shape, c.typ(k).Shape
	hq, okQ := qs[1].Const()
	hk, okK := ks[1].Const()
	if !okQ || !okK || hq%hk != 0 {
		c.refuse("%s query heads and %s key heads", qs[1], ks[1])
	}
	dt := c.typ(q).DType
	grouped := []ugraph.Dim{qs[0], ugraph.D(hk), ugraph.D(hq / hk), qs[2], qs[3]}
	one := func(x v) v {
		s := c.typ(x).Shape
		return c.reshape(x, []ugraph.Dim{s[0], s[1], ugraph.D(1), s[2], s[3]})
	}
	scores := c.op(ugraph.OpMatMul, ugraph.Attrs{ugraph.BoolAttr("transpose_b", true)}, c.reshape(q, grouped), one(k))
	if a, ok := attrs.Get("scale"); ok {
		scores = c.scale(scores, a.Number)
	} else {
		scores = c.mul(scores, c.op(ugraph.OpRsqrt, nil, c.size(qs[3], dt)))
	}
	bound := c.num(limit, dt)
	scores = c.mul(c.op(ugraph.OpTanh, nil, c.div(scores, bound)), bound)
	y := c.op(ugraph.OpMatMul, nil, c.op(ugraph.OpSoftmax, nil, scores), one(w))
	s := c.typ(y).Shape
	return c.reshape(y, []ugraph.Dim{s[0], qs[1], s[3], s[4]})
}

// rotary turns pairs of the last axis: its halves, or neighbours (interleaved), by the cached angles.
func rotary(c *call) []*tensor {
	x := c.value(0)
	shape := c.typ(x).Shape
	n, interleaved := c.attrInt("num_heads", 0), c.attrFlag("interleaved", false)
	length := 2 // where the axis of positions lies: [batch, heads, length, d], or [batch, length, heads, d]
	switch {
	case len(shape) == 4:
	case len(shape) == 3 && n > 0:
		length = 1
		x = c.reshape(x, []ugraph.Dim{shape[0], shape[1], ugraph.D(n), c.part(shape[2], n)})
	default:
		c.refuse("the input is %s; it has four axes, or three and num_heads", c.typ(x))
	}
	d, ok := c.typ(x).Shape[3].Const()
	if !ok {
		c.refuse("heads of symbolic size")
	}
	turned := c.attrInt("rotary_embedding_dim", 0)
	if turned == 0 {
		turned = d
	}
	if turned < 2 || turned > d || turned%2 != 0 {
		c.refuse("rotary_embedding_dim=%d of heads of size %d", turned, d)
	}
	angle := func(i int) v {
		t := c.value(i)
		if c.has(3) {
			t = c.op(ugraph.OpGather, nil, t, c.value(3))
		}
		s := c.typ(t).Shape
		if len(s) != 3 || !s[2].Is(turned/2) {
			c.refuse("the cache of input %d gives %s; it must have three axes, the last %d", i, c.typ(t), turned/2)
		}
		return c.reshape(t, slices.Insert(slices.Clone(s), 3-length, ugraph.D(1)))
	}
	cos, sin := angle(1), angle(2)
	rotated := c.sliceAxis(x, 3, ugraph.D(0), ugraph.D(turned), 1)
	full := c.typ(rotated).Shape
	axis := 3
	if interleaved { // neighbours become the ends of a last axis of two
		rotated = c.reshape(rotated, append(slices.Clone(full[:3]), ugraph.D(turned/2), ugraph.D(2)))
		axis = 4
	}
	ends := c.ops(ugraph.OpSplit, ugraph.Attrs{ugraph.IntAttr("parts", 2), ugraph.IntAttr("axis", int64(axis))}, rotated)
	for i := range ends {
		ends[i] = c.reshape(ends[i], append(slices.Clone(full[:3]), ugraph.D(turned/2)))
	}
	turn := []v{c.sub(c.mul(ends[0], cos), c.mul(ends[1], sin)), c.add(c.mul(ends[0], sin), c.mul(ends[1], cos))}
	if interleaved {
		for i := range turn {
			turn[i] = c.reshape(turn[i], append(slices.Clone(full[:3]), ugraph.D(turned/2), ugraph.D(1)))
		}
	}
	y := c.reshape(c.op(ugraph.OpConcat, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, turn...), full)
	if turned < d {
		y = c.op(ugraph.OpConcat, ugraph.Attrs{ugraph.IntAttr("axis", 3)}, y, c.sliceAxis(x, 3, ugraph.D(turned), ugraph.D(d), 1))
	}
	return c.one(c.reshape(y, shape))
}
