package execute

import (
	"context"
	"slices"
	"time"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// Session is a graph loaded on a device with its inputs bound: what is run again and again.
type Session struct {
	dev      *cpu.Device
	call     *cpu.Call
	in, outs []*tensor.Tensor
	Out      map[string]*tensor.Tensor
}

// Open loads a graph with the const inputs packed, and makes its outputs. Inputs are found by name.
func Open(d *cpu.Device, g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) (*Session, error) {
	weights := map[string]*tensor.Tensor{}
	for _, x := range g.Inputs {
		if name := g.Values[x.Value].Name; x.Const && in[name] != nil {
			weights[name] = in[name]
		}
	}
	p, err := d.Load(g, weights)
	if err != nil {
		return nil, err
	}
	s := &Session{dev: d}
	if s.call, err = p.Prepare(env); err != nil {
		return nil, err
	}
	if s.Out, err = p.OutputTensors(env); err != nil {
		return nil, err
	}
	for _, x := range g.Inputs {
		s.in = append(s.in, in[g.Values[x.Value].Name])
	}
	for _, o := range g.Outputs {
		s.outs = append(s.outs, s.Out[o.Name])
	}
	return s, nil
}

// Run computes the outputs once.
func (s *Session) Run(ctx context.Context) error { return s.call.Run(ctx, s.in, s.outs) }

// KernelTime is what one kernel of a session takes.
type KernelTime struct {
	Name string
	US   float64 // median of its runs
}

// Profile runs the session at least three times and for the given time, and returns the median time of
// each kernel in the order in which they run. No other run of the device may be under way.
func (s *Session) Profile(ctx context.Context, spend time.Duration) ([]KernelTime, error) {
	var names []string
	var times [][]float64
	at := 0
	s.dev.OnKernel(func(k cpu.KernelRun) {
		if at == len(names) {
			names, times = append(names, k.Name), append(times, nil)
		}
		times[at] = append(times[at], float64(k.Elapsed.Nanoseconds())/1e3)
		at++
	})
	defer s.dev.OnKernel(nil)
	start := time.Now()
	for n := 0; n < 3 || time.Since(start) < spend; n++ {
		at = 0
		if err := s.Run(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]KernelTime, len(names))
	for i, ts := range times {
		slices.Sort(ts)
		out[i] = KernelTime{names[i], (ts[(len(ts)-1)/2] + ts[len(ts)/2]) / 2}
	}
	return out, nil
}
