package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// dual is a value with what the error bounds need to know of it (theory 3.2): degrees of numerator
// and denominator in inputs (x) and in exponentials (z), degrees in one block of inputs U, and the
// derivative in the component of exponents.
type dual struct {
	v              field.Value
	nx, dx, nz, dz int32
	nu, du         int32
	d              int32     // derivative: an entry of the tape, 0 for the zero derivative
	q              *quotient // its exponential monomials, where they are asked for; nil: a constant
}

// analysis evaluates graphs over duals. It lists the arguments of all exponentials.
type analysis struct {
	fieldAlgebra
	comp  int              // the component of exponents
	tape  *tape            // nil: derivatives are not asked for
	args  []dual           // distinct arguments of exponentials
	seen  map[uint64]bool  // their keys
	fresh map[uint64]int32 // variables' entries of the tape
	block int              // the input whose degrees are counted, maxima with it; −1: none
	dir   field.Key        // of the directions of derivatives
	over  bool
	lower *exponents     // the exponents one level lower: how inner exponentials depend on each other; nil: none
	inner map[uint64]int // residue of an inner exponent → its number in lower
	basis map[int]int32  // number of a basis exponent of lower → its entry of the tape
	most  int            // more exponents than these make the bound void: the evaluation stops; 0: no limit

	argDegree int32 // the greatest degree of an argument's numerator and denominator together

	hashed  map[uint64]bool // what was hashed: opaque values, arguments of maxima
	sparse  *sparse         // counts exponential monomials; nil: they are not asked for
	squares *squares        // lists compared differences; nil: they are not asked for
}

func newAnalysis(s *field.Space, comp, block int, derivatives bool) *analysis {
	a := &analysis{fieldAlgebra: fieldAlgebra{s}, comp: comp, block: block, seen: map[uint64]bool{}, hashed: map[uint64]bool{}, fresh: map[uint64]int32{}}
	if derivatives {
		a.tape, a.inner, a.basis = &tape{}, map[uint64]int{}, map[int]int32{}
	}
	return a
}

// err is the first operation without meaning, or that there are too many exponentials.
func (a *analysis) err() error {
	if a.most > 0 && len(a.args) > a.most {
		return &errUndecided{fmt.Sprintf("the error bound is void: more than %d exponentials in one instance", a.most)}
	}
	if a.sparse != nil && a.sparse.over {
		return &errUndecided{"the weak bound is void: too many exponential monomials"}
	}
	return a.fieldAlgebra.err()
}

// entry opens an entry of the tape; 0 where none is wanted or the tape is full.
func (a *analysis) entry(l leaf) int32 {
	if a.tape == nil {
		return 0
	}
	if a.tape.full() {
		a.over = true
		return 0
	}
	return a.tape.begin(l)
}

// combine is x·du + y·dv in the component of exponents.
func (a *analysis) combine(x uint64, du int32, y uint64, dv int32) int32 {
	if (du == 0 || x == 0) && (dv == 0 || y == 0) {
		return 0
	}
	r := a.entry(leaf{kind: notLeaf})
	if r != 0 {
		a.tape.term(x, du)
		a.tape.term(y, dv)
	}
	return r
}

func (a *analysis) one() uint64 { return a.s.Int(1).C[a.comp] }

// maxDegree is what degrees are capped at; it makes every bound void.
const maxDegree = 1 << 28

func capped(n int32) int32 { return min(n, maxDegree) }

func (a *analysis) constant(v field.Value) dual { return dual{v: v} }

func (a *analysis) lit(n ugraph.Number) dual {
	v := a.fieldAlgebra.lit(n)
	r := n.Rat()
	switch {
	case n.IsInf() != 0 || !a.s.Symbol(r):
		return a.constant(v)
	case r.Sign() < 0:
		return a.negate(a.lit(n.Neg()))
	}
	return a.variable(v, a.s.Key(v), leafOther)
}

func (a *analysis) integer(n int64) dual { return a.constant(a.s.Int(n)) }

// datum is constant to all exponents, but a difference of outputs is a polynomial in it.
func (a *analysis) datum(n int64) dual { return dual{v: a.s.Int(n), nx: 1} }

