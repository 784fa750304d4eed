package cpu

import (
	"math"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

// accumulator returns an accumulator's tile, which keeps its place in the arena over the trips.
func (w *worker) accumulator(v int) *tile { return w.own(v) }

// initial is the value with which an accumulator of a kind starts.
func initial(kind string) float64 {
	switch kind {
	case "max":
		return math.Inf(-1)
	case "min":
		return math.Inf(1)
	}
	return 0
}

// fillInitial sets a tile to the value with which its accumulator starts; integers start at the
// least or greatest value of their type.
func (w *worker) fillInitial(t *tile, dt ugraph.DType, kind string) {
	v := initial(kind)
	n := t.elements()
	switch t.kind {
	case inF32:
		kernel.Fill(t.f[:n], float32(v))
	case inF64:
		for i := range t.d[:n] {
			t.d[i] = v
		}
	case inI32:
		for i := range t.i[:n] {
			t.i[i] = int32(saturate(dt, floatToInt64(v)))
		}
	default:
		for i := range t.l[:n] {
			t.l[i] = floatToInt64(v)
		}
	}
}

// compileAccum makes the step that updates an accumulator in a trip. The first trip sets it.
func (b *block) compileAccum(n *flatNode) (step, error) {
	acc, x := n.results[0], n.args[0]
	factor := -1
	if len(n.args) == 2 {
		factor = n.args[1]
	}
	kind := n.attrs.Word("kind", "sum")
	prev := b.previousOf[acc]
	dt := b.values[acc].dtype
	join := b.joinTile(kind)
	keep := func(w *worker) {
		if prev < 0 {
			return
		}
		p := w.own(prev)
		if w.first {
			w.fillInitial(p, dt, kind)
		} else {
			w.copyTile(p, w.accumulator(acc))
		}
	}
	if b.fusedInto[acc] {
		// The product has been added where it was computed.
		return func(w *worker) {}, nil
	}
	return func(w *worker) {
		keep(w)
		t, s := w.accumulator(acc), &w.tiles[x]
		if w.first {
			if !t.sameAs(s) { // a ragged tile of a folded axis: the rest keeps its start
				w.fillInitial(t, dt, kind)
				join(w, t, s)
				return
			}
			w.copyTile(t, s)
			return
		}
		if factor >= 0 {
			w.scaleBy(t, &w.tiles[factor])
		}
		join(w, t, s)
	}, nil
}

// joinTile returns the function that joins a tile to an accumulator. A tile that is smaller along a
// folded axis updates the leading part.
func (b *block) joinTile(kind string) func(w *worker, acc, x *tile) {
	op := kernel.Add
	switch kind {
	case "max":
		op = kernel.Maximum
	case "min":
		op = kernel.Minimum
	}
	return func(w *worker, acc, x *tile) {
		part := *acc
		for a := 0; a < acc.rank; a++ {
			part.dims[a] = min(acc.dims[a], x.dims[a])
		}
		switch acc.kind {
		case inF32:
			w.binaryStrided(op, &part, x)
		case inF64:
			mapBinary(w, &part, &part, x, joinFunc[float64](kind))
		case inI32:
			mapBinary(w, &part, &part, x, joinFunc[int32](kind))
		default:
			mapBinary(w, &part, &part, x, joinFunc[int64](kind))
		}
	}
}

func joinFunc[T number](kind string) func(a, b T) T {
	switch kind {
	case "max":
		return func(a, b T) T { return max(a, b) }
	case "min":
		return func(a, b T) T { return min(a, b) }
	}
	return func(a, b T) T { return a + b }
}

// binaryStrided computes t = op(t, x) where t may have gaps.
func (w *worker) binaryStrided(op kernel.BinaryOp, t, x *tile) {
	w.walk.start(t.rank, &t.dims, t, x)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		if wk.step[0] != 1 && wk.n > 1 {
			for i, p, q := 0, wk.off[0], wk.off[1]; i < wk.n; i, p, q = i+1, p+wk.step[0], q+wk.step[1] {
				t.f[p] = binaryOne(op, t.f[p], x.f[q])
			}
			continue
		}
		d := t.f[wk.off[0] : wk.off[0]+wk.n]
		if wk.step[1] == 0 {
			kernel.BinaryScalar(op, d, d, x.f[wk.off[1]])
			continue
		}
		kernel.Binary(op, d, d, w.run(0, x.f, wk.off[1], wk.n, wk.step[1]))
	}
}
