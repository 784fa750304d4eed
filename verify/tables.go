package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file sees to it that an instance has as many rows of every table that gather or scatter_add index as there
// are indices that meet in one output entry: among three indices of two rows two are equal, and a term that only
// three different rows show would vanish.

// table is an axis that gather or scatter_add index, in either graph.
type table struct {
	axis    int // its variable
	sources []indexSource
	gathers bool // no scatter_add indexes it
	scatter bool // no gather does
	pure    bool // nothing else is done with its positions, and its indices are entries of inputs: they may all differ
}

// tables finds the tables of both graphs, in the order of their axes.
func (c *check) tables(s *sizing, axisOf func(int) int) []*table {
	byAxis := map[int]*table{}
	for side := range 2 {
		for _, k := range c.lookups(side) {
			q := axisOf(s.slot(k.g, k.node.Args[0], k.axis))
			t := byAxis[q]
			if t == nil {
				t = &table{axis: q, gathers: true, scatter: true}
				byAxis[q] = t
			}
			t.gathers, t.scatter = t.gathers && k.node.Op == ugraph.OpGather, t.scatter && k.node.Op == ugraph.OpScatterAdd
			for _, x := range k.sources {
				x.part = "" // all entries of an input count once
				t.sources = joinSources(t.sources, []indexSource{x})
			}
		}
	}
	var out []*table
	for q, t := range byAxis {
		t.pure = t.gathers && !slices.ContainsFunc(t.sources, func(x indexSource) bool { return x.input < 0 }) && c.selected(s, q, axisOf)
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *table) int { return a.axis - b.axis })
	return out
}

// selected tells whether both graphs see the positions of an axis only through the gathers along it: everything else
// that carries the axis commutes with every map of its positions into each other, also with one that is not one
// to one. Then the results are functions of the rows that the indices select, and where they are equal for all
// different rows they are so for rows that coincide.
func (c *check) selected(s *sizing, q int, axisOf func(int) int) bool {
	for _, rel := range s.rels {
		for _, p := range append([]int{rel.whole}, rel.parts...) {
			if s.find(p) == q {
				return false // cut, merged or joined
			}
		}
	}
	for i := range s.iota {
		if axisOf(i) == q {
			return false
		}
	}
	for i := range s.pinned {
		if axisOf(i) == q {
			return false
		}
	}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		for _, in := range g.Inputs {
			if s.carries(g, in.Value, q, axisOf) > 0 && !g.Value(in.Value).DType.IsFloat() {
				return false
			}
		}
		for _, o := range g.Outputs {
			if s.carries(g, o.Value, q, axisOf) > 0 {
				return false
			}
		}
	}
	for _, g := range s.order {
		for i := range g.Nodes {
			if n := &g.Nodes[i]; n.Body == nil && !s.commutes(g, n, q, axisOf) {
				return false
			}
		}
	}
	return true
}

// carries counts the dimensions of a value that run over an axis.
func (s *sizing) carries(g *ugraph.Graph, v ugraph.ValueID, q int, axisOf func(int) int) int {
	n := 0
	for ax := range g.Value(v).Shape {
		if axisOf(s.slot(g, v, ax)) == q {
			n++
		}
	}
	return n
}

// commutes tells whether an operator is a gather along the axis, or commutes with every map of its positions.
func (s *sizing) commutes(g *ugraph.Graph, n *ugraph.Node, q int, axisOf func(int) int) bool {
	most, sum := 0, 0
	for _, a := range n.Args {
		k := s.carries(g, a, q, axisOf)
		most, sum = max(most, k), sum+k
	}
	result := 0
	for _, r := range n.Results {
		result = max(result, s.carries(g, r, q, axisOf))
	}
	if most == 0 && result == 0 {
		return true
	}
	switch n.Op {
	case ugraph.OpGather:
		ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
		return axisOf(s.slot(g, n.Args[0], ax)) == q && sum == 1 && result == 0
	case ugraph.OpMatMul:
		return sum == result // not contracted
	case ugraph.OpTranspose, ugraph.OpLoad, ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		return most == result
	}
	return n.Op.Info().Class == ugraph.Elementwise && most == result
}

// elements counts the entries of an index in an instance; those that one output entry sees, where free axes are given.
func (x indexSource) elements(in *instance, free map[int]bool) int {
	n := 1
	for ax := range x.g.Value(x.v).Shape {
		if i := in.sizes.slot(x.g, x.v, ax); !free[in.sizes.find(i)] {
			n *= max(1, in.size[in.sizes.find(i)])
		}
		if n > maxPosition {
			return maxPosition
		}
	}
	return n
}

