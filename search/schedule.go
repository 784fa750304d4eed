package search

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/ugraph"
)

// Limits of the stage.
const (
	maxVariants = 24 // algebraic forms that are scheduled
	perVariant  = 4  // tilings of each that are taken on
	// slack is how far above the best plan a variant's plan may lie to be taken on: within it the model
	// cannot be trusted to choose.
	slack = 1.25
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

// schedule partitions each variant into kernels, schedules them, and emits the best tilings, ordered by
// predicted time.
func (s *state) schedule(ctx context.Context, variants []variant) ([]candidate, error) {
	var out []candidate
	best := 0.0
	st := &s.r.Stats
	var sum partition.Stats
	for i, v := range variants {
		s.report("schedule", i, len(variants))
		plan, err := partition.Best(ctx, v.dag, &s.row, partition.Options{Sizes: s.envs, Top: perVariant, Below: best * slack})
		var none *partition.ErrNoPlan
		if errors.As(err, &none) {
			st.Pruned++
			continue
		}
		if err != nil {
			return out, err
		}
		addStats(&sum, plan.Stats)
		if best == 0 || plan.US < best {
			best = plan.US
		}
		for _, pick := range plan.Picks(perVariant) {
			g, err := plan.Emit(pick)
			if err != nil {
				return nil, fmt.Errorf("a plan of %s cannot be written: %w", v.dag.Name, err)
			}
			us := plan.US
			for k := range plan.Groups {
				us += plan.Groups[k].Choices[pick[k]].US - plan.Groups[k].US()
			}
			out = append(out, candidate{graph: g, predictedUS: us, derivation: v.derivation})
		}
	}
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

// programUS is the predicted time of the program over the tuning sizes.
func (s *state) programUS() (float64, error) {
	us := make([]float64, len(s.envs))
	for i, env := range s.envs {
		r, err := cost.Graph(s.r.Program, env, &s.row)
		if err != nil {
			return 0, err
		}
		us[i] = r.US
	}
	return geometricMean(us), nil
}
