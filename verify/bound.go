package verify

import (
	"errors"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// bound is the error of one test, for the program at hand (theory 1.11, 3.1 to 3.5).
type bound struct {
	log2        float64 // of the error of one test; 0 or more is void
	cells       float64 // probability that a test meets a given cell of an order or of Boolean inputs; 1 where there are none
	terms       int     // arguments of exponentials
	rank        int
	c           float64 // the C of 3.2
	block       int     // the input in which all arguments are affine, −1: none
	curved      int     // exponents of a basis that do not depend on that input, or all
	hashed      int
	literalBits int // of the numbers in both graphs
	roots       int
	degree      int64 // of a difference of two outputs
	argDegree   int64 // of a difference of two arguments of exponentials
	weak        *weak // bound 3.1; nil: 3.2
	squares     int   // model Q: classes of compared differences
}

// maxTests bounds the tests of a verification.
const maxTests = 4096

// wanted is −log2 of the error that one reading of one candidate may have: up to eight readings may be tried, of
// as many candidates as the run verifies.
func (o Options) wanted() float64 { return -o.ErrorLog2 + 3 + math.Log2(float64(max(1, o.Candidates))) }

// tests is the number of tests that the allowed error needs.
func (b *bound) tests(opt Options) (int, error) {
	want := opt.wanted()
	if b.log2 > -0.25 {
		return 0, void(&errUndecided{fmt.Sprintf("the error bound is void (2^%.1f for one test)", b.log2)})
	}
	n := max(2, math.Ceil(want/-b.log2))
	if b.cells < 1 {
		// Log1p: for cells below 2^-53 the difference 1 − cells would be 1, and no test too few.
		n = max(n, math.Ceil(want*math.Ln2/-math.Log1p(-b.cells)))
	}
	most := maxTests
	if b.weak != nil {
		most = maxWeakTests
	}
	if n > float64(most) {
		return 0, &errUndecided{fmt.Sprintf("%.0f tests would be needed, more than %d", n, most)}
	}
	return int(n), nil
}

// after is log2 of the error after n tests.
func (b *bound) after(n int) float64 {
	e := b.log2 * float64(n)
	if b.cells < 1 {
		e = max(e, float64(n)*math.Log1p(-b.cells)/math.Ln2)
	}
	return e
}

// analysisTest is the number of the draws that serve the bounds; tests count from 0.
const analysisTest = 1 << 20

// runAnalysis evaluates both graphs over duals: exponents are those of component comp, degrees those in
// one input (block), derivatives are taped on demand.
func (c *check) runAnalysis(in *instance, st setting, comp, block, point int, derivatives bool, lower *exponents) (*analysis, *pairOf[dual], error) {
	for try := 0; ; try++ {
		a, src := c.analysisOf(st, comp, block, point, try, derivatives)
		a.lower = lower
		p, err := evaluateBoth[dual](c, a, in, st, src)
		var re *field.Redraw
		if errors.As(err, &re) && try < maxRedraws {
			continue
		}
		if err == nil && a.over {
			err = &errTooLarge{}
		}
		return a, p, err
	}
}

// analysisOf prepares an analysis at a point, and its inputs.
func (c *check) analysisOf(st setting, comp, block, point, try int, derivatives bool) (*analysis, dualSource) {
	words := c.key.Label("assignments")
	words = words.Derive(uint64(c.assignment+1), 0)
	key := c.key.Derive(analysisTest+uint64(point), uint64(try))
	chain := c.chain(analysisTest+point, 0, st.comps)
	if st.cycle > 0 {
		chain = c.chain(st.at, 0, st.comps)
	}
	sp := field.NewSpace(chain, st.comps, key, st.model, st.roots)
	sp.OrderLevels, sp.Symbols = max(1, st.levels), st.symbols
	sp.Unconditioned, sp.Domains = st.roots == field.AlgebraicRoots, true
	a := newAnalysis(sp, comp, block, derivatives)
	if derivatives {
		a.most = maxExponents
	}
	a.dir = key.Label("directions")
	return a, dualSource{a, &fieldSource{s: sp}, words}
}

// bound computes the error of one test. For each component that holds exponents it applies the
// structured bound 3.2; the levels' errors add.
func (c *check) bound(in *instance, st setting) (*bound, error) {
	if st.weak {
		return c.weakBound(in, st)
	}
	if st.model == field.Q {
		return c.squareBound(in, st)
	}
	b := &bound{block: -1, cells: 1, c: 1}
	top := max(0, st.comps-2)
	a, p, err := c.runAnalysis(in, st, 0, -1, 0, st.comps > 1, nil)
	if err != nil {
		return nil, void(err)
	}
	dx, dz := c.degrees(p)
	logq := field.PoolLogQ(st.comps)
	total := math.Exp2(math.Log2(float64(dx)+1) - logq)
	var lower *exponents
	for comp := 0; comp <= top && st.comps > 1; comp++ {
		one := a
		if comp > 0 {
			if one, _, err = c.runAnalysis(in, st, comp, -1, 0, true, lower); err != nil {
				return nil, void(err)
			}
		}
		e, rel, err := c.structured(in, st, one, dz, logq, b, comp == top)
		if err != nil {
			return nil, void(err)
		}
		total += e
		lower = rel
	}
	b.log2 = math.Log2(total)
	b.hashed = len(a.hashed)
	if b.hashed > 1 {
		b.log2 += 2*math.Log2(float64(b.hashed)) - 1
	}
	b.log2 += domainBits(a.s.Obligations())
	if st.roots == field.AlgebraicRoots {
		b.roots = a.s.RootCount()
		b.log2 += 2 * float64(b.roots)
		if err := c.signs(in, st, b); err != nil {
			return nil, err
		}
	}
	if st.model == field.H {
		b.cells *= cellOfOrder(int(st.levels))
	}
	b.degree = dx + dz
	b.argDegree = 2 * int64(a.argDegree)
	return b, b.literals(c.literalBits(a.s), st.comps)
}

// degrees are D_x and D_z: the largest degrees of a cross-multiplied difference of two entries.
func (c *check) degrees(p *pairOf[dual]) (dx, dz int64) {
	see := func(x, y dual) {
		dx = max(dx, int64(x.nx)+int64(y.dx), int64(y.nx)+int64(x.dx))
		dz = max(dz, int64(x.nz)+int64(y.dz), int64(y.nz)+int64(x.dz))
	}
	for i, a := range p.outA {
		b := p.outB[c.m.outputs[i]]
		for k := range a.f {
			see(a.f[k], b.f[k])
		}
	}
	for _, m := range []map[*ugraph.Graph][]*tensor[dual]{p.accA, p.accB} {
		for _, ts := range m {
			for _, t := range ts {
				for k := range t.f {
					see(t.f[k], t.f[k])
				}
			}
		}
	}
	return dx, dz
}

// structured is bound 3.2 for the exponents in one component, of which one is an analysis, and how
// they depend on each other. A basis of the inner exponentials (those of the level below) joins the
// variables: they are uniform on half of the field's units, which doubles densities per variable.
func (c *check) structured(in *instance, st setting, one *analysis, dz int64, logq float64, b *bound, report bool) (float64, *exponents, error) {
	m, comp, lower := len(one.args), one.comp, one.lower
	if m == 0 {
		return 0, &exponents{c: 1}, nil
	}
	two, _, err := c.runAnalysis(in, st, comp, -1, len(poolSpread), true, lower)
	if err != nil {
		return 0, nil, err
	}
	if len(two.args) != m {
		return 0, nil, &errUndecided{"the exponentials differ from draw to draw"}
	}
	rel, err := relations(one, two)
	if err != nil {
		return 0, nil, err
	}
	dens, err := c.density(in, st, one, two, rel)
	if err != nil {
		return 0, nil, err
	}
	if report {
		b.terms, b.rank, b.c, b.block, b.curved = m, len(rel.basis), rel.c, dens.block, dens.curved
	}
	norm := (rel.c + rel.constant) * float64(max(1, dz))
	if math.Log2(norm) > logq-1 {
		return 0, nil, &errUndecided{"the error bound is void: the exponents' relations have too large coefficients"}
	}
	below := 0.0
	if lower != nil {
		below = lower.kappa
	}
	rel.kappa = below + dens.kappa
	return math.Exp2(math.Log2(2*norm)+rel.kappa-logq) + math.Exp2(below+dens.eps-logq), rel, nil
}

// maxExponents bounds the exponentials of an instance.
const maxExponents = 400

// poolSpread is as long as the step from one analysis point to the next that takes another chain.
var poolSpread = [3]struct{}{}

// relation of exponents: rank, basis and coefficients.
type exponents struct {
	basis    []int
	c        float64         // Δ·max Σ|c_ik|
	constant float64         // largest |constant|·denominator in the relations
	kappa    float64         // log2 of the density of the basis' exponentials, those of lower levels included
	expr     [][]coefficient // per exponent: its expression in the basis
}

// coefficient is num/den times a basis exponent, by its number; times 1 where basis is −1.
type coefficient struct {
	basis    int
	num, den int64
}

// everyVariable takes the derivatives by all variables.
func everyVariable(int32) bool { return true }

// jacobian is the Jacobian of the arguments of exponentials, along a few more directions than rows.
func (a *analysis) jacobian(isVariable func(kind int32) bool) ([][]uint64, error) {
	wanted := make([]int32, len(a.args))
	for i, x := range a.args {
		wanted[i] = x.d
	}
	rows := a.tape.jacobian(a.s.Prime(a.comp), a.dir, wanted, len(wanted)+4, isVariable)
	if rows == nil && len(wanted) > 0 {
		return nil, &errTooLarge{}
	}
	return rows, nil
}

// eliminator keeps a basis of derivative vectors in echelon form, each with its expression in the
// original vectors of the basis.
type eliminator struct {
	p     *field.Prime
	from  [][]uint64
	basis []int
	rows  [][]uint64
	exprs [][]uint64
	pivot []int
}

// reduce eliminates row i. It returns nil and extends the basis where the row is independent, else
// its coefficients in the basis.
func (e *eliminator) reduce(i int) []uint64 {
	p := e.p
	v := append([]uint64(nil), e.from[i]...)
	expr := make([]uint64, len(e.basis)+1) // v = row i − Σ expr·basis
	for j, row := range e.rows {
		f := v[e.pivot[j]]
		if f == 0 {
			continue
		}
		for t := range v {
			v[t] = p.Sub(v[t], p.Mul(f, row[t]))
		}
		for t, x := range e.exprs[j] {
			expr[t] = p.Add(expr[t], p.Mul(f, x))
		}
	}
	for t, x := range v {
		if x == 0 {
			continue
		}
		inv := p.Inv(x)
		for s := range v {
			v[s] = p.Mul(inv, v[s])
		}
		own := make([]uint64, len(e.basis)+1)
		for s := range e.basis {
			own[s] = p.Neg(p.Mul(inv, expr[s]))
		}
		own[len(e.basis)] = inv
		e.rows, e.exprs, e.pivot, e.basis = append(e.rows, v), append(e.exprs, own), append(e.pivot, t), append(e.basis, i)
		return nil
	}
	return expr[:len(e.basis)]
}

// errLongConstant asks for the reading in which literals are variables.
var errLongConstant = &errUndecided{"the error bound is void: an exponent has a constant without a short fraction"}

// dependency is a row of a Jacobian that is Σ num/den·(basis row).
type dependency struct {
	row      int
	num, den []int64 // per row of the basis
}

// dependencies finds a basis of the rows and the rational expression of every other row in it, which
// the rows at a second point, in another field, must confirm.
func dependencies(p, q *field.Prime, rows, rows2 [][]uint64) (basis []int, deps []dependency, err error) {
	e := &eliminator{p: p, from: rows}
	for i := range rows {
		expr := e.reduce(i)
		if expr == nil {
			continue
		}
		d := dependency{row: i, num: make([]int64, len(expr)), den: make([]int64, len(expr))}
		for k, x := range expr {
			var ok bool
			if d.num[k], d.den[k], ok = p.Fraction(x, 4096); !ok {
				return nil, nil, &errUndecided{"the error bound is void: exponents depend on each other with no small rational coefficients"}
			}
		}
		deps = append(deps, d)
	}
	for _, d := range deps {
		left := append([]uint64(nil), rows2[d.row]...)
		for k := range d.num {
			if d.num[k] == 0 {
				continue
			}
			x := q.Quotient(d.num[k], d.den[k])
			for t, y := range rows2[e.basis[k]] {
				left[t] = q.Sub(left[t], q.Mul(x, y))
			}
		}
		for _, y := range left {
			if y != 0 {
				return nil, nil, &errUndecided{"the error bound is void: a relation of exponents does not hold at a second point"}
			}
		}
	}
	return e.basis, deps, nil
}

// relations finds the rational relations among the exponents at the first point and confirms them,
// constants included, at the second, which lies in another chain of primes.
func relations(one, two *analysis) (*exponents, error) {
	rows, err := one.jacobian(everyVariable)
	if err != nil {
		return nil, err
	}
	rows2, err := two.jacobian(everyVariable)
	if err != nil {
		return nil, err
	}
	p, q := one.s.Prime(one.comp), two.s.Prime(two.comp)
	basis, deps, err := dependencies(p, q, rows, rows2)
	if err != nil {
		return nil, err
	}
	out := &exponents{c: 1, basis: basis, expr: make([][]coefficient, len(one.args))}
	for _, i := range basis {
		out.expr[i] = []coefficient{{i, 1, 1}}
	}
	den := int64(1)
	for _, d := range deps {
		rest, rest2 := one.args[d.row].v.C[one.comp], two.args[d.row].v.C[two.comp]
		sum := 0.0
		for k := range d.num {
			if d.num[k] == 0 {
				continue
			}
			i := basis[k]
			rest = p.Sub(rest, p.Mul(p.Quotient(d.num[k], d.den[k]), one.args[i].v.C[one.comp]))
			rest2 = q.Sub(rest2, q.Mul(q.Quotient(d.num[k], d.den[k]), two.args[i].v.C[two.comp]))
			sum += math.Abs(float64(d.num[k]) / float64(d.den[k]))
			den = lcm64(den, d.den[k])
			out.expr[d.row] = append(out.expr[d.row], coefficient{i, d.num[k], d.den[k]})
		}
		cnum, cden, ok := p.Fraction(rest, 1<<29)
		if !ok {
			return nil, errLongConstant
		}
		if rest2 != q.Quotient(cnum, cden) { // at the first point it was one by chance
			return nil, errLongConstant
		}
		if cnum != 0 {
			out.expr[d.row] = append(out.expr[d.row], coefficient{-1, cnum, cden})
		}
		out.c = max(out.c, sum)
		out.constant = max(out.constant, math.Abs(float64(cnum))*float64(cden))
	}
	out.c *= float64(den)
	out.constant *= float64(den)
	return out, nil
}

func lcm64(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	if r := a / x; r < 1<<40 {
		return r * b
	}
	return 1 << 50
}

// cellOfOrder is the least probability of a weak order of n elements whose ranks are drawn from n
// levels: strict orders have n^−n each, coarser ones more.
func cellOfOrder(n int) float64 { return math.Pow(float64(max(n, 1)), -float64(max(n, 1))) }

// signs accounts for square roots whose arguments depend on each other modulo squares: a draw that
// makes them squares does not fix the sign of the root's rational factor (theory 3.4). The square
// classes over 128 unconditioned draws have an F_2-rank ρ; each of the N − ρ dependent arguments
// halves the share of draws that meet a given sign.
func (c *check) signs(in *instance, st setting, b *bound) error {
	const draws = 128
	var classes [][2]uint64 // per evaluation of a root: the class of its argument in each draw
	var residues [][draws]uint64
	for d := range draws {
		a, p, err := c.runAnalysis(in, st, 0, -1, 1000+d, false, nil)
		if err != nil {
			return err
		}
		if err := confined(a.s, p); err != nil {
			return err
		}
		if calls := a.s.RootCalls; d == 0 {
			classes, residues = make([][2]uint64, len(calls)), make([][draws]uint64, len(calls))
		} else if len(calls) != len(classes) {
			return &errUndecided{"the square roots of two draws are not the same ones"}
		}
		for i, call := range a.s.RootCalls {
			if residues[i][d] = call.Residue; !call.Square {
				classes[i][d/64] |= 1 << (d % 64)
			}
		}
	}
	var rows [][2]uint64 // per argument: those that are equal in every draw are one
	seen := map[[draws]uint64]bool{}
	for i, r := range residues {
		if !seen[r] {
			seen[r] = true
			rows = append(rows, classes[i])
		}
	}
	if n := len(rows) - rankF2(rows); n > 0 {
		b.cells *= math.Exp2(-float64(n))
	}
	return nil
}

// confined refuses algebraic roots where an entry of the program is defined at inputs that are not drawn: they
// confine the inputs to those at which the arguments of all roots are squares, which for one that may be negative must be a
// condition of the entry itself. p is an unconditioned evaluation with one position on axes that nothing mixes: arguments at
// others are copies of an entry's own, for which its own inputs would do.
func confined(s *field.Space, p *pairOf[dual]) error {
	for _, a := range p.outA {
		for k := range elements(a.shape) {
			domain := int32(0)
			if a.f != nil {
				if a.f[k].v.Kind == field.Undef {
					continue
				}
				domain = a.f[k].v.Domain
			}
			if s.Confined(domain) {
				return &errUndecided{"the square root of a value of unknown sign confines the inputs of an output for which the program does not take it"}
			}
		}
	}
	return nil
}

// rankF2 is the rank of vectors of 128 bits.
func rankF2(rows [][2]uint64) int {
	var basis [][2]uint64
	for _, v := range rows {
		for _, w := range basis {
			if x := [2]uint64{v[0] ^ w[0], v[1] ^ w[1]}; less128(x, v) {
				v = x
			}
		}
		if v != ([2]uint64{}) {
			basis = append(basis, v)
		}
	}
	return len(basis)
}

func less128(a, b [2]uint64) bool { return a[1] < b[1] || a[1] == b[1] && a[0] < b[0] }
