package search

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

// BenchmarkOptimize searches some of the embedded programs whole.
func BenchmarkOptimize(b *testing.B) {
	for _, name := range []string{"rmsnorm_linear", "gated_mlp", "lora", "ntrans", "moe", "gqa", "qknorm_gqa"} {
		g := programtest.Program(b, name)
		b.Run(name, func(b *testing.B) {
			states := 0
			for b.Loop() {
				states += optimize(b, g, Options{}).Stats.States
			}
			b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
		})
	}
}

// patient is how long a benchmark waits for a search.
const patient = 10 * time.Second

// The tables are printed, not logged: package testing keeps ten lines of a benchmark's log.

// benchmarked are the programs of the tables: the first ones, or under MORGANA_FULL=1 all that are embedded.
func benchmarked() []string {
	list := programs.List()
	if everything {
		list = programs.All()
	}
	var out []string
	for _, i := range list {
		out = append(out, i.Name)
	}
	return out
}

// stages are the seconds of a search by stage.
type stages struct {
	algebra, schedule, verify float64 // of the whole search, as it goes
	equal, stable, lower      float64 // of its winner, one after the other on one core
	r                         *Result
}

// timed searches a program and divides its time by what it reported. An error of the search is its Reason.
func timed(b *testing.B, g *ugraph.Graph) stages {
	var s stages
	at, stage := time.Now(), ""
	next := func(name string) {
		now := time.Now()
		switch d := now.Sub(at).Seconds(); stage {
		case "algebra":
			s.algebra += d
		case "schedule":
			s.schedule += d
		case "verify":
			s.verify += d
		}
		at, stage = now, name
	}
	begun := at
	var err error
	s.r, err = Optimize(context.Background(), g, testRow(b), nil, lowered, Options{Seed: 1, Budget: patient, Progress: func(e Event) {
		if e.Stage == "algebra" && e.Done == e.Of {
			next("schedule")
		} else {
			next(e.Stage)
		}
	}})
	next("")
	if err != nil {
		none := &Choice{}
		s.r = &Result{Best: none, Baseline: none, Stop: "error", Reason: err.Error(), Seconds: time.Since(begun).Seconds()}
	}
	if s.r.Best == s.r.Baseline {
		return s
	}
	took := func(f func() error) float64 {
		start := time.Now()
		if err := f(); err != nil {
			b.Error(err)
		}
		return time.Since(start).Seconds()
	}
	ctx := context.Background()
	s.equal = took(func() error {
		_, err := verify.Equal(ctx, g, s.r.Best.Graph, Options{Seed: 1}.Verification())
		return err
	})
	s.stable = took(func() error {
		_, err := stability.Check(ctx, g, s.r.Best.Graph, stability.Options{Seed: 1})
		return err
	})
	s.lower = took(func() error {
		_, err := lowered(s.r.Best.Graph)
		return err
	})
	return s
}

// BenchmarkStages prints where the time of a search goes, and the median over the programs.
func BenchmarkStages(b *testing.B) {
	for b.Loop() {
		fmt.Printf("\nmilliseconds  %-28s %7s %8s %9s %7s %7s %7s %7s %8s %9s\n", "", "all", "algebra", "schedule", "verify", "(equal", "stable", "lower)", "states", "states/s")
		var all []float64
		for _, name := range benchmarked() {
			s := timed(b, programtest.Program(b, name))
			ms := func(s float64) float64 { return 1e3 * s }
			fmt.Printf("%-42s %7.0f %8.0f %9.0f %7.0f %7.0f %7.0f %7.1f %8d %9.0f", name, ms(s.r.Seconds), ms(s.algebra), ms(s.schedule), ms(s.verify),
				ms(s.equal), ms(s.stable), ms(s.lower), s.r.Stats.States, float64(s.r.Stats.States)/max(s.algebra+s.schedule, 1e-6))
			if s.r.Stop != "exhausted" || s.r.Best == s.r.Baseline {
				fmt.Printf("  %s: %.60s", s.r.Stop, s.r.Reason)
			}
			fmt.Println()
			all = append(all, s.r.Seconds)
		}
		slices.Sort(all)
		fmt.Printf("median %.2f s, longest %.2f s, of %d programs\n", all[len(all)/2], all[len(all)-1], len(all))
		b.ReportMetric(all[len(all)/2], "s/median")
		b.ReportMetric(all[len(all)-1], "s/longest")
	}
}

// BenchmarkQuality prints what a search has after 0.3, 1, 3 and 10 s: the predicted time of the program over that of
// the answer; the last one repeated where the search had ended.
func BenchmarkQuality(b *testing.B) {
	budgets := []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second}
	for b.Loop() {
		fmt.Printf("\ntimes faster than the program, by predicted time, after %v\n", budgets)
		for _, name := range benchmarked() {
			g := programtest.Program(b, name)
			fmt.Printf("%-42s", name)
			ended := false
			gain := 0.0
			for _, budget := range budgets {
				if !ended {
					r, err := Optimize(context.Background(), g, testRow(b), nil, lowered, Options{Seed: 1, Budget: budget})
					if err != nil {
						fmt.Printf(" %v", err)
						break
					}
					gain, ended = r.Baseline.PredictedUS/r.Best.PredictedUS, r.Stop == "exhausted"
				}
				fmt.Printf(" %7.2f", gain)
			}
			fmt.Println()
		}
	}
}
