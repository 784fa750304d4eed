package cpu

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// worker is what one thread of a run owns: the tiles of the block that it computes, their arena, and
// scratch. Nothing here is shared.
type worker struct {
	blk   *block
	inst  *instance
	tiles []tile
	arena [numStorages]tile // one slice each, sized at the largest need of the instance's kernels
	coord []int
	trip  int
	first bool // no trip has updated the accumulators yet
	walk  walk
	chain chainRow
	bits  [256]uint16  // a piece of a row in a narrow type
	row   [3][]float32 // scratch rows for runs with other steps than 0 and 1
	gemm  []float32    // scratch of the matrix product
	gathA []float32    // an operand of the matrix product copied without gaps
	gathB []float32
	ints  []int
	err   error // the first failure of an operator that depends on data (an index out of range)
}

// scratch returns a slice of n elements, growing s when it is too short.
func scratch(s *[]float32, n int) []float32 {
	if len(*s) < n {
		*s = make([]float32, n)
	}
	return (*s)[:n]
}

// shape sets the extents of a value's tile for this block and trip and returns the tile.
func (w *worker) shape(v int) *tile {
	t, info := &w.tiles[v], &w.blk.values[v]
	t.dims = info.dims
	for i := range info.cuts {
		c := &info.cuts[i]
		t.dims[c.axis] = c.size(w.coord, w.trip)
	}
	return t
}

// own sets the extents of a value and points its tile at its place in the arena, without gaps.
func (w *worker) own(v int) *tile {
	t := w.shape(v)
	info := &w.blk.values[v]
	n := info.size
	at := w.blk.slot[v]
	switch t.kind {
	case inF32:
		t.f = w.arena[inF32].f[at : at+n]
	case inF64:
		t.d = w.arena[inF64].d[at : at+n]
	case inI32:
		t.i = w.arena[inI32].i[at : at+n]
	default:
		t.l = w.arena[inI64].l[at : at+n]
	}
	t.pack()
	return t
}

// view makes the tile of v a view of u's elements.
func (w *worker) view(v int, u *tile) *tile {
	t := &w.tiles[v]
	t.f, t.d, t.i, t.l = u.f, u.d, u.i, u.l
	return t
}

// valueInfo is what is known of a value before a block runs.
type valueInfo struct {
	kind  storage
	dtype ugraph.DType
	rank  int
	dims  [maxRank]int // of a full tile
	size  int          // elements of a full tile
	cuts  []cutSize
}
