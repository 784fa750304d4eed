package tensor

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// Float64At returns the element at flat index i as a float64: exact for every type but i64, whose
// values beyond 2⁵³ are rounded to nearest even. A bool is 0 or 1.
func (t *Tensor) Float64At(i int) float64 {
	return loadFloat(t.DType, t.Data, i)
}

// SetFloat64 stores x at flat index i, rounded once: to nearest even for floats, truncated and
// saturated for integers (NaN gives 0), x != 0 for bool. See ugraph.DType.Round.
func (t *Tensor) SetFloat64(i int, x float64) {
	storeFloat(t.DType, t.Data, i, x)
}

// Int64At returns the element at flat index i of an integer or bool tensor, exactly. For a float
// tensor it is the element truncated and saturated to int64.
func (t *Tensor) Int64At(i int) int64 {
	return loadInt(t.DType, t.Data, i)
}

// SetInt64 stores x at flat index i: saturated for integers, x != 0 for bool, and rounded once to
// nearest even for floats.
func (t *Tensor) SetInt64(i int, x int64) {
	storeInt(t.DType, t.Data, i, x)
}

func loadFloat(dtype ugraph.DType, data []byte, i int) float64 {
	switch dtype {
	case ugraph.F64:
		return math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	case ugraph.F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	case ugraph.F16:
		return ugraph.F16Value(binary.LittleEndian.Uint16(data[2*i:]))
	case ugraph.BF16:
		return ugraph.BF16Value(binary.LittleEndian.Uint16(data[2*i:]))
	case ugraph.F8E4M3:
		return ugraph.F8Value(data[i])
	case ugraph.I64, ugraph.I32, ugraph.I8, ugraph.U8, ugraph.Bool:
		return float64(loadInt(dtype, data, i))
	}
	return math.NaN()
}

func storeFloat(dtype ugraph.DType, data []byte, i int, x float64) {
	switch dtype {
	case ugraph.F64:
		binary.LittleEndian.PutUint64(data[8*i:], math.Float64bits(x))
	case ugraph.F32:
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(float32(x)))
	case ugraph.F16:
		binary.LittleEndian.PutUint16(data[2*i:], f16Bits(x))
	case ugraph.BF16:
		binary.LittleEndian.PutUint16(data[2*i:], bf16Bits(x))
	case ugraph.F8E4M3:
		data[i] = ugraph.F8Bits(x)
	case ugraph.Bool:
		data[i] = 0
		if x != 0 {
			data[i] = 1
		}
	case ugraph.I64, ugraph.I32, ugraph.I8, ugraph.U8:
		storeInt(dtype, data, i, truncate(x))
	}
}

func loadInt(dtype ugraph.DType, data []byte, i int) int64 {
	switch dtype {
	case ugraph.I64:
		return int64(binary.LittleEndian.Uint64(data[8*i:]))
	case ugraph.I32:
		return int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
	case ugraph.I8:
		return int64(int8(data[i]))
	case ugraph.U8:
		return int64(data[i])
	case ugraph.Bool:
		if data[i] != 0 {
			return 1
		}
		return 0
	case ugraph.F64, ugraph.F32, ugraph.F16, ugraph.BF16, ugraph.F8E4M3:
		return truncate(loadFloat(dtype, data, i))
	}
	return 0
}

func storeInt(dtype ugraph.DType, data []byte, i int, x int64) {
	switch dtype {
	case ugraph.I64:
		binary.LittleEndian.PutUint64(data[8*i:], uint64(x))
	case ugraph.I32:
		binary.LittleEndian.PutUint32(data[4*i:], uint32(max(math.MinInt32, min(math.MaxInt32, x))))
	case ugraph.I8:
		data[i] = uint8(max(math.MinInt8, min(math.MaxInt8, x)))
	case ugraph.U8:
		data[i] = uint8(max(0, min(math.MaxUint8, x)))
	case ugraph.Bool:
		data[i] = 0
		if x != 0 {
			data[i] = 1
		}
	case ugraph.F64:
		storeFloat(dtype, data, i, float64(x))
	case ugraph.F32, ugraph.F16, ugraph.BF16, ugraph.F8E4M3:
		storeFloat(dtype, data, i, roundToOdd(x))
	}
}

// truncate is the cast of a float to i64: toward zero, saturating, NaN to 0.
func truncate(x float64) int64 {
	switch {
	case math.IsNaN(x):
		return 0
	case x >= 0x1p63:
		return math.MaxInt64
	case x <= -0x1p63:
		return math.MinInt64
	}
	return int64(x)
}

// roundToOdd returns x as a float64 with its last significand bit set if x does not fit. Rounding
// that value again, to a format of at most 51 bits, equals rounding x itself (Boldo and Melquiond,
// "Emulation of a FMA and correctly rounded sums", 2008); rounding to nearest twice does not.
func roundToOdd(x int64) float64 {
	f := float64(x)
	if f < 0x1p63 && int64(f) == x {
		return f
	}
	// x is not a float64: take its neighbour toward zero, whose distance the odd bit marks.
	if f >= 0x1p63 || x > 0 && int64(f) > x || x < 0 && int64(f) < x {
		f = math.Nextafter(f, 0)
	}
	return math.Float64frombits(math.Float64bits(f) | 1)
}

// f16Bits is ugraph.F16Bits, with a short way for values whose result is normal: adding half an
// ulp (less one where the last kept bit is even) to the float64's own bits rounds to nearest even,
// and a carry runs into the exponent where it belongs. Inputs of 10⁷ elements make it worth it.
func f16Bits(x float64) uint16 {
	b := math.Float64bits(x)
	e := int(b>>52&0x7ff) - 1023
	if e < -14 || e > 14 { // 2¹⁵ may round to infinity
		return ugraph.F16Bits(x)
	}
	m := b & (1<<52 - 1)
	m += 1<<41 - 1 + m>>42&1
	return uint16(b>>48&0x8000) | uint16(uint64(e+15)<<10+m>>42)
}

// bf16Bits is ugraph.BF16Bits with the same short way as f16Bits.
func bf16Bits(x float64) uint16 {
	b := math.Float64bits(x)
	e := int(b>>52&0x7ff) - 1023
	if e < -126 || e > 126 {
		return ugraph.BF16Bits(x)
	}
	m := b & (1<<52 - 1)
	m += 1<<44 - 1 + m>>45&1
	return uint16(b>>48&0x8000) | uint16(uint64(e+127)<<7+m>>45)
}

// Convert returns t in another element type, each element rounded once (see SetFloat64, SetInt64):
// narrowing floats to nearest even, to integers by truncating and saturating. It copies also when
// the type is the same.
func (t *Tensor) Convert(dtype ugraph.DType) (*Tensor, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if dtype == t.DType {
		return t.Clone(), nil
	}
	out, err := New(dtype, t.Shape...)
	if err != nil {
		return nil, fmt.Errorf("converting %v to %v: %w", t.DType, dtype, err)
	}
	if t.DType.IsFloat() {
		for i := range t.Len() {
			storeFloat(dtype, out.Data, i, loadFloat(t.DType, t.Data, i))
		}
	} else {
		for i := range t.Len() {
			storeInt(dtype, out.Data, i, loadInt(t.DType, t.Data, i))
		}
	}
	return out, nil
}

// Float64s returns all elements in row-major order as float64 (see Float64At).
func (t *Tensor) Float64s() []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = loadFloat(t.DType, t.Data, i)
	}
	return out
}
