package search

import (
	"fmt"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// looser are the limits, each loosened by itself and all together.
var looser = []struct {
	name   string
	loosen func(l *limits)
}{
	{"values", func(l *limits) { l.values, l.tests = 20_000, 8_000_000 }},
	{"variants", func(l *limits) { l.variants = 500 }},
	{"finalists", func(l *limits) { l.finalists = 24 }},
	{"tilings", func(l *limits) { l.tilings = 16 }},
	{"slack", func(l *limits) { l.slack = 1.5 }},
	{"all", func(l *limits) {
		l.values, l.tests, l.variants, l.finalists, l.tilings, l.slack = 20_000, 8_000_000, 500, 24, 16, 1.5
	}},
}

// BenchmarkLimits prints what looser limits find, and what they take: the table of BOUNDS.md.
func BenchmarkLimits(b *testing.B) {
	for _, name := range []string{"qknorm_gqa", "attention_decode", "morgana/layernorm_linear", "morgana/rmsnorm_qkv_rope"} {
		b.Run(name, func(b *testing.B) {
			g := programtest.Program(b, name)
			for b.Loop() {
				start := time.Now()
				base := optimize(b, g, Options{})
				took := time.Since(start)
				text := fmt.Sprintf("\n%-12s %8s %10s %9s %9s %11s\n%-12s %8.2f %10d %9d %9d %11.1f\n", "loosened", "s", "states", "variants", "priced", "best µs",
					"nothing", took.Seconds(), base.Stats.States, stage(base, "beyond the number of variants"), base.Stats.Candidates, base.Best.PredictedUS)
				for _, l := range looser {
					lim := usual
					l.loosen(&lim)
					start := time.Now()
					r := optimize(b, g, Options{limits: lim, Budget: 2 * time.Minute})
					text += fmt.Sprintf("%-12s %8.2f %10d %9d %9d %11.1f\n", l.name, time.Since(start).Seconds(), r.Stats.States, stage(r, "beyond the number of variants"), r.Stats.Candidates, r.Best.PredictedUS)
				}
				b.Log(text)
			}
		})
	}
}
