package algebra

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// Step is one law applied to a program.
type Step struct {
	Law  string    // a name of Axioms or of Laws
	Text string    // which value is computed otherwise, in the notation of the language
	DAG  *expr.DAG // the whole program after it
}

// Laws are the names that a Step has beside those of Axioms.
var Laws = []Axiom{
	{"maximum", "exp(x) becomes exp(x - max x) where no output changes; log Σ exp(x) = max x + log Σ exp(x - max x)", "Stabilise"},
	{"once", "a value that is computed twice is computed once", "a value is its fingerprint"},
	{"cancel", "(x·z)/(y·z) = x/y", "what the maximum of a softmax is subject to; no axiom, since nothing may be part of everything"},
	{"square-product", "square(x·y) = square(x)·square(y), square(x/y) = square(x)/square(y); for sqrt and abs alike", "kept out of the normal form, where it would expand squares"},
	{"square", "square(x) = x·x", "one value, two operators"},
	{"equal-values", "two derivations of one value", "equal fingerprints in the field; the chain of named laws is longer than is looked for"},
}

// LawText is a law in words, for a Step's name.
func LawText(name string) string {
	for _, table := range [][]Axiom{Axioms, Laws} {
		for _, a := range table {
			if a.Name == name {
				return a.Law
			}
		}
	}
	return ""
}

// Derive leads from a program to another form of it, law by law: values that both compute, each otherwise than
// the other, are exchanged one after the other, from the inputs on. Every Step's program is equal to the one before
// as far as two instances in the field tell; package verify decides. Both DAGs must have the same axes, inputs
// and outputs. It is an error if their outputs have different values, or are too large for the field.
func Derive(program, form *expr.DAG) ([]Step, error) {
	if expr.Hash(program) == expr.Hash(form) {
		return nil, nil
	}
	if len(program.Axes) != len(form.Axes) || len(program.Inputs) != len(form.Inputs) || len(program.Outputs) != len(form.Outputs) {
		return nil, fmt.Errorf("%s and its form have other axes, inputs or outputs", program.Name)
	}
	t := newTrail(program)
	if t == nil {
		return nil, fmt.Errorf("%s has too many axes to be evaluated in the field", program.Name)
	}
	base, from := program, t.read(program)
	s := Stabilise(program)
	var stable *reading
	if s != nil {
		stable = t.read(s)
	}
	to := t.read(form)
	var out []Step
	if s != nil && (!sameRoots(from, to) || shared(stable, to) > shared(from, to)) {
		out = append(out, Step{"maximum", t.difference(program, s), s})
		base, from = s, stable
	}
	if !sameRoots(from, to) {
		return nil, fmt.Errorf("the outputs of %s and of its form have different values in the field", program.Name)
	}
	t.base, t.defs = base, from.defs
	for i, n := range base.Nodes {
		if n.Op == ugraph.OpInvalid && !slices.Contains(t.inputs, from.of[i]) {
			t.inputs = append(t.inputs, from.of[i])
		}
	}
	if once := t.build(from.roots); expr.Hash(once) != expr.Hash(base) {
		out = append(out, Step{"once", t.difference(base, once), once})
		base = once
	}
	for _, v := range to.order {
		def, known := to.defs[v], false
		if _, known = t.defs[v]; known && sameDef(t.defs[v], def) {
			continue
		}
		was := t.defs[v]
		if known {
			for _, s := range t.between(from.roots, v, was, def, to.defs) {
				if expr.Hash(s.DAG) != expr.Hash(base) {
					out = append(out, s)
					base = s.DAG
				}
			}
		}
		t.defs[v] = def
		if !known {
			continue
		}
		if now := t.build(from.roots); expr.Hash(now) != expr.Hash(base) {
			out = append(out, Step{"once", t.difference(base, now), now})
			base = now
		}
	}
	return out, nil
}

// trail has the values of the programs on the way, by fingerprint.
type trail struct {
	base *expr.DAG
	inst []*instance
	ids  map[digest]int
	// tensors are those of a value's first derivation, as in the closure: the part of them that an exponential takes may
	// be lost in another.
	tensors [][]tensor
	inputs  []int             // values
	defs    map[int]expr.Node // by value: how the program computes it now; arguments are values
}

// reading is a DAG in terms of values.
type reading struct {
	of    []int             // by node
	defs  map[int]expr.Node // by value: the first node that computes it
	order []int             // values, operands first
	roots []int             // of the outputs
}

func newTrail(d *expr.DAG) *trail {
	t := &trail{ids: map[digest]int{}}
	for i, sizes := range (Options{}).sizes() {
		t.inst = append(t.inst, newInstance(uint64(i), len(d.Axes), sizes))
	}
	return t.fitting(d)
}

// fitting is the trail where every node can be evaluated, else nil.
func (t *trail) fitting(d *expr.DAG) *trail {
	for _, n := range d.Nodes {
		for _, in := range t.inst {
			if in.count(n.Axes|n.Over) > maxWalk {
				return nil
			}
		}
	}
	return t
}