// variable is a value that is a variable of its own: an input, an opaque value, a maximum.
func (a *analysis) variable(v field.Value, key uint64, kind int32) dual {
	x := dual{v: v, nx: 1}
	// Maxima may join a block U: arguments of exponentials have them linearly.
	if a.block >= 0 && (kind == int32(a.block) || kind == leafMax) {
		x.nu = 1
	}
	if a.sparse != nil {
		x.q = a.sparse.variable(key)
	}
	if a.tape == nil {
		return x
	}
	d, ok := a.fresh[key]
	if !ok {
		d = a.entry(leaf{key, kind})
		a.fresh[key] = d
	}
	x.d = d
	return x
}

// opaqueValue is the result of an opaque function of x.
func (a *analysis) opaqueValue(v field.Value) dual {
	if v.IsTag() {
		return dual{v: v}
	}
	k := a.s.Key(v)
	a.hashed[k] = true
	a.squares.refuse("an opaque function")
	return a.variable(v, k, leafOpaque)
}

func (a *analysis) addDeg(x, y dual) dual {
	return dual{
		nx: capped(max(x.nx+y.dx, y.nx+x.dx)), dx: capped(x.dx + y.dx),
		nz: capped(max(x.nz+y.dz, y.nz+x.dz)), dz: capped(x.dz + y.dz),
		nu: capped(max(x.nu+y.du, y.nu+x.du)), du: capped(x.du + y.du),
	}
}

func (a *analysis) mulDeg(x, y dual) dual {
	return dual{nx: capped(x.nx + y.nx), dx: capped(x.dx + y.dx), nz: capped(x.nz + y.nz), dz: capped(x.dz + y.dz), nu: capped(x.nu + y.nu), du: capped(x.du + y.du)}
}

func inverse(x dual) dual {
	return dual{nx: x.dx, dx: x.nx, nz: x.dz, dz: x.nz, nu: x.du, du: x.nu}
}

// isZero tells whether a value is an exact 0, of degree 0. A sum of exponentials that happens to vanish is not.
func isZero(x dual) bool {
	return x.q == nil && x.v.Kind == field.Ord && x.v.C == [field.MaxComponents]uint64{} && x.nx == 0 && x.dx == 0
}

// epsilon is exp of a value in either form, with the bookkeeping of ε.
func (a *analysis) epsilon(x dual) dual {
	if x.v.Kind == field.LogOf {
		x.v.Kind = field.Ord
		return x
	}
	return a.exp(x)
}

func (a *analysis) add(x, y dual) dual {
	v := a.s.Add(x.v, y.v)
	if v.IsTag() {
		return dual{v: v}
	}
	if v.Kind == field.LogOf {
		p := a.mul(a.epsilon(x), a.epsilon(y))
		p.v = v
		return p
	}
	if isZero(x) && x.d == 0 {
		return y
	}
	if isZero(y) && y.d == 0 {
		return x
	}
	r := a.addDeg(x, y)
	r.v = v
	r.d = a.combine(a.one(), x.d, a.one(), y.d)
	if s := a.sparse; s != nil {
		r.q = s.add(s.of(&x), s.of(&y))
	}
	return r
}

func (a *analysis) sub(x, y dual) dual { return a.add(x, a.negate(y)) }

func (a *analysis) negate(x dual) dual {
	v := a.s.Neg(x.v)
	if v.IsTag() {
		return dual{v: v}
	}
	if v.Kind == field.LogOf {
		r := inverse(x)
		r.v = v
		if s := a.sparse; s != nil {
			r.q = s.div(&quotient{num: []term{{}}}, s.of(&x), x.v)
		}
		return r
	}
	d := x.d
	if d != 0 {
		d = a.combine(a.s.Prime(a.comp).Neg(a.one()), d, 0, 0)
	}
	// The negative of a maximum is still that maximum to other maxima: the value says so.
	x.v, x.d = v, d
	return x
}

