package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// stretch is a run of positions: size of them, step elements of the tensor apart.
type stretch struct{ size, step ugraph.Dim }

// layout is a tensor read in another order and shape: reshapes and transposes of it, as many as there may be. The
// stretches are those of the layout, the outermost first; their sizes multiply to the elements of the tensor, and
// each element is read once. Neighbours that are one run are one stretch and none has size 1, so that equal
// views have equal stretches.
type layout struct {
	root  int // the class of tensors
	order []stretch
	shape []ugraph.Dim
}

// wholeView is a tensor as it is.
func wholeView(root int, shape []ugraph.Dim) layout {
	return layout{root, joinStretches([]stretch{{ugraph.Elements(shape), ugraph.D(1)}}), shape}
}

// plain tells whether the elements are in the tensor's own order.
func (v layout) plain() bool {
	return len(v.order) == 0 || len(v.order) == 1 && v.order[0].step.Is(1)
}

// key is equal for equal views.
func (v layout) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", v.root)
	for _, s := range v.order {
		fmt.Fprintf(&b, " %s/%s", s.size, s.step)
	}
	return b.String() + ugraph.ShapeString(v.shape)
}

// joinStretches is the canonical form.
func joinStretches(in []stretch) []stretch {
	var out []stretch
	for _, s := range in {
		if s.size.Is(1) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].step == s.size.Mul(s.step) {
			out[n-1] = stretch{out[n-1].size.Mul(s.size), s.step}
			continue
		}
		out = append(out, s)
	}
	return out
}

// overDim is a/b where it is known to be a whole number.
func overDim(a, b ugraph.Dim) (ugraph.Dim, bool) {
	if a == b {
		return ugraph.D(1), true
	}
	if n, ok := b.Const(); ok {
		return a.Div(n)
	}
	for _, s := range a.Symbols() { // a symbol times a number is divided by the symbol
		if b == ugraph.Sym(s) {
			if n, ok := timesSymbol(a, s); ok {
				return ugraph.D(n), true
			}
		}
	}
	return ugraph.Dim{}, false
}

// timesSymbol is n where a is n times a symbol.
func timesSymbol(a ugraph.Dim, symbol string) (int64, bool) {
	one, err1 := a.Eval(ugraph.Env{symbol: 1})
	if err1 != nil || one < 1 || a != ugraph.Sym(symbol).Mul(ugraph.D(one)) {
		return 0, false
	}
	return one, true
}

// axes divides the stretches among the axes of the shape; false where an axis begins inside of one at no
// known place.
func (v layout) axes() ([][]stretch, bool) {
	rest := slices.Clone(v.order)
	out := make([][]stretch, len(v.shape))
	for i, extent := range v.shape {
		for !extent.Is(1) {
			if len(rest) == 0 {
				return nil, false
			}
			s := rest[0]
			if q, ok := overDim(extent, s.size); ok {
				out[i] = append(out[i], s)
				extent, rest = q, rest[1:]
				continue
			}
			q, ok := overDim(s.size, extent)
			if !ok {
				return nil, false
			}
			out[i] = append(out[i], stretch{extent, s.step.Mul(q)})
			rest[0] = stretch{q, s.step}
			extent = ugraph.D(1)
		}
	}
	return out, len(rest) == 0
}

// transposed is the layout with its axes in another order.
func (v layout) transposed(perm []int) (layout, bool) {
	axes, ok := v.axes()
	if !ok {
		return v, false
	}
	out := layout{root: v.root}
	for _, p := range perm {
		out.order = append(out.order, axes[p]...)
		out.shape = append(out.shape, v.shape[p])
	}
	out.order = joinStretches(out.order)
	return out, true
}

// reshaped is the layout with another shape of as many elements.
func (v layout) reshaped(shape []ugraph.Dim) layout { return layout{v.root, v.order, shape} }

// on reads the elements of a tensor in the order of the layout, with its shape.
func (v layout) on(b *ugraph.Builder, x ugraph.ValueID) ugraph.ValueID {
	reshape := func(x ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
		if ugraph.SameShape(b.Type(x).Shape, shape) {
			return x
		}
		return b.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, x)
	}
	if !v.plain() {
		// In the tensor's own order the stretches are those of falling steps.
		at := make([]int, len(v.order))
		for i := range at {
			at[i] = i
		}
		slices.SortStableFunc(at, func(i, j int) int {
			switch {
			case coarser(v.order[i], v.order[j]):
				return -1
			case coarser(v.order[j], v.order[i]):
				return 1
			}
			return 0
		})
		shape := make([]ugraph.Dim, len(at))
		perm := make([]int64, len(at))
		for k, i := range at {
			shape[k] = v.order[i].size
			perm[i] = int64(k)
		}
		for k, run := len(at)-1, ugraph.D(1); k >= 0; k-- {
			if v.order[at[k]].step != run {
				b.Fail(fmt.Errorf("the order of the parts of a layout of %s is not known", ugraph.ShapeString(v.shape)))
				return x
			}
			run = run.Mul(v.order[at[k]].size)
		}
		x = b.Op(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)}, reshape(x, shape))
	}
	return reshape(x, v.shape)
}

// coarser tells whether a's step is a multiple of b's run.
func coarser(a, b stretch) bool {
	_, ok := overDim(a.step, b.step)
	return ok && a.step != b.step
}
