package algebra

import (
	"encoding/binary"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
)

// The normal form of an abstract expression: a polynomial over the natural numbers whose monomials are
//
//	± numerator atoms · exp(polynomial) / (denominator atoms · exp(polynomial))
//
// An atom is an input, a constant, Σ over an axis, an opaque function of polynomials, or (as a
// denominator) a polynomial of several terms. Nothing cancels. The axioms that it decides are the rows
// of Axioms.
//
// All of these are interned: equal forms have equal ids, and every operation and verdict is memoised.

type (
	polyID int32
	coreID int32
	atomID int32
)

// core is a monomial without its free axes.
type core struct {
	neg      bool
	num, den []atomID // sorted multisets
	exp      polyID   // exponent above; 0: none
	expDen   polyID   // exponent below, of an inverted sum of exponentials
}

// term is a monomial of a polynomial. Free are the axes that are not summed yet: Σ_k does nothing to a
// monomial without k. They are 0 in polynomials inside atoms and exponents.
type term struct {
	core coreID
	free expr.AxisSet
	coef uint32
}

// atom is a function of polynomials; poly is the denominator form of a polynomial of several terms.
type atom struct {
	key  string
	args []polyID
	poly bool
	max  bool         // max over the axes in over of its one argument
	over expr.AxisSet // of max
}

// abstraction interns forms and holds the targets.
type abstraction struct {
	atoms   []atom
	atomIDs map[string]atomID

	cores    []core
	lanes    []lanes // by core
	coreIDs  map[string]coreID
	products map[[2]coreID]coreID

	polys    [][]term
	polyIDs  map[string]polyID
	stripped []polyID // by polynomial: without free axes; -1 unknown

	targets  [][]term
	weights  []uint32 // by target: the sum of its coefficients
	bounds   []lanes  // of the targets' monomials, each once
	isTarget map[polyID]bool
	quotient [][]factor // by core; nil: not asked yet
	verdict  []int8     // by polynomial: 0 not asked, 1 no, 2 yes
	inverses []polyID   // by polynomial; 0: not asked

	buf  []byte
	used []uint32
}

// factor says that target = factor · (the monomial asked for) + ….
type factor struct {
	target int
	by     coreID
}

func newAbstraction() *abstraction {
	a := &abstraction{atomIDs: map[string]atomID{}, coreIDs: map[string]coreID{}, products: map[[2]coreID]coreID{},
		polyIDs: map[string]polyID{}, isTarget: map[polyID]bool{}}
	a.poly(nil)    // the empty polynomial is 0
	a.core(core{}) // the monomial 1 is 0
	a.core(core{neg: true})
	return a
}

// sumKey is the key of the atoms Σ over an axis.
const sumKey = "sum"

const (
	coreOne   coreID = 0
	coreMinus coreID = 1
)

func (a *abstraction) atom(x atom) atomID {
	b := append(a.buf[:0], x.key...)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(x.over))
	for _, p := range x.args {
		b = binary.AppendUvarint(b, uint64(p))
	}
	a.buf = b
	if id, ok := a.atomIDs[string(b)]; ok {
		return id
	}
	id := atomID(len(a.atoms))
	a.atoms = append(a.atoms, x)
	a.atomIDs[string(b)] = id
	return id
}

func (a *abstraction) core(c core) coreID {
	b := append(a.buf[:0], 0)
	if c.neg {
		b[0] = 1
	}
	b = binary.AppendUvarint(b, uint64(len(c.num)))
	for _, x := range c.num {
		b = binary.AppendUvarint(b, uint64(x))
	}
	b = binary.AppendUvarint(b, uint64(len(c.den)))
	for _, x := range c.den {
		b = binary.AppendUvarint(b, uint64(x))
	}
	b = binary.AppendUvarint(b, uint64(c.exp))
	b = binary.AppendUvarint(b, uint64(c.expDen))
	a.buf = b
	if id, ok := a.coreIDs[string(b)]; ok {
		return id
	}
	id := coreID(len(a.cores))
	a.cores = append(a.cores, c)
	a.lanes = append(a.lanes, lanesOf(c))
	a.quotient = append(a.quotient, nil)
	a.coreIDs[string(b)] = id
	return id
}

