package verify

import (
	"errors"
	"math"

	"github.com/morgana-ml/morgana/verify/field"
)

// maxWeakTests bounds the tests under the weak bound, each of which says little.
const maxWeakTests = 512

// errVoid marks that bound 3.2 does not apply, or says nothing: the weak bound may.
type errVoid struct{ err error }

func (e *errVoid) Error() string { return e.err.Error() }
func (e *errVoid) Unwrap() error { return e.err }

// void marks an error of bound 3.2 that another bound may not have.
func void(err error) error {
	var un *errUndecided
	var large *errTooLarge
	if errors.As(err, &un) || errors.As(err, &large) {
		return &errVoid{err}
	}
	return err
}

// terms are what bound 3.1 needs to know of a difference of two values: its exponential monomials, how
// many of them may share a monomial of their coefficients, and its degree in inputs.
type terms struct {
	k, private int
	degree     float64
}

func (t *terms) see(ts []term, degree float64) {
	k, private := counts(ts)
	t.k, t.private, t.degree = max(t.k, k), max(t.private, private), max(t.degree, degree)
}

// weak is bound 3.1 for the program at hand. The levels are those of exponents, from that of outputs down;
// below the last there are exponents without exponentials.
type weak struct {
	levels   []level
	last     float64 // degree of a difference of exponents of the lowest level
	hashed   int
	hash     terms // of a difference of two hashed values
	asked    int   // conditions of definedness
	ask      terms
	literals int // bits of the numbers in both graphs
}

// level is what is known of the values whose exponents lie in one component.
type level struct {
	terms       // of differences that must vanish
	factors int // distinct denominators
	factor  terms
}

// vanishes is the probability that a formally non-zero P with such terms is 0, if two of its exponents
// coincide with probability inner: C(k,2)·inner + D/p + { 0, k* = 1; 1/(q−1), k* = 2; 2q^(−1/(k*−1))·q/(q−1) }
// (theory 3.1; p = 2q+1, taken as q).
func (t *terms) vanishes(inner, logq float64) float64 {
	k := float64(t.k)
	e := k*(k-1)/2*inner + math.Exp2(math.Log2(t.degree+1)-logq)
	switch {
	case t.private <= 1:
	case t.private == 2:
		e += 2 * math.Exp2(-logq)
	default:
		e += 2 * math.Exp2(-logq/float64(t.private-1)) / (1 - math.Exp2(-logq))
	}
	return e
}

// pairs of n+1 classes: were there more than n, two of any n+1 of them would have coincided.
func pairs(n int) float64 { return float64(n) * float64(n+1) / 2 }

// error of one test in fields of 2^logq elements or more, and the probability that an analysis at a random
// point finds fewer terms than there are. It tells exponents, and denominators, apart by their values.
func (w *weak) error(logq float64) (test, analysis float64) {
	inner := math.Exp2(math.Log2(w.last+1) - logq)
	for i := len(w.levels) - 1; i >= 0; i-- {
		l := &w.levels[i]
		analysis += pairs(l.k)*inner + pairs(l.factors)*l.factor.vanishes(inner, logq)
		if i > 0 {
			inner = l.vanishes(inner, logq)
		}
	}
	test = w.levels[0].vanishes(inner, logq) + pairs(w.hashed-1)*w.hash.vanishes(inner, logq)
	if w.asked > 0 {
		test += math.Exp2(domainBits(w.asked)) * w.ask.vanishes(inner, logq)
	}
	return test, analysis
}

// join keeps the greater of what two analyses found.
func (w *weak) join(o *weak) {
	for i := range w.levels {
		l, m := &w.levels[i], &o.levels[i]
		l.join(m.terms)
		l.factor.join(m.factor)
		l.factors = max(l.factors, m.factors)
	}
	w.hash.join(o.hash)
	w.ask.join(o.ask)
	w.last, w.hashed, w.asked = max(w.last, o.last), max(w.hashed, o.hashed), max(w.asked, o.asked)
}

func (t *terms) join(o terms) {
	t.k, t.private, t.degree = max(t.k, o.k), max(t.private, o.private), max(t.degree, o.degree)
}

// Points of analysis under the weak bound: the first of them, and how many there may be.
const (
	weakPoint     = 2000
	maxWeakPoints = 64
)

// weakBound is bound 3.1: with the monomials of coefficients, and where these are too many, or say less,
// without.
func (c *check) weakBound(in *instance, st setting) (*bound, error) {
	var best *bound
	var firstErr error
	for _, labels := range []bool{true, false} {
		b, err := c.weakReading(in, st, labels)
		var un *errUndecided
		switch {
		case errors.As(err, &un):
			firstErr = err
		case err != nil:
			return nil, err
		case best == nil || b.log2 < best.log2:
			best = b
		}
	}
	if best == nil {
		return nil, firstErr
	}
	return best, nil
}

// weakReading analyses at so many points that too few terms would be found at all of them with less than
// the allowed error.
func (c *check) weakReading(in *instance, st setting, labels bool) (*bound, error) {
	var w *weak
	logq := field.PoolLogQ(st.comps)
	for point := 0; ; point++ {
		one, err := c.weakTerms(in, st, weakPoint+point, labels)
		if err != nil {
			return nil, err
		}
		if w == nil {
			w = one
		} else {
			w.join(one)
		}
		test, analysis := w.error(logq)
		switch {
		case analysis > 0.5 || point == maxWeakPoints:
			return nil, &errUndecided{"the weak bound is void: exponents or denominators cannot be told apart by their values"}
		case float64(point+1)*-math.Log2(analysis) < c.opt.wanted():
			continue
		}
		b := &bound{block: -1, cells: 1, c: 1, weak: w, hashed: w.hashed, log2: math.Log2(test), degree: int64(w.levels[0].degree)}
		return b, b.literals(w.literals, st.comps)
	}
}

