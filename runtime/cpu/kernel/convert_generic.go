package kernel

import "math"

// f16Value is the value of IEEE binary16 bits.
func f16Value(b uint16) float32 {
	sign, abs := uint32(b&0x8000)<<16, uint32(b&0x7fff)
	switch {
	case abs >= 0x7c00: // infinity and NaN
		return math.Float32frombits(sign | 0x7f800000 | (abs&0x3ff)<<13)
	case abs < 0x400: // zero and subnormals: multiples of 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(abs)*0x1p-24))
	}
	return math.Float32frombits(sign | (abs<<13 + (127-15)<<23))
}

// f16Bits rounds x to IEEE binary16, ties to even.
func f16Bits(x float32) uint16 {
	bits := math.Float32bits(x)
	sign, abs := uint16(bits>>16)&0x8000, bits&^(1<<31)
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case abs < 0x38800000: // below the least normal, 2⁻¹⁴
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*0x1p24))
	}
	abs += 0xfff + abs>>13&1
	return sign | uint16((abs-(127-15)<<23)>>13)
}

// bf16Value is the value of bfloat16 bits.
func bf16Value(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// bf16Bits rounds x to bfloat16, ties to even.
func bf16Bits(x float32) uint16 {
	bits := math.Float32bits(x)
	if bits&^(1<<31) > 0x7f800000 {
		return 0x7fc0
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func fromF16Generic(dst []float32, src []uint16) {
	for i, b := range src {
		dst[i] = f16Value(b)
	}
}

func toF16Generic(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = f16Bits(x)
	}
}

func fromBF16Generic(dst []float32, src []uint16) {
	for i, b := range src {
		dst[i] = bf16Value(b)
	}
}

func toBF16Generic(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = bf16Bits(x)
	}
}
