package tensor

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/morgana-ml/morgana/ugraph"
)

// MaxBytes is the largest tensor that this package allocates, 64 GiB: a Go program cannot recover
// from an allocation that fails, so that an absurd shape must be refused before it.
const MaxBytes = 64 << 30

// Tensor is a dense tensor in host memory, row-major (the last axis varies fastest). Data holds
// the elements little-endian, without gaps: Len() · DType.Size() bytes. A bool is one byte, 0 or
// 1; f16, bf16 and f8e4m3 are their bit patterns.
type Tensor struct {
	DType ugraph.DType
	Shape []int64
	Data  []byte
}

// Elements returns the number of elements of shape. An extent below zero, or a product whose
// size in bytes for elements of dtype reaches 2⁶², is an error.
func Elements(dtype ugraph.DType, shape []int64) (int64, error) {
	size := dtype.Size()
	if size == 0 {
		return 0, fmt.Errorf("tensor of the invalid element type %d", dtype)
	}
	return elements(dtype.String(), size, shape)
}

// elements is Elements for any type of so many bytes; name is what messages call it.
func elements(name string, size int64, shape []int64) (int64, error) {
	limit := int64(1)<<62/size - 1
	n, zero := int64(1), false
	for axis, extent := range shape {
		switch {
		case extent < 0:
			return 0, fmt.Errorf("axis %d of shape %v is negative", axis, shape)
		case extent == 0:
			zero = true
			continue
		case n > limit/extent:
			return 0, fmt.Errorf("a tensor of %s%v has 2⁶² bytes or more", name, shape)
		}
		n *= extent
	}
	if zero {
		return 0, nil
	}
	return n, nil
}

// New returns a tensor of zeros (false for bool). Errors: those of Elements, and more than
// MaxBytes.
func New(dtype ugraph.DType, shape ...int64) (*Tensor, error) {
	n, err := Elements(dtype, shape)
	if err != nil {
		return nil, err
	}
	bytes := n * dtype.Size()
	if bytes > MaxBytes || bytes > math.MaxInt {
		return nil, fmt.Errorf("a tensor of %v%v takes %d bytes; the limit is %d", dtype, shape, bytes, int64(MaxBytes))
	}
	return &Tensor{DType: dtype, Shape: append([]int64{}, shape...), Data: make([]byte, bytes)}, nil
}

// Wrap returns a tensor over data, which it keeps: nothing is copied. It is an error if data is
// not exactly as long as the shape needs.
func Wrap(dtype ugraph.DType, shape []int64, data []byte) (*Tensor, error) {
	n, err := Elements(dtype, shape)
	if err != nil {
		return nil, err
	}
	if want := n * dtype.Size(); int64(len(data)) != want {
		return nil, fmt.Errorf("a tensor of %v%v takes %d bytes, not %d", dtype, shape, want, len(data))
	}
	return &Tensor{DType: dtype, Shape: append([]int64{}, shape...), Data: data}, nil
}

// FromFloat64 returns a tensor of the given values in row-major order, each rounded once to dtype.
func FromFloat64(dtype ugraph.DType, shape []int64, values []float64) (*Tensor, error) {
	n, err := Elements(dtype, shape)
	if err != nil {
		return nil, err
	}
	if int64(len(values)) != n {
		return nil, fmt.Errorf("a tensor of %v%v has %d elements, not %d", dtype, shape, n, len(values))
	}
	t, err := New(dtype, shape...)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		t.SetFloat64(i, v)
	}
	return t, nil
}

// Len is the number of elements; 0 for the invalid element type.
func (t *Tensor) Len() int {
	if t.DType.Size() == 0 {
		return 0
	}
	return len(t.Data) / int(t.DType.Size())
}

// Check returns an error if the fields do not fit together; the constructors never make such a
// tensor, but a literal may be one.
func (t *Tensor) Check() error {
	_, err := Wrap(t.DType, t.Shape, t.Data)
	return err
}

