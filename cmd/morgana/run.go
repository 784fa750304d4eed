package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph"
)

type runCmd struct {
	X       string   `arg:"" help:"A .ug file, bundle or embedded program."`
	Device  string   `default:"cpu" help:"cpu, cuda:0, emulate:sm_80, emulate:sm_90a."`
	Input   []string `sep:"none" placeholder:"NAME=FILE" help:"An input from a .npy file, or .safetensors with FILE#tensor; else seeded values."`
	Output  []string `sep:"none" placeholder:"NAME=FILE" help:"Write an output to a .npy file."`
	Dim     []string `sep:"none" placeholder:"S=N" help:"Size of a symbol (absent: from the inputs, else 1/8 of its bound)."`
	Seed    uint64   `default:"1" help:"Seed of the inputs that are not given."`
	Plain   bool     `help:"Operator by operator, without fusion."`
	Check   bool     `help:"Compare with float64; exit 1 beyond the bound of the output's type."`
	Threads int      `env:"MORGANA_THREADS" help:"Threads (default: all cores)."`
	JSON    bool     `name:"json" help:"One JSON object on one line."`
}

// checkDevice refuses the devices that this version does not drive.
func checkDevice(d string) error {
	switch {
	case d == "cpu":
		return nil
	case strings.HasPrefix(d, "cuda:") || strings.HasPrefix(d, "emulate:"):
		return fmt.Errorf("--device %s: this version runs on cpu only; CUDA and its emulation come later", d)
	}
	return fmt.Errorf("--device %s: there is no such device; have cpu", d)
}

// checkThreads bounds --threads; 0 means all cores.
func checkThreads(n int) error {
	if n < 0 || n > 1024 {
		return fmt.Errorf("--threads %d: want 1 to 1024, or 0 for all cores", n)
	}
	return nil
}

type runOutput struct {
	Name  string       `json:"name"`
	DType string       `json:"dtype"`
	Shape []int64      `json:"shape"`
	Path  string       `json:"path,omitempty"`
	dtype ugraph.DType `json:"-"`
}

type runResult struct {
	Program string      `json:"program"`
	Device  string      `json:"device"`
	Threads int         `json:"threads"`
	US      float64     `json:"us"`
	MinUS   float64     `json:"min_us"`
	Runs    int         `json:"runs"`
	Outputs []runOutput `json:"outputs"`
	Check   *runCheck   `json:"check,omitempty"`
	costFields
}

type runCheck struct {
	MaxRelError relError `json:"max_rel_error"`
}

// relError is null in JSON, which has no other numbers, where a result is infinite or NaN.
type relError float64

func (e relError) MarshalJSON() ([]byte, error) {
	if x := float64(e); math.IsInf(x, 0) || math.IsNaN(x) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(e))
}

func (c *runCmd) Run(a *app) error {
	if err := checkDevice(c.Device); err != nil {
		return err
	}
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	dims, err := parseDims(c.Dim)
	if err != nil {
		return err
	}
	if err := oneSize(dims); err != nil {
		return err
	}
	ss, err := resolve(a.ctx, c.X)
	if err != nil {
		return err
	}
	if len(ss) > 1 && len(c.Input)+len(c.Output) > 0 {
		return fmt.Errorf("%s holds %d programs: choose one with %s#NAME to give --input or --output", c.X, len(ss), c.X)
	}
	d := cpu.New(c.Threads)
	defer a.closeDevice(d)
	a.debugDevice(d)
	failed := 0
	for _, s := range ss {
		ok, err := c.one(a, d, s, dims)
		if err != nil {
			return err
		}
		if !ok {
			failed++
		}
	}
	if failed > 0 {
		return no("%d of %d results are beyond the bound of their type", failed, len(ss))
	}
	return nil
}

