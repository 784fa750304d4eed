package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file follows positions (iota) through the integers of a graph, at the real bounds of all extents:
// an integer is one of a few affine functions of positions, of the greatest positions of axes and of
// literals, or positions are used as numbers. Comparisons of affine functions are masks (positions.go).

// placeTerm is a coefficient times the position along an axis, or times the axis' greatest position.
type placeTerm struct {
	axis int // variable
	at   int // axis of the tensor, counted from its last one
	last bool
	coef int64
}

// affine is a sum of terms and a literal. Terms are sorted and none is 0.
type affine struct {
	terms []placeTerm
	lit   int64
}

// plus is f + k·g.
func (f affine) plus(k int64, g affine) affine {
	out := affine{lit: f.lit + k*g.lit, terms: slices.Clone(f.terms)}
	for _, t := range g.terms {
		t.coef *= k
		i := slices.IndexFunc(out.terms, func(u placeTerm) bool { return u.axis == t.axis && u.at == t.at && u.last == t.last })
		if i < 0 {
			out.terms = append(out.terms, t)
		} else if out.terms[i].coef += t.coef; out.terms[i].coef == 0 {
			out.terms = slices.Delete(out.terms, i, i+1)
		}
	}
	return out
}

// form is what is known of a value: nothing (floats, data, masks), or that it is one of alts, and within
// bounds at every size.
type form struct {
	alts   []affine
	lo, hi int64
}

// known tells whether the value is a function of positions and literals.
func (f form) known() bool { return len(f.alts) > 0 }

// placed tells whether it depends on positions or sizes.
func (f form) placed() bool {
	return slices.ContainsFunc(f.alts, func(a affine) bool { return len(a.terms) > 0 })
}

func literalForm(n int64) form { return form{[]affine{{lit: n}}, n, n} }

// literal is the number that a form is.
func (f form) literal() (int64, bool) {
	if len(f.alts) != 1 || f.placed() {
		return 0, false
	}
	return f.alts[0].lit, true
}

// maxAlternatives bounds the functions that one value may be.
const maxAlternatives = 8

// placeUse is what two graphs do with positions.
type placeUse struct {
	s       *sizing
	axisOf  func(int) int
	highest func(ugraph.Dim) (int64, bool) // the greatest value of an extent
	masks   []placeMask
	numbers string // how positions are used as numbers; empty: they are not
}

func (u *placeUse) number(format string, args ...any) {
	if u.numbers == "" {
		u.numbers = fmt.Sprintf(format, args...)
	}
}

// follow gives every value of a graph its form and collects the masks; inputs are the forms of its inputs.
func (u *placeUse) follow(g *ugraph.Graph, inputs []form) []form {
	forms := make([]form, len(g.Values))
	for i, in := range g.Inputs {
		if inputs != nil {
			forms[in.Value] = inputs[i]
		}
	}
	for i := range g.Nodes {
		if u.numbers != "" {
			break
		}
		n := &g.Nodes[i]
		args := make([]form, len(n.Args))
		for k, a := range n.Args {
			args[k] = forms[a]
		}
		if n.Body != nil {
			for k, f := range u.follow(n.Body, args) {
				if f.placed() && n.Op != ugraph.OpThread {
					u.number("positions are stored")
				}
				forms[n.Results[k]] = f
			}
			continue
		}
		if n.Op == ugraph.OpAttention && n.Attrs.Flag("causal") {
			u.causal(g, n)
		}
		f := u.node(g, n, args)
		for _, r := range n.Results {
			forms[r] = f
		}
	}
	out := make([]form, len(g.Outputs))
	for i, o := range g.Outputs {
		if out[i] = forms[o.Value]; out[i].placed() && g.Level == ugraph.KernelLevel {
			u.number("positions are an output")
		}
	}
	return out
}

// node is the form of the results of one operator.
func (u *placeUse) node(g *ugraph.Graph, n *ugraph.Node, args []form) form {
	switch n.Op {
	case ugraph.OpIota:
		return u.iota(g, n)
	case ugraph.OpConst:
		if v, ok := n.Attrs.Num("value", ugraph.Int(0)).IsInt(); ok && g.Value(n.Results[0]).DType.IsInt() {
			return literalForm(v)
		}
		return form{}
	}
	if !slices.ContainsFunc(args, form.placed) {
		return u.literals(g, n, args)
	}
	dt := g.Value(n.Results[0]).DType
	if compareOps[n.Op] {
		u.compare(n.Op, args[0], args[1])
		return form{}
	}
	if n.Op == ugraph.OpCast && dt.IsFloat() && onlyTimesZero(g, n.Results[0]) {
		return form{} // 0 · position: a way to write a constant along the axis.
	}
	f, ok := u.placedNode(g, n, args)
	switch {
	case !ok:
		u.number("%s of positions", n.Op)
	case dt.IsInt() && (f.lo < int64(dt.Min()) || f.hi > int64(dt.Max())) && dt != ugraph.I64:
		u.number("%s of positions leaves the range of %s", n.Op, dt)
	case f.lo < -1<<60 || f.hi > 1<<60 || len(f.alts) > maxAlternatives:
		u.number("%s of positions", n.Op)
	}
	return f
}

