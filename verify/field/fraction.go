package field

// Quotient is the residue of num / den; den is positive and below the prime.
func (m *Prime) Quotient(num, den int64) uint64 {
	n := uint64(num)
	if num < 0 {
		n = uint64(-num)
	}
	x := m.Mul(m.In(n), m.Inv(m.In(uint64(den))))
	if num < 0 {
		return m.Neg(x)
	}
	return x
}

// Fraction finds the fraction with numerator and denominator of at most limit that a residue is (Wang
// 1981, by the extended Euclidean algorithm).
func (m *Prime) Fraction(residue uint64, limit int64) (num, den int64, ok bool) {
	x := m.Out(residue)
	if x == 0 {
		return 0, 1, true
	}
	r0, r1 := m.P, x
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
	if den == 0 || den > limit || m.Quotient(num, den) != residue {
		return 0, 0, false
	}
	return num, den, true
}
