package stability

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/shrink"
)

// This file draws the inputs of a small instance, and finds rows that lie beside a discontinuity.

// smallInstance is the first of the goals that costs no more than runBudget, else the first from the last usual
// goal on that costs no more than patience, else the last if it costs no more than fullBudget.
func smallInstance(p *ugraph.Graph, axes *shrink.Axes, seed uint64, uniform bool) (*instance, error) {
	for i, want := range goals {
		l := smallLayout(p, axes, want, wantRows, uniform)
		g, err := shrink.Rebuild(p, l.plan)
		if err != nil {
			return nil, err
		}
		x := newInstance(g, l, seed, distributions, wantRows)
		switch w := x.work(); {
		case w <= runBudget, i >= usualGoals-1 && w <= patience, i == len(goals)-1 && w <= fullBudget:
			return x, nil
		}
	}
	return nil, errors.New("the program is too much work at any size")
}

// instance is the program at the sizes at which it is judged.
type instance struct {
	layout layout
	graph  *ugraph.Graph
	legal  []int64
	seed   uint64
	chain  int64
	most   float64 // work of a candidate, ns
	draws  int     // of inputs per distribution, for enough rows
	sample []sample
	dists  []distribution
}

// sample is what the program does on one distribution.
type sample struct {
	mu    sync.Mutex
	draws []draw
	scale float64
}

// draw is one set of inputs and the program's results.
type draw struct {
	inputs tensors
	r, p   tensors     // in float64; rounded
	rows   [][]float64 // the program's error by output and row
	sens   [][]float64 // the sensitivity, where it was needed
	steep  [][]bool    // rows near a discontinuity, where they were needed
	usable bool
}

// newInstance is the program's side of an instance with at least wantRows rows of each output, in several
// draws if need be.
func newInstance(g *ugraph.Graph, l layout, seed uint64, dists []distribution, wantRows int64) *instance {
	legal := integerLimits(g)
	dists = forInputs(g, legal, dists)
	x := &instance{layout: l, graph: g, legal: legal, seed: seed, sample: make([]sample, len(dists)), dists: dists, draws: 1, most: mostWork * fullBudget}
	for _, o := range g.Outputs {
		shape, _ := ugraph.EvalShape(g.Values[o.Value].Shape, nil)
		rows := int64(1)
		if len(shape) == 1 && !g.Values[o.Value].DType.IsFloat() {
			rows = shape[0]
		}
		for _, n := range shape[:max(0, len(shape)-1)] {
			rows *= n
		}
		x.draws = max(x.draws, int(min(mostDraws, (wantRows+rows-1)/rows)))
	}
	x.chain = longest(g)
	return x
}

// longest is the length of the longest sum.
func longest(g *ugraph.Graph) int64 {
	l := int64(1)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpMatMul && n.Op.Info().Class != ugraph.Reduction {
			continue
		}
		x := g.Values[n.Args[0]].Shape
		axes := []int{len(x) - 1}
		if n.Op != ugraph.OpMatMul {
			axes, _ = ugraph.ReduceAxes(n.Attrs, len(x))
		} else if n.Attrs.Flag("transpose_a") {
			axes[0]--
		}
		k := int64(1)
		for _, a := range axes {
			d, _ := x[a].Const()
			k *= d
		}
		l = max(l, k)
	}
	return l
}

func (x *instance) work() float64 { return work(x.graph) * float64(x.draws) }

func (x *instance) stream(d, draw int, what uint64) *rand.Rand {
	return rand.New(rand.NewPCG(x.seed, what<<32|uint64(d)<<16|uint64(draw)))
}

// at returns the program's side of distribution d, computing it the first time.
func (x *instance) at(ctx context.Context, d int) (*sample, error) {
	s := &x.sample[d]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draws != nil {
		return s, nil
	}
	for scale := 1.0; ; scale /= 4 {
		var draws []draw
		usable := 0
		for k := range x.draws {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			var first tensors
			if k > 0 {
				first = draws[0].inputs
			}
			dr, err := x.draw(d, k, scale, first)
			if err != nil {
				return nil, err
			}
			if draws = append(draws, dr); dr.usable {
				usable++
			}
		}
		if d > 0 || usable*2 >= len(draws) || scale <= smallest {
			s.draws, s.scale = draws, scale
			return s, nil
		}
	}
}

