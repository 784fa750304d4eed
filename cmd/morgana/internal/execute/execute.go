package execute

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// CPU executes and measures graphs on a CPU device: the search's Measurer.
type CPU struct {
	Device *cpu.Device
	// Inputs makes the inputs of a graph for measuring.
	Inputs func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error)
}

// Bound is the largest relative error (tensor.Compare) of a run against float64 by output type: what
// f32 accumulation over the axes of the embedded programs leaves, and one rounding of narrower outputs.
func Bound(t ugraph.DType) float64 {
	switch t {
	case ugraph.F64:
		return 1e-11
	case ugraph.F32:
		return 1e-4
	case ugraph.F16:
		return 1e-2
	case ugraph.BF16:
		return 5e-2
	case ugraph.F8E4M3:
		return 0.25
	}
	return 0
}

// Execute runs a graph's kernels on a small ragged instance, compares with float64 and returns the
// largest relative error.
func (c *CPU) Execute(ctx context.Context, g *ugraph.Graph) (float64, error) {
	small := Shrink(g)
	env := smallEnv(small)
	in, err := c.Inputs(small, env)
	if err != nil {
		return 0, err
	}
	p, err := c.Device.Load(small, nil)
	if err != nil {
		return 0, err
	}
	out, err := p.OutputTensors(env)
	if err != nil {
		return 0, err
	}
	if err := p.Run(ctx, in, out); err != nil {
		return 0, err
	}
	want, err := Reference(small, env, in)
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for _, o := range small.Outputs {
		d, err := tensor.Compare(out[o.Name], want[o.Name])
		if err != nil {
			return 0, err
		}
		worst = max(worst, d.Max)
		if bound := Bound(out[o.Name].DType); !(d.Max <= bound) {
			return 0, fmt.Errorf("output %s at %v is %g, float64 gives %g: a relative error of %.2g, beyond %.2g", o.Name, d.Index, d.Got, d.Want, d.Max, bound)
		}
	}
	return worst, nil
}

// smallEnv gives symbols sizes of one full and one ragged tile of the largest cut.
func smallEnv(g *ugraph.Graph) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range g.Symbols {
		tile := int64(1)
		for i := range g.Nodes {
			if b := g.Nodes[i].Body; b != nil {
				for _, d := range append(append([]ugraph.GridDim(nil), b.Grid...), loopOf(b)...) {
					if names := d.Extent.Symbols(); len(names) == 1 && names[0] == s.Name {
						tile = max(tile, d.Tile)
					}
				}
			}
		}
		env[s.Name] = s.At(tile + tile/2 + 1)
	}
	return env
}

func loopOf(b *ugraph.Graph) []ugraph.GridDim {
	if b.Loop == nil {
		return nil
	}
	return []ugraph.GridDim{*b.Loop}
}

// Reference computes a graph in float64 from tensors.
func Reference(g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	args := make([]*interp.Tensor[float64], len(g.Inputs))
	for i, x := range g.Inputs {
		v := g.Values[x.Value]
		t := in[v.Name]
		var err error
		if v.DType.IsFloat() {
			args[i], err = interp.FromFloats(v.DType, t.Shape, t.Float64s())
		} else {
			ints := make([]int64, t.Len())
			for j := range ints {
				ints[j] = t.Int64At(j)
			}
			args[i], err = interp.FromInts[float64](v.DType, t.Shape, ints)
		}
		if err != nil {
			return nil, err
		}
	}
	res, err := interp.Run[float64](interp.Float64{}, g, args, env)
	if err != nil {
		return nil, err
	}
	out := map[string]*tensor.Tensor{}
	for i, o := range g.Outputs {
		t, err := tensor.FromFloat64(ugraph.F64, res[i].Shape, interp.Floats(res[i]))
		if err != nil {
			return nil, err
		}
		out[o.Name] = t
	}
	return out, nil
}

// Measure times graphs interleaved: rounds in which each runs once in an order that rotates, until the
// rounds are at least 7 and a third of a second a graph, or 6 seconds are over. The result is the
// lower quartile of each in microseconds: other load only ever slows a run down, and where it is in most runs
// their median says more of the load than of the graph.
func (c *CPU) Measure(ctx context.Context, gs []*ugraph.Graph, env ugraph.Env) ([]float64, error) {
	if len(gs) == 0 {
		return nil, nil
	}
	in, err := c.Inputs(gs[len(gs)-1], env)
	if err != nil {
		return nil, err
	}
	runs := make([]*Session, len(gs))
	for i, g := range gs {
		if runs[i], err = Open(c.Device, g, env, in); err != nil {
			return nil, err
		}
		if err := runs[i].Run(ctx); err != nil { // warm up: pack, touch
			return nil, err
		}
	}
	times := make([][]float64, len(gs))
	start := time.Now()
	for round := 0; ; round++ {
		spent := time.Since(start)
		if round >= 7 && spent > time.Duration(len(gs))*time.Second/3 || round >= 3 && spent > 6*time.Second {
			break
		}
		for k := range gs {
			i := (k + round) % len(gs)
			t := time.Now()
			if err := runs[i].Run(ctx); err != nil {
				return nil, err
			}
			times[i] = append(times[i], float64(time.Since(t).Nanoseconds())/1e3)
		}
	}
	out := make([]float64, len(gs))
	for i, ts := range times {
		sort.Float64s(ts)
		out[i] = ts[len(ts)/4]
	}
	return out, nil
}
