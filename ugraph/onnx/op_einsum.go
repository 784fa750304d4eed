package onnx

import (
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// labelled is a value whose axes have labels.
type labelled struct {
	value  v
	labels []byte
}

// einsum multiplies two operands at a time, from the left: axes that both have and the rest needs are batched,
// axes that both have and nothing else needs are summed by a matmul.
func einsum(c *call) []*tensor {
	equation := strings.ReplaceAll(c.attrString("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.in) || len(equation) > 512 {
		c.refuse("equation=%q for %d inputs", equation, len(c.in))
	}
	if !explicit {
		right = implicitOutput(left)
	}
	extents := map[byte]ugraph.Dim{}
	operands := make([]labelled, len(terms))
	for i, term := range terms {
		x := c.value(i)
		shape := c.typ(x).Shape
		if len(term) != len(shape) {
			c.refuse("equation=%q: %q for %s (an ellipsis has no form here)", equation, term, c.typ(x))
		}
		for j := range term {
			old, seen := extents[term[j]]
			if !letter(term[j]) || strings.Count(term, term[j:j+1]) > 1 || seen && old != shape[j] {
				c.refuse("equation=%q: label %q of %s repeats, is no letter or has two extents", equation, term[j], c.typ(x))
			}
			extents[term[j]] = shape[j]
		}
		operands[i] = labelled{x, []byte(term)}
	}
	for j := range right {
		if _, ok := extents[right[j]]; !ok || strings.Count(right, right[j:j+1]) > 1 {
			c.refuse("equation=%q: output label %q repeats or is no input's", equation, right[j])
		}
	}
	x := operands[0]
	for i, y := range operands[1:] {
		needed := right + strings.Join(terms[i+2:], "")
		x = c.contract(c.reduceTo(x, needed+string(y.labels)), c.reduceTo(y, needed+string(x.labels)), needed, extents)
	}
	x = c.reduceTo(x, right)
	return c.one(c.order(x, []byte(right)).value)
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// implicitOutput is the labels that occur once, in the alphabet's order.
func implicitOutput(left string) string {
	var out []byte
	for j := range left {
		if left[j] != ',' && strings.Count(left, left[j:j+1]) == 1 {
			out = append(out, left[j])
		}
	}
	slices.Sort(out)
	return string(out)
}

// reduceTo sums over the axes that nothing needs.
func (c *call) reduceTo(x labelled, needed string) labelled {
	var axes []int64
	var kept []byte
	for i, l := range x.labels {
		if strings.IndexByte(needed, l) < 0 {
			axes = append(axes, int64(i))
		} else {
			kept = append(kept, l)
		}
	}
	if len(axes) == 0 {
		return x
	}
	return labelled{c.op(ugraph.OpSum, ugraph.Attrs{ugraph.IntsAttr("axis", axes...)}, x.value), kept}
}

// order transposes to the labels' order.
func (c *call) order(x labelled, labels []byte) labelled {
	perm := make([]int64, len(labels))
	for i, l := range labels {
		perm[i] = int64(slices.Index(x.labels, l))
	}
	return labelled{c.transpose(x.value, perm...), labels}
}

// contract is the product of two operands as a matmul [batch, own, summed] by [batch, summed, own].
func (c *call) contract(a, b labelled, needed string, extents map[byte]ugraph.Dim) labelled {
	var batch, summed, ownA, ownB []byte
	for _, l := range a.labels {
		switch both := slices.Contains(b.labels, l); {
		case both && strings.IndexByte(needed, l) >= 0:
			batch = append(batch, l)
		case both:
			summed = append(summed, l)
		default:
			ownA = append(ownA, l)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) {
			ownB = append(ownB, l)
		}
	}
	shape := func(labels []byte) []ugraph.Dim {
		out := []ugraph.Dim{}
		for _, l := range labels {
			out = append(out, extents[l])
		}
		return out
	}
	m, k, n := ugraph.Elements(shape(ownA)), ugraph.Elements(shape(summed)), ugraph.Elements(shape(ownB))
	x := c.reshape(c.order(a, slices.Concat(batch, ownA, summed)).value, append(shape(batch), m, k))
	y := c.reshape(c.order(b, slices.Concat(batch, summed, ownB)).value, append(shape(batch), k, n))
	labels := slices.Concat(batch, ownA, ownB)
	return labelled{c.reshape(c.op(ugraph.OpMatMul, nil, x, y), shape(labels)), labels}
}
