package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/store"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

// stored is what the kernel store keeps of a search. Whoever can write to the store's folder can write anything
// into it, and an earlier build may have had a bug; so what decides whether a kernel may be run is found out
// again when an entry is read: that both graphs are the program, that they are no less stable, and that the
// lowered one runs and agrees with float64 on a small ragged instance. What is taken on trust describes and
// decides nothing: times, counts, the derivation and the rejections.
type stored struct {
	Graph      string             `json:"graph"`
	Lowered    string             `json:"lowered"`
	Predicted  float64            `json:"predicted_us"`
	Baseline   float64            `json:"baseline_us"`
	Measured   [2]float64         `json:"measured_us"` // best, baseline
	KernelsUS  [2][]float64       `json:"kernels_us"`
	Derivation string             `json:"derivation"`
	Near       []string           `json:"near,omitempty"`
	Stats      search.Stats       `json:"stats"`
	Rejections []search.Rejection `json:"rejections,omitempty"`
	Reason     string             `json:"reason,omitempty"`
}

// openStore opens the kernel store; without one (a full or unwritable disk) the command goes on and says so.
func openStore(a *app, g *ugraph.Graph, row target.Row, opt search.Options) (*store.Store, store.Key) {
	key := store.Key{Program: ugraph.Hash(g) + " " + interfaceKey(g), Target: fmt.Sprintf("%s×%d %s", row.Name, row.Units, row.Calibration), Version: version,
		Options: fmt.Sprintf("top=%d seed=%d error=%g measure=%v dims=%v", opt.Top, opt.Seed, opt.ErrorLog2, opt.Measure, opt.Dims)}
	s, err := store.Open("")
	if err != nil {
		a.warn("%v; going on without it", err)
		return nil, key
	}
	return s, key
}

// interfaceKey names inputs and outputs: the structural hash leaves names out, a bundle needs them.
func interfaceKey(g *ugraph.Graph) string {
	s := g.Name
	for _, in := range g.Inputs {
		s += " " + g.Values[in.Value].Name
	}
	for _, o := range g.Outputs {
		s += " " + o.Name
	}
	return s
}

// recall returns what the store has for a key, verified again; nil where it has nothing of use.
func recall(a *app, s *store.Store, key store.Key, program *ugraph.Graph, row target.Row, m search.Measurer, opt search.Options) *found {
	if s == nil {
		return nil
	}
	data, err := s.Get(key)
	if err != nil {
		var damaged *store.DamagedError
		if errors.As(err, &damaged) {
			a.warn("kernel store: %v; searching again", err)
		}
		return nil
	}
	r, err := restore(a.ctx, data, program, row, m, opt)
	if a.ctx.Err() != nil {
		return nil
	}
	if err != nil {
		a.warn("kernel store: the entry for %s does not hold: %v; searching again", program.Name, err)
		return nil
	}
	return r
}

// restore makes a result of an entry, with every check that a candidate of a search has to pass.
func restore(ctx context.Context, data []byte, program *ugraph.Graph, row target.Row, m search.Measurer, opt search.Options) (*found, error) {
	var e stored
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	env := search.Sizes(program, opt.Dims)[0]
	base, err := cost.Graph(program, env, &row)
	if err != nil {
		return nil, err
	}
	r := &search.Result{Program: program, Row: row, Env: env, Stop: "exhausted", FromStore: true, Near: e.Near, Stats: e.Stats, Rejections: e.Rejections, Reason: e.Reason,
		Baseline: &search.Choice{Graph: program, Lowered: program, Cost: base, PredictedUS: e.Baseline, MeasuredUS: e.Measured[1]}}
	f := &found{Result: r, bestUS: e.KernelsUS[0], baselineUS: e.KernelsUS[1]}
	if len(f.baselineUS) != len(base.Kernels) {
		f.baselineUS = nil
	}
	if e.Graph == "" {
		r.Best = r.Baseline
		r.Baseline.FloatError, err = m.Execute(ctx, program)
		r.Baseline.Executed = err == nil // the reason that was kept says why not
		return f, nil
	}
	best, err := check(ctx, e.Graph, e.Lowered, program, env, row, m, opt)
	if err != nil {
		return nil, err
	}
	best.PredictedUS, best.MeasuredUS, best.Derivation = e.Predicted, e.Measured[0], e.Derivation
	if len(f.bestUS) != len(best.Cost.Kernels) {
		f.bestUS = nil
	}
	r.Best = best
	return f, nil
}

