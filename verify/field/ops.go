package field

// Add is a + b: tags absorb, log forms multiply their ε.
func (s *Space) Add(a, b Value) Value {
	if a.Kind|b.Kind != Ord {
		return s.addForms(a, b)
	}
	v := Value{Mask: a.Mask & b.Mask}
	if v.Mask == 0 {
		return s.noComponent()
	}
	for i := range s.N {
		v.C[i] = s.Chain.Pr[i].Add(a.C[i], b.C[i])
	}
	v.Sign = signOfSum(&a, a.Sign, &b, b.Sign)
	if a.Number && b.Number {
		v.number(int64(a.N) + int64(b.N))
	}
	s.inherit(&v, &a, &b)
	return v
}

func (s *Space) noComponent() Value {
	return s.fail(&Unsupported{"exponentials are nested deeper than the chain of primes"})
}

func (s *Space) addForms(a, b Value) Value {
	switch {
	case a.Kind == Undef || b.Kind == Undef:
		return Value{Kind: Undef}
	case a.IsTag() && b.IsTag():
		if a.Kind == b.Kind {
			return a
		}
		return Value{Kind: Undef}
	case a.IsTag():
		s.inherit(&a, &a, &b)
		return a
	case b.IsTag():
		s.inherit(&b, &a, &b)
		return b
	}
	v := s.mulResidues(s.epsilon(a), s.epsilon(b))
	v.Kind = LogOf
	v.Sign = Unsigned
	return v
}

// epsilon is exp of a value that is not a tag, as an ordinary value.
func (s *Space) epsilon(v Value) Value {
	if v.Kind == LogOf {
		v.Kind, v.Sign = Ord, Positive
		return v
	}
	return s.Exp(v)
}

// Neg is −a.
func (s *Space) Neg(a Value) Value {
	switch a.Kind {
	case Undef:
		return a
	case NegInf:
		return Infinity(1)
	case PosInf:
		return Infinity(-1)
	case LogOf:
		for i := range s.N {
			if a.Mask>>i&1 != 0 {
				a.C[i] = s.Chain.Pr[i].Inv(a.C[i])
			}
		}
		return a
	}
	for i := range s.N {
		a.C[i] = s.Chain.Pr[i].Neg(a.C[i])
	}
	a.Sign = -a.Sign
	if a.Number {
		n := -int64(a.N)
		a.Number = false
		a.number(n)
	}
	return a
}

// Sub is a − b.
func (s *Space) Sub(a, b Value) Value {
	if a.Kind|b.Kind != Ord {
		return s.addForms(a, s.Neg(b))
	}
	v := Value{Mask: a.Mask & b.Mask}
	if v.Mask == 0 {
		return s.noComponent()
	}
	for i := range s.N {
		v.C[i] = s.Chain.Pr[i].Sub(a.C[i], b.C[i])
	}
	v.Sign = signOfSum(&a, a.Sign, &b, -b.Sign)
	if a.Number && b.Number {
		v.number(int64(a.N) - int64(b.N))
	}
	s.inherit(&v, &a, &b)
	return v
}

func (s *Space) mulResidues(a, b Value) Value {
	v := Value{Mask: a.Mask & b.Mask, Sign: s.signOfProduct(&a, &b)}
	if v.Mask == 0 {
		return s.noComponent()
	}
	for i := range s.N {
		v.C[i] = s.Chain.Pr[i].Mul(a.C[i], b.C[i])
	}
	s.inherit(&v, &a, &b)
	switch {
	case a.Number && b.Number:
		v.number(int64(a.N) * int64(b.N))
	case a.Number && a.N == 0, b.Number && b.N == 0:
		v.number(0)
	}
	return v
}

