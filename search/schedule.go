package search

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/ugraph"
)

// Limits of the stage.
const (
	maxVariants = 24 // algebraic forms that are scheduled
	round       = 4  // variants scheduled at a time, whatever the number of cores
	finalists   = 3  // variants of which several tilings are taken on
	perVariant  = 4  // tilings of each
	// slack is how far above the best plan a variant's plan may lie to be taken on: within it the model
	// cannot be trusted to choose.
	slack = 1.05
)

// explore is the algebra stage: the forms of the program that are no less stable, the program first.
func (s *state) explore(ctx context.Context, dag *expr.DAG) ([]variant, error) {
	s.report("algebra", 0, 1)
	res, err := algebra.Explore(ctx, dag, algebra.Options{Workers: s.opt.Jobs})
	if err != nil {
		return nil, err
	}
	st := &s.r.Stats
	st.States += res.Stats.Values
	st.Tested += res.Stats.Evals
	for _, p := range res.Stats.Pruned {
		st.Pruned += p.Count
		st.Stages = append(st.Stages, StageStats{"algebra", p.Rule, p.Count})
	}
	st.Stages = append(st.Stages, StageStats{"algebra", "values, until " + res.Stats.Stop, res.Stats.Values},
		StageStats{"algebra", "merged by fingerprint", res.Stats.Merged})
	variants := []variant{{dag: dag, derivation: "as written"}}
	seen := map[string]bool{expr.Hash(dag): true}
	unstable := 0
	for i := range res.DAGs {
		c := &res.DAGs[i]
		if !c.Stable {
			unstable++
			continue
		}
		if h := expr.Hash(c.DAG); !seen[h] && len(variants) < maxVariants {
			seen[h] = true
			variants = append(variants, variant{dag: c.DAG, derivation: strings.Join(c.Derivation, "; ")})
		}
	}
	st.Pruned += unstable
	st.Stages = append(st.Stages, StageStats{"algebra", "less stable than the program", unstable})
	s.report("algebra", 1, 1)
	return variants, nil
}

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
}

// planned is a variant with its plan.
type planned struct {
	variant
	plan *partition.Plan
}

// plans partitions and schedules variants: rounds of a fixed size run on all cores, and what one round
// finds bounds the next ones, so that the result is the same for any number of jobs.
func (s *state) plans(ctx context.Context, variants []variant, top int, sum *partition.Stats) ([]planned, error) {
	var out []planned
	best := 0.0
	for at := 0; at < len(variants); at += round {
		s.report("schedule", at, len(variants))
		batch := variants[at:min(at+round, len(variants))]
		found := make([]*partition.Plan, len(batch))
		var g errgroup.Group
		g.SetLimit(s.jobs())
		for i := range batch {
			g.Go(func() error {
				plan, err := partition.Best(ctx, batch[i].dag, &s.row, partition.Options{Sizes: s.envs, Top: top, Below: best * slack})
				var none *partition.ErrNoPlan
				if errors.As(err, &none) {
					return nil
				}
				found[i] = plan
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for i, p := range found {
			if p == nil {
				s.r.Stats.Pruned++
				continue
			}
			addStats(sum, p.Stats)
			if best == 0 || p.US < best {
				best = p.US
			}
			out = append(out, planned{batch[i], p})
		}
	}
	return out, nil
}

func (s *state) jobs() int {
	if s.opt.Jobs < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return s.opt.Jobs
}

// schedule partitions each variant into kernels and schedules them, then takes several tilings of the
// best variants, ordered by predicted time.
func (s *state) schedule(ctx context.Context, variants []variant) ([]candidate, error) {
	var sum partition.Stats
	first, err := s.plans(ctx, variants, 1, &sum)
	if err != nil {
		return nil, err
	}
	sort.SliceStable(first, func(i, j int) bool { return first[i].plan.US < first[j].plan.US })
	var last []variant
	for _, p := range first[:min(finalists, len(first))] {
		if p.plan.US <= slack*first[0].plan.US {
			last = append(last, p.variant)
		}
	}
	second, err := s.plans(ctx, last, perVariant, &sum)
	if err != nil {
		return nil, err
	}
	var out []candidate
	for _, p := range second {
		for _, pick := range p.plan.Picks(perVariant) {
			g, err := p.plan.Emit(pick)
			if err != nil {
				return nil, fmt.Errorf("a plan of %s cannot be written: %w", p.dag.Name, err)
			}
			us := p.plan.US
			for k := range p.plan.Groups {
				us += p.plan.Groups[k].Choices[pick[k]].US - p.plan.Groups[k].US()
			}
			out = append(out, candidate{graph: g, predictedUS: us, derivation: p.derivation})
		}
	}
	st := &s.r.Stats
	st.States += sum.States + sum.Ideals
	st.Pruned += sum.PrunedBound + sum.PrunedMemory + sum.Refused
	st.Stages = append(st.Stages,
		StageStats{"partition", "ideals", sum.Ideals}, StageStats{"partition", "groups without a legal form", sum.Refused},
		StageStats{"schedule", "states", sum.States}, StageStats{"schedule", "pruned by the bound", sum.PrunedBound},
		StageStats{"schedule", "pruned by tile memory", sum.PrunedMemory}, StageStats{"schedule", "priced", sum.Stats.Priced})
	st.Candidates += sum.Stats.Priced
	return s.order(out), nil
}

func addStats(sum *partition.Stats, t partition.Stats) {
	sum.Ideals += t.Ideals
	sum.Groups += t.Groups
	sum.Refused += t.Refused
	sum.Stats.Add(t.Stats)
}

// order sorts candidates by predicted time, then by hash, and drops repetitions.
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
