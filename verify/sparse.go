package verify

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/morgana-ml/morgana/verify/field"
)

// sparse counts, for the weak bound 3.1, the exponential monomials of the values in the component above
// that of exponents: a value is N/ΠD, where N and each D are sums Σ f_i·ω^(g_i), of which it keeps the
// exponents and the monomials of the coefficients, not the coefficients. It counts without
// cancellation, so what it has are supersets of the terms of N.
type sparse struct {
	exponents  *field.Prime          // the component of exponents: g_i are added there
	values     *field.Prime          // the component above
	top        int                   // its number
	power      func(e uint64) uint64 // ω^e
	labels     bool                  // monomials of coefficients are kept; else all coefficients are alike
	work       int                   // terms made so far
	spent      *int                  // terms that all evaluations of the verification made
	over       bool
	degree     int32  // greatest degree of a divisor
	above      []dual // distinct arguments of exponentials of the next level: exponents there, values here
	aboveSeen  map[uint64]bool
	hashed     []dual // distinct values that are hashed
	hashedSeen map[uint64]bool
	factors    []factor // distinct denominators
	asked      []dual   // what conditions of definedness are about
}

// term is an exponential monomial ω^e with a monomial of variables that its coefficient may have. Equal
// exponents have equal residues; monomials are sums of hashes of variables, and one that coincides with
// another only makes k* greater.
type term struct{ e, m uint64 }

// factor is D^power in a denominator, known by its value and its terms.
type factor struct {
	value uint64
	terms []term
	power int
}

// quotient is N/ΠD: num is sorted, den sorted by value. A nil quotient is a constant.
type quotient struct {
	num []term
	den []factor
}

// Limits: terms of one sum, of a product before equal ones are joined, of an evaluation, of a verification.
const (
	maxSparse      = 1 << 12
	maxSparseOnce  = 1 << 20
	maxSparseWork  = 1 << 22
	maxSparseTotal = 1 << 25
)

func byTerm(a, b term) int { return cmp.Or(cmp.Compare(a.e, b.e), cmp.Compare(a.m, b.m)) }

func byFactor(a, b factor) int {
	return cmp.Or(cmp.Compare(a.value, b.value), slices.CompareFunc(a.terms, b.terms, byTerm))
}

func (s *sparse) spend(n int) bool {
	s.work += n
	*s.spent += n
	s.over = s.over || n > maxSparseOnce || s.work > maxSparseWork || *s.spent > maxSparseTotal
	return !s.over
}

func (s *sparse) limited(ts []term) []term {
	slices.SortFunc(ts, byTerm)
	ts = slices.Compact(ts)
	s.over = s.over || len(ts) > maxSparse
	return ts
}

func (s *sparse) union(a, b []term) []term {
	if !s.spend(len(a) + len(b)) {
		return nil
	}
	return s.limited(append(slices.Clone(a), b...))
}

func (s *sparse) product(a, b []term) []term {
	switch {
	case !s.spend(len(a) * len(b)):
		return nil
	case len(b) == 1 && b[0] == term{}:
		return a
	case len(a) == 1 && a[0] == term{}:
		return b
	}
	ts := make([]term, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			ts = append(ts, term{s.exponents.Add(x.e, y.e), x.m + y.m})
		}
	}
	return s.limited(ts)
}

func (s *sparse) times(num []term, f factor, power int) []term {
	for range power {
		num = s.product(num, f.terms)
	}
	return num
}

// variable is a variable's own monomial.
func (s *sparse) variable(key uint64) *quotient {
	if !s.labels {
		return nil
	}
	hi, lo := bits.Mul64(key^0x9e3779b97f4a7c15, 0xd1342543de82ef95)
	return &quotient{num: []term{{m: hi ^ lo}}}
}

// exponential is ω^e.
func (s *sparse) exponential(e uint64) *quotient { return &quotient{num: []term{{e: e}}} }

// of is the quotient that x is.
func (s *sparse) of(x *dual) *quotient {
	switch {
	case isZero(*x):
		return &quotient{}
	case x.q == nil:
		return &quotient{num: []term{{}}}
	}
	return x.q
}