func (a *analysis) mul(x, y dual) dual {
	v := a.s.Mul(x.v, y.v)
	if v.IsTag() {
		return dual{v: v}
	}
	if isZero(x) || isZero(y) {
		return dual{v: v}
	}
	if x.v.Kind == field.LogOf || y.v.Kind == field.LogOf {
		if v.Kind == field.LogOf { // an integer multiple, at most 64
			if x.v.Kind != field.LogOf {
				x = y
			}
			if a.sparse != nil {
				a.sparse.over = true
			}
			return dual{v: v, nx: capped(64 * max(x.nx, x.dx)), dx: capped(64 * max(x.nx, x.dx)), nz: capped(64 * max(x.nz, x.dz)), dz: capped(64 * max(x.nz, x.dz)), nu: capped(64 * max(x.nu, x.du)), du: capped(64 * x.du)}
		}
		x, y = a.plain(x), a.plain(y)
	}
	r := a.mulDeg(x, y)
	r.v = v
	r.d = a.combine(y.v.C[a.comp], x.d, x.v.C[a.comp], y.d)
	if s := a.sparse; s != nil {
		r.q = s.mul(s.of(&x), s.of(&y))
	}
	return r
}

func (a *analysis) plain(x dual) dual {
	if x.v.Kind != field.LogOf {
		return x
	}
	a.hash(x)
	return a.opaqueValue(a.s.Plain(x.v))
}

// hash lists what is hashed, for the error of coincidences under bound 3.1.
func (a *analysis) hash(x dual) {
	if s := a.sparse; s != nil && !x.v.IsTag() && !s.hashedSeen[a.s.Key(x.v)] {
		s.hashedSeen[a.s.Key(x.v)] = true
		s.hashed = append(s.hashed, x)
	}
}

// ask lists a value of which an operator asked a condition that its sign does not meet.
func (a *analysis) ask(before int, x dual) {
	if a.sparse != nil && a.s.Obligations() > before {
		a.sparse.asked = append(a.sparse.asked, x)
	}
}

func (a *analysis) div(x, y dual) dual {
	before := a.s.Obligations()
	v := a.s.Div(x.v, y.v)
	a.ask(before, y)
	if v.IsTag() {
		return dual{v: v}
	}
	if x.v.IsTag() || y.v.IsTag() || isZero(x) {
		return dual{v: v}
	}
	x, y = a.plain(x), a.plain(y)
	r := a.mulDeg(x, inverse(y))
	r.v = v
	p := a.s.Prime(a.comp)
	if yc := y.v.C[a.comp]; yc != 0 && (x.d != 0 || y.d != 0) {
		inv := p.Inv(yc)
		r.d = a.combine(inv, x.d, p.Neg(p.Mul(v.C[a.comp], inv)), y.d)
	}
	if s := a.sparse; s != nil {
		r.q = s.div(s.of(&x), s.of(&y), y.v)
		s.degree = max(s.degree, y.nx+y.dx)
	}
	return r
}

func (a *analysis) weigh(w, x dual) dual {
	if x.v.IsTag() {
		return x
	}
	return a.mul(w, a.plain(x))
}

// exp records its argument; in the component of exponents an exponential depends on the draws of the
// components below and on ω alone.
func (a *analysis) exp(x dual) dual {
	v := a.s.Exp(x.v)
	if v.IsTag() {
		return dual{v: v}
	}
	if x.v.Kind != field.Ord {
		if x.v.Kind == field.LogOf {
			x.v = v
			return x
		}
		return dual{v: v} // exp −∞
	}
	if isZero(x) {
		return dual{v: v}
	}
	a.argDegree = max(a.argDegree, x.nx+x.dx)
	if x.v.Mask>>a.comp&1 != 0 {
		k := x.v.C[a.comp]
		if !a.seen[k] {
			a.seen[k] = true
			a.args = append(a.args, x)
		}
	}
	return dual{v: v, nz: 1, d: a.innerDerivative(x.v, v), q: a.exponential(&x)}
}