func (t *trail) read(d *expr.DAG) *reading {
	r := &reading{of: make([]int, len(d.Nodes)), defs: map[int]expr.Node{}}
	for i, n := range d.Nodes {
		v := value{axes: n.Axes, dtype: n.DType}
		for k, in := range t.inst {
			if len(n.Args) == 0 {
				v.tensors = append(v.tensors, in.leaf(n))
				continue
			}
			args, owns := make([]tensor, len(n.Args)), make([]expr.AxisSet, len(n.Args))
			for j, a := range n.Args {
				args[j], owns[j] = t.tensors[r.of[a]][k], d.Nodes[a].Axes
			}
			v.tensors = append(v.tensors, in.apply(n, args, owns))
		}
		id, ok := t.ids[v.print()]
		if !ok {
			id = len(t.ids)
			t.ids[v.print()] = id
			t.tensors = append(t.tensors, v.tensors)
		}
		r.of[i] = id
		if _, ok := r.defs[id]; ok {
			continue
		}
		c := n
		c.Args = make([]int, len(n.Args))
		for j, a := range n.Args {
			c.Args[j] = r.of[a]
		}
		r.defs[id] = c
		r.order = append(r.order, id)
	}
	for _, o := range d.Outputs {
		r.roots = append(r.roots, r.of[o.Node])
	}
	return r
}

func sameRoots(a, b *reading) bool { return slices.Equal(a.roots, b.roots) }

// shared counts the values that two readings have in common.
func shared(a, b *reading) int {
	n := 0
	for v := range a.defs {
		if _, ok := b.defs[v]; ok {
			n++
		}
	}
	return n
}

func sameDef(a, b expr.Node) bool {
	if a.Op != b.Op || a.Over != b.Over || a.Attrs.String() != b.Attrs.String() || len(a.Args) != len(b.Args) {
		return false
	}
	if a.Commutes() && a.Args[0] == b.Args[1] && a.Args[1] == b.Args[0] {
		return true
	}
	return slices.Equal(a.Args, b.Args)
}

// build writes the program that computes every value as it is defined now.
func (t *trail) build(roots []int) *expr.DAG { return t.buildWith(roots, -1, nil) }

// buildWith is build, but for one value, which is computed by a term.
func (t *trail) buildWith(roots []int, at int, by *tree) *expr.DAG {
	d := t.base
	g := &expr.DAG{Name: d.Name, Symbols: d.Symbols, Axes: d.Axes, Inputs: d.Inputs}
	nodes := map[int]int{}
	var place func(v int) int
	place = func(v int) int {
		if i, ok := nodes[v]; ok {
			return i
		}
		var i int
		if v == at {
			i = by.place(g, place, map[string]int{})
		} else {
			n := t.defs[v]
			args := make([]int, len(n.Args))
			for k, a := range n.Args {
				args[k] = place(a)
			}
			n.Args = args
			i = g.Add(n)
		}
		nodes[v] = i
		return i
	}
	for _, v := range t.inputs { // they stand first, used or not
		place(v)
	}
	for k, o := range d.Outputs {
		o.Node = place(roots[k])
		g.Outputs = append(g.Outputs, o)
	}
	return g
}

// difference says what a program computes otherwise than another.
func (t *trail) difference(was, is *expr.DAG) string {
	have := map[string]bool{}
	for i := range was.Nodes {
		have[describe(was, i)] = true
	}
	var nodes []int
	for i, n := range is.Nodes {
		if len(n.Args) > 0 && !have[describe(is, i)] {
			nodes = append(nodes, i)
		}
	}
	text := ""
	for i, s := range explain(is, nodes) {
		if i > 0 {
			text += "; "
		}
		text += s
	}
	return text
}

// between are the steps that lead from one definition of a value to another.
func (t *trail) between(roots []int, v int, was, is expr.Node, new map[int]expr.Node) []Step {
	a, b := t.terms(v, was, is, new)
	base := t.buildWith(roots, v, a)
	path := rewrite(a, b, false)
	if path == nil {
		path = rewrite(a, b, true)
	}
	if path == nil {
		next := t.buildWith(roots, v, b)
		return []Step{{"equal-values", t.difference(base, next), next}}
	}
	var out []Step
	for _, p := range path {
		next := t.buildWith(roots, v, p.tree)
		out = append(out, Step{p.law, t.difference(base, next), next})
		base = next
	}
	return out
}

// terms are both definitions of a value as trees whose leaves are the values that both have, and leaves of the program.
func (t *trail) terms(v int, was, is expr.Node, new map[int]expr.Node) (a, b *tree) {
	common := map[int]bool{}
	olds, news := map[int]bool{}, map[int]bool{}
	reach(was, t.defs, olds)
	reach(is, new, news)
	for x := range olds {
		common[x] = news[x]
	}
	return t.term(v, was, t.defs, common), t.term(v, is, new, common)
}

// reach marks the values that a definition depends on.
func reach(n expr.Node, defs map[int]expr.Node, seen map[int]bool) {
	for _, a := range n.Args {
		if !seen[a] {
			seen[a] = true
			reach(defs[a], defs, seen)
		}
	}
}

func (t *trail) term(v int, n expr.Node, defs map[int]expr.Node, common map[int]bool) *tree {
	x := &tree{op: n.Op, over: n.Over, axes: n.Axes, attrs: n.Attrs, dtype: n.DType, value: v}
	for _, a := range n.Args {
		d := defs[a]
		if common[a] || len(d.Args) == 0 {
			x.args = append(x.args, t.leaf(a, defs))
			continue
		}
		x.args = append(x.args, t.term(a, d, defs, common))
	}
	return x.normal()
}

// leaf is a value that both definitions take, and how it is written out.
func (t *trail) leaf(v int, defs map[int]expr.Node) *tree {
	d := defs[v]
	x := &tree{op: ugraph.OpInvalid, axes: d.Axes, dtype: d.DType, value: v}
	if len(d.Args) > 0 {
		x.open = func() *tree {
			y := &tree{op: d.Op, over: d.Over, axes: d.Axes, attrs: d.Attrs, dtype: d.DType, value: v}
			for _, a := range d.Args {
				y.args = append(y.args, t.leaf(a, defs))
			}
			return y.normal()
		}
	}
	return x
}
