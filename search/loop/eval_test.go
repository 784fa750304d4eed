package loop

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// array is a dense tensor of float64 in row-major order.
type array struct {
	shape []int
	data  []float64
}

func newArray(shape []int) array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return array{shape, make([]float64, n)}
}

// each visits the coordinates of a shape in row-major order.
func each(shape []int, f func(at []int, i int)) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	at := make([]int, len(shape))
	for i := 0; i < n; i++ {
		f(at, i)
		for j := len(at) - 1; j >= 0; j-- {
			if at[j]++; at[j] < shape[j] {
				break
			}
			at[j] = 0
		}
	}
}

// index is the place of a coordinate in an array, aligned at the right and repeated along extents of 1.
func (a array) index(at []int) int {
	i := 0
	for j, d := range a.shape {
		c := at[len(at)-len(a.shape)+j]
		if d == 1 {
			c = 0
		} else if c >= d {
			panic(fmt.Sprintf("index %v of shape %v", at, a.shape))
		}
		i = i*d + c
	}
	return i
}

var scalarOps = map[ugraph.Op]func(x []float64, as ugraph.Attrs) float64{
	ugraph.OpExp: func(x []float64, _ ugraph.Attrs) float64 { return math.Exp(x[0]) }, ugraph.OpLog: func(x []float64, _ ugraph.Attrs) float64 { return math.Log(x[0]) },
	ugraph.OpSqrt: func(x []float64, _ ugraph.Attrs) float64 { return math.Sqrt(x[0]) }, ugraph.OpRsqrt: func(x []float64, _ ugraph.Attrs) float64 { return 1 / math.Sqrt(x[0]) },
	ugraph.OpSquare: func(x []float64, _ ugraph.Attrs) float64 { return x[0] * x[0] }, ugraph.OpNeg: func(x []float64, _ ugraph.Attrs) float64 { return -x[0] },
	ugraph.OpAbs: func(x []float64, _ ugraph.Attrs) float64 { return math.Abs(x[0]) }, ugraph.OpReciprocal: func(x []float64, _ ugraph.Attrs) float64 { return 1 / x[0] },
	ugraph.OpSilu: func(x []float64, _ ugraph.Attrs) float64 { return x[0] / (1 + math.Exp(-x[0])) }, ugraph.OpCast: func(x []float64, _ ugraph.Attrs) float64 { return x[0] },
	ugraph.OpAdd: func(x []float64, _ ugraph.Attrs) float64 { return x[0] + x[1] }, ugraph.OpSub: func(x []float64, _ ugraph.Attrs) float64 { return x[0] - x[1] },
	ugraph.OpMul: func(x []float64, _ ugraph.Attrs) float64 { return x[0] * x[1] }, ugraph.OpDiv: func(x []float64, _ ugraph.Attrs) float64 { return x[0] / x[1] },
	ugraph.OpMaximum:   func(x []float64, _ ugraph.Attrs) float64 { return math.Max(x[0], x[1]) },
	ugraph.OpLessEqual: func(x []float64, _ ugraph.Attrs) float64 { return truth(x[0] <= x[1]) }, ugraph.OpLess: func(x []float64, _ ugraph.Attrs) float64 { return truth(x[0] < x[1]) },
	ugraph.OpEqual: func(x []float64, _ ugraph.Attrs) float64 { return truth(x[0] == x[1]) },
	ugraph.OpWhere: func(x []float64, _ ugraph.Attrs) float64 {
		if x[0] != 0 {
			return x[1]
		}
		return x[2]
	},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func elementwise(op ugraph.Op, as ugraph.Attrs, args []array) array {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a.shape))
	}
	shape := make([]int, rank)
	for i := range shape {
		shape[i] = 1
		for _, a := range args {
			if j := i - rank + len(a.shape); j >= 0 && a.shape[j] != 1 {
				if shape[i] != 1 && shape[i] != a.shape[j] {
					panic(fmt.Sprintf("%s of %v", op, args))
				}
				shape[i] = a.shape[j]
			}
		}
	}
	f := scalarOps[op]
	if f == nil {
		panic("no scalar rule for " + op.String())
	}
	out := newArray(shape)
	x := make([]float64, len(args))
	each(shape, func(at []int, i int) {
		for j, a := range args {
			x[j] = a.data[a.index(at)]
		}
		out.data[i] = f(x, as)
	})
	return out
}