// Offset returns the flat index of an element, given one index per axis. A wrong number of
// indices, or one outside its axis, is an error.
func (t *Tensor) Offset(index ...int64) (int, error) {
	if len(index) != len(t.Shape) {
		return 0, fmt.Errorf("%d indices for a tensor of %d axes", len(index), len(t.Shape))
	}
	var at int64
	for axis, i := range index {
		if i < 0 || i >= t.Shape[axis] {
			return 0, fmt.Errorf("index %d is outside axis %d of extent %d", i, axis, t.Shape[axis])
		}
		at = at*t.Shape[axis] + i
	}
	return int(at), nil
}

// Index returns the indices, one per axis, of the element at flat index i; the inverse of Offset.
func (t *Tensor) Index(i int) []int64 {
	index, rest := make([]int64, len(t.Shape)), int64(i)
	for axis := len(t.Shape) - 1; axis >= 0; axis-- {
		if extent := t.Shape[axis]; extent > 0 {
			index[axis], rest = rest%extent, rest/extent
		}
	}
	return index
}

// Clone returns a copy that shares no memory with t.
func (t *Tensor) Clone() *Tensor {
	return &Tensor{
		DType: t.DType,
		Shape: append([]int64{}, t.Shape...),
		Data:  append([]byte{}, t.Data...),
	}
}

// String names the type and shape, such as f32[2, 64]; it does not print the elements.
func (t *Tensor) String() string {
	s := t.DType.String() + "["
	for axis, extent := range t.Shape {
		if axis > 0 {
			s += ", "
		}
		s += fmt.Sprint(extent)
	}
	return s + "]"
}

// Native is a Go type in which the elements of a tensor can be viewed.
type Native interface {
	float64 | float32 | int64 | int32 | int8 | uint8 | uint16
}

// View returns the elements as a slice over the tensor's own memory. T must be the type that
// stores the tensor's element type: float64, float32, int64, int32, int8 and uint8 for their
// namesakes, uint16 for the bits of f16 and bf16, uint8 for the bits of f8e4m3 and for bool. Any
// other T is an error, and so is memory that is not aligned for T (which Wrap may have been given).
func View[T Native](t *Tensor) ([]T, error) {
	var zero T
	if !stores(zero, t.DType) {
		return nil, fmt.Errorf("elements of type %v cannot be viewed as %T", t.DType, zero)
	}
	if len(t.Data) == 0 {
		return nil, nil
	}
	p := unsafe.Pointer(unsafe.SliceData(t.Data))
	if uintptr(p)%unsafe.Alignof(zero) != 0 {
		return nil, fmt.Errorf("tensor memory is not aligned for %T; copy it with Clone", zero)
	}
	return unsafe.Slice((*T)(p), len(t.Data)/int(unsafe.Sizeof(zero))), nil
}

// stores tells whether elements of dtype lie in memory as values of zero's type.
func stores(zero any, dtype ugraph.DType) bool {
	switch zero.(type) {
	case float64:
		return dtype == ugraph.F64
	case float32:
		return dtype == ugraph.F32
	case int64:
		return dtype == ugraph.I64
	case int32:
		return dtype == ugraph.I32
	case int8:
		return dtype == ugraph.I8
	case uint8:
		return dtype == ugraph.U8 || dtype == ugraph.Bool || dtype == ugraph.F8E4M3
	case uint16:
		return dtype == ugraph.F16 || dtype == ugraph.BF16
	}
	return false
}

// FromSlice returns a tensor over values, which it keeps; dtype must be one that T stores (see
// View).
func FromSlice[T Native](dtype ugraph.DType, shape []int64, values []T) (*Tensor, error) {
	var zero T
	if !stores(zero, dtype) {
		return nil, fmt.Errorf("%T does not store elements of type %v", zero, dtype)
	}
	n, err := Elements(dtype, shape)
	if err != nil {
		return nil, err
	}
	if int64(len(values)) != n {
		return nil, fmt.Errorf("a tensor of %v%v has %d elements, not %d", dtype, shape, n, len(values))
	}
	var data []byte
	if n > 0 {
		data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(zero)))
	}
	return Wrap(dtype, shape, data)
}
