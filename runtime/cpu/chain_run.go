package cpu

import "github.com/morgana-ml/morgana/runtime/cpu/kernel"

// This file runs compiled chains, piece by piece.

// startChain sets up the walk: all tiles of the chain over the result's extents, the innermost axis
// (with others folded into it where all tiles pass evenly and nothing is reduced) as runs.
func (w *worker) startChain(c *chain, t *tile) {
	r := &w.chain
	n := 0
	for a := 0; a < t.rank; a++ {
		if t.dims[a] == 1 && (len(c.sums) == 0 || a != t.rank-1) {
			continue
		}
		r.dims[n], r.at[n] = t.dims[a], 0
		for k := range c.ins {
			u := &w.tiles[c.ins[k]]
			r.str[k][n] = 0
			if i := a - (t.rank - u.rank); i >= 0 && u.dims[i] != 1 {
				r.str[k][n] = u.str[i]
			}
		}
		for k, v := range c.outs {
			r.str[len(c.ins)+k][n] = w.tiles[v].str[a]
		}
		n++
	}
	all := len(c.ins) + len(c.outs)
	gaps := n == 0
	for k := len(c.ins); k < all && !gaps; k++ {
		gaps = r.str[k][n-1] != 1
	}
	if gaps { // a column of an output: runs of one element
		r.dims[n], r.at[n] = 1, 0
		for k := 0; k < all; k++ {
			r.str[k][n] = 0
			if k >= len(c.ins) {
				r.str[k][n] = 1
			}
		}
		n++
	}
	for len(c.sums) == 0 && n > 1 {
		even := true
		for k := 0; k < all; k++ {
			even = even && r.str[k][n-2] == r.str[k][n-1]*r.dims[n-1]
		}
		if !even {
			break
		}
		r.dims[n-2] *= r.dims[n-1]
		for k := 0; k < all; k++ {
			r.str[k][n-2] = r.str[k][n-1]
		}
		n--
	}
	r.rank = n - 1
	for k := 0; k < all; k++ {
		r.step[k], r.off[k] = r.str[k][n-1], 0
		if k < len(c.ins) {
			r.mem[k] = w.tiles[c.ins[k]].f
		} else {
			r.mem[k] = w.tiles[c.outs[k-len(c.ins)]].f
		}
	}
}

// runChain computes a chain for the block and trip of the worker.
func (w *worker) runChain(b *block, c *chain) {
	t := w.shape(c.of)
	shape := tile{rank: t.rank, dims: t.dims}
	for _, v := range c.outs {
		if o := b.direct[v]; o >= 0 {
			w.target(v, &b.outputs[o])
		} else {
			w.own(v)
		}
	}
	for i := range c.sums {
		w.own(c.sums[i].value)
	}
	if shape.elements() == 0 {
		for i := range c.sums {
			s := &w.tiles[c.sums[i].value]
			kernel.Fill(s.f[:s.elements()], c.sums[i].init)
		}
		return
	}
	w.startChain(c, &shape)
	r := &w.chain
	scratch(&r.buf, (c.slots+chainSpares)*chainRun)
	length := r.dims[r.rank]
	all := len(c.ins) + len(c.outs)
	for row := 0; ; row++ {
		for at := 0; at < length; at += chainRun {
			w.chainPiece(c, at, min(chainRun, length-at))
		}
		for i := range c.sums {
			s := &c.sums[i]
			v := r.acc[i]
			if s.mean {
				v *= float32(1 / float64(length))
			}
			w.tiles[s.value].f[row] = v
		}
		a := r.rank - 1
		for ; a >= 0; a-- {
			r.at[a]++
			for k := 0; k < all; k++ {
				r.off[k] += r.str[k][a]
			}
			if r.at[a] < r.dims[a] {
				break
			}
			for k := 0; k < all; k++ {
				r.off[k] -= r.str[k][a] * r.dims[a]
			}
			r.at[a] = 0
		}
		if a < 0 {
			return
		}
	}
}

// piece is the elements at … at+n−1 of a row of an operand, and whether they are one number.
func (w *worker) piece(ref chainRef, spare, slots, at, n int) ([]float32, bool) {
	r := &w.chain
	if ref < 0 {
		s := int(^ref) * chainRun
		return r.buf[s : s+n], false
	}
	off := r.off[ref] + at*r.step[ref]
	switch r.step[ref] {
	case 1:
		return r.mem[ref][off : off+n], false
	case 0:
		return r.mem[ref][off : off+1], true
	}
	s := (slots + spare) * chainRun
	copyRun(r.buf[s:s+n], r.mem[ref][off:], n, 1, r.step[ref])
	return r.buf[s : s+n], false
}

