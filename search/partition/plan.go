package partition

import (
	"fmt"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Group is what one kernel (two with a split loop) computes.
type Group struct {
	// DAG is the group as a program of its own. Its inputs and outputs bear the names of the tensors
	// that they are: the program's inputs and outputs, and names of the plan's for what lies between.
	DAG *expr.DAG
	// Nodes are the nodes of the plan's DAG, ascending; nil for groups of a rewritten window.
	Nodes   []int
	Choices []schedule.Choice // the best first
	inner   innerTensors
}

type innerTensors struct{ in, out []bool }

// US is the predicted time of the group's best choice, in microseconds.
func (g *Group) US() float64 { return g.Choices[0].US }

// Schedules are the options with which the group's choices were scheduled for a target, one of them.
func (p *Plan) Schedules(group int, row *target.Row) schedule.Options {
	g := &p.Groups[group]
	return schedule.Options{Row: row, Sizes: p.opt.Sizes, ProgramBytes: p.opt.ProgramBytes, InnerInputs: g.inner.in, InnerOutputs: g.inner.out}
}

// Plan is a partition of a program, with a schedule for each group, in an order in which they can run.
type Plan struct {
	DAG    *expr.DAG // the program
	Groups []Group
	US     float64 // sum of the groups' times, microseconds
	Stats  Stats

	opt    Options // of the search, with ProgramBytes
	naming *naming
}

// Stats counts what the partitioning did.
type Stats struct {
	Ideals  int // expanded
	Groups  int // entered with their lower bound
	Priced  int // priced exactly
	Refused int // without a legal form or a tiling that fits
	schedule.Stats
}

func (s *Stats) add(t Stats) {
	s.Ideals += t.Ideals
	s.Groups += t.Groups
	s.Priced += t.Priced
	s.Refused += t.Refused
	s.Stats.Add(t.Stats)
}

// Time is the predicted time of some of the groups, in microseconds.
func (p *Plan) Time(groups []int) float64 {
	us := 0.0
	for _, g := range groups {
		us += p.Groups[g].US()
	}
	return us
}

// Kernels is the number of kernels of the plan's best choices.
func (p *Plan) Kernels() int {
	n := 0
	for i := range p.Groups {
		n += p.Groups[i].Choices[0].Kernels
	}
	return n
}

// Picks lists up to k ways to take one choice of each group, the best predicted first: all best, then
// one group at a time at its next choices. Emit takes such a list.
func (p *Plan) Picks(k int) [][]int {
	type pick struct {
		group, choice int
		us            float64 // beyond the best
	}
	all := []pick{{}}
	for g := range p.Groups {
		for c := 1; c < len(p.Groups[g].Choices); c++ {
			all = append(all, pick{g, c, p.Groups[g].Choices[c].US - p.Groups[g].US()})
		}
	}
	sort.SliceStable(all[1:], func(i, j int) bool { return all[1+i].us < all[1+j].us })
	var out [][]int
	for _, a := range all[:min(k, len(all))] {
		choice := make([]int, len(p.Groups))
		if len(choice) > 0 {
			choice[a.group] = a.choice
		}
		out = append(out, choice)
	}
	return out
}

// Emit writes the plan as a μGraph with the program's interface. pick has the number of a choice for
// each group; nil: the best ones.
func (p *Plan) Emit(pick []int) (*ugraph.Graph, error) {
	if pick == nil {
		pick = make([]int, len(p.Groups))
	}
	if len(pick) != len(p.Groups) {
		return nil, fmt.Errorf("%d choices for %d groups", len(pick), len(p.Groups))
	}
	d := p.DAG
	b := ugraph.NewBuilder(d.Name)
	b.For(d.Name)
	if d.Part() {
		b.Part()
	}
	for _, s := range d.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	tensors := map[string]ugraph.ValueID{}
	inputs := make([]ugraph.ValueID, len(d.Inputs))
	for i, in := range d.Inputs {
		add := b.Input
		if in.Const {
			add = b.Weight
		}
		inputs[i] = add(in.Name, in.DType, d.InputShape(i))
	}
	for i, in := range d.Inputs { // tensors without their axes of extent 1
		tensors[in.Name] = reshape(b, inputs[i], d.InputShape(i), d.Extents(in.Axes))
	}
	for g := range p.Groups {
		group := &p.Groups[g]
		if pick[g] < 0 || pick[g] >= len(group.Choices) {
			return nil, fmt.Errorf("group %d has %d choices, not %d", g, len(group.Choices), pick[g])
		}
		c := group.Choices[pick[g]]
		in := make([]ugraph.ValueID, len(group.DAG.Inputs))
		for i, x := range group.DAG.Inputs {
			v, ok := tensors[x.Name]
			if !ok {
				return nil, fmt.Errorf("group %d reads %s, which no group before it writes", g, x.Name)
			}
			in[i] = v
		}
		outs, err := loop.Emit(b, c.Form, c.Tiling, in)
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", g, err)
		}
		for i, v := range outs {
			tensors[group.DAG.Outputs[i].Name] = v
		}
	}
	for i, o := range d.Outputs {
		v, ok := tensors[o.Name]
		if n := d.Nodes[o.Node]; n.Op == ugraph.OpInvalid || n.Op == ugraph.OpConst || n.Op == ugraph.OpIota {
			v, ok = direct(b, d, i, tensors), true
		}
		if !ok {
			return nil, fmt.Errorf("no group writes the output %s", o.Name)
		}
		b.Output(o.Name, reshape(b, v, d.Extents(o.Axes), d.OutputShape(i)))
	}
	return b.Graph()
}