func (x *instance) draw(d, k int, scale float64, first tensors) (draw, error) {
	var out draw
	var err error
	if out.inputs, err = drawInputs(x.graph, x.legal, x.dists[d], x.stream(d, k, 0), scale, first); err != nil {
		return out, err
	}
	if out.r, err = interp.Run(interp.Float64{}, x.graph, out.inputs, nil); err != nil {
		return out, &errRun{"program", err}
	}
	if out.p, err = interp.Run(interp.Rounded{}, x.graph, out.inputs, nil); err != nil {
		return out, &errRun{"program", err}
	}
	good, all := 0, 0
	for i := range out.r {
		rows := rowErrors(out.p[i], out.r[i])
		for n, u := range underflow(out.r[i]) {
			if all++; rows[n] <= unusable {
				good++
			}
			if rows[n] < u {
				rows[n] = u
			}
			if x.dists[d].flat && zeroRow(out.r[i], n) {
				rows[n] = math.NaN() // no relative error
			}
		}
		out.rows = append(out.rows, rows)
	}
	out.usable = good*2 >= all
	return out, nil
}

// sensitivities adds the sensitivity of R to perturbed inputs to the draws of a sample.
func (x *instance) sensitivities(s *sample, d int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.draws {
		dr := &s.draws[k]
		if dr.sens != nil {
			continue
		}
		sens := make([][]float64, len(dr.r))
		for i, r := range dr.rows {
			sens[i] = make([]float64, len(r))
		}
		err := x.perturbed(dr, x.stream(d, k, 1), 2, 1, func(i, n int, e float64) { sens[i][n] = max(sens[i][n], e) })
		if err != nil {
			return err
		}
		dr.sens = sens
	}
	return nil
}

// discontinuities marks the rows of a sample that say nothing because the program nearly jumps there: R changes by
// more than unusable when the inputs change by a few units of rounding, as a softmax of huge numbers of which two
// nearly tie does; or a choice is made between numbers of which one is no number, or infinite.
func (x *instance) discontinuities(s *sample, d int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.draws {
		dr := &s.draws[k]
		if dr.steep != nil {
			continue
		}
		undecided, err := x.undecided(dr)
		if err != nil {
			return err
		}
		steep := make([][]bool, len(dr.r))
		for i, r := range dr.rows {
			steep[i] = make([]bool, len(r))
			for n := range steep[i] {
				steep[i][n] = undecided && dr.r[i].Data == nil
			}
		}
		err = x.perturbed(dr, x.stream(d, k, 2), 6, 4, func(i, n int, e float64) { steep[i][n] = steep[i][n] || !(e <= unusable) })
		if err != nil {
			return err
		}
		dr.steep = steep
	}
	return nil
}

// undecided tells whether the program takes an argmax, or the first few, of numbers among which are NaN or +∞.
func (x *instance) undecided(dr *draw) (bool, error) {
	g := x.graph.Clone()
	g.Outputs = nil
	for k := range g.Nodes {
		n := &g.Nodes[k]
		if (n.Op == ugraph.OpArgmax || n.Op == ugraph.OpTopK) && g.Values[n.Args[0]].DType.IsFloat() {
			g.Outputs = append(g.Outputs, ugraph.Output{Name: fmt.Sprintf("operand%d", k), Value: n.Args[0]})
		}
	}
	if g.Outputs == nil {
		return false, nil
	}
	res, err := interp.Run(interp.Float64{}, g, dr.inputs, nil)
	if err != nil {
		return false, &errRun{"program", err}
	}
	for _, t := range res {
		for _, v := range t.Data {
			if math.IsNaN(v) || math.IsInf(v, 1) {
				return true, nil
			}
		}
	}
	return false, nil
}

// perturbed runs the program a few times in float64 on inputs that are changed by so many units of rounding, up or
// down, and calls f with each row's relative difference from R.
func (x *instance) perturbed(dr *draw, rng *rand.Rand, times int, units float64, f func(output, row int, e float64)) error {
	for range times {
		in := make(tensors, len(dr.inputs))
		for i, t := range dr.inputs {
			in[i] = t
			if t.Data == nil {
				continue
			}
			eps := units * ugraph.F32.Unit()
			if t.DType == ugraph.F64 {
				eps = units * ugraph.F64.Unit()
			}
			c := *t
			c.Data = make([]float64, len(t.Data))
			for j, v := range t.Data {
				c.Data[j] = v * (1 + math.Copysign(eps, rng.Float64()-0.5))
			}
			in[i] = &c
		}
		r, err := interp.Run(interp.Float64{}, x.graph, in, nil)
		if err != nil {
			return &errRun{"program", err}
		}
		for i := range r {
			for n, e := range rowErrors(r[i], dr.r[i]) {
				f(i, n, e)
			}
		}
	}
	return nil
}
