package cpu

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// plainTile is about how many elements a block of an operator that is run by itself works on: small
// enough for the second-level cache, large enough that a block costs more than its hand-out.
const plainTile = 1 << 15

// plainRow is the longest row of a norm or softmax that is one kernel: blocks keep whole rows.
const plainRow = 4 * plainTile

// Unfused returns the graph with every operator outside of a kernel as a kernel of its own, cut into
// blocks for the sizes in env: what `--plain` runs, so that fused and unfused differ in fusion alone.
// A norm or softmax over the last axis is one operator, as in the frameworks that run operator by
// operator; rope, attention, and norms of longer rows than plainRow are run as their definitions.
// Reshapes stay as they are: they move nothing. Graph-defined kernels are kept; composite operators
// inside them are expanded.
func Unfused(g *ugraph.Graph, env ugraph.Env) (*ugraph.Graph, error) {
	g, err := library.ExpandWhere(g, func(in *ugraph.Graph, n *ugraph.Node) bool {
		return in.Level != ugraph.KernelLevel || !rowOperator(in, n, env)
	})
	if err != nil {
		return nil, err
	}
	g, err = unfused(g, env, plainTile)
	if err != nil {
		return nil, err
	}
	return library.Expand(g)
}

// rowOperator tells whether a composite operator works on rows that a block holds.
func rowOperator(g *ugraph.Graph, n *ugraph.Node, env ugraph.Env) bool {
	switch n.Op {
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRMSNorm, ugraph.OpLayerNorm:
	default:
		return false
	}
	t := g.Values[n.Args[0]].Type
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), t.Rank())
	if err != nil || axis != t.Rank()-1 {
		return false
	}
	length, err := t.Shape[axis].Eval(env)
	return err == nil && length <= plainRow
}

// unfused is Unfused with blocks of about that many elements.
func unfused(g *ugraph.Graph, env ugraph.Env, tile int64) (*ugraph.Graph, error) {
	b := ugraph.NewBuilder(g.Name)
	b.For(g.For)
	for _, s := range g.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	ids := make([]ugraph.ValueID, len(g.Values))
	consts := map[ugraph.ValueID]*ugraph.Node{} // outer value -> its const or iota
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		if in.Const {
			ids[in.Value] = b.Weight(v.Name, v.DType, v.Shape)
		} else {
			ids[in.Value] = b.Input(v.Name, v.DType, v.Shape)
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = ids[a]
		}
		var res []ugraph.ValueID
		switch n.Op {
		case ugraph.OpKernel:
			res = b.Adopt(*n, args)
		case ugraph.OpReshape:
			res = b.Ops(n.Op, n.Attrs, args...)
		case ugraph.OpConst, ugraph.OpIota:
			res = b.Ops(n.Op, n.Attrs)
			if b.Err() == nil {
				consts[res[0]] = n
			}
		default:
			p := &plainOp{b: b, node: n, args: args, consts: consts, env: env, tile: tile}
			for _, r := range n.Results {
				p.results = append(p.results, g.Values[r].Type)
			}
			res = p.emit()
		}
		if err := b.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Op, err)
		}
		for j, r := range n.Results {
			ids[r] = res[j]
			b.Name(res[j], g.Values[r].Name)
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, ids[o.Value])
	}
	return b.Graph()
}

// plainOp makes the kernel of one operator.
type plainOp struct {
	b       *ugraph.Builder
	node    *ugraph.Node
	args    []ugraph.ValueID
	results []ugraph.Type
	consts  map[ugraph.ValueID]*ugraph.Node
	env     ugraph.Env
	tile    int64 // elements of a block
}

// emit adds the kernel: the axes of the result that a block may cut, in the order in which they are
// cut until a block is small; each operand is cut where it carries the axis.
func (p *plainOp) emit() []ugraph.ValueID {
	out := p.results[0]
	cut := p.cuttable() // result axis -> may be cut
	sizes, err := ugraph.EvalShape(out.Shape, p.env)
	if err != nil {
		p.b.Fail(err)
		return nil
	}
	tile := append([]int64(nil), sizes...)
	work := p.workPerElement()
	elements := int64(1)
	for _, s := range sizes {
		elements *= s
	}
	limit := max(p.tile/max(work, 1), p.tile>>9, 1)
	if p.node.Op == ugraph.OpMatMul {
		// Rows and columns of a product are cut to squares that reuse their operands.
		limit = 2 * p.tile
	}
	for a := range tile {
		if !cut[a] || elements <= limit {
			continue
		}
		inner := elements / tile[a]
		t := max(1, limit/inner)
		if p.node.Op == ugraph.OpMatMul && a >= len(tile)-2 {
			t = max(t, min(tile[a], p.tile>>7))
		}
		t = min(t, tile[a])
		elements = inner * t
		tile[a] = t
	}
	return p.b.Kernel(p.node.Op.String(), func(k *ugraph.BlockBuilder) {
		gridOf := map[int]int{}
		for a := range tile {
			if cut[a] && tile[a] < sizes[a] {
				gridOf[a] = k.Grid(fmt.Sprintf("g%d", a), out.Shape[a], tile[a])
			}
		}
		in := make([]ugraph.ValueID, len(p.args))
		for i, a := range p.args {
			if c := p.consts[a]; c != nil && c.Op == ugraph.OpConst {
				in[i] = k.Op(c.Op, c.Attrs)
				continue
			}
			grid := make([]int64, len(gridOf))
			for g := range grid {
				grid[g] = -1
			}
			for axis, g := range gridOf {
				grid[g] = int64(p.operandAxis(i, axis))
			}
			if c := p.consts[a]; c != nil {
				in[i] = k.LoadTile(k.Op(c.Op, c.Attrs), grid, -1)
				continue
			}
			in[i] = k.Load(a, grid, -1)
		}
		attrs := p.node.Attrs
		if p.node.Op == ugraph.OpBroadcast { // to the tile's shape
			shape := append([]ugraph.Dim(nil), out.Shape...)
			for axis := range gridOf {
				shape[axis] = ugraph.D(tile[axis])
			}
			attrs = ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}
		}
		res := k.Ops(p.node.Op, attrs, in...)
		for i, r := range res {
			grid := make([]int, len(gridOf))
			for axis, g := range gridOf {
				grid[g] = axis
			}
			k.Store(fmt.Sprintf("out%d", i), r, ugraph.Store{Grid: grid, Loop: -1})
		}
	})
}

