package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/benchcmp"
	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/runtime/memory"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph"
)

type benchCmd struct {
	X         []string `arg:"" optional:"" help:"Programs, μGraphs or bundles. Of a program its kernel in the store is timed; where there is none yet, it is searched for first."`
	Count     *int     `help:"Measurements of each (default: 1; with --baseline as many as the comparison needs)."`
	Baseline  string   `placeholder:"FILE" help:"An earlier output to compare with."`
	FailBelow float64  `placeholder:"R" help:"Exit 1 when a speed ratio's confidence interval lies under R (with --baseline)."`
	Plain     bool     `help:"Also time the unfused program."`
	Roofline  bool     `help:"Print this machine's peak and bandwidths."`
	Device    string   `default:"cpu" help:"cpu."`
	Dim       []string `sep:"none" placeholder:"S=N" help:"Size of a symbol (absent: 1/8 of its bound)."`
	Threads   int      `env:"MORGANA_THREADS" help:"Threads (default: all cores)."`
	Seed      uint64   `default:"1" help:"Seed of the inputs, and of a search."`

	Budget time.Duration `default:"60s" help:"Wall clock of the search for a program's kernel."`
}

// benchmark is one thing that is timed.
type benchmark struct {
	name string
	sess *execute.Session
	cost costFields

	subject subject // what it is, and what of it is run at which sizes
	graph   *ugraph.Graph
	env     ugraph.Env

	plain bool // the unfused program
	size  int  // of the probe's buffer: bytes of inputs and outputs, whatever a kernel moves in between
}

func (c *benchCmd) Run(a *app) error {
	if err := checkDevice(c.Device); err != nil {
		return err
	}
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	switch {
	case len(c.X) == 0 && !c.Roofline:
		return errors.New("name what to time: a program, a μGraph or a bundle (or --roofline)")
	case c.Count != nil && (*c.Count < 1 || *c.Count > 10000):
		return fmt.Errorf("--count %d: want 1 to 10000", *c.Count)
	case c.FailBelow != 0 && c.Baseline == "":
		return errors.New("--fail-below needs --baseline FILE")
	case c.Budget < 0:
		return fmt.Errorf("--budget %s: want a time such as 10s", c.Budget)
	case !(c.FailBelow >= 0) || math.IsInf(c.FailBelow, 1):
		return fmt.Errorf("--fail-below %g: want a ratio such as 0.95", c.FailBelow)
	}
	var baseline []byte
	if c.Baseline != "" {
		var err error
		if baseline, err = os.ReadFile(c.Baseline); err != nil {
			return err
		}
	}
	if c.Roofline {
		if err := printRoofline(a); err != nil {
			return err
		}
		if len(c.X) == 0 {
			return nil
		}
	}
	d := cpu.New(c.Threads)
	defer a.closeDevice(d)
	a.debugDevice(d)
	bs, err := c.load(a)
	if err != nil {
		return err
	}
	count, err := c.count(baseline, bs, d.Threads())
	if err != nil {
		return err
	}
	for _, b := range bs {
		if err := c.open(a, d, b); err != nil {
			return err
		}
	}
	var all bytes.Buffer
	lines := benchcmp.NewWriter(io.MultiWriter(a.stdout, &all),
		benchcmp.Config{Key: "goos", Value: runtime.GOOS}, benchcmp.Config{Key: "goarch", Value: runtime.GOARCH}, benchcmp.Config{Key: "pkg", Value: "morgana"})
	probe, err := newProbe()
	if err != nil {
		return err
	}
	for range count {
		for _, b := range bs {
			base, line, err := b.measure(a, probe, d.Threads())
			if err != nil {
				return err
			}
			if err := lines.Write(base, line); err != nil {
				return err
			}
		}
	}
	if debugs(debugKernels) {
		for _, b := range bs {
			if err := debugRun(a, b.subject, b.graph, b.env, b.sess); err != nil {
				return err
			}
		}
	}
	if baseline == nil {
		return nil
	}
	report, err := benchcmp.Compare(c.Baseline, baseline, all.Bytes(), c.FailBelow)
	if err != nil {
		return err
	}
	fmt.Fprint(a.stderr, report.String())
	if report.Regressed() {
		return no("slower than %s by more than --fail-below %g allows", c.Baseline, c.FailBelow)
	}
	return nil
}

