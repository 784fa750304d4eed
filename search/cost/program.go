package cost

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// KernelCost is the cost of one kernel of a graph.
type KernelCost struct {
	Node ugraph.NodeID
	Name string
	Estimate
}

// Report is the cost of a graph: the sum, and by kernel in order.
type Report struct {
	Estimate
	Kernels []KernelCost
}

// MinBytes is the least that any implementation moves: all inputs and outputs once, in bytes.
func MinBytes(g *ugraph.Graph, env ugraph.Env) (int64, error) {
	var n int64
	for _, in := range g.Inputs {
		b, err := bytesOf(g.Values[in.Value].Type, env)
		if err != nil {
			return 0, err
		}
		n += b
	}
	for i := range g.Outputs {
		t, err := g.OutputType(i)
		if err != nil {
			return 0, err
		}
		b, err := bytesOf(t, env)
		if err != nil {
			return 0, err
		}
		n += b
	}
	return n, nil
}

func bytesOf(t ugraph.Type, env ugraph.Env) (int64, error) {
	return ugraph.Elements(t.Shape).Mul(ugraph.D(t.DType.Size())).Eval(env)
}

// Fits tells whether that many bytes stay in the last cache from kernel to kernel and run to run.
func Fits(bytes float64, row *target.Row) bool { return bytes <= float64(row.LastLevel())/2 }

// Graph prices a program, each operator as a kernel of its own, or a μGraph, for the sizes in env.
// Constants, iotas and reshapes are no kernels.
func Graph(g *ugraph.Graph, env ugraph.Env, row *target.Row) (*Report, error) {
	if g.Level != ugraph.KernelLevel {
		return nil, fmt.Errorf("%s: a program or μGraph is needed, not a %s graph", g.Name, g.Level)
	}
	least, err := MinBytes(g, env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	// Composite operators on tiles are run as the operators of their definitions.
	if g, err = library.ExpandWhere(g, func(in *ugraph.Graph, _ *ugraph.Node) bool { return in.Level != ugraph.KernelLevel }); err != nil {
		return nil, err
	}
	r := &Report{Estimate: Estimate{LevelBytes: make([]float64, len(row.Levels))}}
	outside := make([]bool, len(g.Values)) // an input, or an output
	isConst := make([]bool, len(g.Values))
	for _, in := range g.Inputs {
		outside[in.Value], isConst[in.Value] = true, in.Const
	}
	for _, o := range g.Outputs {
		outside[o.Value] = true
	}
	warm := Fits(float64(least), row)
	c := &context{g: g, env: env, row: row, isConst: isConst}
	c.cached = func(v ugraph.ValueID, bytes float64) bool {
		if outside[v] {
			return warm
		}
		return Fits(2*bytes, row) // written and read again
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		name := n.Op.String()
		if n.Op == ugraph.OpKernel {
			name = n.Body.Name
		}
		e, priced, err := c.node(n)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %s: %w", g.Name, name, err)
		case priced:
			r.add(e)
			r.Kernels = append(r.Kernels, KernelCost{Node: ugraph.NodeID(i), Name: name, Estimate: e})
		}
	}
	return r, nil
}

// node prices a node. Constants, iotas and reshapes are no kernels.
func (c *context) node(n *ugraph.Node) (e Estimate, priced bool, err error) {
	var k *Kernel
	switch {
	case n.Op == ugraph.OpConst || n.Op == ugraph.OpIota || n.Op == ugraph.OpReshape:
		return e, false, nil
	case n.Op == ugraph.OpKernel:
		k, err = c.block(n)
	case n.Op.Info().Class == ugraph.Composite:
		e, err = c.composite(n)
		return e, true, err
	default:
		k, err = c.operator(n)
	}
	if err != nil {
		return e, false, err
	}
	return k.Estimate(c.row), true, nil
}

// context is what pricing a node needs to know of its graph.
type context struct {
	g       *ugraph.Graph
	env     ugraph.Env
	row     *target.Row
	isConst []bool
	cached  func(v ugraph.ValueID, bytes float64) bool
}