// check makes a choice of the texts of a μGraph and its lowered form, with every check that a candidate of a search
// has to pass.
func check(ctx context.Context, graph, lowered string, program *ugraph.Graph, env ugraph.Env, row target.Row, m search.Measurer, opt search.Options) (*search.Choice, error) {
	best := &search.Choice{}
	var err error
	if best.Graph, err = parseOne(graph); err != nil {
		return nil, err
	}
	if best.Lowered, err = parseOne(lowered); err != nil {
		return nil, err
	}
	if best.Equal, err = equal(ctx, program, best.Graph, opt); err != nil {
		return nil, err
	}
	if ugraph.Hash(best.Lowered) != ugraph.Hash(best.Graph) {
		if _, err := equal(ctx, program, best.Lowered, opt); err != nil {
			return nil, fmt.Errorf("lowered: %w", err)
		}
	}
	if best.Stable, err = stability.Check(ctx, program, best.Graph, stability.Options{Seed: opt.Seed}); err != nil {
		return nil, err
	}
	if !best.Stable.OK {
		return nil, errors.New(best.Stable.Verdict())
	}
	if best.FloatError, err = m.Execute(ctx, best.Lowered); err != nil {
		return nil, fmt.Errorf("run on seeded inputs: %w", err)
	}
	best.Executed = true
	if best.Cost, err = cost.Graph(best.Lowered, env, &row); err != nil {
		return nil, err
	}
	best.PredictedUS = best.Cost.US
	return best, nil
}

// equal is the record that a graph is the program; an error where that is not shown.
func equal(ctx context.Context, program, g *ugraph.Graph, opt search.Options) (*verify.Result, error) {
	r, err := verify.Equal(ctx, program, g, opt.Verification())
	if err == nil && !r.Equal {
		err = fmt.Errorf("not equal to the program: %s", r.Reason)
	}
	return r, err
}

func parseOne(src string) (*ugraph.Graph, error) {
	gs, err := text.Parse("store", []byte(src))
	if err != nil {
		return nil, err
	}
	if len(gs) != 1 {
		return nil, fmt.Errorf("%d graphs in the place of one", len(gs))
	}
	return gs[0], nil
}

// remember puts a finished search into the store; failing to is no failure of the command.
func remember(a *app, s *store.Store, key store.Key, f *found) {
	r := f.Result
	if s == nil {
		return
	}
	e := stored{Predicted: r.Best.PredictedUS, Baseline: r.Baseline.PredictedUS, Measured: [2]float64{r.Best.MeasuredUS, r.Baseline.MeasuredUS}, KernelsUS: [2][]float64{f.bestUS, f.baselineUS},
		Derivation: r.Best.Derivation, Near: r.Near, Stats: r.Stats, Rejections: r.Rejections, Reason: r.Reason}
	if r.Best != r.Baseline {
		e.Graph, e.Lowered = text.Print(r.Best.Graph), text.Print(r.Best.Lowered)
	}
	data, err := json.Marshal(e)
	if err == nil {
		err = s.Put(key, data)
	}
	if err != nil {
		a.warn("%v; the result is not kept", err)
	}
}

// lowerCPU is the lowering that the CPU target runs.
func lowerCPU(g *ugraph.Graph) (*ugraph.Graph, error) {
	out, _, err := lower.Run(g)
	return out, err
}
