package loop

import (
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// array is a dense tensor of float64 in row-major order.
type array struct {
	shape []int64
	data  []float64
}

// evalDAG is the reference: the program over named axes in float64.
func evalDAG(d *expr.DAG, env ugraph.Env, inputs []array) ([]array, error) {
	in := make([][]float64, len(inputs))
	for i, x := range inputs {
		in[i] = x.data
	}
	res, err := expr.Eval(d, env, in)
	if err != nil {
		return nil, err
	}
	var outs []array
	for i, o := range d.Outputs {
		shape, err := ugraph.EvalShape(shapeOf(d, o.Axes), env)
		if err != nil {
			return nil, err
		}
		outs = append(outs, array{shape, res[i]})
	}
	return outs, nil
}

func shapeOf(d *expr.DAG, axes []int) []ugraph.Dim {
	var shape []ugraph.Dim
	for _, a := range axes {
		shape = append(shape, d.Axes[a].Extent)
	}
	return shape
}

// runGraph interprets a μGraph in float64, block by block and trip by trip.
func runGraph(g *ugraph.Graph, env ugraph.Env, inputs []array) ([]array, error) {
	var in []*interp.Tensor[float64]
	for i, x := range inputs {
		t, err := interp.FromFloats(g.Values[g.Inputs[i].Value].DType, x.shape, x.data)
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
		outs = append(outs, array{r.Shape, interp.Floats(r)})
	}
	return outs, nil
}
