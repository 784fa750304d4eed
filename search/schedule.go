package search

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/ugraph"
)

// explored is what the algebra says of a program or a window.
type explored struct {
	variants []variant // as written first, then by number of operators
	all      bool      // none was left out
	terms    int       // algebra.Stats.Terms
}

// explore is the algebra stage: the forms of a program that are no less stable, the program first. One that
// is too large for a closure is left as it is: its windows are explored once it is cut (windows.go). The
// algebra makes up to so many products of monomials; 0: its own limit.
func (s *state) explore(ctx context.Context, dag *expr.DAG, terms int) (explored, error) {
	out := explored{variants: []variant{{dag: dag, derivation: asWritten}}}
	if s.plain || dag.Operators() > s.opt.limits.operators {
		return out, nil
	}
	s.report("algebra", 0, 1)
	res, err := algebra.Explore(ctx, dag, algebra.Options{Workers: s.opt.jobs(), MaxTerms: terms, MaxValues: s.opt.limits.values, MaxTests: s.opt.limits.tests})
	if err != nil {
		return out, err
	}
	out.terms = res.Stats.Terms
	st := &s.r.Stats
	st.States += res.Stats.Values
	st.Tested += res.Stats.Evals
	for _, p := range res.Stats.Pruned {
		st.Pruned += p.Count
		st.Stages = append(st.Stages, StageStats{"algebra", p.Rule, p.Count})
	}
	st.Stages = append(st.Stages, StageStats{"algebra", "values, until " + res.Stats.Stop, res.Stats.Values},
		StageStats{"algebra", "merged by fingerprint", res.Stats.Merged})
	seen := map[string]bool{expr.Hash(dag): true}
	unstable, over := 0, 0
	for i := range res.DAGs {
		c := &res.DAGs[i]
		if !c.Stable {
			unstable++
			continue
		}
		h := expr.Hash(c.DAG)
		switch {
		case seen[h]:
		case len(out.variants) == s.opt.limits.variants:
			over++
		default:
			seen[h] = true
			out.variants = append(out.variants, variant{dag: c.DAG, derivation: strings.Join(c.Derivation, "; ")})
		}
	}
	out.all = over == 0 && res.Stats.Stop == algebra.StopFixpoint && res.Stats.DAGs <= len(res.DAGs)
	st.Pruned += unstable + over
	st.Stages = append(st.Stages, StageStats{"algebra", "less stable than the program", unstable}, StageStats{"algebra", "beyond the number of variants", over})
	s.report("algebra", 1, 1)
	return out, ctx.Err()
}

// asWritten is the derivation of the program's own form.
const asWritten = "as written"

// variant is one algebraic form of the program.
type variant struct {
	dag        *expr.DAG
	derivation string
}

// candidate is a whole μGraph that the schedule proposes.
type candidate struct {
	graph       *ugraph.Graph
	predictedUS float64 // over all tuning sizes
	derivation  string
	origin
}

// origin is how a candidate came about, for Explain: the plan of a program that was lifted, with the choices taken, or
// the segments of one that was cut, with a candidate for each.
type origin struct {
	program *expr.DAG
	plan    *partition.Plan
	pick    []int

	segments *segmentation
	parts    []candidate
}

// jobs is the number of cores of the search.
func (o *Options) jobs() int {
	if o.Jobs < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return o.Jobs
}

// spare has room for the cores of the search beside the first.
func (o *Options) spare() chan struct{} { return make(chan struct{}, o.jobs()-1) }

