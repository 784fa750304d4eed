package field

import (
	"fmt"
	"math/big"
	"math/bits"
)

// Space is one test: a chain, its bases of exponentials, and the keys of inputs, opaque functions
// and order, all derived from one key. Operations that meet a value without meaning record the
// first such error in Err and return Undef; the caller looks at Err when an evaluation is over. A
// Space serves one goroutine.
type Space struct {
	Chain *Chain
	N     int // components in use, from 0
	Model Model
	Roots Roots
	// OrderLevels is the number of ranks in model H's weak order (at least 1).
	OrderLevels uint64
	// Symbols makes variables of literals that are no short fractions: equal literals are one variable.
	Symbols bool
	// Unconditioned lets algebraic roots of non-squares pass, to see which square classes occur.
	Unconditioned bool

	full           uint8
	omega          [MaxComponents][]uint64 // 8 tables of 256 powers per component ≥ 1
	inputs, opaque Key
	order          Key

	sets  map[uint64][]uint64 // top residue of a set-maximum → its sorted keys
	rank  map[uint64]struct{} // H: distinct compared elements
	roots map[uint64]struct{} // algebraic roots: distinct arguments

	RootCalls []RootCall // in the order of evaluation, where Unconditioned: it is the same for every draw

	// Domains keeps track of the conditions under which values are defined.
	Domains bool
	domains domains
	// Decided is, for each Side that is evaluated (0: the program, 1: the candidate), the conditions under which
	// the values that were compared are defined.
	Decided [2]int32
	Side    int

	// Applications counts what was hashed (opaque functions, set maxima, log forms, comparisons).
	Applications int
	// Lossy tells that something was evaluated of which the model knows less than is true: a function
	// without laws, a maximum, an order. Values that differ then may be equal.
	Lossy bool
	err   error
}

// NewSpace prepares test number test under key with n components.
func NewSpace(c *Chain, n int, key Key, model Model, roots Roots) *Space {
	s := &Space{Chain: c, N: n, Model: model, Roots: roots, OrderLevels: 1, full: 1<<n - 1,
		inputs: key.Label("inputs"), opaque: key.Label("opaque"), order: key.Label("order"),
		sets: map[uint64][]uint64{}, rank: map[uint64]struct{}{}, roots: map[uint64]struct{}{}}
	base := key.Label("omega")
	for i := 1; i < n; i++ {
		m := &c.Pr[i]
		var r [MaxComponents]uint64
		for try := uint64(0); ; try++ {
			base.residues(c, i+1, uint64(i), try, &r)
			if w := m.Mul(r[i], r[i]); w != 0 && w != m.one {
				s.omega[i] = powers(m, w)
				break
			}
		}
	}
	return s
}

// powers tabulates w^(b·256^j) for b < 256 and j < 8.
func powers(m *Prime, w uint64) []uint64 {
	t := make([]uint64, 8*256)
	for j := range 8 {
		row := t[256*j : 256*j+256]
		row[0] = m.one
		for b := 1; b < 256; b++ {
			row[b] = m.Mul(row[b-1], w)
		}
		w = m.Mul(row[255], w)
	}
	return t
}

// Err is the first operation without meaning: *Redraw, *Unsupported or *NeedOrder.
func (s *Space) Err() error { return s.err }

func (s *Space) fail(err error) Value {
	if s.err == nil {
		s.err = err
	}
	return Value{Kind: Undef}
}

// Input is entry index of the stream called label: uniform and independent in every component.
func (s *Space) Input(label *Key, index uint64) Value {
	v := Value{Mask: s.full}
	label.residues(s.Chain, s.N, index, 0, &v.C)
	return v
}

// Stream is the key of a named stream of inputs.
func (s *Space) Stream(name string) Key { return s.inputs.Label(name) }

// Symbol tells whether a literal is a variable of its own in this space.
func (s *Space) Symbol(r *big.Rat) bool {
	return s.Symbols && (r.Denom().BitLen() > 8 || r.Num().BitLen() > 16)
}