// poly interns a sum of terms in any order.
func (a *abstraction) poly(ts []term) polyID {
	ts = slices.Clone(ts)
	slices.SortFunc(ts, func(x, y term) int {
		if x.core != y.core {
			return int(x.core) - int(y.core)
		}
		switch {
		case x.free < y.free:
			return -1
		case x.free > y.free:
			return 1
		}
		return 0
	})
	n := 0
	for _, t := range ts {
		if n > 0 && ts[n-1].core == t.core && ts[n-1].free == t.free {
			ts[n-1].coef = addCoef(ts[n-1].coef, t.coef)
			continue
		}
		ts[n] = t
		n++
	}
	ts = ts[:n]
	b := a.buf[:0]
	for _, t := range ts {
		b = binary.AppendUvarint(b, uint64(t.core))
		b = binary.AppendUvarint(b, uint64(t.free))
		b = binary.AppendUvarint(b, uint64(t.coef))
	}
	a.buf = b
	if id, ok := a.polyIDs[string(b)]; ok {
		return id
	}
	id := polyID(len(a.polys))
	a.polys = append(a.polys, ts)
	a.stripped = append(a.stripped, -1)
	a.verdict = append(a.verdict, 0)
	a.inverses = append(a.inverses, 0)
	a.polyIDs[string(b)] = id
	return id
}

// addCoef and mulCoef saturate: a coefficient that large is never compared with an exact one.
func addCoef(x, y uint32) uint32 { return uint32(min(uint64(x)+uint64(y), 1<<30)) }
func mulCoef(x, y uint32) uint32 { return uint32(min(uint64(x)*uint64(y), 1<<30)) }

// strip is the polynomial without free axes.
func (a *abstraction) strip(p polyID) polyID {
	if a.stripped[p] < 0 {
		ts := slices.Clone(a.polys[p])
		for i := range ts {
			ts[i].free = 0
		}
		a.stripped[p] = a.poly(ts)
	}
	return a.stripped[p]
}

func (a *abstraction) free(p polyID) expr.AxisSet {
	var s expr.AxisSet
	for _, t := range a.polys[p] {
		s |= t.free
	}
	return s
}

func mergeAtoms(x, y []atomID) []atomID {
	if len(x) == 0 {
		return y
	}
	if len(y) == 0 {
		return x
	}
	out := append(slices.Clone(x), y...)
	slices.Sort(out)
	return out
}

// mulCore is the product of two monomials.
func (a *abstraction) mulCore(x, y coreID) coreID {
	if x == coreOne {
		return y
	}
	if y == coreOne {
		return x
	}
	if x > y {
		x, y = y, x
	}
	k := [2]coreID{x, y}
	if r, ok := a.products[k]; ok {
		return r
	}
	cx, cy := a.cores[x], a.cores[y]
	r := a.core(core{neg: cx.neg != cy.neg, num: mergeAtoms(cx.num, cy.num), den: mergeAtoms(cx.den, cy.den), exp: a.add(cx.exp, cy.exp), expDen: a.add(cx.expDen, cy.expDen)})
	a.products[k] = r
	return r
}

func (a *abstraction) add(x, y polyID) polyID {
	if x == 0 {
		return y
	}
	if y == 0 {
		return x
	}
	return a.poly(append(slices.Clone(a.polys[x]), a.polys[y]...))
}

func (a *abstraction) negate(x polyID) polyID {
	ts := slices.Clone(a.polys[x])
	for i := range ts {
		ts[i].core = a.mulCore(ts[i].core, coreMinus)
	}
	return a.poly(ts)
}

// mul is the product; sums, if not empty, are the atoms Σ over the contracted axes over.
func (a *abstraction) mul(x, y polyID, over expr.AxisSet) polyID {
	var ts []term
	for _, s := range a.polys[x] {
		for _, t := range a.polys[y] {
			ts = append(ts, a.sumTerm(term{a.mulCore(s.core, t.core), s.free | t.free, mulCoef(s.coef, t.coef)}, over))
		}
	}
	return a.poly(ts)
}

// sumTerm is Σ over the axes of a monomial.
func (a *abstraction) sumTerm(t term, over expr.AxisSet) term {
	for _, k := range (over & t.free).List() {
		t.core = a.mulCore(t.core, a.sumAtom(k))
		t.free &^= expr.Set(k)
	}
	return t
}

func (a *abstraction) sumAtom(axis int) coreID {
	return a.core(core{num: []atomID{a.atom(atom{key: sumKey, over: expr.Set(axis)})}})
}

func (a *abstraction) sum(x polyID, over expr.AxisSet) polyID {
	ts := slices.Clone(a.polys[x])
	for i := range ts {
		ts[i] = a.sumTerm(ts[i], over)
	}
	return a.poly(ts)
}

// single is a polynomial of one monomial with coefficient 1.
func (a *abstraction) single(c coreID, free expr.AxisSet) polyID {
	return a.poly([]term{{c, free, 1}})
}

// function is an opaque function of polynomials.
func (a *abstraction) function(key string, args ...polyID) polyID {
	var free expr.AxisSet
	in := make([]polyID, len(args))
	for i, p := range args {
		free |= a.free(p)
		in[i] = a.strip(p)
	}
	return a.single(a.core(core{num: []atomID{a.atom(atom{key: key, args: in})}}), free)
}

