package verify

import (
	"fmt"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// span is the run of positions along one axis of an output that a block's tile covers.
type span struct {
	lo, hi int
	coords []int // of the grid dimensions that are mapped to the axis
	trip   int
}

// output is a kernel's result. That its tiles cover every axis exactly once is checked here for all
// blocks and trips (theory 5.1, by counting); the values are evaluated on demand.
func (k *lazyKernel[V]) output(outer *ugraph.Graph, r ugraph.ValueID, i int) (*lazyTensor[V], error) {
	o := k.g.Outputs[i]
	inLoop := k.phases[o.Value] == ugraph.InLoop
	if inLoop != (o.Store.Loop >= 0) {
		return nil, fmt.Errorf("it is stored in the loop and outside, or its store names no axis that the loop cuts")
	}
	rank := k.g.Values[o.Value].Rank()
	shape := make([]int, rank)
	spans := make([][]span, rank)
	mapped := make([][]int, rank) // per axis: its grid dimensions
	var unmapped []int
	for gi, ax := range o.Store.Grid {
		if ax < 0 {
			unmapped = append(unmapped, gi)
		} else {
			mapped[ax] = append(mapped[ax], gi)
		}
	}
	for ax := range shape {
		d, _, err := k.inst.extent(outer, r, ax)
		if err != nil {
			return nil, err
		}
		shape[ax] = d
		if spans[ax], err = k.spans(o, ax, mapped[ax]); err != nil {
			return nil, err
		}
		end := 0
		for _, s := range spans[ax] {
			if s.lo != end || s.hi <= s.lo {
				return nil, &errConflict{fmt.Sprintf("tiles do not cover axis %d once: position %d follows %d", ax, s.lo, end)}
			}
			end = s.hi
		}
		if end != d {
			return nil, &errConflict{fmt.Sprintf("tiles cover %d positions of axis %d, not %d", end, ax, d)}
		}
	}
	writers := 1
	for _, gi := range unmapped {
		if writers > maxDemand/max(1, k.grid[gi]) {
			return nil, &errTooLarge{}
		}
		writers *= k.grid[gi]
	}
	which := make([]int, 0, min(writers, maxUnmapped))
	for w := range writers {
		if o.Store.Reduce != "" || writers <= maxUnmapped || w < maxUnmapped/2 || w >= writers-maxUnmapped/2 {
			which = append(which, w)
		}
	}
	k.partial = k.partial || len(which) < writers
	dt := k.g.Values[o.Value].DType
	return k.of(dt, shape, func(e int) cell[V] {
		if !k.spend(len(which)) {
			return cell[V]{}
		}
		coords := make([]int, len(k.grid))
		local := index(e, shape)
		trip := -1
		for ax, p := range local {
			s := spans[ax][sort.Search(len(spans[ax]), func(j int) bool { return spans[ax][j].hi > p })]
			for j, gi := range mapped[ax] {
				coords[gi] = s.coords[j]
			}
			if o.Store.Loop == ax {
				trip = s.trip
			}
			local[ax] = p - s.lo
		}
		terms := make([]cell[V], len(which))
		for t, w := range which {
			for j := len(unmapped) - 1; j >= 0; j-- {
				coords[unmapped[j]] = w % k.grid[unmapped[j]]
				w /= k.grid[unmapped[j]]
			}
			tile := k.block(coords).value(o.Value, trip)
			st, at := strides(tile.shape), 0
			for ax, p := range local {
				if p >= tile.shape[ax] {
					return k.fail(errShape)
				}
				at += p * st[ax]
			}
			terms[t] = k.at(tile, at)
		}
		return k.combineBlocks(dt, o.Store.Reduce, terms)
	}), k.bad
}

// combineBlocks is what blocks that write one place leave there.
func (k *lazyKernel[V]) combineBlocks(dt ugraph.DType, reduce string, terms []cell[V]) cell[V] {
	if reduce == "" {
		c, _ := k.alg.(comparer[V])
		for _, t := range terms[1:] {
			if dt.IsFloat() && c != nil && !c.same(terms[0].f, t.f) || !dt.IsFloat() && t.i != terms[0].i {
				return k.fail(&errConflict{"two blocks write different values to one place"})
			}
		}
		return terms[0]
	}
	d := newTensor[V](dt, []int{len(terms)})
	for i, t := range terms {
		if d.f != nil {
			d.f[i] = t.f
		} else {
			d.i[i] = t.i
		}
	}
	d.dt = dt
	return k.entry(k.reduce(reduceOps[reduce], d, []int{0}, true, ugraph.Type{}))
}

// spans lists, in order, which blocks and trips cover which positions of an axis. Tiles have one
// extent but for the last part of each cut.
func (k *lazyKernel[V]) spans(o ugraph.Output, ax int, mapped []int) ([]span, error) {
	typ := k.g.Values[o.Value].Type
	total := 1
	for _, gi := range mapped {
		if total > maxDemand/max(1, k.grid[gi]) {
			return nil, &errTooLarge{}
		}
		total *= k.grid[gi]
	}
	known := map[string]int{}
	var out []span
	at := make([]int, len(k.grid))
	coords := make([]int, len(mapped))
	for b := range total {
		for j := len(mapped) - 1; j >= 0; j-- {
			coords[j] = b % k.grid[mapped[j]]
			b /= k.grid[mapped[j]]
		}
		kind := ""
		for j, gi := range mapped {
			at[gi] = coords[j]
			kind += fmt.Sprint(coords[j] == k.grid[gi]-1)
		}
		trips, loopTile := 1, 0
		if o.Store.Loop == ax {
			n, ok := known["trips"+kind]
			if !ok {
				n = k.block(at).trips
				known["trips"+kind] = n
			}
			trips, loopTile = n, k.inst.loop(k.g).tile
		}
		for t := range trips {
			if !k.spend(1) {
				return nil, k.bad
			}
			trip := t
			if o.Store.Loop < 0 {
				trip = -1
			}
			key := fmt.Sprint(kind, t == trips-1)
			n, ok := known[key]
			if !ok {
				n = k.block(at).value(o.Value, trip).shape[ax]
				known[key] = n
			}
			lo, err := k.corner(o, typ, ax, mapped, at, n, trips)
			if err != nil {
				return nil, err
			}
			if o.Store.Loop == ax {
				if k.g.Loop.Parts > 0 {
					loopTile = n
				}
				lo += t * loopTile
			}
			out = append(out, span{lo, lo + n, append([]int(nil), coords...), trip})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].lo < out[j].lo })
	return out, k.bad
}

// corner is where a block's tile begins along an axis, without its trip.
func (k *lazyKernel[V]) corner(o ugraph.Output, typ ugraph.Type, ax int, mapped, at []int, n, trips int) (int, error) {
	lo := 0
	for _, gi := range mapped {
		if typ.Cut(ax).Grid != gi+1 || k.g.Grid[gi].Parts > 0 {
			each := n
			if o.Store.Loop == ax {
				each *= trips
			}
			lo += at[gi] * each
			continue
		}
		of, a, ok := cutTensor(k.g, typ.Cut(ax).Extent, gi)
		if !ok {
			return 0, errShape
		}
		from, _, err := interval(k.g.Grid[gi], k.inst.grid(k.g, gi), at[gi], k.whole(of).shape[a])
		if err != nil {
			return 0, err
		}
		lo += from
	}
	return lo, nil
}