// Lit is the value of a rational literal.
func (s *Space) Lit(r *big.Rat) Value {
	if s.Symbol(r) {
		v := s.fresh("literal "+new(big.Rat).Abs(r).String(), 0)
		v.Sign = Positive
		if r.Sign() < 0 {
			return s.Neg(v)
		}
		return v
	}
	v := Value{Mask: s.full, Sign: Sign(2 * r.Sign())}
	for i := range s.N {
		var ok bool
		if v.C[i], ok = s.Chain.Pr[i].Rat(r); !ok {
			return s.fail(&Unsupported{"the denominator of a literal is a multiple of the field's characteristic"})
		}
	}
	if r.IsInt() && r.Num().IsInt64() {
		v.number(r.Num().Int64())
	}
	return v
}

// Prime is the field of component i.
func (s *Space) Prime(i int) *Prime { return &s.Chain.Pr[i] }

// Key identifies a value to opaque functions and sets: its residue in the highest component.
func (s *Space) Key(v Value) uint64 { return s.key(&v) }

// IsSet tells whether a value is a maximum of several arguments under model S.
func (s *Space) IsSet(v Value) bool {
	if v.Kind != Ord || v.Mask>>(s.N-1)&1 == 0 {
		return false
	}
	_, ok := s.sets[v.C[s.N-1]]
	return ok
}

// Int is the value of an integer literal.
func (s *Space) Int(n int64) Value {
	v := Value{Mask: s.full}
	for i := range s.N {
		m := &s.Chain.Pr[i]
		if n < 0 {
			v.C[i] = m.Neg(m.In(uint64(-n)))
		} else {
			v.C[i] = m.In(uint64(n))
		}
	}
	switch {
	case n > 0:
		v.Sign = Positive
	case n < 0:
		v.Sign = Negative
	}
	v.number(n)
	return v
}

// Infinity is ±∞.
func Infinity(sign int) Value {
	if sign < 0 {
		return Value{Kind: NegInf, Sign: Negative}
	}
	return Value{Kind: PosInf, Sign: Positive}
}

// top is the index of the highest present component.
func (v *Value) top() int { return bits.Len8(v.Mask) - 1 }

// key is what identifies a value to opaque functions: the residue of its highest component, which
// is the one every value at every nesting level has.
func (s *Space) key(v *Value) uint64 {
	if v.Mask>>(s.N-1)&1 == 0 {
		s.fail(&Unsupported{"a value without a top component reached an opaque function or a maximum"})
	}
	k := v.C[s.N-1]
	if v.Kind == LogOf {
		k ^= logDomain // separated by a constant that only coincides with probability 1/q
	}
	return k
}

const logDomain = 0x6c6f6720666f726d

// fresh is the value of the opaque function called name at the key.
func (s *Space) fresh(name string, key uint64) Value {
	s.Applications++
	s.Lossy = true
	v := Value{Mask: s.full}
	s.opaque.residues(s.Chain, s.N, labelHash(name), key, &v.C)
	return v
}

// Plain turns a value in log form into an ordinary one: a hash of ε.
func (s *Space) Plain(v Value) Value {
	if v.Kind != LogOf {
		return v
	}
	p := s.fresh("log", s.key(&v))
	p.Domain = v.Domain
	return p
}

// Format prints the value's highest component as an ordinary integer modulo its prime.
func (s *Space) Format(v Value) string {
	if v.IsTag() {
		return v.String()
	}
	t := v.top()
	if t < 0 {
		return "unknown"
	}
	text := fmt.Sprintf("%d mod %d", s.Chain.Pr[t].Out(v.C[t]), s.Chain.Pr[t].P)
	if v.Kind == LogOf {
		return "log(" + text + ")"
	}
	return text
}

// Compared is the number of distinct elements that were compared under model H.
func (s *Space) Compared() int { return len(s.rank) }

// RootCount is the number of distinct arguments of algebraic square roots.
func (s *Space) RootCount() int { return len(s.roots) }

// RootCall is one evaluation of an algebraic root: the residue of its argument, and whether that was a square in every
// component.
type RootCall struct {
	Residue uint64
	Square  bool
}

func (s *Space) isSquare(v *Value) bool {
	for i := range s.N {
		if v.Mask>>i&1 != 0 && !s.Chain.Pr[i].IsSquare(v.C[i]) {
			return false
		}
	}
	return true
}
