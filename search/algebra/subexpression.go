package algebra

import (
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
)

// divide is the monomial q with c·q = t, if there is one.
func (a *abstraction) divide(t, c coreID) (coreID, bool) {
	ct, cc := a.cores[t], a.cores[c]
	minus := func(u, v []atomID) ([]atomID, bool) {
		if len(v) == 0 {
			return u, true
		}
		var out []atomID
		j := 0
		for _, x := range u {
			if j < len(v) && v[j] == x {
				j++
				continue
			}
			out = append(out, x)
		}
		return out, j == len(v)
	}
	num, ok := minus(ct.num, cc.num)
	if !ok {
		return 0, false
	}
	den, ok := minus(ct.den, cc.den)
	if !ok {
		return 0, false
	}
	exp, ok := a.minus(ct.exp, cc.exp)
	if !ok {
		return 0, false
	}
	expDen, ok := a.minus(ct.expDen, cc.expDen)
	if !ok {
		return 0, false
	}
	return a.core(core{neg: ct.neg != cc.neg, num: num, den: den, exp: exp, expDen: expDen}), true
}

// minus is p - q, where q is at most p, of polynomials without free axes.
func (a *abstraction) minus(p, q polyID) (polyID, bool) {
	if q == 0 {
		return p, true
	}
	var rest []term
	found := 0
	for _, t := range a.polys[p] {
		n := a.coefficient(q, t.core)
		if n > t.coef {
			return 0, false
		}
		if n > 0 {
			found++
		}
		if t.coef > n {
			rest = append(rest, term{t.core, 0, t.coef - n})
		}
	}
	return a.poly(rest), found == len(a.polys[q])
}

// target registers a polynomial, and every polynomial nested in it, as one whose subexpressions are
// admitted: arguments of functions, exponents, and denominators as numerators.
func (a *abstraction) target(p polyID) {
	p = a.strip(p)
	if a.isTarget[p] || len(a.polys[p]) == 0 {
		return
	}
	a.isTarget[p] = true
	a.targets = append(a.targets, a.polys[p])
	a.weights = append(a.weights, a.weight(p))
	clear(a.quotient)
	clear(a.verdict)
	for _, t := range a.polys[p] {
		if l := a.lanes[t.core]; !slices.Contains(a.bounds, l) {
			a.bounds = append(a.bounds, l)
		}
		c := a.cores[t.core]
		for _, x := range slices.Concat(c.num, c.den) {
			for _, arg := range a.atoms[x].args {
				a.target(arg)
			}
		}
		a.target(c.exp)
		a.target(c.expDen)
		if len(c.den) > 0 || c.expDen != 0 {
			a.target(a.denominator(t.core))
		}
	}
}

// factors lists every (target, q) with c·q a monomial of the target.
func (a *abstraction) factors(c coreID) []factor {
	if fs := a.quotient[c]; fs != nil {
		return fs
	}
	fs := []factor{}
	for i, ts := range a.targets {
		for _, t := range ts {
			if q, ok := a.divide(t.core, c); ok {
				fs = append(fs, factor{i, q})
			}
		}
	}
	a.quotient[c] = fs
	return fs
}

// fits tells whether the terms, multiplied by f, are part of its target.
func (a *abstraction) fits(f factor, terms func(yield func(c coreID, coef uint32) bool)) bool {
	ts := a.targets[f.target]
	if cap(a.used) < len(ts) {
		a.used = make([]uint32, len(ts))
	}
	used := a.used[:len(ts)]
	clear(used)
	for c, coef := range terms {
		c = a.mulCore(c, f.by)
		i, ok := slices.BinarySearchFunc(ts, c, func(t term, c coreID) int { return int(t.core) - int(c) })
		if !ok {
			return false
		}
		if used[i] = addCoef(used[i], coef); used[i] > ts[i].coef {
			return false
		}
	}
	return true
}

