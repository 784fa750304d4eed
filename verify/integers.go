package verify

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/morgana-ml/morgana/ugraph"
)

// wrapInt reduces an integer to the range of its type, two's complement.
func wrapInt(dt ugraph.DType, x int64) int64 {
	switch dt {
	case ugraph.I32:
		return int64(int32(x))
	case ugraph.I8:
		return int64(int8(x))
	case ugraph.U8:
		return int64(uint8(x))
	case ugraph.Bool:
		if x != 0 {
			return 1
		}
		return 0
	}
	return x
}

// castInt is a cast between integer types: saturating, and x != 0 to bool.
func castInt(dt ugraph.DType, x int64) int64 {
	switch {
	case dt == ugraph.Bool:
		return wrapInt(dt, x)
	case dt == ugraph.I64:
		return x
	}
	return max(int64(dt.Min()), min(int64(dt.Max()), x))
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// width is the number of bits of an integer type.
func width(dt ugraph.DType) int64 { return dt.Size() * 8 }

// integerOps is the meaning of elementwise operators on integers and booleans; dt is the operand's type.
var integerOps = map[ugraph.Op]func(x, y int64, attrs ugraph.Attrs, dt ugraph.DType) int64{
	ugraph.OpAdd:          func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x + y },
	ugraph.OpSub:          func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x - y },
	ugraph.OpMul:          func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x * y },
	ugraph.OpMaximum:      func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return max(x, y) },
	ugraph.OpMinimum:      func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return min(x, y) },
	ugraph.OpLess:         func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x < y) },
	ugraph.OpLessEqual:    func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x <= y) },
	ugraph.OpEqual:        func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x == y) },
	ugraph.OpGreater:      func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x > y) },
	ugraph.OpGreaterEqual: func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x >= y) },
	ugraph.OpAnd:          func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x & y },
	ugraph.OpOr:           func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x | y },
	ugraph.OpXor:          func(x, y int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x ^ y },
	ugraph.OpSquare:       func(x, _ int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return x * x },
	ugraph.OpNeg:          func(x, _ int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return -x },
	ugraph.OpAbs:          func(x, _ int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return max(x, -x) },
	ugraph.OpRelu:         func(x, _ int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return max(x, 0) },
	ugraph.OpSign:         func(x, _ int64, _ ugraph.Attrs, _ ugraph.DType) int64 { return boolInt(x > 0) - boolInt(x < 0) },
	ugraph.OpNot: func(x, _ int64, _ ugraph.Attrs, dt ugraph.DType) int64 {
		if dt == ugraph.Bool {
			return 1 - x
		}
		return ^x
	},
	ugraph.OpShiftLeft: func(x, y int64, _ ugraph.Attrs, dt ugraph.DType) int64 {
		if y < 0 || y >= width(dt) {
			return 0
		}
		return x << y
	},
	ugraph.OpShiftRight: func(x, y int64, _ ugraph.Attrs, dt ugraph.DType) int64 {
		if y < 0 || y >= width(dt) {
			y = 63
		}
		return x >> y
	},
	ugraph.OpPopcount: func(x, _ int64, _ ugraph.Attrs, dt ugraph.DType) int64 {
		return int64(bits.OnesCount64(uint64(x) & (math.MaxUint64 >> (64 - width(dt)))))
	},
	ugraph.OpClamp: func(x, _ int64, attrs ugraph.Attrs, _ ugraph.DType) int64 {
		if lo, ok := attrs.Get("min"); ok {
			n, _ := lo.Number.IsInt()
			x = max(x, n)
		}
		if hi, ok := attrs.Get("max"); ok {
			n, _ := hi.Number.IsInt()
			x = min(x, n)
		}
		return x
	},
}

// reduceInts is a reduction of x[base+d] over the offsets d, in 64 bits.
func reduceInts(op ugraph.Op, x []int64, base int, inner []int) int64 {
	v := x[base+inner[0]]
	for _, d := range inner[1:] {
		y := x[base+d]
		switch op {
		case ugraph.OpMax:
			v = max(v, y)
		case ugraph.OpMin:
			v = min(v, y)
		default:
			v += y
		}
	}
	return v
}

// philoxUniform is ug.md's uniform: ((w >> 8) + ½)·2⁻²⁴, w the first word of Philox4x32-10 (Salmon
// et al., SC 2011) with key (seed, 0) and counter (index, 0, 0, 0).
func philoxUniform(seed, index int64) ugraph.Number {
	c := [4]uint32{uint32(index)}
	k := [2]uint32{uint32(seed)}
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, c[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0}
		k[0] += 0x9E3779B9
		k[1] += 0xBB67AE85
	}
	return ugraph.Rat(big.NewRat(int64(c[0]>>8)*2+1, 1<<25))
}
