package ugraph

import (
	"fmt"
	"math"
	"math/bits"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Dim is the extent of an axis: an integer polynomial in the symbols of a program and in
// ceil(Dim/n) atoms, in normal form. Two Dims are the same polynomial iff they are == .
// The zero Dim is the number 0. Arithmetic that leaves int64 gives Overflow, which sticks.
type Dim struct {
	c int64 // constant term
	p *poly // interned non-constant part, nil for numbers
}

// Overflow is the result of arithmetic beyond int64, and of polynomials beyond the limits below, which
// no shape needs and which would let a short text ask for endless work. It is sticky.
var Overflow = Dim{c: math.MinInt64}

const (
	maxDegree = 32  // factors of a term
	maxTerms  = 256 // terms of a polynomial

	maxAtomText = 4096 // bytes of the text of what a ceil divides
)

type poly struct {
	terms []term // sorted by key, coefficients not 0
	text  string // canonical text, the key of the intern table
}

type term struct {
	coef  int64
	atoms []atom // sorted by text, repeated for powers
}

// atom is a symbol, or ceil(num/den) where sym is empty.
type atom struct {
	sym string
	num Dim
	den int64
}

func (a atom) String() string {
	if a.sym != "" {
		return a.sym
	}
	return fmt.Sprintf("ceil(%s, %d)", a.num, a.den)
}

func (t term) key() string {
	s := make([]string, len(t.atoms))
	for i, a := range t.atoms {
		s[i] = a.String()
	}
	return strings.Join(s, "*")
}

var polys sync.Map // canonical text -> *poly

func makeDim(c int64, terms []term) Dim {
	byKey := map[string]int{}
	var out []term
	for _, t := range terms {
		k := t.key()
		if i, ok := byKey[k]; ok {
			s, ok := addInt(out[i].coef, t.coef)
			if !ok {
				return Overflow
			}
			out[i].coef = s
			continue
		}
		byKey[k] = len(out)
		out = append(out, t)
	}
	n := 0
	for _, t := range out {
		if t.coef != 0 {
			out[n] = t
			n++
		}
	}
	out = out[:n]
	if n == 0 {
		return Dim{c: c}
	}
	if n > maxTerms {
		return Overflow
	}
	sort.Slice(out, func(i, j int) bool {
		if len(out[i].atoms) != len(out[j].atoms) {
			return len(out[i].atoms) > len(out[j].atoms)
		}
		return out[i].key() < out[j].key()
	})
	var b strings.Builder
	for i, t := range out {
		coef := t.coef
		switch {
		case i > 0 && coef < 0:
			b.WriteString(" - ")
			coef = -coef
		case i > 0:
			b.WriteString(" + ")
		case coef == -1:
			b.WriteString("-")
			coef = 1
		}
		if coef != 1 {
			fmt.Fprintf(&b, "%d*", coef)
		}
		b.WriteString(t.key())
	}
	text := b.String()
	p, _ := polys.LoadOrStore(text, &poly{terms: out, text: text})
	return Dim{c: c, p: p.(*poly)}
}

// D is the Dim of a number.
func D(n int64) Dim { return Dim{c: n} }

// Ds is a shape of numbers.
func Ds(n ...int64) []Dim {
	s := make([]Dim, len(n))
	for i, v := range n {
		s[i] = D(v)
	}
	return s
}

// Sym is the Dim of a symbol.
func Sym(name string) Dim { return makeDim(0, []term{{1, []atom{{sym: name}}}}) }

func (d Dim) terms() []term {
	if d.p == nil {
		return nil
	}
	return d.p.terms
}

// Const returns the number that d is, and whether it is one.
func (d Dim) Const() (int64, bool) { return d.c, d.p == nil && d != Overflow }

// IsConst tells whether d is the number n.
func (d Dim) Is(n int64) bool { return d.p == nil && d.c == n }

func addInt(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

func mulInt(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(absInt(a), absInt(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -int64(lo), true
	}
	return int64(lo), true
}

func absInt(a int64) uint64 {
	if a < 0 {
		return uint64(-a)
	}
	return uint64(a)
}

// Add returns d + e.
func (d Dim) Add(e Dim) Dim {
	if d == Overflow || e == Overflow {
		return Overflow
	}
	c, ok := addInt(d.c, e.c)
	if !ok {
		return Overflow
	}
	if d.p == nil && e.p == nil {
		return Dim{c: c}
	}
	return makeDim(c, append(append([]term{}, d.terms()...), e.terms()...))
}

// Sub returns d - e.
func (d Dim) Sub(e Dim) Dim { return d.Add(e.Mul(D(-1))) }

// Mul returns d · e.
func (d Dim) Mul(e Dim) Dim {
	if d == Overflow || e == Overflow {
		return Overflow
	}
	c, ok := mulInt(d.c, e.c)
	if !ok {
		return Overflow
	}
	if d.p == nil && e.p == nil {
		return Dim{c: c}
	}
	if len(d.terms())*len(e.terms()) > maxTerms*maxTerms/4 {
		return Overflow
	}
	var ts []term
	scale := func(p []term, by int64) bool {
		for _, t := range p {
			v, ok := mulInt(t.coef, by)
			if !ok {
				return false
			}
			ts = append(ts, term{v, t.atoms})
		}
		return true
	}
	if !scale(d.terms(), e.c) || !scale(e.terms(), d.c) {
		return Overflow
	}
	for _, a := range d.terms() {
		for _, b := range e.terms() {
			v, ok := mulInt(a.coef, b.coef)
			if !ok {
				return Overflow
			}
			if len(a.atoms)+len(b.atoms) > maxDegree {
				return Overflow
			}
			atoms := append(append([]atom{}, a.atoms...), b.atoms...)
			sort.Slice(atoms, func(i, j int) bool { return atoms[i].String() < atoms[j].String() })
			ts = append(ts, term{v, atoms})
		}
	}
	return makeDim(c, ts)
}

// CeilDiv returns ⌈d/n⌉ for n ≥ 1.
func (d Dim) CeilDiv(n int64) Dim {
	if d == Overflow || n < 1 {
		return Overflow
	}
	if q, ok := d.Div(n); ok {
		return q
	}
	if d.p == nil {
		q := d.c / n
		if d.c%n > 0 {
			q++
		}
		return D(q)
	}
	if len(d.p.text) > maxAtomText {
		return Overflow
	}
	return makeDim(0, []term{{1, []atom{{num: d, den: n}}}})
}

// Div returns d/n where n divides every coefficient.
func (d Dim) Div(n int64) (Dim, bool) {
	if n == 0 || d == Overflow || d.c%n != 0 {
		return Dim{}, false
	}
	if d.p == nil {
		return D(d.c / n), true
	}
	ts := make([]term, len(d.p.terms))
	for i, t := range d.p.terms {
		if t.coef%n != 0 {
			return Dim{}, false
		}
		ts[i] = term{t.coef / n, t.atoms}
	}
	return makeDim(d.c/n, ts), true
}

// String is the canonical text, e.g. "2*S + 1".
func (d Dim) String() string {
	switch {
	case d == Overflow:
		return "overflow"
	case d.p == nil:
		return strconv.FormatInt(d.c, 10)
	case d.c > 0:
		return d.p.text + " + " + strconv.FormatInt(d.c, 10)
	case d.c < 0:
		return d.p.text + " - " + strconv.FormatUint(absInt(d.c), 10)
	}
	return d.p.text
}

// Env binds symbols to sizes.
type Env map[string]int64

// Eval returns the value of d; every symbol must be bound.
func (d Dim) Eval(env Env) (int64, error) {
	if d == Overflow {
		return 0, fmt.Errorf("size beyond 2^63")
	}
	sum := d.c
	for _, t := range d.terms() {
		v := t.coef
		for _, a := range t.atoms {
			var x int64
			if a.sym != "" {
				b, ok := env[a.sym]
				if !ok {
					return 0, fmt.Errorf("symbol %s has no value", a.sym)
				}
				x = b
			} else {
				n, err := a.num.Eval(env)
				if err != nil {
					return 0, err
				}
				x = n / a.den
				if n%a.den > 0 {
					x++
				}
			}
			var ok bool
			if v, ok = mulInt(v, x); !ok {
				return 0, fmt.Errorf("%s is beyond 2^63", d)
			}
		}
		var ok bool
		if sum, ok = addInt(sum, v); !ok {
			return 0, fmt.Errorf("%s is beyond 2^63", d)
		}
	}
	return sum, nil
}

// Symbols lists the names of the symbols in d, sorted.
func (d Dim) Symbols() []string {
	seen := map[string]bool{}
	d.symbols(seen)
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

func (d Dim) symbols(seen map[string]bool) {
	for _, t := range d.terms() {
		for _, a := range t.atoms {
			if a.sym != "" {
				seen[a.sym] = true
			} else {
				a.num.symbols(seen)
			}
		}
	}
}

// EvalShape evaluates every extent of a shape.
func EvalShape(shape []Dim, env Env) ([]int64, error) {
	out := make([]int64, len(shape))
	for i, d := range shape {
		n, err := d.Eval(env)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// Elements is the product of the extents.
func Elements(shape []Dim) Dim {
	n := D(1)
	for _, d := range shape {
		n = n.Mul(d)
	}
	return n
}

// ShapeString is the text of a shape, e.g. "[2, 64, S]".
func ShapeString(shape []Dim) string {
	s := make([]string, len(shape))
	for i, d := range shape {
		s[i] = d.String()
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// SameShape tells whether two shapes are equal extent by extent.
func SameShape(a, b []Dim) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Symbol is a size that is known when a kernel is run: Lo ≤ value ≤ Hi and Multiple divides it.
type Symbol struct {
	Name     string
	Lo, Hi   int64
	Multiple int64 // 1 where nothing was said
}

// Check returns an error unless n is a legal value of the symbol.
func (s Symbol) Check(n int64) error {
	switch {
	case n < s.Lo || n > s.Hi:
		return fmt.Errorf("%s = %d is outside its bounds %d <= %s <= %d", s.Name, n, s.Lo, s.Name, s.Hi)
	case s.Multiple > 1 && n%s.Multiple != 0:
		return fmt.Errorf("%s = %d is not a multiple of %d", s.Name, n, s.Multiple)
	}
	return nil
}

// At returns a legal value near n: n clamped to the bounds and rounded to the divisibility.
func (s Symbol) At(n int64) int64 {
	m := max(s.Multiple, 1)
	lo := (s.Lo + m - 1) / m * m
	hi := s.Hi / m * m
	n = (n + m - 1) / m * m
	return max(lo, min(hi, n))
}
