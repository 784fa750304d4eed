package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/verify/field"
)

// rowSpace is an echelon form over a prime field to which rows are added.
type rowSpace struct {
	m    field.Prime
	rows map[int][]uint64 // by the column of the leading 1
}

// add tells whether a row is independent of those before it, and takes it in.
func (s *rowSpace) add(row []uint64) bool {
	m := &s.m
	for c := range row {
		if row[c] == 0 {
			continue
		}
		lead, ok := s.rows[c]
		if !ok {
			inv := m.Inv(row[c])
			for k := range row {
				row[k] = m.Mul(row[k], inv)
			}
			s.rows[c] = row
			return true
		}
		f := row[c]
		for k := c; k < len(row); k++ {
			row[k] = m.Sub(row[k], m.Mul(f, lead[k]))
		}
	}
	return false
}

// body of a scalar reduction: a monomial of a column's two entries and of one earlier reduced value.
type body struct {
	x, y, power int
	prev        int // index of an earlier reduction that is subtracted from the column's first entry; -1: none
}

// reduced evaluates all reductions on columns with weights.
func reduced(m *field.Prime, bodies []body, cols [][2]uint64, weights []uint64) []uint64 {
	ps := make([]uint64, len(bodies))
	for l, b := range bodies {
		for j, c := range cols {
			x := c[0]
			if b.prev >= 0 {
				x = m.Sub(x, ps[b.prev])
			}
			v := m.Mul(m.Pow(m.Mul(m.Pow(x, uint64(b.x)), m.Pow(c[1], uint64(b.y))), uint64(b.power)), weights[j])
			ps[l] = m.Add(ps[l], v)
		}
	}
	return ps
}

// monomials of degree at most d in the values.
func monomials(m *field.Prime, ps []uint64, d int) []uint64 {
	out := []uint64{m.In(1)}
	from := []int{0}
	last := out
	for range d {
		var next []uint64
		var nextFrom []int
		for i, v := range last {
			for k := from[i]; k < len(ps); k++ {
				next = append(next, m.Mul(v, ps[k]))
				nextFrom = append(nextFrom, k)
			}
		}
		out, last, from = append(out, next...), next, nextFrom
	}
	return out
}

// TestColumns looks for a counterexample to theorem 4.2. Programs are polynomials in R nested scalar
// reductions over one axis. Two of them that agree on R weighted columns differ by an element of the
// kernel of a matrix of random weighted instances; the theorem says that this kernel is the
// kernel for every number of unweighted columns too, so that no unweighted row is independent of the weighted ones.
// Unweighted columns alone are fooled, which shows that the test can fail.
func TestColumns(t *testing.T) {
	m := field.NewPrime(2305721212004650439)
	rng := rand.New(rand.NewPCG(4, 2))
	draw := func() uint64 { return m.In(rng.Uint64()) }
	fooled := 0
	const degree = 4
	for range 60 {
		r := 1 + rng.IntN(3)
		bodies := make([]body, r)
		for l := range bodies {
			bodies[l] = body{x: rng.IntN(3), y: rng.IntN(2), power: 1 + rng.IntN(2), prev: rng.IntN(l+1) - 1}
		}
		instance := func(n int, weighted bool) []uint64 {
			cols, w := make([][2]uint64, n), make([]uint64, n)
			for j := range cols {
				cols[j] = [2]uint64{draw(), draw()}
				w[j] = m.In(1)
				if weighted {
					w[j] = draw()
				}
			}
			return monomials(&m, reduced(&m, bodies, cols, w), degree)
		}
		weighted := rowSpace{m, map[int][]uint64{}}
		for range len(instance(1, false)) + 5 {
			weighted.add(instance(r, true))
		}
		for n := 1; n <= 9; n++ {
			for range 4 {
				if weighted.add(instance(n, false)) {
					t.Fatalf("reductions %v: an identity on %d weighted columns fails on %d columns", bodies, r, n)
				}
			}
		}
		plain := rowSpace{m, map[int][]uint64{}}
		for range len(instance(1, false)) + 5 {
			plain.add(instance(r, false))
		}
		if len(plain.rows) < len(weighted.rows) {
			fooled++
		}
	}
	t.Logf("unweighted instances of as many columns have false identities for %d of 60 programs", fooled)
	if fooled == 0 {
		t.Error("unweighted columns are never fooled: the search is too weak")
	}
}

