package interp

import (
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Arith is a number type that stands for the floating-point elements of tensors. A method that has no
// meaning in the number type returns an error that wraps ErrNoMeaning.
type Arith[T any] interface {
	// Const is a literal of type dt.
	Const(n ugraph.Number, dt ugraph.DType) (T, error)
	// FromInt is the integer n converted to dt.
	FromInt(n int64, dt ugraph.DType) T
	// ToInt is x truncated toward zero and saturated to int64; NaN gives 0.
	ToInt(x T) (int64, error)
	// Round is what storing a value in type dt does; nil where it does nothing.
	Round(dt ugraph.DType) func(T) T
	// Cast is a written cast to the floating-point type dt; nil where it does nothing.
	Cast(dt ugraph.DType) func(T) T
	// Unary is an elementwise operator of one operand, of type dt.
	Unary(op ugraph.Op, attrs ugraph.Attrs, dt ugraph.DType) (func(T) T, error)
	// Binary is add, sub, mul, div, maximum or minimum on operands of type dt.
	Binary(op ugraph.Op, dt ugraph.DType) (func(a, b T) T, error)
	// Compare is less, less_equal, equal, greater or greater_equal.
	Compare(op ugraph.Op) (func(a, b T) bool, error)
}

// Matrix is a strided matrix in a slice: element (i, j) is Data[At + i·Row + j·Col].
type Matrix[T any] struct {
	Data         []T
	At, Row, Col int64
}

// MatMuler is an Arith with a fast path for matrix products.
type MatMuler[T any] interface {
	// MatMul writes the m × n product of a (m × k) and b (k × n) into c, row-major, which is zero. It
	// accumulates in dt's accumulator type and rounds once to dt.
	MatMul(c []T, a, b Matrix[T], m, n, k int64, dt ugraph.DType)
}

// ErrNoMeaning says that an operator has no meaning in a number type.
var ErrNoMeaning = errors.New("has no meaning in this number type")

func noMeaning(op ugraph.Op) error { return fmt.Errorf("%s %w", op, ErrNoMeaning) }