// rows counts the rows that every table needs, and numbers the entries of inputs that may all be different rows. least
// are the columns that an axis needs beside its indices.
func (c *check) rows(in *instance, ts []*table, least func(q int) int, free map[int]bool) map[int]int {
	s := in.sizes
	in.firstRow = map[int]int{}
	differ := map[int]bool{}
	for _, t := range ts {
		for _, x := range t.sources {
			if x.input >= 0 {
				use := c.integerUse(in, x.input)
				differ[x.input] = !use.number && !use.moved && !use.computed
			}
		}
	}
	pure := map[*table]bool{}
	for _, t := range ts {
		pure[t] = t.pure
	}
	total := 0
	for changed := true; changed; {
		changed, total = false, 0
		in.firstRow = map[int]int{}
		for i, input := range c.a.Inputs {
			if differ[i] {
				in.firstRow[i] = total
				total += indexSource{g: c.a, v: input.Value}.elements(in, nil)
			}
		}
		for _, t := range ts {
			if real, ok := s.number(t.axis); ok && real < total {
				pure[t] = false
			}
			all := !slices.ContainsFunc(t.sources, func(x indexSource) bool { return !differ[x.input] })
			pure[t] = pure[t] && all
			if pure[t] {
				continue
			}
			for _, x := range t.sources {
				if differ[x.input] {
					delete(differ, x.input)
					changed = true
				}
			}
		}
	}
	need := map[int]int{}
	for _, t := range ts {
		switch {
		case pure[t]:
			need[t.axis] = total
			continue
		case t.scatter: // an output entry sees which of the indices are its own row
			need[t.axis] = least(t.axis)
			continue
		}
		n := least(t.axis)
		for _, x := range t.sources {
			if x.v < 0 {
				n = maxPosition
				break
			}
			n += x.elements(in, free)
		}
		need[t.axis] = n
	}
	// An index of two tables is drawn from the rows of the shorter one.
	for changed := true; changed; {
		changed = false
		for _, t := range ts {
			for _, u := range ts {
				shared := slices.ContainsFunc(t.sources, func(x indexSource) bool {
					return slices.ContainsFunc(u.sources, func(y indexSource) bool { return x.sig == y.sig })
				})
				if shared && need[t.axis] < need[u.axis] {
					need[t.axis], changed = need[u.axis], true
				}
			}
		}
	}
	return need
}

// withRows solves the plan so that every table has the rows that it needs.
func (c *check) withRows(s *sizing, p plan, free map[int]bool) (*instance, error) {
	axisOf := s.axisOf()
	ts := c.tables(s, axisOf)
	in, err := s.solve(p)
	if err != nil || len(ts) == 0 {
		return in, err
	}
	out := s.outputIndices(c.a, axisOf)
	need := map[int]int{}
	for q, n := range p.need {
		need[q] = n
	}
	before := p.need
	least := func(q int) int {
		if n, ok := before[q]; ok {
			return max(2, n)
		}
		return max(2, 1+out[q])
	}
	for range 4 {
		enough := true
		for q, n := range c.rows(in, ts, least, free) {
			if real, ok := s.number(q); ok {
				n = min(n, real)
			}
			if in.size[s.find(q)] < n && n <= maxRows {
				need[q], enough = max(need[q], n), false
			} else if in.size[s.find(q)] < n {
				return nil, &errUndecided{fmt.Sprintf("an axis of extent %s is looked up by more indices than a small instance has rows", s.real[q])}
			}
		}
		if enough {
			return in, nil
		}
		p.need = need
		if in, err = s.solve(p); err != nil {
			return nil, err
		}
	}
	return nil, &errUndecided{"no small instance has as many rows of a table as indices meet there"}
}

// maxRows bounds the rows of a table in an instance.
const maxRows = 4096

// different tells whether all entries of an integer input are different rows of the tables that it indexes.
func (in *instance) different(i int) bool {
	_, ok := in.firstRow[i]
	return ok
}

// sameRows tells whether two instances draw the same inputs as different rows, and the others from as many.
func (c *check) sameRows(in, small *instance) bool {
	for i, input := range c.a.Inputs {
		if c.a.Value(input.Value).DType.IsFloat() {
			continue
		}
		lo, hi := c.integerRange(in, i)
		l, h := c.integerRange(small, i)
		if in.different(i) != small.different(i) || lo != l || hi != h {
			return false
		}
	}
	return true
}
