package algebra

import (
	"fmt"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
)

// BenchmarkAblation is the counterpart of Mirage's table 5: rmsnorm_linear with derivations of at most 5
// to 11 operators, with and without the abstraction test, merging, and both cores. A row whose closure
// ended by a limit says so by its values/op.
func BenchmarkAblation(b *testing.B) {
	d := liftProgram(b, "rmsnorm_linear")
	for _, v := range []struct {
		name string
		opt  Options
	}{
		{"all", Options{}},
		{"two-workers", Options{Workers: 2}},
		{"no-merging", Options{NoMerge: true}},
		{"no-abstraction", Options{NoAbstraction: true}},
	} {
		for n := 5; n <= 11; n++ {
			b.Run(fmt.Sprintf("%s/operators=%d", v.name, n), func(b *testing.B) {
				opt := v.opt
				opt.MaxOperators, opt.Extra = n, max(n-d.Operators(), 0)
				if opt.Extra == 0 {
					opt.Extra = -1
				}
				opt.Forms = 1
				var r *Result
				for i := 0; i < b.N; i++ {
					r = explore(b, d, opt)
				}
				b.ReportMetric(float64(r.Stats.Values), "values")
				b.ReportMetric(float64(r.Stats.Tests), "tests")
				b.ReportMetric(float64(len(r.DAGs)), "programs")
			})
		}
	}
}

// BenchmarkExplore is the whole of this stage on every embedded program.
func BenchmarkExplore(b *testing.B) {
	for _, info := range programs.List() {
		d := liftProgram(b, info.Name)
		b.Run(info.Name, func(b *testing.B) {
			b.ReportAllocs()
			var r *Result
			for i := 0; i < b.N; i++ {
				r = explore(b, d, Options{})
			}
			b.ReportMetric(float64(r.Stats.Values), "values")
			b.ReportMetric(float64(r.Stats.Tests), "tests")
			b.ReportMetric(float64(len(r.DAGs)), "programs")
		})
	}
}
