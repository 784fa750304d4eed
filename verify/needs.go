package verify

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file counts how many columns of each axis an instance needs (theory 4.2): R scalar
// reductions, X scalar maxima and o output indices over the axis, where reductions that are spelled
// alike in both graphs count once, and each counts once per column of the reduced axes it carries
// that something behind it mixes, and per output index of the others.

// reductionUse is one reduction over one axis.
type reductionUse struct {
	axis    int
	carried []int
	max     bool
	sig     string
	g       *ugraph.Graph
	result  ugraph.ValueID
	inside  int   // the axis that later steps of the same operator mix; −1: none
	before  []int // carried axes that the same reduction mixes: the parts before this one of a merged axis
}

// maxColumns bounds the columns of an axis; an axis that needs more is not proved at all sizes.
const maxColumns = 96

// axisOf maps a variable to the one of the whole axis that it is a tile of.
func (s *sizing) axisOf() func(slot int) int {
	up := map[int]int{}
	parts := map[int]bool{}
	for _, g := range s.order {
		for _, c := range s.grids[g] {
			parts[s.find(c.parts)] = true
		}
		if c, ok := s.loops[g]; ok {
			parts[s.find(c.parts)] = true
		}
	}
	for _, rel := range s.rels {
		switch rel.kind {
		case tiled:
			up[s.find(rel.parts[0])] = s.find(rel.whole)
		case product:
			if !rel.stacked && len(rel.parts) == 2 && parts[s.find(rel.parts[0])] && !parts[s.find(rel.parts[1])] {
				up[s.find(rel.parts[1])] = s.find(rel.whole)
			}
		}
	}
	return func(slot int) int {
		r := s.find(slot)
		for range 8 {
			w, ok := up[r]
			if !ok || w == r {
				break
			}
			r = w
		}
		return r
	}
}

// signatures spells every value of a graph as an expression over the program's inputs, the same for
// tiles and whole tensors.
func signatures(g *ugraph.Graph, inputs []string) []string {
	sig := make([]string, len(g.Values))
	for i, in := range g.Inputs {
		sig[in.Value] = inputs[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]string, len(n.Args))
		for k, a := range n.Args {
			args[k] = sig[a]
		}
		if n.Body != nil {
			inner := signatures(n.Body, args)
			for k, r := range n.Results {
				sig[r] = inner[n.Body.Outputs[k].Value]
			}
			continue
		}
		for k, r := range n.Results {
			switch n.Op {
			case ugraph.OpLoad:
				sig[r] = args[0]
			case ugraph.OpMean:
				sig[r] = hashText(fmt.Sprintf("mean %s %s(%s)", g.Values[n.Args[0]].Type, n.Attrs, args[0]))
			default:
				sig[r] = hashText(fmt.Sprintf("%s.%d{%s}(%s)", n.Op, k, n.Attrs, strings.Join(args, ",")))
			}
		}
	}
	return sig
}

// uses lists the reductions of a graph and of the graphs in it.
func (s *sizing) uses(g *ugraph.Graph, sig []string, axisOf func(int) int, inputs []string) []reductionUse {
	var out []reductionUse
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Body != nil {
			args := make([]string, len(n.Args))
			for k, a := range n.Args {
				args[k] = sig[a]
			}
			out = append(out, s.uses(n.Body, signatures(n.Body, args), axisOf, args)...)
			continue
		}
		if len(n.Args) == 0 {
			continue
		}
		x := n.Args[0]
		rank := g.Values[x].Rank()
		add := func(ax int, isMax bool, kind string, carried []int) {
			u := reductionUse{inside: -1, axis: axisOf(s.slot(g, x, ax)), max: isMax, sig: kind + sig[n.Results[0]], g: g, result: n.Results[0]}
			for _, c := range carried {
				u.carried = append(u.carried, axisOf(c))
			}
			out = append(out, u)
		}
		others := func(gone map[int]bool) []int {
			var c []int
			for ax := range rank {
				if !gone[ax] {
					c = append(c, s.slot(g, x, ax))
				}
			}
			return c
		}
		result := func() []int {
			var c []int
			for ax := range g.Values[n.Results[0]].Shape {
				c = append(c, s.slot(g, n.Results[0], ax))
			}
			return c
		}
		switch n.Op {
		case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
			axes, _ := ugraph.ReduceAxes(n.Attrs, rank)
			gone := map[int]bool{}
			for _, a := range axes {
				gone[a] = true
			}
			for _, a := range axes {
				add(a, n.Op == ugraph.OpMax || n.Op == ugraph.OpMin, "", others(gone))
				if n.Op == ugraph.OpMean {
					add(a, false, "count", nil)
				}
			}
		case ugraph.OpMatMul:
			ak := rank - 1
			if n.Attrs.Flag("transpose_a") {
				ak = rank - 2
			}
			add(ak, false, "", result())
		case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRMSNorm, ugraph.OpLayerNorm:
			ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", -1), rank)
			c := others(map[int]bool{ax: true})
			add(ax, false, "sum", c)
			switch n.Op {
			case ugraph.OpRMSNorm:
				add(ax, false, "count", nil)
			case ugraph.OpLayerNorm:
				add(ax, false, "mean", c)
				add(ax, false, "count", nil)
			default:
				add(ax, true, "max", c)
			}
		case ugraph.OpAttention:
			q := result()
			keys := s.slot(g, n.Args[1], g.Values[n.Args[1]].Rank()-2)
			add(rank-1, false, "scores", append(q[:len(q)-1:len(q)-1], keys))
			out[len(out)-1].inside = axisOf(keys)
			for _, kind := range []string{"sum", "out", "max"} {
				u := reductionUse{inside: -1, axis: axisOf(keys), max: kind == "max", sig: kind + sig[n.Results[0]], g: g, result: n.Results[0]}
				for _, c := range q {
					u.carried = append(u.carried, axisOf(c))
				}
				out = append(out, u)
			}
		}
	}
	return out
}