func (c *runCmd) one(a *app, d *cpu.Device, s subject, dims map[string][]int64) (ok bool, err error) {
	g := s.graph
	if err := checkDims(g, dims); err != nil {
		return false, err
	}
	files, err := assignments("input", c.Input, func(n string) bool { return g.InputByName(n) >= 0 }, nameList(g, true))
	if err != nil {
		return false, err
	}
	outFiles, err := assignments("output", c.Output, func(n string) bool { return g.OutputByName(n) >= 0 }, nameList(g, false))
	if err != nil {
		return false, err
	}
	if err := checkOutputs(g, outFiles); err != nil {
		return false, err
	}
	given := map[string]*tensor.Tensor{}
	for name, file := range files {
		t, err := tensor.Load(file)
		if err != nil {
			return false, fmt.Errorf("--input %s: %w", name, err)
		}
		want := g.Values[g.Inputs[g.InputByName(name)].Value].DType
		if t.DType != want {
			if !t.DType.IsFloat() || !want.IsFloat() {
				return false, fmt.Errorf("--input %s: %s holds %s, the input is %s", name, file, t.DType, want)
			}
			if t, err = t.Convert(want); err != nil {
				return false, err
			}
		}
		given[name] = t
	}
	env, err := envFromInputs(g, given, dims)
	if err != nil {
		return false, err
	}
	exec := g
	if c.Plain {
		if exec, err = plainForm(a.ctx, s); err != nil {
			return false, err
		}
	}
	if err := checkSizes(exec, env, c.Check); err != nil {
		return false, err
	}
	in, err := seededInputs(g, env, int64(c.Seed), given)
	if err != nil {
		return false, err
	}
	if env, err = cpu.BindShapes(g, in, env); err != nil {
		return false, err
	}
	sess, err := execute.Open(d, exec, env, in)
	if err != nil {
		return false, err
	}
	times, err := repeat(a, sess)
	if err != nil {
		return false, err
	}
	r := runResult{Program: s.name, Device: c.Device, Threads: d.Threads(), US: micros(median(times)), MinUS: micros(times[0]), Runs: len(times)}
	r.costFields = costsOf(exec, env, r.US)
	if debugs(debugKernels) {
		if err := debugRun(a, s, exec, env, sess); err != nil {
			return false, err
		}
	}
	for _, o := range g.Outputs {
		t := sess.Out[o.Name]
		ro := runOutput{Name: o.Name, DType: t.DType.String(), Shape: t.Shape, Path: outFiles[o.Name], dtype: t.DType}
		if ro.Path != "" {
			if err := a.replaceFile(ro.Path, func(w io.Writer) error { return tensor.WriteNpy(w, t) }); err != nil {
				return false, fmt.Errorf("--output %s: %w", o.Name, err)
			}
		}
		r.Outputs = append(r.Outputs, ro)
	}
	ok = true
	if c.Check {
		want, err := execute.Reference(checkAgainst(s), env, in)
		if err != nil {
			return false, err
		}
		r.Check = &runCheck{}
		for _, o := range r.Outputs {
			diff, err := tensor.Compare(sess.Out[o.Name], want[o.Name])
			if err != nil {
				return false, err
			}
			r.Check.MaxRelError = max(r.Check.MaxRelError, relError(diff.Max))
			if !(diff.Max <= execute.Bound(o.dtype)) {
				ok = false
				a.say("%s: output %s differs from float64 by %.3g at %v (%g, not %g); the bound for %s is %g", s.name, o.Name, diff.Max, diff.Index, diff.Got, diff.Want, o.dtype, execute.Bound(o.dtype))
			}
		}
	}
	return ok, r.print(a, c.JSON)
}

// checkOutputs tells, before the work, whether each output can be written to a file of its own.
func checkOutputs(g *ugraph.Graph, files map[string]string) error {
	taken := map[string]string{}
	for _, o := range g.Outputs {
		file := files[o.Name]
		if file == "" {
			continue
		}
		if strings.EqualFold(filepath.Ext(file), ".safetensors") {
			return fmt.Errorf("--output %s=%s: outputs are written as .npy; name a .npy file", o.Name, file)
		}
		if err := checkPlace(file); err != nil {
			return fmt.Errorf("--output %s: %w", o.Name, err)
		}
		if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
			continue // a device or pipe takes several
		}
		place := filepath.Clean(file)
		if other := taken[place]; other != "" {
			return fmt.Errorf("--output %s=%s: the output %s is written to this file; name another", o.Name, file, other)
		}
		taken[place] = o.Name
	}
	return nil
}