// exponential is the exponential monomial of exp x; where the component of exponents lacks x, which
// happens to values that the components above do not see as exponents either, a variable.
func (a *analysis) exponential(x *dual) *quotient {
	s := a.sparse
	if s == nil {
		return nil
	}
	if k := x.v.C[s.top]; x.v.Mask>>s.top&1 != 0 && !s.aboveSeen[k] {
		s.aboveSeen[k] = true
		s.above = append(s.above, *x)
	}
	if x.v.Mask>>a.comp&1 == 0 {
		return s.variable(a.s.Key(x.v))
	}
	return s.exponential(x.v.C[a.comp])
}

// innerDerivative is the derivative of v = exp x in the component of exponents. The exponents x of the
// level below are Σ c_k t_k + c_0 in a basis whose ω^(t_k/Δ) are independent and uniform, and ω
// itself beside them: so v = Π ω^(c_k·t_k)·ω^(c_0) has the logarithmic derivative Σ c_k dλ_k + c_0 dλ_0.
func (a *analysis) innerDerivative(x, v field.Value) int32 {
	if a.lower == nil || a.tape == nil || x.Mask>>(a.comp-1)&1 == 0 || v.Mask>>a.comp&1 == 0 {
		return 0
	}
	i, ok := a.inner[x.C[a.comp-1]]
	if !ok {
		i = len(a.inner)
		a.inner[x.C[a.comp-1]] = i
	}
	if i >= len(a.lower.expr) {
		a.over = true
		return 0
	}
	var vars []int32
	for _, c := range a.lower.expr[i] {
		d, ok := a.basis[c.basis]
		if !ok {
			d = a.entry(leaf{key: innerDomain ^ uint64(c.basis+1), kind: leafInner})
			a.basis[c.basis] = d
		}
		vars = append(vars, d)
	}
	r := a.entry(leaf{kind: notLeaf})
	if r == 0 {
		return 0
	}
	p := a.s.Prime(a.comp)
	for k, c := range a.lower.expr[i] {
		a.tape.term(p.Mul(v.C[a.comp], p.Quotient(c.num, c.den)), vars[k])
	}
	return r
}

const innerDomain = 0x696e6e6572206578

func (a *analysis) log(x dual) dual {
	before := a.s.Obligations()
	v := a.s.Log(x.v)
	if v.IsTag() {
		return dual{v: v}
	}
	a.ask(before, x)
	a.hash(x)
	x = a.plain(x)
	x.v = v
	a.squares.refuse("a logarithm")
	a.hashed[a.s.Key(v)] = true
	return x
}

func (a *analysis) sqrt(x dual) dual {
	before := a.s.Obligations()
	v := a.s.Sqrt(x.v)
	a.ask(before, x)
	if v.IsTag() || isZero(x) {
		return dual{v: v}
	}
	a.hash(x)
	if a.s.Roots == field.OpaqueRoots {
		return a.opaqueValue(v)
	}
	x = a.plain(x)
	r := dual{v: v, nx: x.nx, dx: x.dx, nz: x.nz, dz: x.dz, nu: 2 * x.nu, du: 2 * x.du}
	if vc := v.C[a.comp]; vc != 0 && x.d != 0 {
		p := a.s.Prime(a.comp)
		r.d = a.combine(p.Inv(p.Add(vc, vc)), x.d, 0, 0)
	}
	return r
}

func (a *analysis) unary(op ugraph.Op, attrs ugraph.Attrs, x dual) dual {
	if op == ugraph.OpNeg {
		return a.negate(x)
	}
	return unaryFunction[dual](a, op, attrs, x)
}

func (a *analysis) opaque(name string, x dual) dual {
	a.hash(x)
	return a.opaqueValue(a.s.Opaque(name, x.v))
}

func (a *analysis) opaqueOdd(name string, x dual) dual {
	a.hash(x)
	return a.opaqueValue(a.s.OpaqueOdd(name, x.v))
}

func (a *analysis) pow(x dual, e ugraph.Number) dual { return powFunction[dual](a, x, e) }

