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
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/shrink"
	"github.com/morgana-ml/morgana/verify"
)

// Judge holds what the candidates of one program share: the instances, their inputs, and the program's
// own results and errors, each computed when it is first needed. It may be used by several goroutines.
type Judge struct {
	program *ugraph.Graph // of primitives
	seed    uint64
	small   []*instance // in the order in which they are tried
	noSmall error       // why there is none
	long    *instance   // with sums of the real length; nil: they are no longer in reality, or too much work
	fullMu  sync.Mutex
	full    *instance
	noFull  error
}

// New prepares the judgement of candidates of a program.
func New(program *ugraph.Graph, opt Options) (*Judge, error) {
	p, err := library.Expand(program)
	if err != nil {
		return nil, err
	}
	j := &Judge{program: p, seed: opt.Seed}
	axes, err := shrink.Analyse(p)
	if err != nil {
		j.noSmall = err
		return j, nil
	}
	for _, uniform := range []bool{false, true} {
		x, err := smallInstance(p, axes, opt.Seed, uniform)
		switch {
		case err != nil && uniform && j.noSmall != nil:
			j.noSmall = fmt.Errorf("%w; with one extent for equal ones: %w", j.noSmall, err)
		case err != nil && j.noSmall == nil:
			j.noSmall = err
		case err == nil && (len(j.small) == 0 || ugraph.Hash(x.graph) != ugraph.Hash(j.small[0].graph)):
			j.small = append(j.small, x)
		}
	}
	if len(j.small) == 0 {
		return j, nil
	}
	for _, want := range longGoals {
		l := smallLayout(p, axes, want, longRows, false)
		g, err := shrink.Rebuild(p, l.plan)
		if err != nil {
			l = smallLayout(p, axes, want, longRows, true)
			if g, err = shrink.Rebuild(p, l.plan); err != nil {
				break
			}
		}
		if x := newInstance(g, l, opt.Seed, longDistributions, longRows); x.chain <= j.small[0].chain {
			break
		} else if x.work() <= longBudget {
			x.most = mostWork * longBudget
			j.long = x
			break
		}
	}
	return j, nil
}

// Prepare does what the candidates share and the first would otherwise wait for: the program's own results on every
// distribution. It may run beside Check, which gives the same answer with it and without; the two meet, since it
// begins with the last one.
func (j *Judge) Prepare(ctx context.Context) {
	xs := j.small[:min(1, len(j.small))]
	if j.long != nil {
		xs = append(xs[:len(xs):len(xs)], j.long)
	}
	for _, x := range xs {
		for d := len(x.dists) - 1; d >= 0; d-- {
			if !x.sample[d].mu.TryLock() {
				continue // Check is at it
			}
			x.sample[d].mu.Unlock()
			if _, err := x.at(ctx, d); err != nil {
				return // Check finds it again
			}
		}
	}
}

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

// errDiffers says that a candidate is another program at the instance's sizes.
var errDiffers = errors.New("differs from the program in float64 there")

// errRun says that a graph cannot be evaluated on inputs that were drawn: an index that it computes leaves
// its range.
type errRun struct {
	who string
	err error
}

func (e *errRun) Error() string { return fmt.Sprintf("not judged: the %s: %v", e.who, e.err) }

// Check judges a candidate that is equal to the program; what cannot be evaluated is not stable. Errors: an
// illegal graph, interfaces that do not match, a cancelled context.
func (j *Judge) Check(ctx context.Context, candidate *ugraph.Graph) (*verify.Stability, error) {
	s, err := j.judge(ctx, candidate)
	var run *errRun
	if errors.As(err, &run) {
		return &verify.Stability{Reason: run.Error()}, nil
	}
	return s, err
}

func (j *Judge) judge(ctx context.Context, candidate *ugraph.Graph) (*verify.Stability, error) {
	c, err := library.Expand(candidate)
	if err != nil {
		return nil, err
	}
	m, err := match(j.program, c)
	if err != nil {
		return nil, err
	}
	why := j.noSmall
	for _, x := range j.small {
		s, err := x.tiled(ctx, c, m)
		switch {
		case err == nil && s.OK:
			return j.checkLong(ctx, c, m, s)
		case err == nil:
			return s, nil
		case !errors.As(err, new(*errElsewhere)):
			return nil, err
		case why == nil:
			why = err
		}
	}
	return j.checkFull(ctx, c, m, why)
}

// errElsewhere says that a candidate cannot be judged on an instance, but perhaps on another.
type errElsewhere struct{ err error }

func (e *errElsewhere) Error() string { return e.err.Error() }
func (e *errElsewhere) Unwrap() error { return e.err }

// tiled judges a candidate on the instance, its tiles following the extents in one of several ways: the first
// in which it can be rebuilt and is still the program.
func (x *instance) tiled(ctx context.Context, c *ugraph.Graph, m matching) (*verify.Stability, error) {
	var why error
	tried := map[string]bool{}
	for _, tile := range tilings {
		plan := m.permuted(x.layout.plan)
		plan.Tile = tile
		g, err := shrink.Rebuild(c, plan)
		if err == nil && work(g) > x.most {
			err = errors.New("too much work")
		}
		if err == nil {
			h := ugraph.Hash(g)
			if tried[h] {
				continue
			}
			tried[h] = true
			var s *verify.Stability
			if s, err = x.check(ctx, g, m); err == nil || !errors.Is(err, errDiffers) {
				return s, err
			}
		}
		if why == nil {
			why = err
		}
	}
	return nil, &errElsewhere{why}
}

