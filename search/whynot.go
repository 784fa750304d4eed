package search

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

// The stages at which a μGraph may leave the search.
const (
	StageWinner    = "winner"
	StageProgram   = "program"            // it is the program itself, which is always compared
	StageInterface = "interface"          // other inputs, outputs or symbols
	StageUnequal   = "verify"             // not equal, or undecided
	StageUnstable  = "stability"          // less stable in floating point
	StageRejected  = "rejected"           // the record says why
	StageCandidate = "candidate"          // it was proposed, and another is predicted faster
	StageNear      = "near"               // it was measured, within the noise of the winner
	StageKept      = "kept operators"     // the program holds operators that have no reading over named axes
	StageUnread    = "no reading"         // the μGraph has none
	StagePruned    = "abstraction"        // a value of it is no part of the outputs by the axioms
	StageLanguage  = "closure"            // a value of it is one that the closure has no operator for, or a limit kept out
	StageFilter    = "stability filter"   // the algebra's rules for exponentials and non-negative sums
	StageMerged    = "merged"             // all its values are known, and its derivation of them is none of those extracted
	StageVariants  = "variants"           // beyond the number of forms that are scheduled
	StageBound     = "bound"              // the least time of its form exceeds the best plan
	StageForm      = "form"               // the best plan of its form is slower than the winner
	StagePartition = "partition"          // its form was cut otherwise
	StageOutside   = "outside candidates" // a tile or loop that is not tried
	StageSchedule  = "schedule"           // another tiling of the same kernels is predicted faster
	StageTie       = "tie"                // within the model's tie, and not chosen
)

// Answer says at which stage of a search a μGraph was left, and with which numbers.
type Answer struct {
	Stage   string `json:"stage"`
	Reason  string `json:"reason"`
	Program string `json:"program"`
	Target  string `json:"target"`

	PredictedUS float64 `json:"predicted_us,omitempty"` // of the μGraph, over all tuning sizes
	WinnerUS    float64 `json:"winner_us,omitempty"`
	Kernels     int     `json:"kernels,omitempty"`
	WinnerK     int     `json:"winner_kernels,omitempty"`

	Witness  *verify.Witness `json:"witness,omitempty"`
	Unjudged string          `json:"stability,omitempty"` // why it is not known whether it is as stable as the program

	Value      string  `json:"value,omitempty"`       // of the μGraph: the one that decided
	NormalForm string  `json:"normal_form,omitempty"` // of the value
	Values     int     `json:"values,omitempty"`      // of the closure
	ClosureEnd string  `json:"closure_end,omitempty"` // why it ended
	Instead    string  `json:"instead,omitempty"`     // what the winner computes in place of the first value that it lacks
	BoundUS    float64 `json:"bound_us,omitempty"`    // least time of any plan of its form
	FormUS     float64 `json:"form_us,omitempty"`     // best plan of its form
	GroupingUS float64 `json:"grouping_us,omitempty"` // best schedules of its form, cut as it is
	Place      int     `json:"place,omitempty"`       // among the candidates or forms, from 1
	Of         int     `json:"of,omitempty"`          // how many there are
	MeasuredUS float64 `json:"winner_measured_us,omitempty"`
}

// Record is what is on record of a search: of a bundle, or of a Result.
type Record struct {
	Winner     *ugraph.Graph // nil: the first candidate by the cost model
	MeasuredUS float64       // of the winner; 0: not measured
	Near       []string
	Rejections []Rejection
}

// WhyNot says why the search for a program did not return a μGraph. It runs the search again up to its candidates, and
// follows the μGraph through the stages.
func WhyNot(ctx context.Context, program, g *ugraph.Graph, row target.Row, rec Record, opt Options) (*Answer, error) {
	s, err := newState(program, row, opt)
	if err != nil {
		return nil, err
	}
	if err := ugraph.Validate(g); err != nil {
		return nil, err
	}
	a := &Answer{Program: program.Name, Target: row.Name}
	w := &inquiry{state: s, a: a, g: g, rec: rec}
	return a, w.run(ctx)
}

// inquiry follows one μGraph.
type inquiry struct {
	*state
	a    *Answer
	g    *ugraph.Graph
	rec  Record
	cs   []candidate
	best *candidate // nil: the winner is none that is proposed now
}

func (w *inquiry) end(stage, format string, args ...any) error {
	w.a.Stage, w.a.Reason = stage, fmt.Sprintf(format, args...)
	return nil
}

