package main

import (
	"fmt"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// profileTime is how long a graph is run to time its kernels one by one.
const profileTime = 100 * time.Millisecond

// kernelTimes opens a graph on seeded inputs and times its kernels.
func kernelTimes(a *app, d *cpu.Device, g *ugraph.Graph, env ugraph.Env, seed int64, r *cost.Report) ([]float64, error) {
	in, err := seededInputs(g, env, seed, nil)
	if err != nil {
		return nil, err
	}
	s, err := execute.Open(d, g, env, in)
	if err != nil {
		return nil, err
	}
	times, err := s.Profile(a.ctx, profileTime)
	if err != nil {
		return nil, err
	}
	return matchKernels(g, times, r), nil
}

// matchKernels gives each kernel of a graph's cost report its time. Both have the kernels in the graph's
// order; a composite operator that the executor runs as several kernels has the time of all of them. It is
// nil where the two do not fit together (a literal that is an output is a kernel of neither).
func matchKernels(g *ugraph.Graph, times []execute.KernelTime, r *cost.Report) []float64 {
	us := make([]float64, len(r.Kernels))
	for i, k := range r.Kernels {
		n := 1
		if len(times) > 0 && times[0].Name != k.Name {
			n = kernelsOf(g, k.Node)
		}
		if len(times) < n {
			return nil
		}
		for _, t := range times[:n] {
			us[i] += t.US
		}
		times = times[n:]
	}
	if len(times) > 0 {
		return nil
	}
	return us
}

// kernelsOf counts the operators of a node's definition that do work.
func kernelsOf(g *ugraph.Graph, id ugraph.NodeID) int {
	n := &g.Nodes[id]
	args := make([]ugraph.Type, len(n.Args))
	for i, a := range n.Args {
		args[i] = g.Values[a].Type
	}
	d, err := library.Define(n.Op, n.Attrs, args)
	if err != nil {
		return 1
	}
	work := 0
	for i := range d.Nodes {
		switch d.Nodes[i].Op {
		case ugraph.OpConst, ugraph.OpIota, ugraph.OpReshape:
		default:
			work++
		}
	}
	return work
}

// printKernels writes a line for each kernel on stderr: its time, its rates by the model's counts, and
// the share of the roofline, which is the time that its arithmetic or its traffic needs at least.
func printKernels(a *app, what string, row *target.Row, r *cost.Report, us []float64) {
	if len(us) == 0 {
		fmt.Fprintf(a.stderr, "%s: its kernels cannot be timed one by one\n", what)
		return
	}
	peak, memory := rooflineOf(row)
	for i, k := range r.Kernels {
		least := max(k.Flops/peak, k.Bytes/memory) / 1e3
		fmt.Fprintf(a.stderr, "%s: %-24s %10.1f µs %8.1f GFLOP/s %8.1f GB/s %4.0f %% of the roofline\n",
			what, k.Name, us[i], k.Flops/us[i]/1e3, k.Bytes/us[i]/1e3, 100*least/us[i])
	}
}

// rooflineOf is a target's peak in 10⁹ operations and its bandwidth to memory in 10⁹ bytes a second.
func rooflineOf(row *target.Row) (peak, memory float64) {
	n := float64(row.Units)
	return row.MatMulRate(ugraph.F32) * n, min(row.DRAM, row.DRAMUnit*n)
}
