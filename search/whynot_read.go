package search

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// reading is a μGraph as a program over the axes of the program that it is for, as with one block and one trip: a
// load, a store or an accumulator is what it holds, a running maximum the final one, a rescaled sum the sum,
// and the factor exp(m - m) that merges parts is 1.
type reading struct {
	dag     *expr.DAG
	kernels []readKernel
}

// readKernel is a kernel of a reading.
type readKernel struct {
	name     string
	nodes    []int         // what it writes; -1: a part that is no value of the program
	cuts     map[int]int64 // axis -> tile of the grid
	loop     int           // axis, or -1
	loopTile int64         // 0: one trip
}

// tile is a value of a μGraph: its node, and the axes that each dimension is the row-major product of.
type tile struct {
	node int
	axes [][]int
	unit bool          // 1: exp(m - m), in place of a node; node is then the difference's
	ones expr.AxisSet  // the number of elements along these axes, in place of a node
	cst  ugraph.Number // of a constant
	is   bool          // a constant
}

// unreadable says why a μGraph has no reading.
type unreadable struct{ what string }

func (e *unreadable) Error() string { return e.what }

func fail(format string, args ...any) { panic(&unreadable{fmt.Sprintf(format, args...)}) }

// read is the reading of g for the program d; inputs and outputs are matched by position.
func read(d *expr.DAG, g *ugraph.Graph) (r *reading, err error) {
	defer func() {
		if x := recover(); x != nil {
			no, ok := x.(*unreadable)
			if !ok {
				panic(x)
			}
			r, err = nil, no
		}
	}()
	if len(g.Inputs) != len(d.Inputs) || len(g.Outputs) != len(d.Outputs) {
		return nil, &unreadable{"it has other inputs or outputs than the program"}
	}
	x, err := library.Expand(g)
	if err != nil {
		return nil, err
	}
	rd := &reader{d: d, out: &expr.DAG{Name: d.Name, Symbols: d.Symbols, Axes: d.Axes, Inputs: d.Inputs}, have: map[string]int{}}
	var in []tile
	for i, k := range d.Inputs {
		node := rd.add(expr.Node{Op: ugraph.OpInvalid, Input: i, DType: k.DType})
		in = append(in, tile{node: node, axes: dims(d, d.InputShape(i), k.Axes)})
	}
	outs := rd.graph(x, in)
	for i, o := range d.Outputs {
		t := outs[i]
		if t.unit || t.ones != 0 {
			fail("output %s is a number of elements", o.Name)
		}
		var axes []int
		for _, l := range t.axes {
			axes = append(axes, l...)
		}
		own := rd.out.Nodes[rd.node(t)].Axes
		for k, a := range axes {
			if k >= len(o.Axes) || a != o.Axes[k] && own.Has(a) {
				fail("output %s lies in another order of axes", o.Name)
			}
		}
		o.Node = rd.node(t)
		rd.out.Outputs = append(rd.out.Outputs, o)
	}
	return rd.live(), nil
}

// live is the reading without the nodes that no output needs, such as the sum beneath what was read as a mean.
func (r *reader) live() *reading {
	need := make([]bool, len(r.out.Nodes))
	for _, o := range r.out.Outputs {
		need[o.Node] = true
	}
	for i := len(need) - 1; i >= 0; i-- {
		need[i] = need[i] || r.out.Nodes[i].Op == ugraph.OpInvalid
		for _, a := range r.out.Nodes[i].Args {
			need[a] = need[a] || need[i]
		}
	}
	d := &expr.DAG{Name: r.out.Name, Symbols: r.out.Symbols, Axes: r.out.Axes, Inputs: r.out.Inputs}
	at := make([]int, len(need))
	for i, n := range r.out.Nodes {
		if at[i] = -1; !need[i] {
			continue
		}
		args := make([]int, len(n.Args))
		for k, a := range n.Args {
			args[k] = at[a]
		}
		n.Args = args
		at[i] = d.Add(n)
	}
	for _, o := range r.out.Outputs {
		o.Node = at[o.Node]
		d.Outputs = append(d.Outputs, o)
	}
	for _, k := range r.kernels {
		for i, n := range k.nodes {
			if n >= 0 {
				k.nodes[i] = at[n]
			}
		}
	}
	return &reading{dag: d, kernels: r.kernels}
}

// dims are the axes that each dimension of a shape is the product of.
func dims(d *expr.DAG, shape []ugraph.Dim, axes []int) [][]int {
	out := make([][]int, len(shape))
	at := 0
	for i, n := range shape {
		product := ugraph.D(1)
		for at < len(axes) && product != n {
			product = product.Mul(d.Axes[axes[at]].Extent)
			out[i] = append(out[i], axes[at])
			at++
		}
		if product != n {
			fail("a tensor %s is no product of the program's axes", ugraph.ShapeString(shape))
		}
	}
	return out
}

