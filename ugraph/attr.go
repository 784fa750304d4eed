package ugraph

import (
	"fmt"
	"sort"
	"strings"
)

// AttrKind is the kind of an attribute's value.
type AttrKind uint8

// Kinds of attribute values.
const (
	AttrNumber AttrKind = iota + 1
	AttrBool
	AttrWord
	AttrInts // a list of integers: axes, permutations
	AttrDims // a list of dimensions: shapes; -1 is the dimension to be found
	AttrDim  // one dimension: iota's n
)

var attrKindNames = [...]string{AttrNumber: "a number", AttrBool: "true or false", AttrWord: "a word", AttrInts: "a list of integers", AttrDims: "a list of dimensions", AttrDim: "a dimension"}

func (k AttrKind) String() string { return attrKindNames[k] }

// Attr is one attribute of an operator.
type Attr struct {
	Name   string
	Kind   AttrKind
	Number Number
	Bool   bool
	Word   string
	Ints   []int64
	Dims   []Dim // AttrDims, and AttrDim in its first entry
}

// Attrs are the attributes of a node, sorted by name, each at most once. Attributes that have
// their default value are left out, so that equal nodes have equal attributes.
type Attrs []Attr

// Constructors of attributes.

// NumberAttr is name=n.
func NumberAttr(name string, n Number) Attr { return Attr{Name: name, Kind: AttrNumber, Number: n} }

// IntAttr is name=n for an integer.
func IntAttr(name string, n int64) Attr { return NumberAttr(name, Int(n)) }

// BoolAttr is name=b.
func BoolAttr(name string, b bool) Attr { return Attr{Name: name, Kind: AttrBool, Bool: b} }

// WordAttr is name=w.
func WordAttr(name, w string) Attr { return Attr{Name: name, Kind: AttrWord, Word: w} }

// IntsAttr is name=[n, …].
func IntsAttr(name string, n ...int64) Attr { return Attr{Name: name, Kind: AttrInts, Ints: n} }

// DimsAttr is name=[d, …].
func DimsAttr(name string, d ...Dim) Attr { return Attr{Name: name, Kind: AttrDims, Dims: d} }

// DimAttr is name=d.
func DimAttr(name string, d Dim) Attr { return Attr{Name: name, Kind: AttrDim, Dims: []Dim{d}} }

// With returns the attributes with a set, replacing one of the same name.
func (as Attrs) With(a Attr) Attrs {
	out := make(Attrs, 0, len(as)+1)
	for _, x := range as {
		if x.Name != a.Name {
			out = append(out, x)
		}
	}
	out = append(out, a)
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Get returns the attribute called name.
func (as Attrs) Get(name string) (Attr, bool) {
	for _, a := range as {
		if a.Name == name {
			return a, true
		}
	}
	return Attr{}, false
}

// Int returns an integer attribute, or def.
func (as Attrs) Int(name string, def int64) int64 {
	if a, ok := as.Get(name); ok {
		if n, ok := a.Number.IsInt(); ok {
			return n
		}
	}
	return def
}

// Num returns a number attribute, or def.
func (as Attrs) Num(name string, def Number) Number {
	if a, ok := as.Get(name); ok && a.Kind == AttrNumber {
		return a.Number
	}
	return def
}

// Flag returns a boolean attribute; false where it is absent.
func (as Attrs) Flag(name string) bool {
	a, _ := as.Get(name)
	return a.Bool
}

// Word returns a word attribute, or def.
func (as Attrs) Word(name, def string) string {
	if a, ok := as.Get(name); ok {
		return a.Word
	}
	return def
}

// Value is the text of the attribute's value.
func (a Attr) Value() string {
	switch a.Kind {
	case AttrNumber:
		return a.Number.String()
	case AttrBool:
		return fmt.Sprint(a.Bool)
	case AttrWord:
		return a.Word
	case AttrInts:
		s := make([]string, len(a.Ints))
		for i, n := range a.Ints {
			s[i] = fmt.Sprint(n)
		}
		return "[" + strings.Join(s, ", ") + "]"
	case AttrDims:
		return ShapeString(a.Dims)
	case AttrDim:
		return a.Dims[0].String()
	}
	return "?"
}

// String is name=value.
func (a Attr) String() string { return a.Name + "=" + a.Value() }

// String is the attributes joined by ", ".
func (as Attrs) String() string {
	s := make([]string, len(as))
	for i, a := range as {
		s[i] = a.String()
	}
	return strings.Join(s, ", ")
}

// EqualAttrs tells whether two sets of attributes are the same.
func EqualAttrs(a, b Attrs) bool { return a.String() == b.String() }
