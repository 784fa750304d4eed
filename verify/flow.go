package verify

import "github.com/morgana-ml/morgana/ugraph"

// flow says what becomes of the values of both graphs: which axes are mixed, position with position,
// by the operators behind a value. An output entry sees one position of an axis that nothing behind
// a value mixes: the output's own.
type flow struct {
	related []relatedAxes
	base    map[*ugraph.Graph]int
	next    [][]int // per value: values that depend on it
	mixes   [][]int // per value: axes that its users mix
	all     []bool  // per value: a user may mix any axis
}

// newFlow follows both graphs; axisOf maps a slot to its axis.
func (s *sizing) newFlow(axisOf func(slot int) int) *flow {
	f := &flow{base: map[*ugraph.Graph]int{}, related: s.relatedAxes(axisOf)}
	of := map[int][]int{} // axis → axes that a reshape or a stack makes of it
	for _, r := range f.related {
		for _, q := range r.parts {
			of[r.whole], of[q] = append(of[r.whole], q), append(of[q], r.whole)
		}
	}
	total := 0
	for _, g := range s.order {
		f.base[g] = total
		total += len(g.Values)
	}
	f.next, f.mixes, f.all = make([][]int, total), make([][]int, total), make([]bool, total)
	// pass records that value from becomes value to, where the given axes of it are mixed. An axis that
	// the result does not have is lost: it may be mixed in any way.
	pass := func(g *ugraph.Graph, v ugraph.ValueID, h *ugraph.Graph, results []ugraph.ValueID, mixed []int, all bool) {
		from := f.base[g] + int(v)
		has := map[int]bool{}
		for _, r := range results {
			f.next[from] = append(f.next[from], f.base[h]+int(r))
			for ax := range h.Values[r].Shape {
				q := axisOf(s.slot(h, r, ax))
				has[q] = true
				for _, q := range of[q] {
					has[q] = true
				}
			}
		}
		gone := map[int]bool{}
		for _, ax := range mixed {
			gone[ax] = true
			f.mixes[from] = append(f.mixes[from], axisOf(s.slot(g, v, ax)))
		}
		for ax, d := range g.Values[v].Shape {
			all = all || !gone[ax] && !d.Is(1) && !has[axisOf(s.slot(g, v, ax))]
		}
		f.all[from] = f.all[from] || all
	}
	for _, g := range s.order {
		for i := range g.Nodes {
			n := &g.Nodes[i]
			for k, a := range n.Args {
				if n.Body != nil {
					pass(g, a, n.Body, []ugraph.ValueID{n.Body.Inputs[k].Value}, nil, false)
					continue
				}
				mixed, all := mixedAxes(g, n, k)
				pass(g, a, g, n.Results, mixed, all)
			}
			if n.Body == nil {
				continue
			}
			for k, r := range n.Results {
				o := n.Body.Outputs[k]
				var mixed []int
				if o.Store == nil { // a thread graph: elementwise
					pass(n.Body, o.Value, g, []ugraph.ValueID{r}, nil, false)
					continue
				}
				for gi, at := range o.Store.Grid {
					for ax := range n.Body.Values[o.Value].Shape {
						if at < 0 && n.Body.Values[o.Value].Cut(ax).Grid == gi+1 {
							mixed = append(mixed, ax)
						}
					}
				}
				pass(n.Body, o.Value, g, []ugraph.ValueID{r}, mixed, false)
			}
		}
	}
	return f
}

// mixedAxes are the axes of operand k whose positions meet in one entry of the node's results; all
// is true where it is not said which.
func mixedAxes(g *ugraph.Graph, n *ugraph.Node, k int) (axes []int, all bool) {
	a := n.Args[k]
	rank := g.Values[a].Rank()
	switch n.Op {
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		axes, err := ugraph.ReduceAxes(n.Attrs, rank)
		return axes, err != nil
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRMSNorm, ugraph.OpLayerNorm:
		if k > 0 { // weight and bias
			return nil, false
		}
		ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), rank)
		return []int{ax}, err != nil
	case ugraph.OpMatMul:
		ax := rank - 1
		if k == 1 {
			ax = rank - 2
		}
		if n.Attrs.Flag([2]string{"transpose_a", "transpose_b"}[k]) {
			ax = 2*rank - 3 - ax
		}
		return []int{ax}, false
	case ugraph.OpAttention: // heads that are shared are lost on the way, which says that they are mixed
		return [][]int{{rank - 1}, {rank - 2, rank - 1}, {rank - 2}, {rank - 1}}[k], false
	case ugraph.OpAccum:
		for ax := range rank {
			if g.Values[a].Cut(ax).Loop {
				axes = append(axes, ax)
			}
		}
		return axes, false
	case ugraph.OpTranspose, ugraph.OpBroadcast, ugraph.OpReshape, ugraph.OpLoad, ugraph.OpRunning, ugraph.OpPrevious:
		return nil, false
	}
	return nil, n.Op.Info().Class != ugraph.Elementwise
}

// mixed tells which axes are mixed by what depends on a value; all: any may be.
func (f *flow) mixed(g *ugraph.Graph, v ugraph.ValueID) (axes map[int]bool, all bool) {
	axes = map[int]bool{}
	seen := map[int]bool{}
	todo := []int{f.base[g] + int(v)}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		all = all || f.all[i]
		for _, a := range f.mixes[i] {
			axes[a] = true
		}
		todo = append(todo, f.next[i]...)
	}
	for changed := true; changed; {
		changed = false
		mix := func(q int) {
			changed = changed || !axes[q]
			axes[q] = true
		}
		for _, r := range f.related {
			for _, q := range r.parts {
				if axes[r.whole] {
					mix(q)
				} else if axes[q] && !r.apart {
					mix(r.whole)
				}
			}
		}
	}
	return axes, all
}

// relatedAxes are an axis and those that a reshape or a store of blocks one after another makes it of:
// positions that are mixed along the whole are mixed along all parts, and along a part also along the
// whole, unless they are apart.
type relatedAxes struct {
	whole int
	parts []int
	apart bool // blocks stacked along an axis, and taken apart again: the parts are axes of their own
}

func (s *sizing) relatedAxes(axisOf func(slot int) int) []relatedAxes {
	var out []relatedAxes
	stacked := map[int][]int{} // axis → its parts, where blocks are stacked
	for _, rel := range s.rels {
		if rel.stacked {
			stacked[axisOf(rel.whole)] = rel.parts
		}
	}
	for _, rel := range s.rels {
		if rel.kind != product {
			continue
		}
		r := relatedAxes{whole: axisOf(rel.whole)}
		as, ok := stacked[r.whole]
		r.apart = rel.stacked || ok && len(as) == len(rel.parts)
		for k, q := range rel.parts {
			if axisOf(q) != r.whole {
				r.parts = append(r.parts, axisOf(q))
			}
			r.apart = r.apart && (rel.stacked || k == 0 || s.real[q] == s.real[as[k]]) // all blocks, or a loop's share
		}
		out = append(out, r)
	}
	return out
}
