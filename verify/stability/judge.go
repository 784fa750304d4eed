package stability

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/morgana-ml/morgana/ugraph"
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

const (
	wantRows  = 128
	longRows  = 2 // of the long instance
	mostDraws = 16
	mostWork  = 4 // a candidate's, over the program's budget: it may compute tile by tile
)

// smallest is the least factor of N(0,1) that is tried for a program that is not finite on it.
const smallest = 0x1p-12