// reader makes the nodes of a reading, each once.
type reader struct {
	d       *expr.DAG
	out     *expr.DAG
	have    map[string]int
	kernels []readKernel
	kernel  *readKernel // that is being read
}

func (r *reader) add(n expr.Node) int {
	args := slices.Clone(n.Args)
	if n.Commutes() {
		slices.Sort(args)
	}
	k := fmt.Sprintf("%d %v %x %s %s %d %d", n.Op, args, uint64(n.Over), n.Attrs, n.Value, n.Input, n.DType)
	if n.Op == ugraph.OpIota {
		k += fmt.Sprint(n.Axes)
	}
	i, ok := r.have[k]
	if !ok {
		i = r.out.Add(n)
		r.have[k] = i
	}
	return i
}

// node is the node of a tile, made for a constant when it is asked for.
func (r *reader) node(t tile) int {
	switch {
	case t.is:
		return r.add(expr.Node{Op: ugraph.OpConst, Value: t.cst, DType: ugraph.F32})
	case t.unit || t.ones != 0:
		fail("a number of elements, or 1, is taken as a value")
	}
	return t.node
}

func (r *reader) graph(g *ugraph.Graph, in []tile) []tile {
	tiles := map[ugraph.ValueID]tile{}
	for i, x := range g.Inputs {
		tiles[x.Value] = in[i]
	}
	var value func(v ugraph.ValueID) tile
	value = func(v ugraph.ValueID) tile {
		if x, ok := tiles[v]; ok {
			return x
		}
		n := &g.Nodes[g.Values[v].Node]
		used := n.Args
		if n.Op == ugraph.OpAccum {
			used = used[:1]
		}
		args := make([]tile, len(used))
		for i, a := range used {
			args[i] = value(a)
		}
		if n.Body == nil {
			t := r.apply(g, n, args)
			tiles[v] = t
			if g.Level == ugraph.KernelLevel && t.computed(r.out, args) { // a predefined kernel
				r.kernels = append(r.kernels, readKernel{name: n.Op.String(), nodes: []int{t.node}, cuts: map[int]int64{}, loop: -1})
			}
			return t
		}
		if n.Op == ugraph.OpKernel {
			r.kernel = &readKernel{name: n.Body.Name, cuts: map[int]int64{}, loop: -1}
			r.tiling(n.Body, args)
		}
		for i, t := range r.graph(n.Body, args) {
			tiles[n.Results[i]] = t
			if n.Op == ugraph.OpKernel {
				node := -1
				if !t.unit && t.ones == 0 && !t.is {
					node = t.node
				}
				r.kernel.nodes = append(r.kernel.nodes, node)
			}
		}
		if n.Op == ugraph.OpKernel {
			r.kernels = append(r.kernels, *r.kernel)
			r.kernel = nil
		}
		return tiles[v]
	}
	out := make([]tile, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = value(o.Value)
	}
	return out
}

// computed tells whether a tile is a value that none of an operator's operands is.
func (t *tile) computed(d *expr.DAG, args []tile) bool {
	if t.is || t.unit || t.ones != 0 || len(d.Nodes[t.node].Args) == 0 {
		return false
	}
	return !slices.ContainsFunc(args, func(x tile) bool { return !x.is && !x.unit && x.ones == 0 && x.node == t.node })
}

// tiling notes which axes a kernel's grid and loop cut, by what it loads.
func (r *reader) tiling(g *ugraph.Graph, args []tile) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpLoad {
			continue
		}
		at := slices.IndexFunc(g.Inputs, func(in ugraph.Input) bool { return in.Value == n.Args[0] })
		if at < 0 {
			continue // of an index
		}
		axis := func(dim int) int {
			if dim < 0 || dim >= len(args[at].axes) || len(args[at].axes[dim]) == 0 {
				return -1
			}
			return args[at].axes[dim][0] // of several the outermost is cut
		}
		grid, _ := n.Attrs.Get("grid")
		for k, dim := range grid.Ints {
			if a := axis(int(dim)); a >= 0 && k < len(g.Grid) {
				r.kernel.cuts[a] = r.extentOf(a, g.Grid[k])
			}
		}
		if l := n.Attrs.Int("loop", -1); g.Loop != nil && l >= 0 {
			if a := axis(int(l)); a >= 0 {
				r.kernel.loop, r.kernel.loopTile = a, r.extentOf(a, *g.Loop)
				if p := g.Loop.Parts; p > 0 && r.kernel.cuts[a] > 0 {
					r.kernel.loopTile = (r.kernel.cuts[a] + p - 1) / p
				}
			}
		}
	}
}

// extentOf is the tile of an axis that a dimension cuts; 0 where it depends on a symbol.
func (r *reader) extentOf(axis int, d ugraph.GridDim) int64 {
	if d.Parts == 0 {
		return d.Tile
	}
	n, ok := r.d.Axes[axis].Extent.Const()
	if !ok {
		return 0
	}
	return (n + d.Parts - 1) / d.Parts
}
