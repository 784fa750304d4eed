package cpu

import (
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

// compileMatMul makes the step of a matrix product. With into ≥ 0 the product is added to that
// accumulator's tile in the place of its own result.
func (b *block) compileMatMul(n *flatNode, into, factor int) (step, error) {
	dst, x, y := n.results[0], n.args[0], n.args[1]
	ta, tb := n.attrs.Flag("transpose_a"), n.attrs.Flag("transpose_b")
	packed := b.packedFor(y, tb)
	var unpacked []step
	if packed != nil {
		b.packedUses[y]++
		unpacked = b.chain(y)
	}
	target := func(w *worker) (*tile, bool) {
		if into < 0 {
			return w.own(dst), false
		}
		t := w.accumulator(into)
		if w.first {
			return t, false
		}
		if factor >= 0 {
			w.scaleBy(t, &w.tiles[factor])
		}
		return t, true
	}
	switch b.values[dst].kind {
	case inF32:
		return func(w *worker) {
			d, add := target(w)
			if packed != nil {
				if buf := w.inst.packed[packed]; buf != nil {
					w.packedMatMul(d, &w.tiles[x], packed, buf, ta, add, y)
					return
				}
				for _, s := range unpacked { // the weight was not given when the program was loaded
					s(w)
				}
			}
			w.matMul(d, &w.tiles[x], &w.tiles[y], ta, tb, add)
		}, nil
	case inF64:
		return func(w *worker) {
			d, add := target(w)
			slowMatMul(d, &w.tiles[x], &w.tiles[y], ta, tb, add, func(s float64) float64 { return s })
		}, nil
	case inI64:
		return func(w *worker) {
			d, add := target(w)
			slowMatMul(d, &w.tiles[x], &w.tiles[y], ta, tb, add, func(s int64) int64 { return s })
		}, nil
	}
	dt := b.values[dst].dtype
	return func(w *worker) {
		d, add := target(w)
		slowMatMul(d, &w.tiles[x], &w.tiles[y], ta, tb, add, func(s int32) int32 { return int32(wrapInt(dt, int64(s))) })
	}, nil
}

// matrix is the last two axes of an operand: element (i, j) at i·row + j·col.
type matrix struct {
	rows, cols, row, col int
}

func matrixOf(t *tile, transposed bool) matrix {
	m := matrix{t.dims[t.rank-2], t.dims[t.rank-1], t.str[t.rank-2], t.str[t.rank-1]}
	if transposed {
		m = matrix{m.cols, m.rows, m.col, m.row}
	}
	return m
}

// batches walks the leading axes of a product: the offsets of a and b for each matrix of the result.
type batches struct {
	rank  int
	dims  [maxRank]int
	a, b  [maxRank]int
	at    [maxRank]int
	count int
}

func (bt *batches) start(dst, a, b *tile) {
	bt.rank = dst.rank - 2
	bt.count = 1
	for i := 0; i < bt.rank; i++ {
		bt.dims[i], bt.at[i] = dst.dims[i], 0
		bt.count *= dst.dims[i]
		bt.a[i], bt.b[i] = 0, 0
		if j := i - (dst.rank - a.rank); j >= 0 && a.dims[j] != 1 {
			bt.a[i] = a.str[j]
		}
		if j := i - (dst.rank - b.rank); j >= 0 && b.dims[j] != 1 {
			bt.b[i] = b.str[j]
		}
	}
}

func (bt *batches) next(oa, ob int) (int, int, bool) {
	for i := bt.rank - 1; i >= 0; i-- {
		bt.at[i]++
		oa, ob = oa+bt.a[i], ob+bt.b[i]
		if bt.at[i] < bt.dims[i] {
			return oa, ob, true
		}
		oa, ob = oa-bt.a[i]*bt.dims[i], ob-bt.b[i]*bt.dims[i]
		bt.at[i] = 0
	}
	return 0, 0, false
}

// foldRows joins the leading axes with the rows of a where b has no leading axes of its own and a's
// rows follow each other evenly: one large product instead of many small ones.
func (bt *batches) foldRows(ma *matrix) {
	for i := bt.rank - 1; i >= 0; i-- {
		if bt.dims[i] != 1 && (bt.b[i] != 0 || bt.a[i] != ma.row*ma.rows) {
			return
		}
		if ma.rows == 1 && bt.dims[i] != 1 {
			ma.row = bt.a[i]
		}
		ma.rows *= bt.dims[i]
		bt.count /= max(bt.dims[i], 1)
		bt.rank = i
	}
}

// matMul computes d = a·b or d += a·b in float32; d has no gaps.
func (w *worker) matMul(d, a, b *tile, ta, tb, add bool) {
	if d.elements() == 0 {
		return
	}
	ma, mb := matrixOf(a, ta), matrixOf(b, tb)
	if ma.cols == 0 {
		if !add {
			clear(d.f[:d.elements()])
		}
		return
	}
	var bt batches
	bt.start(d, a, b)
	if ma.rows == 1 && bt.rank > 0 {
		// A single row: its stride is free, so that leading axes may fold into it.
		ma.row = bt.a[bt.rank-1]
	}
	bt.foldRows(&ma)
	oa, ob := 0, 0
	size := ma.rows * mb.cols
	for at, ok := 0, true; ok; at += size {
		w.product(d.f[at:at+size], a.f[oa:], ma, b.f[ob:], mb, add)
		oa, ob, ok = bt.next(oa, ob)
	}
}

// product is one matrix product c (+)= a·b; c is ma.rows × mb.cols without gaps.
func (w *worker) product(c, a []float32, ma matrix, b []float32, mb matrix, add bool) {
	form := kernel.Form{Accumulate: add}
	lda, ldb := ma.row, mb.row
	switch {
	case ma.col == 1 || ma.cols == 1:
		if ma.rows == 1 {
			lda = ma.cols
		}
		if ma.cols == 1 && ma.rows > 1 && ma.row == 0 {
			lda = 1
		}
	case ma.row == 1 || ma.rows == 1:
		form.TransA, lda = true, ma.col
	default:
		a = gather(&w.gathA, a, ma)
		lda = ma.cols
	}
	switch {
	case mb.col == 1 || mb.cols == 1 && mb.rows == 1:
		if mb.rows == 1 {
			ldb = mb.cols
		}
	case mb.row == 1 || mb.rows == 1:
		form.TransB, ldb = true, mb.col
		if mb.cols == 1 {
			ldb = mb.rows
		}
	case mb.cols == 1:
		// One column with gaps.
		b = gather(&w.gathB, b, mb)
		ldb = 1
	default:
		b = gather(&w.gathB, b, mb)
		ldb = mb.cols
	}
	s := scratch(&w.gemm, kernel.GemmScratch(ma.rows, mb.cols, ma.cols))
	kernel.Gemm(form, c, mb.cols, a, lda, b, ldb, ma.rows, mb.cols, ma.cols, s)
}

// gather copies a matrix with strides to scratch without gaps.
func gather(buf *[]float32, x []float32, m matrix) []float32 {
	g := scratch(buf, m.rows*m.cols)
	for i := 0; i < m.rows; i++ {
		copyRun(g[i*m.cols:], x[i*m.row:], m.cols, 1, m.col)
	}
	return g
}

// slowMatMul is the product of element types that have no kernel of their own.
func slowMatMul[T number](d, a, b *tile, ta, tb, add bool, wrap func(T) T) {
	ma, mb := matrixOf(a, ta), matrixOf(b, tb)
	ed, ea, eb := elems[T](d), elems[T](a), elems[T](b)
	if d.elements() == 0 {
		return
	}
	var bt batches
	bt.start(d, a, b)
	oa, ob := 0, 0
	at := 0
	for ok := true; ok; {
		for i := 0; i < ma.rows; i++ {
			for j := 0; j < mb.cols; j++ {
				var s T
				p, q := oa+i*ma.row, ob+j*mb.col
				for k := 0; k < ma.cols; k++ {
					s += ea[p] * eb[q]
					p, q = p+ma.col, q+mb.row
				}
				if add {
					s += ed[at]
				}
				ed[at] = wrap(s)
				at++
			}
		}
		oa, ob, ok = bt.next(oa, ob)
	}
}

// scaleBy multiplies a tile by a factor that broadcasts to it.
func (w *worker) scaleBy(t, f *tile) {
	switch t.kind {
	case inF32:
		w.binaryF32(kernel.Mul, t, t, f)
	case inF64:
		mapBinary(w, t, t, f, func(x, y float64) float64 { return x * y })
	case inI32:
		mapBinary(w, t, t, f, func(x, y int32) int32 { return x * y })
	default:
		mapBinary(w, t, t, f, func(x, y int64) int64 { return x * y })
	}
}

// fuseProducts finds the products that are added to an accumulator where they are computed: those
// whose only use is a sum over the trips, and whose accumulator's previous value nobody reads. Such a
// product runs at its accumulator's place in the order.
func (b *block) fuseProducts() {
	for i := range b.flat.nodes {
		m := &b.flat.nodes[i]
		if m.op != ugraph.OpAccum || m.attrs.Word("kind", "sum") != "sum" || b.previousOf[m.results[0]] >= 0 {
			continue
		}
		p := b.definition(m.args[0])
		if p == nil || p.op != ugraph.OpMatMul || b.flat.uses[m.args[0]] != 1 {
			continue
		}
		if t := b.flat.types[m.args[0]]; !t.Equal(b.flat.types[m.results[0]]) {
			continue // folded along an axis that the loop cuts
		}
		b.fusedInto[m.results[0]] = true
		b.fusedProduct[b.flat.def[m.args[0]]] = true
	}
}
