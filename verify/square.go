package verify

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// squares lists, under model S, what model Q compares: the differences of any two elements of a maximum,
// nested maxima taken apart. The elements must be free of maxima, opaque functions and exponentials; then the
// differences are rational functions of the inputs, the same whatever the order is.
type squares struct {
	sets  map[uint64][]dual // elements of a maximum, by its key
	seen  map[[2]uint64]bool
	diffs []dual
	bad   string // why the list is not complete
}

// newSquares is an empty list; maxima are found in elements by their degree in them.
func newSquares() *squares { return &squares{sets: map[uint64][]dual{}, seen: map[[2]uint64]bool{}} }

// noInput is a block without an input: degrees in it are those in maxima.
const noInput = 1 << 20

func (q *squares) refuse(why string) {
	if q != nil && q.bad == "" {
		q.bad = why
	}
}

// compare lists the differences of the elements of the maximum v of xs.
func (q *squares) compare(a *analysis, xs []dual, v field.Value) {
	var elements []dual
	number := -1
	for _, x := range xs {
		of, ok := q.sets[a.s.Key(x.v)]
		if !ok {
			of = []dual{x}
		}
		for _, e := range of {
			switch {
			case e.v.Number && number >= 0: // of numbers the greatest counts
				if e.v.N > elements[number].v.N {
					elements[number] = e
				}
				continue
			case e.v.Number:
				number = len(elements)
			case e.nu > 0 || e.du > 0:
				q.refuse("a maximum of values that contain maxima")
			}
			elements = append(elements, e)
		}
	}
	for i := range elements {
		for j := range i {
			pair := [2]uint64{a.s.Key(elements[i].v), a.s.Key(elements[j].v)}
			if pair[0] == pair[1] || q.seen[pair] || q.seen[[2]uint64{pair[1], pair[0]}] {
				continue
			}
			q.seen[pair] = true
			if d := a.sub(elements[i], elements[j]); d.v.Sign == field.Unsigned {
				q.diffs = append(q.diffs, d)
			}
		}
	}
	if a.s.IsSet(v) {
		q.sets[a.s.Key(v)] = elements
	}
}

// ratio is the rational that difference k is of the representative of its class.
type ratio struct {
	of       int // number of the class
	num, den int64
}

// smooth tells whether all primes of n are at most 31: then n is a square modulo every prime of the pools.
func smooth(n int64) bool {
	if n < 0 {
		n = -n
	}
	for _, p := range []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31} {
		for n%p == 0 {
			n /= p
		}
	}
	return n == 1
}

// Limits of model Q: classes of differences, more of which need too many tests; draws that show that they are
// independent; chains of primes that the tests go through, for each of which that is shown.
const (
	maxSquareClasses = 6
	squareDraws      = 128
	squareChains     = 8
	squarePoint      = 3000
)

// squareBound is the error of one test under model Q (doc.go, Order by squares).
func (c *check) squareBound(in *instance, st setting) (*bound, error) {
	if st.comps > 1 || c.hasLabels() {
		return nil, &errUndecided{"the order by squares is one of values without exponentials, integers and truth values"}
	}
	var b *bound
	for st.at = range squareChains {
		one, err := c.squareField(in, st)
		if err != nil {
			return nil, err
		}
		if b == nil || one.cells < b.cells {
			b = one
		}
	}
	return b, nil
}

