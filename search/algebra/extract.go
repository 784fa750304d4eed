package algebra

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// maxSteps bounds the choices that one extraction makes.
const maxSteps = 400_000

// extraction enumerates the programs in the hyperedges: a choice of one edge for every value needed.
type extraction struct {
	ctx     context.Context
	c       *closure
	edges   [][]edge    // by value: the edges that may be chosen
	must    [][]uint64  // by value: the values without which it cannot be had
	chosen  map[int]int // value -> index of its edge
	pending []int
	limit   int
	steps   int
	found   []map[int]int
}

// extract returns the program d, then the programs with at most Extra operators more than the program
// that was closed. d's own values are those of program, or program is d with a maximum put in. When ctx ends it
// returns those that it has.
func (c *closure) extract(ctx context.Context, d, program *expr.DAG) []Candidate {
	base := program.Operators()
	first := Candidate{DAG: d, Stable: true, Operators: d.Operators()}
	out := []Candidate{first}
	seen := map[string]bool{expr.Hash(d): true}
	judge := newJudge(c, d, program)
	if ctx.Err() != nil {
		return out
	}
	x := &extraction{ctx: ctx, c: c, chosen: map[int]int{}}
	for _, v := range c.values {
		x.edges = append(x.edges, v.edges)
	}
	if !c.opt.KeepUnstable {
		x.dropUnstable(judge)
	}
	x.mandatory()
	roots := c.roots(program)
	for _, r := range roots {
		if c.values[r].leaf == nil && !slices.Contains(x.pending, r) {
			x.pending = append(x.pending, r)
		}
	}
	start := slices.Clone(x.pending)
	for x.limit = max(1, x.bound()); x.limit <= base+c.opt.Extra && len(out) <= c.opt.MaxDAGs; x.limit++ {
		x.found = nil
		x.pending = slices.Clone(start)
		x.search()
		c.st.DAGs += len(x.found)
		type costed struct {
			dag  *expr.DAG
			cost float64
		}
		var round []costed
		for _, chosen := range x.found {
			g := x.build(program, chosen, roots)
			if h := expr.Hash(g); !seen[h] {
				seen[h] = true
				round = append(round, costed{g, proxyCost(g)})
			}
		}
		sort.SliceStable(round, func(i, j int) bool { return round[i].cost < round[j].cost })
		for _, r := range round {
			if len(out) <= c.opt.MaxDAGs {
				out = append(out, judge.candidate(r.dag))
			}
		}
	}
	return out
}

// roots are the values of the outputs.
func (c *closure) roots(program *expr.DAG) []int {
	var out []int
	for _, o := range program.Outputs {
		out = append(out, c.nodeVal[o.Node])
	}
	return out
}

// dropUnstable takes out the exps that lost their maximum. Programs with them are the shortest of all
// and would crowd out the others.
func (x *extraction) dropUnstable(j *judge) {
	for v, es := range x.edges {
		var kept []edge
		for _, e := range es {
			if e.op == ugraph.OpExp && !j.mayExp(e.args[0]) {
				x.c.st.Pruned[pruneUnstable].Count++
				continue
			}
			kept = append(kept, e)
		}
		x.edges[v] = kept
	}
}

// mandatory computes, for each value, the intersection over its edges of what their operands need: the
// greatest fixpoint of must(v) = {v} ∪ ∩_edges ∪_args must(arg).
func (x *extraction) mandatory() {
	n := len(x.c.values)
	words := (n + 63) / 64
	x.must = make([][]uint64, n)
	for i := range x.must {
		x.must[i] = make([]uint64, words)
		if x.c.values[i].leaf != nil {
			continue
		}
		for w := range x.must[i] {
			x.must[i][w] = ^uint64(0)
		}
	}
	union, inter := make([]uint64, words), make([]uint64, words)
	for changed := true; changed; {
		changed = false
		for i, v := range x.c.values {
			if v.leaf != nil {
				continue
			}
			for w := range inter {
				inter[w] = ^uint64(0)
			}
			for _, e := range x.edges[i] {
				clear(union)
				for _, a := range e.args {
					for w, b := range x.must[a] {
						union[w] |= b
					}
				}
				for w := range inter {
					inter[w] &= union[w]
				}
			}
			inter[i/64] |= 1 << (i % 64)
			for w := range inter {
				if b := inter[w] & x.must[i][w]; b != x.must[i][w] {
					x.must[i][w] = b
					changed = true
				}
			}
		}
	}
}

// bound is a lower bound on the operators of every completion.
func (x *extraction) bound() int {
	n := len(x.chosen)
	for w := range x.must[0] {
		var b uint64
		for _, p := range x.pending {
			b |= x.must[p][w]
		}
		for ; b != 0; b &= b - 1 {
			v := w*64 + bits.TrailingZeros64(b)
			if _, done := x.chosen[v]; !done && v < len(x.c.values) {
				n++
			}
		}
	}
	return n
}