// debugRun times the kernels of a session one by one, and prints what MORGANA_DEBUG asks for of them.
func debugRun(a *app, s subject, g *ugraph.Graph, env ugraph.Env, sess *execute.Session) error {
	row := a.nativeRow()
	r, err := cost.Graph(g, env, &row)
	if err != nil {
		return err
	}
	times, err := sess.Profile(a.ctx, profileTime)
	if err != nil {
		return err
	}
	printKernels(a, s.name, &row, r, matchKernels(g, times, r))
	a.debugGraph(s.name, g, r)
	return nil
}

func (r *runResult) print(a *app, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	fmt.Fprintf(a.stdout, "%s on %s, %d threads: %.1f µs (least %.1f, %d runs)", r.Program, r.Device, r.Threads, r.US, r.MinUS, r.Runs)
	if r.GBps > 0 {
		fmt.Fprintf(a.stdout, ", %.1f GB/s, %.1f GFLOP/s", r.GBps, r.GFLOPs)
	}
	fmt.Fprintln(a.stdout)
	for _, o := range r.Outputs {
		fmt.Fprintf(a.stdout, "  %s: %s%v", o.Name, o.DType, o.Shape)
		if o.Path != "" {
			fmt.Fprintf(a.stdout, " -> %s", o.Path)
		}
		fmt.Fprintln(a.stdout)
	}
	if r.Check != nil {
		fmt.Fprintf(a.stdout, "  largest relative error against float64: %.3g\n", r.Check.MaxRelError)
	}
	return nil
}

func nameList(g *ugraph.Graph, inputs bool) string {
	var s []string
	if inputs {
		for _, in := range g.Inputs {
			s = append(s, g.Values[in.Value].Name)
		}
	} else {
		for _, o := range g.Outputs {
			s = append(s, o.Name)
		}
	}
	return strings.Join(s, ", ")
}

// envFromInputs gives symbols their sizes: from --dim, else from the given inputs, else 1/8 of the bound.
func envFromInputs(g *ugraph.Graph, given map[string]*tensor.Tensor, dims map[string][]int64) (ugraph.Env, error) {
	env := ugraph.Env{}
	for name, d := range dims {
		env[name] = d[0]
	}
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		t := given[v.Name]
		if t == nil {
			continue
		}
		if len(t.Shape) != v.Rank() {
			return nil, fmt.Errorf("--input %s: the file holds %s, the input is %s", v.Name, t, v.Type)
		}
		for a, d := range v.Shape {
			if err := cpu.BindDim(d, t.Shape[a], env); err != nil {
				return nil, fmt.Errorf("--input %s: the file holds %s, the input is %s: %w", v.Name, t, v.Type, err)
			}
		}
	}
	for _, s := range g.Symbols {
		if _, ok := env[s.Name]; !ok {
			env[s.Name] = s.At(s.Hi / 8)
		}
		if err := s.Check(env[s.Name]); err != nil {
			return nil, fmt.Errorf("the sizes of the --input files: %w", err)
		}
	}
	return env, nil
}

// repeat runs a session: once to warm up, then at least 7 times and half a second (once if a run takes
// over 5 s). The times are sorted.
func repeat(a *app, s *execute.Session) ([]time.Duration, error) {
	start := time.Now()
	if err := s.Run(a.ctx); err != nil {
		return nil, err
	}
	if first := time.Since(start); first > 5*time.Second {
		return []time.Duration{first}, nil
	}
	var times []time.Duration
	total := time.Duration(0)
	for len(times) < 7 || total < 500*time.Millisecond {
		t := time.Now()
		if err := s.Run(a.ctx); err != nil {
			return nil, err
		}
		d := time.Since(t)
		times, total = append(times, d), total+d
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	return times, nil
}

func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
