package field

import (
	"math/big"
	"math/bits"
)

// Prime is an odd prime below 2^64 with the constants of Montgomery arithmetic to base R = 2^64.
// Residues are kept in Montgomery form, x·R mod p, unless a name says otherwise.
type Prime struct {
	P    uint64
	ninv uint64 // −p⁻¹ mod 2^64
	one  uint64 // R mod p
	r2   uint64 // R² mod p
	bits uint   // bit length of p
	wide bool   // p ≥ 2^63: sums of two residues overflow a word
}

// NewPrime prepares the arithmetic modulo p, an odd prime (which is not checked here).
func NewPrime(p uint64) Prime {
	inv := p // Newton's iteration doubles the correct low bits: 3, 6, … 96
	for range 5 {
		inv *= 2 - p*inv
	}
	m := Prime{P: p, ninv: -inv, bits: uint(bits.Len64(p)), wide: p >= 1<<63}
	_, m.one = bits.Div64(1%p, 0, p)
	hi, lo := bits.Mul64(m.one, m.one)
	_, m.r2 = bits.Div64(hi, lo, p)
	return m
}

// Add is a+b.
func (m *Prime) Add(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 || s >= m.P {
		s -= m.P
	}
	return s
}

// Sub is a−b.
func (m *Prime) Sub(a, b uint64) uint64 {
	d, borrow := bits.Sub64(a, b, 0)
	if borrow != 0 {
		d += m.P
	}
	return d
}

// Neg is −a.
func (m *Prime) Neg(a uint64) uint64 {
	if a == 0 {
		return 0
	}
	return m.P - a
}

// redc is (hi·2^64 + lo)/R mod p for hi < p.
func (m *Prime) redc(hi, lo uint64) uint64 {
	h, l := bits.Mul64(lo*m.ninv, m.P)
	_, c := bits.Add64(lo, l, 0)
	if !m.wide {
		t := hi + h + c
		if t >= m.P {
			t -= m.P
		}
		return t
	}
	t, over := bits.Add64(hi, h, c)
	if over != 0 || t >= m.P {
		t -= m.P
	}
	return t
}

// Mul is a·b.
func (m *Prime) Mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return m.redc(hi, lo)
}

// Pow is a^e, e an ordinary integer.
func (m *Prime) Pow(a, e uint64) uint64 {
	r := m.one
	for ; e > 0; e >>= 1 {
		if e&1 != 0 {
			r = m.Mul(r, a)
		}
		a = m.Mul(a, a)
	}
	return r
}

// Inv is 1/a for a ≠ 0.
func (m *Prime) Inv(a uint64) uint64 { return m.Pow(a, m.P-2) }

// IsSquare tells whether a is a square (Euler's criterion); 0 is one.
func (m *Prime) IsSquare(a uint64) bool { return a == 0 || m.Pow(a, (m.P-1)/2) == m.one }

// Root is a^((p+1)/4): for p ≡ 3 mod 4 a square root of whichever of a, −a is a square.
func (m *Prime) Root(a uint64) uint64 { return m.Pow(a, (m.P+1)/4) }

// In converts an ordinary integer to Montgomery form.
func (m *Prime) In(x uint64) uint64 { return m.Mul(x%m.P, m.r2) }

// Out converts from Montgomery form to the ordinary integer in [0, p).
func (m *Prime) Out(a uint64) uint64 { return m.redc(0, a) }

// Rat is the residue of a rational; ok is false where p divides its denominator.
func (m *Prime) Rat(r *big.Rat) (residue uint64, ok bool) {
	p := new(big.Int).SetUint64(m.P)
	num := m.In(new(big.Int).Mod(r.Num(), p).Uint64())
	if r.IsInt() {
		return num, true
	}
	den := m.In(new(big.Int).Mod(r.Denom(), p).Uint64())
	if den == 0 {
		return 0, false
	}
	return m.Mul(num, m.Inv(den)), true
}

// acc is a 192-bit accumulator of products, reduced once at the end of a dot product.
type acc struct{ lo, mid, hi uint64 }

func (s *acc) add(a, b uint64) {
	h, l := bits.Mul64(a, b)
	var c uint64
	s.lo, c = bits.Add64(s.lo, l, 0)
	s.mid, c = bits.Add64(s.mid, h, c)
	s.hi += c
}

// reduce is the accumulated sum divided by R, that is the Montgomery form of the dot product.
func (m *Prime) reduce(s acc) uint64 {
	low := m.redc(s.mid%m.P, s.lo)
	if s.hi == 0 {
		return low
	}
	return m.Add(low, m.Mul(s.hi%m.P, m.r2)) // hi·2^128/R = hi·R
}