// Mul is a · b. A tag may be multiplied by what is known positive or negative; a log form by a
// small integer literal.
func (s *Space) Mul(a, b Value) Value {
	if a.Kind|b.Kind == Ord {
		return s.mulResidues(a, b)
	}
	if a.Kind == Undef || b.Kind == Undef {
		return Value{Kind: Undef}
	}
	if a.IsTag() || b.IsTag() {
		if !a.IsTag() {
			a, b = b, a
		}
		switch {
		case b.zero():
			return Value{Kind: Undef}
		case b.Kind == LogOf || !b.Sign.Strict():
			return s.fail(&Unsupported{"an infinity is multiplied by a value of unknown sign"})
		}
		v := Infinity(int(a.Sign * b.Sign))
		s.inherit(&v, &a, &b)
		return v
	}
	if a.Kind != LogOf {
		a, b = b, a
	}
	if n, ok := s.smallInt(&b); ok {
		return s.logTimes(a, b, n)
	}
	return s.mulResidues(s.Plain(a), s.Plain(b))
}

// logTimes is a log form times the value b, which is the integer n where it is defined.
func (s *Space) logTimes(a, b Value, n int64) Value {
	s.inherit(&a, &a, &b)
	if n < 0 {
		a, n = s.Neg(a), -n
	}
	for i := range s.N {
		a.C[i] = s.Chain.Pr[i].Pow(a.C[i], uint64(n))
	}
	return a
}

// smallInt recognises an integer of at most 64 in absolute value that is the same in every component.
func (s *Space) smallInt(v *Value) (int64, bool) {
	if v.Kind != Ord || v.Mask == 0 {
		return 0, false
	}
	var n int64
	first := true
	for i := range s.N {
		if v.Mask>>i&1 == 0 {
			continue
		}
		m := &s.Chain.Pr[i]
		x := m.Out(v.C[i])
		var k int64
		switch {
		case x <= 64:
			k = int64(x)
		case m.P-x <= 64:
			k = -int64(m.P - x)
		default:
			return 0, false
		}
		if !first && k != n {
			return 0, false
		}
		n, first = k, false
	}
	return n, true
}

// Div is a / b. It is undefined where a and b are 0, or b is for every input; where b is by chance a new draw is asked for.
func (s *Space) Div(a, b Value) Value {
	switch {
	case a.Kind == Undef || b.Kind == Undef, a.IsTag() && b.IsTag():
		return Value{Kind: Undef}
	case b.IsTag():
		v := Value{Mask: s.full}
		s.inherit(&v, &a, &b)
		return v
	case a.IsTag():
		if b.Kind == LogOf || !b.Sign.Strict() {
			return s.fail(&Unsupported{"an infinity is divided by a value of unknown sign"})
		}
		v := Infinity(int(a.Sign * b.Sign))
		s.inherit(&v, &a, &b)
		return v
	}
	if n, ok := s.smallInt(&b); ok && a.Kind == LogOf && (n == 1 || n == -1) {
		return s.logTimes(a, b, n)
	}
	a, b = s.Plain(a), s.Plain(b)
	if b.zero() {
		if a.zero() || b.Number {
			return Value{Kind: Undef}
		}
		return s.fail(&Redraw{"a denominator is 0"})
	}
	v := Value{Mask: a.Mask & b.Mask, Sign: signOfQuotient(a.Sign, b.Sign)}
	if v.Mask == 0 {
		return s.noComponent()
	}
	s.inherit(&v, &a, &b)
	s.require(&v, &b, nonZero)
	for i := range s.N {
		if v.Mask>>i&1 == 0 {
			continue
		}
		if b.C[i] == 0 {
			return s.fail(&Redraw{"a denominator is 0 in one component"})
		}
		m := &s.Chain.Pr[i]
		v.C[i] = m.Mul(a.C[i], m.Inv(b.C[i]))
	}
	return v
}