// checkLong judges what is stable on the small instance again with sums of the real length.
func (j *Judge) checkLong(ctx context.Context, c *ugraph.Graph, m matching, small *verify.Stability) (*verify.Stability, error) {
	if j.long == nil {
		return small, nil
	}
	s, err := j.long.tiled(ctx, c, m)
	var run *errRun
	switch {
	case errors.As(err, &run):
		return nil, err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		small.Reason = join(small.Reason, fmt.Sprintf("sums of %d terms were not judged: %v", j.long.chain, err))
		return small, nil
	}
	for dt, r := range small.Ratios {
		s.Ratios[dt] = max(s.Ratios[dt], r)
	}
	if s.OK {
		s.Reason = small.Reason
	} else {
		s.Reason = join(s.Reason, fmt.Sprintf("with sums of %d terms", j.long.chain))
	}
	return s, nil
}

// checkFull judges at the program's own sizes, where nothing smaller would do.
func (j *Judge) checkFull(ctx context.Context, c *ugraph.Graph, m matching, why error) (*verify.Stability, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	j.fullMu.Lock()
	if j.full == nil && j.noFull == nil {
		l := fullLayout(j.program)
		if g, err := shrink.Rebuild(j.program, l.plan); err != nil {
			j.noFull = err
		} else {
			j.full = newInstance(g, l, j.seed, distributions, wantRows)
		}
	}
	full, err := j.full, j.noFull
	j.fullMu.Unlock()
	var g *ugraph.Graph
	if err == nil {
		g, err = shrink.Rebuild(c, m.permuted(full.layout.plan))
	}
	if err == nil {
		if w := max(full.work(), work(g)); w > fullBudget {
			err = fmt.Errorf("a run takes about %.1f s", w/1e9)
		}
	}
	if err != nil {
		return &verify.Stability{Reason: fmt.Sprintf("not judged: at a smaller size: %v; at full size: %v", why, err)}, nil
	}
	s, err := full.check(ctx, g, m)
	if errors.Is(err, errDiffers) {
		return &verify.Stability{Reason: err.Error()}, nil
	}
	if err == nil && s.OK {
		s.Reason = join(s.Reason, fmt.Sprintf("judged at full size (at a smaller size: %v)", why))
	}
	return s, err
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// matching maps the program's inputs and outputs to the candidate's.
type matching struct{ in, out []int }

// match pairs the interfaces by name where the sets of names agree, else by position.
func match(p, c *ugraph.Graph) (matching, error) {
	var m matching
	if len(p.Inputs) != len(c.Inputs) || len(p.Outputs) != len(c.Outputs) {
		return m, fmt.Errorf("%s has %d inputs and %d outputs, %s has %d and %d", p.Name, len(p.Inputs), len(p.Outputs), c.Name, len(c.Inputs), len(c.Outputs))
	}
	for _, in := range p.Inputs {
		if k := c.InputByName(p.Values[in.Value].Name); k >= 0 {
			m.in = append(m.in, k)
		}
	}
	for _, o := range p.Outputs {
		if k := c.OutputByName(o.Name); k >= 0 {
			m.out = append(m.out, k)
		}
	}
	if len(m.in) != len(p.Inputs) || len(m.out) != len(p.Outputs) {
		m = positions(len(p.Inputs), len(p.Outputs))
	}
	for i := range m.in {
		if x, y := p.Values[p.Inputs[i].Value], c.Values[c.Inputs[m.in[i]].Value]; x.DType != y.DType || !ugraph.SameShape(x.Shape, y.Shape) {
			return m, fmt.Errorf("input %s is %s in the program and %s in the candidate", x.Name, x.Type, y.Type)
		}
	}
	return m, nil
}

// positions is the matching by position.
func positions(in, out int) matching {
	var m matching
	for i := range in {
		m.in = append(m.in, i)
	}
	for i := range out {
		m.out = append(m.out, i)
	}
	return m
}

// permuted is the plan with the inputs in the candidate's order.
func (m matching) permuted(p shrink.Plan) shrink.Plan {
	in := make([][]shrink.Axis, len(p.Inputs))
	for i, k := range m.in {
		in[k] = p.Inputs[i]
	}
	p.Inputs = in
	return p
}

func (m matching) inputs(xs tensors) tensors {
	out := make(tensors, len(xs))
	for i, k := range m.in {
		out[k] = xs[i]
	}
	return out
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

const (
	wantRows  = 128
	longRows  = 2 // of the long instance
	mostDraws = 16
	mostWork  = 4 // a candidate's, over the program's budget: it may compute tile by tile
)

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

// smallest is the least factor of N(0,1) that is tried for a program that is not finite on it.
const smallest = 0x1p-12

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
