package search

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

// What is spent on candidates that verification can neither accept nor refute: that lies mostly in the program,
// sometimes in its form, rarely in the tiling.
const (
	undecidedOfForm = 2 // tilings of one form
	undecidedAlike  = 3 // for one reason, but for numbers, before any candidate has passed
	undecidedAtMost = 6 // the same, for whatever reason
)

// alike is a reason without its numbers, which are those of a tiling.
func alike(reason string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, reason)
}

// verdict is what is said of a candidate: the choice that it has become, or what speaks against it.
type verdict struct {
	choice    *Choice
	reason    string
	undecided bool // neither equal nor refuted
}

// prepareJudge makes the judge of stability and, where there is a core to spare, has it run the program while
// candidates are sought: that is the half of judging that no candidate changes. It ends with ctx.
func (s *state) prepareJudge(ctx context.Context) {
	s.judge = sync.OnceValues(func() (*stability.Judge, error) {
		return stability.New(s.r.Program, stability.Options{Seed: s.opt.Seed})
	})
	if s.opt.jobs() < 2 {
		return
	}
	go func() {
		var err error // a panic is that of the first candidate's check, too, and reported there
		defer recovered(&err)
		if j, err := s.judge(); err == nil {
			j.Prepare(ctx)
		}
	}()
}

// verifyAll verifies candidates in the order of their predicted cost until Top have passed, lowers those
// and verifies the lowered form too. The result keeps the order; it is the same for any number of jobs:
// candidates are taken in rounds of a fixed size.
func (s *state) verifyAll(ctx context.Context, cands []candidate) []*Choice {
	var passed []*Choice
	// Without measuring, the first in predicted order that passes is the winner: one at a time, whose
	// checks use the cores.
	want, size := s.opt.Top, round
	if !s.opt.Measure || s.m == nil {
		want, size = 1, 1
	}
	undecided := map[string]int{} // by form
	reasons := map[string]int{}   // by what they are alike in
	open, skipped, stuck := 0, 0, false
	s.report("verify", 0, len(cands))
	for at := 0; at < len(cands) && len(passed) < want && ctx.Err() == nil; {
		var batch []candidate
		for ; at < len(cands) && len(batch) < size; at++ {
			if undecided[cands[at].derivation] >= undecidedOfForm || len(passed) == 0 && (stuck || open >= undecidedAtMost) {
				skipped++
				continue
			}
			batch = append(batch, cands[at])
		}
		for i, v := range s.verifyBatch(ctx, batch, max(1, s.opt.jobs()/size)) {
			switch {
			case v.choice != nil:
				s.r.Stats.Verified++
				if len(passed) < want {
					passed = append(passed, v.choice)
				}
			case ctx.Err() == nil: // else what is said of it may be the interruption
				s.r.Stats.Rejected++
				s.r.Rejections = append(s.r.Rejections, Rejection{Hash: ugraph.Hash(batch[i].graph), Reason: v.reason})
				if v.undecided {
					undecided[batch[i].derivation]++
					open++
					why := alike(v.reason)
					reasons[why]++
					stuck = stuck || reasons[why] >= undecidedAlike
				}
			}
		}
		if s.r.Best == s.r.Baseline && len(passed) > 0 && passed[0].PredictedUS < s.r.Baseline.PredictedUS {
			s.r.Best = passed[0] // should the time run out now, this one is verified
		}
		s.report("verify", at, len(cands))
	}
	if skipped > 0 {
		s.r.Stats.Pruned += skipped
		s.r.Stats.Stages = append(s.r.Stats.Stages, StageStats{"verify", "not tried, since others of the form, or for one reason, were undecided", skipped})
	}
	return passed
}

