package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph"
)

type tableCmd struct {
	X       []string      `arg:"" optional:"" help:"Programs (default: all embedded ones but tiny)."`
	Threads int           `env:"MORGANA_THREADS" help:"Threads of the kernels (default: all cores)."`
	All     bool          `help:"All embedded programs, the families among them."`
	Measure bool          `default:"true" negatable:"" help:"Time the program and its kernel (--measure=false: the cost model's times, and how the kernel was verified)."`
	Budget  time.Duration `default:"60s" help:"Wall clock for each search."`
	Seed    uint64        `default:"1" help:"Seed of fingerprints, verification and inputs."`
	Against []string      `placeholder:"FILE" help:"Time Mirage's saved μGraphs (JSON) beside the winners of the programs that they compute (default: of mirage/…); repeatable."`
}

// Run searches each program without the store and prints a Markdown row for it: what the README's
// table is made with.
func (c *tableCmd) Run(a *app) error {
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	if c.Budget <= 0 {
		return fmt.Errorf("--budget %s: want a time such as 10s", c.Budget)
	}
	switch {
	case c.All && len(c.X) > 0:
		return fmt.Errorf("--all is all programs: name none beside it, or leave it out")
	case !c.Measure && len(c.Against) > 0:
		return fmt.Errorf("--against is about measured times: leave --measure=false out")
	}
	if len(c.X) == 0 && len(c.Against) > 0 {
		c.X = mirageNames()
	}
	if len(c.X) == 0 {
		for _, p := range programs.List() {
			if p.Name != "tiny" { // for trying commands out; there is nothing to gain in it
				c.X = append(c.X, p.Name)
			}
		}
		for _, family := range programs.Families() {
			for _, p := range programs.Family(family) {
				if c.All {
					c.X = append(c.X, p.Name)
				}
			}
		}
	}
	var ss []subject
	for _, x := range c.X {
		s, err := one(a.ctx, x)
		if err != nil {
			return err
		}
		ss = append(ss, s)
	}
	dev := cpu.New(c.Threads)
	defer a.closeDevice(dev)
	m := &execute.CPU{Device: dev, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
		return seededInputs(g, env, int64(c.Seed), nil)
	}}
	row := a.nativeRow()
	if c.Threads > 0 {
		row = row.WithUnits(c.Threads)
	}
	if len(c.Against) > 0 {
		return c.against(a, ss, m, row)
	}
	for i, s := range ss {
		a.say("%s", s.name)
		var runs search.Measurer // the candidates, once, where nothing runs them to time them
		if !c.Measure {
			runs = m
		}
		r, err := search.Optimize(a.ctx, s.graph, row, runs, lowerCPU, search.Options{Budget: c.Budget, Seed: c.Seed})
		if err != nil {
			return err
		}
		searched := r.Seconds
		if c.Measure && a.ctx.Err() == nil {
			// Measured apart, so that the search's time is the search's.
			r, err = search.Optimize(a.ctx, s.graph, row, m, lowerCPU, search.Options{Budget: 4 * c.Budget, Seed: c.Seed, Measure: true})
			if err != nil {
				return err
			}
		}
		if a.ctx.Err() != nil {
			return context.Canceled
		}
		before, err := cost.Graph(s.graph, r.Env, &row)
		if err != nil {
			return err
		}
		if i == 0 { // nothing is printed by a command that is interrupted before it has a row
			fmt.Fprint(a.stdout, c.head())
		}
		fmt.Fprintf(a.stdout, "| %s | %d → %d | %.1f → %.1f | %.0f → %.0f | ", s.name, len(before.Kernels), len(r.Best.Cost.Kernels),
			before.Bytes/1e6, r.Best.Cost.Bytes/1e6, r.Baseline.Cost.US, r.Best.Cost.US)
		if c.Measure {
			fmt.Fprintf(a.stdout, "%.0f → %.0f | %.2f | %.2f | %d |\n", r.Baseline.MeasuredUS, r.Best.MeasuredUS, r.Baseline.MeasuredUS/r.Best.MeasuredUS, searched, r.Stats.States)
			continue
		}
		fmt.Fprintf(a.stdout, "%.2f | %.2f | %d | %s |\n", r.Baseline.Cost.US/r.Best.Cost.US, searched, r.Stats.States, verifiedText(r))
	}
	return nil
}

// head are the first two lines of the table.
func (c *tableCmd) head() string {
	columns := []string{"program", "kernels", "MB moved", "predicted µs"}
	if c.Measure {
		columns = append(columns, "measured µs", "× over plain", "search s", "states")
	} else {
		columns = append(columns, "× predicted", "search s", "states", "verified")
	}
	return "| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)) + "\n"
}

// verifiedText is how the result is known to be the program; where it is the program itself, why, in short.
func verifiedText(r *search.Result) string {
	if r.Best == r.Baseline {
		why := []rune(strings.ReplaceAll(r.Reason, "|", "/"))
		if len(why) > 90 {
			why = append(why[:90], '…')
		}
		return "the program itself: " + string(why)
	}
	return fmt.Sprintf("2^%.0f, %d tests", math.Ceil(r.Best.Equal.ErrorLog2), r.Best.Equal.Tests)
}
