package search

import (
	"math"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// apply reads one operator.
func (r *reader) apply(g *ugraph.Graph, n *ugraph.Node, args []tile) tile {
	res := g.Values[n.Results[0]]
	switch n.Op {
	case ugraph.OpLoad:
		if t := args[0]; t.node < 0 { // an index, whose axis is the one that is cut
			return r.index(g, n)
		}
		return args[0]
	case ugraph.OpAccum, ugraph.OpRunning:
		return args[0]
	case ugraph.OpPrevious:
		fail("a running value of the trip before is read")
	case ugraph.OpConst:
		v, _ := n.Attrs.Get("value")
		return tile{cst: v.Number, is: true, axes: make([][]int, len(res.Shape))}
	case ugraph.OpIota:
		if g.Level == ugraph.BlockLevel {
			return tile{node: -1, axes: [][]int{nil}}
		}
		return r.iota(res.Shape[0], expr.AxisSet(math.MaxUint64))
	case ugraph.OpCast:
		if to := res.DType; to.IsFloat() && (args[0].is || args[0].unit || args[0].ones != 0 || r.out.Nodes[args[0].node].DType.IsFloat()) {
			return args[0]
		}
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		return r.reduce(n, args[0], len(g.Values[n.Args[0]].Shape))
	case ugraph.OpTranspose:
		y := args[0]
		y.axes = nil
		perm, ok := n.Attrs.Get("perm")
		for i := range args[0].axes {
			p := len(args[0].axes) - 1 - i
			if ok {
				p = int(perm.Ints[i])
			}
			y.axes = append(y.axes, args[0].axes[p])
		}
		return y
	case ugraph.OpReshape:
		y := args[0]
		y.axes = r.reshape(g.Values[n.Args[0]].Shape, res.Shape, args[0].axes)
		return y
	case ugraph.OpBroadcast:
		y := args[0]
		y.axes = r.pad(args[0].axes, len(res.Shape))
		return y
	case ugraph.OpMatMul:
		return r.matmul(n, args[0], args[1])
	case ugraph.OpConcat, ugraph.OpSplit, ugraph.OpSlice, ugraph.OpGather, ugraph.OpScatterAdd, ugraph.OpTopK, ugraph.OpArgmax, ugraph.OpUniform:
		fail("%s is no function of named axes", n.Op)
	}
	return r.elementwise(n, args, res.DType)
}

func (r *reader) pad(axes [][]int, rank int) [][]int {
	return append(make([][]int, max(0, rank-len(axes))), axes...)
}

// index is the tile of an index that is loaded in a kernel.
func (r *reader) index(g *ugraph.Graph, n *ugraph.Node) tile {
	grid, _ := n.Attrs.Get("grid")
	all := expr.AxisSet(math.MaxUint64)
	if n.Attrs.Int("loop", -1) >= 0 && r.kernel.loop >= 0 {
		all = expr.Set(r.kernel.loop)
	}
	for k, dim := range grid.Ints {
		if dim < 0 {
			continue
		}
		for a := range r.kernel.cuts { // the axes that this dimension cuts have one extent
			if r.d.Axes[a].Extent == g.Grid[k].Extent && g.Grid[k].Name == r.d.Axes[a].Name {
				all = expr.Set(a)
			}
		}
	}
	return r.iota(g.Values[n.Args[0]].Shape[0], all)
}

// iota is the index along the one axis of an extent.
func (r *reader) iota(n ugraph.Dim, among expr.AxisSet) tile {
	axis := -1
	for a, x := range r.d.Axes {
		if x.Extent == n && among.Has(a) {
			if axis >= 0 {
				fail("an index could be one of two axes of extent %s", n)
			}
			axis = a
		}
	}
	if axis < 0 {
		fail("an index runs along no axis of the program")
	}
	return tile{node: r.add(expr.Node{Op: ugraph.OpIota, Axes: expr.Set(axis), DType: ugraph.I32}), axes: [][]int{{axis}}}
}

func (r *reader) reduce(n *ugraph.Node, x tile, rank int) tile {
	var at []int
	if a, ok := n.Attrs.Get("axis"); !ok {
		for i := range rank {
			at = append(at, i)
		}
	} else if a.Kind == ugraph.AttrNumber {
		at = []int{int(n.Attrs.Int("axis", -1))}
	} else {
		for _, i := range a.Ints {
			at = append(at, int(i))
		}
	}
	y := x
	y.axes = slices.Clone(x.axes)
	var over expr.AxisSet
	for i := range at {
		if at[i] < 0 {
			at[i] += rank
		}
		over |= expr.Set(x.axes[at[i]]...)
		y.axes[at[i]] = nil
	}
	slices.Sort(at)
	if !n.Attrs.Flag("keepdims") {
		for k := len(at) - 1; k >= 0; k-- {
			y.axes = slices.Delete(y.axes, at[k], at[k]+1)
		}
	}
	switch {
	case x.is && x.cst.Cmp(ugraph.Int(1)) == 0 && n.Op == ugraph.OpSum && over != 0: // ones: how many
		return tile{ones: over, axes: y.axes}
	case x.is || x.unit || over == 0:
		return y
	case x.ones != 0:
		fail("a number of elements is reduced")
	}
	node := r.out.Nodes[x.node]
	if over &= node.Axes; over == 0 {
		if n.Op == ugraph.OpSum {
			fail("a sum over an axis along which its operand repeats")
		}
		return y
	}
	if node.Op == n.Op && (n.Op == ugraph.OpMax || n.Op == ugraph.OpMin || n.Op == ugraph.OpSum) { // one reduction in two steps
		y.node = r.add(expr.Node{Op: n.Op, Args: node.Args, Over: over | node.Over, DType: node.DType})
		return y
	}
	y.node = r.add(expr.Node{Op: n.Op, Args: []int{x.node}, Over: over, DType: node.DType})
	return y
}

// reshape follows axes through a reshape: dimensions of extent 1 come and go, neighbours merge and split, and the parts of a
// grid or loop are split off.
func (r *reader) reshape(from, to []ugraph.Dim, axes [][]int) [][]int {
	type atom struct {
		n    ugraph.Dim
		axes []int
	}
	var rest []atom
	for i, n := range from {
		switch {
		case len(axes[i]) > 1:
			for _, a := range axes[i] {
				rest = append(rest, atom{r.d.Axes[a].Extent, []int{a}})
			}
		case !n.Is(1) || len(axes[i]) > 0:
			rest = append(rest, atom{n, axes[i]})
		}
	}
	out := make([][]int, len(to))
	for i := 0; i < len(to); i++ {
		product := ugraph.D(1)
		for len(rest) > 0 && product != to[i] {
			if len(rest[0].axes) == 1 && product.Is(1) && i+1 < len(to) && rest[0].n == to[i].Mul(to[i+1]) && !to[i+1].Is(1) {
				// Parts, and the axis of a part.
				rest[0].n = to[i+1]
				product = to[i]
				break
			}
			product = product.Mul(rest[0].n)
			out[i] = append(out[i], rest[0].axes...)
			rest = rest[1:]
		}
		if product != to[i] {
			fail("a reshape from %s to %s", ugraph.ShapeString(from), ugraph.ShapeString(to))
		}
	}
	for k, a := range rest { // axes of extent 1
		if !a.n.Is(1) {
			fail("a reshape from %s to %s", ugraph.ShapeString(from), ugraph.ShapeString(to))
		}
		_ = k
	}
	return out
}

func (r *reader) matmul(n *ugraph.Node, x, y tile) tile {
	a, b := slices.Clone(x.axes), slices.Clone(y.axes)
	swap := func(l [][]int) { l[len(l)-1], l[len(l)-2] = l[len(l)-2], l[len(l)-1] }
	if n.Attrs.Flag("transpose_a") {
		swap(a)
	}
	if n.Attrs.Flag("transpose_b") {
		swap(b)
	}
	p, q := r.node(x), r.node(y)
	over := (expr.Set(a[len(a)-1]...) | expr.Set(b[len(b)-2]...)) & r.out.Nodes[p].Axes & r.out.Nodes[q].Axes
	if over != expr.Set(a[len(a)-1]...)|expr.Set(b[len(b)-2]...) {
		fail("a product over an axis that one operand lacks")
	}
	z := tile{axes: join(a[:len(a)-2], b[:len(b)-2])}
	z.axes = append(z.axes, a[len(a)-2], b[len(b)-1])
	if over == 0 {
		z.node = r.add(expr.Node{Op: ugraph.OpMul, Args: []int{p, q}, DType: wider(r.out, p, q)})
		return z
	}
	z.node = r.add(expr.Node{Op: ugraph.OpMatMul, Args: []int{p, q}, Over: over, DType: wider(r.out, p, q)})
	return z
}

func wider(d *expr.DAG, p, q int) ugraph.DType {
	a, b := d.Nodes[p].DType, d.Nodes[q].DType
	if b.Size() > a.Size() {
		return b
	}
	return a
}

// join are the axes of two shapes that are broadcast against each other.
func join(x, y [][]int) [][]int {
	if len(x) < len(y) {
		x, y = y, x
	}
	z := slices.Clone(x)
	for i, a := range y {
		if at := len(x) - len(y) + i; len(a) > len(z[at]) {
			z[at] = a
		}
	}
	return z
}

func (r *reader) elementwise(n *ugraph.Node, args []tile, dt ugraph.DType) tile {
	z := tile{}
	for _, x := range args {
		z.axes = join(z.axes, x.axes)
	}
	is := func(i int) bool { return i < len(args) && args[i].is }
	number := func(i int, v int64) bool { return is(i) && args[i].cst.Cmp(ugraph.Int(v)) == 0 }
	same := func(x tile) tile {
		x.axes = z.axes
		return x
	}
	switch n.Op {
	case ugraph.OpSub:
		if !is(0) && !is(1) && args[0].node == args[1].node && !args[0].unit && args[0].ones == 0 {
			z.unit = true // that of its exponential; a difference alone has no reading
			return z
		}
	case ugraph.OpExp:
		if args[0].unit {
			return same(args[0])
		}
	case ugraph.OpMul:
		switch {
		case args[1].unit || number(1, 1):
			return same(args[0])
		case args[0].unit || number(0, 1):
			return same(args[1])
		case number(1, 0):
			return same(args[1])
		case number(0, 0):
			return same(args[0])
		}
	case ugraph.OpDiv:
		if args[1].unit {
			return same(args[0])
		}
	case ugraph.OpAdd:
		if number(0, 0) {
			return same(args[1])
		}
		if number(1, 0) {
			return same(args[0])
		}
	}
	if m, ok := r.mean(n.Op, args); ok {
		z.node = m
		return z
	}
	nodes := make([]int, len(args))
	for i, x := range args {
		nodes[i] = r.node(x)
	}
	op, nodes := r.quotient(n.Op, nodes)
	if dt.IsFloat() { // kept in the types of the operands: casts between floats are the reading's to write
		dt = ugraph.Invalid
		for _, k := range nodes {
			if t := r.out.Nodes[k]; t.Op != ugraph.OpConst && t.DType.IsFloat() && (dt == ugraph.Invalid || t.DType.Size() > dt.Size()) {
				dt = t.DType
			}
		}
		if dt == ugraph.Invalid {
			dt = ugraph.F32
		}
	}
	z.node = r.add(expr.Node{Op: op, Args: nodes, Attrs: n.Attrs, DType: dt})
	return z
}

// quotient reads a product with a reciprocal, as kernels have it in place of a quotient, as the quotient that the
// program has.
func (r *reader) quotient(op ugraph.Op, args []int) (ugraph.Op, []int) {
	has := func(op ugraph.Op) bool {
		return slices.ContainsFunc(r.d.Nodes, func(n expr.Node) bool { return n.Op == op })
	}
	switch {
	case op == ugraph.OpReciprocal && r.out.Nodes[args[0]].Op == ugraph.OpSqrt && has(ugraph.OpRsqrt) && !has(ugraph.OpReciprocal):
		return ugraph.OpRsqrt, r.out.Nodes[args[0]].Args
	case op == ugraph.OpMul && has(ugraph.OpDiv) && !has(ugraph.OpReciprocal):
		for i, a := range args {
			if x := r.out.Nodes[a]; x.Op == ugraph.OpReciprocal {
				return ugraph.OpDiv, []int{args[1-i], x.Args[0]}
			}
		}
	}
	return op, args
}

// mean reads a sum that is divided by its number of elements, where the program has a mean over the axes.
func (r *reader) mean(op ugraph.Op, args []tile) (int, bool) {
	if len(args) != 2 || op != ugraph.OpDiv && op != ugraph.OpMul {
		return 0, false
	}
	x, by := args[0], args[1]
	if op == ugraph.OpMul && x.is {
		x, by = by, x
	}
	if x.is || x.unit || x.ones != 0 || !by.is && by.ones == 0 {
		return 0, false
	}
	sum := r.out.Nodes[x.node]
	means := slices.ContainsFunc(r.d.Nodes, func(n expr.Node) bool { return n.Op == ugraph.OpMean && n.Over == sum.Over })
	if sum.Op != ugraph.OpSum && sum.Op != ugraph.OpMatMul || !means {
		return 0, false
	}
	if by.ones != 0 {
		if by.ones != sum.Over {
			return 0, false
		}
	} else {
		n := ugraph.D(1)
		for _, a := range sum.Over.List() {
			n = n.Mul(r.d.Axes[a].Extent)
		}
		c, ok := n.Const()
		want := float64(c)
		if op == ugraph.OpMul {
			want = 1 / want
		}
		if !ok || math.Abs(by.cst.Float64()/want-1) > 1e-9 {
			return 0, false
		}
	}
	arg := sum.Args[0]
	if sum.Op == ugraph.OpMatMul {
		if sum.Args[0] == sum.Args[1] {
			arg = r.add(expr.Node{Op: ugraph.OpSquare, Args: sum.Args[:1], DType: sum.DType})
		} else {
			arg = r.add(expr.Node{Op: ugraph.OpMul, Args: sum.Args, DType: sum.DType})
		}
	}
	return r.add(expr.Node{Op: ugraph.OpMean, Args: []int{arg}, Over: sum.Over, DType: sum.DType}), true
}