// count is how often each benchmark is measured. Against a baseline it is, where nothing is said, as many
// as the baseline has and at least what can find a difference; and a gate that could not is an error, told
// before anything is timed.
func (c *benchCmd) count(baseline []byte, bs []*benchmark, threads int) (int, error) {
	n := 1
	if c.Count != nil {
		n = *c.Count
	}
	if baseline == nil {
		return n, nil
	}
	names := make([]string, len(bs))
	for i, b := range bs {
		names[i] = b.lineName(threads)
	}
	need, have, err := benchcmp.Needed(c.Baseline, baseline, names)
	var few *benchcmp.TooFewError
	switch {
	case errors.As(err, &few) && c.FailBelow == 0:
		return n, nil // the comparison warns
	case err != nil:
		return 0, err
	case c.Count == nil:
		return max(need, min(have, 10)), nil
	case c.FailBelow > 0 && n < need:
		return 0, fmt.Errorf("--count %d: too few for --fail-below against the %d measurements in %s: --count %d is enough", n, have, c.Baseline, need)
	}
	return n, nil
}

// lineName is the benchmark's name in the output.
func (b *benchmark) lineName(threads int) string { return fmt.Sprintf("%s/cpu-%d", b.name, threads) }

// load says what is to be timed: all that can be known, and be wrong, before a search or a run.
func (c *benchCmd) load(a *app) ([]*benchmark, error) {
	dims, err := parseDims(c.Dim)
	if err != nil {
		return nil, err
	}
	if err := oneSize(dims); err != nil {
		return nil, err
	}
	var out []*benchmark
	for _, x := range c.X {
		ss, err := resolve(a.ctx, x)
		if err != nil {
			return nil, err
		}
		for _, s := range ss {
			if len(dims) > 0 && len(s.graph.Symbols) > 0 {
				if err := checkDims(s.graph, dims); err != nil {
					return nil, err
				}
			}
			env := envAt(s.graph, dims, 8)
			if err := checkSizes(s.graph, env, false); err != nil {
				return nil, err
			}
			name := strings.ReplaceAll(s.name, " ", "_")
			out = append(out, &benchmark{name: "Optimize/" + name, subject: s, graph: s.graph, env: env})
			if c.Plain {
				g, err := plainForm(a.ctx, s)
				if err != nil {
					return nil, err
				}
				if err := checkSizes(g, env, false); err != nil {
					return nil, err
				}
				out = append(out, &benchmark{name: "Plain/" + name, subject: s, graph: g, env: env, plain: true})
			}
		}
	}
	return out, nil
}

// open makes a benchmark ready to run. Of a program that is the kernel that `optimize` finds with its defaults.
func (c *benchCmd) open(a *app, d *cpu.Device, b *benchmark) error {
	if b.graph.IsProgram() && !b.plain && b.subject.bundle == "" {
		g, err := c.kernelOf(a, d, b.subject)
		if err != nil {
			return err
		}
		if err := checkSizes(g, b.env, false); err != nil {
			return err
		}
		b.graph = g
	}
	in, err := seededInputs(b.subject.graph, b.env, int64(c.Seed), nil)
	if err != nil {
		return err
	}
	if b.sess, err = execute.Open(d, b.graph, b.env, in); err != nil {
		return err
	}
	least, err := cost.MinBytes(b.subject.graph, b.env)
	if err != nil {
		return err
	}
	b.cost, b.size = costsOf(b.graph, b.env, 0), int(min(max(least, minProbe), maxProbe))
	return nil
}

// kernelOf is a program's verified kernel from the store, else from a search that leaves it there. A search that
// ends without one leaves the program itself to be timed, and says so.
func (c *benchCmd) kernelOf(a *app, d *cpu.Device, s subject) (*ugraph.Graph, error) {
	rows, err := a.targetRows([]string{"cpu"}, c.Threads)
	if err != nil {
		return nil, err
	}
	m := &execute.CPU{Device: d, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
		return seededInputs(g, env, int64(c.Seed), nil)
	}}
	o := &optimizeCmd{Budget: c.Budget, Threads: c.Threads, Seed: c.Seed, Top: defaultTop, Measure: true}
	r, err := o.search(a, s, rows[0], m, nil, defaultError)
	if err == nil {
		err = a.ctx.Err() // an interrupted search has a result, an interrupted benchmark has none
	}
	if err != nil {
		return nil, err
	}
	if r.Best == r.Baseline {
		a.warn("%s: the program itself is timed: %s", s.name, r.Reason)
	}
	return r.Best.Lowered, nil
}

// The turns of one measurement: the probe and the kernel are timed alternately, so that a change of
// the machine's speed in between meets both.
const (
	turns     = 8
	turnTime  = 25 * time.Millisecond // of the kernel, and at least turnRuns runs
	turnRuns  = 3
	probeTime = 4 * time.Millisecond // of each half of the probe
)

