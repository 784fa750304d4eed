package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// Draw says which schedules Sample takes: Count of them, spread evenly over the logarithm of the predicted time,
// from the least to Spread times that.
type Draw struct {
	Count  int
	Spread float64
}

// spares is how many candidates are drawn for each schedule that is wanted: some are refused.
const spares = 3

// Sample draws schedules of a program, in the order of their predicted time: what tells how well the cost model ranks.
// They come from the plans of the best variants and from the program cut into kernels of one operator each. Each
// is equal to the program, lowered too, and was run by m against float64 where m is not nil. Of a program
// in which the search keeps operators, an error of type *expr.NotLiftable says which.
func Sample(ctx context.Context, program *ugraph.Graph, row target.Row, m Measurer, lower Lower, opt Options, d Draw) ([]*Choice, error) {
	if err := ugraph.Validate(program); err != nil {
		return nil, err
	}
	if d.Count < 1 || !(d.Spread > 1) {
		return nil, fmt.Errorf("%d schedules up to %g times the best are none", d.Count, d.Spread)
	}
	opt.Progress, opt.Measure = nil, true
	opt.fill()
	opt.Top = max(opt.Top, d.Count)
	all := Sizes(program, opt.Dims)[:1]
	s := &state{r: &Result{Program: program, Row: row, Env: all[0]}, opt: opt, m: m, lower: lower, row: row, envs: all, spare: opt.spare()}
	s.r.Baseline = &Choice{Graph: program, Lowered: program}
	s.r.Best = s.r.Baseline
	primitive, err := library.Expand(program)
	if err != nil {
		return nil, err
	}
	dag, err := expr.Lift(primitive)
	if err != nil {
		return nil, err
	}
	x, err := s.explore(ctx, dag, 0)
	if err != nil {
		return nil, err
	}
	var sum partition.Stats
	plans, err := s.plans(ctx, x, &sum)
	if err != nil || len(plans) == 0 {
		return nil, err
	}
	single, err := orNone(partition.Best(ctx, plans[0].dag, &s.row, partition.Options{Sizes: s.envs, MaxOperators: 1}))
	if err != nil {
		return nil, err
	}
	searched := len(plans)
	if single != nil && len(single.Groups) > len(plans[0].plan.Groups) {
		plans = append(plans, planned{plans[0].variant, single})
	}
	cands, err := s.draw(ctx, plans, searched, d)
	if err != nil {
		return nil, err
	}
	return s.thin(ctx, cands, d)
}

// binOf is the part of the range that a predicted time lies in.
func binOf(us, least float64, d Draw) int {
	return int(math.Log(us/least) / math.Log(d.Spread) * float64(d.Count))
}

