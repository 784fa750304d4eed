package cpu

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// maxRank is the largest number of axes of a tile.
const maxRank = 8

// storage is how the elements of a tile lie in a worker's arena: the narrow floats as float32,
// the narrow integers and bool as int32.
type storage uint8

const (
	inF32 storage = iota
	inF64
	inI32
	inI64
	numStorages
)

func storageOf(t ugraph.DType) storage {
	switch {
	case t == ugraph.F64:
		return inF64
	case t.IsFloat():
		return inF32
	case t == ugraph.I64:
		return inI64
	}
	return inI32
}

// tile is a value of a block graph while its block runs: a view with strides in elements into an
// arena or into a tensor. Exactly one of the slices is used, as kind says; it begins at the tile's
// first element.
type tile struct {
	kind storage
	rank int
	dims [maxRank]int
	str  [maxRank]int
	f    []float32
	d    []float64
	i    []int32
	l    []int64
}

// elements is the number of elements of the tile.
func (t *tile) elements() int {
	n := 1
	for _, d := range t.dims[:t.rank] {
		n *= d
	}
	return n
}

// pack sets row-major strides without gaps.
func (t *tile) pack() {
	n := 1
	for a := t.rank - 1; a >= 0; a-- {
		t.str[a] = n
		n *= t.dims[a]
	}
}

// contiguous tells whether the elements lie without gaps in row-major order.
func (t *tile) contiguous() bool {
	n := 1
	for a := t.rank - 1; a >= 0; a-- {
		if t.dims[a] != 1 && t.str[a] != n {
			return false
		}
		n *= t.dims[a]
	}
	return true
}

// sameAs tells whether two tiles have the same extents.
func (t *tile) sameAs(u *tile) bool {
	if t.rank != u.rank {
		return false
	}
	for a := 0; a < t.rank; a++ {
		if t.dims[a] != u.dims[a] {
			return false
		}
	}
	return true
}

// number is the element type of a storage.
type number interface {
	float32 | float64 | int32 | int64
}

// elems returns the tile's slice as []T; T must be its storage's element type.
func elems[T number](t *tile) []T {
	var z T
	switch any(z).(type) {
	case float32:
		return any(t.f).([]T)
	case float64:
		return any(t.d).([]T)
	case int32:
		return any(t.i).([]T)
	default:
		return any(t.l).([]T)
	}
}

// walk visits a broadcast of up to four tiles in row-major order of the result, as runs along the
// innermost axes: in a run of length n, operand k steps by step[k] elements (0: one element repeated).
type walk struct {
	rank int
	dims [maxRank]int
	str  [4][maxRank]int
	at   [maxRank]int
	n    int
	step [4]int
	off  [4]int
	ops  int
	done bool
}

// start aligns the operands at the right to the result's extents and folds the innermost axes that
// all operands pass through evenly into one run.
func (w *walk) start(rank int, dims *[maxRank]int, tiles ...*tile) {
	w.ops, w.done = len(tiles), false
	w.rank = 0
	// Leave out axes of extent 1.
	for a := 0; a < rank; a++ {
		if dims[a] == 0 {
			w.done = true
			return
		}
		if dims[a] == 1 {
			continue
		}
		r := w.rank
		w.dims[r], w.at[r] = dims[a], 0
		for k, t := range tiles {
			b := a - (rank - t.rank)
			if b < 0 || t.dims[b] == 1 {
				w.str[k][r] = 0
			} else {
				w.str[k][r] = t.str[b]
			}
		}
		w.rank++
	}
	w.off = [4]int{}
	if w.rank == 0 {
		w.n, w.step = 1, [4]int{}
		return
	}
	r := w.rank - 1
	w.n = w.dims[r]
	for k := range tiles {
		w.step[k] = w.str[k][r]
	}
	for r > 0 {
		for k := range tiles {
			if w.str[k][r-1] != w.step[k]*w.n {
				w.rank = r
				return
			}
		}
		r--
		w.n *= w.dims[r]
	}
	w.rank = 0
}

// next moves to the next run; it returns false after the last.
func (w *walk) next() bool {
	for a := w.rank - 1; a >= 0; a-- {
		w.at[a]++
		for k := 0; k < w.ops; k++ {
			w.off[k] += w.str[k][a]
		}
		if w.at[a] < w.dims[a] {
			return true
		}
		w.at[a] = 0
		for k := 0; k < w.ops; k++ {
			w.off[k] -= w.str[k][a] * w.dims[a]
		}
	}
	return false
}

// copyStrided copies src to dst, both with strides, over dst's extents (src broadcasts).
func copyStrided[T number](w *walk, dst, src *tile) {
	d, s := elems[T](dst), elems[T](src)
	w.start(dst.rank, &dst.dims, dst, src)
	for ok := !w.done; ok; ok = w.next() {
		copyRun(d[w.off[0]:], s[w.off[1]:], w.n, w.step[0], w.step[1])
	}
}

func copyRun[T number](d, s []T, n, ds, ss int) {
	switch {
	case ds == 1 && ss == 1:
		copy(d[:n], s)
	case ds == 1 && ss == 0:
		v := s[0]
		for i := range d[:n] {
			d[i] = v
		}
	default:
		for i, p, q := 0, 0, 0; i < n; i, p, q = i+1, p+ds, q+ss {
			d[p] = s[q]
		}
	}
}
