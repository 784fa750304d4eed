package shrink

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

func (c *copier) number(d ugraph.Dim) (ugraph.Dim, error) {
	if d.Is(1) || c.plan.Number == nil {
		return d, nil
	}
	return c.plan.Number(d)
}

// rule returns the axes of a node's results and the attributes of its copy.
func (c *copier) rule(n *ugraph.Node) ([][]Axis, ugraph.Attrs, error) {
	args := make([][]Axis, len(n.Args))
	for i, a := range n.Args {
		args[i] = c.axes[a]
	}
	one := func(axes []Axis, attrs ugraph.Attrs, err error) ([][]Axis, ugraph.Attrs, error) {
		return [][]Axis{axes}, attrs, err
	}
	shape := func(i int) []ugraph.Dim { return c.g.Values[n.Results[i]].Shape }
	class := n.Op.Info().Class
	switch {
	case n.Op == ugraph.OpConst:
		attrs := n.Attrs
		if c.plan.Literal != nil {
			attrs = attrs.With(ugraph.NumberAttr("value", c.plan.Literal(attrs.Num("value", ugraph.Int(0)))))
		}
		return one(nil, attrs, nil)
	case n.Op == ugraph.OpIota:
		to, err := c.number(shape(0)[0])
		return one([]Axis{single(shape(0)[0], to)}, n.Attrs.With(ugraph.DimAttr("n", to)), err)
	case n.Op == ugraph.OpAccum, n.Op == ugraph.OpRunning, n.Op == ugraph.OpPrevious:
		return one(args[0], n.Attrs, nil)
	case n.Op == ugraph.OpMatMul:
		x, y := args[0], args[1]
		axes, err := c.align([][]Axis{x[:len(x)-2], y[:len(y)-2]}, shape(0)[:len(shape(0))-2])
		row, col := x[len(x)-2], y[len(y)-1]
		if n.Attrs.Flag("transpose_a") {
			row = x[len(x)-1]
		}
		if n.Attrs.Flag("transpose_b") {
			col = y[len(y)-2]
		}
		return one(append(axes, row, col), n.Attrs, err)
	case n.Op == ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, len(args[0]))
		if err != nil {
			return nil, nil, err
		}
		axes := make([]Axis, len(perm))
		for i, p := range perm {
			axes[i] = args[0][p]
		}
		return one(axes, n.Attrs, nil)
	case n.Op == ugraph.OpReshape:
		axes, err := c.regroup(args[0], shape(0))
		return one(axes, n.Attrs.With(ugraph.DimsAttr("shape", dims(axes)...)), err)
	case n.Op == ugraph.OpBroadcast:
		axes, err := c.align(args, shape(0))
		return one(axes, n.Attrs.With(ugraph.DimsAttr("shape", dims(axes)...)), err)
	case class == ugraph.Reduction || n.Op == ugraph.OpArgmax:
		axes, err := reduced(n.Attrs, args[0])
		return one(axes, n.Attrs, err)
	case n.Op == ugraph.OpLogSumExp:
		attrs := n.Attrs.With(ugraph.IntsAttr("axis", n.Attrs.Int("axis", -1)))
		axes, err := reduced(attrs, args[0])
		return one(axes, n.Attrs, err)
	case class == ugraph.Elementwise:
		axes, err := c.align(args, shape(0))
		return one(axes, n.Attrs, err)
	case n.Op == ugraph.OpAttention:
		return one(append(append([]Axis{}, args[0][:len(args[0])-1]...), args[2][len(args[2])-1]), n.Attrs, nil)
	case class == ugraph.Composite:
		return one(args[0], n.Attrs, nil)
	}
	return c.along(n, args)
}

func dims(axes []Axis) []ugraph.Dim {
	out := make([]ugraph.Dim, len(axes))
	for i, a := range axes {
		_, out[i] = a.extents()
	}
	return out
}

func reduced(attrs ugraph.Attrs, x []Axis) ([]Axis, error) {
	gone, err := ugraph.ReduceAxes(attrs, len(x))
	if err != nil {
		return nil, err
	}
	out := append([]Axis{}, x...)
	for i := len(gone) - 1; i >= 0; i-- { // ascending, so from the last
		if k := gone[i]; attrs.Flag("keepdims") {
			out[k] = nil
		} else {
			out = append(out[:k:k], out[k+1:]...)
		}
	}
	return out, nil
}

