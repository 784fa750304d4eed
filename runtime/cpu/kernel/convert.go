package kernel

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/morgana-ml/morgana/ugraph"
)

// F16ToF32 sets dst[i] to the value of the IEEE binary16 bits src[i]; exact.
func F16ToF32(dst []float32, src []uint16) {
	if len(src) > 0 {
		active.fromF16(dst[:len(src)], src)
	}
}

// F32ToF16 sets dst[i] to the IEEE binary16 bits of src[i], rounded to nearest even; overflow gives
// infinity.
func F32ToF16(dst []uint16, src []float32) {
	if len(src) > 0 {
		active.toF16(dst[:len(src)], src)
	}
}

// BF16ToF32 sets dst[i] to the value of the bfloat16 bits src[i]; exact.
func BF16ToF32(dst []float32, src []uint16) {
	if len(src) > 0 {
		active.fromBF16(dst[:len(src)], src)
	}
}

// F32ToBF16 sets dst[i] to the bfloat16 bits of src[i], rounded to nearest even.
func F32ToBF16(dst []uint16, src []float32) {
	if len(src) > 0 {
		active.toBF16(dst[:len(src)], src)
	}
}

// f8Values are the values of the 256 codes of f8e4m3.
var f8Values = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(ugraph.F8Value(uint8(i)))
	}
	return t
}()

// F8ToF32 sets dst[i] to the value of the f8e4m3 bits src[i]; exact.
func F8ToF32(dst []float32, src []uint8) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = f8Values[b]
	}
}

// F32ToF8 sets dst[i] to the f8e4m3 bits (OCP FP8: bias 7, no infinity) of src[i], rounded to
// nearest even and saturating at 448.
func F32ToF8(dst []uint8, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = f8Bits(x)
	}
}

func f8Bits(x float32) uint8 {
	bits := math.Float32bits(x)
	sign, abs := uint8(bits>>24)&0x80, bits&^(1<<31)
	switch {
	case abs > 0x7f800000:
		return 0x7f
	case abs >= 0x43e00000: // 448
		return sign | 0x7e
	case abs < 0x3c800000: // below the least normal, 2⁻⁶: multiples of 2⁻⁹
		return sign | uint8(math.RoundToEven(float64(math.Float32frombits(abs))*512))
	}
	abs += 0x7ffff + abs>>20&1 // round off 20 of the 23 bits of the significand
	return sign | min(uint8(abs>>20-(127-7)<<3), 0x7e)
}

// F64ToF32 rounds to nearest even; F32ToF64 is exact.
func F64ToF32(dst []float32, src []float64) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = float32(v)
	}
}

// F32ToF64 sets dst[i] to src[i]; exact.
func F32ToF64(dst []float64, src []float32) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = float64(v)
	}
}

// Integer is an element type of integers.
type Integer interface{ int64 | int32 | int8 | uint8 }

// IntToF32 sets dst[i] to src[i], rounded to nearest even where float32 does not have it.
func IntToF32[T Integer](dst []float32, src []T) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = float32(v)
	}
}

// F32ToInt sets dst[i] to src[i] truncated toward zero and saturated; NaN gives 0 (the rule of
// ugraph.DType.Round).
func F32ToInt[T Integer](dst []T, src []float32) {
	dst = dst[:len(src)]
	least, most := intRange[T]()
	for i, v := range src {
		switch x := float64(v); {
		case x != x:
			dst[i] = 0
		case x <= float64(least):
			dst[i] = least
		case x >= float64(most):
			dst[i] = most
		default:
			dst[i] = T(x)
		}
	}
}

func intRange[T Integer]() (least, most T) {
	bits := unsafe.Sizeof(least) * 8
	if ^T(0) > 0 {
		return 0, ^T(0)
	}
	least = T(1) << (bits - 1)
	return least, ^least
}

// Load sets dst to the values of the len(dst) elements of type t that begin at src, rounded to
// nearest even where float32 does not have them; bool gives 0 and 1. src is aligned to t's size.
func Load(dst []float32, src unsafe.Pointer, t ugraph.DType) {
	n := len(dst)
	switch t {
	case ugraph.F32:
		copy(dst, unsafe.Slice((*float32)(src), n))
	case ugraph.F16:
		F16ToF32(dst, unsafe.Slice((*uint16)(src), n))
	case ugraph.BF16:
		BF16ToF32(dst, unsafe.Slice((*uint16)(src), n))
	case ugraph.F8E4M3:
		F8ToF32(dst, unsafe.Slice((*uint8)(src), n))
	case ugraph.F64:
		F64ToF32(dst, unsafe.Slice((*float64)(src), n))
	case ugraph.I64:
		IntToF32(dst, unsafe.Slice((*int64)(src), n))
	case ugraph.I32:
		IntToF32(dst, unsafe.Slice((*int32)(src), n))
	case ugraph.I8:
		IntToF32(dst, unsafe.Slice((*int8)(src), n))
	case ugraph.U8, ugraph.Bool:
		IntToF32(dst, unsafe.Slice((*uint8)(src), n))
	default:
		panic(fmt.Sprintf("kernel: Load of element type %v", t))
	}
}

// Store writes src as len(src) elements of type t from dst on, rounded as ugraph.DType.Round says
// and so that storing again changes nothing. dst is aligned to t's size.
func Store(dst unsafe.Pointer, src []float32, t ugraph.DType) {
	n := len(src)
	switch t {
	case ugraph.F32:
		copy(unsafe.Slice((*float32)(dst), n), src)
	case ugraph.F16:
		F32ToF16(unsafe.Slice((*uint16)(dst), n), src)
	case ugraph.BF16:
		F32ToBF16(unsafe.Slice((*uint16)(dst), n), src)
	case ugraph.F8E4M3:
		F32ToF8(unsafe.Slice((*uint8)(dst), n), src)
	case ugraph.F64:
		F32ToF64(unsafe.Slice((*float64)(dst), n), src)
	case ugraph.I64:
		F32ToInt(unsafe.Slice((*int64)(dst), n), src)
	case ugraph.I32:
		F32ToInt(unsafe.Slice((*int32)(dst), n), src)
	case ugraph.I8:
		F32ToInt(unsafe.Slice((*int8)(dst), n), src)
	case ugraph.U8:
		F32ToInt(unsafe.Slice((*uint8)(dst), n), src)
	case ugraph.Bool:
		for i, out := 0, unsafe.Slice((*uint8)(dst), n); i < n; i++ {
			out[i] = 0
			if src[i] != 0 {
				out[i] = 1
			}
		}
	default:
		panic(fmt.Sprintf("kernel: Store of element type %v", t))
	}
}
