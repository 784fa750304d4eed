package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// cell is one entry of a tensor: a value of the algebra, or an integer.
type cell[V any] struct {
	f V
	i int64
}

// lazyTensor is a tensor of the real size whose entries are evaluated when they are asked for.
type lazyTensor[V any] struct {
	dt    ugraph.DType
	shape []int
	gen   func(at int) cell[V]
	memo  *memo[V] // nil: entries are another tensor's and are not kept twice
}

// memo keeps entries in pages: those that are asked for often lie side by side.
type memo[V any] struct {
	few  []*page[V]       // the pages of a small tensor
	many map[int]*page[V] // of a large one
}

type page[V any] struct {
	have uint64
	c    [64]cell[V]
}

const smallMemo = 1 << 18

func newMemo[V any](n int) *memo[V] {
	if n <= smallMemo {
		return &memo[V]{few: make([]*page[V], (n+63)/64)}
	}
	return &memo[V]{many: map[int]*page[V]{}}
}

func (m *memo[V]) get(i int) (*cell[V], bool) {
	var p *page[V]
	if m.few != nil {
		p = m.few[i/64]
	} else {
		p = m.many[i/64]
	}
	if p == nil || p.have>>(i%64)&1 == 0 {
		return nil, false
	}
	return &p.c[i%64], true
}

func (m *memo[V]) put(i int, c cell[V]) {
	var p *page[V]
	if m.few != nil {
		p = m.few[i/64]
	} else {
		p = m.many[i/64]
	}
	if p == nil {
		p = &page[V]{}
		if m.few != nil {
			m.few[i/64] = p
		} else {
			m.many[i/64] = p
		}
	}
	p.have |= 1 << (i % 64)
	p.c[i%64] = c
}

// lazyEngine evaluates single entries of graphs at the real size, exactly as written, on demand: an
// entry of an output asks for the entries that it needs, back through the graph; a reduction asks for
// all of its axis, an entry of a kernel's output for the block and the trips that write it.
type lazyEngine[V any] struct {
	*engine[V]
	env     ugraph.Env
	bad     error // the first error
	limit   int   // of entries and terms
	partial bool  // some blocks that write one place were not compared

	own map[*ugraph.Node]bool // gathers and scatters all of whose indices are evaluated
}

func (z *lazyEngine[V]) fail(err error) cell[V] {
	if z.bad == nil {
		z.bad = err
	}
	return cell[V]{}
}

// maxDemand bounds the entries and terms that one evaluation of all entries may ask for, maxSample
// those of one of sampled blocks.
const (
	maxDemand = 1 << 23
	maxPiece  = 1 << 23 // of all tests of a piece
	maxSample = 1 << 21
)

func (z *lazyEngine[V]) spend(n int) bool {
	if z.bad != nil {
		return false
	}
	if z.steps > z.limit-n {
		z.fail(&errTooLarge{})
		return false
	}
	if err := z.tick(n); err != nil {
		z.fail(err)
		return false
	}
	return true
}

// of is a tensor whose entries gen computes, each once.
func (z *lazyEngine[V]) of(dt ugraph.DType, shape []int, gen func(at int) cell[V]) *lazyTensor[V] {
	return &lazyTensor[V]{dt: dt, shape: shape, gen: gen, memo: newMemo[V](elements(shape))}
}

// view is a tensor whose entries are those of another one.
func view[V any](dt ugraph.DType, shape []int, gen func(at int) cell[V]) *lazyTensor[V] {
	return &lazyTensor[V]{dt: dt, shape: shape, gen: gen}
}

// at is one entry.
func (z *lazyEngine[V]) at(t *lazyTensor[V], i int) cell[V] {
	if t.memo == nil {
		return t.gen(i)
	}
	if c, ok := t.memo.get(i); ok {
		return *c
	}
	if !z.spend(1) {
		return cell[V]{}
	}
	c := t.gen(i)
	t.memo.put(i, c)
	return c
}

// strided is the entries of t that strides find, as a tensor of the given shape.
func (z *lazyEngine[V]) strided(t *lazyTensor[V], shape, stride []int, base int) *lazyTensor[V] {
	own := strides(shape)
	return view(t.dt, shape, func(i int) cell[V] {
		at := base
		for ax, s := range own {
			at += i / s % shape[ax] * stride[ax]
		}
		return z.at(t, at)
	})
}

// part is positions [lo, hi) of an axis.
func (z *lazyEngine[V]) part(t *lazyTensor[V], ax, lo, hi int) *lazyTensor[V] {
	if lo == 0 && hi == t.shape[ax] {
		return t
	}
	shape := append([]int(nil), t.shape...)
	shape[ax] = hi - lo
	st := strides(t.shape)
	return z.strided(t, shape, st, lo*st[ax])
}

// collect evaluates entries into a dense tensor of the given shape: entry k is entry offsets[k] of t.
func (z *lazyEngine[V]) collect(t *lazyTensor[V], shape, offsets []int) *tensor[V] {
	d := newTensor[V](t.dt, shape)
	for k, o := range offsets {
		c := z.at(t, o)
		if d.f != nil {
			d.f[k] = c.f
		} else {
			d.i[k] = c.i
		}
	}
	return d
}

// cellOf is an entry of a dense tensor.
func cellOf[V any](t *tensor[V], i int) cell[V] {
	if t.f != nil {
		return cell[V]{f: t.f[i]}
	}
	return cell[V]{i: t.i[i]}
}

// index splits a flat index.
func index(at int, shape []int) []int {
	out := make([]int, len(shape))
	for ax := len(shape) - 1; ax >= 0; ax-- {
		out[ax] = at % shape[ax]
		at /= shape[ax]
	}
	return out
}

// runLazy builds the values of a kernel-level or thread graph.
func (z *lazyEngine[V]) runLazy(g *ugraph.Graph, inputs []*lazyTensor[V]) []*lazyTensor[V] {
	vals := make([]*lazyTensor[V], len(g.Values))
	for i, in := range g.Inputs {
		vals[in.Value] = inputs[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]*lazyTensor[V], len(n.Args))
		for k, a := range n.Args {
			args[k] = vals[a]
		}
		rs, err := z.nodeLazy(g, n, args)
		if err != nil {
			z.fail(wrap(n, err))
			return nil
		}
		for k, r := range n.Results {
			vals[r] = rs[k]
		}
	}
	outs := make([]*lazyTensor[V], len(g.Outputs))
	for i, o := range g.Outputs {
		outs[i] = vals[o.Value]
	}
	return outs
}
