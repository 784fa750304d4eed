package verify

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// evaluatePlaces evaluates single entries of the outputs of both graphs at the real size. The outputs
// come back as vectors of these entries.
func evaluatePlaces[V any](c *check, alg algebra[V], in *instance, places [][]int, src source[V]) (*pairOf[V], error) {
	out := &pairOf[V]{}
	for i, ps := range places {
		dt := c.a.Value(c.a.Outputs[i].Value).DType
		out.outA = append(out.outA, newTensor[V](dt, []int{len(ps)}))
		out.outB = append(out.outB, nil)
	}
	for i, j := range c.m.outputs {
		out.outB[j] = newTensor[V](c.a.Value(c.a.Outputs[i].Value).DType, []int{len(places[i])})
	}
	own, err := c.watched()
	if err != nil {
		return nil, err
	}
	steps := 0
	for i, ps := range places {
		for start := 0; start < len(ps); start += placesAtOnce {
			// Anew for each run of places: what was evaluated for others need not be kept.
			run := ps[start:min(start+placesAtOnce, len(ps))]
			z := &lazyEngine[V]{engine: &engine[V]{alg: alg, inst: in, ctx: c.ctx, steps: steps}, env: c.env, limit: maxDemand, own: own}
			if c.limit > 0 {
				z.limit = c.limit
			}
			inputs := z.inputs(c, src)
			bIn := make([]*lazyTensor[V], len(inputs))
			for j, k := range c.m.inputs {
				bIn[j] = inputs[k]
			}
			for at, g := range []*ugraph.Graph{c.a, c.b} {
				side(alg, at)
				args, o, to := inputs, i, out.outA[i]
				if at == 1 {
					args, o = bIn, c.m.outputs[i]
					to = out.outB[o]
				}
				outs := z.runLazy(g, args)
				for k, p := range run {
					if z.bad != nil {
						break
					}
					e := z.at(outs[o], p)
					if to.f != nil {
						to.f[start+k] = e.f
					} else {
						to.i[start+k] = e.i
					}
				}
				if z.bad == nil {
					z.bad = alg.err()
				}
				if z.bad != nil && at == 0 {
					return nil, &inProgram{z.bad}
				}
				if z.bad != nil {
					return nil, z.bad
				}
			}
			steps = z.steps
			c.partialBlocks = c.partialBlocks || z.partial
		}
	}
	c.demand = steps
	return out, nil
}

// placesAtOnce bounds the entries whose evaluation is kept in memory together.
const placesAtOnce = 1 << 12

// inputs are the program's inputs, drawn entry by entry.
func (z *lazyEngine[V]) inputs(c *check, src source[V]) []*lazyTensor[V] {
	out := make([]*lazyTensor[V], len(c.a.Inputs))
	for i := range out {
		v := c.a.Inputs[i].Value
		name := inputName(i)
		dt := c.a.Value(v).DType
		shape := c.realShape(c.a, v)
		if dt.IsFloat() {
			out[i] = z.of(dt, shape, func(k int) cell[V] { return cell[V]{f: src.input(name, k)} })
			continue
		}
		one := c.integerSource(z.inst, i, shape, func(k int) uint64 { return src.word(name, k) })
		out[i] = z.of(dt, shape, func(k int) cell[V] { return cell[V]{i: one(k)} })
	}
	return out
}

// realShape is the shape of a value at the size that the check works with.
func (c *check) realShape(g *ugraph.Graph, v ugraph.ValueID) []int {
	shape := make([]int, g.Value(v).Rank())
	for ax, d := range g.Value(v).Shape {
		n, _ := d.Eval(c.env)
		shape[ax] = int(n)
	}
	return shape
}

// sample is a choice of output entries at the real size.
type sample struct {
	places [][]int // per output, sorted
	blocks int     // pairs of neighbours that were chosen
	total  int     // entries of all outputs

	corners bool // every combination of positions at which one axis each changes is among them
}

