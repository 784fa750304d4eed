package cpu

import (
	"unsafe"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

// buffer is a kernel-level tensor of a run.
type buffer struct {
	dtype ugraph.DType
	shape [maxRank]int
	str   [maxRank]int
	rank  int
	size  int // elements
	ptr   unsafe.Pointer
}

func (b *buffer) at(off int) unsafe.Pointer {
	return unsafe.Add(b.ptr, uintptr(off)*uintptr(b.dtype.Size()))
}

// compileLoad makes the step that loads a tile: a view where the tensor's elements are those of the
// arena, else a copy with conversion.
func (b *block) compileLoad(n *flatNode) (step, error) {
	dst, src := n.results[0], n.args[0]
	arg := -1
	for i, in := range b.flat.inputs {
		if in == src {
			arg = i
		}
	}
	if arg < 0 { // an iota: the indices that this tile sees
		return func(w *worker) {
			t := w.own(dst)
			at := 0
			for i := range b.values[dst].cuts {
				at = b.values[dst].cuts[i].start(w.coord, w.trip)
			}
			for i := range t.i[:t.dims[0]] {
				t.i[i] = int32(at + i)
			}
		}, nil
	}
	return func(w *worker) { w.load(dst, &w.inst.bufs[b.args[arg]]) }, nil
}

func (w *worker) load(dst int, src *buffer) {
	t, info := w.shape(dst), &w.blk.values[dst]
	off := 0
	for i := range info.cuts {
		c := &info.cuts[i]
		off += c.start(w.coord, w.trip) * src.str[c.axis]
	}
	if t.elements() == 0 {
		return
	}
	switch src.dtype {
	case ugraph.F32:
		t.f, t.str = unsafe.Slice((*float32)(src.ptr), src.size)[off:], src.str
		return
	case ugraph.F64:
		t.d, t.str = unsafe.Slice((*float64)(src.ptr), src.size)[off:], src.str
		return
	case ugraph.I32:
		t.i, t.str = unsafe.Slice((*int32)(src.ptr), src.size)[off:], src.str
		return
	case ugraph.I64:
		t.l, t.str = unsafe.Slice((*int64)(src.ptr), src.size)[off:], src.str
		return
	}
	t = w.own(dst)
	from := tile{rank: t.rank, dims: t.dims, str: src.str}
	w.walk.start(t.rank, &t.dims, t, &from)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		at := off + wk.off[1]
		switch {
		case t.kind == inF32 && wk.step[1] == 1:
			kernel.Load(t.f[wk.off[0]:wk.off[0]+wk.n], src.at(at), src.dtype)
		case t.kind == inF32:
			for i := 0; i < wk.n; i++ {
				kernel.Load(t.f[wk.off[0]+i:wk.off[0]+i+1], src.at(at+i*wk.step[1]), src.dtype)
			}
		case src.dtype == ugraph.I8:
			e := unsafe.Slice((*int8)(src.ptr), src.size)
			for i := 0; i < wk.n; i++ {
				t.i[wk.off[0]+i] = int32(e[at+i*wk.step[1]])
			}
		default: // u8, bool
			e := unsafe.Slice((*uint8)(src.ptr), src.size)
			for i := 0; i < wk.n; i++ {
				t.i[wk.off[0]+i] = int32(e[at+i*wk.step[1]])
			}
		}
	}
}

// store writes a tile into a kernel's output at off, with the output's strides.
func (w *worker) store(t *tile, dst *buffer, off int) {
	if t.elements() == 0 {
		return
	}
	to := tile{rank: t.rank, dims: t.dims, str: dst.str}
	w.walk.start(t.rank, &t.dims, t, &to)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		at := off + wk.off[1]
		switch {
		case t.kind == inF32 && wk.step[1] == 1 || t.kind == inF32 && wk.n == 1:
			kernel.Store(dst.at(at), w.run(0, t.f, wk.off[0], wk.n, stepOr1(wk.step[0], wk.n)), dst.dtype)
		case t.kind == inF32:
			for i := 0; i < wk.n; i++ {
				kernel.Store(dst.at(at+i*wk.step[1]), t.f[wk.off[0]+i*wk.step[0]:][:1], dst.dtype)
			}
		case t.kind == inF64:
			e := unsafe.Slice((*float64)(dst.ptr), dst.size)
			for i := 0; i < wk.n; i++ {
				e[at+i*wk.step[1]] = t.d[wk.off[0]+i*wk.step[0]]
			}
		case t.kind == inI64:
			e := unsafe.Slice((*int64)(dst.ptr), dst.size)
			for i := 0; i < wk.n; i++ {
				e[at+i*wk.step[1]] = t.l[wk.off[0]+i*wk.step[0]]
			}
		default:
			for i := 0; i < wk.n; i++ {
				v := t.i[wk.off[0]+i*wk.step[0]]
				p := dst.at(at + i*wk.step[1])
				switch dst.dtype {
				case ugraph.I64: // partial results of integers
					*(*int64)(p) = int64(v)
				case ugraph.I32:
					*(*int32)(p) = v
				case ugraph.I8:
					*(*int8)(p) = int8(v)
				default:
					*(*uint8)(p) = uint8(v)
				}
			}
		}
	}
}

func stepOr1(step, n int) int {
	if n == 1 {
		return 1
	}
	return step
}

// copyTile copies elements of any storage, src broadcasting to dst's extents.
func (w *worker) copyTile(dst, src *tile) {
	switch dst.kind {
	case inF32:
		copyStrided[float32](&w.walk, dst, src)
	case inF64:
		copyStrided[float64](&w.walk, dst, src)
	case inI32:
		copyStrided[int32](&w.walk, dst, src)
	default:
		copyStrided[int64](&w.walk, dst, src)
	}
}