// Exp moves every component up by one, ω_{i+1}^{x_i}; component 0 of the result is absent. exp of
// a log form gives ε back.
func (s *Space) Exp(a Value) Value {
	switch a.Kind {
	case Undef:
		return a
	case NegInf:
		v := Value{Mask: s.full, Domain: a.Domain}
		v.number(0)
		return v
	case PosInf:
		return a
	case LogOf:
		a.Kind, a.Sign = Ord, Positive
		return a
	}
	v := Value{Mask: a.Mask << 1 & s.full, Sign: Positive, Domain: a.Domain}
	if v.Mask == 0 {
		return s.noComponent()
	}
	if a.zero() {
		v.Mask = s.full
		for i := range s.N {
			v.C[i] = s.Chain.Pr[i].one
		}
		return v
	}
	for i := 1; i < s.N; i++ {
		if v.Mask>>i&1 == 0 {
			continue
		}
		m := &s.Chain.Pr[i]
		e := s.Chain.Pr[i-1].Out(a.C[i-1])
		t := s.omega[i]
		r := t[e&255]
		for j := 1; j < 8; j++ {
			e >>= 8
			if e == 0 {
				break
			}
			r = m.Mul(r, t[256*j+int(e&255)])
		}
		v.C[i] = r
	}
	return v
}

// Log is the logarithm, kept as ε. log 0 is −∞ where the argument is an exact 0.
func (s *Space) Log(a Value) Value {
	switch a.Kind {
	case Undef, PosInf:
		return a
	case NegInf:
		return Value{Kind: Undef}
	case LogOf:
		a = s.Plain(a)
	}
	if a.zero() {
		v := Infinity(-1)
		v.Domain = a.Domain
		return v
	}
	if a.Sign == Negative {
		return Value{Kind: Undef}
	}
	for i := range s.N {
		if a.Mask>>i&1 != 0 && a.C[i] == 0 {
			return s.fail(&Redraw{"an argument of log is 0 in one component"})
		}
	}
	s.Applications++
	v := a
	s.require(&v, &a, nonZero|nonNegative)
	v.Kind, v.Sign, v.Number = LogOf, Unsigned, false
	return v
}

// Sqrt is the square root under the space's model of roots.
func (s *Space) Sqrt(a Value) Value {
	switch a.Kind {
	case Undef, PosInf:
		return a
	case NegInf:
		return Value{Kind: Undef}
	}
	a = s.Plain(a)
	if a.zero() {
		return a
	}
	if a.Sign == Negative {
		return Value{Kind: Undef}
	}
	sign := NonNegative
	if a.Sign == Positive {
		sign = Positive
	}
	if s.Roots == OpaqueRoots {
		v := s.fresh("sqrt", s.key(&a))
		v.Sign = sign
		s.root(&v, &a)
		return v
	}
	s.roots[a.C[a.top()]] = struct{}{}
	if s.Unconditioned {
		s.RootCalls = append(s.RootCalls, RootCall{a.C[a.top()], s.isSquare(&a)})
	}
	v := Value{Mask: a.Mask, Sign: sign}
	for i := range s.N {
		if a.Mask>>i&1 == 0 {
			continue
		}
		m := &s.Chain.Pr[i]
		r := m.Root(a.C[i])
		if m.Mul(r, r) != a.C[i] && !s.Unconditioned {
			return s.fail(&Redraw{"the argument of a square root is no square"})
		}
		v.C[i] = r
	}
	s.root(&v, &a)
	if a.Sign < NonNegative && s.Domains {
		s.conditioned(&a)
	}
	return v
}

// PowInt is a^n for an integer n.
func (s *Space) PowInt(a Value, n int64) Value {
	if n < 0 {
		return s.Div(s.Int(1), s.PowInt(a, -n))
	}
	r := s.Int(1)
	r.Domain = a.Domain
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r = s.Mul(r, a)
		}
		if n > 1 {
			a = s.Mul(a, a)
		}
	}
	return r
}

// Opaque is the value at x of a function of which only congruence is known. name holds the
// operator with its attributes.
func (s *Space) Opaque(name string, x Value) Value {
	if x.Kind == Undef {
		return x
	}
	if x.IsTag() {
		return s.fail(&Unsupported{name + " of an infinity"})
	}
	v := s.fresh(name, s.key(&x))
	v.Domain = x.Domain
	return v
}