// direct is an output that is an input, constant or index of its own: it needs no group.
func direct(b *ugraph.Builder, d *expr.DAG, output int, tensors map[string]ugraph.ValueID) ugraph.ValueID {
	o := d.Outputs[output]
	n := d.Nodes[o.Node]
	var v ugraph.ValueID
	var axes []int
	switch n.Op {
	case ugraph.OpInvalid:
		v, axes = tensors[d.Inputs[n.Input].Name], d.Inputs[n.Input].Axes
	case ugraph.OpConst:
		v = b.Const(n.Value, n.DType)
	default:
		axes = n.Axes.List()
		v = b.Op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", d.Axes[axes[0]].Extent)})
	}
	var perm []int64
	shape := make([]ugraph.Dim, len(o.Axes)) // with 1 where the value has to be repeated
	for i, a := range o.Axes {
		shape[i] = ugraph.D(1)
		if at := slices.Index(axes, a); at >= 0 {
			perm = append(perm, int64(at))
			shape[i] = d.Axes[a].Extent
		}
	}
	if !slices.IsSorted(perm) {
		v = b.Op(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)}, v)
	}
	if b.Err() == nil && b.Type(v).DType != o.DType {
		v = b.Op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", o.DType.String())}, v)
	}
	if len(axes) > 0 {
		v = reshape(b, v, b.Type(v).Shape, shape)
	}
	if full := d.Extents(o.Axes); len(axes) == 0 && len(full) > 0 || !ugraph.SameShape(full, shape) {
		v = b.Op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", full...)}, v)
	}
	return v
}

func reshape(b *ugraph.Builder, v ugraph.ValueID, from, to []ugraph.Dim) ugraph.ValueID {
	if ugraph.SameShape(from, to) {
		return v
	}
	return b.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", to...)}, v)
}

// Windows lists the parts of the program to hand to package algebra, as groups of the plan: each group, then
// the unions of two groups of which one reads what the other writes and which no third lies between.
func (p *Plan) Windows() [][]int {
	var out [][]int
	for i := range p.Groups {
		out = append(out, []int{i})
	}
	for i := range p.Groups {
		for j := i + 1; j < len(p.Groups); j++ {
			if p.reads(j, i) && p.convex(i, j) {
				out = append(out, []int{i, j})
			}
		}
	}
	return out
}

func (p *Plan) reads(reader, writer int) bool {
	for _, in := range p.Groups[reader].DAG.Inputs {
		for _, o := range p.Groups[writer].DAG.Outputs {
			if in.Name == o.Name {
				return true
			}
		}
	}
	return false
}

// convex tells whether no path leads from group i to j through another.
func (p *Plan) convex(i, j int) bool {
	from := make([]bool, len(p.Groups))
	for k := i + 1; k < j; k++ {
		from[k] = p.reads(k, i)
		for l := i + 1; l < k; l++ {
			from[k] = from[k] || from[l] && p.reads(k, l)
		}
		if from[k] && p.reads(j, k) {
			return false
		}
	}
	return true
}

// Window is the union of groups of the plan as a program, and the options with which Best plans a rewriting
// of it in its place: all but Prefix, which has to be one of its own. The groups must have come from the
// program itself, not from a rewritten window.
func (p *Plan) Window(groups []int) (*expr.DAG, Options, error) {
	opt := p.opt
	var nodes []int
	for _, g := range groups {
		if p.Groups[g].Nodes == nil {
			return nil, opt, fmt.Errorf("group %d is part of a rewritten window", g)
		}
		nodes = append(nodes, p.Groups[g].Nodes...)
	}
	slices.Sort(nodes)
	w, t := p.naming.window(nodes, p.opt.Inner)
	opt.Inner = nil
	for i, in := range w.Inputs {
		if t.in[i] {
			opt.Inner = append(opt.Inner, in.Name)
		}
	}
	for i, o := range w.Outputs {
		if t.out[i] {
			opt.Inner = append(opt.Inner, o.Name)
		}
	}
	return w, opt, nil
}

// Splice returns the plan with the given groups replaced by the plan of a program that computes the same
// tensors: one made by Best from a rewriting of Window(groups), with a Prefix of its own.
func (p *Plan) Splice(groups []int, sub *Plan) (*Plan, error) {
	q := &Plan{DAG: p.DAG, Stats: p.Stats, opt: p.opt, naming: p.naming}
	q.Stats.add(sub.Stats)
	var pending []Group
	for i := range p.Groups {
		if !slices.Contains(groups, i) {
			pending = append(pending, p.Groups[i])
		}
	}
	for _, g := range sub.Groups {
		g.Nodes = nil
		pending = append(pending, g)
	}
	have := map[string]bool{}
	for _, in := range p.DAG.Inputs {
		have[in.Name] = true
	}
	for len(pending) > 0 { // in an order in which every group finds its inputs
		at := slices.IndexFunc(pending, func(g Group) bool {
			return !slices.ContainsFunc(g.DAG.Inputs, func(in expr.Input) bool { return !have[in.Name] })
		})
		if at < 0 {
			return nil, fmt.Errorf("the rewritten window does not write what the groups after it read")
		}
		for _, o := range pending[at].DAG.Outputs {
			have[o.Name] = true
		}
		q.US += pending[at].US()
		q.Groups = append(q.Groups, pending[at])
		pending = slices.Delete(pending, at, at+1)
	}
	return q, nil
}
