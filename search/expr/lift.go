package expr

import (
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// ErrNotLiftable is wrapped by the errors of Lift that a caller answers by keeping a node as a
// predefined kernel; the error is then a *NotLiftable.
var ErrNotLiftable = errors.New("not a program over named axes")

// NotLiftable names the node of the program that Lift cannot express.
type NotLiftable struct {
	Node   ugraph.NodeID // -1: an input or the program as a whole
	Op     ugraph.Op
	Reason string
}

func (e *NotLiftable) Error() string {
	return fmt.Sprintf("node %d (%s): %v: %s", e.Node, e.Op, ErrNotLiftable, e.Reason)
}

func (e *NotLiftable) Unwrap() error { return ErrNotLiftable }

// lifter holds the state of one Lift.
type lifter struct {
	g    *ugraph.Graph
	t    axisTable
	dims [][]int     // per value, per axis of its shape: class, or -1 where the extent is 1
	axis map[int]int // leaf class -> axis of the DAG
	d    *DAG
	node []int          // per value: node of the DAG, -1 not yet
	seen map[string]int // structural key -> node
}

// Lift reads a program of primitive operators (package library expands the others) as a DAG over named
// axes. Tensor dimensions that meet in an elementwise operator, a product or a reshape are one axis;
// axes of extent 1 have no name; casts between floating-point types are dropped, but for those that
// narrow to f8. Equal nodes are one.
//
// Not expressible, with a *NotLiftable error: slices, gathers and other data movement than transpose,
// reshape and broadcast; a reshape whose boundaries do not divide one another; a tensor that would
// carry one axis twice, as in X·Xᵀ.
func Lift(g *ugraph.Graph) (*DAG, error) {
	if !g.IsProgram() {
		return nil, fmt.Errorf("%s: a tensor program is needed, not a graph with kernels", g.Name)
	}
	l := &lifter{g: g, axis: map[int]int{}, seen: map[string]int{}, dims: make([][]int, len(g.Values)), node: make([]int, len(g.Values)),
		d: &DAG{Name: g.Name, Symbols: append([]ugraph.Symbol(nil), g.Symbols...)}}
	for i := range l.node {
		l.node[i] = -1
	}
	for _, in := range g.Inputs {
		l.freshDims(in.Value)
	}
	live := l.live()
	for i := range g.Nodes {
		if !live[i] {
			continue
		}
		l.t.merged = false
		if err := l.unifyNode(&g.Nodes[i]); err != nil {
			return nil, l.fail(ugraph.NodeID(i), "%v", err)
		}
		suspects := g.Nodes[i].Results
		if l.t.merged {
			suspects = l.known(ugraph.NodeID(i))
		}
		if err := l.checkRepeats(ugraph.NodeID(i), suspects); err != nil {
			return nil, err
		}
	}
	for i, in := range g.Inputs {
		v := g.Value(in.Value)
		axes, err := l.axesOf(in.Value)
		if err != nil {
			return nil, err
		}
		l.d.Inputs = append(l.d.Inputs, Input{Name: v.Name, DType: v.DType, Axes: axes, Const: in.Const, Shape: l.ownShape(v.Shape, axes)})
		l.node[in.Value] = l.d.Add(Node{Op: ugraph.OpInvalid, Input: i, DType: v.DType})
	}
	for i := range g.Nodes {
		if live[i] {
			if err := l.liftNode(ugraph.NodeID(i)); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range g.Outputs {
		v := g.Value(o.Value)
		axes, err := l.axesOf(o.Value)
		if err != nil {
			return nil, err
		}
		l.d.Outputs = append(l.d.Outputs, Output{Name: o.Name, DType: v.DType, Node: l.node[o.Value], Axes: axes, Shape: l.ownShape(v.Shape, axes)})
	}
	return l.d, nil
}

func (l *lifter) fail(n ugraph.NodeID, format string, args ...any) error {
	e := &NotLiftable{Node: n, Reason: fmt.Sprintf(format, args...)}
	if n >= 0 {
		e.Op = l.g.Nodes[n].Op
	}
	return e
}

// live marks the nodes that an output depends on.
func (l *lifter) live() []bool {
	live := make([]bool, len(l.g.Nodes))
	mark := func(v ugraph.ValueID) {
		if n := l.g.Value(v).Node; n >= 0 {
			live[n] = true
		}
	}
	for _, o := range l.g.Outputs {
		mark(o.Value)
	}
	for i := len(l.g.Nodes) - 1; i >= 0; i-- {
		if live[i] {
			for _, a := range l.g.Nodes[i].Args {
				mark(a)
			}
		}
	}
	return live
}

func (l *lifter) freshDims(v ugraph.ValueID) {
	shape := l.g.Value(v).Shape
	l.dims[v] = make([]int, len(shape))
	for i, d := range shape {
		l.dims[v][i] = -1
		if !d.Is(1) {
			l.dims[v][i] = l.t.fresh(d)
		}
	}
}

// unifyNode gives the results' dimensions classes and joins those that the operator makes run together.
func (l *lifter) unifyNode(n *ugraph.Node) error {
	switch n.Op {
	case ugraph.OpConst, ugraph.OpIota:
		l.freshDims(n.Results[0])
		return nil
	}
	r := n.Results[0]
	args := make([][]int, len(n.Args))
	for i, a := range n.Args {
		args[i] = l.dims[a]
	}
	info := n.Op.Info()
	switch {
	case info.Class == ugraph.Elementwise:
		var err error
		l.dims[r], err = l.broadcast(args)
		return err
	case n.Op == ugraph.OpMatMul:
		a, b := args[0], args[1]
		am, ak := matrixAxes(len(a), n.Attrs.Flag("transpose_a"))
		bk, bn := matrixAxes(len(b), n.Attrs.Flag("transpose_b"))
		if a[ak] >= 0 {
			if err := l.t.unify(a[ak], b[bk]); err != nil {
				return err
			}
		}
		lead, err := l.broadcast([][]int{a[:len(a)-2], b[:len(b)-2]})
		l.dims[r] = append(lead, a[am], b[bn])
		return err
	case info.Class == ugraph.Reduction && n.Op != ugraph.OpArgmax:
		over, err := ugraph.ReduceAxes(n.Attrs, len(args[0]))
		if err != nil {
			return err
		}
		gone := map[int]bool{}
		for _, a := range over {
			gone[a] = true
		}
		for i, c := range args[0] {
			switch {
			case !gone[i]:
				l.dims[r] = append(l.dims[r], c)
			case n.Attrs.Flag("keepdims"):
				l.dims[r] = append(l.dims[r], -1)
			}
		}
		return nil
	case n.Op == ugraph.OpTranspose:
		for _, p := range permutation(n.Attrs, len(args[0])) {
			l.dims[r] = append(l.dims[r], args[0][p])
		}
		return nil
	case n.Op == ugraph.OpBroadcast:
		l.freshDims(r)
		off := len(l.dims[r]) - len(args[0])
		for i, c := range args[0] {
			if c >= 0 {
				l.dims[r][off+i] = c
			}
		}
		return nil
	case n.Op == ugraph.OpReshape:
		l.freshDims(r)
		return l.t.unifyLists(named(args[0]), named(l.dims[r]))
	}
	return fmt.Errorf("%s has no meaning over named axes", n.Op)
}

// named drops the axes of extent 1.
func named(dims []int) []int {
	var out []int
	for _, c := range dims {
		if c >= 0 {
			out = append(out, c)
		}
	}
	return out
}

func matrixAxes(rank int, transposed bool) (row, col int) {
	if transposed {
		return rank - 1, rank - 2
	}
	return rank - 2, rank - 1
}

// permutation is the perm= of a transpose; reversed if absent.
func permutation(attrs ugraph.Attrs, rank int) []int {
	a, ok := attrs.Get("perm")
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
		if ok {
			perm[i], _ = ugraph.NormalAxis(a.Ints[i], rank)
		}
	}
	return perm
}

// broadcast joins the classes of operands aligned at the right.
func (l *lifter) broadcast(args [][]int) ([]int, error) {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = -1
		for _, a := range args {
			j := i - (rank - len(a))
			if j < 0 || a[j] < 0 {
				continue
			}
			if out[i] < 0 {
				out[i] = a[j]
			} else if err := l.t.unify(out[i], a[j]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// known lists the values up to the results of node n.
func (l *lifter) known(n ugraph.NodeID) []ugraph.ValueID {
	var out []ugraph.ValueID
	for v := range l.dims {
		if l.g.Values[v].Node <= n {
			out = append(out, ugraph.ValueID(v))
		}
	}
	return out
}

// checkRepeats looks for a value among the suspects that carries an axis twice now that node n is known.
func (l *lifter) checkRepeats(n ugraph.NodeID, suspects []ugraph.ValueID) error {
	for _, v := range suspects {
		seen := map[int]bool{}
		for _, c := range l.t.list(named(l.dims[v])) {
			if seen[c] {
				return l.fail(n, "%s would carry one axis twice", l.describe(v))
			}
			seen[c] = true
		}
	}
	return nil
}

func (l *lifter) describe(v ugraph.ValueID) string {
	if name := l.g.Value(v).Name; name != "" {
		return name
	}
	return fmt.Sprintf("value %d", v)
}

// axesOf is the value's axes in memory order, naming those that are new.
func (l *lifter) axesOf(v ugraph.ValueID) ([]int, error) {
	axes := []int{}
	for _, c := range l.t.list(named(l.dims[v])) {
		a, ok := l.axis[c]
		if !ok {
			a = len(l.d.Axes)
			if a == MaxAxes {
				return nil, l.fail(l.g.Value(v).Node, "more than %d axes", MaxAxes)
			}
			l.axis[c] = a
			l.d.Axes = append(l.d.Axes, Axis{Name: AxisName(a), Extent: l.t.extent[c]})
		}
		axes = append(axes, a)
	}
	return axes, nil
}

// AxisName is the name of the i-th axis: a, b, … z, a1, b1, …
func AxisName(i int) string {
	name := string(rune('a' + i%26))
	if i >= 26 {
		name += fmt.Sprint(i / 26)
	}
	return name
}

// ownShape is the shape to keep in an Input or Output: nil where the axes' extents are it.
func (l *lifter) ownShape(shape []ugraph.Dim, axes []int) []ugraph.Dim {
	if ugraph.SameShape(shape, l.d.Extents(axes)) {
		return nil
	}
	return append([]ugraph.Dim{}, shape...)
}

// liftNode adds a node's value to the DAG. Rounding to f8 is no identity: where an operator does it, a cast says so.
func (l *lifter) liftNode(id ugraph.NodeID) error {
	n := &l.g.Nodes[id]
	r := n.Results[0]
	dt := l.g.Value(r).DType
	if dt != ugraph.F8E4M3 || !n.Op.Rounds() {
		return l.liftOp(id, dt)
	}
	if err := l.liftOp(id, dt.Accumulator()); err != nil {
		return err
	}
	l.node[r] = l.add(Node{Op: ugraph.OpCast, Args: []int{l.node[r]}, DType: dt, Attrs: ugraph.Attrs{ugraph.WordAttr("to", dt.String())}})
	return nil
}

// liftOp adds a node's value to the DAG, computed in type dt.
func (l *lifter) liftOp(id ugraph.NodeID, dt ugraph.DType) error {
	n := &l.g.Nodes[id]
	r := n.Results[0]
	args := make([]int, len(n.Args))
	for i, a := range n.Args {
		args[i] = l.node[a]
	}
	out := Node{Op: n.Op, Args: args, DType: dt}
	switch info := n.Op.Info(); {
	case n.Op == ugraph.OpConst:
		out.Value = n.Attrs.Num("value", ugraph.Int(0))
	case n.Op == ugraph.OpIota:
		axes, err := l.axesOf(r)
		if err != nil {
			return err
		}
		if len(axes) != 1 {
			if len(axes) > 1 {
				return l.fail(id, "its axis is split")
			}
			out = Node{Op: ugraph.OpConst, Value: ugraph.Int(0), DType: dt}
			break
		}
		out.Axes = Set(axes...)
	case info.Class == ugraph.Movement: // transpose, reshape, broadcast: another reading of the same value
		l.node[r] = args[0]
		return nil
	case n.Op == ugraph.OpCast:
		from := l.g.Value(n.Args[0]).DType
		if from == dt || from.IsFloat() && dt.IsFloat() && dt != ugraph.F8E4M3 {
			l.node[r] = args[0]
			return nil
		}
		out.Attrs = n.Attrs
	case info.Class == ugraph.Elementwise:
		out.Attrs = n.Attrs
		if n.Op == ugraph.OpMul && args[0] == args[1] && dt.IsFloat() {
			out.Op, out.Args = ugraph.OpSquare, args[:1]
		}
	case n.Op == ugraph.OpMatMul:
		return l.liftMatMul(id, out)
	default:
		return l.liftReduction(id, out)
	}
	l.node[r] = l.add(out)
	return nil
}

func (l *lifter) liftMatMul(id ugraph.NodeID, out Node) error {
	n := &l.g.Nodes[id]
	a := l.dims[n.Args[0]]
	_, ak := matrixAxes(len(a), n.Attrs.Flag("transpose_a"))
	var over AxisSet
	if a[ak] >= 0 {
		for _, c := range l.t.leaves(a[ak], nil) {
			over |= Set(l.axis[c])
		}
	}
	// A contracted axis that only one operand has is summed there; that none has multiplies by a size.
	for i, x := range out.Args {
		if alone := over & l.d.Nodes[x].Axes &^ l.d.Nodes[out.Args[1-i]].Axes; alone != 0 {
			out.Args[i] = l.add(Node{Op: ugraph.OpSum, Args: []int{x}, Over: alone, DType: out.DType})
			over &^= alone
		}
	}
	if both := l.d.Nodes[out.Args[0]].Axes & l.d.Nodes[out.Args[1]].Axes; over&^both != 0 {
		return l.fail(id, "it contracts an axis along which both operands are repeated")
	}
	out.Over = over
	if over == 0 {
		out.Op = ugraph.OpMul
	}
	l.node[n.Results[0]] = l.add(out)
	return nil
}

func (l *lifter) liftReduction(id ugraph.NodeID, out Node) error {
	n := &l.g.Nodes[id]
	x := l.dims[n.Args[0]]
	over, err := ugraph.ReduceAxes(n.Attrs, len(x))
	if err != nil {
		return l.fail(id, "%v", err)
	}
	for _, i := range over {
		if x[i] < 0 {
			continue
		}
		for _, c := range l.t.leaves(x[i], nil) {
			a, ok := l.axis[c]
			if ok && l.d.Nodes[out.Args[0]].Axes.Has(a) {
				out.Over |= Set(a)
			} else if n.Op == ugraph.OpSum {
				return l.fail(id, "it sums an axis along which its operand is repeated")
			}
		}
	}
	switch {
	case out.Over != 0:
		l.node[n.Results[0]] = l.add(out)
	case l.d.Nodes[out.Args[0]].DType == out.DType || out.DType.IsFloat():
		l.node[n.Results[0]] = out.Args[0]
	default: // the sum of a single bool
		l.node[n.Results[0]] = l.add(Node{Op: ugraph.OpCast, Args: out.Args, DType: out.DType,
			Attrs: ugraph.Attrs{ugraph.WordAttr("to", out.DType.String())}})
	}
	return nil
}

// add adds a node, or finds the equal one.
func (l *lifter) add(n Node) int {
	key := fmt.Sprintf("%d %v %x %x %d {%s} %s", n.Op, n.Args, n.Over, n.Axes, n.DType, n.Attrs, n.Value)
	if i, ok := l.seen[key]; ok {
		return i
	}
	i := l.d.Add(n)
	l.seen[key] = i
	return i
}