// literals folds an integer operator on numbers.
func (u *placeUse) literals(g *ugraph.Graph, n *ugraph.Node, args []form) form {
	dt := g.Value(n.Results[0]).DType
	if len(args) == 0 || !dt.IsInt() {
		return form{}
	}
	var x [2]int64
	for k, f := range args {
		v, ok := f.literal()
		if !ok || k > 1 {
			return form{}
		}
		x[k] = v
	}
	switch f, ok := integerOps[n.Op]; {
	case n.Op == ugraph.OpCast && g.Value(n.Args[0]).DType.IsInt():
		return literalForm(castInt(dt, x[0]))
	case n.Op.Info().Class == ugraph.Movement && len(args) == 1, n.Op == ugraph.OpLoad:
		return args[0]
	case ok && n.Op.Info().Class == ugraph.Elementwise:
		return literalForm(wrapInt(dt, f(x[0], x[1], n.Attrs, g.Value(n.Args[0]).DType)))
	}
	return form{}
}

func (u *placeUse) iota(g *ugraph.Graph, n *ugraph.Node) form {
	slot := u.s.slot(g, n.Results[0], 0)
	q := u.axisOf(slot)
	d := g.Value(n.Results[0]).Shape[0]
	hi, ok := u.highest(d)
	if !ok || q != u.s.find(slot) {
		u.number("positions within a tile")
	}
	return form{[]affine{{terms: []placeTerm{{axis: q, coef: 1}}}}, 0, hi - 1}
}

// placedNode is the form of a result of operands that depend on positions; ok is false where it has none.
func (u *placeUse) placedNode(g *ugraph.Graph, n *ugraph.Node, args []form) (f form, ok bool) {
	from, to := g.Value(n.Args[0]), g.Value(n.Results[0])
	moved := func(at func(int) (int, bool)) (form, bool) {
		f := form{lo: args[0].lo, hi: args[0].hi}
		for _, a := range args[0].alts {
			b := affine{lit: a.lit, terms: slices.Clone(a.terms)}
			for i, t := range b.terms {
				if t.last {
					continue
				}
				if b.terms[i].at, ok = at(t.at); !ok {
					return f, false
				}
			}
			f.alts = append(f.alts, b)
		}
		return f, true
	}
	switch n.Op {
	case ugraph.OpAdd, ugraph.OpSub, ugraph.OpMaximum, ugraph.OpMinimum, ugraph.OpWhere:
		x, y := args[len(args)-2], args[len(args)-1]
		if !x.known() || !y.known() {
			return form{}, false
		}
		return u.combine(n.Op, x, y), true
	case ugraph.OpNeg:
		return u.combine(ugraph.OpSub, literalForm(0), args[0]), true
	case ugraph.OpCast:
		return args[0], to.DType.IsInt()
	case ugraph.OpLoad, ugraph.OpBroadcast:
		return args[0], true
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, from.Rank())
		return moved(func(at int) (int, bool) {
			i := slices.Index(perm, from.Rank()-1-at)
			return to.Rank() - 1 - i, err == nil && i >= 0
		})
	case ugraph.OpReshape:
		return moved(func(at int) (int, bool) { return reshapedAxis(from.Shape, to.Shape, from.Rank()-1-at) })
	case ugraph.OpMax, ugraph.OpMin:
		return u.extreme(g, n, args[0])
	}
	return form{}, false
}

// reshapedAxis is where axis ax of a shape is after a reshape, counted from the last one, if it stays an axis.
func reshapedAxis(from, to []ugraph.Dim, ax int) (at int, ok bool) {
	for _, gr := range reshapeGroups(from, to) {
		if ax < gr.in[0] || ax >= gr.in[1] {
			continue
		}
		found := -1
		for i := gr.in[0]; i < gr.in[1]; i++ {
			if i != ax && !from[i].Is(1) {
				return 0, false
			}
		}
		for j := gr.out[0]; j < gr.out[1]; j++ {
			switch {
			case to[j] == from[ax] && found < 0:
				found = j
			case !to[j].Is(1):
				return 0, false
			}
		}
		return len(to) - 1 - found, found >= 0
	}
	return 0, false
}

// combine is an elementwise operator on two forms. What chooses among alternatives is compared.
func (u *placeUse) combine(op ugraph.Op, x, y form) form {
	switch op {
	case ugraph.OpAdd, ugraph.OpSub:
		f := form{lo: x.lo + y.lo, hi: x.hi + y.hi}
		k := int64(1)
		if op == ugraph.OpSub {
			k, f.lo, f.hi = -1, x.lo-y.hi, x.hi-y.lo
		}
		for _, a := range x.alts {
			for _, b := range y.alts {
				f.alts = append(f.alts, a.plus(k, b))
			}
		}
		return f
	case ugraph.OpMaximum, ugraph.OpMinimum:
		u.compare(ugraph.OpEqual, x, y)
	}
	return form{append(slices.Clone(x.alts), y.alts...), min(x.lo, y.lo), max(x.hi, y.hi)}
}

// extreme is the greatest or least value over whole axes: at the last or the first position of each.
func (u *placeUse) extreme(g *ugraph.Graph, n *ugraph.Node, x form) (form, bool) {
	typ := g.Value(n.Args[0]).Type
	axes, err := ugraph.ReduceAxes(n.Attrs, len(typ.Shape))
	if err != nil || len(x.alts) != 1 {
		return form{}, false
	}
	keep := n.Attrs.Flag("keepdims")
	f := affine{lit: x.alts[0].lit}
	for _, t := range x.alts[0].terms {
		ax := len(typ.Shape) - 1 - t.at
		switch {
		case t.last:
		case slices.Contains(axes, ax):
			if typ.Cut(ax).IsCut() {
				return form{}, false
			}
			if (t.coef > 0) != (n.Op == ugraph.OpMax) {
				continue
			}
			t.last, t.at = true, 0
		case !keep:
			for _, a := range axes {
				if a > ax {
					t.at--
				}
			}
		}
		f = f.plus(1, affine{terms: []placeTerm{t}})
	}
	return form{[]affine{f}, x.lo, x.hi}, true
}
