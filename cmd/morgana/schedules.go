package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/cmd/morgana/internal/rank"
	"github.com/morgana-ml/morgana/cmd/morgana/internal/scatter"
	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

type schedulesCmd struct {
	X       []string `arg:"" optional:"" help:"Programs (default: fifteen embedded ones)."`
	Count   int      `default:"30" help:"Schedules of each."`
	Spread  float64  `default:"16" help:"Up to so many times the least predicted time."`
	Threads int      `env:"MORGANA_THREADS" help:"Threads of the kernels (default: all cores)."`
	Seed    uint64   `default:"1" help:"Seed of the schedules, of verification and of inputs."`
	Plot    string   `placeholder:"FILE.svg" help:"Write a scatter plot of predicted and measured times."`
	List    bool     `help:"Print each schedule too."`
	JSON    bool     `name:"json" help:"One JSON object a line."`
}

// scheduleJSON is a schedule with its times in microseconds.
type scheduleJSON struct {
	PredictedUS float64 `json:"predicted_us"`
	MeasuredUS  float64 `json:"measured_us"`
	Noise       float64 `json:"noise"` // of measured_us, as a part of it
	Kernels     int     `json:"kernels"`
	Bytes       float64 `json:"bytes"`
	Flops       float64 `json:"flops"`
	Graph       string  `json:"graph"` // what was run
}

type schedulesJSON struct {
	Program   string         `json:"program"`
	Target    string         `json:"target"`
	Spearman  float64        `json:"spearman"`
	FirstFive float64        `json:"first_five"` // best measured of the first five predicted, over the best of all
	Noise     float64        `json:"noise"`
	Schedules []scheduleJSON `json:"schedules"`
}

// firstPredicted is how many schedules a search that measures would try.
const firstPredicted = 5

// Run draws schedules of each program over the whole range of predicted times, measures them, and says how
// well the cost model ranks them.
func (c *schedulesCmd) Run(a *app) error {
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	switch {
	case c.Count < 3 || c.Count > 1000:
		return fmt.Errorf("--count %d: want 3 to 1000", c.Count)
	case !(c.Spread > 1) || math.IsInf(c.Spread, 1):
		return fmt.Errorf("--spread %g: want a factor such as 16", c.Spread)
	}
	if c.Plot != "" {
		if err := checkPlace(c.Plot); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	if len(c.X) == 0 {
		c.X = ranked()
	}
	row := a.nativeRow()
	if c.Threads > 0 {
		row = row.WithUnits(c.Threads)
	}
	dev := cpu.New(c.Threads)
	defer a.closeDevice(dev)
	m := &execute.CPU{Device: dev, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
		return seededInputs(g, env, int64(c.Seed), nil)
	}}
	var plot []scatter.Series
	var rho, five []float64
	var ss []subject
	for _, x := range c.X {
		more, err := resolvePrograms(a.ctx, x)
		if err != nil {
			return err
		}
		ss = append(ss, more...)
	}
	if !c.JSON {
		fmt.Fprint(a.stdout, "| program | schedules | predicted µs | measured µs | noise | rank correlation | best of first 5 |\n|---|---|---|---|---|---|---|\n")
	}
	for _, x := range ss {
		r, err := c.one(a, m, x, row)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		rho, five = append(rho, r.Spearman), append(five, r.FirstFive)
		series := scatter.Series{Name: x.name}
		for _, t := range r.Schedules {
			series.Points = append(series.Points, scatter.Point{X: t.PredictedUS, Y: t.MeasuredUS})
		}
		plot = append(plot, series)
		if err := c.print(a, r); err != nil {
			return err
		}
	}
	if !c.JSON {
		sum := 0.0
		for _, v := range rho {
			sum += v
		}
		fmt.Fprintf(a.stdout, "\n%d programs: mean rank correlation %.3f, least %.3f; best of the first %d predicted over the best of all: geometric mean %.3f, most %.3f\n",
			len(rho), sum/float64(len(rho)), slices.Min(rho), firstPredicted, geometricMean(five), slices.Max(five))
	}
	if c.Plot == "" {
		return nil
	}
	var b bytes.Buffer
	if err := scatter.Write(&b, scatter.Plot{Title: "Predicted and measured times of schedules", X: "predicted, µs", Y: "measured, µs", Series: plot}); err != nil {
		return err
	}
	return a.writeFile(c.Plot, b.Bytes())
}

