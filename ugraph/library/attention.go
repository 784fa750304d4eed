package library

import (
	"fmt"
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
)

// attention expands softmax(q kᵀ · scale + mask) v for q (…, Hq, T, d), k (…, Hkv, S, d) and
// v (…, Hkv, S, dv). Grouped heads become an axis of their own, (…, Hkv, Hq/Hkv, T, d), so that each key
// head meets its queries by broadcasting.
func attention(e *emitter, attrs ugraph.Attrs, args []ugraph.ValueID) ugraph.ValueID {
	q, k, v := args[0], args[1], args[2]
	qs, ks, vs := e.shape(q), e.shape(k), e.shape(v)
	r := len(qs)
	dt := e.dtype(q)
	heads, keyHeads, t, s := qs[r-3], ks[r-3], qs[r-2], ks[r-2]

	grouped := heads != keyHeads
	if grouped {
		groups, err := quotient(heads, keyHeads)
		if err != nil {
			e.fail(err)
			return q
		}
		q = e.reshape(q, spread(qs, r-3, keyHeads, groups))
		k = e.reshape(k, spread(ks, r-3, keyHeads, ugraph.D(1)))
		v = e.reshape(v, spread(vs, r-3, keyHeads, ugraph.D(1)))
	}

	scores := e.op(ugraph.OpMatMul, ugraph.Attrs{ugraph.BoolAttr("transpose_b", true)}, q, k)
	scores = e.op(ugraph.OpMul, nil, scores, scale(e, attrs, qs[r-1], dt))
	unseen := false // may a row see no key?
	if len(args) == 4 {
		mask := args[3]
		if ms := e.shape(mask); grouped && len(ms) >= 3 {
			h := len(ms) - 3
			if ms[h].Is(1) {
				mask = e.reshape(mask, spread(ms, h, ugraph.D(1), ugraph.D(1)))
			} else {
				groups, _ := quotient(heads, keyHeads)
				mask = e.reshape(mask, spread(ms, h, keyHeads, groups))
			}
		}
		if e.dtype(mask) == ugraph.Bool {
			scores = e.op(ugraph.OpWhere, nil, mask, scores, e.constant(ugraph.Inf(-1), dt))
		} else {
			scores = e.op(ugraph.OpAdd, nil, scores, mask)
		}
		unseen = true
	}
	if attrs.Flag("causal") && !t.Is(1) {
		scores = e.op(ugraph.OpWhere, nil, causal(e, t, s), scores, e.constant(ugraph.Inf(-1), dt))
		tn, okT := t.Const()
		sn, okS := s.Const()
		unseen = unseen || t != s && !(okT && okS && tn <= sn)
	}
	last := ugraph.Attrs{ugraph.IntAttr("axis", -1)}
	diff, top := shifted(e, last, scores)
	exp := e.op(ugraph.OpExp, nil, diff)
	weights := e.op(ugraph.OpDiv, nil, exp, e.reduce(ugraph.OpSum, exp, -1))
	out := e.op(ugraph.OpMatMul, nil, weights, v)
	if unseen {
		none := e.op(ugraph.OpEqual, nil, top, e.constant(ugraph.Inf(-1), dt))
		out = e.op(ugraph.OpWhere, nil, none, e.constant(ugraph.Int(0), dt), out)
	}
	if grouped {
		out = e.reshape(out, append(append([]ugraph.Dim{}, qs[:r-1]...), vs[r-1]))
	}
	return out
}

// quotient is a/b for two numbers.
func quotient(a, b ugraph.Dim) (ugraph.Dim, error) {
	x, okA := a.Const()
	y, okB := b.Const()
	if !okA || !okB || y < 1 || x%y != 0 {
		return ugraph.Dim{}, fmt.Errorf("attention: %s query heads are not a multiple of %s key heads", a, b)
	}
	return ugraph.D(x / y), nil
}

// spread returns the shape with one axis replaced by two.
func spread(shape []ugraph.Dim, axis int, outer, inner ugraph.Dim) []ugraph.Dim {
	out := append([]ugraph.Dim{}, shape[:axis]...)
	out = append(out, outer, inner)
	return append(out, shape[axis+1:]...)
}

// scale is the scale attribute, or 1/√d: a literal where that is rational, else rsqrt of the literal
// d. A symbolic d is max(iota(d)) + 1.
func scale(e *emitter, attrs ugraph.Attrs, d ugraph.Dim, dt ugraph.DType) ugraph.ValueID {
	if a, ok := attrs.Get("scale"); ok {
		return e.constant(a.Number, dt)
	}
	n, ok := d.Const()
	if !ok {
		return e.op(ugraph.OpRsqrt, nil, e.op(ugraph.OpAdd, nil, e.cast(e.lastIndex(d), dt), e.constant(ugraph.Int(1), dt)))
	}
	if root := new(big.Int).Sqrt(big.NewInt(n)).Int64(); root*root == n {
		return e.constant(ugraph.Rat(big.NewRat(1, root)), dt)
	}
	return e.op(ugraph.OpRsqrt, nil, e.constant(ugraph.Int(n), dt))
}

// causal is the bool (T, S) matrix j ≤ i + (S - T): the last query sees every key.
func causal(e *emitter, t, s ugraph.Dim) ugraph.ValueID {
	row := e.reshape(e.iota(t), []ugraph.Dim{t, ugraph.D(1)})
	if t != s {
		// S - T as a function of the axes, right for every size of them.
		row = e.op(ugraph.OpAdd, nil, row, e.op(ugraph.OpSub, nil, e.lastIndex(s), e.lastIndex(t)))
	}
	return e.op(ugraph.OpLessEqual, nil, e.iota(s), row)
}