// freeAxes are the variables of axes that no operator mixes and no output has twice: an output entry
// sees one position of them, so that an error bound, which is one for an entry, needs no second one.
func (s *sizing) freeAxes(c *check, fl *flow, out map[int]int, axisOf func(int) int) map[int]bool {
	bound := map[int]bool{}
	for i := range s.iota {
		bound[axisOf(i)] = true
	}
	for i := range s.pinned {
		bound[axisOf(i)] = true
	}
	for _, in := range c.a.Inputs {
		axes, all := fl.mixed(c.a, in.Value)
		for ax := range c.a.Value(in.Value).Shape {
			if q := axisOf(s.slot(c.a, in.Value, ax)); all || axes[q] {
				bound[q] = true
			}
		}
	}
	for j, i := range c.m.inputs {
		v := c.b.Inputs[j].Value
		axes, all := fl.mixed(c.b, v)
		for ax := range c.b.Value(v).Shape {
			if q := axisOf(s.slot(c.b, v, ax)); all || axes[q] || axisOf(s.slot(c.a, c.a.Inputs[i].Value, ax)) != q {
				bound[q] = true
			}
		}
	}
	carried := map[int]bool{} // axes of inputs: others arise inside, and nothing is said of them
	for _, in := range c.a.Inputs {
		for ax := range c.a.Value(in.Value).Shape {
			carried[axisOf(s.slot(c.a, in.Value, ax))] = true
		}
	}
	free := map[int]bool{}
	for i := range s.parent {
		if r := s.find(i); carried[axisOf(r)] && !bound[axisOf(r)] && out[axisOf(r)] <= 1 {
			free[r] = true
		}
	}
	return free
}

// outputIndices counts, per axis, how many indices of one output run over it; the accumulators of
// loops, which induction compares, count as outputs.
func (s *sizing) outputIndices(a *ugraph.Graph, axisOf func(int) int) map[int]int {
	most := map[int]int{}
	see := func(g *ugraph.Graph, v ugraph.ValueID) {
		here := map[int]int{}
		for ax := range g.Values[v].Shape {
			q := axisOf(s.slot(g, v, ax))
			here[q]++
			most[q] = max(most[q], here[q])
		}
	}
	for _, o := range a.Outputs {
		see(a, o.Value)
	}
	for _, g := range s.order {
		for i := range g.Nodes {
			if g.Nodes[i].Op == ugraph.OpAccum {
				see(g, g.Nodes[i].Results[0])
			}
		}
	}
	return most
}

