package onnx

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// declare makes tensors of the model's inputs and initializers, and keeps the outputs' names free for them.
func (im *importer) declare(g *graphProto) error {
	given := map[string]bool{}
	for i := range g.initializers {
		given[g.initializers[i].name] = true
	}
	for i := range g.inputs {
		v := &g.inputs[i]
		if given[v.name] { // an initializer that a caller could replace: a weight
			continue
		}
		typ, err := im.typeOf(v, v.name)
		if err != nil {
			return fmt.Errorf("input %q: %w", v.name, err)
		}
		t := &tensor{name: v.name, ident: im.identifier(v.name), typ: typ, level: -1, given: true}
		if v.name == "" {
			t.ident = im.identifier(fmt.Sprintf("in%d", i))
		}
		im.tensors[v.name] = t
		im.inputs = append(im.inputs, t)
	}
	for i := range g.initializers {
		p := &g.initializers[i]
		t, err := im.constant(p)
		if err != nil {
			return fmt.Errorf("initializer %q: %w", p.name, err)
		}
		t.name, t.ident = p.name, im.identifier(p.name)
		im.tensors[p.name] = t
	}
	for i := range g.outputs {
		name := g.outputs[i].name
		if _, twice := im.reserved[name]; twice {
			return fmt.Errorf("output %q is named twice", name)
		}
		switch t := im.tensors[name]; {
		case t == nil && name == "":
			im.reserved[name] = im.identifier(fmt.Sprintf("out%d", i))
		case t == nil:
			im.reserved[name] = im.identifier(name)
		default:
			im.reserved[name] = t.ident
		}
	}
	return nil
}

// constant makes a tensor of one in the file: its elements are known where they may be sizes, or where
// there is one.
func (im *importer) constant(p *tensorProto) (*tensor, error) {
	dt, shape, err := im.from.check(p)
	if err != nil {
		return nil, err
	}
	t := &tensor{typ: ugraph.Type{DType: dt, Shape: ugraph.Ds(shape...)}, level: -1, weight: &Weight{DType: dt, Shape: shape, proto: p, from: im.from}}
	n, _ := t.elements()
	if n <= 1 || n <= maxKnown && !dt.IsFloat() {
		if t.known, err = im.from.elementsOf(p, dt); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// typeOf reads a declared type. Extents without a number become symbols: of dim_param, or of their own.
func (im *importer) typeOf(v *valueProto, name string) (ugraph.Type, error) {
	switch {
	case v.typ == nil:
		return ugraph.Type{}, fmt.Errorf("the file does not say its type")
	case v.typ.tensor == nil && v.typ.other != "":
		return ugraph.Type{}, fmt.Errorf("it is %s; .ug has dense tensors only", v.typ.other)
	case v.typ.tensor == nil || !v.typ.tensor.hasShape:
		return ugraph.Type{}, fmt.Errorf("the file does not say its shape")
	}
	dt, err := elementType(v.typ.tensor.elem)
	if err != nil {
		return ugraph.Type{}, err
	}
	typ := ugraph.Type{DType: dt, Shape: []ugraph.Dim{}}
	for i, d := range v.typ.tensor.dims {
		switch {
		case d.hasValue && d.value < 1:
			return ugraph.Type{}, fmt.Errorf("axis %d has extent %d; .ug has no empty tensors", i, d.value)
		case d.hasValue:
			typ.Shape = append(typ.Shape, ugraph.D(d.value))
		case d.param != "":
			e, err := im.symbol(d.param)
			if err != nil {
				return ugraph.Type{}, err
			}
			typ.Shape = append(typ.Shape, e)
		default:
			e, err := im.symbol(fmt.Sprintf("%s_%d", name, i))
			if err != nil {
				return ugraph.Type{}, err
			}
			typ.Shape = append(typ.Shape, e)
		}
	}
	return typ, nil
}

// symbol is the extent that dim_param names: a symbol, an integer times a symbol, or, for any other
// expression, a symbol called after it.
func (im *importer) symbol(param string) (ugraph.Dim, error) {
	factor := int64(1)
	if a, b, ok := strings.Cut(param, "*"); ok && !strings.ContainsAny(b, "*+-/() ") {
		if n := parseFactor(a); n > 0 {
			factor, param = n, b
		}
	}
	name := symbolName(param)
	if n, ok := im.opts.Dims[name]; ok {
		im.fixed[name] = true
		return ugraph.D(n).Mul(ugraph.D(factor)), nil
	}
	if im.declaredSymbols[name] {
		return ugraph.Sym(name).Mul(ugraph.D(factor)), nil
	}
	if len(im.symbols) >= maxSymbols {
		return ugraph.Dim{}, fmt.Errorf("more than %d dynamic dimensions", maxSymbols)
	}
	bound, ok := im.opts.Bounds[name]
	if !ok {
		bound, ok = im.opts.Bounds[""]
	}
	if !ok {
		bound = DefaultBound
		im.defaulted = append(im.defaulted, name)
	}
	im.declaredSymbols[name] = true
	im.symbols = append(im.symbols, ugraph.Symbol{Name: name, Lo: 1, Hi: bound, Multiple: 1})
	return ugraph.Sym(name).Mul(ugraph.D(factor)), nil
}

func parseFactor(s string) int64 {
	n := int64(0)
	for _, c := range strings.TrimSpace(s) {
		if c < '0' || c > '9' || n > 1<<30 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

const (
	maxIdent   = 120 // bytes of a name that is made from the model's
	maxSymbols = 64  // of a model
)

// symbolName makes a symbol's name from a dim_param.
func symbolName(s string) string { return cleanName(s, "N") }

// cleanName makes an identifier: what cannot stand in one becomes an underscore.
func cleanName(s, prefix string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case b.Len() >= maxIdent:
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0:
			b.WriteByte('_')
		}
	}
	name := strings.TrimRight(b.String(), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' || !ugraph.IsIdentifier(name) {
		name = prefix + name
	}
	return name
}

// identifier makes a name that no other tensor has.
func (im *importer) identifier(s string) string {
	if name, ok := im.reserved[s]; ok {
		return name
	}
	base := cleanName(s, "t")
	for name := base; ; {
		if _, taken := im.idents[name]; !taken {
			im.idents[name] = 1
			return name
		}
		im.idents[base]++
		name = fmt.Sprintf("%s_%d", base, im.idents[base])
	}
}
