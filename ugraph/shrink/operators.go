package shrink

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// node gives the results of a node their axes, and joins axes that must be one.
func (a *Axes) node(n *ugraph.Node) error {
	args := make([][][]int, len(n.Args))
	for i, v := range n.Args {
		args[i] = a.values[v]
	}
	set := func(axes [][]int) { a.values[n.Results[0]] = axes }
	switch info := n.Op.Info(); {
	case info.Class == ugraph.Composite || info.Class == ugraph.Holder || info.Class == ugraph.BlockOnly:
		return fmt.Errorf("not a primitive operator of a program")
	case n.Op == ugraph.OpConst:
		set(nil)
	case n.Op == ugraph.OpIota:
		d, _ := n.Attrs.Get("n")
		set(a.fresh(d.Dims))
	case n.Op == ugraph.OpMatMul:
		set(a.matmul(n, args[0], args[1]))
	case n.Op == ugraph.OpReshape:
		set(a.reshape(args[0], a.g.Values[n.Results[0]].Shape))
	case n.Op == ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, len(args[0]))
		if err != nil {
			return err
		}
		out := make([][]int, len(perm))
		for i, p := range perm {
			out[i] = args[0][p]
		}
		set(out)
	case info.Class == ugraph.Reduction || n.Op == ugraph.OpArgmax:
		axes, err := ugraph.ReduceAxes(n.Attrs, len(args[0]))
		if err != nil {
			return err
		}
		gone := map[int]bool{}
		for _, k := range axes {
			gone[k] = true
			for _, l := range a.flat(args[0][k]) {
				a.leaves[l].Folded = true
			}
		}
		var out [][]int
		for k, axis := range args[0] {
			if !gone[k] {
				out = append(out, axis)
			} else if n.Attrs.Flag("keepdims") {
				out = append(out, nil)
			}
		}
		set(out)
	case info.Class == ugraph.Elementwise || n.Op == ugraph.OpBroadcast:
		set(a.align(args, a.g.Values[n.Results[0]].Shape))
	default:
		return a.pinned(n, args)
	}
	return nil
}

// pinned is the rule of operators that cut, join or choose along an axis: that axis keeps its extent.
func (a *Axes) pinned(n *ugraph.Node, args [][][]int) error {
	rank := len(args[0])
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", map[bool]int64{true: -1}[n.Op == ugraph.OpTopK]), rank)
	if err != nil {
		return err
	}
	if n.Op == ugraph.OpGather {
		a.values[n.Results[0]] = append(append(append([][]int{}, args[0][:axis]...), args[1]...), args[0][axis+1:]...)
		return nil
	}
	for i, x := range args {
		if n.Op == ugraph.OpScatterAdd && i == 1 || len(x) != rank {
			continue
		}
		for k := range x {
			switch {
			case k != axis:
				a.unify(args[0][k], x[k])
			case n.Op != ugraph.OpScatterAdd:
				a.pin(x[k])
			case i == 2:
				a.unify(args[1][0], x[k])
			}
		}
	}
	for _, r := range n.Results {
		out := append([][]int{}, args[0]...)
		if n.Op != ugraph.OpScatterAdd {
			out[axis] = a.leaf(a.g.Values[r].Shape[axis])
			a.pin(out[axis])
		}
		a.values[r] = out
	}
	return nil
}

// align joins the axes of operands from the last on, as broadcasting does.
func (a *Axes) align(args [][][]int, shape []ugraph.Dim) [][]int {
	out := make([][]int, len(shape))
	for k := range shape {
		back := len(shape) - k
		for _, x := range args {
			if len(x) < back || len(x[len(x)-back]) == 0 {
				continue
			}
			if out[k] == nil {
				out[k] = x[len(x)-back]
			} else {
				a.unify(out[k], x[len(x)-back])
			}
		}
		if out[k] == nil {
			out[k] = a.leaf(shape[k])
		}
	}
	return out
}

func (a *Axes) matmul(n *ugraph.Node, x, y [][]int) [][]int {
	m, k := x[len(x)-2], x[len(x)-1]
	if n.Attrs.Flag("transpose_a") {
		m, k = k, m
	}
	l, c := y[len(y)-2], y[len(y)-1]
	if n.Attrs.Flag("transpose_b") {
		l, c = c, l
	}
	a.unify(k, l)
	for _, l := range a.flat(k) {
		a.leaves[l].Contracted = true
	}
	shape := a.g.Values[n.Results[0]].Shape
	batch := a.align([][][]int{x[:len(x)-2], y[:len(y)-2]}, shape[:len(shape)-2])
	return append(batch, m, c)
}

// reshape regroups the parts of the axes, dividing those that straddle a border.
func (a *Axes) reshape(x [][]int, shape []ugraph.Dim) [][]int {
	var queue []int
	for _, axis := range x {
		queue = append(queue, a.flat(axis)...)
	}
	all := append([]int{}, queue...)
	out := make([][]int, len(shape))
	for k, want := range shape {
		have := ugraph.D(1)
		for have != want {
			if len(queue) == 0 {
				return a.unknown(all, shape)
			}
			l := a.find(queue[0])
			queue = queue[1:]
			if s := a.leaves[l].split; s != nil { // divided a moment ago: it occurs twice
				queue = append(a.flat(s), queue...)
				continue
			}
			size, ok := a.leaves[l].Size.Const()
			h, okH := have.Const()
			w, okW := want.Const()
			if ok && okH && okW && h*size > w {
				if w%h != 0 || size%(w/h) != 0 {
					return a.unknown(all, shape)
				}
				first, rest := a.divide(l, w/h)
				l, queue = first, append([]int{rest}, queue...)
			}
			out[k] = append(out[k], l)
			have = have.Mul(a.leaves[l].Size)
		}
	}
	return out
}

// unknown is the result of a reshape whose borders do not nest: nothing of it may change.
func (a *Axes) unknown(all []int, shape []ugraph.Dim) [][]int {
	a.pin(all)
	out := a.fresh(shape)
	for _, axis := range out {
		a.pin(axis)
	}
	return out
}
