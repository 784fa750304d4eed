package cpu

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

// reduced is the shape of a reduction: result element o·inner + i is the reduction over r of operand
// element at o·outer + r·step + i·innerStep, with the axes of a kind walked in row-major order.
type reduced struct {
	kept, gone       [maxRank]int // extents
	keptStr, goneStr [maxRank]int // strides in the operand
	nKept, nGone     int
	at               [maxRank]int
}

func (r *reduced) start(x *tile, over *[maxRank]bool) {
	r.nKept, r.nGone = 0, 0
	for a := 0; a < x.rank; a++ {
		if x.dims[a] == 1 {
			continue
		}
		if over[a] {
			r.gone[r.nGone], r.goneStr[r.nGone] = x.dims[a], x.str[a]
			r.nGone++
		} else {
			r.kept[r.nKept], r.keptStr[r.nKept] = x.dims[a], x.str[a]
			r.nKept++
		}
	}
	r.nGone = foldAxes(&r.gone, &r.goneStr, r.nGone)
	r.at = [maxRank]int{}
}

// foldAxes joins neighbouring axes that are passed through evenly.
func foldAxes(dims, str *[maxRank]int, n int) int {
	for a := n - 1; a > 0; a-- {
		if str[a-1] == str[a]*dims[a] {
			dims[a-1] *= dims[a]
			str[a-1] = str[a]
			copy(dims[a:n-1], dims[a+1:n])
			copy(str[a:n-1], str[a+1:n])
			n--
		}
	}
	return n
}

// next moves over the kept axes and returns the operand's offset step, false at the end.
func (r *reduced) next(off int) (int, bool) {
	for a := r.nKept - 1; a >= 0; a-- {
		r.at[a]++
		off += r.keptStr[a]
		if r.at[a] < r.kept[a] {
			return off, true
		}
		off -= r.keptStr[a] * r.kept[a]
		r.at[a] = 0
	}
	return 0, false
}

// eachRun calls f with the offset of every run along the last reduced axis.
func (r *reduced) eachRun(off int, f func(off int)) {
	r.run(0, off, f)
}

func (r *reduced) run(axis, off int, f func(off int)) {
	if axis >= r.nGone-1 {
		f(off)
		return
	}
	for i := 0; i < r.gone[axis]; i++ {
		r.run(axis+1, off+i*r.goneStr[axis], f)
	}
}

// last is the extent and stride of the runs.
func (r *reduced) last() (n, step int) {
	if r.nGone == 0 {
		return 1, 1
	}
	return r.gone[r.nGone-1], r.goneStr[r.nGone-1]
}

// reduceRows reduces tiles by one run function per result element; join combines runs.
func reduceRows[T number](w *worker, dst, x *tile, over *[maxRank]bool, init T, run func(s []T, n, step int) T, join func(a, b T) T) {
	d, s := elems[T](dst), elems[T](x)
	if x.elements() == 0 {
		for i := range d[:dst.elements()] {
			d[i] = init
		}
		return
	}
	var r reduced
	r.start(x, over)
	n, step := r.last()
	off, ok := 0, true
	for i := 0; ok; i++ {
		if r.nGone <= 1 {
			d[i] = run(s[off:], n, step)
		} else {
			acc, first := init, true
			r.eachRun(off, func(o int) {
				v := run(s[o:], n, step)
				if first {
					acc, first = v, false
				} else {
					acc = join(acc, v)
				}
			})
			d[i] = acc
		}
		off, ok = r.next(off)
	}
}

// reduceColumns reduces an f32 tile over axes that lie outside of contiguous innermost kept axes, a
// row at a time. It reports whether the tile has that form.
func reduceColumns(dst, x *tile, over *[maxRank]bool, add func(acc, row []float32)) bool {
	last := x.rank - 1
	for last >= 0 && x.dims[last] == 1 {
		last--
	}
	if last < 1 || over[last] || x.str[last] != 1 || x.dims[last] < 8 {
		return false
	}
	// The innermost kept axes must be contiguous.
	keptFrom := last
	inner := x.dims[last]
	for keptFrom > 0 && !over[keptFrom-1] && x.str[keptFrom-1] == inner {
		keptFrom--
		inner *= x.dims[keptFrom]
	}
	rows, tiles := 1, 1 // of the reduced axes, and of the kept ones outside of the row
	for a := 0; a < keptFrom; a++ {
		if over[a] {
			rows *= x.dims[a]
		} else {
			tiles *= x.dims[a]
		}
	}
	if rows == 0 || tiles == 0 {
		return false
	}
	var at [maxRank]int
	first := 0
	for t := range tiles {
		acc := dst.f[t*inner : (t+1)*inner]
		off := first
		for i := range rows {
			row := x.f[off : off+inner]
			if i == 0 {
				copy(acc, row)
			} else {
				add(acc, row)
			}
			off = stepOver(x, over, true, keptFrom, &at, off)
		}
		first = stepOver(x, over, false, keptFrom, &at, first)
	}
	return true
}

