package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/codegen/gopkg"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

type optimizeCmd struct {
	X       string        `arg:"" help:"A .ug file (FILE#name picks one program) or embedded program."`
	Target  []string      `default:"cpu" sep:"none" help:"cpu (this machine), cpu:avx2, cpu:generic …; repeatable."`
	Out     string        `placeholder:"DIR" help:"Folder of the bundle (default NAME.morgana)."`
	Budget  time.Duration `help:"Wall clock; the best verified so far is kept."`
	Jobs    int           `help:"Cores of the search (default: all)."`
	Threads int           `env:"MORGANA_THREADS" help:"Threads of the kernels (default: all cores)."`
	Seed    uint64        `default:"1" help:"Seed of fingerprints, verification and inputs."`
	Top     int           `default:"6" help:"Candidates that are measured."`
	Measure bool          `default:"true" negatable:"" help:"Time the candidates on this machine (--measure=false: choose by the cost model)."`
	Dim     []string      `sep:"none" placeholder:"S=N,…" help:"Sizes to tune at (absent: 1/64, 1/8 and all of the bound)."`
	Error   string        `default:"2^-64" help:"Allowed probability of accepting a different program."`
	Force   bool          `help:"Ignore what the kernel store has."`
	Go      string        `name:"go" placeholder:"PACKAGE" help:"Add a Go package with a typed Run."`
	JSON    bool          `name:"json" help:"One JSON object a line."`
}

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
	Program      string           `json:"program"`
	Target       string           `json:"target"`
	Seconds      float64          `json:"seconds"`
	Stop         string           `json:"stop"`
	FromStore    bool             `json:"from_store"`
	Search       search.Stats     `json:"search"`
	Best         choiceJSON       `json:"best"`
	Baseline     choiceJSON       `json:"baseline"`
	Speedup      float64          `json:"speedup"`
	Verification verificationJSON `json:"verification"`
	Bundle       string           `json:"bundle"`
	Near         []string         `json:"near,omitempty"`
	Reason       string           `json:"reason,omitempty"`
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
	rows, err := targetRows(c.Target, c.Threads)
	if err != nil {
		return err
	}
	ss, err := resolve(c.X)
	if err != nil {
		return err
	}
	if c.Out != "" && len(ss) > 1 {
		return fmt.Errorf("--out %s takes one program; %s holds %d: choose one with %s#NAME", c.Out, c.X, len(ss), c.X)
	}
	for _, s := range ss {
		if !s.graph.IsProgram() {
			return fmt.Errorf("%s is a μGraph; optimize takes a tensor program", s.name)
		}
		if err := checkDims(s.graph, dims); err != nil {
			return err
		}
	}
	for _, s := range ss {
		if err := c.one(a, s, rows, dims, bound); err != nil {
			return err
		}
	}
	return nil
}

// targetRows resolves the names of targets; with a set number of threads the rows have as many units.
func targetRows(names []string, threads int) ([]target.Row, error) {
	var rows []target.Row
	seen := map[string]bool{}
	for _, n := range names {
		r, err := target.Resolve(n, features())
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

func (c *optimizeCmd) one(a *app, s subject, rows []target.Row, dims map[string][]int64, bound float64) error {
	dev := cpu.New(c.Threads)
	defer dev.Close()
	m := &execute.CPU{Device: dev, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
		return seededInputs(g, env, int64(c.Seed), nil)
	}}
	out := c.Out
	if out == "" {
		out = bundleName(s.name)
	}
	var results []*search.Result
	for _, row := range rows {
		r, fromStore, err := c.search(a, s, row, m, dims, bound)
		if err != nil {
			return err
		}
		r.FromStore = fromStore
		results = append(results, r)
	}
	if err := writeBundle(a, out, s, results, c.Go); err != nil {
		return err
	}
	for _, r := range results {
		j, err := resultJSON(s, r, out)
		if err != nil {
			return err
		}
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

// search runs or recalls one search.
func (c *optimizeCmd) search(a *app, s subject, row target.Row, m *execute.CPU, dims map[string][]int64, bound float64) (*search.Result, bool, error) {
	bar := newProgress(a, s.name, row.Name)
	defer bar.close()
	opt := search.Options{Budget: c.Budget, Jobs: c.Jobs, Top: c.Top, Seed: c.Seed, ErrorLog2: bound, Dims: dims,
		Measure: c.Measure, Progress: bar.event}
	store, key := openStore(a, s.graph, row, opt)
	if !c.Force {
		if r := recall(a, store, key, s.graph, row, m, opt); r != nil {
			return r, true, nil
		}
	}
	r, err := search.Optimize(a.ctx, s.graph, row, m, lowerCPU, opt)
	if err != nil {
		return nil, false, err
	}
	if r.Stop == "exhausted" {
		remember(a, store, key, r)
	}
	return r, false, nil
}

func resultJSON(s subject, r *search.Result, out string) (optimizeJSON, error) {
	least, err := cost.MinBytes(s.graph, r.Env)
	if err != nil {
		return optimizeJSON{}, err
	}
	conv := func(c *search.Choice) choiceJSON {
		j := choiceJSON{Kernels: len(c.Cost.Kernels), PredictedUS: c.PredictedUS, MeasuredUS: c.MeasuredUS, Bytes: c.Cost.Bytes, Flops: c.Cost.Flops}
		return j
	}
	j := optimizeJSON{Program: s.name, Target: r.Row.Name, Seconds: r.Seconds, Stop: r.Stop, FromStore: r.FromStore, Search: r.Stats,
		Best: conv(r.Best), Baseline: conv(r.Baseline), Bundle: out, Near: r.Near, Reason: r.Reason}
	j.Best.MinBytes, j.Best.Hash, j.Best.Executed = least, ugraph.Hash(r.Best.Graph), r.Best.Executed
	j.Speedup = r.Baseline.PredictedUS / r.Best.PredictedUS
	if r.Best.MeasuredUS > 0 && r.Baseline.MeasuredUS > 0 {
		j.Speedup = r.Baseline.MeasuredUS / r.Best.MeasuredUS
	}
	if e := r.Best.Equal; e != nil {
		j.Verification = verificationJSON{ErrorLog2: e.ErrorLog2, Tests: e.Tests, Seed: e.Seed, FloatMaxRelError: r.Best.FloatError}
	}
	return j, nil
}

func printResult(a *app, j optimizeJSON) {
	fmt.Fprintf(a.stdout, "%s on %s: %d kernel", j.Program, j.Target, j.Best.Kernels)
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
	if j.Reason != "" {
		fmt.Fprintf(a.stdout, "  the input program itself is the best: %s\n", j.Reason)
	} else {
		fmt.Fprintf(a.stdout, "  verified equal: error at most 2^%.0f, %d tests; no less stable; run once against float64\n", j.Verification.ErrorLog2, j.Verification.Tests)
	}
	if j.FromStore {
		fmt.Fprintln(a.stdout, "  from the kernel store, verified again")
	}
	fmt.Fprintf(a.stdout, "  search: %s after %.2f s; %d states, %d pruned, %d priced, %d verified, %d rejected\n", j.Stop, j.Seconds, j.Search.States, j.Search.Pruned, j.Search.Candidates, j.Search.Verified, j.Search.Rejected)
	fmt.Fprintf(a.stdout, "  bundle: %s\n", j.Bundle)
}
