package verify

import (
	"errors"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/verify/field"
)

// This file compares two graphs at their real size where no smaller instance exists and the whole is
// too large for a dense evaluation: entry by entry, all of them where that is affordable, else sampled
// blocks. Sampled blocks prove nothing about entries between them; the record says so, and what is
// assumed: that between the numbers of numbersOf the graphs do everywhere what they do nearby.

// tryPlaces compares the graphs at single entries of the real size.
func (c *check) tryPlaces(r reading) (*mismatch, error) {
	if r.model != field.S || r.roots != field.OpaqueRoots {
		return nil, &errUndecided{"blocks of the real size are compared under model S with opaque roots only"}
	}
	s := c.analyse()
	c.sawDefined = map[int]bool{}
	in, err := c.withRows(s, plan{trips: 0, blocks: 2, env: c.env, real: true}, nil)
	if err != nil {
		return nil, err
	}
	labels, err := c.labelCells(s, in, nil, false)
	if err != nil {
		return nil, err
	}
	c.exhaustive = labels.exhaustive
	nums, numsErr := c.numbersOf(s)
	if numsErr != nil {
		nums = &numbers{single: []int64{0}, sums: []int64{0}}
	}
	sm, err := c.sampled(nums)
	if err != nil {
		return nil, err
	}
	// One entry first: where that is dear, sixteen blocks are too many.
	c.limit = maxSample / 16
	defer func() { c.limit = 0 }()
	st := setting{model: r.model, roots: r.roots, symbols: r.symbols, weak: r.weak, comps: max(1, c.comps), places: make([][]int, len(sm.places))}
	st.places[0] = sm.places[0][:1]
	var ev *evaluation
	compare := func() (*mismatch, error) {
		m, err := c.compare(ev)
		if m != nil {
			m.final = !r.symbols
		}
		return m, err
	}
	for {
		// How deep exponentials nest is found by trying.
		ev, err = c.draw(in, st, 0)
		var un *field.Unsupported
		if errors.As(err, &un) && st.comps < field.MaxComponents {
			st.comps++
			continue
		}
		break
	}
	if err != nil {
		return nil, err
	}
	c.limit, st.places = maxSample, sm.places
	if ev, err = c.draw(in, st, 0); err != nil {
		return nil, err
	}
	if m, err := compare(); m != nil || err != nil {
		return m, err
	}
	evaluated, demand := 0, c.demand
	for _, ps := range sm.places {
		evaluated += len(ps)
	}
	b, err := c.boundOfPlaces(in, st, sm)
	if err != nil {
		return nil, err
	}
	b.account(labels)
	tests, err := b.tests(c.opt)
	if err != nil {
		return nil, err
	}
	each := tests
	if tests, err = labels.eachValue(tests); err != nil {
		return nil, err
	}
	all := float64(demand) / float64(max(1, evaluated)) * float64(sm.total)
	whole := !c.partialBlocks && all <= maxDemand
	if c.piece && (!whole || all*float64(tests) > maxPiece) {
		return nil, &errUndecided{"the entries of the real size are too many for a piece, which no sample proves"}
	}
	if whole {
		c.limit = maxDemand
		st.places = c.everything()
	} else {
		if numsErr != nil {
			return nil, numsErr
		}
		if !sm.corners {
			return nil, &errUndecided{"the positions at which the graphs change have too many combinations for sampled blocks"}
		}
		if _, err := c.samplePositions(s, c.a, nil); err != nil {
			return nil, err
		}
		if _, err := c.samplePositions(s, c.b, nil); err != nil {
			return nil, err
		}
	}
	first := 1
	if whole {
		first = 0
	}
	for t := first; t < tests; t++ {
		if ev, err = c.draw(in, st, t); err != nil {
			return nil, err
		}
		if m, err := compare(); m != nil || err != nil {
			return m, err
		}
	}
	if err := c.definedOutputs(); err != nil {
		return nil, err
	}
	whole = whole && !c.partialBlocks
	c.res.Tests, c.res.ErrorLog2 = tests, b.after(each)
	if n := max(1, c.opt.Candidates); n > 1 {
		c.res.ErrorLog2 += math.Log2(float64(n))
	}
	c.recordPlaces(sm, whole, evaluated, r, b, ev)
	return nil, nil
}

// boundOfPlaces is the largest error of one test over the sampled blocks. Exponents are those of one
// block at a time: bound 3.2 is a bound for one output entry.
func (c *check) boundOfPlaces(in *instance, st setting, sm *sample) (*bound, error) {
	if st.comps == 1 {
		return c.boundOfLabels(in, st)
	}
	var worst *bound
	n := 0
	for i, ps := range sm.places {
		for k := 0; k < len(ps); k += max(1, len(ps)/boundedBlocks) {
			one := st
			one.places = make([][]int, len(sm.places))
			one.places[i] = ps[k:min(k+1, len(ps))]
			b, err := c.boundOfLabels(in, one)
			if err != nil {
				return nil, err
			}
			if worst == nil || b.log2 > worst.log2 {
				worst = b
			}
			n++
		}
	}
	if worst == nil {
		return nil, fmt.Errorf("no output has entries")
	}
	return worst, nil
}

// boundedBlocks is the number of entries per output for which the error bound is computed.
const boundedBlocks = 24