// verifyBatch checks candidates side by side, each with as many jobs. When ctx ends, those that do not end with it are
// left behind: their verdicts are empty.
func (s *state) verifyBatch(ctx context.Context, batch []candidate, jobs int) []verdict {
	type numbered struct {
		i int
		verdict
	}
	done := make(chan numbered, len(batch))
	check := func(i int) {
		var v verdict
		if reason := guarded(func() string {
			v = s.verifyOne(ctx, batch[i], jobs)
			return v.reason
		}); reason != "" {
			v.choice, v.reason = nil, reason
		}
		done <- numbered{i, v}
	}
	go func() {
		var g errgroup.Group
		g.SetLimit(s.opt.jobs())
		for i := range batch {
			g.Go(func() error {
				check(i)
				return nil
			})
		}
	}()
	late, stop := lateness(ctx)
	defer stop()
	out := make([]verdict, len(batch))
	for range batch {
		select {
		case n := <-done:
			out[n.i] = n.verdict
		case <-late:
			return out
		}
	}
	return out
}

// patience is how long a stage that asks others (verification, a device) waits for them when its context has ended.
const patience = 150 * time.Millisecond

// lateness is a channel that is closed when patience is over; stop frees it.
func lateness(ctx context.Context) (late <-chan struct{}, stop func()) {
	over, free := context.WithCancel(context.Background())
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(patience, free) })
	return over.Done(), func() {
		unhook()
		free()
	}
}

// Verification is how the candidates of a search are verified.
func (o Options) Verification() verify.Options {
	return verify.Options{ErrorLog2: o.ErrorLog2, Seed: o.Seed, Candidates: o.Top + 8}
}

// verifyOne checks a candidate: equal to the program, no less stable, equal when lowered, executed.
func (s *state) verifyOne(ctx context.Context, c candidate, jobs int) verdict {
	opt := s.opt.Verification()
	opt.Memo = &s.pieces
	out := &Choice{Graph: c.graph, Lowered: c.graph, PredictedUS: c.predictedUS, Derivation: c.derivation, origin: c.origin}
	var err error
	if s.lower != nil {
		if out.Lowered, err = s.lower(c.graph); err != nil {
			return verdict{reason: "lowering: " + err.Error()}
		}
	}
	// The three checks know nothing of each other; what is said of a candidate is the first in their order, and those
	// behind one that fails are given up.
	checks := []func(ctx context.Context) verdict{
		func(ctx context.Context) (v verdict) {
			out.Equal, v = equalTo(ctx, s.r.Program, c.graph, opt)
			return v
		},
		func(ctx context.Context) verdict {
			j, err := s.judge()
			if err != nil {
				return verdict{reason: err.Error()}
			}
			if out.Stable, err = j.Check(ctx, c.graph); err != nil {
				return verdict{reason: err.Error()}
			}
			if !out.Stable.OK {
				return verdict{reason: out.Stable.Verdict()}
			}
			return verdict{}
		},
		func(ctx context.Context) verdict {
			if ugraph.Hash(out.Lowered) == ugraph.Hash(c.graph) {
				return verdict{}
			}
			_, v := equalTo(ctx, s.r.Program, out.Lowered, opt)
			if v.reason != "" {
				v.reason = "lowered: " + v.reason
			}
			return v
		},
	}
	verdicts := make([]verdict, len(checks))
	own, giveUp := make([]context.Context, len(checks)), make([]context.CancelFunc, len(checks))
	for i := range checks {
		own[i], giveUp[i] = context.WithCancel(ctx)
		defer giveUp[i]()
	}
	var g errgroup.Group
	g.SetLimit(jobs)
	for i, check := range checks {
		g.Go(func() error {
			if own[i].Err() != nil && ctx.Err() == nil {
				return nil
			}
			verdicts[i].reason = guarded(func() string {
				verdicts[i] = check(own[i])
				return verdicts[i].reason
			})
			if verdicts[i].reason != "" {
				for _, stop := range giveUp[i+1:] {
					stop()
				}
			}
			return nil
		})
	}
	g.Wait() // the functions return no error
	for _, v := range verdicts {
		if v.reason != "" {
			return v
		}
	}
	if out.Cost, err = cost.Graph(out.Lowered, s.envs[0], &s.row); err != nil {
		return verdict{reason: err.Error()}
	}
	if err := s.execute(ctx, out); err != nil {
		return verdict{reason: err.Error()}
	}
	return verdict{choice: out}
}

