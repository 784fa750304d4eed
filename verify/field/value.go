package field

import "fmt"

// Kind says which form a Value has.
type Kind uint8

// The forms of a value.
const (
	Ord    Kind = iota // residues
	NegInf             // −∞
	PosInf             // +∞
	Undef              // NaN in IEEE arithmetic: ∞−∞, 0·∞, ∞/∞, 0/0
	LogOf              // log form: C holds ε = exp(value)
)

// Value is an element of the model. C has one residue (Montgomery form) per component; Mask says
// which components are present: an absent one is unknown, not 0. Sign is what is known of the real
// value for every input where it is defined. Domain is the set of conditions on the inputs under which
// the value is defined (Space.Unmet), 0 for none.
type Value struct {
	C    [MaxComponents]uint64
	Mask uint8
	Kind Kind
	Sign Sign
	// Number tells that the value is the integer N for every input: a literal, or computed from
	// literals alone. Numbers are ordered in every model.
	Number bool
	N      int32
	Domain int32
}

// number marks a value as the integer n, where that fits.
func (v *Value) number(n int64) {
	if n == int64(int32(n)) {
		v.Number, v.N = true, int32(n)
	}
}

// IsTag tells whether v is −∞, +∞ or undefined.
func (v Value) IsTag() bool { return v.Kind == NegInf || v.Kind == PosInf || v.Kind == Undef }

// zero tells whether every present component vanishes.
func (v *Value) zero() bool {
	if v.Kind != Ord {
		return false
	}
	for i := range v.C {
		if v.Mask>>i&1 != 0 && v.C[i] != 0 {
			return false
		}
	}
	return true
}

// Same tells whether two values are equal in every component that both have, and have one. Values
// of different forms are different; two undefined values are the same.
func (v Value) Same(u Value) bool {
	if v.Kind != u.Kind {
		return false
	}
	if v.IsTag() {
		return true
	}
	m := v.Mask & u.Mask
	for i := range v.C {
		if m>>i&1 != 0 && v.C[i] != u.C[i] {
			return false
		}
	}
	return m != 0
}

// Redraw reports that this draw of inputs cannot be used: a denominator or an argument of a square
// root or order fell where the model has no value. Another draw may do.
type Redraw struct{ What string }

func (e *Redraw) Error() string { return "redraw: " + e.What }

// Unsupported reports that the model has no meaning for the program.
type Unsupported struct{ What string }

func (e *Unsupported) Error() string { return "not verifiable: " + e.What }

// NeedOrder reports that the program asks for the order of two values, which model S does not have.
type NeedOrder struct{ What string }

func (e *NeedOrder) Error() string { return "the order of values decides: " + e.What }

// Model is the meaning of max, min and comparisons.
type Model uint8

// The three models of the maximum.
const (
	S Model = iota // free semilattice: a maximum is the set of its arguments
	H              // selection under a keyed random weak order
	Q              // a < b iff b−a is a square
)

func (m Model) String() string { return [...]string{"S", "H", "Q"}[m] }

// Roots is the meaning of the square root.
type Roots uint8

const (
	OpaqueRoots    Roots = iota // sqrt is an opaque function
	AlgebraicRoots              // sqrt x = x^((p+1)/4); arguments must be squares
)

func (r Roots) String() string { return [...]string{"opaque", "algebraic"}[r] }

// String prints the components of a value as ordinary integers are printed by Space.Format; here
// the raw residues, for debugging.
func (v Value) String() string {
	switch v.Kind {
	case NegInf:
		return "-inf"
	case PosInf:
		return "inf"
	case Undef:
		return "undefined"
	case LogOf:
		return fmt.Sprintf("log%v", v.C)
	}
	return fmt.Sprintf("%v/%04b", v.C, v.Mask)
}
