package main

import (
	"runtime"

	"golang.org/x/sys/cpu"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// features is what this machine offers the cpu rows.
func features() target.Features {
	return target.Features{
		AVX2:   cpu.X86.HasAVX2 && cpu.X86.HasFMA,
		AVX512: cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ,
		Cores:  runtime.GOMAXPROCS(0),
	}
}

// costFields are the computed costs of a run, and the rates that follow from its time.
type costFields struct {
	Bytes  float64 `json:"bytes,omitempty"`
	Flops  float64 `json:"flops,omitempty"`
	GBps   float64 `json:"gb_per_s,omitempty"`
	GFLOPs float64 `json:"gflop_per_s,omitempty"`
}

// costsOf prices a graph on this machine's row; a graph that the model cannot price has no fields.
func costsOf(g *ugraph.Graph, env ugraph.Env, us float64) costFields {
	row := target.Native(features())
	r, err := cost.Graph(g, env, &row)
	if err != nil {
		return costFields{}
	}
	c := costFields{Bytes: r.Bytes, Flops: r.Flops}
	if us > 0 {
		c.GBps, c.GFLOPs = r.Bytes/us/1e3, r.Flops/us/1e3
	}
	return c
}