// weakTerms counts the terms of all differences of which the tests say that they are 0: of outputs, and of
// accumulators after two trips and one where loops are proved by induction.
func (c *check) weakTerms(in *instance, st setting, point int, labels bool) (*weak, error) {
	if st.comps < 2 || st.roots != field.OpaqueRoots || st.model != field.S {
		return nil, &errUndecided{"the weak bound is one for model S with opaque roots"}
	}
	w := &weak{}
	dz := 1.0 // exponentials in a monomial of the level above
	for comp := st.comps - 2; comp >= 0; comp-- {
		a, p, once, err := c.runSparse(in, st, comp, point, labels)
		if err != nil {
			return nil, err
		}
		s := a.sparse
		var t terms
		if comp == st.comps-2 {
			a.seeOutputs(c, p, &t)
			a.seeStates(in, p, once, &t)
			for _, x := range []*pairOf[dual]{p, once} {
				if x != nil {
					_, z := c.degrees(x)
					dz = max(dz, float64(z))
				}
			}
			// Values over their common denominator have the degrees of all.
			dz = max(dz, exponentials(s.hashed), exponentials(s.asked))
			w.literals = c.literalBits(a.s)
			w.hashed = len(a.hashed)
			w.hash.see(s.differences(s.hashed), 2*degreeOfSums(s.hashed, 1))
			w.asked = a.s.Obligations()
			w.ask.see(s.differences(s.asked), 4*degreeOfSums(s.asked, 1))
			if w.ask.k > 1 {
				return nil, &errUndecided{"where the graphs are defined depends on exponentials, of which the weak bound says nothing"}
			}
		} else {
			t.see(s.differences(s.above), degreeOfSums(s.above, dz))
			dz *= max(1, exponentials(s.above))
		}
		if comp == 0 {
			w.last = degreeOfSums(a.args, dz)
		}
		if err := a.err(); err != nil {
			return nil, err
		}
		l := level{terms: t, factors: len(s.factors)}
		for _, f := range s.factors {
			l.factor.see(f.terms, float64(s.degree))
		}
		w.levels = append(w.levels, l)
	}
	return w, nil
}

// exponentials is the sum of the values' degrees in exponentials.
func exponentials(xs []dual) float64 {
	z := 0.0
	for _, x := range xs {
		z += float64(x.nz) + float64(x.dz)
	}
	return z
}

// degreeOfSums bounds the degree of a cross-multiplied difference of two sums of at most n values each.
func degreeOfSums(xs []dual, n float64) float64 {
	above, below := 0.0, 0.0
	for _, x := range xs {
		above, below = max(above, float64(x.nx)), max(below, float64(x.dx))
	}
	return above + (2*n-1)*below
}

// seeOutputs looks at the differences of outputs.
func (a *analysis) seeOutputs(c *check, p *pairOf[dual], t *terms) {
	for i, x := range p.outA {
		y := p.outB[c.m.outputs[i]]
		for k := range x.f {
			a.seeDifference(x.f[k], y.f[k], t)
		}
	}
}

// seeStates looks at the differences of accumulators after two trips and after one.
func (a *analysis) seeStates(in *instance, two, one *pairOf[dual], t *terms) {
	if one == nil {
		return
	}
	for _, g := range in.sizes.order {
		a.seeTensors(two.accA[g], one.accA[g], t)
		a.seeTensors(two.accB[g], one.accB[g], t)
	}
}

func (a *analysis) seeTensors(xs, ys []*tensor[dual], t *terms) {
	for k := range min(len(xs), len(ys)) {
		for i := range min(len(xs[k].f), len(ys[k].f)) {
			a.seeDifference(xs[k].f[i], ys[k].f[i], t)
		}
	}
}

func (a *analysis) seeDifference(x, y dual, t *terms) {
	if x.v.IsTag() || y.v.IsTag() {
		return
	}
	if x.v.Kind != y.v.Kind { // one in log form: exponentials are compared
		x, y = a.epsilon(x), a.epsilon(y)
	}
	s := a.sparse
	t.see(s.add(s.of(&x), s.of(&y)).num, float64(max(x.nx+y.dx, y.nx+x.dx)))
}

// runSparse counts exponential monomials of the exponents in component comp.
func (c *check) runSparse(in *instance, st setting, comp, point int, labels bool) (a *analysis, p, once *pairOf[dual], err error) {
	return c.runTwice(in, st, comp, -1, point, func(a *analysis) {
		power := func(e uint64) uint64 {
			x := field.Value{Mask: 1 << comp}
			x.C[comp] = e
			return a.s.Exp(x).C[comp+1]
		}
		a.sparse = &sparse{power: power, exponents: a.s.Prime(comp), values: a.s.Prime(comp + 1), top: comp + 1, labels: labels, spent: &c.sparseTerms, aboveSeen: map[uint64]bool{}, hashedSeen: map[uint64]bool{}}
	})
}

// runTwice evaluates both graphs, and where loops are proved by induction once more with loops in one trip.
func (c *check) runTwice(in *instance, st setting, comp, block, point int, prepare func(a *analysis)) (a *analysis, p, once *pairOf[dual], err error) {
	for try := 0; ; try++ {
		var src dualSource
		a, src = c.analysisOf(st, comp, block, point, try, false)
		prepare(a)
		p, err = evaluateBoth[dual](c, a, in, st, src)
		if err == nil && st.induct {
			once, err = evaluateBoth[dual](c, a, in.singleTrip(), st, src)
		}
		var re *field.Redraw
		if errors.As(err, &re) && try < maxRedraws {
			continue
		}
		return a, p, once, err
	}
}