func (a *analysis) sinCos(x dual) (sin, cos dual) {
	s, c := a.s.SinCos(x.v)
	if s.IsTag() {
		return dual{v: s}, dual{v: c}
	}
	a.hash(x)
	// Both are quotients of degree 2 in t; as variables of their own they would be too free, so
	// their derivatives are those of t, up to a factor that the directions absorb for the sine.
	ds, dc := a.opaqueValue(s), a.opaqueValue(c)
	ds.nx, ds.dx, dc.nx, dc.dx = 2, 2, 2, 2
	ds.q, dc.q = nil, nil // t is not among the variables of which monomials are kept
	return ds, dc
}

func (a *analysis) max(xs []dual) dual {
	vs := make([]field.Value, len(xs))
	for i, x := range xs {
		vs[i] = x.v
		if !x.v.IsTag() {
			a.hashed[a.s.Key(x.v)] = true
			a.hash(x)
		}
	}
	v := a.s.Max(vs...)
	if v.IsTag() {
		return dual{v: v}
	}
	if a.squares != nil {
		a.squares.compare(a, xs, v)
	}
	if a.s.IsSet(v) {
		k := a.s.Key(v)
		a.hashed[k] = true
		return a.variable(v, k, leafMax)
	}
	for _, x := range xs {
		if x.v.Same(v) {
			return x
		}
	}
	return a.opaqueValue(v)
}

func (a *analysis) min(xs []dual) dual {
	ns := make([]dual, len(xs))
	for i, x := range xs {
		ns[i] = a.negate(x)
	}
	return a.negate(a.max(ns))
}

func (a *analysis) cmp(x, y dual) (int, bool) { return a.s.Cmp(x.v, y.v) }

func (a *analysis) dot(x []dual, sx int, y []dual, sy int, n int) dual {
	ordinary := true
	for i := range n {
		ordinary = ordinary && x[i*sx].v.Kind == field.Ord && y[i*sy].v.Kind == field.Ord
	}
	if !ordinary {
		r := a.mul(x[0], y[0])
		for i := 1; i < n; i++ {
			r = a.add(r, a.mul(x[i*sx], y[i*sy]))
		}
		return r
	}
	var r dual
	any := false
	v := a.s.Mul(x[0].v, y[0].v)
	for i := range n {
		p, q := &x[i*sx], &y[i*sy]
		if i > 0 {
			v = a.s.Add(v, a.s.Mul(p.v, q.v))
		}
		any = any || p.d != 0 || q.d != 0
		if t := a.mulDeg(*p, *q); !isZero(*p) && !isZero(*q) {
			r = a.addDeg(r, t)
		}
	}
	r.v = v
	if s := a.sparse; s != nil {
		sum := &quotient{}
		for i := range n {
			if p, q := &x[i*sx], &y[i*sy]; !isZero(*p) && !isZero(*q) {
				sum = s.add(sum, s.mul(s.of(p), s.of(q)))
			}
		}
		r.q = sum
	}
	if !any {
		return r
	}
	if r.d = a.entry(leaf{kind: notLeaf}); r.d == 0 {
		return r
	}
	for i := range n {
		a.tape.term(y[i*sy].v.C[a.comp], x[i*sx].d)
		a.tape.term(x[i*sx].v.C[a.comp], y[i*sy].d)
	}
	return r
}

func (a *analysis) narrow(to ugraph.DType, x dual) dual {
	if to != ugraph.F8E4M3 {
		return x
	}
	return a.opaque("cast to "+to.String(), x)
}

func (a *analysis) store(ugraph.DType, *tensor[dual]) {}

func (a *analysis) invSqrt(n int64) dual { return invSqrtFunction[dual](a, n) }

func (a *analysis) same(x, y dual) bool { return x.v.Same(y.v) }

// dualSource draws the same inputs as fieldSource, as variables.
type dualSource struct {
	a     *analysis
	from  *fieldSource
	words field.Key // of integers: the same at every point
}

func (s dualSource) input(name string, index int) dual {
	v := s.from.input(name, index)
	return s.a.variable(v, s.a.s.Key(v), inputNumber(name))
}

func (s dualSource) word(name string, index int) uint64 {
	k := s.words.Label(name)
	return k.Word(uint64(index), 1)
}
