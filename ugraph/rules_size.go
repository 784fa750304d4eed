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

// everyGraph calls f with a graph and the graphs in it until f returns a description.
func everyGraph(g *Graph, f func(*Graph) string) string {
	if what := f(g); what != "" {
		return what
	}
	for i := range g.Nodes {
		if b := g.Nodes[i].Body; b != nil {
			if what := everyGraph(b, f); what != "" {
				return fmt.Sprintf("node %d: %s", i, what)
			}
		}
	}
	return ""
}

func checkSymbols(g *Graph) string {
	declared := map[string]bool{}
	for _, s := range g.Symbols {
		switch {
		case !IsIdentifier(s.Name) || declared[s.Name]:
			return fmt.Sprintf("symbol %q: its name must be an identifier, not used twice", s.Name)
		case s.Lo < 1 || s.Hi < s.Lo || s.Multiple < 1 || s.Hi > maxBytes || s.At(s.Lo) < s.Lo || s.At(s.Lo) > s.Hi:
			return fmt.Sprintf("symbol %s: the range %d <= %s <= %d with %s %% %d == 0 is empty or beyond 2^62", s.Name, s.Lo, s.Name, s.Hi, s.Name, s.Multiple)
		}
		declared[s.Name] = true
	}
	check := func(what string, ds ...Dim) string {
		for _, d := range ds {
			for _, s := range d.Symbols() {
				if !declared[s] {
					return fmt.Sprintf("%s uses symbol %s, which has no bounds", what, s)
				}
			}
		}
		return ""
	}
	return everyGraph(g, func(h *Graph) string {
		for i := range h.Values {
			if what := check(fmt.Sprintf("value %d", i), h.Values[i].Shape...); what != "" {
				return what
			}
		}
		for i := range h.Nodes {
			for _, a := range h.Nodes[i].Attrs {
				if what := check(fmt.Sprintf("node %d", i), a.Dims...); what != "" {
					return what
				}
			}
		}
		for _, d := range h.Grid {
			if what := check("grid dimension "+d.Name, d.Extent); what != "" {
				return what
			}
		}
		if h.Loop != nil {
			return check("the loop", h.Loop.Extent)
		}
		return ""
	})
}

func checkInputs(g *Graph) string {
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		if v.Cuts != nil {
			return fmt.Sprintf("input %d is a tile", i)
		}
		for _, d := range v.Shape {
			if !g.Part && !Declarable(d) {
				return fmt.Sprintf("input %s has a dimension %s; it must be an integer, a symbol, or integer * symbol", v.Name, d)
			}
		}
	}
	return ""
}

func checkSizes(g *Graph) string {
	return everyGraph(g, func(h *Graph) string {
		for i := range h.Values {
			if err := CheckBytes(h.Values[i].Type, g.Symbols); err != nil {
				return fmt.Sprintf("value %d: %v", i, err)
			}
		}
		return ""
	})
}

// divides tells whether n divides d at every size of the symbols, as far as the coefficients and the
// symbols' divisibility show.
func divides(d Dim, n int64, symbols []Symbol) bool {
	if d == Overflow || d.c%n != 0 {
		return false
	}
	for _, t := range d.terms() {
		r := t.coef % n
		for _, a := range t.atoms {
			for _, s := range symbols {
				if s.Name == a.sym && s.Multiple > 1 {
					var ok bool
					if r, ok = mulInt(r, s.Multiple%n); !ok {
						return false
					}
					r %= n
				}
			}
		}
		if r != 0 {
			return false
		}
	}
	return true
}

// exact tells whether every tile of a cut has the same extent.
func (d GridDim) exact(symbols []Symbol) bool {
	if d.Parts > 0 {
		return true
	}
	n, isNumber := d.Extent.Const()
	return isNumber && n <= d.Tile || divides(d.Extent, d.Tile, symbols)
}
