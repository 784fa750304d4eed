package tensor

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// rowLength is the least number of elements that set a scale together; see Compare.
const rowLength = 32

// Difference is where two tensors differ most.
type Difference struct {
	Max   float64 // the maximum relative error, as Compare defines it
	Index []int64 // of the element with that error; nil if all are equal
	Got   float64
	Want  float64
}

// Compare returns the maximum relative error of got against want, usually the float64 reference.
//
// Elements are gathered into rows: the fewest trailing axes that hold at least 32 elements
// together, or all of them. With s the largest finite |want| of a row, the error of its elements is
// |got − want| / s, and the result is the largest of all rows. A row's own scale, not an
// element's, since an element that cancels to nearly 0 has a large relative error in every
// floating-point program; a row's and not the tensor's, since a wrong row of small values must not
// hide behind another of large ones; at least 32 elements, since a row of one (what a reduction
// with keepdims leaves) would be an element again. Where a row of want is all 0 the scale is the
// tensor's; where that is 0 too, a difference is infinite.
//
// Equal infinities, and NaN against NaN, are equal, and so are an infinity in got (in f8e4m3, which
// has none, its largest number) and a want that rounds to it in got's type: what is beyond the type's
// range is to end there. Any other difference between values that are not both finite has the error +Inf. Different shapes are an error; element types may differ.
func Compare(got, want *Tensor) (Difference, error) {
	for _, t := range []*Tensor{got, want} {
		if err := t.Check(); err != nil {
			return Difference{}, err
		}
	}
	if len(got.Shape) != len(want.Shape) {
		return Difference{}, fmt.Errorf("cannot compare %v with %v: different shapes", got, want)
	}
	for axis := range got.Shape {
		if got.Shape[axis] != want.Shape[axis] {
			return Difference{}, fmt.Errorf("cannot compare %v with %v: different shapes", got, want)
		}
	}
	var d Difference
	row := rowElements(want.Shape)
	whole := -1.0 // the tensor's scale, computed when a row of zeros asks for it
	for start := 0; start < want.Len(); start += row {
		scale := largest(got, want, start, start+row)
		if scale == 0 {
			if whole < 0 {
				whole = largest(got, want, 0, want.Len())
			}
			scale = whole
		}
		for i := start; i < start+row; i++ {
			g, w := got.Float64At(i), want.Float64At(i)
			if beyondRange(got.DType, g, w) {
				w = g
			}
			if e := relativeError(g, w, scale); e > d.Max {
				d = Difference{Max: e, Index: want.Index(i), Got: g, Want: w}
			}
		}
	}
	return d, nil
}

// rowElements is the number of elements of a row.
func rowElements(shape []int64) int {
	row := int64(1)
	for axis := len(shape) - 1; axis >= 0 && row < rowLength; axis-- {
		row *= shape[axis]
	}
	return int(max(row, 1))
}

// largest is the largest absolute value of want's elements from start up to end that are finite, and not beyond the
// range of got's type where got says so.
func largest(got, want *Tensor, start, end int) float64 {
	m := 0.0
	for i := start; i < end; i++ {
		w := want.Float64At(i)
		if a := math.Abs(w); a > m && !math.IsInf(a, 1) && !beyondRange(got.DType, got.Float64At(i), w) {
			m = a
		}
	}
	return m
}

// beyondRange tells whether want lies beyond a type's range and got is what it rounds to there.
func beyondRange(t ugraph.DType, got, want float64) bool {
	end := math.IsInf(got, 0) || t == ugraph.F8E4M3 && math.Abs(got) == t.Max()
	return end && math.Abs(want) > t.Max() && t.Round(want) == got
}

func relativeError(got, want, scale float64) float64 {
	switch {
	case got == want, math.IsNaN(got) && math.IsNaN(want):
		return 0
	case math.IsNaN(got - want), math.IsInf(got-want, 0), scale == 0:
		return math.Inf(1)
	}
	return math.Abs(got-want) / scale
}