// chainPiece passes a piece of a row through a chain.
func (w *worker) chainPiece(c *chain, at, n int) {
	r := &w.chain
	for i := range c.ops {
		op := &c.ops[i]
		d, _ := w.piece(op.dst, 0, c.slots, at, n)
		x, one := w.piece(op.a, 0, c.slots, at, n)
		if op.unary != nil {
			if one {
				op.unary(w, d[:1], x)
				kernel.Fill(d, d[0])
			} else {
				op.unary(w, d, x)
			}
			continue
		}
		y, other := w.piece(op.b, 1, c.slots, at, n)
		if op.expSub {
			w.expSub(op, d, x, y, one, other, at == 0)
			continue
		}
		if op.mulAdd {
			z, third := w.piece(op.addend, 2, c.slots, at, n)
			mulAddPiece(op.binary, d, x, y, z, one, other, third, r.buf[(c.slots+3)*chainRun:][:n])
			continue
		}
		binaryPiece(op.binary, d, x, y, one, other)
	}
	for i := range c.sums {
		s := &c.sums[i]
		if s.given {
			continue
		}
		x, one := w.piece(s.of, 0, c.slots, at, n)
		if one {
			v := x[0]
			x = r.buf[c.slots*chainRun:][:n]
			kernel.Fill(x, v)
		}
		r.add(i, s, s.run(x), at == 0)
	}
}

func (r *chainRow) add(i int, s *chainSum, v float32, first bool) {
	if first {
		r.acc[i] = v
	} else {
		r.acc[i] = s.join(r.acc[i], v)
	}
}

// expSub computes d = exp(x - y), and its sum where a reduction takes it.
func (w *worker) expSub(op *chainOp, d, x, y []float32, one, other, first bool) {
	var sum float32
	if other && !one {
		sum = kernel.ExpSum(d, x, y[0])
	} else {
		binaryPiece(kernel.Sub, d, x, y, one, other)
		kernel.Unary(kernel.Exp, d, d)
		if op.sum >= 0 {
			sum = kernel.Sum(d)
		}
	}
	if op.sum >= 0 {
		if first {
			w.chain.acc[op.sum] = sum
		} else {
			w.chain.acc[op.sum] += sum
		}
	}
}

// binaryPiece computes d = op(x, y), where x and y may be one number each.
func binaryPiece(op kernel.BinaryOp, d, x, y []float32, one, other bool) {
	switch {
	case one && other:
		kernel.Fill(d, binaryOne(op, x[0], y[0]))
	case one:
		kernel.ScalarBinary(op, d, x[0], y)
	case other && op == kernel.Div:
		divide(d, x, y[0])
	case other:
		kernel.BinaryScalar(op, d, x, y[0])
	default:
		kernel.Binary(op, d, x, y)
	}
}

// mulAddPiece computes d = op(x, y) + z for a product or quotient, where each operand may be one
// number; d may be any of them. spare holds the first result where it is not added at once.
func mulAddPiece(op kernel.BinaryOp, d, x, y, z []float32, one, other, third bool, spare []float32) {
	switch {
	case third || one && other:
	case op == kernel.Div:
		if other && hasReciprocal(y[0]) {
			kernel.Axpy(d, x, z, 1/y[0])
			return
		}
	case one:
		kernel.Axpy(d, y, z, x[0])
		return
	case other:
		kernel.Axpy(d, x, z, y[0])
		return
	default:
		kernel.FusedMulAdd(d, x, y, z)
		return
	}
	binaryPiece(op, spare, x, y, one, other)
	binaryPiece(kernel.Add, d, spare, z, false, third)
}

// hasReciprocal tells whether s and its reciprocal are normal numbers.
func hasReciprocal(s float32) bool {
	a := max(s, -s)
	return a > 0x1p-120 && a < 0x1p120
}

// divide computes d = x / s: by the reciprocal where that and s are normal numbers.
func divide(d, x []float32, s float32) {
	if hasReciprocal(s) {
		kernel.Scale(d, x, 1/s)
		return
	}
	kernel.BinaryScalar(kernel.Div, d, x, s)
}
