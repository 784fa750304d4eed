package shrink

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Part is a factor of an axis: its extent in the graph, and in the smaller copy.
type Part struct{ Old, New ugraph.Dim }

// Axis is an axis as the product of its parts, outermost first; one of extent 1 has none.
type Axis []Part

// extents are the products of the parts.
func (a Axis) extents() (from, to ugraph.Dim) {
	from, to = ugraph.D(1), ugraph.D(1)
	for _, p := range a {
		from, to = from.Mul(p.Old), to.Mul(p.New)
	}
	return from, to
}

// Plan says what the copy looks like where the graph alone does not.
type Plan struct {
	Inputs  [][]Axis                                               // per input and axis, in the order of the graph's inputs
	Number  func(ugraph.Dim) (ugraph.Dim, error)                   // an extent that no operand has: iota, broadcast, a split that the inputs do not show
	Literal func(ugraph.Number) ugraph.Number                      // nil: literals stay
	Tile    func(from, to ugraph.Dim, tile int64, loop bool) int64 // the tile of a cut of such an extent; nil: tiles stay
	Env     ugraph.Env                                             // gives symbols values; nil: symbols stay symbols
}

// copier rebuilds one graph. Axes are kept by the old value's id.
type copier struct {
	plan Plan
	g    *ugraph.Graph
	b    *ugraph.Builder
	ids  []ugraph.ValueID
	axes [][]Axis
}

// Rebuild writes the graph again by the plan. It fails where the graph's structure needs an extent
// that the plan cannot give: a reshape across the borders of axes, parts that do not divide.
func Rebuild(g *ugraph.Graph, plan Plan) (*ugraph.Graph, error) {
	if len(plan.Inputs) != len(g.Inputs) {
		return nil, fmt.Errorf("%s takes %d inputs, the plan has %d", g.Name, len(g.Inputs), len(plan.Inputs))
	}
	b := ugraph.NewBuilder(g.Name)
	if g.Part {
		b.Part()
	}
	if plan.Env == nil {
		for _, s := range g.Symbols {
			b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
		}
	}
	c := newCopier(plan, g, b)
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		if len(plan.Inputs[i]) != v.Rank() {
			return nil, fmt.Errorf("input %s has %d axes, the plan %d", v.Name, v.Rank(), len(plan.Inputs[i]))
		}
		shape := make([]ugraph.Dim, v.Rank())
		for k, a := range plan.Inputs[i] {
			from, to := a.extents()
			if from != v.Shape[k] {
				return nil, fmt.Errorf("axis %d of input %s has extent %s, not %s", k, v.Name, v.Shape[k], from)
			}
			shape[k] = to
		}
		c.axes[in.Value] = plan.Inputs[i]
		if in.Const {
			c.ids[in.Value] = b.Weight(v.Name, v.DType, shape)
		} else {
			c.ids[in.Value] = b.Input(v.Name, v.DType, shape)
		}
	}
	if err := c.nodes(); err != nil {
		return nil, err
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, c.ids[o.Value])
	}
	return b.Graph()
}

func newCopier(plan Plan, g *ugraph.Graph, b *ugraph.Builder) *copier {
	return &copier{plan: plan, g: g, b: b, ids: make([]ugraph.ValueID, len(g.Values)), axes: make([][]Axis, len(g.Values))}
}

func (c *copier) nodes() error {
	for i := range c.g.Nodes {
		n := &c.g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = c.ids[a]
		}
		var err error
		if n.Op == ugraph.OpKernel {
			err = c.kernel(n, args)
		} else {
			err = c.operator(n, args)
		}
		if err == nil {
			err = c.b.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: node %d (%s): %w", c.g.Name, i, n.Op, err)
		}
	}
	return nil
}

// operator copies a node that is not a kernel's.
func (c *copier) operator(n *ugraph.Node, args []ugraph.ValueID) error {
	results, attrs, err := c.rule(n)
	if err != nil {
		return err
	}
	res := c.b.Ops(n.Op, attrs, args...)
	if c.b.Err() != nil {
		return c.b.Err()
	}
	for j, r := range n.Results {
		c.ids[r], c.axes[r] = res[j], results[j]
		if err := c.check(r, c.b.Type(res[j])); err != nil {
			return err
		}
	}
	return nil
}

// check compares the axes that were carried along with the types that inference gave.
func (c *copier) check(old ugraph.ValueID, got ugraph.Type) error {
	was := c.g.Values[old].Shape
	if len(c.axes[old]) != len(was) || len(was) != got.Rank() {
		return fmt.Errorf("a result with %d axes is traced as %d", len(was), len(c.axes[old]))
	}
	for k, a := range c.axes[old] {
		if from, to := a.extents(); from != was[k] || to != got.Shape[k] {
			return fmt.Errorf("axis %d: %s becomes %s, traced as %s and %s", k, was[k], got.Shape[k], from, to)
		}
	}
	return nil
}

// kernel copies a graph-defined kernel.
func (c *copier) kernel(n *ugraph.Node, args []ugraph.ValueID) error {
	var outs [][]Axis
	var failed error
	res := c.b.Kernel(n.Body.Name, func(k *ugraph.BlockBuilder) {
		inner := newCopier(c.plan, n.Body, &k.Builder)
		for i, in := range n.Body.Inputs {
			inner.ids[in.Value] = k.Arg(args[i])
			inner.axes[in.Value] = c.axes[n.Args[i]]
		}
		if outs, failed = inner.block(k); failed != nil {
			k.Fail(failed)
		}
	})
	if c.b.Err() != nil {
		return c.b.Err()
	}
	for j, r := range n.Results {
		c.ids[r], c.axes[r] = res[j], outs[j]
		if err := c.check(r, c.b.Type(res[j])); err != nil {
			return fmt.Errorf("output %s: %w", n.Body.Outputs[j].Name, err)
		}
	}
	return nil
}
