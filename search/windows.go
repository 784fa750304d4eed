package search

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/partition"
)

// gain is a plan for a window that is faster than the groups of a plan that it replaces.
type gain struct {
	nodes      []int // the first node of each group
	plan       *partition.Plan
	us         float64 // saved
	derivation string
}

// leastGain is the part of its groups' time that a rewritten window has to save: less is noise of the model.
const leastGain = 0.005

// windows is the second look at a program that was cut and whose forms were not all seen: the algebra explores each
// group, then the union of each two neighbours (partition.Plan.Windows), and the rewritings that save
// most take the place of their groups.
func (s *state) windows(ctx context.Context, p planned, sum *partition.Stats) (planned, error) {
	var gains []gain
	ws := p.plan.Windows()
	sort.SliceStable(ws, func(i, j int) bool { return p.plan.Time(ws[i]) > p.plan.Time(ws[j]) })
	ws = ws[:min(len(ws), s.opt.limits.windows)]
	looked := 0
	for k, groups := range ws {
		if len(groups) == len(p.plan.Groups) && p.dag.Operators() <= s.opt.limits.operators {
			continue // the whole has been explored
		}
		s.report("schedule", k, len(ws))
		if s.windowTerms >= s.opt.limits.windowTerms {
			break
		}
		g, ok, err := s.window(ctx, p.plan, groups, fmt.Sprintf("w%d_", k), sum)
		if err != nil {
			return p, err
		}
		looked++
		if ok {
			gains = append(gains, g)
		}
	}
	sort.SliceStable(gains, func(i, j int) bool { return gains[i].us > gains[j].us })
	spliced := 0
	for _, g := range gains {
		var groups []int
		for i := range p.plan.Groups {
			if n := p.plan.Groups[i].Nodes; n != nil && slices.Contains(g.nodes, n[0]) {
				groups = append(groups, i)
			}
		}
		if len(groups) < len(g.nodes) { // a part of it has been replaced by a better one
			continue
		}
		plan, err := p.plan.Splice(groups, g.plan)
		if err != nil {
			return p, fmt.Errorf("a window of %s cannot be replaced: %w", p.dag.Name, err)
		}
		spliced++
		p.plan = plan
		p.derivation += "; across a cut: " + g.derivation
	}
	s.r.Stats.Stages = append(s.r.Stats.Stages, StageStats{"partition", "windows looked at again", looked}, StageStats{"partition", "windows replaced", spliced})
	return p, nil
}

// window looks for a faster plan of the union of some groups.
func (s *state) window(ctx context.Context, p *partition.Plan, groups []int, prefix string, sum *partition.Stats) (gain, bool, error) {
	dag, opt, err := p.Window(groups)
	if err != nil {
		return gain{}, false, err
	}
	now := p.Time(groups)
	g := gain{}
	for _, i := range groups {
		g.nodes = append(g.nodes, p.Groups[i].Nodes[0])
	}
	if dag.Operators() > s.opt.limits.operators {
		return g, false, nil
	}
	x, err := s.explore(ctx, dag, s.opt.limits.windowTerms-s.windowTerms)
	if err != nil {
		return g, false, err
	}
	s.windowTerms += x.terms
	opt.Prefix, opt.Top, opt.Below = prefix, s.opt.limits.tilings, now*(1-leastGain)
	variants := x.variants[1:] // as written it is in the plan
	for at := 0; at < len(variants); at += round {
		batch := variants[at:min(at+round, len(variants))]
		found := make([]*partition.Plan, len(batch))
		err := s.each(len(batch), func(i int) error {
			bound, err := partition.Bound(batch[i].dag, &s.row, opt)
			if err != nil || bound > opt.Below {
				return err
			}
			found[i], err = orNone(partition.Best(ctx, batch[i].dag, &s.row, opt))
			return err
		})
		if err != nil {
			return g, false, err
		}
		for i, plan := range found {
			if plan == nil {
				continue
			}
			addStats(sum, plan.Stats)
			if g.plan == nil || plan.US < g.plan.US {
				g.plan, g.us, g.derivation = plan, now-plan.US, batch[i].derivation
				opt.Below = plan.US
			}
		}
	}
	return g, g.plan != nil, nil
}
