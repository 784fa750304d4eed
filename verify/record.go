package verify

import (
	"fmt"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/verify/field"
)

// record writes down, in plain words, what was checked and what was not.
func (c *check) record(s *sizing, in *instance, w way, r reading, b *bound, ev *evaluation) {
	switch {
	case w.real:
		c.note("direct: both graphs were evaluated as written at their real size")
	default:
		c.note("direct: both graphs were evaluated as written, tile by tile, on a small instance with the same cuts")
	}
	if w.weighted {
		c.note("algebra: every reduced axis carries free weights that add up to its extent, so a number in the place of an extent is compared at the real size")
	}
	if w.induct {
		c.note("loops: by induction on trips, two trips leave every accumulator as one trip over both tiles does")
	} else if w.weighted && w.trips == 0 {
		c.note("loops: run with the real number of trips")
	}
	var pins []string
	seen := map[string]bool{}
	for _, why := range s.pinned {
		if !seen[why] {
			seen[why] = true
			pins = append(pins, why)
		}
	}
	sort.Strings(pins)
	if len(pins) > 0 && !w.real {
		c.note("some axes keep their real size: %s", strings.Join(pins, ", "))
	}
	if len(s.iota) > 0 {
		c.note("positions are used: masks have all outcomes on the instance that they have at any size")
	}
	if b.terms > 0 {
		affine := "no input makes them affine"
		if b.block >= 0 {
			affine = fmt.Sprintf("affine in input %s", c.a.Value(c.a.Inputs[b.block].Value).Name)
			if b.curved > 0 {
				affine += fmt.Sprintf(" but for %d dimensions", b.curved)
			}
		}
		c.note("bound 3.2: %d exponents of rank %d, C = %.0f, %s", b.terms, b.rank, b.c, affine)
	}
	c.noteWeak(b)
	if b.squares > 0 {
		c.note("model Q: %d independent differences decide the order by squares; a test meets each real order with probability %.3g or more, T = %d", b.squares, b.cells, c.res.Tests)
	}
	c.note("error of one test 2^%.1f, model %s of the maximum, %s square roots", b.log2, r.model, rootsText(r.roots, b))
	c.noteSymbols(r)
	c.noteLiterals(b)
	switch {
	case s.masked >= 0 && s.maskedBits > 0:
		c.note("mask %s: all of its 2^%d values along a row", c.a.Value(c.a.Inputs[s.masked].Value).Name, s.maskedBits)
	case s.masked >= 0:
		c.note("mask %s: columns without any, with all and with both labels, %s", c.a.Value(c.a.Inputs[s.masked].Value).Name, map[bool]string{true: "in every pair of trips", false: "in every row"}[s.maskedLoop])
	}
	if c.hasLabels() && b.cells < 1 {
		c.note("boolean and integer inputs: an assignment of those that one output entry sees is met with probability %.2g or more in a test", b.cells)
	}
	if len(c.exhaustive) > 0 {
		c.note("an input of 8 bits takes all its values")
	}
	if ev.undef > 0 {
		c.note("%d entries of outputs are undefined in the program and were not compared", ev.undef)
	}
}

func rootsText(r field.Roots, b *bound) string {
	if r == field.AlgebraicRoots {
		return fmt.Sprintf("%d algebraic", b.roots)
	}
	return "opaque"
}

// recordPlaces writes down what a comparison at single entries of the real size shows.
func (c *check) recordPlaces(sm *sample, whole bool, evaluated int, r reading, b *bound, ev *evaluation) {
	c.noteSymbols(r)
	c.noteLiterals(b)
	c.note("no smaller instance exists: both graphs were evaluated as written at their real size, entry by entry")
	if whole {
		c.note("direct: all %d entries of the outputs were compared", sm.total)
	} else {
		c.note("sampled, not proved: %d of %d entries of the outputs were compared, in %d blocks: the first and the last, those around every bound of a slice, part, tile and mask, and random ones; that the others agree is assumed, not shown", evaluated, sm.total, sm.blocks)
		c.res.Sampled = fmt.Sprintf("%d of %d output entries", evaluated, sm.total)
	}
	if c.partialBlocks {
		c.note("where many blocks write the same place, %d of them were compared", maxUnmapped)
	}
	c.noteWeak(b)
	c.note("error of one test 2^%.1f for an entry that is compared (the bound is that of the sampled entries), model S of the maximum, opaque square roots", b.log2)
	if ev.undef > 0 {
		c.note("%d of the compared entries are undefined in the program", ev.undef)
	}
}

func (c *check) noteSymbols(r reading) {
	if r.symbols {
		c.note("literals that are no short fractions are variables, one per number: equal for all their values")
	}
}

func (c *check) noteLiterals(b *bound) {
	if n := b.literalBits / literalPrime; n > 0 {
		c.note("the graphs' numbers have %d bits: they can vanish modulo at most %d of the %d chains of primes from which each test draws one", b.literalBits, n, field.PoolSize(1))
	}
}

func (c *check) noteWeak(b *bound) {
	if b.weak != nil {
		t := b.weak.levels[0]
		c.note("bound 3.1: k = %d, k* = %d, T = %d", t.k, t.private, c.res.Tests)
	}
}
