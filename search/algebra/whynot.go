package algebra

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// Fate is what becomes of a form of a program in Explore.
type Fate struct {
	Values int    // of the closure
	Stop   string // why it ended
	Wide   bool   // the program was not explored: too many axes

	// The first value of the form, operands first, that the closure does not have.
	Lost     string // its operator on its operands; "": it has all of them
	Form     string // its normal form
	Admitted bool   // it is part of an output by the axioms: something else kept it out
	Rule     string // which rule of the abstraction test, or what else, keeps it out

	// The first operator of the form by which the closure does not compute its value, though it has it.
	Other string
	Known []string // how it does: up to three of its applications

	Operators int       // of the form
	Limit     int       // the most that a result may have
	Place     int       // among the programs extracted, from 1; 0: it is not among them
	As        *expr.DAG // the program extracted, with the element types of the closure
	Extracted int       // programs extracted
	Stable    bool      // by the rules for exponentials and sums of non-negative terms
	Unstable  string    // what is amiss
}

// WhyNot follows a form, over the same axes, inputs and outputs as the program, through Explore.
func WhyNot(ctx context.Context, d, form *expr.DAG, opt Options) (*Fate, error) {
	opt = opt.withDefaults()
	st := &Stats{Pruned: make([]Count, pruneWide+1)}
	program := d
	if s := Stabilise(d); s != nil {
		program = s
	}
	c := newClosure(program, opt, st)
	for _, g := range []*expr.DAG{d, form} {
		for _, n := range g.Nodes {
			if !c.walks(n.Axes | n.Over) {
				return &Fate{Wide: true}, nil
			}
		}
	}
	c.seed(true)
	c.run(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &Fate{Values: st.Values, Stop: st.Stop, Operators: form.Operators(), Limit: program.Operators() + opt.Extra}
	at := c.valuesIn(form)
	forms := make([]polyID, len(form.Nodes))
	for i, n := range form.Nodes {
		if len(n.Args) == 0 {
			forms[i] = c.abs.leafForm(n)
			continue
		}
		args := make([]polyID, len(n.Args))
		for k, a := range n.Args {
			args[k] = forms[a]
		}
		forms[i] = c.abs.form(n, args)
		if at[i] >= 0 {
			continue
		}
		f.Lost, f.Form = explain(form, []int{i})[0], c.abs.text(forms[i], d)
		if f.Admitted = c.abs.admits(forms[i]); f.Admitted {
			f.Rule = c.outside(n, form)
		} else {
			f.Rule = c.abs.refusal(forms[i], d)
		}
		return f, nil
	}
	for i, n := range form.Nodes {
		if len(n.Args) == 0 || f.Other != "" {
			continue
		}
		e := edge{op: n.Op, over: n.Over, attrs: n.Attrs}
		for _, a := range n.Args {
			e.args = append(e.args, at[a])
		}
		if _, ok := c.byEdge[edgeKey(canonical(e))]; ok || slices.Contains(e.args, at[i]) {
			continue
		}
		f.Other, f.Form = explain(form, []int{i})[0], c.abs.text(forms[i], d)
		if f.Admitted = c.abs.admits(forms[i]); f.Admitted {
			f.Rule = c.outside(n, form)
		} else {
			f.Rule = c.abs.refusal(forms[i], d)
		}
		for _, e := range c.values[at[i]].edges[:min(3, len(c.values[at[i]].edges))] {
			f.Known = append(f.Known, c.call(e, 3))
		}
	}
	j := newJudge(c, d, program)
	own := j.candidate(form)
	f.Stable, f.Unstable = own.Stable, own.Reason
	h := Untyped(form)
	all := c.extract(ctx, d, program)
	f.Extracted = len(all)
	for i := range all {
		if Untyped(all[i].DAG) == h {
			f.Place, f.As = i+1, all[i].DAG
		}
	}
	return f, ctx.Err()
}

// Untyped is the structural hash of a DAG in which all floating-point types are one.
func Untyped(d *expr.DAG) string {
	c := d.Clone()
	for i := range c.Nodes {
		if c.Nodes[i].DType.IsFloat() {
			c.Nodes[i].DType = ugraph.F32
		}
	}
	return expr.Hash(c)
}

// call is an application in words, its operands by their first derivations, to a depth.
func (c *closure) call(e edge, depth int) string {
	var args []string
	for _, a := range e.args {
		args = append(args, c.first(a, depth))
	}
	s := e.op.String()
	for _, k := range e.over.List() {
		s += "_" + c.d.Axes[k].Name
	}
	return s + "(" + strings.Join(args, ", ") + ")"
}

// first is a value by its first derivation, to a depth.
func (c *closure) first(v, depth int) string {
	x := c.values[v]
	switch {
	case x.leaf != nil && x.leaf.Op == ugraph.OpInvalid:
		return c.d.Inputs[x.leaf.Input].Name
	case x.leaf != nil && x.leaf.Op == ugraph.OpConst:
		return x.leaf.Value.String()
	case depth == 0 || len(x.edges) == 0:
		return "…"
	}
	return c.call(x.edges[0], depth-1)
}

// valuesIn are the closure's values of a form's nodes, -1 where it has none. A value is taken with the tensors that the
// closure has of it, as it does itself.
func (c *closure) valuesIn(d *expr.DAG) []int {
	out := make([]int, len(d.Nodes))
	ts := make([][]tensor, len(d.Nodes))
	for i, n := range d.Nodes {
		v := value{axes: n.Axes, dtype: n.DType}
		for k, in := range c.inst {
			if len(n.Args) == 0 {
				v.tensors = append(v.tensors, in.leaf(n))
				continue
			}
			args, owns := make([]tensor, len(n.Args)), make([]expr.AxisSet, len(n.Args))
			for j, a := range n.Args {
				args[j], owns[j] = ts[a][k], d.Nodes[a].Axes
			}
			v.tensors = append(v.tensors, in.apply(n, args, owns))
		}
		at, ok := c.byPrint[v.print()]
		out[i], ts[i] = -1, v.tensors
		if ok {
			out[i], ts[i] = at, c.values[at].tensors
		}
	}
	return out
}

// outside says why an application whose normal form is admitted is no value of the closure.
func (c *closure) outside(n expr.Node, d *expr.DAG) string {
	has := func(list []edge) bool {
		return slices.ContainsFunc(list, func(e edge) bool {
			return e.op == n.Op && e.over == n.Over && e.attrs.String() == n.Attrs.String()
		})
	}
	switch {
	case !c.speaks(n, d):
		return fmt.Sprintf("%s of integers or conditions: of these the closure has only the program's own", n.Op)
	case n.Op == ugraph.OpMatMul:
		if !c.contracted.Contains(n.Over) {
			return "a contraction over axes that the program does not sum"
		}
	case n.Over != 0:
		if !has(c.reductions) {
			return fmt.Sprintf("%s over axes that no reduction of the program's has", n.Op)
		}
	case len(n.Args) == 1:
		if !has(c.unary) {
			return fmt.Sprintf("the program has no %s", n.Op)
		}
	default:
		if !has(c.binary) {
			return fmt.Sprintf("the program has no %s", n.Op)
		}
		a, b := d.Nodes[n.Args[0]].Axes, d.Nodes[n.Args[1]].Axes
		if u := a | b; u != a && u != b && !c.axisSets[u] {
			return "an outer product whose axes no value of the program has together"
		}
	}
	if c.st.Stop != StopFixpoint {
		return "the closure ended before it: " + c.st.Stop
	}
	return fmt.Sprintf("it would be reached by a derivation whose normal form is beyond the %d kept of a value", c.opt.Forms)
}

// refusal says which rule of the abstraction test refuses a polynomial.
func (a *abstraction) refusal(p polyID, d *expr.DAG) string {
	ts := a.polys[a.strip(p)]
	var targets []string
	for i, t := range a.targets {
		if i < 3 {
			targets = append(targets, a.text(a.poly(t), d))
		}
	}
	parts := strings.Join(targets, ", ")
	for _, t := range ts {
		if len(a.factors(t.core)) == 0 {
			return fmt.Sprintf("no monomial of a target is a multiple of %s; the targets are %s", a.coreText(t.core, d), parts)
		}
	}
	if len(ts) == 1 {
		return fmt.Sprintf("%d times %s is more than any target has; the targets are %s", ts[0].coef, a.coreText(ts[0].core, d), parts)
	}
	return fmt.Sprintf("each of its %d monomials is part of a target, but times one factor they are not so together; the targets are %s", len(ts), parts)
}
