package cpu

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// compileIndexed makes the steps of gather and scatter_add. An index out of range fails the run.
func (b *block) compileIndexed(n *flatNode, axis int) (step, error) {
	dst, x, idx := n.results[0], n.args[0], n.args[1]
	// rows calls f for each index with the parts of x and of the gathered tensor that it joins.
	rows := func(w *worker, whole, part *tile, f func(whole, part *tile)) {
		index := &w.tiles[idx]
		count := index.elements()
		// The gathered tensor with the index's axes folded into one.
		p := tile{kind: part.kind, rank: whole.rank, f: part.f, d: part.d, i: part.i, l: part.l}
		p.dims = whole.dims
		p.dims[axis] = count
		for a := 0; a < axis; a++ {
			p.str[a] = part.str[a]
		}
		p.str[axis] = 1
		for a := axis + 1; a < whole.rank; a++ {
			p.str[a] = part.str[a+index.rank-1]
			p.str[axis] *= whole.dims[a]
		}
		for i := 0; i < count; i++ {
			at := indexAt(index, i)
			if at < 0 || at >= whole.dims[axis] {
				if w.err == nil {
					w.err = fmt.Errorf("%s: index %d is outside 0 … %d", n.op, at, whole.dims[axis]-1)
				}
				return
			}
			wr, pr := *whole, p
			wr.skipElements(at * whole.str[axis])
			pr.skipElements(i * p.str[axis])
			wr.dims[axis], pr.dims[axis] = 1, 1
			f(&wr, &pr)
		}
	}
	if n.op == ugraph.OpGather {
		return func(w *worker) {
			rows(w, &w.tiles[x], w.own(dst), func(whole, part *tile) { w.copyTile(part, whole) })
		}, nil
	}
	y := n.args[2]
	return func(w *worker) {
		t := w.own(dst)
		w.copyTile(t, &w.tiles[x])
		from := &w.tiles[y]
		if !from.contiguous() {
			c := tile{kind: from.kind, rank: from.rank, dims: from.dims}
			c.pack()
			switch c.kind {
			case inF32:
				c.f = make([]float32, from.elements())
			case inF64:
				c.d = make([]float64, from.elements())
			case inI32:
				c.i = make([]int32, from.elements())
			default:
				c.l = make([]int64, from.elements())
			}
			w.copyTile(&c, from)
			from = &c
		}
		rows(w, t, from, func(whole, part *tile) { w.addTile(whole, part) })
	}, nil
}

// addTile adds src to dst element by element.
func (w *worker) addTile(dst, src *tile) {
	switch dst.kind {
	case inF32:
		mapBinary(w, dst, dst, src, func(a, b float32) float32 { return a + b })
	case inF64:
		mapBinary(w, dst, dst, src, func(a, b float64) float64 { return a + b })
	case inI32:
		mapBinary(w, dst, dst, src, func(a, b int32) int32 { return a + b })
	default:
		mapBinary(w, dst, dst, src, func(a, b int64) int64 { return a + b })
	}
}

// philox is the first word of Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2,
// 3, SC'11) with key (seed, 0) and counter (index, 0, 0, 0).
func philox(seed, index uint32) uint32 {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	c0, c1, c2, c3 := index, uint32(0), uint32(0), uint32(0)
	k0, k1 := seed, uint32(0)
	for i := 0; i < 10; i++ {
		p0, p1 := uint64(m0)*uint64(c0), uint64(m1)*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0, k1 = k0+w0, k1+w1
	}
	return c0
}

// compileUniform makes the step of uniform: ((w >> 8) + 0.5) · 2^-24.
func (b *block) compileUniform(n *flatNode) (step, error) {
	dst, seed, index := n.results[0], n.args[0], n.args[1]
	f := func(s, i int32) float32 {
		return (float32(philox(uint32(s), uint32(i))>>8) + 0.5) * 0x1p-24
	}
	return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[seed], &w.tiles[index], f) }, nil
}
