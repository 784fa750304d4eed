package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

// Measurer runs candidates; package cmd fills it with the target's device. A nil Measurer leaves the
// choice to the cost model.
type Measurer interface {
	// Execute runs a candidate at least once on a small ragged instance, compares it with float64 and
	// returns the largest relative error; an error keeps the candidate out.
	Execute(ctx context.Context, g *ugraph.Graph) (float64, error)
	// Measure times graphs with the same interface, interleaved, and returns a time for each in
	// microseconds.
	Measure(ctx context.Context, gs []*ugraph.Graph, env ugraph.Env) ([]float64, error)
}

// Lower is what turns a chosen μGraph into what a target runs; it keeps the meaning, which Optimize
// verifies again.
type Lower func(g *ugraph.Graph) (*ugraph.Graph, error)

// Options of a search.
type Options struct {
	Budget    time.Duration      // wall clock; 0: none
	Jobs      int                // cores; below 1: GOMAXPROCS. No result depends on it.
	Top       int                // candidates verified, lowered and measured; 0: 6
	Seed      uint64             // of fingerprints and verification
	ErrorLog2 float64            // 0: -64
	Dims      map[string][]int64 // sizes of symbols to tune at; absent: 1/64, 1/8 and all of the bound
	Measure   bool               // time the candidates
	Progress  func(Event)        // called from the searching goroutine; may be nil

	limits limits // zero: the usual ones
}

// fill gives what is not set its default.
func (o *Options) fill() {
	if o.Top < 1 {
		o.Top = 6
	}
	if o.limits == (limits{}) {
		o.limits = usual
	}
}

// Event tells how far a search is.
type Event struct {
	Stage      string // read, algebra, schedule, verify, lower, measure
	Done, Of   int
	BestUS     float64 // best so far at the first tuning size, predicted or measured
	BaselineUS float64
	SoFar      Result // what Optimize would return if it ended now, but for Stop; a copy
}

// Stats counts what the search did, by stage.
type Stats struct {
	States     int `json:"states"`     // values of the closure and points of the schedule visited
	Pruned     int `json:"pruned"`     // by the abstraction, by bounds, by stability
	Candidates int `json:"candidates"` // whole μGraphs priced
	Tested     int `json:"tested"`     // field evaluations
	Verified   int `json:"verified"`
	Rejected   int `json:"rejected"`

	Stages []StageStats `json:"stages,omitempty"`
}

// StageStats is one stage's count of what it pruned, merged or rejected, by rule.
type StageStats struct {
	Stage string `json:"stage"`
	Rule  string `json:"rule"`
	Count int    `json:"count"`
}

// Rejection is a candidate that verification or execution refused, and why.
type Rejection struct {
	Hash   string `json:"hash"`
	Reason string `json:"reason"`
}

// Choice is a graph with its costs.
type Choice struct {
	Graph       *ugraph.Graph
	Lowered     *ugraph.Graph // what the target runs; Graph where there is no lowering
	Cost        *cost.Report  // at the first tuning size, where it is measured
	PredictedUS float64       // what candidates are ordered by: the geometric mean over the tuning sizes
	MeasuredUS  float64       // 0: not measured
	Executed    bool          // ran on a small ragged instance and agreed with float64
	FloatError  float64       // largest relative error of the executed instance against float64
	Derivation  string        // which laws lead from the program to it
	Equal       *verify.Result
	Stable      *verify.Stability

	origin // of a graph that was searched, not recalled
}

// Result is what Optimize found. Best is never nil: at worst it is the input program, with the reason.
type Result struct {
	Program    *ugraph.Graph
	Row        target.Row
	Env        ugraph.Env // the first tuning size
	Best       *Choice
	Baseline   *Choice
	Near       []string // hashes of candidates within the noise of the best
	Rejections []Rejection
	Stats      Stats
	Stop       string   // exhausted, budget, interrupted
	Reason     string   // why Best is the input program
	Seconds    float64  // all of it
	FromStore  bool     // recalled, not searched
	Kept       []string // operators that stay predefined kernels: the search cannot express them

	MeasureSeconds float64 // of Seconds: timing the candidates
}

// tuning sizes: shares of the bound at which symbolic programs are priced when nothing is said.
var defaultShares = []int64{8, 64, 1}

// Sizes are the symbol sizes at which the candidates are priced; the first is the one that is measured.
func Sizes(g *ugraph.Graph, dims map[string][]int64) []ugraph.Env {
	if len(g.Symbols) == 0 {
		return []ugraph.Env{{}}
	}
	n := 1
	for _, s := range g.Symbols {
		if d := dims[s.Name]; len(d) > 0 {
			n = max(n, len(d))
		} else {
			n = max(n, len(defaultShares))
		}
	}
	out := make([]ugraph.Env, n)
	for i := range out {
		out[i] = ugraph.Env{}
		for _, s := range g.Symbols {
			if d := dims[s.Name]; len(d) > 0 {
				out[i][s.Name] = d[min(i, len(d)-1)]
			} else {
				out[i][s.Name] = s.At(s.Hi / defaultShares[min(i, len(defaultShares)-1)])
			}
		}
	}
	return out
}

