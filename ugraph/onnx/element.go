package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// elementsOf reads the elements of a checked tensor: exact values, since every float type's are values of
// float64.
func (s *source) elementsOf(t *tensorProto, dt ugraph.DType) (*known, error) {
	b, err := s.bytes(t, dt)
	if err != nil {
		return nil, err
	}
	size := int(dt.Size())
	k := &known{}
	for ; len(b) >= size; b = b[size:] {
		switch dt {
		case ugraph.F64:
			k.floats = append(k.floats, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case ugraph.F32:
			k.floats = append(k.floats, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		case ugraph.BF16:
			k.floats = append(k.floats, float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b))<<16)))
		case ugraph.F16:
			k.floats = append(k.floats, narrow(uint64(binary.LittleEndian.Uint16(b)), 5, 10, true))
		case ugraph.F8E4M3:
			k.floats = append(k.floats, narrow(uint64(b[0]), 4, 3, false))
		case ugraph.I64:
			k.ints = append(k.ints, ugraph.D(int64(binary.LittleEndian.Uint64(b))))
		case ugraph.I32:
			k.ints = append(k.ints, ugraph.D(int64(int32(binary.LittleEndian.Uint32(b)))))
		case ugraph.I8:
			k.ints = append(k.ints, ugraph.D(int64(int8(b[0]))))
		case ugraph.U8:
			k.ints = append(k.ints, ugraph.D(int64(b[0])))
		case ugraph.Bool:
			if b[0] > 1 {
				return nil, fmt.Errorf("a bool of value %d", b[0])
			}
			k.ints = append(k.ints, ugraph.D(int64(b[0])))
		}
	}
	return k, nil
}

// narrow is the value of a float of so many exponent and mantissa bits (IEEE 754's layout): with
// infinities, or, as float8e4m3fn, only with the NaN of all ones.
func narrow(bits uint64, exponent, mantissa int, infinities bool) float64 {
	top := uint64(1)<<exponent - 1
	e, m := bits>>mantissa&top, bits&(1<<mantissa-1)
	bias := int(top >> 1)
	v := math.Ldexp(float64(m), 1-bias-mantissa)
	switch {
	case infinities && e == top && m == 0:
		v = math.Inf(1)
	case infinities && e == top, !infinities && e == top && m == 1<<mantissa-1:
		v = math.NaN()
	case e > 0:
		v = math.Ldexp(float64(m|1<<mantissa), int(e)-bias-mantissa)
	}
	if bits>>(exponent+mantissa)&1 == 1 {
		return -v
	}
	return v
}

// encode is the little-endian form of elements that a fold found: integers, or floats of 32 or 64 bits.
func encode(dt ugraph.DType, ints []int64, nums []float64) ([]byte, error) {
	var b []byte
	for _, v := range ints {
		switch dt.Size() {
		case 1:
			b = append(b, byte(v))
		case 4:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		default:
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
	}
	for _, v := range nums {
		switch dt {
		case ugraph.F64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case ugraph.F32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		default:
			return nil, fmt.Errorf("folded elements of %s", dt)
		}
	}
	return b, nil
}
