package ugraph

import "math"

// Round returns the value of type t that is nearest to x, ties to even, as a float64: the one
// rounding that storing x in a tensor of type t performs. Floats overflow to infinity (f8e4m3,
// which has none, saturates); integers truncate toward zero and saturate; bool is x != 0.
func (t DType) Round(x float64) float64 {
	switch t {
	case F64:
		return x
	case F32:
		return float64(float32(x))
	case F16:
		return roundFloat(x, 11, -14, 65504, false)
	case BF16:
		return roundFloat(x, 8, -126, 0x1.fep127, false)
	case F8E4M3:
		return roundFloat(x, 4, -6, 448, true)
	case Bool:
		if x != 0 {
			return 1
		}
		return 0
	case I64, I32, I8, U8:
		if math.IsNaN(x) {
			return 0
		}
		return math.Max(t.Min(), math.Min(t.Max(), math.Trunc(x)))
	}
	return math.NaN()
}

// roundFloat rounds to a binary format with p bits of significand, least normal exponent emin and
// largest finite value max.
func roundFloat(x float64, p, emin int, max float64, saturate bool) float64 {
	if x == 0 || math.IsNaN(x) {
		return x
	}
	if math.IsInf(x, 0) {
		if saturate {
			return math.Copysign(max, x)
		}
		return x
	}
	_, e := math.Frexp(x) // |x| in [2^(e-1), 2^e)
	e--
	if e < emin {
		e = emin
	}
	ulp := math.Ldexp(1, e-p+1)
	r := math.RoundToEven(x/ulp) * ulp
	if math.Abs(r) > max {
		if saturate {
			return math.Copysign(max, x)
		}
		return math.Inf(int(math.Copysign(1, x)))
	}
	return r
}

// F16Bits returns the IEEE binary16 bits of x rounded to nearest even.
func F16Bits(x float64) uint16 {
	r := F16.Round(x)
	sign := uint16(0)
	if math.Signbit(r) {
		sign = 0x8000
	}
	a := math.Abs(r)
	switch {
	case math.IsNaN(r):
		return 0x7e00
	case math.IsInf(r, 0):
		return sign | 0x7c00
	case a < 0x1p-14:
		return sign | uint16(a*0x1p24)
	}
	f, e := math.Frexp(a)
	return sign | uint16(e+14)<<10 | uint16((2*f-1)*1024)
}

// F16Value returns the value of IEEE binary16 bits.
func F16Value(b uint16) float64 {
	e, m := int(b>>10&31), float64(b&1023)
	var a float64
	switch {
	case e == 31 && m != 0:
		return math.NaN()
	case e == 31:
		a = math.Inf(1)
	case e == 0:
		a = m * 0x1p-24
	default:
		a = math.Ldexp(1+m/1024, e-15)
	}
	if b&0x8000 != 0 {
		return -a
	}
	return a
}

// BF16Bits returns the bfloat16 bits of x rounded to nearest even.
func BF16Bits(x float64) uint16 {
	if math.IsNaN(x) {
		return 0x7fc0
	}
	return uint16(math.Float32bits(float32(BF16.Round(x))) >> 16)
}

// BF16Value returns the value of bfloat16 bits.
func BF16Value(b uint16) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }

// F8Bits returns the bits of x in f8e4m3 (OCP FP8: bias 7, no infinity, NaN is 0x7f), saturating.
func F8Bits(x float64) uint8 {
	if math.IsNaN(x) {
		return 0x7f
	}
	r := F8E4M3.Round(x)
	sign := uint8(0)
	if math.Signbit(r) {
		sign = 0x80
	}
	a := math.Abs(r)
	if a < 0x1p-6 {
		return sign | uint8(a*0x1p9)
	}
	f, e := math.Frexp(a)
	return sign | uint8(e+6)<<3 | uint8((2*f-1)*8)
}

// F8Value returns the value of f8e4m3 bits.
func F8Value(b uint8) float64 {
	e, m := int(b>>3&15), float64(b&7)
	var a float64
	switch {
	case e == 15 && m == 7:
		return math.NaN()
	case e == 0:
		a = m * 0x1p-9
	default:
		a = math.Ldexp(1+m/8, e-7)
	}
	if b&0x80 != 0 {
		return -a
	}
	return a
}