// Optimize searches fused μGraphs for a program on a target, verifies them, and returns the fastest.
// It always returns something unless the program itself is not valid or nothing can price it: the
// budget and ctx end the search early with the best verified so far.
func Optimize(ctx context.Context, program *ugraph.Graph, row target.Row, m Measurer, lower Lower, opt Options) (*Result, error) {
	start := time.Now()
	if err := ugraph.Validate(program); err != nil {
		return nil, err
	}
	if !row.Available {
		return nil, fmt.Errorf("target %s: %s", row.Name, row.Message)
	}
	opt.fill()
	work := ctx
	if opt.Budget > 0 {
		var cancel context.CancelFunc
		work, cancel = context.WithTimeout(ctx, opt.Budget)
		defer cancel()
	}
	all := Sizes(program, opt.Dims)
	r := &Result{Program: program, Row: row, Env: all[0], Stop: "exhausted"}
	s := &state{start: start, r: r, opt: opt, m: m, lower: lower, row: row, envs: all, spare: opt.spare()}
	base, err := cost.Graph(program, all[0], &row)
	if err != nil {
		return nil, err
	}
	r.Baseline = &Choice{Graph: program, Lowered: program, Cost: base}
	if r.Baseline.PredictedUS, err = s.price(program); err != nil {
		return nil, err
	}
	r.Best = r.Baseline
	if len(base.Kernels) == 0 {
		r.Reason = "the program computes nothing: its outputs are inputs and numbers"
		r.Seconds = time.Since(start).Seconds()
		return r, nil
	}
	s.report("read", 1, 1)
	err = s.search(work)
	switch {
	case ctx.Err() != nil:
		r.Stop = "interrupted"
	case work.Err() != nil:
		r.Stop = "budget"
	case err != nil:
		var lift *expr.NotLiftable
		if !errors.As(err, &lift) {
			return nil, err
		}
		r.Reason = err.Error()
	}
	if r.Best == r.Baseline && r.Reason == "" {
		r.Reason = s.whyBaseline()
	}
	if r.Best == r.Baseline {
		s.executeProgram(ctx)
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// executeProgram runs the program itself as a candidate is run, and records that it did; where that fails the
// reason says so, and Executed stays false. An interrupted search does not wait for it.
func (s *state) executeProgram(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	failed := guarded(func() string {
		if err := s.execute(ctx, s.r.Baseline); err != nil {
			return err.Error()
		}
		return ""
	})
	if ctx.Err() == nil && !strings.Contains(s.r.Reason, failed) { // else no candidate passed for the same reason
		s.r.Reason += "; " + failed
	}
}

// state is a search under way.
type state struct {
	start time.Time
	r     *Result
	opt   Options
	m     Measurer
	lower Lower
	row   target.Row
	envs  []ugraph.Env
	plain bool // only the program as it is written, not its other forms
	judge func() (*stability.Judge, error)

	spare       chan struct{} // holds an element for each core beside the first that is in use
	windowTerms int           // that the algebra has used in windows
	pieces      verify.Memo   // of candidates that were verified piece by piece; forms and their lowered ones share most
}

func (s *state) report(stage string, done, of int) {
	if s.opt.Progress == nil {
		return
	}
	best := s.r.Best.MeasuredUS
	if best == 0 {
		best = s.r.Best.Cost.US
	}
	base := s.r.Baseline.MeasuredUS
	if base == 0 {
		base = s.r.Baseline.Cost.US
	}
	s.opt.Progress(Event{Stage: stage, Done: done, Of: of, BestUS: best, BaselineUS: base, SoFar: s.soFar()})
}

// soFar copies the result with what a later stage writes to.
func (s *state) soFar() Result {
	r, base := *s.r, *s.r.Baseline
	r.Seconds = time.Since(s.start).Seconds()
	r.Baseline, r.Best = &base, &base
	if s.r.Best != s.r.Baseline {
		best := *s.r.Best
		r.Best = &best
	}
	return r
}

func (s *state) whyBaseline() string {
	switch {
	case s.r.Stop != "exhausted":
		return "the search was ended before a candidate was verified"
	case len(s.r.Rejections) > 0:
		return "no candidate passed: " + s.r.Rejections[0].Reason
	default:
		return "no fused form is predicted or measured to be faster"
	}
}

// search runs the stages; what is found is in s.r at any time. Should no candidate pass, those of the program as
// it is written are tried: its forms are proposed by fingerprints, which may be wrong about all of them.
func (s *state) search(ctx context.Context) error {
	primitive, err := library.Expand(s.r.Program)
	if err != nil {
		return err
	}
	side, stop := context.WithCancel(ctx)
	defer stop()
	s.prepareJudge(side)
	cands, err := s.candidates(ctx, primitive)
	if err != nil {
		return err
	}
	checked := s.verifyAll(ctx, cands)
	plain := slices.ContainsFunc(cands, func(c candidate) bool { return c.derivation == asWritten })
	if len(checked) == 0 && len(cands) > 0 && !plain && ctx.Err() == nil {
		s.plain = true
		if cands, err = s.candidates(ctx, primitive); err != nil {
			return err
		}
		checked = s.verifyAll(ctx, cands)
	}
	return s.choose(ctx, checked)
}

// candidates are the μGraphs proposed for a program of primitives, the best predicted first.
func (s *state) candidates(ctx context.Context, primitive *ugraph.Graph) ([]candidate, error) {
	dag, err := expr.Lift(primitive)
	var no *expr.NotLiftable
	switch {
	case errors.As(err, &no):
		sg, cutErr := cutSegments(primitive)
		if cutErr != nil {
			return nil, cutErr
		}
		s.r.Kept = sg.kept()
		if len(sg.segments) == 0 {
			return nil, err
		}
		return s.searchSegments(ctx, sg)
	case err != nil:
		return nil, err
	}
	x, err := s.explore(ctx, dag, 0)
	if err != nil {
		return nil, err
	}
	return s.schedule(ctx, x)
}

// geometricMean of times at the tuning sizes, so that no size dominates.
func geometricMean(us []float64) float64 {
	sum := 0.0
	for _, u := range us {
		sum += math.Log(u)
	}
	return math.Exp(sum / float64(len(us)))
}
