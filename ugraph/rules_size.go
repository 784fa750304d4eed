package ugraph

import (
	"fmt"
	"strings"
)

// CheckBytes returns an error where a tensor of the type may have 2^62 bytes or more, or no element,
// for some size of its symbols: a polynomial with a negative term is judged at both ends of the ranges.
func CheckBytes(t Type, symbols []Symbol) error {
	if err := checkSize(t); err != nil {
		return err
	}
	symbolic := false
	for _, d := range t.Shape {
		if _, ok := d.Const(); !ok {
			symbolic = true
		}
	}
	if !symbolic {
		return nil
	}
	lo, hi := Env{}, Env{}
	for _, s := range symbols {
		lo[s.Name], hi[s.Name] = s.At(s.Lo), s.At(s.Hi)
	}
	bytes := int64(t.DType.Size())
	for _, d := range t.Shape {
		low, err := d.Eval(lo)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		n, err := d.Eval(hi)
		if err == nil {
			var ok bool
			if bytes, ok = mulInt(bytes, n); !ok || bytes >= maxBytes {
				err = fmt.Errorf("beyond")
			}
		}
		if err != nil {
			return fmt.Errorf("a tensor of 2^62 bytes or more at the symbols' upper bounds: %s", t)
		}
		if low < 1 || n < 1 {
			return fmt.Errorf("an empty tensor at a bound of its symbols: %s", t)
		}
	}
	return nil
}

// Declarable tells whether an input may have the dimension: an integer of 1 or more, a symbol, or a
// positive integer times a symbol.
func Declarable(d Dim) bool {
	if n, ok := d.Const(); ok {
		return n >= 1
	}
	ts := d.terms()
	return d != Overflow && d.c == 0 && len(ts) == 1 && ts[0].coef >= 1 && len(ts[0].atoms) == 1 && ts[0].atoms[0].sym != ""
}

// integerAttrs are the attributes of kind AttrNumber that must be integers.
var integerAttrs = map[string]bool{"axis": true, "parts": true, "k": true, "start": true, "end": true, "loop": true}

// IntegerAttr tells whether an attribute that is a number must be an integer.
func IntegerAttr(name string) bool { return integerAttrs[name] }

// MadeUpName tells whether a name is an underscore and digits: in text such a name stands for a value
// without one.
func MadeUpName(name string) bool {
	digits := strings.TrimPrefix(name, "_")
	return len(digits) > 0 && len(digits) < len(name) && strings.Trim(digits, "0123456789") == ""
}
