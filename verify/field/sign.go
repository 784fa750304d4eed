package field

// Sign is what is known of a real value for every input where it is defined.
type Sign int8

// The signs. An exact 0 is Unsigned: it is found by its residues.
const (
	Negative    Sign = -2
	NonPositive Sign = -1
	Unsigned    Sign = 0
	NonNegative Sign = 1
	Positive    Sign = 2
)

// Strict tells whether the value is known not to be 0.
func (s Sign) Strict() bool { return s == Positive || s == Negative }

// signOfSum is the sign of a + b with the given signs: of two of one direction, the stricter.
func signOfSum(a *Value, sa Sign, b *Value, sb Sign) Sign {
	switch {
	case sa > 0 && sb > 0:
		return max(sa, sb)
	case sa < 0 && sb < 0:
		return min(sa, sb)
	case sb == Unsigned && sa != Unsigned && b.zero():
		return sa
	case sa == Unsigned && sb != Unsigned && a.zero():
		return sb
	}
	return Unsigned
}

// signOfProduct is the sign of a · b; a square is not negative. Where roots are algebraic, equal residues are no proof of a
// square: √(x²) is x for half of all x.
func (s *Space) signOfProduct(a, b *Value) Sign {
	switch p := a.Sign * b.Sign; {
	case p >= 4:
		return Positive
	case p > 0:
		return NonNegative
	case p <= -4:
		return Negative
	case p < 0:
		return NonPositive
	}
	if s.Roots == OpaqueRoots && a.Mask == b.Mask && a.C == b.C {
		return NonNegative
	}
	return Unsigned
}

// signOfQuotient is the sign of a quotient where it is defined: there the divisor is not 0.
func signOfQuotient(a, b Sign) Sign {
	switch {
	case b > 0:
		return a
	case b < 0:
		return -a
	}
	return Unsigned
}

// signOfMax is the sign of a maximum of at least two values.
func (s *Space) signOfMax(vs []Value) Sign {
	most := Negative // that of the greatest: the order of the signs is that of what they say
	for i := range vs {
		sign := vs[i].Sign
		if sign == Unsigned && vs[i].zero() {
			sign = NonNegative
		}
		most = max(most, sign)
	}
	if most == Unsigned && len(vs) == 2 && vs[0].Kind == Ord && vs[1].Kind == Ord {
		if n := s.Neg(vs[0]); n.Mask == vs[1].Mask && n.C == vs[1].C { // |x|
			return NonNegative
		}
	}
	return most
}