func (w *inquiry) run(ctx context.Context) error {
	if done, err := w.equal(ctx); done || err != nil {
		return err
	}
	var err error
	if w.cs, err = w.proposed(ctx); err != nil {
		return err
	}
	if err := w.prices(); err != nil {
		return err
	}
	if w.onRecord() {
		return nil
	}
	if done, err := w.stable(ctx); done || err != nil {
		return err
	}
	primitive, err := library.Expand(w.r.Program)
	if err != nil {
		return err
	}
	d, err := expr.Lift(primitive)
	if err != nil {
		return w.end(StageKept, "the program is searched in parts between operators that stay as they are (%v); as a whole it has no algebraic form to compare, and is predicted at %.1f µs against %.1f µs", err, w.a.PredictedUS, w.a.WinnerUS)
	}
	rd, err := read(d, w.g)
	if err != nil {
		return w.end(StageUnread, "it cannot be read as a program over the axes of its program, since %v: its algebraic form is not known; predicted %.1f µs against %.1f µs", err, w.a.PredictedUS, w.a.WinnerUS)
	}
	if ok, reason, err := w.sound(ctx, rd.dag); err != nil || !ok {
		if err != nil {
			return err
		}
		return w.end(StageUnread, "its reading as a program over named axes is not shown to be the program (%s); predicted %.1f µs against %.1f µs", reason, w.a.PredictedUS, w.a.WinnerUS)
	}
	form := rd.dag
	if algebra.Untyped(form) == algebra.Untyped(d) {
		form = d // as written is always a variant
	} else if form, err = w.algebra(ctx, d, form); form == nil || err != nil {
		return err
	}
	rd.retype(form)
	return w.plan(ctx, d, rd)
}

// sound tells whether package verify holds a reading for the program.
func (w *inquiry) sound(ctx context.Context, d *expr.DAG) (bool, string, error) {
	p, err := expr.ToProgram(d)
	if err != nil {
		return false, err.Error(), nil
	}
	r, err := verify.Equal(ctx, w.r.Program, p, w.opt.Verification())
	if err != nil {
		return false, "", err
	}
	return r.Equal, r.Reason, nil
}

// equal ends the inquiry at a μGraph that verification does not accept.
func (w *inquiry) equal(ctx context.Context) (bool, error) {
	for _, x := range w.rec.Rejections {
		if x.Hash == ugraph.Hash(w.g) {
			return true, w.end(StageRejected, "it was proposed, and rejected: %s", x.Reason)
		}
	}
	if len(w.g.Inputs) != len(w.r.Program.Inputs) || len(w.g.Outputs) != len(w.r.Program.Outputs) {
		return true, w.end(StageInterface, "it has %d inputs and %d outputs, the program %d and %d", len(w.g.Inputs), len(w.g.Outputs), len(w.r.Program.Inputs), len(w.r.Program.Outputs))
	}
	r, err := verify.Equal(ctx, w.r.Program, w.g, w.opt.Verification())
	if err != nil {
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		return true, w.end(StageInterface, "it cannot be compared with the program: %v", err)
	}
	if !r.Equal {
		w.a.Witness = r.Witness
		if x := r.Witness; x != nil {
			return true, w.end(StageUnequal, "not equal: %s; output %s%v: %v in the program, %v in the graph", r.Reason, x.Output, x.Index, x.A, x.B)
		}
		return true, w.end(StageUnequal, "not shown to be equal: %s", r.Reason)
	}
	return false, nil
}

// stable ends the inquiry at one that is less stable.
func (w *inquiry) stable(ctx context.Context) (bool, error) {
	st, err := stability.Check(ctx, w.r.Program, w.g, stability.Options{Seed: w.opt.Seed})
	if err != nil {
		return true, err
	}
	if strings.HasPrefix(st.Reason, "not judged") {
		w.a.Unjudged = st.Reason // what follows holds of it if it is as stable
		return false, nil
	}
	if !st.OK {
		return true, w.end(StageUnstable, "%s; predicted %.1f µs against %.1f µs", st.Verdict(), w.a.PredictedUS, w.a.WinnerUS)
	}
	return false, nil
}

// prices predicts the μGraph and the winner.
func (w *inquiry) prices() error {
	count := func(g *ugraph.Graph) (float64, int, error) {
		us, err := w.price(g)
		if err != nil {
			return 0, 0, err
		}
		r, err := cost.Graph(g, w.envs[0], &w.row)
		if err != nil {
			return 0, 0, err
		}
		return us, len(r.Kernels), nil
	}
	winner := w.rec.Winner
	if winner == nil {
		winner = w.r.Program
		us, err := w.price(winner)
		if err != nil {
			return err
		}
		if len(w.cs) > 0 && w.cs[0].predictedUS < us {
			winner = w.cs[0].graph
		}
		w.rec.Winner = winner
	}
	h := ugraph.Hash(winner)
	if at := slices.IndexFunc(w.cs, func(c candidate) bool { return ugraph.Hash(c.graph) == h }); at >= 0 {
		w.best = &w.cs[at]
	}
	var err error
	if w.a.PredictedUS, w.a.Kernels, err = count(w.g); err != nil {
		return err
	}
	w.a.MeasuredUS = w.rec.MeasuredUS
	w.a.WinnerUS, w.a.WinnerK, err = count(winner)
	return err
}

