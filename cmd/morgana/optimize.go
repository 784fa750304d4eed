package main

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/codegen/gopkg"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

type optimizeCmd struct {
	X       string        `arg:"" help:"A .ug file (FILE#name picks one program), embedded program, or bundle or μGraph whose program is searched anew."`
	Target  []string      `default:"cpu" sep:"none" help:"cpu (this machine), cpu:avx2, cpu:generic …; repeatable."`
	Out     string        `placeholder:"DIR" help:"Folder of the bundle (default NAME.morgana)."`
	Budget  time.Duration `help:"Wall clock (default: no limit); the best verified so far is kept."`
	Jobs    int           `help:"Cores of the search (default, and 0: all)."`
	Threads int           `env:"MORGANA_THREADS" help:"Threads of the kernels (default, and 0: all cores)."`
	Seed    uint64        `default:"1" help:"Seed of fingerprints, verification and inputs."`
	Top     int           `default:"6" help:"Candidates that are measured."`
	Measure bool          `default:"true" negatable:"" help:"Time the candidates on this machine (--measure=false: choose by the cost model)."`
	Dim     []string      `sep:"none" placeholder:"S=N,…" help:"Sizes to tune at (absent: 1/64, 1/8 and all of the bound)."`
	Error   string        `default:"2^-64" help:"Allowed probability of accepting a different program."`
	Force   bool          `help:"Ignore what the kernel store has, and replace a better bundle."`
	Go      string        `name:"go" placeholder:"PACKAGE" help:"Add a Go package with a typed Run."`
	JSON    bool          `name:"json" help:"One JSON object a line."`
}

// The defaults of --top and --error, for commands that search without having these flags.
const (
	defaultTop   = 6
	defaultError = -64 // log2
)

type choiceJSON struct {
	Kernels     int     `json:"kernels"`
	PredictedUS float64 `json:"predicted_us"`
	MeasuredUS  float64 `json:"measured_us,omitempty"`
	Bytes       float64 `json:"bytes"`
	Flops       float64 `json:"flops"`
	MinBytes    int64   `json:"min_bytes,omitempty"`
	Hash        string  `json:"hash,omitempty"`
	Executed    bool    `json:"executed,omitempty"`
}

type verificationJSON struct {
	ErrorLog2        float64 `json:"error_log2"`
	Tests            int     `json:"tests"`
	FloatMaxRelError float64 `json:"float_max_rel_error"`
	Seed             uint64  `json:"seed"`
}