// ranked are the programs of which schedules are ranked by default: fifteen of every kind.
func ranked() []string {
	var out []string
	for _, p := range programs.List() {
		switch p.Name {
		case "tiny": // over before the threads have met
		case "moe": // each schedule packs a gigabyte of weights anew
		default:
			out = append(out, p.Name)
		}
	}
	return append(out, "mirage/e2e_llama/qkv", "mirage/blackwell/matmul_512x1024x256")
}

func (c *schedulesCmd) one(a *app, m *execute.CPU, s subject, row target.Row) (*schedulesJSON, error) {
	a.say("%s: drawing and verifying schedules", s.name)
	start := time.Now()
	cs, err := search.Sample(a.ctx, s.graph, row, m, lowerCPU, search.Options{Seed: c.Seed}, search.Draw{Count: c.Count, Spread: c.Spread})
	if a.ctx.Err() != nil {
		return nil, context.Canceled
	}
	if err != nil {
		return nil, err
	}
	if len(cs) < 3 {
		return nil, fmt.Errorf("%d schedules up to %g times the best cannot be ranked; a greater --spread may have more", len(cs), c.Spread)
	}
	env := search.Sizes(s.graph, nil)[0]
	gs := make([]*ugraph.Graph, len(cs))
	for i, x := range cs {
		gs[i] = x.Lowered
	}
	a.say("%s: %d schedules after %.1f s; measuring", s.name, len(cs), time.Since(start).Seconds())
	times, err := m.Rounds(a.ctx, gs, env)
	if a.ctx.Err() != nil {
		return nil, context.Canceled
	}
	if err != nil {
		return nil, err
	}
	r := &schedulesJSON{Program: s.name, Target: row.Name}
	predicted := make([]float64, len(cs))
	measured := make([]float64, len(cs))
	for i, x := range cs {
		predicted[i], measured[i] = x.PredictedUS, times[i].US
		r.Schedules = append(r.Schedules, scheduleJSON{PredictedUS: x.PredictedUS, MeasuredUS: times[i].US, Noise: times[i].Noise,
			Kernels: len(x.Cost.Kernels), Bytes: x.Cost.Bytes, Flops: x.Cost.Flops, Graph: text.Print(x.Lowered)})
		r.Noise += times[i].Noise / float64(len(cs))
	}
	r.Spearman = rank.Spearman(predicted, measured, r.Noise)
	r.FirstFive = slices.Min(measured[:min(firstPredicted, len(measured))]) / slices.Min(measured)
	return r, nil
}

func (c *schedulesCmd) print(a *app, r *schedulesJSON) error {
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	span := func(of func(s *scheduleJSON) float64) string {
		least, most := math.Inf(1), 0.0
		for i := range r.Schedules {
			least, most = min(least, of(&r.Schedules[i])), max(most, of(&r.Schedules[i]))
		}
		return fmt.Sprintf("%.0f … %.0f", least, most)
	}
	fmt.Fprintf(a.stdout, "| %s | %d | %s | %s | %.1f %% | %.3f | %.3f |\n", r.Program, len(r.Schedules),
		span(func(s *scheduleJSON) float64 { return s.PredictedUS }), span(func(s *scheduleJSON) float64 { return s.MeasuredUS }), 100*r.Noise, r.Spearman, r.FirstFive)
	if c.List {
		for i := range r.Schedules {
			s := &r.Schedules[i]
			fmt.Fprintf(a.stdout, "    %10.1f predicted %10.1f measured (%5.2f)  %s\n", s.PredictedUS, s.MeasuredUS, s.MeasuredUS/s.PredictedUS, cuts(s.Graph))
		}
	}
	return nil
}

// cuts are the grids and loops of a μGraph's text.
func cuts(graph string) string {
	var out []string
	for line := range strings.Lines(graph) {
		if _, after, ok := strings.Cut(line, "= kernel "); ok {
			_, after, _ = strings.Cut(after, ") ")
			out = append(out, strings.TrimSuffix(strings.TrimSpace(after), " {"))
		}
	}
	return strings.Join(out, "; ")
}
