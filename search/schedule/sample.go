package schedule

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// Draw says which tilings Sample takes: about Count, spread evenly over the logarithm of their predicted
// time, from the least to Spread times that. Drawing with the same Seed again gives the same ones.
type Draw struct {
	Count  int
	Spread float64
	Seed   uint64
}

// tries is how many points are priced for each tiling that is wanted.
const tries = 400

// Sample draws tilings of the given forms of one DAG, in the order of their predicted time; the first is Best's.
// They are few where the forms have few, or where all take about as long. A branch and bound keeps the best
// alone, and tilings drawn uniformly are nearly all slow; so every second point is a neighbour of one
// that was kept, and each part of the range keeps what it has seen with equal probability (reservoir
// sampling: Vitter, Random sampling with a reservoir, 1985).
func Sample(ctx context.Context, forms []*loop.Form, opt Options, d Draw) ([]Choice, error) {
	opt.Top, opt.Below = 1, 0
	best, _, err := Best(ctx, forms, opt)
	if err != nil || len(best) == 0 || d.Count < 1 {
		return nil, err
	}
	if !(d.Spread > 1) {
		return nil, fmt.Errorf("schedule: tilings up to %g times the least time are none", d.Spread)
	}
	if opt.Sizes == nil {
		opt.Sizes = []ugraph.Env{{}}
	}
	s := &sampler{ctx: ctx, rng: rand.New(rand.NewPCG(d.Seed, uint64(len(forms)))), least: best[0].US, spread: math.Log(d.Spread), bins: make([]bin, d.Count)}
	for _, f := range forms {
		one := &search{ctx: ctx, opt: opt, limit: math.Inf(1)}
		if err := one.prepare(f); err != nil {
			return nil, err
		}
		s.forms = append(s.forms, one)
	}
	for n := d.Count * tries; n > 0 && ctx.Err() == nil; n-- {
		s.try(s.next())
	}
	out := []Choice{best[0]}
	for i := range s.bins {
		if b := &s.bins[i]; b.seen > 0 && !sameTiling(&b.choice, &best[0]) {
			out = append(out, b.choice)
		}
	}
	slices.SortStableFunc(out, func(a, b Choice) int { return cmp.Compare(a.US, b.US) })
	return out, ctx.Err()
}

// bin is a part of the range of times, with one of the tilings in it.
type bin struct {
	choice Choice
	at     draft
	seen   int
}

// draft is a tiling as numbers of its form's space.
type draft struct {
	form     int
	split    int
	tiles    []int // by grid axis of the space
	loop     int
	reversed bool
}

type sampler struct {
	ctx    context.Context
	rng    *rand.Rand
	forms  []*search
	least  float64
	spread float64 // logarithm
	bins   []bin
	kept   []int // bins that have something
}

// next is a draft drawn uniformly, or one that differs in one number from a kept one.
func (s *sampler) next() draft {
	if len(s.kept) > 0 && s.rng.IntN(2) == 0 {
		d := s.bins[s.kept[s.rng.IntN(len(s.kept))]].at
		d.tiles = slices.Clone(d.tiles)
		sp := s.forms[d.form].sp
		switch at := s.rng.IntN(len(d.tiles) + 3); {
		case at < len(d.tiles):
			d.tiles[at] = s.rng.IntN(len(sp.tiles[at]))
		case at == len(d.tiles):
			d.split = s.rng.IntN(len(sp.splits))
		case at == len(d.tiles)+1 && len(sp.loops) > 0:
			d.loop = s.rng.IntN(len(sp.loops))
		default:
			d.reversed = !d.reversed
		}
		return d
	}
	form := s.rng.IntN(len(s.forms))
	d := s.forms[form].sp.draw(s.rng)
	d.form = form
	return d
}

// draw is a draft of the space's first form, each number drawn by itself.
func (sp *space) draw(rng *rand.Rand) draft {
	d := draft{reversed: rng.IntN(2) == 1}
	if rng.IntN(2) == 1 { // splits are few of the good ones
		d.split = rng.IntN(len(sp.splits))
	}
	for _, t := range sp.tiles {
		d.tiles = append(d.tiles, rng.IntN(len(t)))
	}
	if len(sp.loops) > 0 {
		d.loop = rng.IntN(len(sp.loops))
	}
	return d
}

// point is the point of the search's form that a draft stands for, whether it fits or not.
func (s *search) point(d *draft) point {
	p := point{split: s.sp.splits[d.split]}
	for i, t := range d.tiles {
		if tile := s.sp.tiles[i][t]; tile != whole {
			p.grid = s.insert(nil, p.grid, loop.AxisTile{Axis: s.sp.axes[i], Tile: tile})
		}
	}
	if d.reversed {
		slices.Reverse(p.grid)
	}
	if s.f.Loop >= 0 {
		p.loop = s.sp.loops[d.loop]
	}
	return p
}

// tiling prices a complete point; false if its loop's tile exceeds its split, or nothing can hold its tiles.
func (s *search) tiling(p *point) (entry, bool) {
	if p.split > 0 && p.loop > p.split || s.most.leastMemory(p) > float64(s.opt.Row.TileBudget) {
		return entry{}, false
	}
	return s.entry(p)
}

// try prices a draft and offers it to its bin.
func (s *sampler) try(d draft) {
	f := s.forms[d.form]
	p := f.point(&d)
	e, ok := f.tiling(&p)
	if !ok {
		return
	}
	at := int(math.Log(e.choice.US/s.least) / s.spread * float64(len(s.bins)))
	if at < 0 || at >= len(s.bins) {
		return
	}
	b := &s.bins[at]
	if b.seen++; b.seen == 1 {
		s.kept = append(s.kept, at)
	}
	if s.rng.IntN(b.seen) == 0 {
		b.choice, b.at = e.choice, d
	}
}

func sameTiling(a, b *Choice) bool {
	x, y := &a.Tiling, &b.Tiling
	return a.Form == b.Form && slices.Equal(x.Grid, y.Grid) && x.LoopTile == y.LoopTile &&
		(x.Split == nil) == (y.Split == nil) && (x.Split == nil || *x.Split == *y.Split)
}
