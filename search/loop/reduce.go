package loop

import (
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// carries tells whether any of the factors after the loop carries one of the axes.
func (l *law) carries(t term, over expr.AxisSet) bool {
	for _, list := range [][]int{t.pos, t.neg, t.num, t.den} {
		for _, r := range list {
			if l.d.Nodes[r].Axes&over != 0 {
				return true
			}
		}
	}
	return false
}

// spread gives h the reduced axes that it lacks, so that it is counted once per element. Only the
// loop axis and axes of known extent can be spread over.
func (l *law) spread(h int, over expr.AxisSet, dt ugraph.DType) int {
	var have expr.AxisSet
	if h != one {
		have = l.d.Nodes[h].Axes
	}
	for _, a := range (over &^ have).List() {
		o := l.ones(a, dt)
		if h == one {
			h = o
		} else {
			h = l.op(ugraph.OpMul, dt, h, o)
		}
	}
	return h
}

// ruleReduce is the law for sums and means: each term's part in the loop is reduced by itself.
func ruleReduce(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	return l.reduceTerms(a[0], n, func(t term) int {
		return l.add(expr.Node{Op: n.Op, Args: []int{l.spread(t.h, n.Over, n.DType)}, Over: n.Over, DType: n.DType})
	})
}

func (l *law) reduceTerms(s separated, n expr.Node, reduce func(t term) int) (separated, error) {
	var out separated
	for _, t := range s.terms {
		if l.carries(t, n.Over) {
			return out, refuse("a factor of the reductions is itself summed over")
		}
		if t.h == one && n.Op == ugraph.OpMean {
			out.terms = append(out.terms, t)
			continue
		}
		t.h = reduce(t)
		out.terms = append(out.terms, t)
	}
	return out, nil
}

// ruleMatMul is the law for contractions: the product's terms, contracted one by one.
func ruleMatMul(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	if len(a[0].terms) > 1 && len(a[1].terms) > 1 {
		return separated{}, refuse("a product of two sums separates only in the power basis, which cancels")
	}
	var out separated
	for _, s := range a[0].terms {
		for _, t := range a[1].terms {
			u := term{minus: s.minus != t.minus, pos: cat(s.pos, t.pos), neg: cat(s.neg, t.neg), num: cat(s.num, t.num), den: cat(s.den, t.den)}
			if l.carries(u, n.Over) {
				return out, refuse("a factor of the reductions is itself contracted over")
			}
			switch {
			case s.h != one && t.h != one && (l.d.Nodes[s.h].Axes | l.d.Nodes[t.h].Axes).Contains(n.Over):
				u.h = l.add(expr.Node{Op: ugraph.OpMatMul, Args: []int{s.h, t.h}, Over: n.Over, DType: n.DType})
			case s.h != one && t.h != one:
				h := l.spread(l.op(ugraph.OpMul, n.DType, s.h, t.h), n.Over, n.DType)
				u.h = l.add(expr.Node{Op: ugraph.OpSum, Args: []int{h}, Over: n.Over, DType: n.DType})
			default:
				h := l.spread(max(s.h, t.h), n.Over, n.DType)
				u.h = l.add(expr.Node{Op: ugraph.OpSum, Args: []int{h}, Over: n.Over, DType: n.DType})
			}
			out.terms = append(out.terms, u)
		}
	}
	return out, nil
}

// ruleExtreme is the law for maxima and minima: what is added after the loop comes out.
func ruleExtreme(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	var out separated
	seen := false
	for _, t := range a[0].terms {
		switch {
		case t.pureX() && !seen:
			seen = true
			out.terms = append(out.terms, term{h: l.add(expr.Node{Op: n.Op, Args: []int{t.h}, Over: n.Over, DType: n.DType})})
		case t.pureR() && !l.carries(t, n.Over):
			out.terms = append(out.terms, t)
		default:
			return separated{}, refuse("the %s of a product of loop elements and reductions does not separate", n.Op)
		}
	}
	if !seen {
		return separated{}, refuse("the %s is of reductions alone", n.Op)
	}
	return out, nil
}

// accumulate returns the parts of node v, a reduction over the loop axis. Each part's h is a
// reduction without means: a mean is a sum divided by the extent, or where that is a symbol by the
// sum of ones.
func (l *law) accumulate(v int) ([]part, error) {
	if p, ok := l.parts[v]; ok {
		return p, nil
	}
	n := l.d.Nodes[v]
	if n.Op == ugraph.OpMean {
		p, err := l.accumulateMean(v)
		if err == nil {
			l.parts[v] = p
		}
		return p, err
	}
	args := make([]separated, len(n.Args))
	tainted := false
	for i, a := range n.Args {
		s, err := l.separate(a)
		if err != nil {
			return nil, err
		}
		args[i] = s
		tainted = tainted || l.taint[a]
	}
	if !tainted {
		l.parts[v] = []part{{h: v}}
		return l.parts[v], nil
	}
	s, err := rules[n.Op](l, v, args)
	if err != nil {
		return nil, err
	}
	l.parts[v] = s.terms
	return s.terms, nil
}

func (l *law) accumulateMean(v int) ([]part, error) {
	n := l.d.Nodes[v]
	extent := ugraph.D(1)
	for _, a := range n.Over.List() {
		extent = extent.Mul(l.d.Axes[a].Extent)
	}
	body := n.Args[0]
	var count int
	sum := expr.Node{Op: ugraph.OpSum, Args: []int{body}, Over: n.Over, DType: n.DType}
	if c, ok := extent.Const(); ok {
		count = l.constant(ugraph.Int(c), n.DType)
	} else {
		// The other axes are whole in a tile, so their mean is taken there.
		if rest := n.Over &^ l.set; rest != 0 {
			body = l.add(expr.Node{Op: ugraph.OpMean, Args: []int{body}, Over: rest, DType: n.DType})
		}
		sum = expr.Node{Op: ugraph.OpSum, Args: []int{body}, Over: l.set, DType: n.DType}
		count = l.add(expr.Node{Op: ugraph.OpSum, Args: []int{l.ones(l.axis, n.DType)}, Over: l.set, DType: n.DType})
	}
	if !l.on(l.d.Nodes[body].Axes) {
		return nil, refuse("a mean over an axis that its operand lacks")
	}
	parts, err := l.accumulate(l.add(sum))
	if err != nil {
		return nil, err
	}
	out := make([]part, len(parts))
	for i, p := range parts {
		p.den = cat(p.den, []int{count})
		out[i] = p
	}
	return out, nil
}