// admits tells whether a polynomial is a subexpression of a target: whether for some monomial q of
// some target, q times the polynomial is, coefficient by coefficient, at most the target.
//
// It is enough to try the q that take the polynomial's first monomial to one of the target's:
// coefficients are natural numbers and nothing cancels, so if C[P] = T for a context C, T = Q·P + R
// with Q not 0, and each monomial q of Q has q·P ≤ T.
func (a *abstraction) admits(p polyID) bool {
	if v := a.verdict[p]; v != 0 {
		return v == 2
	}
	ts := a.polys[p]
	v := false
	if len(ts) > 0 {
		for _, f := range a.factors(ts[0].core) {
			if v = a.fits(f, func(yield func(coreID, uint32) bool) {
				for _, t := range ts {
					if !yield(t.core, t.coef) {
						return
					}
				}
			}); v {
				break
			}
		}
	}
	a.verdict[p] = 1
	if v {
		a.verdict[p] = 2
	}
	return v
}

// weight is the sum of a polynomial's coefficients.
func (a *abstraction) weight(p polyID) uint32 {
	var n uint32
	for _, t := range a.polys[p] {
		n = addCoef(n, t.coef)
	}
	return n
}

// lanes counts a monomial's atoms, several kinds of atom to a counter of 7 bits: two words for the
// numerator and two for the denominator.
type lanes [4]uint64

func lanesOf(c core) (l lanes) {
	for _, x := range c.num {
		l[x>>3&1] += 1 << ((x & 7) * 8)
	}
	for _, x := range c.den {
		l[2+(x>>3&1)] += 1 << ((x & 7) * 8)
	}
	return
}

// mayDivide is false where x·y divides no monomial of a target for having too many atoms of a kind: a
// test before the product is built, which decides most.
func (a *abstraction) mayDivide(x, y coreID) bool {
	const high = 0x8080808080808080
	lx, ly := &a.lanes[x], &a.lanes[y]
	s0, s1, s2, s3 := lx[0]+ly[0], lx[1]+ly[1], lx[2]+ly[2], lx[3]+ly[3]
	for i := range a.bounds {
		b := &a.bounds[i]
		if ((b[0]|high)-s0)&((b[1]|high)-s1)&((b[2]|high)-s2)&((b[3]|high)-s3)&high == high {
			return true
		}
	}
	return false
}

// admitsSum is admits(x + sign·y) without building the sum.
func (a *abstraction) admitsSum(x, y polyID, sign coreID) bool {
	tx, ty := a.polys[x], a.polys[y]
	if len(tx) == 0 {
		return false
	}
	weight := addCoef(a.weight(x), a.weight(y))
	for _, f := range a.factors(tx[0].core) {
		if a.weights[f.target] < weight {
			continue
		}
		if a.fits(f, func(yield func(coreID, uint32) bool) {
			for _, t := range tx {
				if !yield(t.core, t.coef) {
					return
				}
			}
			for _, t := range ty {
				if !yield(a.mulCore(t.core, sign), t.coef) {
					return
				}
			}
		}) {
			return true
		}
	}
	return false
}

// admitsProduct is admits(Σ_over x·y) without building the product.
func (a *abstraction) admitsProduct(x, y polyID, over expr.AxisSet) bool {
	tx, ty := a.polys[x], a.polys[y]
	if len(tx) == 0 || len(ty) == 0 {
		return false
	}
	if !a.mayDivide(tx[0].core, ty[0].core) {
		return false
	}
	product := func(s, t term) term {
		return a.sumTerm(term{a.mulCore(s.core, t.core), s.free | t.free, mulCoef(s.coef, t.coef)}, over)
	}
	for _, f := range a.factors(product(tx[0], ty[0]).core) {
		if a.fits(f, func(yield func(coreID, uint32) bool) {
			for _, s := range tx {
				for _, t := range ty {
					if r := product(s, t); !yield(r.core, r.coef) {
						return
					}
				}
			}
		}) {
			return true
		}
	}
	return false
}
