package verify

import "slices"

// Axes that are made of others (theory 4.2, derived axes): a reshape merges them, a concat or split joins them. The
// columns of a merged axis are all pairs of its parts' columns, with products for weights. So a few columns of the
// parts are many of the whole, but no more independent of each other than the parts' reductions ask for:
// a reduction over such an axis is several, over its parts, and counts there.

// division is one way in which an axis is made of others.
type division struct {
	parts []int // axes; of a joint each as often as it occurs
	joint bool  // one after another; else merged, the first part outermost
	keep  bool  // a reduction of the whole counts for the whole, too
}

// divisions has, for an axis, the ways in which it is made of others.
type divisions map[int][]division

// divisions are those of reshapes, splits and joints, and of an axis on which blocks are stacked that of a block's
// tile. Of an axis that a kernel cuts axisOf has the whole.
func (s *sizing) divisions(axisOf func(int) int) divisions {
	cuts := s.owners()
	of := divisions{}
	for i := range s.rels {
		rel := &s.rels[i]
		d := division{joint: rel.kind == total, keep: rel.stacked}
		if _, cut := cuts[rel.partsSlot()]; rel.kind == tiled || cut && !rel.stacked {
			continue
		}
		w := axisOf(rel.whole)
		for k, q := range rel.parts {
			if p := axisOf(q); (!rel.stacked || k > 0) && p != w {
				d.parts = append(d.parts, p)
			}
		}
		if len(d.parts) > 0 && !slices.ContainsFunc(of[w], func(e division) bool { return slices.Equal(d.parts, e.parts) }) {
			of[w] = append(of[w], d)
		}
	}
	return of
}

// maxDivided bounds how deep axes are divided.
const maxDivided = 6

// inside are an axis and all that it is made of.
func (dv divisions) inside(q int) []int {
	out := []int{q}
	for i := 0; i < len(out); i++ {
		for _, d := range dv[out[i]] {
			for _, p := range d.parts {
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// merged are the axes whose indices together are an index of an axis.
func (dv divisions) merged(q, depth int) []int {
	var out []int
	whole := depth > maxDivided || len(dv[q]) == 0
	for _, d := range dv[q] {
		if whole = whole || d.joint || d.keep; d.joint || depth > maxDivided {
			continue
		}
		for _, p := range d.parts {
			for _, l := range dv.merged(p, depth+1) {
				if !slices.Contains(out, l) {
					out = append(out, l)
				}
			}
		}
	}
	if whole {
		out = append(out, q)
	}
	return out
}

// columns are the columns of an axis where those of its parts are known.
func (dv divisions) columns(need map[int]int, q, depth int) int {
	n := need[q]
	for _, d := range dv[q] {
		k := 0
		for _, p := range d.parts {
			if d.joint && depth <= maxDivided {
				k += max(1, dv.columns(need, p, depth+1))
			}
		}
		n = max(n, k)
	}
	return n
}

// divide turns reductions over axes that are made of others into reductions over these. A sum over a joint is one
// over each part; one over a merged axis is a sum over the first part of sums over the second, which carry the first.
func (dv divisions) divide(us []reductionUse) []reductionUse {
	var out []reductionUse
	var expand func(u reductionUse, depth int)
	expand = func(u reductionUse, depth int) {
		ds := dv[u.axis]
		deep := depth > maxDivided
		if deep || len(ds) == 0 || slices.ContainsFunc(ds, func(d division) bool { return d.keep }) {
			out = append(out, u)
		}
		for _, d := range ds {
			if deep {
				break
			}
			for k, p := range d.parts {
				v := u
				v.axis = p
				if !d.joint {
					v.carried = append(slices.Clone(u.carried), d.parts[:k]...)
					v.before = append(slices.Clone(u.before), d.parts[:k]...)
				} else if slices.Contains(d.parts[:k], p) {
					continue // parts of one axis: its columns are those of all of them
				}
				expand(v, depth+1)
			}
		}
	}
	for _, u := range us {
		var carried []int
		for _, q := range u.carried {
			carried = append(carried, dv.merged(q, 0)...)
		}
		u.carried = carried
		expand(u, 0)
	}
	return out
}