// workPerElement is how many operand elements one result element reads, for the size of a block.
func (p *plainOp) workPerElement() int64 {
	if p.node.Op.Info().Class != ugraph.Reduction {
		return 1
	}
	in, err := ugraph.EvalShape(p.b.Type(p.args[0]).Shape, p.env)
	if err != nil {
		return 1
	}
	out, err := ugraph.EvalShape(p.results[0].Shape, p.env)
	if err != nil {
		return 1
	}
	n := int64(1)
	for _, d := range in {
		n *= d
	}
	for _, d := range out {
		n /= max(d, 1)
	}
	return max(n, 1)
}

// cuttable tells which axes of the result may be cut over blocks.
func (p *plainOp) cuttable() []bool {
	n, out := p.node, p.results[0]
	cut := make([]bool, out.Rank())
	all := func(v bool) {
		for a := range cut {
			cut[a] = v
		}
	}
	axis := func(def int64) int {
		a, err := ugraph.NormalAxis(n.Attrs.Int("axis", def), p.b.Type(p.args[0]).Rank())
		if err != nil {
			return -1
		}
		return a
	}
	switch n.Op.Info().Class {
	case ugraph.Elementwise, ugraph.Contraction, ugraph.Reduction:
		all(true)
		return cut
	}
	switch n.Op {
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpRMSNorm, ugraph.OpLayerNorm, ugraph.OpTopK:
		all(true)
		if a := axis(-1); a >= 0 {
			cut[a] = false
		}
	case ugraph.OpLogSumExp, ugraph.OpArgmax:
		all(true)
	case ugraph.OpTranspose:
		all(true)
	case ugraph.OpBroadcast:
		for a := range cut { // an axis that the operand does not carry has no tiles to take
			cut[a] = p.operandAxis(0, a) >= 0
		}
	}
	return cut
}

// operandAxis is the axis of operand i that carries an axis of the result, or -1.
func (p *plainOp) operandAxis(i, axis int) int {
	n, out := p.node, p.results[0]
	t := p.b.Type(p.args[i])
	aligned := func() int {
		a := axis - (out.Rank() - t.Rank())
		if a < 0 || t.Shape[a].Is(1) && !out.Shape[axis].Is(1) {
			return -1
		}
		return a
	}
	switch n.Op {
	case ugraph.OpMatMul:
		rows, cols := t.Rank()-2, t.Rank()-1
		if i == 0 && n.Attrs.Flag("transpose_a") || i == 1 && n.Attrs.Flag("transpose_b") {
			rows, cols = cols, rows
		}
		switch {
		case axis < out.Rank()-2:
			return aligned()
		case axis == out.Rank()-2 && i == 0:
			return rows
		case axis == out.Rank()-1 && i == 1:
			return cols
		}
		return -1
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, t.Rank())
		if err != nil {
			return -1
		}
		return perm[axis]
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin, ugraph.OpArgmax:
		axes, err := ugraph.ReduceAxes(n.Attrs, t.Rank())
		if err != nil {
			return -1
		}
		return survivingAxis(t.Rank(), axes, n.Attrs.Flag("keepdims"), axis)
	case ugraph.OpLogSumExp:
		a, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), t.Rank())
		if err != nil {
			return -1
		}
		return survivingAxis(t.Rank(), []int{a}, n.Attrs.Flag("keepdims"), axis)
	}
	return aligned()
}

// survivingAxis is the operand's axis that becomes the given axis of a reduction's result, or -1.
func survivingAxis(rank int, gone []int, keep bool, axis int) int {
	out := 0
	for a := 0; a < rank; a++ {
		isGone := false
		for _, g := range gone {
			isGone = isGone || g == a
		}
		if isGone && !keep {
			continue
		}
		if out == axis {
			if isGone {
				return -1
			}
			return a
		}
		out++
	}
	return -1
}