// schedule partitions the variants into kernels and schedules them, then takes several tilings of the
// best ones, ordered by predicted time.
func (s *state) schedule(ctx context.Context, x explored) ([]candidate, error) {
	var sum partition.Stats
	plans, err := s.plans(ctx, x, &sum)
	if err != nil {
		return nil, err
	}
	var out []candidate
	unwritten := 0
	for _, p := range plans {
		for _, pick := range p.plan.Picks(s.opt.limits.tilings) {
			g, err := emit(p.plan, pick)
			if err != nil {
				unwritten++
				s.r.Rejections = append(s.r.Rejections, Rejection{Hash: expr.Hash(p.dag), Reason: "a plan of " + p.dag.Name + " cannot be written: " + err.Error()})
				continue
			}
			us := p.plan.US
			for k := range p.plan.Groups {
				us += p.plan.Groups[k].Choices[pick[k]].US - p.plan.Groups[k].US()
			}
			out = append(out, candidate{graph: g, predictedUS: us, derivation: p.derivation, origin: origin{program: x.variants[0].dag, plan: p.plan, pick: pick}})
		}
	}
	st := &s.r.Stats
	st.Rejected += unwritten
	st.States += sum.States + sum.Ideals
	st.Pruned += sum.PrunedBound + sum.PrunedMemory + sum.Refused
	st.Stages = append(st.Stages,
		StageStats{"partition", "ideals", sum.Ideals}, StageStats{"partition", "groups without a legal form", sum.Refused},
		StageStats{"schedule", "states", sum.States}, StageStats{"schedule", "pruned by the bound", sum.PrunedBound},
		StageStats{"schedule", "pruned by tile memory", sum.PrunedMemory}, StageStats{"schedule", "priced", sum.Stats.Priced})
	st.Candidates += sum.Stats.Priced
	return s.order(out), nil
}

// emit writes a plan. A broken invariant of the writer costs the candidate, not the search.
func emit(p *partition.Plan, pick []int) (g *ugraph.Graph, err error) {
	defer recovered(&err)
	return p.Emit(pick)
}

// InternalError is a panic of a pass: a bug. It costs a candidate where that can be done without, else Optimize
// returns it.
type InternalError struct {
	Reason any
	Stack  []byte // where it happened
}

// Error says what the panic said.
func (e *InternalError) Error() string { return fmt.Sprintf("internal error: %v", e.Reason) }

// recovered turns a panic of a pass into an *InternalError.
func recovered(err *error) {
	if x := recover(); x != nil {
		*err = &InternalError{x, debug.Stack()}
	}
}

func addStats(sum *partition.Stats, t partition.Stats) {
	sum.Ideals += t.Ideals
	sum.Groups += t.Groups
	sum.Refused += t.Refused
	sum.Stats.Add(t.Stats)
}

// order sorts candidates by predicted time, ties by number of kernels, then by hash, and drops repetitions.
func (s *state) order(cs []candidate) []candidate {
	hash := make(map[*ugraph.Graph]string, len(cs))
	for _, c := range cs {
		hash[c.graph] = ugraph.Hash(c.graph)
	}
	sort.SliceStable(cs, func(i, j int) bool {
		if cs[i].predictedUS != cs[j].predictedUS {
			return cs[i].predictedUS < cs[j].predictedUS
		}
		return hash[cs[i].graph] < hash[cs[j].graph]
	})
	seen := map[string]bool{}
	var out []candidate
	for _, c := range cs {
		if h := hash[c.graph]; !seen[h] {
			seen[h] = true
			out = append(out, c)
		}
	}
	lead, kernels := 0, map[*ugraph.Graph]int{}
	for ; lead < len(out) && out[lead].predictedUS <= tieRatio*out[0].predictedUS; lead++ {
		if r, err := cost.Graph(out[lead].graph, s.envs[0], &s.row); err == nil { // one without a price was not proposed
			kernels[out[lead].graph] = len(r.Kernels)
		}
	}
	sort.SliceStable(out[:lead], func(i, j int) bool { return kernels[out[i].graph] < kernels[out[j].graph] })
	return out
}

// price is the predicted time of a graph over the tuning sizes.
func (s *state) price(g *ugraph.Graph) (float64, error) {
	us := make([]float64, len(s.envs))
	for i, env := range s.envs {
		r, err := cost.Graph(g, env, &s.row)
		if err != nil {
			return 0, err
		}
		us[i] = r.US
	}
	return geometricMean(us), nil
}
