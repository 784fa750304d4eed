package lower

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Pass is one step of lowering. Rewrite returns the new block graph; Annotate fills in the plan of
// a kernel. Each pass has one of the two.
type Pass struct {
	Name     string
	Why      string // why it stands where it stands
	Rewrite  func(g *ugraph.Graph) (*ugraph.Graph, error)
	Annotate func(g *ugraph.Graph, k *KernelPlan)
}

// Passes is the order of lowering.
var Passes = []Pass{
	{Name: "layout", Why: "first: a transposition that becomes a flag of its product is an operator less for all that follow", Rewrite: layout},
	{Name: "thread", Why: "before the order is chosen: values inside a fused group are no tiles and must not count as live", Rewrite: fuse},
	{Name: "order", Why: "after the last rewriting: it only permutes, and lifetimes follow from it", Rewrite: reorder},
	{Name: "prefetch", Why: "before memory: a tile that is loaded ahead needs a second buffer", Annotate: prefetch},
	{Name: "memory", Why: "last: it needs the final order and the final number of buffers", Annotate: place},
}

// KernelPlan is what lowering found out about one kernel.
type KernelPlan struct {
	Node     ugraph.NodeID   // the kernel's node in the lowered graph
	Prefetch []ugraph.NodeID // loads of the block graph to start one trip ahead, in their order
	Tiles    []TilePlan      // the block's tiles, by value
	Bytes    int64           // of the arena that holds every tile with a known place
	Peak     int64           // lower bound of Bytes: the most that is live at once
}

// TilePlan places a tile in the block's arena.
type TilePlan struct {
	Value       ugraph.ValueID
	Bytes       int64 // of all of its buffers; 0 where the extent is a symbol: such tiles have no fixed place
	Buffers     int   // 2 for a prefetched tile
	Offset      int64 // multiple of Align
	First, Last int   // positions in the block's order between which it is live
}

// Align is the alignment of tiles in an arena, in bytes: a cache line.
const Align = 64

// Plan is the side table of a lowered graph: an entry per kernel, in their order.
type Plan struct {
	Kernels []KernelPlan
}

// Run lowers a μGraph. The result means the same as g and is legal; g is not changed. Errors: a graph
// that is not legal, before or after a pass.
func Run(g *ugraph.Graph) (*ugraph.Graph, *Plan, error) {
	return Traced(g, func(Pass, *ugraph.Graph) {})
}

// Traced is Run, and calls after with the whole graph after each pass over all kernels that rewrites them. after may
// only read the graph, and only until it returns.
func Traced(g *ugraph.Graph, after func(p Pass, g *ugraph.Graph)) (*ugraph.Graph, *Plan, error) {
	if err := ugraph.Validate(g); err != nil {
		return nil, nil, fmt.Errorf("lower: %w", err)
	}
	out, plan := g.Clone(), &Plan{}
	for i := range out.Nodes {
		if out.Nodes[i].Op == ugraph.OpKernel {
			plan.Kernels = append(plan.Kernels, KernelPlan{Node: ugraph.NodeID(i)})
		}
	}
	for _, p := range Passes {
		for i := range plan.Kernels {
			k := &plan.Kernels[i]
			n := &out.Nodes[k.Node]
			if p.Annotate != nil {
				p.Annotate(n.Body, k)
				continue
			}
			body, err := p.Rewrite(n.Body)
			if err != nil {
				return nil, nil, fmt.Errorf("lower: %s of kernel %s: %w", p.Name, n.Body.Name, err)
			}
			n.Body = body
		}
		if p.Annotate != nil || len(plan.Kernels) == 0 {
			continue
		}
		if err := ugraph.Validate(out); err != nil {
			return nil, nil, fmt.Errorf("lower: after %s: %w", p.Name, err)
		}
		after(p, out)
	}
	return out, plan, nil
}

// writer copies a block graph node by node into a new one.
type writer struct {
	from, to *ugraph.Graph
	value    []ugraph.ValueID // of from -> of to; -1 where it has no copy
}

func newWriter(g *ugraph.Graph) *writer {
	t := &ugraph.Graph{Level: g.Level, Name: g.Name, For: g.For, Grid: append([]ugraph.GridDim(nil), g.Grid...)}
	if g.Loop != nil {
		l := *g.Loop
		t.Loop = &l
	}
	w := &writer{from: g, to: t, value: make([]ugraph.ValueID, len(g.Values))}
	for i := range w.value {
		w.value[i] = -1
	}
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		w.value[in.Value] = t.AddInput(v.Name, v.Type, in.Const)
	}
	return w
}

// node appends a node with operands of the old graph and results that stand for old values.
func (w *writer) node(n ugraph.Node, results []ugraph.ValueID) error {
	args := make([]ugraph.ValueID, len(n.Args))
	for i, a := range n.Args {
		if args[i] = w.value[a]; args[i] < 0 {
			panic(fmt.Sprintf("lower: %s reads value %d before it is written", n.Op, a))
		}
	}
	n.Args, n.Results = args, nil
	rs, err := w.to.Append(n)
	if err != nil {
		return err
	}
	for i, r := range rs {
		w.value[results[i]] = r
		w.to.Values[r].Name = w.from.Values[results[i]].Name
	}
	return nil
}

func (w *writer) finish() *ugraph.Graph {
	for _, o := range w.from.Outputs {
		o.Value = w.value[o.Value]
		if o.Store != nil {
			s := *o.Store
			s.Grid = append([]int(nil), s.Grid...)
			o.Store = &s
		}
		w.to.Outputs = append(w.to.Outputs, o)
	}
	return w.to
}

// useCounts counts the readers of every value, outputs included.
func useCounts(g *ugraph.Graph) []int {
	uses := make([]int, len(g.Values))
	for i := range g.Nodes {
		for _, a := range g.Nodes[i].Args {
			uses[a]++
		}
	}
	for _, o := range g.Outputs {
		uses[o.Value]++
	}
	return uses
}

// needed tells which nodes an output or another needed node reads.
func needed(g *ugraph.Graph) []bool {
	need := make([]bool, len(g.Nodes))
	var visit func(v ugraph.ValueID)
	visit = func(v ugraph.ValueID) {
		id := g.Values[v].Node
		if id < 0 || need[id] {
			return
		}
		need[id] = true
		for _, a := range g.Nodes[id].Args {
			visit(a)
		}
	}
	for _, o := range g.Outputs {
		visit(o.Value)
	}
	return need
}