// operator is one operator of a program as a kernel whose blocks share the work evenly.
func (c *context) operator(n *ugraph.Node) (*Kernel, error) {
	k := &Kernel{Trips: Dim{Blocks: 1, Whole: 1}}
	sizes := func(v ugraph.ValueID) ([]int64, float64, error) {
		t := c.g.Values[v].Type
		s, err := ugraph.EvalShape(t.Shape, c.env)
		if err != nil {
			return nil, 0, err
		}
		p := 1.0
		for _, x := range s {
			p *= float64(x)
		}
		return s, p, nil
	}
	seen := map[ugraph.ValueID]bool{}
	shapes := map[ugraph.ValueID][]int64{}
	for i, a := range n.Args {
		s, p, err := sizes(a)
		if err != nil {
			return nil, err
		}
		shapes[a] = s
		v := c.g.Values[a]
		if seen[a] || v.Node >= 0 && c.g.Nodes[v.Node].Op == ugraph.OpConst {
			continue
		}
		seen[a] = true
		b := p * float64(v.DType.Size())
		l := Load{Bytes: b, Cut: 1, Cached: c.cached(a, b), DType: v.DType}
		packed := n.Op == ugraph.OpMatMul && i == 1 && c.isConst[a] && Packs(v.DType)
		if Widens(v.DType) && !packed {
			l.Convert = p
		}
		k.Loads = append(k.Loads, l)
	}
	for _, r := range n.Results {
		size, p, err := sizes(r)
		if err != nil {
			return nil, err
		}
		shapes[r] = size
		b := p * float64(c.g.Values[r].DType.Size())
		s := Store{Bytes: b, Again: 1, Cached: c.cached(r, b), DType: c.g.Values[r].DType}
		if Widens(s.DType) {
			s.Convert = p
		}
		k.Stores = append(k.Stores, s)
	}
	w := c.tensorWork(c.g, n, func(v ugraph.ValueID) []int64 { return shapes[v] })
	switch from, to := c.g.Values[n.Args[0]].DType, c.g.Values[n.Results[0]].DType; {
	case n.Op == ugraph.OpCast && Rounds(from, to):
		w.Kind, w.Rate = Move, c.row.CastRate(to).Round
	case w.Kind == Free && n.Op != ugraph.OpCast: // by itself an operator that moves data has to move it
		w.Kind = Move
	}
	k.Works = append(k.Works, w)
	k.cutInto(c.row)
	return k, nil
}

// tensorWork is an operator on whole tensors.
func (c *context) tensorWork(g *ugraph.Graph, n *ugraph.Node, shape func(ugraph.ValueID) []int64) Work {
	product := func(s []int64) float64 {
		p := 1.0
		for _, x := range s {
			p *= float64(x)
		}
		return p
	}
	in, out := shape(n.Args[0]), shape(n.Results[0])
	info := n.Op.Info()
	w := Work{Kind: KindOf(n.Op), Phase: ugraph.Before, DType: g.Values[n.Args[0]].DType, Elements: product(out), Flops: info.Flops}
	for _, v := range append(append([]ugraph.ValueID{}, n.Args...), n.Results...) {
		w.Bytes += product(shape(v)) * 4
	}
	run := out
	switch info.Class {
	case ugraph.Reduction, ugraph.Selection:
		w.Elements, run = product(in), in
	case ugraph.Contraction:
		w.Batch, w.M, w.N, w.K = matmulSizes(n.Attrs, in, out)
		b := shape(n.Args[1])
		w.Packed, w.TransB = g == c.g && c.isConst[n.Args[1]] && Packs(g.Values[n.Args[1]].DType), n.Attrs.Flag("transpose_b")
		w.Apart = float64(b[len(b)-1])
		if w.Packed { // counted as a load
			w.Bytes -= w.Batch * w.N * w.K * 4
		}
		return w
	}
	w.Rows = 1
	even := true // the operands have the shape of the result, or are numbers
	for _, a := range n.Args {
		p := product(shape(a))
		even = even && (p == 1 || p == product(out))
	}
	if len(run) > 0 && !even {
		w.Rows = w.Elements / float64(run[len(run)-1])
	}
	return w
}

// blockTile is how many bytes of tiles a block of a single operator works on: they stay in a second-level
// cache.
const blockTile = 1 << 17

// cutInto turns a kernel of one block into one of even blocks, as many as there are units or more.
func (k *Kernel) cutInto(row *target.Row) {
	n, units := 1.0, float64(row.Units)
	for _, w := range k.Works {
		n = max(n, w.Bytes/blockTile)
	}
	for _, w := range k.Works {
		most := w.Elements / 64
		if w.Kind == MatMul {
			most = w.Batch * math.Ceil(w.N/float64(row.ColumnGroup))
		}
		n = min(max(n, units), max(most, 1))
	}
	if n = math.Floor(n); n > units {
		n = math.Floor(n/units) * units
	}
	k.Grid = []Dim{{Blocks: n, Whole: n}}
	for i := range k.Works {
		w := &k.Works[i]
		w.Elements /= n
		w.Bytes /= n
		w.Rows /= n
		switch {
		case w.Kind != MatMul:
		case w.Batch >= n:
			w.Batch /= n
		default: // batch first, then columns, whose efficiency does not depend on their number
			w.N = w.N * w.Batch / n
			w.Batch = 1
		}
		k.TileBytes = max(k.TileBytes, min(w.Bytes, blockTile))
	}
	for i := range k.Loads {
		k.Loads[i].Bytes /= n
		k.Loads[i].Convert /= n
	}
}

// matmulSizes returns the sizes of a product from a's and the result's shape.
func matmulSizes(attrs ugraph.Attrs, a, out []int64) (batch, m, n, k float64) {
	batch = 1
	for _, x := range out[:len(out)-2] {
		batch *= float64(x)
	}
	depth := a[len(a)-1]
	if attrs.Flag("transpose_a") {
		depth = a[len(a)-2]
	}
	return batch, float64(out[len(out)-2]), float64(out[len(out)-1]), float64(depth)
}