// sampled chooses entries of the outputs: the first and last ones, those around every position at
// which an operator, a mask or a cut changes (numbers), along the diagonals of such positions where two
// axes meet, and random ones.
func (c *check) sampled(n *numbers) (*sample, error) {
	s := &sample{corners: true}
	word, stream := uint64(0), c.key.Label("places")
	random := func(below int) int {
		word++
		return int(stream.Word(word, 0) % uint64(below))
	}
	for _, o := range c.a.Outputs {
		shape := c.realShape(c.a, o.Value)
		total := 1
		for _, d := range shape {
			if total > 1<<48/d {
				return nil, &errTooLarge{}
			}
			total *= d
		}
		s.total += total
		points := make([][]int, len(shape))
		for ax, d := range shape {
			points[ax] = n.points(d)
		}
		chosen := map[int]bool{}
		st := strides(shape)
		add := func(idx []int) {
			at := 0
			for ax, p := range idx {
				if p < 0 || p >= shape[ax] {
					return
				}
				at += p * st[ax]
			}
			s.blocks++
			chosen[at] = true
			if last := len(shape) - 1; last >= 0 && idx[last]+1 < shape[last] {
				chosen[at+1] = true
			}
		}
		idx := make([]int, len(shape))
		others := func(but int) {
			for ax, d := range shape {
				if ax == but {
					continue
				}
				if idx[ax] = random(d); random(2) == 0 {
					idx[ax] = points[ax][random(len(points[ax]))]
				}
			}
		}
		for ax := range shape {
			for _, p := range points[ax] {
				others(ax)
				idx[ax] = p
				add(idx)
			}
			for bx := range ax {
				for _, d := range n.sums {
					for range 4 {
						others(-1)
						idx[ax] = idx[bx] + int(d) + random(3) - 1
						add(idx)
					}
				}
			}
		}
		s.corners = n.everyCorner(shape, add) && s.corners
		if len(n.inner) > 0 {
			for _, sum := range n.sums {
				for d := int64(-1); d <= 1; d++ {
					for _, flat := range c.unflattened(shape, sum+d, n.inner) {
						others(-1)
						for ax, p := range flat {
							idx[ax] = p
						}
						add(idx)
					}
				}
			}
		}
		for range 16 {
			others(-1)
			add(idx)
		}
		ps := make([]int, 0, len(chosen))
		for p := range chosen {
			ps = append(ps, p)
		}
		slices.Sort(ps)
		s.places = append(s.places, ps)
	}
	return s, nil
}

// maxCorners bounds the combinations of positions of several axes.
const maxCorners = 1 << 16

// everyCorner adds every combination of positions at which one axis each changes: a mask of several axes
// may hold at one of them alone. It tells whether there were not too many.
func (n *numbers) everyCorner(shape []int, add func(idx []int)) bool {
	corners := make([][]int, len(shape))
	total := 1
	for ax, d := range shape {
		corners[ax] = n.corners(d)
		if total *= len(corners[ax]); total > maxCorners {
			return false
		}
	}
	idx := make([]int, len(shape))
	for k := range total {
		for ax := range shape {
			idx[ax] = corners[ax][k%len(corners[ax])]
			k /= len(corners[ax])
		}
		add(idx)
	}
	return true
}

// unflattened lists where position p of a merged axis may lie in a tensor, as positions along some of
// its axes: along its last axes merged, and along any two axes as quotient and remainder.
func (c *check) unflattened(shape []int, p int64, inner []int64) []map[int]int {
	if p < 0 {
		return nil
	}
	var out []map[int]int
	size := int64(1)
	for ax := len(shape) - 1; ax >= 0; ax-- {
		if size *= int64(shape[ax]); ax < len(shape)-1 && p < size {
			at := map[int]int{}
			for k, q := range index(int(p), shape[ax:]) {
				at[ax+k] = q
			}
			out = append(out, at)
		}
	}
	for _, t := range inner {
		for a := range shape {
			for b := range shape {
				if a != b && p/t < int64(shape[a]) && p%t < int64(shape[b]) {
					out = append(out, map[int]int{a: int(p / t), b: int(p % t)})
				}
			}
		}
	}
	return out
}

// everything is all entries of all outputs.
func (c *check) everything() [][]int {
	var out [][]int
	for _, o := range c.a.Outputs {
		ps := make([]int, elements(c.realShape(c.a, o.Value)))
		for i := range ps {
			ps[i] = i
		}
		out = append(out, ps)
	}
	return out
}