// canonical returns the one of x, −x with the smaller top residue, and whether it is −x.
func (s *Space) canonical(x Value) (Value, bool) {
	m := &s.Chain.Pr[s.N-1]
	if m.Out(x.C[s.N-1]) > m.P/2 {
		return s.Neg(x), true
	}
	return x, false
}

// OpaqueOdd is an opaque function with f(−x) = −f(x).
func (s *Space) OpaqueOdd(name string, x Value) Value {
	if x.Kind != Ord || x.Mask>>(s.N-1)&1 == 0 {
		return s.Opaque(name, s.Plain(x))
	}
	if x.zero() {
		return x
	}
	c, flip := s.canonical(x)
	s.Applications++
	v := s.Opaque(name, c)
	if flip {
		return s.Neg(v)
	}
	return v
}

// SinCos is a point of the circle for the angle x, by t = PRF(x): ((1−t²)/(1+t²), 2t/(1+t²)).
// sin is odd and cos even.
func (s *Space) SinCos(x Value) (sin, cos Value) {
	if x.IsTag() {
		v := Value{Kind: Undef}
		return v, v
	}
	if x = s.Plain(x); x.zero() {
		cos = s.Int(1)
		cos.Domain = x.Domain
		return x, cos
	}
	if x.Mask>>(s.N-1)&1 == 0 {
		v := s.noComponent()
		return v, v
	}
	c, flip := s.canonical(x)
	s.Applications++
	t := s.fresh("circle", s.key(&c))
	t.Domain = x.Domain
	one := s.Int(1)
	tt := s.Mul(t, t)
	den := s.Add(one, tt) // positive: 1 and a square
	sin, cos = s.Div(s.Add(t, t), den), s.Div(s.Sub(one, tt), den)
	if flip {
		sin = s.Neg(sin)
	}
	return sin, cos
}

// Dot is Σ x[i·sx]·y[i·sy] over n terms; products of ordinary values are reduced once.
func (s *Space) Dot(x []Value, sx int, y []Value, sy int, n int) Value {
	mask := s.full
	for i := range n {
		a, b := &x[i*sx], &y[i*sy]
		if a.Kind|b.Kind != Ord {
			return s.slowDot(x, sx, y, sy, n)
		}
		mask &= a.Mask & b.Mask
	}
	if mask == 0 {
		return s.noComponent()
	}
	v := Value{Mask: mask}
	for c := range s.N {
		if mask>>c&1 == 0 {
			continue
		}
		var t acc
		for i, ix, iy := 0, 0, 0; i < n; i, ix, iy = i+1, ix+sx, iy+sy {
			t.add(x[ix].C[c], y[iy].C[c])
		}
		v.C[c] = s.Chain.Pr[c].reduce(t)
	}
	v.Sign = s.signOfProduct(&x[0], &y[0])
	s.inherit(&v, &x[0], &y[0])
	lastA, lastB := x[0].Domain, y[0].Domain
	for i := 1; i < n; i++ {
		a, b := &x[i*sx], &y[i*sy]
		if v.Sign != Unsigned {
			switch p := s.signOfProduct(a, b); {
			case p > 0 && v.Sign > 0:
				v.Sign = max(p, v.Sign)
			case p < 0 && v.Sign < 0:
				v.Sign = min(p, v.Sign)
			default:
				v.Sign = Unsigned
			}
		}
		if a.Domain != lastA || b.Domain != lastB {
			lastA, lastB = a.Domain, b.Domain
			s.inherit(&v, &v, a)
			s.inherit(&v, &v, b)
		}
	}
	return v
}

func (s *Space) slowDot(x []Value, sx int, y []Value, sy int, n int) Value {
	v := s.Mul(x[0], y[0])
	for i := 1; i < n; i++ {
		v = s.Add(v, s.Mul(x[i*sx], y[i*sy]))
	}
	return v
}
