package search

import (
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/morgana-ml/morgana/search/partition"
)

// priced is a variant with the least that any plan of it can take, and its plan as one kernel.
type priced struct {
	variant
	bound float64         // microseconds
	whole *partition.Plan // nil: no such plan, or none within slack of the best
}

// us orders variants: by the time as one kernel where that is known, else by the bound.
func (p *priced) us() float64 {
	if p.whole != nil {
		return p.whole.US
	}
	return p.bound
}

// planned is a variant with its plan.
type planned struct {
	variant
	plan *partition.Plan
}

// plans finds the plans of the best variants, the best first:
//
//	bound ──by bound──▶ each as one kernel ──by time──▶ finalists, partitioned ──▶ second look across cuts
//
// At each arrow those fall out whose bound is not within slack of the best plan so far.
func (s *state) plans(ctx context.Context, x explored, sum *partition.Stats) ([]planned, error) {
	opt := partition.Options{Sizes: s.envs}
	ps := make([]priced, len(x.variants))
	for i, v := range x.variants {
		bound, err := partition.Bound(v.dag, &s.row, opt)
		if err != nil {
			return nil, err
		}
		ps[i] = priced{variant: v, bound: bound}
	}
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].bound < ps[j].bound })
	best, err := s.wholes(ctx, ps, sum)
	if err != nil {
		return nil, err
	}
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].us() < ps[j].us() })
	// As many by the time as one kernel as by the bound: for some programs one kernel is a poor guess.
	var last []variant
	var one, many int
	for _, p := range ps {
		switch {
		case best > 0 && p.bound > best*s.opt.limits.slack:
			continue
		case p.whole != nil && one < s.opt.limits.finalists:
			one++
		case p.whole == nil && many < s.opt.limits.finalists:
			many++
		default:
			continue
		}
		last = append(last, p.variant)
	}
	out, err := s.partition(ctx, last, best, sum)
	if err != nil || len(out) == 0 {
		return out, err
	}
	if !x.all && len(out[0].plan.Groups) > 1 {
		again, err := s.windows(ctx, out[0], sum)
		if err != nil {
			return nil, err
		}
		if again.plan != out[0].plan {
			out = append([]planned{again}, out...)
		}
	}
	n := 0
	for n < min(s.opt.limits.finalists, len(out)) && out[n].plan.US <= s.opt.limits.slack*out[0].plan.US {
		n++
	}
	return out[:n], nil
}

// wholes prices variants, ordered by bound, as one kernel each, and returns the least time; 0: none. Rounds of
// a fixed size run on all cores, and what one round finds bounds the next ones, so that the result is the same
// for any number of jobs.
func (s *state) wholes(ctx context.Context, ps []priced, sum *partition.Stats) (float64, error) {
	best, skipped := 0.0, 0
	for at := 0; at < len(ps); at += round {
		s.report("schedule", at, len(ps))
		batch := ps[at:min(at+round, len(ps))]
		stats := make([]partition.Stats, len(batch))
		below := best * s.opt.limits.slack
		err := s.each(len(batch), func(i int) error {
			if below > 0 && batch[i].bound > below {
				return nil
			}
			plan, st, err := partition.Whole(ctx, batch[i].dag, &s.row, partition.Options{Sizes: s.envs, Below: below})
			stats[i] = st
			batch[i].whole, err = orNone(plan, err)
			return err
		})
		if err != nil {
			return 0, err
		}
		for i := range batch {
			addStats(sum, stats[i])
			switch w := batch[i].whole; {
			case w != nil && (best == 0 || w.US < best):
				best = w.US
			case w == nil && below > 0 && batch[i].bound > below:
				skipped++
			}
		}
	}
	s.r.Stats.Pruned += skipped
	s.r.Stats.Stages = append(s.r.Stats.Stages, StageStats{"schedule", "variants whose bound exceeds a plan", skipped})
	return best, nil
}

// orNone is a plan, or nil where there is none within the options.
func orNone(plan *partition.Plan, err error) (*partition.Plan, error) {
	var none *partition.ErrNoPlan
	if errors.As(err, &none) {
		return nil, nil
	}
	return plan, err
}

// partition finds the best plans of variants, each below slack of the best so far, which begins at below where
// that is not 0; ordered by time.
func (s *state) partition(ctx context.Context, variants []variant, best float64, sum *partition.Stats) ([]planned, error) {
	var out []planned
	for at := 0; at < len(variants); at += round {
		s.report("schedule", at, len(variants))
		batch := variants[at:min(at+round, len(variants))]
		found := make([]*partition.Plan, len(batch))
		err := s.each(len(batch), func(i int) error {
			var err error
			found[i], err = orNone(partition.Best(ctx, batch[i].dag, &s.row, partition.Options{Sizes: s.envs, Top: s.opt.limits.tilings, Below: best * s.opt.limits.slack, Each: s.each}))
			return err
		})
		if err != nil {
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
	sort.SliceStable(out, func(i, j int) bool { return out[i].plan.US < out[j].plan.US })
	return out, nil
}

// each runs f for 0 ≤ i < n on this core and those of the search that are free, and returns the error of the least i
// that has one. A function may call it again: no more cores are used for that.
func (s *state) each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			func() {
				defer recovered(&errs[i])
				errs[i] = f(i)
			}()
		}
	}
	var g sync.WaitGroup
	for range n - 1 {
		select {
		case s.spare <- struct{}{}:
			g.Go(func() {
				defer func() { <-s.spare }()
				work()
			})
		default:
		}
	}
	work()
	g.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