func reduceArray(op ugraph.Op, a array, gone map[int]bool, keep bool) array {
	var full, shape []int
	n := 1.0
	for i, d := range a.shape {
		if gone[i] {
			full = append(full, 1)
			n *= float64(d)
			if keep {
				shape = append(shape, 1)
			}
		} else {
			full, shape = append(full, d), append(shape, d)
		}
	}
	out := newArray(full)
	for i := range out.data {
		out.data[i] = map[ugraph.Op]float64{ugraph.OpMax: math.Inf(-1), ugraph.OpMin: math.Inf(1)}[op]
	}
	each(a.shape, func(at []int, i int) {
		o := &out.data[out.index(at)]
		switch op {
		case ugraph.OpMax:
			*o = math.Max(*o, a.data[i])
		case ugraph.OpMin:
			*o = math.Min(*o, a.data[i])
		case ugraph.OpMean:
			*o += a.data[i] / n
		default:
			*o += a.data[i]
		}
	})
	out.shape = shape
	return out
}

// evalDAG is the program over named axes, every value held with all of its axes ascending.
func evalDAG(d *expr.DAG, env ugraph.Env, inputs []array) []array {
	extent := make([]int, len(d.Axes))
	for i, a := range d.Axes {
		n, err := a.Extent.Eval(env)
		if err != nil {
			panic(err)
		}
		extent[i] = int(n)
	}
	// A value has a dimension per axis of the DAG, 1 where it lacks the axis.
	full := func(axes expr.AxisSet) []int {
		s := make([]int, len(d.Axes))
		for i := range s {
			s[i] = 1
			if axes.Has(i) {
				s[i] = extent[i]
			}
		}
		return s
	}
	vals := make([]array, len(d.Nodes))
	for i, n := range d.Nodes {
		args := make([]array, len(n.Args))
		for j, a := range n.Args {
			args[j] = vals[a]
		}
		gone := map[int]bool{}
		for _, a := range n.Over.List() {
			gone[a] = true
		}
		switch {
		case n.Op == ugraph.OpInvalid:
			v := newArray(full(n.Axes))
			in := inputs[n.Input]
			each(in.shape, func(at []int, k int) {
				to := make([]int, len(d.Axes))
				for j, a := range d.Inputs[n.Input].Axes {
					to[a] = at[j]
				}
				v.data[v.index(to)] = in.data[k]
			})
			vals[i] = v
		case n.Op == ugraph.OpConst:
			vals[i] = newArray(full(0))
			vals[i].data[0] = n.Value.Float64()
		case n.Op == ugraph.OpIota:
			vals[i] = newArray(full(n.Axes))
			for k := range vals[i].data {
				vals[i].data[k] = float64(k)
			}
		case n.Op == ugraph.OpMatMul:
			vals[i] = reduceArray(ugraph.OpSum, elementwise(ugraph.OpMul, nil, args), gone, true)
		case n.Over != 0:
			vals[i] = reduceArray(n.Op, args[0], gone, true)
		default:
			vals[i] = elementwise(n.Op, n.Attrs, args)
		}
	}
	var outs []array
	for _, o := range d.Outputs {
		shape := make([]int, len(o.Axes))
		for i, a := range o.Axes {
			shape[i] = extent[a]
		}
		out := newArray(shape)
		v := vals[o.Node]
		each(shape, func(at []int, k int) {
			from := make([]int, len(d.Axes))
			for j, a := range o.Axes {
				from[a] = at[j]
			}
			out.data[k] = v.data[v.index(from)]
		})
		outs = append(outs, out)
	}
	return outs
}

// runGraph interprets a μGraph in float64, block by block and trip by trip.
func runGraph(g *ugraph.Graph, env ugraph.Env, inputs []array) ([]array, error) {
	var in []*interp.Tensor[float64]
	for i, x := range inputs {
		shape := make([]int64, len(x.shape))
		for j, d := range x.shape {
			shape[j] = int64(d)
		}
		t, err := interp.FromFloats(g.Values[g.Inputs[i].Value].DType, shape, x.data)
		if err != nil {
			return nil, err
		}
		in = append(in, t)
	}
	res, err := interp.Run(interp.Float64{}, g, in, env)
	if err != nil {
		return nil, err
	}
	var outs []array
	for _, r := range res {
		o := array{data: interp.Floats(r)}
		for _, d := range r.Shape {
			o.shape = append(o.shape, int(d))
		}
		outs = append(outs, o)
	}
	return outs, nil
}

func ext(d ugraph.Dim, env ugraph.Env) int {
	n, err := d.Eval(env)
	if err != nil {
		panic(err)
	}
	return int(n)
}