// squareField is the error of a test in one of the chains: it shows that no product of some of the compared
// differences is a square or a constant there, so that all their signs are about equally likely.
func (c *check) squareField(in *instance, st setting) (*bound, error) {
	a, dx, err := c.runSquares(in, st, 0)
	if err != nil {
		return nil, err
	}
	if bits := c.literalBits(a.s); bits >= literalPrime {
		return nil, &errUndecided{fmt.Sprintf("the order by squares: the literals have %d bits, enough to vanish modulo a prime", bits)}
	}
	m := a.s.Prime(0)
	member, classes := classesOf(m, a.squares.diffs)
	degree := 0.0
	for _, k := range classes {
		degree += float64(a.squares.diffs[k].nx) + float64(a.squares.diffs[k].dx)
	}
	if len(classes) > maxSquareClasses {
		return nil, &errUndecided{fmt.Sprintf("the order by squares: %d differences decide, more than %d", len(classes), maxSquareClasses)}
	}
	// Quadratic characters of each class over the draws, and that of a constant.
	rows := make([][2]uint64, len(classes)+1)
	rows[len(classes)] = [2]uint64{math.MaxUint64, math.MaxUint64}
	for t := range squareDraws {
		one, _, err := c.runSquares(in, st, 1+t)
		if err != nil {
			return nil, err
		}
		ds := one.squares.diffs
		if len(ds) != len(member) {
			return nil, &errUndecided{"the order by squares: the differences vary from draw to draw"}
		}
		for k, r := range member {
			if ds[k].v.C[0] != m.Mul(m.Quotient(r.num, r.den), ds[classes[r.of]].v.C[0]) {
				return nil, &errUndecided{"the order by squares: a relation of differences does not hold at another point"}
			}
		}
		for i, k := range classes {
			if !m.IsSquare(ds[k].v.C[0]) {
				rows[i][t/64] |= 1 << (t % 64)
			}
		}
	}
	if rankF2(rows) < len(rows) {
		return nil, &errUndecided{"the order by squares: a product of compared differences is a square or a constant, whose sign the field does not show"}
	}
	logp := field.PoolLogQ(1)
	b := &bound{block: -1, c: 1, degree: dx, squares: len(classes)}
	b.log2 = math.Log2(float64(dx)+1) - logp + domainBits(a.s.Obligations())
	b.cells = math.Exp2(-float64(len(classes))) - degree*math.Exp2(-logp/2) - (2*degree*degree+degree+float64(dx)+1)*math.Exp2(-logp)
	if b.cells <= 0 {
		return nil, &errUndecided{"the order by squares: the degrees are too large"}
	}
	return b, nil
}

// classesOf joins differences that are rational multiples of each other by factors whose sign is their
// quadratic character; classes are their first members.
func classesOf(m *field.Prime, diffs []dual) (member []ratio, classes []int) {
	member = make([]ratio, len(diffs))
next:
	for k, d := range diffs {
		for i, rep := range classes {
			x := m.Mul(d.v.C[0], m.Inv(diffs[rep].v.C[0]))
			if num, den, ok := m.Fraction(x, 4096); ok && num != 0 && smooth(num) && smooth(den) {
				member[k] = ratio{i, num, den}
				continue next
			}
		}
		member[k] = ratio{len(classes), 1, 1}
		classes = append(classes, k)
	}
	return member, classes
}

// runSquares evaluates both graphs under model S, in the field of the tests, with a list of what is compared and
// the degree of differences of outputs and states.
func (c *check) runSquares(in *instance, st setting, point int) (*analysis, int64, error) {
	st.model, st.cycle = field.S, squareChains
	a, p, once, err := c.runTwice(in, st, 0, noInput, squarePoint+st.at*(squareDraws+1)+point, func(a *analysis) { a.squares = newSquares() })
	if err != nil {
		return nil, 0, err
	}
	if a.squares.bad != "" {
		return nil, 0, &errUndecided{"the order by squares: " + a.squares.bad}
	}
	dx, _ := c.degrees(p)
	if once != nil {
		more, _ := c.degrees(once)
		dx = max(dx, more)
	}
	return a, dx, nil
}

// maxOps are the operators that model Q knows more of than model S.
var maxOps = map[ugraph.Op]bool{ugraph.OpMax: true, ugraph.OpMin: true, ugraph.OpMaximum: true, ugraph.OpMinimum: true, ugraph.OpRelu: true, ugraph.OpAbs: true, ugraph.OpClamp: true}
