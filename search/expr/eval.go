package expr

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// Eval computes the outputs in float64 from inputs in memory order (axes as Input.Axes), with the
// symbols bound by env. Booleans and integers are float64s with integer values, not wrapped. It is for
// tests and small sizes: every value is stored whole.
func Eval(d *DAG, env ugraph.Env, inputs [][]float64) ([][]float64, error) {
	if len(inputs) != len(d.Inputs) {
		return nil, fmt.Errorf("%s takes %d inputs, got %d", d.Name, len(d.Inputs), len(inputs))
	}
	size := make([]int, len(d.Axes))
	for i, a := range d.Axes {
		n, err := a.Extent.Eval(env)
		if err != nil {
			return nil, err
		}
		size[i] = int(n)
	}
	e := &evaluator{size: size, vals: make([]array, len(d.Nodes))}
	for i, n := range d.Nodes {
		switch n.Op {
		case ugraph.OpInvalid:
			in := array{axes: d.Inputs[n.Input].Axes, data: inputs[n.Input]}
			if want := e.count(in.axes); len(in.data) != want {
				return nil, fmt.Errorf("input %s has %d elements, got %d", d.Inputs[n.Input].Name, want, len(in.data))
			}
			e.vals[i] = in
		default:
			v, err := e.node(d, n)
			if err != nil {
				return nil, fmt.Errorf("node %d: %w", i, err)
			}
			e.vals[i] = v
		}
	}
	out := make([][]float64, len(d.Outputs))
	for i, o := range d.Outputs {
		v := e.vals[o.Node]
		e.each(o.Axes, func(at []int) { out[i] = append(out[i], v.data[e.offset(v, at)]) })
	}
	return out, nil
}

type array struct {
	axes []int
	data []float64
}

type evaluator struct {
	size []int
	vals []array
}

func (e *evaluator) count(axes []int) int {
	n := 1
	for _, a := range axes {
		n *= e.size[a]
	}
	return n
}

// each calls f for every index of the axes, row-major; at is indexed by axis of the DAG.
func (e *evaluator) each(axes []int, f func(at []int)) {
	at := make([]int, len(e.size))
	for n := e.count(axes); n > 0; n-- {
		f(at)
		for i := len(axes) - 1; i >= 0; i-- {
			a := axes[i]
			if at[a]++; at[a] < e.size[a] {
				break
			}
			at[a] = 0
		}
	}
}

func (e *evaluator) offset(v array, at []int) int {
	o := 0
	for _, a := range v.axes {
		o = o*e.size[a] + at[a]
	}
	return o
}

func (e *evaluator) node(d *DAG, n Node) (array, error) {
	out := array{axes: n.Axes.List()}
	if n.Over == 0 {
		args := make([]float64, len(n.Args))
		var err error
		e.each(out.axes, func(at []int) {
			for i, a := range n.Args {
				args[i] = e.vals[a].data[e.offset(e.vals[a], at)]
			}
			x := 0.0
			switch n.Op {
			case ugraph.OpConst:
				x = n.Value.Float64()
			case ugraph.OpIota:
				x = float64(at[out.axes[0]])
			default:
				x, err = apply(n, args)
			}
			out.data = append(out.data, x)
		})
		return out, err
	}
	// Reductions run over the result's axes, then the reduced ones.
	inner := n.Over.List()
	count := float64(e.count(inner))
	acc, steps := 0.0, 0
	e.each(append(append([]int{}, out.axes...), inner...), func(at []int) {
		x := e.vals[n.Args[0]].data[e.offset(e.vals[n.Args[0]], at)]
		if n.Op == ugraph.OpMatMul {
			x *= e.vals[n.Args[1]].data[e.offset(e.vals[n.Args[1]], at)]
		}
		switch {
		case steps == 0:
			acc = x
		case n.Op == ugraph.OpMax:
			acc = math.Max(acc, x)
		case n.Op == ugraph.OpMin:
			acc = math.Min(acc, x)
		default:
			acc += x
		}
		if steps++; steps == int(count) {
			if n.Op == ugraph.OpMean {
				acc /= count
			}
			out.data = append(out.data, acc)
			steps = 0
		}
	})
	return out, nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// apply is an elementwise operator on float64.
func apply(n Node, x []float64) (float64, error) {
	switch n.Op {
	case ugraph.OpAdd:
		return x[0] + x[1], nil
	case ugraph.OpSub:
		return x[0] - x[1], nil
	case ugraph.OpMul, ugraph.OpMatMul:
		return x[0] * x[1], nil
	case ugraph.OpDiv:
		return x[0] / x[1], nil
	case ugraph.OpMaximum:
		return math.Max(x[0], x[1]), nil
	case ugraph.OpMinimum:
		return math.Min(x[0], x[1]), nil
	case ugraph.OpLess:
		return truth(x[0] < x[1]), nil
	case ugraph.OpLessEqual:
		return truth(x[0] <= x[1]), nil
	case ugraph.OpEqual:
		return truth(x[0] == x[1]), nil
	case ugraph.OpGreater:
		return truth(x[0] > x[1]), nil
	case ugraph.OpGreaterEqual:
		return truth(x[0] >= x[1]), nil
	case ugraph.OpWhere:
		if x[0] != 0 {
			return x[1], nil
		}
		return x[2], nil
	case ugraph.OpCast:
		if n.Attrs.Word("to", "") == "bool" {
			return truth(x[0] != 0), nil
		}
		return x[0], nil
	}
	f, err := interp.Float64{}.Unary(n.Op, n.Attrs, ugraph.F64) // of one operand
	if err != nil {
		return 0, fmt.Errorf("%s has no float64 evaluation here", n.Op)
	}
	return f(x[0]), nil
}
