package partition

import (
	"math"
	"slices"

	"github.com/morgana-ml/morgana/search/schedule"
)

// This file prices the edges of the search, groups of operators, several together where cores are free.

// ask is a group whose exact time, with its tax, is asked for if it is at most below.
type ask struct {
	set   cellSet
	below float64
}

// known is the time of a group where it is known; +Inf: refused, or more than below.
func (s *search) known(a ask) (float64, bool) {
	if us, ok := s.memo[a.set]; ok {
		return us, true
	}
	if us, ok := s.failed[a.set]; ok && a.below <= us || a.below <= 0 {
		return math.Inf(1), true
	}
	return 0, false
}

// price finds the times of different groups, whose times are known then.
func (s *search) price(asks []ask) error {
	groups, stats := make([]Group, len(asks)), make([]schedule.Stats, len(asks))
	limit := func(a ask) float64 {
		if math.IsInf(a.below, 1) {
			return 0
		}
		return max(a.below-s.tax, 1e-9)
	}
	err := s.opt.Each(len(asks), func(i int) (err error) {
		groups[i], stats[i], err = s.schedule(s.nodes(asks[i].set), 1, limit(asks[i]))
		return err
	})
	if err != nil {
		return err
	}
	for i, a := range asks {
		s.stats.Priced++
		s.stats.Stats.Add(stats[i])
		switch {
		case len(groups[i].Choices) > 0:
			s.memo[a.set] = groups[i].US() + s.tax
		case limit(a) > 0:
			s.failed[a.set] = a.below
		default:
			s.stats.Refused++
			s.memo[a.set] = math.Inf(1)
		}
	}
	return nil
}

// edge is a group that leads from one ideal to another.
type edge struct {
	from, to cellSet
	start    float64 // time until from
	us       float64 // of the group: lower bound, or exact
	total    float64 // start + us + bound of the rest
	exact    bool
}

type queue []edge

func (q queue) Len() int { return len(q) }

// Less orders by total; among equals exact edges first, then larger ideals, then by the sets.
func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case a.total != b.total:
		return a.total < b.total
	case a.exact != b.exact:
		return a.exact
	case a.to.len() != b.to.len():
		return a.to.len() > b.to.len()
	case a.to != b.to:
		return a.to < b.to
	}
	return a.from < b.from
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(edge)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// priceEdges makes edges exact: each has the time of its group if that is at most what below leaves for it, else +Inf.
func (s *search) priceEdges(edges []edge, below func(edge) float64) error {
	var asks []ask
	for _, e := range edges {
		a := ask{e.to &^ e.from, below(e)}
		if _, ok := s.known(a); ok {
			continue
		}
		if k := slices.IndexFunc(asks, func(x ask) bool { return x.set == a.set }); k >= 0 {
			asks[k].below = max(asks[k].below, a.below) // what is known at the greater limit is at the other
		} else {
			asks = append(asks, a)
		}
	}
	if err := s.price(asks); err != nil {
		return err
	}
	for i := range edges {
		e := &edges[i]
		e.us, _ = s.known(ask{e.to &^ e.from, below(*e)})
		e.exact = true
	}
	return nil
}