// search completes the choices in every way that takes exactly limit operators.
func (x *extraction) search() {
	if x.steps&63 == 0 && x.ctx.Err() != nil {
		x.steps = maxSteps
	}
	if x.steps++; x.steps > maxSteps || len(x.found) >= 4*x.c.opt.MaxDAGs {
		return
	}
	if len(x.pending) == 0 {
		if len(x.chosen) == x.limit {
			done := make(map[int]int, len(x.chosen))
			for v, e := range x.chosen {
				done[v] = e
			}
			x.found = append(x.found, done)
		}
		return
	}
	if x.bound() > x.limit {
		return
	}
	// The largest value first: what it needs may include the others.
	at := 0
	for i, p := range x.pending {
		if a, b := x.c.values[p], x.c.values[x.pending[at]]; a.size > b.size || a.size == b.size && p > x.pending[at] {
			at = i
		}
	}
	v := x.pending[at]
	rest := slices.Delete(slices.Clone(x.pending), at, at+1)
	for i, e := range x.edges[v] {
		if x.reaches(e, v) {
			continue
		}
		x.chosen[v] = i
		x.pending = slices.Clone(rest)
		for _, a := range e.args {
			if _, done := x.chosen[a]; !done && x.c.values[a].leaf == nil && !slices.Contains(x.pending, a) {
				x.pending = append(x.pending, a)
			}
		}
		x.search()
		delete(x.chosen, v)
	}
	x.pending = rest
}

// reaches tells whether the operands of e depend on v by the choices so far.
func (x *extraction) reaches(e edge, v int) bool {
	for _, a := range e.args {
		if a == v {
			return true
		}
		if i, ok := x.chosen[a]; ok && x.reaches(x.edges[a][i], v) {
			return true
		}
	}
	return false
}

// build writes a choice of edges as a DAG with the interface of the program.
func (x *extraction) build(program *expr.DAG, chosen map[int]int, roots []int) *expr.DAG {
	c := x.c
	g := &expr.DAG{Name: program.Name, Symbols: program.Symbols, Axes: program.Axes, Inputs: program.Inputs}
	at := make([]int, len(c.values))
	for i := range at {
		at[i] = -1
	}
	for i, n := range program.Nodes { // inputs stand first, used or not
		if n.Op == ugraph.OpInvalid {
			at[c.nodeVal[i]] = g.Add(n)
		}
	}
	var place func(v int) int
	place = func(v int) int {
		if at[v] >= 0 {
			return at[v]
		}
		val := c.values[v]
		if val.leaf != nil {
			at[v] = g.Add(*val.leaf)
			return at[v]
		}
		e := x.edges[v][chosen[v]]
		args := make([]int, len(e.args))
		for i, a := range e.args {
			args[i] = place(a)
		}
		at[v] = g.Add(expr.Node{Op: e.op, Args: args, Over: e.over, Attrs: e.attrs, DType: val.dtype})
		return at[v]
	}
	for i, o := range program.Outputs {
		o.Node = place(roots[i])
		g.Outputs = append(g.Outputs, o)
	}
	return g
}

// proxyCost orders programs of equally many operators: floating-point operations and elements read and
// written, at a nominal size of every symbol.
func proxyCost(d *expr.DAG) float64 {
	const nominal = 1024
	env := ugraph.Env{}
	for _, s := range d.Symbols {
		env[s.Name] = s.At(nominal)
	}
	extent := make([]float64, len(d.Axes))
	for i, a := range d.Axes {
		n, err := a.Extent.Eval(env)
		if err != nil {
			n = nominal
		}
		extent[i] = float64(n)
	}
	count := func(s expr.AxisSet) float64 {
		n := 1.0
		for _, a := range s.List() {
			n *= extent[a]
		}
		return n
	}
	cost := 0.0
	for _, n := range d.Nodes {
		if len(n.Args) == 0 {
			continue
		}
		cost += n.Op.Info().Flops * count(n.Axes|n.Over)
		cost += count(n.Axes)
		for _, a := range n.Args {
			cost += count(d.Nodes[a].Axes)
		}
	}
	return cost
}

// describe is a node as text in terms of the values of the closure.
func describe(d *expr.DAG, i int) string {
	n := d.Nodes[i]
	switch n.Op {
	case ugraph.OpInvalid:
		return d.Inputs[n.Input].Name
	case ugraph.OpConst:
		return n.Value.String()
	case ugraph.OpIota:
		return "iota"
	}
	s := n.Op.String()
	if n.Over != 0 {
		s += "_"
		for _, a := range n.Over.List() {
			s += d.Axes[a].Name
		}
	}
	s += "("
	for j, a := range n.Args {
		if j > 0 {
			s += ", "
		}
		s += describe(d, a)
	}
	if len(n.Attrs) > 0 {
		s += fmt.Sprintf("; %s", n.Attrs)
	}
	return s + ")"
}
