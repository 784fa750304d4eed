package interp

import (
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// RowArith is an Arith with fast paths for rows of elements. They give what its functions for single elements
// give, bit for bit but for the payload of NaN: the choice of the operator and of the rounding is made once a row.
type RowArith[T any] interface {
	// UnaryExact is Unary before it is rounded.
	UnaryExact(op ugraph.Op, attrs ugraph.Attrs) (func(T) T, error)
	// BinaryRow is Binary before it is rounded: out[i] = op(a[i·da], b[i·db]). Out may be a or b.
	BinaryRow(op ugraph.Op) (func(out, a, b []T, da, db int64), error)
	// RoundRow is Round in place.
	RoundRow(dt ugraph.DType, x []T)
	// SumRow is the sum of a row from its first element on, in the accumulator's type of dt.
	SumRow(dt ugraph.DType, x []T) T
	// ExtremeRow is the greatest (maximum) or least (minimum) element of a row.
	ExtremeRow(op ugraph.Op, x []T) T
}

// UnaryExact is the operator in float64.
func (Float64) UnaryExact(op ugraph.Op, attrs ugraph.Attrs) (func(float64) float64, error) {
	return unaryFloat(op, attrs)
}

// BinaryRow is the operator in float64.
func (Float64) BinaryRow(op ugraph.Op) (func(out, a, b []float64, da, db int64), error) {
	return binaryRow(op)
}

// RoundRow does nothing.
func (Float64) RoundRow(ugraph.DType, []float64) {}

// SumRow sums in float64.
func (Float64) SumRow(_ ugraph.DType, x []float64) float64 { return sumFloat(x) }

// ExtremeRow is NaN where an element is.
func (Float64) ExtremeRow(op ugraph.Op, x []float64) float64 { return extremeRow(op, x) }

// UnaryExact is the operator in float64.
func (Rounded) UnaryExact(op ugraph.Op, attrs ugraph.Attrs) (func(float64) float64, error) {
	return unaryFloat(op, attrs)
}

// BinaryRow is the operator in float64.
func (Rounded) BinaryRow(op ugraph.Op) (func(out, a, b []float64, da, db int64), error) {
	return binaryRow(op)
}

// RoundRow rounds to dt.
func (Rounded) RoundRow(dt ugraph.DType, x []float64) {
	switch dt {
	case ugraph.F64:
	case ugraph.F32:
		for i, v := range x {
			x[i] = float64(float32(v))
		}
	default:
		// In the normal range a float loses the low bits of its significand, ties to even.
		low, least, most := 52-significand[dt], dt.Min(), dt.Max()
		for i, v := range x {
			if a := math.Abs(v); a < least || !(a <= most) {
				x[i] = dt.Round(v)
				continue
			}
			b := math.Float64bits(v)
			b += 1<<(low-1) - 1 + b>>low&1
			x[i] = math.Float64frombits(b &^ (1<<low - 1))
		}
	}
}

// significand has the bits behind the leading one.
var significand = map[ugraph.DType]int{ugraph.F16: 10, ugraph.BF16: 7, ugraph.F8E4M3: 3}

// SumRow rounds each partial sum to dt's accumulator type. The elements are numbers of dt, so that a sum in
// float32 is one in float64 that is rounded.
func (Rounded) SumRow(dt ugraph.DType, x []float64) float64 {
	if dt == ugraph.F64 {
		return sumFloat(x)
	}
	s := float32(x[0])
	for _, v := range x[1:] {
		s += float32(v)
	}
	return float64(s)
}

// ExtremeRow is NaN where an element is.
func (Rounded) ExtremeRow(op ugraph.Op, x []float64) float64 { return extremeRow(op, x) }

func sumFloat(x []float64) float64 {
	s := x[0]
	for _, v := range x[1:] {
		s += v
	}
	return s
}

func binaryRow(op ugraph.Op) (func(out, a, b []float64, da, db int64), error) {
	if f, ok := binaryRows[op]; ok {
		return f, nil
	}
	return nil, noMeaning(op)
}

var binaryRows = map[ugraph.Op]func(out, a, b []float64, da, db int64){
	ugraph.OpAdd: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = a[i] + b[j]
			i, j = i+da, j+db
		}
	},
	ugraph.OpSub: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = a[i] - b[j]
			i, j = i+da, j+db
		}
	},
	ugraph.OpMul: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = a[i] * b[j]
			i, j = i+da, j+db
		}
	},
	ugraph.OpDiv: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = a[i] / b[j]
			i, j = i+da, j+db
		}
	},
	ugraph.OpMaximum: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = greater(a[i], b[j])
			i, j = i+da, j+db
		}
	},
	ugraph.OpMinimum: func(out, a, b []float64, da, db int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = -greater(-a[i], -b[j])
			i, j = i+da, j+db
		}
	},
}

// greater is maxNaN, short enough to be inlined where neither is NaN and they are no two zeros.
func greater(x, y float64) float64 {
	switch {
	case x > y:
		return x
	case x < y:
		return y
	}
	return maxNaN(x, y)
}

// extremeRow is the greatest element of a row, or the least; NaN where one is.
func extremeRow(op ugraph.Op, x []float64) float64 {
	m := x[0]
	for _, v := range x[1:] {
		switch {
		case math.IsNaN(v) || math.IsNaN(m):
			return math.NaN()
		case op == ugraph.OpMaximum:
			m = greater(m, v)
		default:
			m = -greater(-m, -v)
		}
	}
	return m
}
