package verify

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/verify/field"
)

// errDomain reports an entry that the candidate does not define wherever the program does.
type errDomain struct {
	output string
	index  []int
	what   string
}

func (e *errDomain) Error() string {
	return fmt.Sprintf("output %s at %v: the candidate %s", e.output, e.index, e.what)
}

// defined tells whether the conditions under which an entry of output i of the program is defined imply
// those of the candidate (theory 1.10). Both are sets of conditions on formal values, collected while the
// graphs are evaluated along the entry's own backward slice: branches that a concrete condition does
// not choose are no part of it.
func (c *check) defined(ev *evaluation, i, k int, a, b int32) error {
	// What a comparison decides has no value outside of the domain of what is compared. Which entries it
	// decides is not known: all of the candidate's depend on it, none of the program's. Where the program compares under the
	// same conditions, both go the same way.
	if d := ev.space.Decided; d[1] != 0 && ev.space.Unmet(d[0], d[1], nil) >= 0 {
		b = ev.space.Join(b, d[1])
	}
	pair := [2]int32{a, b}
	if b == 0 || a == b || ev.met[pair] {
		return nil
	}
	scale := c.scale
	if ev.model != field.S {
		scale = nil // what is compared differs from draw to draw
	}
	o := ev.space.Unmet(a, b, scale)
	if o < 0 {
		if ev.met == nil {
			ev.met = map[[2]int32]bool{}
		}
		ev.met[pair] = true
		return nil
	}
	output := c.a.Outputs[i]
	shape := ev.outA[i].shape
	if ev.places != nil {
		k, shape = ev.places[i][k], c.realShape(c.a, output.Value)
	}
	return &errDomain{output.Name, index(k, shape), ev.space.DescribeObligation(o)}
}

// domainBits is log2 of the coincidences of values by which conditions could seem to be implied: one of
// b's is compared with each of a's, and with products and quotients of two where those are few. A
// rational factor is one that the first test finds and the others confirm.
func domainBits(obligations int) float64 {
	n := float64(obligations)
	if n == 0 {
		return 0
	}
	few := min(n, field.MaxProducts)
	return math.Log2(n * (n + 4*few*few))
}

// sided is an algebra that is told which graph it evaluates.
type sided interface{ side(n int) }

// side tells the algebra that graph n follows, 0: the program, 1: the candidate.
func side[V any](alg algebra[V], n int) {
	if s, ok := alg.(sided); ok {
		s.side(n)
	}
}

func (a fieldAlgebra) side(n int) { a.s.Side = n }