// needs is the least number of columns of every axis, the axes that would need more than the limit,
// the counts of grid dimensions whose blocks no output entry sees two of, and the free axes.
func (c *check) needs(s *sizing) (need map[int]int, over []int, single, free map[int]bool, err error) {
	axisOf := s.axisOf()
	name := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprint("input ", i)
		}
		return out
	}
	inA := name(len(c.a.Inputs))
	inB := make([]string, len(c.b.Inputs))
	for j, i := range c.m.inputs {
		inB[j] = inA[i]
	}
	us := s.uses(c.a, signatures(c.a, inA), axisOf, inA)
	us = append(us, s.uses(c.b, signatures(c.b, inB), axisOf, inB)...)
	dv := s.divisions(axisOf)
	reduced := map[int]bool{}
	for _, u := range us {
		reduced[u.axis] = true
	}
	us = dv.divide(us)
	seen := map[string]int{}
	var distinct []reductionUse
	var mixed []map[int]bool // per distinct reduction: carried axes that something behind it mixes
	fl := s.newFlow(axisOf)
	for _, u := range us {
		k := fmt.Sprint(u.axis, u.sig)
		i, ok := seen[k]
		if !ok {
			i = len(distinct)
			seen[k] = i
			distinct, mixed = append(distinct, u), append(mixed, map[int]bool{})
		}
		for _, q := range u.before {
			mixed[i][q] = true
		}
		axes, all := fl.mixed(u.g, u.result)
		for _, q := range u.carried {
			if all || q == u.inside || axes[q] {
				mixed[i][q] = true
			}
		}
		reduced[u.axis] = true
	}
	out := s.outputIndices(c.a, axisOf)
	looped := map[int]bool{} // axes that a loop cuts: as many columns before as in a trip
	for _, g := range s.order {
		if l, ok := s.loops[g]; ok {
			for _, rel := range s.rels {
				if rel.kind == product && len(rel.parts) == 2 && s.find(rel.parts[0]) == s.find(l.parts) ||
					rel.kind == tiled && s.find(rel.parts[1]) == s.find(l.parts) {
					for _, q := range dv.inside(axisOf(rel.whole)) {
						looped[q] = true
					}
				}
			}
		}
	}
	free = s.freeAxes(c, fl, out, axisOf)
	c.findColumnMask(s, fl, free, axisOf)
	s.maskedLoop = s.masked >= 0 && looped[s.maskedAxis]
	need = map[int]int{}
	var axes []int
	for _, u := range distinct {
		if !slices.Contains(axes, u.axis) {
			axes = append(axes, u.axis)
		}
	}
	sort.Ints(axes)
	total := func(a int) int {
		n := dv.columns(need, a, 0)
		if real, ok := s.number(a); ok {
			n = min(n, real)
		}
		return max(n, 1)
	}
	overs := map[int]bool{}
	for round := 0; round <= len(axes); round++ {
		changed := false
		for _, a := range axes {
			n := 1 // Σ1: the weights of an axis add up to its extent
			n += out[a]
			for i, u := range distinct {
				if u.axis != a {
					continue
				}
				k := 1
				for _, q := range u.carried {
					switch {
					case mixed[i][q] && slices.Contains(dv.inside(q), a):
						overs[a] = true // an output entry sees the reduction at other columns of its own axis
					case mixed[i][q] && reduced[q]:
						k *= total(q)
					case mixed[i][q]: // positions are picked: by a slice, a gather
						if real, ok := s.number(q); ok {
							k *= real
						} else {
							overs[a] = true
						}
					default: // an output entry sees it at its own indices only
						k *= max(1, out[q])
					}
				}
				n += k
				if n > maxColumns {
					break
				}
			}
			if s.masked >= 0 && a == s.maskedAxis {
				n = 2*n + 1 // as many columns of each label
			}
			if looped[a] {
				n *= 2
			}
			if n > maxColumns {
				n = maxColumns
				if real, ok := s.number(a); !ok || real > maxColumns {
					overs[a] = true
				}
			}
			if n > need[a] {
				need[a], changed = n, true
			}
		}
		if !changed {
			break
		}
	}
	if len(overs) > 0 {
		for _, a := range axes {
			switch n := c.polynomialColumns(s, a, out[a], axisOf); {
			case n == 0 || n > maxColumns:
			case looped[a]:
				need[a] = max(need[a], 2*n)
				delete(overs, a)
			default:
				need[a] = max(need[a], n)
				delete(overs, a)
			}
		}
	}
	for _, a := range axes {
		if overs[a] {
			over = append(over, a)
		}
	}
	// A grid dimension that cuts no reduced axis: an output entry sees one block of it.
	single = map[int]bool{}
	for _, g := range s.order {
		for _, cv := range s.grids[g] {
			free := len(s.iota) == 0
			for _, rel := range s.rels {
				for _, q := range rel.parts {
					if s.find(q) == s.find(cv.parts) && reduced[axisOf(rel.whole)] {
						free = false
					}
				}
			}
			single[s.find(cv.parts)] = free
		}
	}
	return need, over, single, free, c.placePositions(s, need, out, looped, reduced, axisOf)
}

// unproved reports an axis that needs more columns than the instance has, unless that has all of them, and
// masks that it does not prove.
func (s *sizing) unproved(in *instance, over []int) error {
	for _, a := range over {
		if real, ok := s.number(a); ok && in.size[a] == real {
			continue
		}
		return &errUndecided{fmt.Sprintf("an axis of extent %s needs more columns than a small instance has: its reductions depend on each other at different columns of it", s.real[a])}
	}
	return s.placed(in)
}
