package ugraph

import (
	"fmt"
	"math"
	"sort"
	"unicode"
)

// IsIdentifier tells whether text can use the name: a letter or underscore, then those and digits, and
// not "program" or "const".
func IsIdentifier(s string) bool {
	if s == "" || s == "program" || s == "const" {
		return false
	}
	for i, c := range s {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.Is(unicode.Nd, c)) {
			return false
		}
	}
	return true
}

func checkNames(g *Graph) string {
	if !IsIdentifier(g.Name) && (g.Level == KernelLevel || g.Name != "") {
		return fmt.Sprintf("%q is not an identifier", g.Name)
	}
	if g.For != "" && !IsIdentifier(g.For) {
		return fmt.Sprintf("stands for %q, which is not an identifier", g.For)
	}
	values := map[string]ValueID{}
	for i := range g.Values {
		v := &g.Values[i]
		switch {
		case v.Name == "" && v.Node < 0 && g.Level == KernelLevel:
			return fmt.Sprintf("input %d has no name", v.Index)
		case v.Name == "":
			continue
		case !IsIdentifier(v.Name):
			return fmt.Sprintf("value %d is called %q, which is not an identifier", i, v.Name)
		}
		if _, dup := values[v.Name]; dup {
			return fmt.Sprintf("two values are called %s", v.Name)
		}
		values[v.Name] = ValueID(i)
	}
	outputs := map[string]bool{}
	for _, o := range g.Outputs {
		if !IsIdentifier(o.Name) {
			return fmt.Sprintf("an output is called %q, which is not an identifier", o.Name)
		}
		if outputs[o.Name] {
			return fmt.Sprintf("two outputs are called %s", o.Name)
		}
		outputs[o.Name] = true
		// Stores have names of their own, seen from outside only.
		if v, ok := values[o.Name]; ok && v != o.Value && g.Level != BlockLevel {
			return fmt.Sprintf("output %s is not the value of that name", o.Name)
		}
	}
	for i := range g.Values {
		v := &g.Values[i]
		if MadeUpName(v.Name) && !(v.Node < 0 && g.Level == KernelLevel) && (g.Level == BlockLevel || !outputs[v.Name]) {
			return fmt.Sprintf("value %d is called %s, which in text stands for no name", i, v.Name)
		}
	}
	dims := map[string]bool{"loop": true, "reduce": true}
	for _, d := range g.Grid {
		if !IsIdentifier(d.Name) || dims[d.Name] {
			return fmt.Sprintf("grid dimension %q: its name must be an identifier, not used twice, and not loop or reduce", d.Name)
		}
		dims[d.Name] = true
	}
	if g.Loop != nil && !IsIdentifier(g.Loop.Name) {
		return fmt.Sprintf("the loop is called %q, which is not an identifier", g.Loop.Name)
	}
	return ""
}

func checkAttributes(g *Graph) string {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		at := func(format string, args ...any) string {
			return fmt.Sprintf("node %d (%s): ", i, n.Op) + fmt.Sprintf(format, args...)
		}
		if !sort.SliceIsSorted(n.Attrs, func(i, j int) bool { return n.Attrs[i].Name < n.Attrs[j].Name }) {
			return at("attributes are not sorted by name")
		}
		for j, a := range n.Attrs {
			spec, ok := n.Op.Spec(a.Name)
			switch {
			case j > 0 && n.Attrs[j-1].Name == a.Name:
				return at("%s is given twice", a.Name)
			case !ok:
				return at("it has no attribute %q", a.Name)
			case spec.Kind != a.Kind:
				return at("%s must be %s", a.Name, spec.Kind)
			case spec.Default.Name != "" && spec.Default.String() == a.String():
				return at("%s has its default value and is not left out", a)
			case a.Kind == AttrWord && !IsIdentifier(a.Word):
				return at("%s is %q, which is not a word", a.Name, a.Word)
			case a.Kind == AttrDim && (len(a.Dims) != 1 || !positive(a.Dims[0])):
				return at("%s must be one dimension of 1 or more", a.Name)
			}
			if a.Kind == AttrNumber {
				if _, isInt := a.Number.IsInt(); IntegerAttr(a.Name) && !isInt {
					return at("%s must be an integer", a)
				}
				if err := CheckAttrNumber(a.Name, a.Number); err != nil {
					return at("%s", err)
				}
			}
			if a.Kind == AttrDims {
				for _, d := range a.Dims {
					if !positive(d) && (n.Op != OpReshape || !d.Is(-1)) {
						return at("%s has a dimension below 1", a)
					}
				}
			}
		}
	}
	return ""
}

// finiteAttrs are numbers that enter the arithmetic as they are.
var finiteAttrs = map[string]bool{"eps": true, "exponent": true, "scale": true, "theta": true}

// CheckAttrNumber checks the number of an attribute that enters the arithmetic as it is: finite, and
// in float64's range, the widest that anything computes in.
func CheckAttrNumber(name string, n Number) error {
	switch {
	case !finiteAttrs[name]:
	case n.IsInf() != 0:
		return fmt.Errorf("%s=%s must be finite", name, n)
	case math.IsInf(n.Float64(), 0):
		return fmt.Errorf("%s=%s is beyond the range of f64", name, n)
	}
	return nil
}

// positive tells whether a dimension is not a number below 1.
func positive(d Dim) bool {
	n, isNumber := d.Const()
	return d != Overflow && (!isNumber || n >= 1)
}