// stepOver moves an offset to the next element along the reduced axes before axis end, or along the kept ones.
func stepOver(x *tile, over *[maxRank]bool, reduced bool, end int, at *[maxRank]int, off int) int {
	for a := end - 1; a >= 0; a-- {
		if over[a] != reduced {
			continue
		}
		at[a]++
		off += x.str[a]
		if at[a] < x.dims[a] {
			break
		}
		off -= x.str[a] * x.dims[a]
		at[a] = 0
	}
	return off
}

// strided adapts a kernel over contiguous runs to any step.
func (w *worker) strided(f func(x []float32) float32) func(s []float32, n, step int) float32 {
	return func(s []float32, n, step int) float32 {
		if step != 1 {
			r := scratch(&w.row[0], n)
			copyRun(r, s, n, 1, step)
			return f(r)
		}
		return f(s[:n])
	}
}

// compileReduce makes the step of sum, mean, max, min.
func (b *block) compileReduce(n *flatNode) (step, error) {
	dst, x := n.results[0], n.args[0]
	in := b.values[x]
	axes, err := ugraph.ReduceAxes(n.attrs, in.rank)
	if err != nil {
		return nil, err
	}
	var over [maxRank]bool
	for _, a := range axes {
		over[a] = true
	}
	mean := n.op == ugraph.OpMean
	count := func(t *tile) float64 {
		c := 1
		for _, a := range axes {
			c *= t.dims[a]
		}
		return float64(c)
	}
	switch in.kind {
	case inF32:
		type row struct {
			init float32
			run  func(x []float32) float32
			join func(a, b float32) float32
			add  func(acc, row []float32)
		}
		var k row
		switch n.op {
		case ugraph.OpSum, ugraph.OpMean:
			k = row{0, kernel.Sum, func(a, b float32) float32 { return a + b }, kernel.AddRow}
		case ugraph.OpMax:
			k = row{float32(math.Inf(-1)), kernel.Max, func(a, b float32) float32 { return max(a, b) }, kernel.MaxRow}
		default:
			k = row{float32(math.Inf(1)), kernel.Min, func(a, b float32) float32 { return min(a, b) }, kernel.MinRow}
		}
		return func(w *worker) {
			d, s := w.own(dst), &w.tiles[x]
			if !reduceColumns(d, s, &over, k.add) {
				reduceRows(w, d, s, &over, k.init, w.strided(k.run), k.join)
			}
			if mean {
				m := d.f[:d.elements()]
				kernel.Scale(m, m, float32(1/count(s)))
			}
		}, nil
	case inF64:
		init, join := reduceFunc(n.op, math.Inf(-1), math.Inf(1))
		return func(w *worker) {
			d, s := w.own(dst), &w.tiles[x]
			reduceRows(w, d, s, &over, init, foldRun(join), join)
			if mean {
				for i := range d.d[:d.elements()] {
					d.d[i] /= count(s)
				}
			}
		}, nil
	}
	dt := b.values[dst].dtype
	if in.kind == inI64 {
		init, join := reduceFunc[int64](n.op, math.MinInt64, math.MaxInt64)
		return func(w *worker) { reduceRows(w, w.own(dst), &w.tiles[x], &over, init, foldRun(join), join) }, nil
	}
	init, join := reduceFunc[int32](n.op, int32(max(in.dtype.Min(), math.MinInt32)), int32(min(in.dtype.Max(), math.MaxInt32)))
	return func(w *worker) {
		d := w.own(dst)
		reduceRows(w, d, &w.tiles[x], &over, init, foldRun(join), join)
		for i, v := range d.i[:d.elements()] {
			d.i[i] = int32(wrapInt(dt, int64(v)))
		}
	}, nil
}

