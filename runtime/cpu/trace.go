package cpu

import (
	"time"

	"github.com/morgana-ml/morgana/ugraph"
)

// KernelRun tells what one launch of a kernel did.
type KernelRun struct {
	Name    string
	Elapsed time.Duration
	Flops   float64 // of all blocks and trips by the operator table, full tiles
	Bytes   float64 // that its loads and stores ask for, full tiles; a tile read by two blocks counts twice
}

// OnKernel has f called after every kernel of every run of the device, by the goroutine of the run;
// nil: no more calls. No run may be under way.
func (d *Device) OnKernel(f func(KernelRun)) { d.onKernel = f }

// work counts the flops and bytes of a launch.
func (b *block) work() (flops, bytes float64) {
	times := func(p ugraph.Phase) float64 {
		if p == ugraph.InLoop {
			return float64(b.blocks * b.trips)
		}
		return float64(b.blocks)
	}
	for i := range b.flat.nodes {
		n := &b.flat.nodes[i]
		if len(n.results) == 0 {
			continue
		}
		out := &b.values[n.results[0]]
		elements := float64(out.size)
		switch n.op.Info().Class {
		case ugraph.Contraction:
			x := &b.values[n.args[0]]
			k := x.dims[x.rank-1]
			if n.attrs.Flag("transpose_a") {
				k = x.dims[x.rank-2]
			}
			elements *= float64(k)
		case ugraph.Reduction:
			elements = float64(b.values[n.args[0]].size)
		}
		flops += n.op.Info().Flops * elements * times(b.runsIn(n))
		if n.op == ugraph.OpLoad {
			bytes += elements * float64(out.dtype.Size()) * times(n.phase)
		}
	}
	for i := range b.outputs {
		v := &b.values[b.outputs[i].value]
		bytes += float64(v.size) * float64(v.dtype.Size()) * times(b.flat.phases[b.outputs[i].value])
	}
	return flops, bytes
}