// along is the rule of operators with an axis that they cut, join or choose from.
func (c *copier) along(n *ugraph.Node, args [][]Axis) ([][]Axis, ugraph.Attrs, error) {
	x := args[0]
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", map[bool]int64{true: -1}[n.Op == ugraph.OpTopK]), len(x))
	if err != nil {
		return nil, nil, err
	}
	switch n.Op {
	case ugraph.OpGather:
		return [][]Axis{append(append(append([]Axis{}, x[:axis]...), args[1]...), x[axis+1:]...)}, n.Attrs, nil
	case ugraph.OpScatterAdd:
		return [][]Axis{x}, n.Attrs, nil
	}
	out := append([]Axis{}, x...)
	attrs := n.Attrs
	from, to := x[axis].extents()
	switch {
	case n.Op == ugraph.OpConcat:
		for _, y := range args[1:] {
			f, t := y[axis].extents()
			from, to = from.Add(f), to.Add(t)
		}
		out[axis] = single(from, to)
	case n.Op == ugraph.OpSlice && from != to:
		start, end, err := cutAt(n.Attrs, from, to)
		if err != nil && within(n.Attrs, to) {
			start, end, err = n.Attrs.Int("start", 0), n.Attrs.Int("end", -1), nil
		}
		if err != nil {
			return nil, nil, err
		}
		attrs = attrs.With(ugraph.IntAttr("start", start)).With(ugraph.IntAttr("end", end))
		out[axis] = single(c.g.Values[n.Results[0]].Shape[axis], ugraph.D(end-start))
	case n.Op == ugraph.OpSplit && from != to:
		part, ok := to.Div(n.Attrs.Int("parts", 1))
		if !ok {
			return nil, nil, fmt.Errorf("axis %d of extent %s becomes %s, which has no %d parts", axis, from, to, n.Attrs.Int("parts", 1))
		}
		out[axis] = single(c.g.Values[n.Results[0]].Shape[axis], part)
	case n.Op == ugraph.OpTopK && from != to:
		return nil, nil, fmt.Errorf("axis %d of extent %s, of which some are chosen, must keep it", axis, from)
	default:
		d := c.g.Values[n.Results[0]].Shape[axis]
		out[axis] = single(d, d)
	}
	results := make([][]Axis, len(n.Results))
	for i := range results {
		results[i] = out
	}
	return results, attrs, nil
}

// within tells whether a slice counts from the front and ends inside an axis of that extent.
func within(attrs ugraph.Attrs, extent ugraph.Dim) bool {
	n, ok := extent.Const()
	start, end := attrs.Int("start", 0), attrs.Int("end", -1)
	return ok && 0 <= start && start < end && end <= n
}

// cutAt are the borders of a slice of an axis that shrinks, in proportion: slices that lie side by side stay so.
func cutAt(attrs ugraph.Attrs, from, to ugraph.Dim) (start, end int64, err error) {
	first, last, err := ugraph.SliceBounds(attrs, from)
	if err != nil {
		return 0, 0, err
	}
	n, okN := from.Const()
	m, okM := to.Const()
	a, okA := first.Const()
	b, okB := last.Const()
	if !okN || !okM || !okA || !okB || a*m%n != 0 || b*m%n != 0 {
		return 0, 0, fmt.Errorf("a slice from %s to %s of extent %s has no counterpart in extent %s", first, last, from, to)
	}
	return a * m / n, b * m / n, nil
}

// align takes each axis of a result from the operand that has it, as broadcasting does. A tile of extent 1
// may have become longer: then it is an axis like the others.
func (c *copier) align(args [][]Axis, shape []ugraph.Dim) ([]Axis, error) {
	out := make([]Axis, len(shape))
	for k, d := range shape {
		back := len(shape) - k
		for _, x := range args {
			if len(x) < back {
				continue
			}
			a := x[len(x)-back]
			if from, to := a.extents(); from == d && !(d.Is(1) && to.Is(1)) && (out[k] == nil || len(a) > len(out[k])) {
				out[k] = a
			}
		}
		if out[k] == nil && !d.Is(1) {
			to, err := c.number(d)
			if err != nil {
				return nil, err
			}
			out[k] = single(d, to)
		}
	}
	return out, nil
}

// regroup repeats a reshape over the parts of the axes. A part that a border divides is divided by
// number; one of extent 1 that became longer takes the next axis of extent 1, or joins what follows.
func (c *copier) regroup(x []Axis, shape []ugraph.Dim) ([]Axis, error) {
	var queue []Part
	for _, a := range x {
		queue = append(queue, a...)
	}
	out := make([]Axis, len(shape))
	for k, want := range shape {
		have := ugraph.D(1)
		for have != want {
			if len(queue) == 0 {
				return nil, fmt.Errorf("a reshape to %s across the borders of axes", ugraph.ShapeString(shape))
			}
			p := queue[0]
			queue = queue[1:]
			h, okH := have.Const()
			w, okW := want.Const()
			if size, ok := p.Old.Const(); ok && okH && okW && h*size > w && w%h == 0 && size%(w/h) == 0 {
				first, rest, err := c.divide(p, w/h)
				if err != nil {
					return nil, err
				}
				p, queue = first, append([]Part{rest}, queue...)
			}
			out[k] = append(out[k], p)
			have = have.Mul(p.Old)
		}
		if want.Is(1) && len(queue) > 0 && queue[0].Old.Is(1) {
			out[k], queue = append(out[k], queue[0]), queue[1:]
		}
	}
	if k := len(out) - 1; k >= 0 {
		out[k] = append(out[k], queue...)
	}
	return out, nil
}

// divide divides a part into an outer one of extent outer and the rest.
func (c *copier) divide(p Part, outer int64) (first, rest Part, err error) {
	size, _ := p.Old.Const()
	first.Old, rest.Old = ugraph.D(outer), ugraph.D(size/outer)
	if p.Old == p.New {
		return Part{first.Old, first.Old}, Part{rest.Old, rest.Old}, nil
	}
	now, ok := p.New.Const()
	if !ok {
		return first, rest, fmt.Errorf("%s cannot be divided as %s is", p.New, p.Old)
	}
	for _, outermost := range []bool{true, false} { // keep the one of the two that no number maps
		part := &first
		other := &rest
		if !outermost {
			part, other = other, part
		}
		to, err := c.number(part.Old)
		if n, ok := to.Const(); err == nil && ok && now%n == 0 {
			part.New, other.New = to, ugraph.D(now/n)
			return first, rest, nil
		}
	}
	return first, rest, fmt.Errorf("%s cannot be divided as %s is", p.New, p.Old)
}