// onRecord ends the inquiry at the winner, the program, and what was proposed.
func (w *inquiry) onRecord() bool {
	h := ugraph.Hash(w.g)
	a := w.a
	switch {
	case h == ugraph.Hash(w.rec.Winner):
		w.end(StageWinner, "it is the winner, predicted at %.1f µs with %s", a.WinnerUS, count(a.WinnerK, "kernel"))
		return true
	case slices.Contains(w.rec.Near, h):
		w.end(StageNear, "it was measured within %.0f %% of the winner (%.1f µs), which has no more kernels and moves no more bytes, or was faster by less than noise", 100*(nearRatio-1), a.MeasuredUS)
		return true
	case h == ugraph.Hash(w.r.Program):
		w.end(StageProgram, "it is the program itself, predicted at %.1f µs with %s against %.1f µs with %d", a.PredictedUS, count(a.Kernels, "kernel"), a.WinnerUS, a.WinnerK)
		return true
	}
	at := slices.IndexFunc(w.cs, func(c candidate) bool { return ugraph.Hash(c.graph) == h })
	if at < 0 {
		return false
	}
	a.Place, a.Of = at+1, len(w.cs)
	measured := "nothing was measured"
	if a.MeasuredUS > 0 {
		measured = fmt.Sprintf("the winner was measured at %.1f µs, and this one, if it was measured, not within %.0f %% of it", a.MeasuredUS, 100*(nearRatio-1))
	}
	tie := ""
	if a.PredictedUS <= tieRatio*a.WinnerUS {
		tie = fmt.Sprintf(", a tie within %.0f %%, which fewer kernels, then the hash decide", 100*(tieRatio-1))
	}
	w.end(StageCandidate, "it was proposed as number %d of %d, predicted at %.1f µs against %.1f µs%s; %s", a.Place, a.Of, a.PredictedUS, a.WinnerUS, tie, measured)
	return true
}

// algebra ends the inquiry at a form that the closure does not give, else it returns the closure's own.
func (w *inquiry) algebra(ctx context.Context, d, form *expr.DAG) (*expr.DAG, error) {
	a := w.a
	if n := d.Operators(); n > w.opt.limits.operators {
		return nil, w.end(StageLanguage, "the program has %d operators, and is explored in windows of at most %d: forms of the whole are not looked for; predicted %.1f µs against %.1f µs", n, w.opt.limits.operators, a.PredictedUS, a.WinnerUS)
	}
	opt := algebra.Options{Workers: w.opt.jobs(), MaxValues: w.opt.limits.values, MaxTests: w.opt.limits.tests}
	f, err := algebra.WhyNot(ctx, d, form, opt)
	if err != nil {
		return nil, err
	}
	a.Values, a.ClosureEnd = f.Values, f.Stop
	instead := ""
	if w.best != nil && w.best.plan != nil {
		if path, err := algebra.Derive(form, w.best.plan.DAG); err == nil && len(path) > 0 {
			a.Instead = path[len(path)-1].Text
			instead = fmt.Sprintf("; the winner, %s away, computes %s", count(len(path), "law"), a.Instead)
		}
	}
	prices := fmt.Sprintf("; predicted %.1f µs against %.1f µs", a.PredictedUS, a.WinnerUS)
	switch {
	case f.Wide:
		return nil, w.end(StageLanguage, "the program has too many axes to be explored: only its form as written is scheduled%s", prices)
	case f.Lost != "":
		a.Value, a.NormalForm = f.Lost, f.Form
		if !f.Admitted {
			return nil, w.end(StagePruned, "%s is none of the %d values: its normal form %s is pruned, since %s%s", f.Lost, f.Values, f.Form, f.Rule, prices)
		}
		return nil, w.end(StageLanguage, "%s is none of the %d values, though its normal form %s is admitted: %s%s", f.Lost, f.Values, f.Form, f.Rule, prices)
	case !f.Stable:
		return nil, w.end(StageFilter, "its values are all known, but %s%s", f.Unstable, prices)
	}
	return w.variant(ctx, d, f, instead+prices)
}

// variant ends the inquiry at a form that was not extracted, or not scheduled.
func (w *inquiry) variant(ctx context.Context, d *expr.DAG, f *algebra.Fate, rest string) (*expr.DAG, error) {
	a := w.a
	if f.Place == 0 {
		a.Place, a.Of = 0, f.Extracted
		why := fmt.Sprintf("no more programs, or choices between them, are looked at; it has %d operators", f.Operators)
		switch {
		case f.Other != "":
			a.Value, a.NormalForm = f.Other, f.Form
			why = fmt.Sprintf("the value of %s is there as %s, but this application of it was not tried, since %s", f.Other, strings.Join(f.Known, ", or "), f.Rule)
		case f.Operators > f.Limit:
			why = fmt.Sprintf("it has %d operators, and those extracted at most %d", f.Operators, f.Limit)
		}
		return nil, w.end(StageMerged, "all its values are among the %d of the closure, merged with others' derivations of them, and its own is none of the %d programs extracted: %s%s", f.Values, f.Extracted, why, rest)
	}
	x, err := w.explore(ctx, d, 0)
	if err != nil {
		return nil, err
	}
	h := expr.Hash(f.As)
	at := slices.IndexFunc(x.variants, func(v variant) bool { return expr.Hash(v.dag) == h })
	a.Place, a.Of = f.Place, f.Extracted
	if at < 0 {
		return nil, w.end(StageVariants, "its form is number %d of the %d extracted by operators and cost; the first %d that are stable are scheduled%s", f.Place, f.Extracted, w.opt.limits.variants, rest)
	}
	return f.As, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