// TestSymmetricIdentities compares the elementary symmetric polynomial e_k, written by power sums,
// with 0: true for every axis shorter than k, false for all others.
func TestSymmetricIdentities(t *testing.T) {
	const sig = "X: f32[S]"
	for k := 2; k <= 5; k++ {
		var b strings.Builder
		fmt.Fprintf(&b, "program p(%s) -> (O) where S <= 4096 {\n p1 = sum(X)\n", sig)
		for i := 2; i <= k; i++ {
			fmt.Fprintf(&b, " p%d = sum(X%s)\n", i, strings.Repeat(" * X", i-1))
		}
		fmt.Fprintf(&b, " e1 = p1\n")
		for i := 2; i <= k; i++ {
			// i·e_i = Σ (−1)^(j−1) e_(i−j)·p_j
			fmt.Fprintf(&b, " e%d = (", i)
			for j := 1; j <= i; j++ {
				sign := " + "
				switch {
				case j == 1:
					sign = ""
				case j%2 == 0:
					sign = " - "
				}
				if j == i {
					fmt.Fprintf(&b, "%sp%d", sign, j)
				} else {
					fmt.Fprintf(&b, "%se%d * p%d", sign, i-j, j)
				}
			}
			fmt.Fprintf(&b, ") / %d\n", i)
		}
		fmt.Fprintf(&b, " O = e%d\n}", k)
		zero := "program p(" + sig + ") -> (O) where S <= 4096 {\n O = sum(X) - sum(X)\n}"
		check1(t, programtest.Parse(t, b.String()), programtest.Parse(t, zero), false)
	}
}

// TestZerosOnTheGroup looks for a counterexample to the core of theorem 3.2: a Laurent polynomial
// whose exponent vectors have l1 norm at most A, not zero, has at most the share 2A/q of H^r as zeros.
// All points of H² are counted. Products of linear factors reach half of the bound.
func TestZerosOnTheGroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 2))
	worst := 0.0
	for _, q := range []uint64{23, 83, 113} {
		m := field.NewPrime(2*q + 1)
		var h []uint64
		g := m.In(4) // a square that is not 1: of order q
		for x := m.In(1); len(h) < int(q); x = m.Mul(x, g) {
			h = append(h, x)
		}
		for round := range 40 {
			type term struct {
				a, b int
				c    uint64
			}
			var terms []term
			norm := 1 + rng.IntN(4)
			if round%2 == 0 {
				// (z1 − h1)…(z1 − hA): A zeros of z1, whatever z2.
				coef := []uint64{m.In(1)}
				for i := range norm {
					next := make([]uint64, len(coef)+1)
					for d, c := range coef {
						next[d+1] = m.Add(next[d+1], c)
						next[d] = m.Sub(next[d], m.Mul(c, h[i+1]))
					}
					coef = next
				}
				for d, c := range coef {
					terms = append(terms, term{d, 0, c})
				}
			} else {
				seen := map[[2]int]bool{}
				for range 2 + rng.IntN(5) {
					a := rng.IntN(2*norm+1) - norm
					b := rng.IntN(norm-max(a, -a)+1) * (1 - 2*rng.IntN(2))
					if !seen[[2]int{a, b}] {
						seen[[2]int{a, b}] = true
						terms = append(terms, term{a, b, m.In(1 + rng.Uint64N(2*q))})
					}
				}
			}
			zeros := 0
			n := int(q)
			for i := range n {
				for j := range n {
					v := uint64(0)
					for _, s := range terms {
						v = m.Add(v, m.Mul(s.c, h[((i*s.a+j*s.b)%n+n)%n]))
					}
					if v == 0 {
						zeros++
					}
				}
			}
			share := float64(zeros) / float64(n*n) / (2 * float64(norm) / float64(q))
			worst = max(worst, share)
			if share > 1 {
				t.Errorf("q = %d: %v has %d zeros of %d, above the bound", q, terms, zeros, n*n)
			}
		}
	}
	t.Logf("largest share of the bound: %.2f", worst)
}

// TestDeterminism: one seed gives one answer, to the letter.
func TestDeterminism(t *testing.T) {
	for _, i := range []int{0, 3} {
		p, g := goodPair(t, i)
		var first string
		for range 2 {
			r, err := Equal(context.Background(), p, g, Options{Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			j, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if first != "" && first != string(j) {
				t.Errorf("%s: %s, then %s", knownGood[i].name, first, j)
			}
			first = string(j)
		}
	}
}