// execute runs a graph's kernels, where there is a device, and records that they agree with float64.
func (s *state) execute(ctx context.Context, c *Choice) (err error) {
	if s.m == nil {
		return nil
	}
	if c.FloatError, err = s.m.Execute(ctx, c.Lowered); err != nil {
		return fmt.Errorf("run on seeded inputs: %w", err)
	}
	c.Executed = true
	return nil
}

// guarded is what a check says against a candidate; a check that panics cannot speak for it.
func guarded(check func() string) (reason string) {
	var err error
	defer func() {
		if err != nil {
			reason = err.Error()
		}
	}()
	defer recovered(&err)
	return check()
}

// equalTo returns the record of verification, or why a candidate is not accepted.
func equalTo(ctx context.Context, program, candidate *ugraph.Graph, opt verify.Options) (*verify.Result, verdict) {
	r, err := verify.Equal(ctx, program, candidate, opt)
	switch {
	case err != nil:
		return nil, verdict{reason: err.Error()}
	case !r.Equal:
		return nil, verdict{reason: "not equal: " + r.Reason, undecided: r.Witness == nil}
	}
	return r, verdict{}
}

// nearRatio is within which times count as near equals.
const nearRatio = 1.03

// choose picks the best of the verified candidates and the program itself, by measurement where there
// is one, else by the cost model. Of those that measure as near equals it is the one with the fewest kernels
// and bytes.
func (s *state) choose(ctx context.Context, cs []*Choice) error {
	if len(cs) == 0 {
		return ctx.Err()
	}
	all := append([]*Choice{}, cs...)
	all = append(all, s.r.Baseline)
	if s.m != nil && s.opt.Measure {
		s.report("measure", 0, 1)
		gs := make([]*ugraph.Graph, len(all))
		for i, c := range all {
			gs[i] = c.Lowered
		}
		start := time.Now()
		type times struct {
			us  []float64
			err error
		}
		done := make(chan times, 1)
		go func() {
			var t times
			defer func() { done <- t }()
			defer recovered(&t.err)
			t.us, t.err = s.m.Measure(ctx, gs, s.envs[0])
		}()
		late, stop := lateness(ctx)
		defer stop()
		var t times
		select {
		case t = <-done:
		case <-late:
			t.err = ctx.Err()
		}
		s.r.MeasureSeconds += time.Since(start).Seconds()
		switch {
		case t.err != nil && ctx.Err() != nil:
			return ctx.Err()
		case t.err != nil:
			return fmt.Errorf("measuring: %w", t.err)
		}
		for i, c := range all {
			c.MeasuredUS = t.us[i]
		}
		s.report("measure", 1, 1)
	}
	s.r.Best = all[0]
	for _, c := range all[1:] {
		if c.us() < s.r.Best.us() {
			s.r.Best = c
		}
	}
	least := s.r.Best.us()
	if s.r.Best.MeasuredUS > 0 { // of near equals noise chose; what moves less is the better bet
		for _, c := range all {
			if c.us() <= nearRatio*least && c.lighter(s.r.Best) {
				s.r.Best = c
			}
		}
	}
	for _, c := range all {
		if c != s.r.Best && c.us() <= nearRatio*least {
			s.r.Near = append(s.r.Near, ugraph.Hash(c.Graph))
		}
	}
	return ctx.Err()
}

// us is the time that a choice is judged by.
func (c *Choice) us() float64 {
	if c.MeasuredUS > 0 {
		return c.MeasuredUS
	}
	return c.PredictedUS
}

// lighter tells whether a choice has fewer kernels than another, or as many and moves fewer bytes.
func (c *Choice) lighter(than *Choice) bool {
	if a, b := len(c.Cost.Kernels), len(than.Cost.Kernels); a != b {
		return a < b
	}
	return c.Cost.Bytes < than.Cost.Bytes
}
