package field

import "slices"

// condition is what an operator asks of an operand to be defined over the reals.
type condition uint8

const (
	nonZero     condition = 1 << iota // a divisor
	nonNegative                       // under a square root
)

// obligation is a condition on a value that the value's sign does not meet for every input.
type obligation struct {
	v Value
	c condition
}

// asked is a condition on the value with a residue.
type asked struct {
	residue uint64
	c       condition
}

// domains are the obligations of a space and the sets of them that values carry.
type domains struct {
	all   []obligation
	ids   map[asked]int32    // the obligation of a residue
	sets  [][]int32          // sorted obligations by set; set 0 is empty
	named map[uint64][]int32 // hash of a set → the sets that have it
	joins map[[2]int32]int32 // of two sets
	last  [256]joined        // those asked for lately, by the low bits of both
	under map[uint64]Value   // value of a square root → its argument
	signs map[uint64][]fact  // residue → what signs tell of values that were divided by or rooted
	size  int                // elements of all sets

	confined []int32 // obligations for whose sake draws are confined to squares
}

// fact is what the sign of a value tells where that value is defined.
type fact struct {
	known  condition
	domain int32 // the set of conditions of the value whose sign it is
}

type joined struct{ a, b, r int32 }

// maxDomainSize bounds the elements of all sets of obligations.
const maxDomainSize = 1 << 22

// inherit makes v defined only where a and b are.
func (s *Space) inherit(v, a, b *Value) {
	if a.Domain|b.Domain != 0 {
		v.Domain = s.join(a.Domain, b.Domain)
	}
}

// Join is the union of two sets of conditions.
func (s *Space) Join(a, b int32) int32 { return s.join(a, b) }

// join is the union of two sets of obligations.
func (s *Space) join(a, b int32) int32 {
	switch {
	case a == b || b == 0:
		return a
	case a == 0:
		return b
	case a > b:
		a, b = b, a
	}
	d := &s.domains
	recent := &d.last[(a*31+b)&255]
	if recent.a == a && recent.b == b {
		return recent.r
	}
	if r, ok := d.joins[[2]int32{a, b}]; ok {
		*recent = joined{a, b, r}
		return r
	}
	x := append(slices.Clone(d.sets[a]), d.sets[b]...)
	slices.Sort(x)
	r := s.set(slices.Compact(x))
	if d.joins == nil {
		d.joins = map[[2]int32]int32{}
	}
	d.joins[[2]int32{a, b}] = r
	return r
}

// set is the number of a sorted set of obligations.
func (s *Space) set(x []int32) int32 {
	d := &s.domains
	if d.sets == nil {
		d.sets, d.named = [][]int32{nil}, map[uint64][]int32{}
	}
	h := uint64(14695981039346656037)
	for _, o := range x {
		h = (h ^ uint64(o)) * 1099511628211
	}
	for _, k := range d.named[h] {
		if slices.Equal(d.sets[k], x) {
			return k
		}
	}
	if d.size += len(x); d.size > maxDomainSize {
		s.fail(&Unsupported{"too many values are divided by or rooted to tell where an entry is defined"})
		return 0
	}
	k := int32(len(d.sets))
	d.sets, d.named[h] = append(d.sets, x), append(d.named[h], k)
	return k
}

// require makes v defined only where w meets a condition. What the sign of w tells for every input is
// kept as a fact about its value instead.
func (s *Space) require(v, w *Value, c condition) {
	if !s.Domains || w.IsTag() {
		return
	}
	d := &s.domains
	if d.ids == nil {
		d.ids, d.signs, d.under = map[asked]int32{}, map[uint64][]fact{}, map[uint64]Value{}
	}
	if c&nonZero != 0 { // a root is 0 where its argument is
		if x, ok := d.under[w.C[w.top()]]; ok {
			w = &x
		}
	}
	known := w.Sign.known()
	if f := (fact{known, w.Domain}); known != 0 {
		if x := w.C[w.top()]; !slices.Contains(d.signs[x], f) {
			d.signs[x] = append(d.signs[x], f)
		}
	}
	for _, one := range []condition{nonZero, nonNegative} {
		if c&one == 0 || known&one != 0 {
			continue
		}
		key := asked{w.C[w.top()], one}
		id, ok := d.ids[key]
		if !ok {
			id = int32(len(d.all))
			d.all = append(d.all, obligation{*w, one})
			d.ids[key] = id
		}
		v.Domain = s.join(v.Domain, s.set([]int32{id}))
	}
}

// known is the conditions that a sign meets.
func (s Sign) known() condition {
	switch s {
	case Positive:
		return nonZero | nonNegative
	case Negative:
		return nonZero
	case NonNegative:
		return nonNegative
	}
	return 0
}

// root makes v = √w defined only where w is not negative.
func (s *Space) root(v, w *Value) {
	v.Domain = w.Domain
	s.require(v, w, nonNegative)
	if s.Domains {
		s.domains.under[v.C[v.top()]] = *w
	}
}