type optimizeJSON struct {
	Program      string            `json:"program"`
	Target       string            `json:"target"`
	Dim          ugraph.Env        `json:"dim,omitempty"` // the sizes of symbols that every number here is for: the first that was tuned at
	Seconds      float64           `json:"seconds"`
	SearchS      float64           `json:"search_seconds"`            // of seconds: all but measuring
	MeasureS     float64           `json:"measure_seconds,omitempty"` // of seconds: timing the candidates
	Stop         string            `json:"stop"`
	FromStore    bool              `json:"from_store"`
	Search       search.Stats      `json:"search"`
	Best         choiceJSON        `json:"best"`
	Baseline     choiceJSON        `json:"baseline"`
	Speedup      float64           `json:"speedup"`
	Verification *verificationJSON `json:"verification,omitempty"` // absent where the program itself is the best
	Bundle       string            `json:"bundle"`
	Reads        string            `json:"reads"` // how often the best reads the inputs, and why
	Near         []string          `json:"near,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Kept         string            `json:"kept,omitempty"` // why the best is that of the bundle which stood there, which stays
}

func (c *optimizeCmd) Run(a *app) error {
	bound, err := parseError(c.Error)
	if err != nil {
		return err
	}
	dims, err := parseDims(c.Dim)
	if err != nil {
		return err
	}
	switch {
	case c.Top < 1 || c.Top > 1000:
		return fmt.Errorf("--top %d: want 1 to 1000", c.Top)
	case c.Jobs < 0 || c.Jobs > 1024:
		return fmt.Errorf("--jobs %d: want 1 to 1024, or 0 for all cores", c.Jobs)
	case c.Budget < 0:
		return fmt.Errorf("--budget %s: want a time such as 10s", c.Budget)
	}
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	if c.Go != "" {
		if err := gopkg.CheckPackage(c.Go); err != nil {
			return fmt.Errorf("--go %s: %w", c.Go, err)
		}
	}
	rows, err := a.targetRows(c.Target, c.Threads)
	if err != nil {
		return err
	}
	ss, err := resolvePrograms(a.ctx, c.X)
	if err != nil {
		return err
	}
	if c.Out != "" && len(ss) > 1 {
		return fmt.Errorf("--out %s takes one program; %s holds %d: choose one with %s#NAME", c.Out, c.X, len(ss), c.X)
	}
	if c.Out != "" {
		if err := bundle.CheckPlace(c.Out); err != nil {
			return fmt.Errorf("--out %s: %w", c.Out, err)
		}
	}
	for _, s := range ss {
		if err := checkDims(s.graph, dims); err != nil {
			return err
		}
		if c.Measure {
			if err := checkSizes(s.graph, search.Sizes(s.graph, dims)[0], false); err != nil {
				return fmt.Errorf("%w; --measure=false runs nothing of this size", err)
			}
		}
		if c.Out == "" {
			if err := bundle.CheckPlace(bundleName(s.name)); err != nil {
				return err
			}
		}
	}
	for i, s := range ss {
		if err := c.one(a, s, rows, dims, bound); err != nil {
			return err
		}
		if left := len(ss) - i - 1; a.ctx.Err() != nil && left > 0 {
			a.say("interrupted: %d more programs of %s are not searched", left, c.X)
			break
		}
	}
	return nil
}

// targetRows resolves the names of targets; with a set number of threads the rows have as many units.
func (a *app) targetRows(names []string, threads int) ([]target.Row, error) {
	var rows []target.Row
	seen := map[string]bool{}
	for _, n := range names {
		r, err := a.resolveTarget(n)
		if err != nil {
			return nil, err
		}
		if !r.Available {
			return nil, fmt.Errorf("--target %s: %s", n, r.Message)
		}
		if threads > 0 {
			r = r.WithUnits(threads)
		}
		if !seen[r.Name] {
			seen[r.Name] = true
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// found is a search's result with the times of the kernels, in their order; nil: not measured.
type found struct {
	*search.Result
	bestUS, baselineUS []float64

	kept string // why the best is that of the bundle which stood there
}

func (c *optimizeCmd) one(a *app, s subject, rows []target.Row, dims map[string][]int64, bound float64) error {
	dev := cpu.New(c.Threads)
	defer a.closeDevice(dev)
	a.debugDevice(dev)
	m := &execute.CPU{Device: dev, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
		return seededInputs(g, env, int64(c.Seed), nil)
	}}
	out := c.Out
	if out == "" {
		out = bundleName(s.name)
	}
	a.answers.Store(true) // from here on there is a result: at least the program itself
	var results []*found
	for _, row := range rows {
		r, err := c.search(a, s, row, m, dims, bound)
		if err != nil {
			return err
		}
		a.debugResult(s, r.Result)
		results = append(results, r)
	}
	if !c.Force {
		keepBetter(a, out, s, results, m, search.Options{Top: c.Top, Seed: c.Seed, ErrorLog2: bound})
	}
	if !allKept(results) || c.Go != "" {
		if err := writeBundle(a, out, s, results, c.Go); err != nil {
			return err
		}
	}
	for _, r := range results {
		j, err := resultJSON(s, r.Result, out)
		if err != nil {
			return err
		}
		j.Kept = r.kept
		if c.JSON {
			if err := json.NewEncoder(a.stdout).Encode(j); err != nil {
				return err
			}
			continue
		}
		printResult(a, j)
	}
	return nil
}

// search runs or recalls one search. An interruption ends it soon, with the best so far.
func (c *optimizeCmd) search(a *app, s subject, row target.Row, m *execute.CPU, dims map[string][]int64, bound float64) (*found, error) {
	bar := newProgress(a, s.name, row.Name)
	defer bar.close()
	opt := search.Options{Budget: c.Budget, Jobs: c.Jobs, Top: c.Top, Seed: c.Seed, ErrorLog2: bound, Dims: dims,
		Measure: c.Measure, Progress: bar.event}
	type answer struct {
		r   *found
		err error
	}
	start := time.Now()
	got, done := await(a.ctx, func() bool { return false }, func() answer {
		r, err := c.work(a, s, row, m, opt)
		return answer{r, err}
	})
	if done {
		return got.r, got.err
	}
	if r := bar.soFar(); r != nil {
		r.Stop, r.Seconds = "interrupted", time.Since(start).Seconds() // the last event may be long ago
		if r.Best == r.Baseline {
			r.Reason = "the search was ended before a candidate was verified"
		}
		return &found{Result: r}, nil
	}
	// Not even the first stage was over: a search that is ended before it begins returns the program.
	opt.Progress = nil
	r, err := search.Optimize(a.ctx, s.graph, row, m, lowerCPU, opt)
	return &found{Result: r}, err
}

// work is a search with what stands before it and after it: the store, and the times of the kernels.
func (c *optimizeCmd) work(a *app, s subject, row target.Row, m *execute.CPU, opt search.Options) (*found, error) {
	store, key := openStore(a, s.graph, row, opt)
	if !c.Force {
		if r := recall(a, store, key, s.graph, row, m, opt); r != nil {
			return r, nil
		}
	}
	r, err := search.Optimize(a.ctx, s.graph, row, m, lowerCPU, opt)
	if err != nil {
		return nil, err
	}
	f := &found{Result: r}
	if r.Best.MeasuredUS > 0 && r.Stop != "interrupted" {
		if err := f.timeKernels(a, m.Device, int64(c.Seed)); err != nil {
			return nil, err
		}
	}
	if r.Stop == "exhausted" {
		remember(a, store, key, f)
	}
	return f, nil
}

// timeKernels times the kernels of the winner and of the program one by one. An interruption leaves
// them untimed.
func (f *found) timeKernels(a *app, d *cpu.Device, seed int64) error {
	for _, t := range []struct {
		what string
		c    *search.Choice
		us   *[]float64
	}{{"program", f.Baseline, &f.baselineUS}, {"best", f.Best, &f.bestUS}} {
		var err error
		if *t.us, err = kernelTimes(a, d, t.c.Lowered, f.Env, seed, t.c.Cost); err != nil {
			if a.ctx.Err() != nil {
				return nil
			}
			return err
		}
		if debugs(debugKernels) {
			printKernels(a, t.what, &f.Row, t.c.Cost, *t.us)
		}
	}
	return nil
}

func resultJSON(s subject, r *search.Result, out string) (optimizeJSON, error) {
	least, err := cost.MinBytes(s.graph, r.Env)
	if err != nil {
		return optimizeJSON{}, err
	}
	conv := func(c *search.Choice) choiceJSON {
		j := choiceJSON{Kernels: len(c.Cost.Kernels), PredictedUS: c.Cost.US, MeasuredUS: c.MeasuredUS, Bytes: c.Cost.Bytes, Flops: c.Cost.Flops}
		return j
	}
	j := optimizeJSON{Program: s.name, Target: r.Row.Name, Dim: r.Env, Seconds: r.Seconds, SearchS: r.Seconds - r.MeasureSeconds, MeasureS: r.MeasureSeconds,
		Stop: r.Stop, FromStore: r.FromStore, Search: r.Stats,
		Best: conv(r.Best), Baseline: conv(r.Baseline), Bundle: out, Near: r.Near, Reason: r.Reason}
	if j.Reads, err = cost.Passes(r.Best.Graph, r.Env, &r.Row); err != nil {
		return optimizeJSON{}, err
	}
	j.Best.MinBytes, j.Best.Hash, j.Best.Executed = least, ugraph.Hash(r.Best.Graph), r.Best.Executed
	switch {
	case r.Best.MeasuredUS > 0 && r.Baseline.MeasuredUS > 0:
		j.Speedup = r.Baseline.MeasuredUS / r.Best.MeasuredUS
	case r.Best.Cost.US > 0:
		j.Speedup = r.Baseline.Cost.US / r.Best.Cost.US
	default: // nothing to compute
		j.Speedup = 1
	}
	if e := r.Best.Equal; e != nil {
		j.Verification = &verificationJSON{ErrorLog2: e.ErrorLog2, Tests: e.Tests, Seed: e.Seed, FloatMaxRelError: r.Best.FloatError}
	}
	return j, nil
}

func printResult(a *app, j optimizeJSON) {
	fmt.Fprintf(a.stdout, "%s on %s", j.Program, j.Target)
	if at := dimText(j.Dim); at != "" {
		fmt.Fprintf(a.stdout, " at %s", at)
	}
	fmt.Fprintf(a.stdout, ": %d kernel", j.Best.Kernels)
	if j.Best.Kernels != 1 {
		fmt.Fprint(a.stdout, "s")
	}
	fmt.Fprintf(a.stdout, " (the program has %d)\n", j.Baseline.Kernels)
	line := func(what string, c choiceJSON) {
		fmt.Fprintf(a.stdout, "  %-9s %8.1f µs predicted", what, c.PredictedUS)
		if c.MeasuredUS > 0 {
			fmt.Fprintf(a.stdout, ", %8.1f µs measured", c.MeasuredUS)
		}
		fmt.Fprintf(a.stdout, ", %.2f MB\n", c.Bytes/1e6)
	}
	line("program", j.Baseline)
	line("best", j.Best)
	fmt.Fprintf(a.stdout, "  speed-up %.2f×; least bytes %.2f MB\n", j.Speedup, float64(j.Best.MinBytes)/1e6)
	fmt.Fprintf(a.stdout, "  reads %s\n", j.Reads)
	if j.Reason != "" {
		fmt.Fprintf(a.stdout, "  the input program itself is the best: %s\n", j.Reason)
	} else {
		fmt.Fprintf(a.stdout, "  verified equal: error at most 2^%.0f, %d tests; no less stable; run once against float64\n", math.Ceil(j.Verification.ErrorLog2), j.Verification.Tests)
	}
	if j.Kept != "" {
		fmt.Fprintf(a.stdout, "  kept: %s\n", j.Kept)
	}
	if j.FromStore {
		fmt.Fprintln(a.stdout, "  from the kernel store; verified, judged and run again")
	}
	measuring := ""
	if j.MeasureS > 0 {
		measuring = fmt.Sprintf(", then %.2f s of measuring", j.MeasureS)
	}
	fmt.Fprintf(a.stdout, "  search: %s after %.2f s%s; %d states, %d pruned, %d priced, %d verified, %d rejected\n", j.Stop, j.SearchS, measuring, j.Search.States, j.Search.Pruned, j.Search.Candidates, j.Search.Verified, j.Search.Rejected)
	fmt.Fprintf(a.stdout, "  bundle: %s\n", j.Bundle)
}
