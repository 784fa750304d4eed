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
	log2   float64 // of the error of one test; 0 or more is void
	cells  float64 // probability that a test meets a given cell of an order or of Boolean inputs; 1 where there are none
	terms  int     // arguments of exponentials
	rank   int
	c      float64 // the C of 3.2
	block  int     // the input in which all arguments are affine, −1: none
	hashed int
	roots  int
}

// maxTests bounds the tests of a verification.
const maxTests = 4096

// tests is the number of tests that the allowed error needs.
func (b *bound) tests(opt Options) (int, error) {
	want := -opt.ErrorLog2 + 3 // up to eight readings may be tried
	if b.log2 > -0.25 {
		return 0, &errUndecided{fmt.Sprintf("the error bound is void (2^%.1f for one test)", b.log2)}
	}
	n := max(2, math.Ceil(want/-b.log2))
	if b.cells < 1 {
		// Log1p: for cells below 2^-53 the difference 1 − cells would be 1, and no test too few.
		n = max(n, math.Ceil(want*math.Ln2/-math.Log1p(-b.cells)))
	}
	if n > maxTests {
		return 0, &errUndecided{fmt.Sprintf("%.0f tests would be needed, more than %d", n, maxTests)}
	}
	return int(n), nil
}

// analysisTest is the number of the draws that serve the bounds; tests count from 0.
const analysisTest = 1 << 20