func reduceFunc[T number](op ugraph.Op, least, greatest T) (init T, join func(a, b T) T) {
	switch op {
	case ugraph.OpMax:
		return least, func(a, b T) T { return max(a, b) }
	case ugraph.OpMin:
		return greatest, func(a, b T) T { return min(a, b) }
	}
	return 0, func(a, b T) T { return a + b }
}

func foldRun[T number](join func(a, b T) T) func(s []T, n, step int) T {
	return func(s []T, n, step int) T {
		v := s[0]
		for i, p := 1, step; i < n; i, p = i+1, p+step {
			v = join(v, s[p])
		}
		return v
	}
}

// compileSelect makes the steps of argmax and topk.
func (b *block) compileSelect(n *flatNode) (step, error) {
	x := n.args[0]
	in := b.values[x]
	axis := -1
	if n.op == ugraph.OpArgmax {
		axes, err := ugraph.ReduceAxes(n.attrs, in.rank)
		if err != nil {
			return nil, err
		}
		if len(axes) == 1 {
			axis = axes[0]
		}
	} else {
		a, err := ugraph.NormalAxis(n.attrs.Int("axis", -1), in.rank)
		if err != nil {
			return nil, err
		}
		axis = a
	}
	switch in.kind {
	case inF32:
		return selectStep[float32](n, axis), nil
	case inF64:
		return selectStep[float64](n, axis), nil
	case inI32:
		return selectStep[int32](n, axis), nil
	}
	return selectStep[int64](n, axis), nil
}

// selectStep picks along an axis (-1: the whole tile in row-major order), first of equals; NaN is
// greater than any number.
func selectStep[T number](n *flatNode, axis int) step {
	x := n.args[0]
	greater := func(a, b T) bool { return a > b || a != a && b == b }
	if n.op == ugraph.OpArgmax {
		dst := n.results[0]
		return func(w *worker) {
			d, s := w.own(dst), &w.tiles[x]
			eachLine(s, axis, func(line, off, count int, offset func(i int) int) {
				e := elems[T](s)
				best := 0
				for i := 1; i < count; i++ {
					if greater(e[offset(i)], e[offset(best)]) {
						best = i
					}
				}
				d.i[line] = int32(best)
			})
		}
	}
	values, index := n.results[0], n.results[1]
	k := int(n.attrs.Int("k", 1))
	return func(w *worker) {
		v, id, s := w.own(values), w.own(index), &w.tiles[x]
		e, ve := elems[T](s), elems[T](v)
		if len(w.ints) < k {
			w.ints = make([]int, k)
		}
		best := w.ints[:k]
		inner := 1
		for a := axis + 1; a < s.rank; a++ {
			inner *= s.dims[a]
		}
		eachLine(s, axis, func(line, off, count int, offset func(i int) int) {
			m := 0
			for i := 0; i < count; i++ {
				at := m
				for at > 0 && greater(e[offset(i)], e[offset(best[at-1])]) {
					at--
				}
				if at >= k {
					continue
				}
				m = min(m+1, k)
				copy(best[at+1:m], best[at:m-1])
				best[at] = i
			}
			o := line/inner*inner*k + line%inner
			for j := 0; j < k; j++ {
				ve[o+j*inner] = e[offset(best[j])]
				id.i[o+j*inner] = int32(best[j])
			}
		})
	}
}

// eachLine calls f for every line along the axis, numbered in row-major order of the other axes;
// with axis -1 the whole tile is one line.
func eachLine(t *tile, axis int, f func(line, off, count int, offset func(i int) int)) {
	if axis < 0 {
		var at [maxRank]int
		f(0, 0, t.elements(), func(i int) int {
			off := 0
			for a := t.rank - 1; a >= 0; a-- {
				at[a] = i % t.dims[a]
				i /= t.dims[a]
				off += at[a] * t.str[a]
			}
			return off
		})
		return
	}
	lines := 1
	for a := 0; a < t.rank; a++ {
		if a != axis {
			lines *= t.dims[a]
		}
	}
	for line := 0; line < lines; line++ {
		off, rest := 0, line
		for a := t.rank - 1; a >= 0; a-- {
			if a != axis {
				off += rest % t.dims[a] * t.str[a]
				rest /= t.dims[a]
			}
		}
		f(line, off, t.dims[axis], func(i int) int { return off + i*t.str[axis] })
	}
}

// unsupported is the error for an operator that block graphs may not hold on this executor.
func unsupported(op ugraph.Op) error {
	return fmt.Errorf("the CPU executor cannot run %s in a block graph", op)
}
