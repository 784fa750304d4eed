package schedule

import (
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// chains answers for the steps of a form what package cost (chain.go) answers for the nodes of a block graph: which
// of them the executor computes together, a piece of a row at a time.
type chains struct {
	f       *loop.Form
	uses    [][]int
	outputs map[int]bool
	ones    expr.AxisSet // axes of tiles of a single element
	dims    [][]int
}

// together tells whether a step's value and a step that reads it are computed piece by piece.
func (c *chains) together(i, reader int) bool {
	s, r := &c.f.Steps[i], &c.f.Steps[reader]
	if !cost.Chains(s.Op) || s.Phase != r.Phase {
		return false
	}
	return cost.Chains(r.Op) && s.Axes&^c.ones == r.Axes&^c.ones || c.sums(reader)
}

// sums tells whether a step reduces over the last axis alone.
func (c *chains) sums(i int) bool {
	s := &c.f.Steps[i]
	if s.Op.Info().Class != ugraph.Reduction || s.Over == 0 || s.Over&(s.Over-1) != 0 {
		return false
	}
	d := c.dims[s.Args[0]]
	return d[len(d)-1] != unit && s.Over.Has(d[len(d)-1])
}

// reader is the only step that reads a value; -1: there are others, or it is stored.
func (c *chains) reader(i int) int {
	if len(c.uses[i]) != 1 || c.outputs[i] {
		return -1
	}
	return c.uses[i][0]
}

// folded tells whether a step is computed by its reader.
func (c *chains) folded(i int) bool {
	r := c.reader(i)
	if r < 0 || !cost.FoldsInto(c.f.Steps[i].Op, c.f.Steps[r].Op) || !c.together(i, r) {
		return false
	}
	first := c.f.Steps[r].Args[0]
	return c.f.Steps[i].Op != ugraph.OpMul || first == i ||
		!(c.f.Steps[first].Op == ugraph.OpMul && c.reader(first) == r && c.together(first, r))
}

// operands are what a step reads, with those of the steps that it computes in the place of their results.
func (c *chains) operands(i int) []int {
	var out []int
	for _, a := range c.f.Steps[i].Args {
		if c.folded(a) {
			out = append(out, c.f.Steps[a].Args...)
		} else {
			out = append(out, a)
		}
	}
	return out
}

// private tells whether a value exists a piece at a time only.
func (c *chains) private(i int) bool {
	if len(c.uses[i]) == 0 || c.outputs[i] {
		return false
	}
	for _, u := range c.uses[i] {
		if !c.together(i, u) {
			return false
		}
	}
	return true
}

// summed tells whether a value that is computed piece by piece is reduced on the way: then each row is a piece.
func (c *chains) summed(i int) bool {
	for _, u := range c.uses[i] {
		if c.sums(u) && c.together(i, u) {
			return true
		}
	}
	return false
}

// gaps is the last axis of the tensor that a value is a tile of: where it is cut, the tile's rows do not follow
// each other. -1 for other values.
func (c *chains) gaps(i int, dims [][]int) int {
	for isView(c.f, c.f.Steps[i]) && c.f.Steps[i].Op == ugraph.OpCast {
		i = c.f.Steps[i].Args[0]
	}
	s := &c.f.Steps[i]
	if s.Op != ugraph.OpLoad || s.Input < 0 || cost.Widens(c.f.DAG.Inputs[s.Input].DType) || len(dims[i]) == 0 {
		return -1
	}
	return dims[i][len(dims[i])-1]
}

// columns is the axis along which products compute columns of a packed weight; -1: none.
func (c *chains) columns(i int, rank []int) int {
	for _, u := range c.uses[i] {
		s := c.f.Steps[u]
		if s.Op != ugraph.OpMatMul {
			return c.columns(u, rank)
		}
		a, b := orient(c.f, s, rank)
		cols := c.f.Steps[b].Axes &^ c.f.Steps[a].Axes &^ s.Over
		last := -1
		for _, x := range cols.List() {
			if last < 0 || rank[x] > rank[last] {
				last = x
			}
		}
		return last
	}
	return -1
}
