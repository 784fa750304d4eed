package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// MaxElements is the greatest number of elements of one tensor, and of all tensors alive at once.
const MaxElements = 1 << 28

// Tensor is a dense row-major tensor. Floating-point elements are in Data, integers and bool (0 or 1)
// in Ints; the other slice is nil.
type Tensor[T any] struct {
	DType ugraph.DType
	Shape []int64
	Data  []T
	Ints  []int64
}

// Elements is the product of the extents, or an error beyond MaxElements or for an extent below 1.
func Elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 1 {
			return 0, fmt.Errorf("an empty tensor of shape %v", shape)
		}
		if n > MaxElements/d {
			return 0, fmt.Errorf("a tensor of shape %v has more than %d elements, the interpreter's limit", shape, int64(MaxElements))
		}
		n *= d
	}
	return n, nil
}

// New returns a tensor whose elements are T's zero value, or integer 0.
func New[T any](dt ugraph.DType, shape []int64) (*Tensor[T], error) {
	n, err := Elements(shape)
	if err != nil {
		return nil, err
	}
	t := &Tensor[T]{DType: dt, Shape: append([]int64{}, shape...)}
	switch {
	case dt.IsFloat():
		t.Data = make([]T, n)
	case dt.IsInt() || dt.IsBool():
		t.Ints = make([]int64, n)
	default:
		return nil, fmt.Errorf("a tensor of an invalid element type")
	}
	return t, nil
}

// FromFloats returns a tensor of the given values in row-major order; for an integer or bool type
// each is truncated and saturated to it. Floats are taken as they are, not rounded.
func FromFloats(dt ugraph.DType, shape []int64, values []float64) (*Tensor[float64], error) {
	t, err := New[float64](dt, shape)
	if err != nil {
		return nil, err
	}
	if t.Len() != len(values) {
		return nil, fmt.Errorf("%d values for a tensor of shape %v", len(values), shape)
	}
	copy(t.Data, values)
	for i := range t.Ints {
		t.Ints[i] = saturate(truncate(values[i]), dt)
	}
	return t, nil
}

// FromInts returns an integer or bool tensor of the given values, which must be in the type's range.
func FromInts[T any](dt ugraph.DType, shape []int64, values []int64) (*Tensor[T], error) {
	t, err := New[T](dt, shape)
	if err != nil {
		return nil, err
	}
	if dt.IsFloat() || len(t.Ints) != len(values) {
		return nil, fmt.Errorf("%d integers for a tensor of %s%v", len(values), dt, shape)
	}
	for i, v := range values {
		if wrap(v, dt) != v {
			return nil, fmt.Errorf("%d is beyond the range of %s", v, dt)
		}
		t.Ints[i] = v
	}
	return t, nil
}

// Floats returns the elements as float64, integers and bool converted.
func Floats(t *Tensor[float64]) []float64 {
	out := make([]float64, t.Len())
	copy(out, t.Data)
	for i, v := range t.Ints {
		out[i] = float64(v)
	}
	return out
}

// Len is the number of elements.
func (t *Tensor[T]) Len() int { return max(len(t.Data), len(t.Ints)) }

// reshaped is the same elements under another shape of as many.
func (t *Tensor[T]) reshaped(shape []int64) *Tensor[T] {
	return &Tensor[T]{DType: t.DType, Shape: shape, Data: t.Data, Ints: t.Ints}
}

func (t *Tensor[T]) clone() *Tensor[T] {
	return &Tensor[T]{DType: t.DType, Shape: t.Shape, Data: append([]T(nil), t.Data...), Ints: append([]int64(nil), t.Ints...)}
}

// stridesOf returns the row-major strides of a shape.
func stridesOf(shape []int64) []int64 {
	s := make([]int64, len(shape))
	n := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// broadcastStrides returns the strides with which a tensor of shape `from` is read as shape `to`.
func broadcastStrides(from, to []int64) ([]int64, error) {
	if len(from) > len(to) {
		return nil, fmt.Errorf("%v does not broadcast to %v", from, to)
	}
	own := stridesOf(from)
	s := make([]int64, len(to))
	for i := range from {
		j := i + len(to) - len(from)
		switch from[i] {
		case to[j]:
			s[j] = own[i]
		case 1:
		default:
			return nil, fmt.Errorf("%v does not broadcast to %v", from, to)
		}
	}
	return s, nil
}

// broadcastShape joins shapes aligned at the right.
func broadcastShape(shapes ...[]int64) ([]int64, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]int64, rank)
	for i := range out {
		out[i] = 1
		for _, s := range shapes {
			if j := i - rank + len(s); j >= 0 && s[j] != 1 {
				if out[i] != 1 && out[i] != s[j] {
					return nil, fmt.Errorf("shapes %v do not broadcast", shapes)
				}
				out[i] = s[j]
			}
		}
	}
	return out, nil
}

// rows visits every row (all axes but the last) of a shape with the offset of its first element under
// each set of strides; n is the row's length. The offsets are valid during the visit only.
func rows(shape []int64, strides [][]int64, visit func(n int64, at []int64)) {
	at := make([]int64, len(strides))
	last := len(shape) - 1
	if last < 0 {
		visit(1, at)
		return
	}
	index := make([]int64, last)
	for {
		visit(shape[last], at)
		axis := last - 1
		for ; axis >= 0; axis-- {
			index[axis]++
			for i := range at {
				at[i] += strides[i][axis]
			}
			if index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
			for i := range at {
				at[i] -= strides[i][axis] * shape[axis]
			}
		}
		if axis < 0 {
			return
		}
	}
}

// step is the stride of the last axis.
func step(strides []int64) int64 {
	if len(strides) == 0 {
		return 0
	}
	return strides[len(strides)-1]
}

// copyStrided copies a box of the given shape between strided places.
func copyStrided[E any](dst []E, dstAt int64, dstStrides []int64, src []E, srcAt int64, srcStrides []int64, shape []int64) {
	d, s := step(dstStrides), step(srcStrides)
	rows(shape, [][]int64{dstStrides, srcStrides}, func(n int64, at []int64) {
		i, j := dstAt+at[0], srcAt+at[1]
		if d == 1 && s == 1 {
			copy(dst[i:i+n], src[j:j+n])
			return
		}
		for ; n > 0; n-- {
			dst[i] = src[j]
			i += d
			j += s
		}
	})
}

// move copies a box between two tensors of one element type.
func move[T any](dst *Tensor[T], dstAt int64, dstStrides []int64, src *Tensor[T], srcAt int64, srcStrides []int64, shape []int64) {
	if src.Data != nil {
		copyStrided(dst.Data, dstAt, dstStrides, src.Data, srcAt, srcStrides, shape)
	} else {
		copyStrided(dst.Ints, dstAt, dstStrides, src.Ints, srcAt, srcStrides, shape)
	}
}

// view returns a new tensor: the box of the given shape that starts at `at` and is read by strides.
func view[T any](src *Tensor[T], at int64, strides, shape []int64) (*Tensor[T], error) {
	out, err := New[T](src.DType, shape)
	if err != nil {
		return nil, err
	}
	move(out, 0, stridesOf(shape), src, at, strides, shape)
	return out, nil
}