// conditioned records that draws are confined to squares for the sake of an argument that is not known to be ≥ 0.
func (s *Space) conditioned(w *Value) {
	d := &s.domains
	if id, ok := d.ids[asked{w.C[w.top()], nonNegative}]; ok && !slices.Contains(d.confined, id) {
		d.confined = append(d.confined, id)
	}
}

// Confined tells whether draws are confined to squares for the sake of a condition that set a does not hold: inputs
// at which it fails are not drawn, although what has the conditions of a is defined there.
func (s *Space) Confined(a int32) bool {
	return slices.ContainsFunc(s.domains.confined, func(id int32) bool {
		_, in := slices.BinarySearch(s.domains.sets[a], id)
		return !in
	})
}

// Power makes v, a power of x with an exponent that is no multiple of ½, defined only where x is not
// negative, and not 0 if the exponent is negative.
func (s *Space) Power(v, x Value, negative bool) Value {
	if v.IsTag() || x.IsTag() {
		return v
	}
	c := nonNegative
	if negative {
		c |= nonZero
	}
	s.require(&v, &x, c)
	return v
}

// Obligations is the number of conditions that no sign meets.
func (s *Space) Obligations() int { return len(s.domains.all) }

// Factor is a rational num/den.
type Factor struct{ Num, Den int64 }

// Unmet is the first condition of set b that the conditions of set a do not imply, and −1 if they imply
// all: each is a fact that holds where a's conditions do, or one of a's about the same value, about a rational multiple of it by a factor of small
// height, about its square, or about two values whose product or quotient it is. The factors that were used are
// written to scale, by the obligations of b and a; where they are there already they must be the same.
func (s *Space) Unmet(a, b int32, scale map[[2]int32]Factor) int {
	d := &s.domains
	for _, o := range d.sets[b] {
		if _, in := slices.BinarySearch(d.sets[a], o); in {
			continue
		}
		if !s.implied(d.sets[a], o, scale) {
			return int(o)
		}
	}
	return -1
}

// subset tells whether all of a sorted set is in another.
func subset(x, of []int32) bool {
	for _, o := range x {
		if _, in := slices.BinarySearch(of, o); !in {
			return false
		}
	}
	return true
}

// DescribeObligation tells in words what an obligation asks.
func (s *Space) DescribeObligation(o int) string {
	if s.domains.all[o].c == nonZero {
		return "divides by, or takes the logarithm of, a value that may be 0 where the program is defined"
	}
	return "takes the square root, the logarithm or a power of a value that may be negative where the program is defined"
}

// maxHeight bounds numerators and denominators of the factors between conditions, MaxProducts the
// conditions of which products are tried.
const (
	maxHeight   = 4096
	MaxProducts = 64
)

// implied tells whether conditions of a, or facts, imply obligation o.
func (s *Space) implied(a []int32, o int32, scale map[[2]int32]Factor) bool {
	d := &s.domains
	want := d.all[o]
	top := want.v.top()
	m := &s.Chain.Pr[top]
	x := want.v.C[top]
	// What a sign tells of a value holds where that value is defined: where all its conditions are among a's.
	told := func(y uint64) (c condition) {
		for _, f := range d.signs[y] {
			if f.known&^c != 0 && subset(d.sets[f.domain], a) {
				c |= f.known
			}
		}
		return c
	}
	if told(x)&want.c != 0 || want.c == nonZero && told(m.Neg(x))&nonZero != 0 {
		return true
	}
	have := map[uint64]condition{} // what a says, by residue
	for _, k := range a {
		w := &d.all[k]
		if w.v.Mask>>top&1 != 0 {
			have[w.v.C[top]] |= w.c
		}
	}
	meets := func(y uint64, c condition) bool {
		return (have[y]|told(y))&c == c || c == nonZero && have[m.Neg(y)]&c == c
	}
	if meets(x, want.c) || want.c == nonZero && meets(m.Mul(x, x), nonZero) {
		return true
	}
	if len(a) <= MaxProducts {
		for _, k := range a {
			w := d.all[k].v
			if w.Mask>>top&1 == 0 || !meets(w.C[top], want.c) {
				continue
			}
			y := w.C[top]
			inv := m.Inv(y)
			if meets(m.Mul(x, inv), want.c) || // x = y·z
				meets(m.Mul(y, m.Inv(x)), want.c|nonZero) || // x = y/z
				meets(y, nonZero) && (meets(m.Mul(x, y), want.c) || m.Mul(x, y) == m.one) { // x = z/y, 1/y
				return true
			}
		}
	}
	if scale == nil {
		return false
	}
	for _, k := range a {
		w := &d.all[k]
		if w.c != want.c || w.v.Mask>>top&1 == 0 {
			continue
		}
		num, den, ok := m.Fraction(m.Mul(x, m.Inv(w.v.C[top])), maxHeight)
		if !ok || num < 0 && want.c == nonNegative {
			continue
		}
		f := Factor{num, den}
		was, seen := scale[[2]int32{o, k}]
		if seen && was != f {
			return false
		}
		scale[[2]int32{o, k}] = f
		return true
	}
	return false
}