// common is the least common multiple of two denominators, and what each lacks of it.
func common(a, b []factor) (all, lackA, lackB []factor) {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && byFactor(a[i], b[j]) < 0:
			all, lackB = append(all, a[i]), append(lackB, a[i])
			i++
		case i == len(a) || byFactor(b[j], a[i]) < 0:
			all, lackA = append(all, b[j]), append(lackA, b[j])
			j++
		default:
			f, d := a[i], a[i].power-b[j].power
			rest := f
			if d > 0 {
				rest.power = d
				lackB = append(lackB, rest)
			} else if d < 0 {
				f.power, rest.power = b[j].power, -d
				lackA = append(lackA, rest)
			}
			all = append(all, f)
			i, j = i+1, j+1
		}
	}
	return all, lackA, lackB
}

func (s *sparse) completed(num []term, lack []factor) []term {
	for _, f := range lack {
		num = s.times(num, f, f.power)
	}
	return num
}

func (s *sparse) add(x, y *quotient) *quotient {
	den, lackX, lackY := common(x.den, y.den)
	return &quotient{s.union(s.completed(x.num, lackX), s.completed(y.num, lackY)), den}
}

// merged is the product of two denominators.
func merged(a, b []factor) []factor {
	all := append(slices.Clone(a), b...)
	slices.SortStableFunc(all, byFactor)
	var out []factor
	for _, f := range all {
		if n := len(out); n > 0 && byFactor(out[n-1], f) == 0 {
			out[n-1].power += f.power
		} else {
			out = append(out, f)
		}
	}
	return out
}

func (s *sparse) mul(x, y *quotient) *quotient {
	return &quotient{s.product(x.num, y.num), merged(x.den, y.den)}
}

// div is x/y, of which v is y's value. Factors that both have below cancel. One term alone above y's
// fraction bar is a unit; several are a factor of the result's denominator.
func (s *sparse) div(x, y *quotient, v field.Value) *quotient {
	_, lackX, lackY := common(x.den, y.den) // x = N_x·lackX/L, y = N_y·lackY/L
	num := s.completed(x.num, lackX)
	if len(y.num) == 1 {
		return &quotient{s.product(num, []term{{s.exponents.Neg(y.num[0].e), -y.num[0].m}}), lackY}
	}
	value := v.C[s.top] // of N_y
	for _, f := range y.den {
		for range f.power {
			value = s.values.Mul(value, f.value)
		}
	}
	// Sums that differ by an exponential, as those of softmax with and without its shift, become one factor:
	// the mean of the exponents is taken out.
	den, mean := s.centred(y.num)
	num = s.product(num, []term{{e: s.exponents.Neg(mean)}})
	f := factor{s.values.Mul(value, s.power(s.exponents.Neg(mean))), den, 1}
	at, known := slices.BinarySearchFunc(s.factors, f, byFactor)
	if !known && s.spend(len(s.factors)) {
		s.factors = slices.Insert(s.factors, at, f)
	}
	return &quotient{num, merged(lackY, []factor{f})}
}

// centred is a sum over ω^mean, for the mean of its distinct exponents.
func (s *sparse) centred(ts []term) ([]term, uint64) {
	sum, n := uint64(0), uint64(0)
	for i, t := range ts {
		if i == 0 || t.e != ts[i-1].e {
			sum, n = s.exponents.Add(sum, t.e), n+1
		}
	}
	if n == 0 || sum == 0 {
		return ts, 0
	}
	mean := s.exponents.Mul(sum, s.exponents.Inv(s.exponents.In(n)))
	return s.product(ts, []term{{e: s.exponents.Neg(mean)}}), mean
}

// counts are the number k of exponential monomials among terms and k*: the most of them whose
// coefficients may share a monomial.
func counts(ts []term) (k, private int) {
	shared := map[uint64]int{}
	for i, t := range ts {
		if i == 0 || t.e != ts[i-1].e {
			k++
		}
		shared[t.m]++
	}
	for _, n := range shared {
		private = max(private, n)
	}
	return k, private
}

// differences are terms that all combinations of the values may have over their common denominator.
func (s *sparse) differences(xs []dual) []term {
	sum := &quotient{}
	for i := range xs {
		sum = s.add(sum, s.of(&xs[i]))
		if s.over {
			return nil
		}
	}
	return sum.num
}