// draw takes up to spares candidates for each part of the range of times: tilings of the groups of a plan, drawn evenly,
// and put together at random; the first searched plans are those of the search.
func (s *state) draw(ctx context.Context, plans []planned, searched int, d Draw) ([][]candidate, error) {
	rng := rand.New(rand.NewPCG(s.opt.Seed, uint64(len(plans))))
	least := math.Inf(1)
	for _, p := range plans {
		least = min(least, p.plan.US)
	}
	type pick struct {
		plan   int
		choice []int
		us     float64
	}
	// Of the plans of the search, and of the one of single operators, which has far more ways to be put together.
	var bins [2][][]pick
	var seen [2][]int
	for k := range bins {
		bins[k], seen[k] = make([][]pick, d.Count), make([]int, d.Count)
	}
	for i := range plans {
		plan := plans[i].plan
		for g := range plan.Groups {
			more, err := schedule.Sample(ctx, loop.Forms(plan.Groups[g].DAG), plan.Schedules(g, &s.row),
				schedule.Draw{Count: spares * d.Count, Spread: 2 * d.Spread, Seed: s.opt.Seed + uint64(g)})
			if err != nil {
				return nil, err
			}
			plan.Groups[g].Choices = append(plan.Groups[g].Choices[:1:1], more...)
		}
		tries := 1
		for g := range plan.Groups {
			tries = min(tries*len(plan.Groups[g].Choices), 200*d.Count)
		}
		all := len(plan.Groups) == 1
		for n := range tries {
			choice := make([]int, len(plan.Groups))
			us := 0.0
			for g := range choice {
				cs := plan.Groups[g].Choices
				switch {
				case all:
					choice[g] = n
				case rng.IntN(2) == 1:
					choice[g] = rng.IntN(len(cs))
				}
				us += cs[choice[g]].US
			}
			at := binOf(us, least, d)
			if at < 0 || at >= d.Count {
				continue
			}
			p := pick{i, choice, us}
			kind := 0
			if i >= searched {
				kind = 1
			}
			if seen[kind][at]++; len(bins[kind][at]) < spares {
				bins[kind][at] = append(bins[kind][at], p)
			} else if k := rng.IntN(seen[kind][at]); k < spares {
				bins[kind][at][k] = p
			}
		}
	}
	out := make([][]candidate, d.Count)
	hashes := map[string]bool{}
	for at := range out {
		// The two take turns in coming first.
		for _, p := range slices.Concat(bins[at%2][at], bins[1-at%2][at]) {
			g, err := emit(plans[p.plan].plan, p.choice)
			if err != nil {
				continue // a tiling that cannot be written is none
			}
			if h := ugraph.Hash(g); !hashes[h] {
				hashes[h] = true
				out[at] = append(out[at], candidate{graph: g, predictedUS: p.us, derivation: plans[p.plan].derivation})
			}
		}
	}
	return out, nil
}

// thin verifies candidates of each part of the range until one passes, then further ones where parts stayed empty.
func (s *state) thin(ctx context.Context, bins [][]candidate, d Draw) ([]*Choice, error) {
	var out []*Choice
	done := make([]bool, len(bins))
	for k := 0; k < 2*spares && len(out) < d.Count; k++ {
		var batch []candidate
		var of []int
		for at := range bins {
			// The first pass stays within each part; the second fills up from those that have more.
			if k < spares && done[at] || len(bins[at]) == 0 || len(out)+len(batch) >= d.Count {
				continue
			}
			batch, of = append(batch, bins[at][0]), append(of, at)
			bins[at] = bins[at][1:]
		}
		passed := make([]*Choice, len(batch))
		err := s.each(len(batch), func(i int) error {
			var err error
			passed[i], err = s.measurable(ctx, batch[i])
			return err
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for i, c := range passed {
			if c != nil {
				out, done[of[i]] = append(out, c), true
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *Choice) int { return cmp.Compare(a.PredictedUS, b.PredictedUS) })
	return out, nil
}

// measurable is a candidate that may be run: equal to the program, lowered too, and right on a small instance. It
// is nil for one that is not. That a form is no less stable was seen when its variant was made; where its tiles are
// cut does not change that by much, and Optimize judges each candidate.
func (s *state) measurable(ctx context.Context, c candidate) (*Choice, error) {
	out := &Choice{Graph: c.graph, Lowered: c.graph, PredictedUS: c.predictedUS, Derivation: c.derivation}
	var err error
	if s.lower != nil {
		if out.Lowered, err = s.lower(c.graph); err != nil {
			return nil, nil
		}
	}
	var v verdict
	if out.Equal, v = equalTo(ctx, s.r.Program, c.graph, s.opt.Verification()); v.reason != "" {
		return nil, nil
	}
	if ugraph.Hash(out.Lowered) != ugraph.Hash(c.graph) {
		if _, v = equalTo(ctx, s.r.Program, out.Lowered, s.opt.Verification()); v.reason != "" {
			return nil, nil
		}
	}
	if out.Cost, err = cost.Graph(out.Lowered, s.envs[0], &s.row); err != nil {
		return nil, err
	}
	if s.m != nil {
		if out.FloatError, err = s.m.Execute(ctx, out.Lowered); err != nil {
			return nil, nil
		}
		out.Executed = true
	}
	return out, nil
}
