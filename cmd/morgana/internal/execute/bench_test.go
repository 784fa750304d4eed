package execute

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// BenchmarkPrograms times embedded programs at their real sizes, plainly and as the best μGraph of the
// scheduler for the program as it is written; peak is the share of kernel.PeakGFLOPS on all threads.
func BenchmarkPrograms(b *testing.B) {
	peak := kernel.PeakGFLOPS(100 * time.Millisecond)
	for _, name := range []string{"gqa", "gated_mlp", "ntrans", "layer_norm", "softmax_wide", "lora", "mlp_decode", "rmsnorm_linear"} {
		for _, threads := range []int{1, 2} {
			for _, fused := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/fused=%v/threads=%d", name, fused, threads), func(b *testing.B) {
					g := programtest.Program(b, name)
					row, err := target.ByName("cpu:avx2")
					if err != nil {
						b.Fatal(err)
					}
					row = row.WithUnits(threads)
					e, err := cost.Graph(g, nil, &row)
					if err != nil {
						b.Fatal(err)
					}
					in, err := randomInputs(g, nil)
					if err != nil {
						b.Fatal(err)
					}
					if fused {
						prim, err := library.Expand(g)
						if err != nil {
							b.Fatal(err)
						}
						dag, err := expr.Lift(prim)
						if err != nil {
							b.Fatal(err)
						}
						choices, _, err := schedule.Best(context.Background(), loop.Forms(dag), schedule.Options{Row: &row})
						if err != nil {
							b.Fatal(err)
						}
						if g, err = emit(g, choices[0].Form, choices[0].Tiling); err != nil {
							b.Fatal(err)
						}
					}
					d := cpu.New(threads)
					defer d.Close()
					s, err := Open(d, g, nil, in)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for b.Loop() {
						if err := s.Run(context.Background()); err != nil {
							b.Fatal(err)
						}
					}
					us := float64(b.Elapsed().Microseconds()) / float64(b.N)
					b.ReportMetric(e.Flops/us/1e3, "GFLOP/s")
					b.ReportMetric(100*e.Flops/us/1e3/peak/float64(threads), "%peak")
				})
			}
		}
	}
}
