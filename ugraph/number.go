package ugraph

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Number is an exact literal: a rational, or ±infinity. Numbers are immutable.
type Number struct {
	rat *big.Rat // nil: 0, unless inf is not 0
	inf int8     // +1, -1, or 0
}

// Int is the Number n.
func Int(n int64) Number { return Number{rat: big.NewRat(n, 1)} }

// Rat is the Number r.
func Rat(r *big.Rat) Number { return Number{rat: new(big.Rat).Set(r)} }

// Inf is +infinity for sign ≥ 0, -infinity otherwise.
func Inf(sign int) Number {
	if sign < 0 {
		return Number{inf: -1}
	}
	return Number{inf: 1}
}

// Float is the Number whose value is exactly x; NaN is not a number.
func Float(x float64) (Number, error) {
	switch {
	case math.IsNaN(x):
		return Number{}, fmt.Errorf("not a number")
	case math.IsInf(x, 0):
		return Inf(int(math.Copysign(1, x))), nil
	}
	return Number{rat: new(big.Rat).SetFloat64(x)}, nil
}

// maxExponent bounds the decimal exponent of literals: beyond it no element type has a value.
const maxExponent = 400

// ParseNumber reads an exact decimal (12, 0.5, .5, 1e-5) or inf, with an optional minus.
func ParseNumber(s string) (Number, error) {
	t := strings.TrimPrefix(s, "-")
	if t == "inf" {
		return Inf(1 - 2*(len(s)-len(t))), nil
	}
	mant, exp := t, 0
	if i := strings.IndexAny(t, "eE"); i >= 0 {
		mant = t[:i]
		if _, err := fmt.Sscanf(t[i+1:], "%d", &exp); err != nil {
			return Number{}, fmt.Errorf("bad number %q", s)
		}
		if exp > maxExponent || exp < -maxExponent {
			return Number{}, fmt.Errorf("number %q: exponent beyond ±%d", s, maxExponent)
		}
	}
	for _, c := range mant {
		if (c < '0' || c > '9') && c != '.' {
			return Number{}, fmt.Errorf("bad number %q", s)
		}
	}
	if len(mant) > 1000 || mant == "" || mant == "." {
		return Number{}, fmt.Errorf("bad number %q", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return Number{}, fmt.Errorf("bad number %q", s)
	}
	return Number{rat: r}, nil
}

// Rat returns the rational value, or nil for an infinity. It must not be changed.
func (n Number) Rat() *big.Rat {
	if n.inf != 0 {
		return nil
	}
	if n.rat == nil {
		return new(big.Rat)
	}
	return n.rat
}

// IsInf returns the sign of an infinity, 0 for a finite number.
func (n Number) IsInf() int { return int(n.inf) }

// Float64 is the nearest float64.
func (n Number) Float64() float64 {
	if n.inf != 0 {
		return math.Inf(int(n.inf))
	}
	f, _ := n.Rat().Float64()
	return f
}

// IsInt tells whether the number is an integer in int64's range, and which.
func (n Number) IsInt() (int64, bool) {
	if n.inf != 0 || !n.Rat().IsInt() || !n.Rat().Num().IsInt64() {
		return 0, false
	}
	return n.Rat().Num().Int64(), true
}

// Neg is -n.
func (n Number) Neg() Number {
	if n.inf != 0 {
		return Number{inf: -n.inf}
	}
	return Number{rat: new(big.Rat).Neg(n.Rat())}
}

// Cmp compares two numbers.
func (n Number) Cmp(m Number) int {
	if n.inf != 0 || m.inf != 0 {
		return int(n.inf) - int(m.inf)
	}
	return n.Rat().Cmp(m.Rat())
}

// String is the canonical text: a decimal where one exists, else a quotient.
func (n Number) String() string {
	switch {
	case n.inf > 0:
		return "inf"
	case n.inf < 0:
		return "-inf"
	case n.Rat().IsInt() && len(n.Rat().Num().String()) <= 18:
		return n.Rat().Num().String()
	}
	// A decimal exists where only 2 and 5 divide the denominator.
	two, den := removeFactor(n.Rat().Denom(), 2)
	five, rest := removeFactor(den, 5)
	exp := max(two, five)
	if !rest.IsInt64() || rest.Int64() != 1 || exp > maxDecimals {
		return n.Rat().String()
	}
	m := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)
	m.Mul(m, n.Rat().Num())
	digits := m.Quo(m, n.Rat().Denom()).String()
	neg := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits, exp = digits[:len(digits)-1], exp-1
	}
	var s string
	switch point := len(digits) - exp; {
	case point > 18 || point < -5:
		s = digits[:1]
		if len(digits) > 1 {
			s += "." + digits[1:]
		}
		s += fmt.Sprintf("e%d", point-1)
	case point <= 0:
		s = "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		s = digits + strings.Repeat("0", point-len(digits))
	default:
		s = digits[:point] + "." + digits[point:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// maxDecimals bounds the places of a decimal.
const maxDecimals = 2000

// removeFactor divides a positive integer by a small prime as often as it goes, or a little beyond maxDecimals times.
func removeFactor(x *big.Int, p int64) (times int, rest *big.Int) {
	for by := big.NewInt(p); times <= maxDecimals; times++ {
		q, rem := new(big.Int).QuoRem(x, by, new(big.Int))
		if rem.Sign() != 0 {
			break
		}
		x = q
	}
	return times, x
}