// maxOver is max over axes: one over some of the axes of one over others is one over all.
func (a *abstraction) maxOver(key string, x polyID, over expr.AxisSet) polyID {
	free := a.free(x)
	if over &= free; over == 0 {
		return x
	}
	in := a.strip(x)
	if ts := a.polys[in]; len(ts) == 1 && ts[0].coef == 1 {
		if c := a.cores[ts[0].core]; !c.neg && c.exp == 0 && c.expDen == 0 && len(c.den) == 0 && len(c.num) == 1 {
			if inner := a.atoms[c.num[0]]; inner.max && inner.key == key {
				return a.single(a.core(core{num: []atomID{a.atom(atom{key: key, args: inner.args, max: true, over: inner.over | over})}}), free&^over)
			}
		}
	}
	return a.single(a.core(core{num: []atomID{a.atom(atom{key: key, args: []polyID{in}, max: true, over: over})}}), free&^over)
}

func (a *abstraction) expOf(x polyID) polyID {
	return a.single(a.core(core{exp: a.strip(x)}), a.free(x))
}

// inverse is 1/x. A monomial is inverted atom by atom, exp(b) to exp(-b) unless it is summed (the
// exponent of a softmax's denominator must not meet the numerator's: every sum of the two would be
// admitted); of a sum of monomials the common factor is taken out and the rest is one atom.
func (a *abstraction) inverse(x polyID) polyID {
	free := a.free(x)
	ts := a.polys[a.strip(x)]
	if len(ts) == 1 && ts[0].coef == 1 {
		return a.withFree(a.inverseCore(ts[0].core), free)
	}
	common := a.cores[ts[0].core]
	for _, t := range ts[1:] {
		common = a.gcd(common, a.cores[t.core])
	}
	common.neg = false
	c := a.core(common)
	rest := make([]term, len(ts))
	for i, t := range ts {
		q, _ := a.divide(t.core, c)
		rest[i] = term{q, 0, t.coef}
	}
	den := a.single(a.core(core{den: []atomID{a.atom(atom{key: "poly", args: []polyID{a.poly(rest)}, poly: true})}}), 0)
	return a.withFree(a.mul(a.inverseCore(c), den, 0), free)
}

func (a *abstraction) withFree(p polyID, free expr.AxisSet) polyID {
	ts := slices.Clone(a.polys[p])
	for i := range ts {
		ts[i].free = free
	}
	return a.poly(ts)
}

// inverseCore is 1/c, multiplying out the sums that were its denominators.
func (a *abstraction) inverseCore(id coreID) polyID {
	c := a.cores[id]
	out := a.denominator(id) // with the exponent below
	inv := core{neg: c.neg, den: c.num}
	switch {
	case c.exp == 0:
	case a.isSum(c):
		inv.expDen = c.exp
	default:
		inv.exp = a.negate(c.exp)
	}
	return a.mul(out, a.single(a.core(inv), 0), 0)
}

// isSum tells whether a monomial is summed over an axis.
func (a *abstraction) isSum(c core) bool {
	for _, x := range c.num {
		if a.atoms[x].key == sumKey {
			return true
		}
	}
	return false
}

// denominator is the product of a monomial's denominators, multiplied out.
func (a *abstraction) denominator(id coreID) polyID {
	var plain []atomID
	var sums []polyID
	for _, x := range a.cores[id].den {
		if a.atoms[x].poly {
			sums = append(sums, a.atoms[x].args[0])
		} else {
			plain = append(plain, x)
		}
	}
	out := a.single(a.core(core{num: plain, exp: a.cores[id].expDen}), 0)
	for _, p := range sums {
		out = a.mul(out, p, 0)
	}
	return out
}

// gcd is the greatest common factor of two monomials, signs aside.
func (a *abstraction) gcd(x, y core) core {
	common := func(u, v []atomID) []atomID {
		var out []atomID
		for i, j := 0, 0; i < len(u) && j < len(v); {
			switch {
			case u[i] < v[j]:
				i++
			case u[i] > v[j]:
				j++
			default:
				out = append(out, u[i])
				i, j = i+1, j+1
			}
		}
		return out
	}
	least := func(p, q polyID) polyID {
		var out []term
		for _, t := range a.polys[p] {
			if n := min(t.coef, a.coefficient(q, t.core)); n > 0 {
				out = append(out, term{t.core, 0, n})
			}
		}
		return a.poly(out)
	}
	return core{num: common(x.num, y.num), den: common(x.den, y.den), exp: least(x.exp, y.exp), expDen: least(x.expDen, y.expDen)}
}

// coefficient is the coefficient of a monomial in a polynomial without free axes.
func (a *abstraction) coefficient(p polyID, c coreID) uint32 {
	ts := a.polys[p]
	if i, ok := slices.BinarySearchFunc(ts, c, func(t term, c coreID) int { return int(t.core) - int(c) }); ok {
		return ts[i].coef
	}
	return 0
}
