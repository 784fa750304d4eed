package ugraph

import (
	"fmt"
	"math"
)

// DType is the element type of a tensor.
type DType uint8

// The element types of the .ug language.
const (
	Invalid DType = iota
	F64
	F32
	F16
	BF16
	F8E4M3
	I64
	I32
	I8
	U8
	Bool
)

// dtypeRow states everything the rest of the project needs to know of an element type.
type dtypeRow struct {
	name string
	size int64 // bytes of one element
	kind dtypeKind
	max  float64 // largest finite value
	min  float64 // least finite value (integers) or smallest positive normal (floats)
	unit float64 // unit roundoff of a float type (half the distance from 1 to the next value)
}

type dtypeKind uint8

const (
	kindFloat dtypeKind = iota + 1
	kindInt
	kindBool
)

var dtypes = [...]dtypeRow{
	F64:    {"f64", 8, kindFloat, math.MaxFloat64, 0x1p-1022, 0x1p-53},
	F32:    {"f32", 4, kindFloat, math.MaxFloat32, 0x1p-126, 0x1p-24},
	F16:    {"f16", 2, kindFloat, 65504, 0x1p-14, 0x1p-11},
	BF16:   {"bf16", 2, kindFloat, 0x1.fep127, 0x1p-126, 0x1p-8},
	F8E4M3: {"f8e4m3", 1, kindFloat, 448, 0x1p-6, 0x1p-4},
	I64:    {"i64", 8, kindInt, math.MaxInt64, math.MinInt64, 0},
	I32:    {"i32", 4, kindInt, math.MaxInt32, math.MinInt32, 0},
	I8:     {"i8", 1, kindInt, math.MaxInt8, math.MinInt8, 0},
	U8:     {"u8", 1, kindInt, math.MaxUint8, 0, 0},
	Bool:   {"bool", 1, kindBool, 1, 0, 0},
}

// DTypes lists the element types in the order of their declaration.
func DTypes() []DType {
	return []DType{F64, F32, F16, BF16, F8E4M3, I64, I32, I8, U8, Bool}
}

// ParseDType returns the element type called name.
func ParseDType(name string) (DType, error) {
	for i := F64; int(i) < len(dtypes); i++ {
		if dtypes[i].name == name {
			return i, nil
		}
	}
	return Invalid, fmt.Errorf("unknown element type %q (have f64 f32 f16 bf16 f8e4m3 i64 i32 i8 u8 bool)", name)
}

func (t DType) row() dtypeRow {
	if int(t) >= len(dtypes) {
		return dtypeRow{}
	}
	return dtypes[t]
}

// String is the name of the type in the .ug language.
func (t DType) String() string {
	if n := t.row().name; n != "" {
		return n
	}
	return "invalid"
}

// Size is the size of one element in bytes.
func (t DType) Size() int64 { return t.row().size }

// IsFloat, IsInt and IsBool tell the kind of the type.
func (t DType) IsFloat() bool { return t.row().kind == kindFloat }

// IsInt tells whether the type is a signed or unsigned integer; bool is not.
func (t DType) IsInt() bool { return t.row().kind == kindInt }

// IsBool tells whether the type is bool.
func (t DType) IsBool() bool { return t == Bool }

// Max is the largest finite value of the type.
func (t DType) Max() float64 { return t.row().max }

// Min is the least value of an integer type, the smallest positive normal of a float type.
func (t DType) Min() float64 { return t.row().min }

// Unit is the unit roundoff of a float type: the largest relative error of rounding to nearest.
func (t DType) Unit() float64 { return t.row().unit }

// Accumulator is the type in which sums of this type are kept: f32 for the narrow floats,
// f64 for f64, i64 for integers (ug.md, Rounding).
func (t DType) Accumulator() DType {
	switch {
	case t == F64:
		return F64
	case t.IsFloat():
		return F32
	default:
		return I64
	}
}