// runAnalysis evaluates both graphs over duals: exponents are those of component comp, degrees those in
// one input (block), derivatives are taped on demand.
func (c *check) runAnalysis(in *instance, st setting, comp, block, point int, derivatives bool) (*analysis, *pairOf[dual], error) {
	for try := 0; ; try++ {
		key := c.key.Derive(analysisTest+uint64(point), uint64(try))
		sp := field.NewSpace(field.PoolChain(point, st.comps), st.comps, key, st.model, st.roots)
		sp.OrderLevels = max(1, st.levels)
		sp.Unconditioned = st.roots == field.AlgebraicRoots
		a := newAnalysis(sp, comp, block, derivatives)
		if derivatives {
			a.most = maxExponents
		}
		a.dir = key.Label("directions")
		p, err := evaluateBoth[dual](c, a, in, st, dualSource{a, &fieldSource{s: sp}})
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

// bound computes the error of one test. For each component that holds exponents it applies the
// structured bound 3.2; the levels' errors add.
func (c *check) bound(in *instance, st setting) (*bound, error) {
	b := &bound{block: -1, cells: 1, c: 1}
	top := max(0, st.comps-2)
	a, p, err := c.runAnalysis(in, st, top, -1, 0, st.comps > 1)
	if err != nil {
		return nil, err
	}
	dx, dz := c.degrees(p)
	logq := field.PoolChain(0, st.comps).LogQ()
	total := math.Exp2(math.Log2(float64(dx)+1) - logq)
	if st.comps > 1 {
		for comp := top; comp >= 0; comp-- {
			one := a
			if comp != top {
				if one, _, err = c.runAnalysis(in, st, comp, -1, 0, true); err != nil {
					return nil, err
				}
			}
			e, err := c.structured(in, st, one, dz, logq, b, comp == top)
			if err != nil {
				return nil, err
			}
			total += e
		}
	}
	b.log2 = math.Log2(total)
	b.hashed = len(a.hashed)
	if b.hashed > 1 {
		b.log2 += 2*math.Log2(float64(b.hashed)) - 1
	}
	if st.roots == field.AlgebraicRoots {
		b.roots = a.s.RootCount()
		b.log2 += 2 * float64(b.roots)
		if err := c.signs(in, st, b); err != nil {
			return nil, err
		}
	}
	if st.model == field.H {
		b.cells = min(b.cells, cellOfOrder(a.s.Compared()))
	}
	for _, i := range c.a.Inputs {
		if c.a.Value(i.Value).DType == ugraph.Bool {
			b.cells = min(b.cells, 0.5)
		}
	}
	return b, nil
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

// structured is bound 3.2 for the exponents in one component, of which one is an analysis.
func (c *check) structured(in *instance, st setting, one *analysis, dz int64, logq float64, b *bound, report bool) (float64, error) {
	m, comp := len(one.args), one.comp
	if m == 0 {
		return 0, nil
	}
	two, _, err := c.runAnalysis(in, st, comp, -1, len(poolSpread), true)
	if err != nil {
		return 0, err
	}
	if len(two.args) != m {
		return 0, &errUndecided{"the exponentials differ from draw to draw"}
	}
	rel, err := relations(one, two)
	if err != nil {
		return 0, err
	}
	delta := int32(1)
	for _, i := range rel.basis {
		delta = max(delta, one.args[i].nx+one.args[i].dx)
	}
	r := float64(len(rel.basis))
	block := -1
	for i := range c.a.Inputs {
		if !c.a.Value(c.a.Inputs[i].Value).DType.IsFloat() {
			continue
		}
		if rank, err := rankOf(one, int32(i)); err != nil {
			return 0, err
		} else if rank != len(rel.basis) {
			continue
		}
		u, _, err := c.runAnalysis(in, st, comp, i, 0, false)
		if err != nil {
			return 0, err
		}
		affine := len(u.args) == m
		for _, x := range u.args {
			affine = affine && x.du == 0 && x.nu <= 1
		}
		if affine {
			block = i
			break
		}
	}
	if report {
		b.terms, b.rank, b.c, b.block = m, len(rel.basis), rel.c, block
	}
	norm := (rel.c + rel.constant) * float64(max(1, dz))
	if math.Log2(norm) > logq-1 {
		return 0, &errUndecided{"the error bound is void: the exponents' relations have too large coefficients"}
	}
	if block >= 0 {
		return math.Exp2(math.Log2(2*norm)-logq) + r*float64(delta)*math.Exp2(-logq), nil
	}
	return math.Exp2(math.Log2(2*norm)+r*math.Log2(float64(delta))-logq) + 2*r*float64(delta)*math.Exp2(-logq), nil
}

// maxExponents bounds the exponentials of an instance.
const maxExponents = 400

// poolSpread is as long as the step from one analysis point to the next that takes another chain.
var poolSpread = [3]struct{}{}

// relation of exponents: rank, basis and coefficients.
type exponents struct {
	basis    []int
	c        float64 // Δ·max Σ|c_ik|
	constant float64 // largest |constant|·denominator in the relations
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

// rankOf is the rank of the Jacobian by the entries of one input and the maxima.
func rankOf(a *analysis, input int32) (int, error) {
	rows, err := a.jacobian(func(kind int32) bool { return kind == input || kind == leafMax })
	if err != nil {
		return 0, err
	}
	e := &eliminator{p: a.s.Prime(a.comp), from: rows}
	for i := range rows {
		e.reduce(i)
	}
	return len(e.basis), nil
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
	e := &eliminator{p: one.s.Prime(one.comp), from: rows}
	out := &exponents{c: 1}
	den := int64(1)
	type relation struct {
		row  int
		num  []int64
		den  []int64
		cnum int64
		cden int64
	}
	var rels []relation
	p := e.p
	for i := range one.args {
		expr := e.reduce(i)
		if expr == nil {
			continue
		}
		r := relation{row: i, num: make([]int64, len(expr)), den: make([]int64, len(expr))}
		rest := one.args[i].v.C[one.comp]
		for k, x := range expr {
			var ok bool
			if r.num[k], r.den[k], ok = rational(p, x, 4096); !ok {
				return nil, &errUndecided{"the error bound is void: exponents depend on each other with no small rational coefficients"}
			}
			den = lcm64(den, r.den[k])
			rest = p.Sub(rest, p.Mul(x, one.args[e.basis[k]].v.C[one.comp]))
		}
		var ok bool
		if r.cnum, r.cden, ok = rational(p, rest, 1<<29); !ok {
			return nil, &errUndecided{"the error bound is void: an exponent has a constant without a short fraction"}
		}
		rels = append(rels, r)
	}
	out.basis = e.basis
	q := two.s.Prime(two.comp)
	for _, r := range rels {
		left := append([]uint64(nil), rows2[r.row]...)
		rest := two.args[r.row].v.C[two.comp]
		sum := 0.0
		for k := range r.num {
			if r.num[k] == 0 {
				continue
			}
			x := fraction(q, r.num[k], r.den[k])
			for t, d := range rows2[e.basis[k]] {
				left[t] = q.Sub(left[t], q.Mul(x, d))
			}
			rest = q.Sub(rest, q.Mul(x, two.args[e.basis[k]].v.C[two.comp]))
			sum += math.Abs(float64(r.num[k]) / float64(r.den[k]))
		}
		for _, d := range left {
			if d != 0 {
				return nil, &errUndecided{"the error bound is void: a relation of exponents does not hold at a second point"}
			}
		}
		if rest != fraction(q, r.cnum, r.cden) {
			return nil, &errUndecided{"the error bound is void: the constant of a relation differs at a second point"}
		}
		out.c = max(out.c, sum)
		out.constant = max(out.constant, math.Abs(float64(r.cnum))*float64(r.cden))
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

func fraction(p *field.Prime, num, den int64) uint64 {
	n := uint64(num)
	if num < 0 {
		n = uint64(-num)
	}
	x := p.Mul(p.In(n), p.Inv(p.In(uint64(den))))
	if num < 0 {
		return p.Neg(x)
	}
	return x
}

// rational finds the fraction with numerator and denominator of at most limit that a residue is
// (Wang 1981, by the extended Euclidean algorithm).
func rational(p *field.Prime, residue uint64, limit int64) (num, den int64, ok bool) {
	x := p.Out(residue)
	if x == 0 {
		return 0, 1, true
	}
	r0, r1 := p.P, x
	var s0, s1 int64 = 0, 1
	for r1 > uint64(limit) {
		q := r0 / r1
		r0, r1 = r1, r0-q*r1
		if q > uint64(limit)*2 {
			return 0, 0, false
		}
		s0, s1 = s1, s0-int64(q)*s1
		if s1 > 2*limit || s1 < -2*limit {
			return 0, 0, false
		}
	}
	num, den = int64(r1), s1
	if den < 0 {
		num, den = -num, -den
	}
	if den == 0 || den > limit || fraction(p, num, den) != residue {
		return 0, 0, false
	}
	return num, den, true
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
	var rows [][2]uint64 // per argument: its class in each draw
	for d := range draws {
		a, _, err := c.runAnalysis(in, st, 0, -1, 1000+d, false)
		if err != nil {
			return err
		}
		for i, sq := range a.s.RootClasses() {
			if i >= len(rows) {
				rows = append(rows, [2]uint64{})
			}
			if !sq {
				rows[i][d/64] |= 1 << (d % 64)
			}
		}
	}
	rank := 0
	var basis [][2]uint64
	for _, v := range rows {
		for _, w := range basis {
			if x := [2]uint64{v[0] ^ w[0], v[1] ^ w[1]}; less128(x, v) {
				v = x
			}
		}
		if v != ([2]uint64{}) {
			basis = append(basis, v)
			rank++
		}
	}
	if n := len(rows) - rank; n > 0 {
		b.cells = math.Exp2(-float64(n))
	}
	return nil
}

func less128(a, b [2]uint64) bool { return a[1] < b[1] || a[1] == b[1] && a[0] < b[0] }
