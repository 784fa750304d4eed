package interp

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/morgana-ml/morgana/ugraph"
)

// wrap reduces v modulo the range of an integer type; bool is v != 0.
func wrap(v int64, dt ugraph.DType) int64 {
	switch dt {
	case ugraph.I32:
		return int64(int32(v))
	case ugraph.I8:
		return int64(int8(v))
	case ugraph.U8:
		return int64(uint8(v))
	case ugraph.Bool:
		if v != 0 {
			return 1
		}
		return 0
	}
	return v
}

// saturate is the value of an integer type that is nearest to v; bool is v != 0.
func saturate(v int64, dt ugraph.DType) int64 {
	switch dt {
	case ugraph.I64:
		return v
	case ugraph.Bool:
		return wrap(v, dt)
	}
	return max(int64(dt.Min()), min(int64(dt.Max()), v))
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// width is the number of bits of an integer type.
func width(dt ugraph.DType) int64 { return 8 * dt.Size() }

// intUnary is an elementwise operator on integers or bool of type dt.
func intUnary(op ugraph.Op, attrs ugraph.Attrs, dt ugraph.DType) (func(int64) int64, error) {
	var f func(x int64) int64
	switch op {
	case ugraph.OpSquare:
		f = func(x int64) int64 { return x * x }
	case ugraph.OpAbs:
		f = func(x int64) int64 { return max(x, -x) }
	case ugraph.OpNeg:
		f = func(x int64) int64 { return -x }
	case ugraph.OpSign:
		f = func(x int64) int64 { return asInt(x > 0) - asInt(x < 0) }
	case ugraph.OpRelu:
		f = func(x int64) int64 { return max(x, 0) }
	case ugraph.OpClamp:
		lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
		if a, ok := attrs.Get("min"); ok {
			lo, _ = a.Number.IsInt()
		}
		if a, ok := attrs.Get("max"); ok {
			hi, _ = a.Number.IsInt()
		}
		f = func(x int64) int64 { return min(max(x, lo), hi) }
	case ugraph.OpNot:
		if dt.IsBool() {
			return func(x int64) int64 { return 1 - x }, nil
		}
		f = func(x int64) int64 { return ^x }
	case ugraph.OpPopcount:
		mask := ^uint64(0) >> (64 - width(dt))
		f = func(x int64) int64 { return int64(bits.OnesCount64(uint64(x) & mask)) }
	default:
		return nil, fmt.Errorf("%s of %s", op, dt)
	}
	return func(x int64) int64 { return wrap(f(x), dt) }, nil
}

// intBinary is an elementwise operator on two integers or bools of type dt. Shifts by a negative
// amount or by the width and more shift everything out (a right shift of a negative number leaves -1).
func intBinary(op ugraph.Op, dt ugraph.DType) (func(a, b int64) int64, error) {
	var f func(a, b int64) int64
	switch op {
	case ugraph.OpAdd:
		f = func(a, b int64) int64 { return a + b }
	case ugraph.OpSub:
		f = func(a, b int64) int64 { return a - b }
	case ugraph.OpMul:
		f = func(a, b int64) int64 { return a * b }
	case ugraph.OpMaximum:
		f = func(a, b int64) int64 { return max(a, b) }
	case ugraph.OpMinimum:
		f = func(a, b int64) int64 { return min(a, b) }
	case ugraph.OpAnd:
		f = func(a, b int64) int64 { return a & b }
	case ugraph.OpOr:
		f = func(a, b int64) int64 { return a | b }
	case ugraph.OpXor:
		f = func(a, b int64) int64 { return a ^ b }
	case ugraph.OpShiftLeft:
		f = func(a, b int64) int64 { return a << min(uint64(b), 64) }
	case ugraph.OpShiftRight:
		f = func(a, b int64) int64 { return a >> min(uint64(b), 64) }
	default:
		return nil, fmt.Errorf("%s of %s", op, dt)
	}
	return func(a, b int64) int64 { return wrap(f(a, b), dt) }, nil
}

func intCompare(op ugraph.Op) (func(a, b int64) bool, error) {
	switch op {
	case ugraph.OpLess:
		return func(a, b int64) bool { return a < b }, nil
	case ugraph.OpLessEqual:
		return func(a, b int64) bool { return a <= b }, nil
	case ugraph.OpEqual:
		return func(a, b int64) bool { return a == b }, nil
	case ugraph.OpGreater:
		return func(a, b int64) bool { return a > b }, nil
	case ugraph.OpGreaterEqual:
		return func(a, b int64) bool { return a >= b }, nil
	}
	return nil, fmt.Errorf("%s is not a comparison", op)
}

// philox returns the first word of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011) with key (seed, 0) and counter (index, 0, 0, 0).
func philox(seed, index uint32) uint32 {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	c0, c1, c2, c3 := index, uint32(0), uint32(0), uint32(0)
	k0, k1 := seed, uint32(0)
	for round := 0; round < 10; round++ {
		p0, p1 := uint64(m0)*uint64(c0), uint64(m1)*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += w0
		k1 += w1
	}
	return c0
}