// skipElements moves the tile's first element on by off elements.
func (t *tile) skipElements(off int) {
	switch t.kind {
	case inF32:
		t.f = t.f[off:]
	case inF64:
		t.d = t.d[off:]
	case inI32:
		t.i = t.i[off:]
	default:
		t.l = t.l[off:]
	}
}

// compileMove makes the steps of the operators that move elements.
func (b *block) compileMove(n *flatNode) (step, error) {
	dst, x := n.results[0], n.args[0]
	in := b.values[x]
	axisOf := func(def int64) (int, error) { return ugraph.NormalAxis(n.attrs.Int("axis", def), in.rank) }
	switch n.op {
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.attrs, in.rank)
		if err != nil {
			return nil, err
		}
		swap := in.rank >= 2 // only the last two axes change places
		for i, p := range perm {
			want := i
			if i == in.rank-2 {
				want = in.rank - 1
			} else if i == in.rank-1 {
				want = in.rank - 2
			}
			swap = swap && p == want
		}
		if b.onlyMatMul(dst) || !swap || in.kind != inF32 {
			return func(w *worker) {
				w.shape(dst)
				s := &w.tiles[x]
				t := w.view(dst, s)
				for i, p := range perm {
					t.str[i] = s.str[p]
				}
			}, nil
		}
		return func(w *worker) { w.transpose(w.own(dst), &w.tiles[x]) }, nil
	case ugraph.OpReshape:
		return func(w *worker) {
			s := &w.tiles[x]
			if s.contiguous() {
				w.shape(dst)
				w.view(dst, s).pack()
				return
			}
			t := w.own(dst)
			flat := *t
			flat.rank, flat.dims = s.rank, s.dims
			flat.pack()
			w.copyTile(&flat, s)
		}, nil
	case ugraph.OpBroadcast:
		return func(w *worker) {
			w.shape(dst)
			s := &w.tiles[x]
			t := w.view(dst, s)
			for a := 0; a < t.rank; a++ {
				t.str[a] = 0
				if c := a - (t.rank - s.rank); c >= 0 && s.dims[c] != 1 {
					t.str[a] = s.str[c]
				}
			}
		}, nil
	case ugraph.OpSlice:
		axis, err := axisOf(0)
		if err != nil {
			return nil, err
		}
		start, _, err := ugraph.SliceBounds(n.attrs, ugraph.D(int64(in.dims[axis])))
		if err != nil {
			return nil, err
		}
		at, _ := start.Const()
		return func(w *worker) {
			w.shape(dst)
			s := &w.tiles[x]
			t := w.view(dst, s)
			t.str = s.str
			t.skipElements(int(at) * s.str[axis])
		}, nil
	case ugraph.OpSplit:
		axis, err := axisOf(0)
		if err != nil {
			return nil, err
		}
		results := n.results
		return func(w *worker) {
			s := &w.tiles[x]
			for i, r := range results {
				w.shape(r)
				t := w.view(r, s)
				t.str = s.str
				t.skipElements(i * t.dims[axis] * s.str[axis])
			}
		}, nil
	case ugraph.OpConcat:
		axis, err := axisOf(0)
		if err != nil {
			return nil, err
		}
		args := n.args
		return func(w *worker) {
			t := w.own(dst)
			part := *t
			for _, a := range args {
				s := &w.tiles[a]
				part.dims[axis] = s.dims[axis]
				w.copyTile(&part, s)
				part.skipElements(s.dims[axis] * t.str[axis])
			}
		}, nil
	case ugraph.OpGather, ugraph.OpScatterAdd:
		axis, err := axisOf(0)
		if err != nil {
			return nil, err
		}
		return b.compileIndexed(n, axis)
	}
	return nil, unsupported(n.op)
}

// onlyMatMul tells whether every use of a value is an operand of a matrix product.
func (b *block) onlyMatMul(v int) bool {
	uses := 0
	for i := range b.flat.nodes {
		m := &b.flat.nodes[i]
		for _, a := range m.args {
			if a == v {
				if m.op != ugraph.OpMatMul {
					return false
				}
				uses++
			}
		}
	}
	return uses == b.flat.uses[v]
}

// transpose copies s with its last two axes exchanged to t, which has no gaps.
func (w *worker) transpose(t, s *tile) {
	r := t.rank
	rows, cols := s.dims[r-2], s.dims[r-1]
	if rows*cols == 0 {
		return
	}
	if s.str[r-1] != 1 && cols > 1 {
		view := *s
		view.dims, view.str = t.dims, s.str
		view.str[r-2], view.str[r-1] = s.str[r-1], s.str[r-2]
		w.copyTile(t, &view)
		return
	}
	var at [maxRank]int
	off, out := 0, 0
	for {
		kernel.Transpose(t.f[out:], rows, s.f[off:], max(s.str[r-2], cols), rows, cols)
		out += rows * cols
		a := r - 3
		for ; a >= 0; a-- {
			at[a]++
			off += s.str[a]
			if at[a] < s.dims[a] {
				break
			}
			off -= s.str[a] * s.dims[a]
			at[a] = 0
		}
		if a < 0 {
			return
		}
	}
}

// indexAt reads element i (row-major) of an integer tile.
func indexAt(t *tile, i int) int {
	off := 0
	for a := t.rank - 1; a >= 0; a-- {
		off += i % t.dims[a] * t.str[a]
		i /= t.dims[a]
	}
	if t.kind == inI64 {
		return int(t.l[off])
	}
	return int(t.i[off])
}
