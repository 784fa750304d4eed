package verify

import (
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// tensor is a tensor or tile during an evaluation, in row-major order. Floats are values of the
// algebra; integers and booleans are concrete.
type tensor[V any] struct {
	dt    ugraph.DType
	shape []int
	f     []V
	i     []int64
	axes  []axis
}

// axis says which columns of a named axis the positions along a tensor's axis are.
type axis struct {
	cols []int32 // weight index per position, 0 for weight 1; nil: the values do not depend on the position
	part bool    // positions hold sums that are weighted already and wait for the rest of the summation
}

// errUnweighted reports a graph that has no meaning with weighted axes.
type errUnweighted struct{ what string }

func (e *errUnweighted) Error() string { return "no weighted reading: " + e.what }

var errShape = errors.New("the shapes of the small instance do not fit together")

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func newTensor[V any](dt ugraph.DType, shape []int) *tensor[V] {
	t := &tensor[V]{dt: dt, shape: append([]int(nil), shape...), axes: make([]axis, len(shape))}
	if dt.IsFloat() {
		t.f = make([]V, elements(shape))
	} else {
		t.i = make([]int64, elements(shape))
	}
	return t
}

// like is a tensor of another element type with t's shape and axes.
func like[V any](t *tensor[V], dt ugraph.DType) *tensor[V] {
	u := newTensor[V](dt, t.shape)
	copy(u.axes, t.axes)
	return u
}

func strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// walk calls visit for every index of shape in row-major order with the offsets that the given
// strides make of it.
func walk(shape []int, strides [][]int, visit func(offsets []int)) {
	idx := make([]int, len(shape))
	off := make([]int, len(strides))
	for n := elements(shape); n > 0; n-- {
		visit(off)
		for a := len(shape) - 1; a >= 0; a-- {
			idx[a]++
			for k := range strides {
				off[k] += strides[k][a]
			}
			if idx[a] < shape[a] {
				break
			}
			for k := range strides {
				off[k] -= idx[a] * strides[k][a]
			}
			idx[a] = 0
		}
	}
}

// broadcastStrides are the strides of a tensor seen under a shape that it broadcasts to.
func broadcastStrides(from, to []int) []int {
	s := strides(from)
	out := make([]int, len(to))
	for i := range from {
		j := i + len(to) - len(from)
		if from[i] != 1 {
			out[j] = s[i]
		}
	}
	return out
}

// move builds a result whose elements are elements of t: source gives the offset per result index
// by strides and base.
func (t *tensor[V]) move(shape, stride []int, base int, axes []axis) *tensor[V] {
	u := newTensor[V](t.dt, shape)
	u.axes = axes
	k := 0
	walk(shape, [][]int{stride}, func(off []int) {
		if t.f != nil {
			u.f[k] = t.f[base+off[0]]
		} else {
			u.i[k] = t.i[base+off[0]]
		}
		k++
	})
	return u
}

// part cuts positions [lo, hi) of an axis.
func (t *tensor[V]) slice(ax, lo, hi int) *tensor[V] {
	if lo == 0 && hi == t.shape[ax] {
		return t
	}
	shape := append([]int(nil), t.shape...)
	shape[ax] = hi - lo
	st := strides(t.shape)
	axes := append([]axis(nil), t.axes...)
	if axes[ax].cols != nil {
		axes[ax].cols = axes[ax].cols[lo:hi]
	}
	return t.move(shape, st, lo*st[ax], axes)
}

// put copies u into t at the given corner.
func (t *tensor[V]) put(u *tensor[V], corner []int) error {
	st := strides(t.shape)
	base := 0
	for a, c := range corner {
		if c < 0 || c+u.shape[a] > t.shape[a] {
			return fmt.Errorf("a tile at %v of extent %v leaves its tensor %v", corner, u.shape, t.shape)
		}
		base += c * st[a]
	}
	k := 0
	walk(u.shape, [][]int{st}, func(off []int) {
		if t.f != nil {
			t.f[base+off[0]] = u.f[k]
		} else {
			t.i[base+off[0]] = u.i[k]
		}
		k++
	})
	return nil
}

// linearity says in which operands an elementwise operator is linear, for partial sums.
type linearity uint8

const (
	notLinear   linearity = iota
	linearSum             // in all operands together: a ± b, −a, casts
	linearEach            // in either operand, the other fixed: a · b
	linearFirst           // in the first operand: a / b
)

// joinAxis merges the axes of operands that meet at one position of an elementwise operator.
func joinAxis(a, b axis, lin linearity) (axis, error) {
	if a.part || b.part {
		switch {
		case lin == linearSum && a.part && b.part,
			lin == linearEach && a.part && !b.part && b.cols == nil,
			lin == linearFirst && a.part && !b.part && b.cols == nil:
			return a, nil
		case lin == linearEach && b.part && !a.part && a.cols == nil:
			return b, nil
		}
		return axis{}, &errUnweighted{"a partial sum meets an operator that is not linear in it"}
	}
	switch {
	case a.cols == nil:
		return b, nil
	case b.cols == nil:
		return a, nil
	case a.single(): // an extent of 1 is repeated along the other axis, which may have one column here
		return b, nil
	case b.single():
		return a, nil
	case len(a.cols) == len(b.cols) && (len(a.cols) == 0 || &a.cols[0] == &b.cols[0] || equalCols(a.cols, b.cols)):
		return a, nil
	}
	return axis{}, &errUnweighted{"two different axes meet at one position"}
}

// single tells whether an axis has extent 1 at every size: one column, of weight 1.
func (a axis) single() bool { return len(a.cols) == 1 && a.cols[0] == 0 }

func equalCols(a, b []int32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