// measure times the probe and the kernel in turns. A turn counts its fastest round, because other
// load only ever slows a round down, and the measurement is the median turn of each: what varies
// between measurements then is the machine, which the comparison's statistics are to see.
func (b *benchmark) measure(a *app, p *probe, threads int) (base, line benchcmp.Line, err error) {
	if err := b.sess.Run(a.ctx); err != nil {
		return base, line, err
	}
	slowdown, err := injectedSlowdown()
	if err != nil {
		return base, line, err
	}
	var peak, read, times []float64
	runs := 0
	for range turns {
		peak = append(peak, kernel.PeakGFLOPS(probeTime))
		read = append(read, kernel.ReadBandwidth(p.buf.Bytes()[:b.size], probeTime))
		least := time.Duration(math.MaxInt64)
		start := time.Now()
		for n := 0; n < turnRuns || time.Since(start) < turnTime; n++ {
			t := time.Now()
			if err := b.sess.Run(a.ctx); err != nil {
				return base, line, err
			}
			end := time.Duration(float64(time.Since(t)) * (1 + slowdown))
			for time.Since(t) < end {
			}
			least = min(least, time.Since(t))
			runs++
		}
		times = append(times, float64(least.Nanoseconds()))
	}
	runtime.KeepAlive(p.buf)
	ns := middle(times)
	line = benchcmp.Line{Name: b.lineName(threads), Iters: runs, NsPerOp: ns}
	if b.cost.Bytes > 0 {
		line.More = append(line.More, benchcmp.Value{Value: b.cost.Bytes / ns, Unit: "GB/s"}, benchcmp.Value{Value: b.cost.Flops / ns, Unit: "GFLOP/s"})
	}
	return p.line(middle(peak), middle(read)), line, nil
}

// middle is the median.
func middle(x []float64) float64 {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(x, &benchmath.DefaultThresholds), 0.95).Center
}

// injectedSlowdown is MORGANA_BENCH_SLOWDOWN: the share by which each measured run is prolonged, so
// that a regression gate can be tested live.
func injectedSlowdown() (float64, error) {
	text := os.Getenv("MORGANA_BENCH_SLOWDOWN")
	if text == "" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f <= 100) {
		return 0, fmt.Errorf("MORGANA_BENCH_SLOWDOWN is %q; want a share such as 0.3", text)
	}
	return f, nil
}

// probe is the roofline probe: multiply-adds in registers, and reads of as many bytes as the kernel's
// inputs and outputs have. A kernel whose data lies in a cache does not wait for memory, whose
// bandwidth on a shared machine is what varies most; so its probe reads that cache.
// The buffer is unmapped when nothing holds it, whatever slices of it are about.
type probe struct{ buf *memory.Buffer }

// The bounds of what a probe reads, in bytes.
const (
	minProbe = 16 << 10
	maxProbe = 64 << 20
)

func newProbe() (*probe, error) {
	b, err := memory.Alloc(maxProbe)
	if err != nil {
		return nil, err
	}
	buf := b.Bytes()
	for i := range buf {
		buf[i] = byte(i)
	}
	return &probe{b}, nil
}

// line is the probe's line at the measured GFLOP/s and GB/s of one thread: ns/op is the time of 10⁸
// floating-point operations and of reading 64 MiB in pieces of the kernel's size, half each.
func (p *probe) line(peak, read float64) benchcmp.Line {
	ns := maxProbe/read/2 + 1e8/peak/2
	return benchcmp.Line{Name: fmt.Sprintf("%s-%d", benchcmp.ProbeName, runtime.GOMAXPROCS(0)), Iters: turns, NsPerOp: ns,
		More: []benchcmp.Value{{Value: peak, Unit: "GFLOP/s"}, {Value: read, Unit: "GB/s"}}}
}

func printRoofline(a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "one thread, kernels at level %s\t\n", kernel.Level())
	fmt.Fprintf(w, "FMA peak\t%.1f GFLOP/s\n", kernel.PeakGFLOPS(200*time.Millisecond))
	sizes := []int{16 << 10, 256 << 10, 4 << 20, 16 << 20, 256 << 20}
	sort.Ints(sizes)
	for _, n := range sizes {
		src, err := memory.Alloc(n)
		if err != nil {
			return err
		}
		dst, err := memory.Alloc(n)
		if err != nil {
			return err
		}
		for i := range src.Bytes() {
			src.Bytes()[i] = 1
		}
		copy(dst.Bytes(), src.Bytes())
		fmt.Fprintf(w, "%d KiB\tread %.1f GB/s\tcopy %.1f GB/s\n", n>>10, kernel.ReadBandwidth(src.Bytes(), 100*time.Millisecond), kernel.CopyBandwidth(dst.Bytes(), src.Bytes(), 100*time.Millisecond))
		src.Free()
		dst.Free()
	}
	return w.Flush()
}
