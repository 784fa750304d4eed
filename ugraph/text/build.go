package text

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph"
)

// builder makes one graph from its syntax tree. A statement with an error is left out and its names
// are broken: uses of them say nothing more.
type builder struct {
	*reporter
	g       *ugraph.Graph
	unit    *unit
	outer   *builder
	names   map[string]named
	later   map[string]int    // name -> line of its definition, for the statements of this graph
	casts   map[string]*ident // output name -> ": dtype"
	outputs map[string]bool
	used    map[string]bool  // symbols that a dimension or attribute names; of the top builder
	bounded []lexer.Position // where the symbols are bounded, in their order
	broken  map[string]bool  // symbols whose bounds are in error: dimensions that name them say nothing more
}

// named is what a name stands for.
type named struct {
	id     ugraph.ValueID
	pos    lexer.Position
	broken bool
}

// top returns the kernel-level builder.
func (b *builder) top() *builder {
	for b.outer != nil {
		b = b.outer
	}
	return b
}

func newBuilder(r *reporter, g *ugraph.Graph, outer *builder, body []*stmt) *builder {
	b := &builder{reporter: r, g: g, outer: outer, names: map[string]named{}, later: map[string]int{}, casts: map[string]*ident{}, outputs: map[string]bool{}, used: map[string]bool{}, broken: map[string]bool{}}
	if outer != nil {
		b.unit = outer.unit
	}
	for _, s := range body {
		if s.Def != nil {
			for _, n := range s.Def.Names {
				if _, ok := b.later[n.Text]; !ok {
					b.later[n.Text] = n.Pos.Line
				}
			}
		}
	}
	return b
}

func buildUnit(r *reporter, u *unit) *ugraph.Graph {
	before := len(r.list)
	g := &ugraph.Graph{Level: ugraph.KernelLevel, Name: u.Name.Text}
	b := newBuilder(r, g, nil, u.Body)
	b.unit = u
	b.checkName(u.Name)
	if u.For != nil {
		if u.Kind == "program" {
			b.errorf(u.For.Pos, "a program stands for itself; only a ugraph has \"for PROGRAM\"")
		}
		g.For = u.For.Text
	}
	b.symbols()
	for _, p := range u.Inputs {
		b.input(p)
	}
	b.declareOutputs(u.Outputs, true)
	b.statements(u.Body)
	b.defineOutputs(u.Outputs)
	if len(r.list) == before { // else what would use it may be in error
		b.unusedSymbols()
	}
	return g
}

// reserved words are no names.
func reserved(word string) bool { return word == "program" || word == "const" }

// checkName refuses the reserved words.
func (b *builder) checkName(n *ident) bool {
	if reserved(n.Text) {
		b.errorf(n.Pos, "%q cannot be a name", n.Text)
		return false
	}
	return true
}

// define gives a name to a value of this graph.
func (b *builder) define(n *ident, id ugraph.ValueID, broken bool) bool {
	if !b.checkName(n) {
		b.names[n.Text] = named{0, n.Pos, true} // its uses say nothing more
		return false
	}
	if old, ok := b.names[n.Text]; ok {
		b.errorf(n.Pos, "%s is defined in line %d already; each name is defined once", n.Text, old.pos.Line)
		return false
	}
	b.names[n.Text] = named{id, n.Pos, broken}
	return true
}

// lookup finds a name; ok is false where it is unknown (reported) or broken.
func (b *builder) lookup(n *ident) (ugraph.ValueID, bool) {
	if v, ok := b.names[n.Text]; ok {
		return v.id, !v.broken
	}
	if line, ok := b.later[n.Text]; ok {
		b.errorf(n.Pos, "%s is used before its definition in line %d; put the definition first", n.Text, line)
		return 0, false
	}
	if b.outer != nil {
		if _, ok := b.outer.names[n.Text]; ok {
			b.errorf(n.Pos, "%s is not passed into this %s graph; add it to the list in its parentheses", n.Text, b.g.Level)
			return 0, false
		}
	}
	known := make([]string, 0, len(b.names))
	for _, v := range b.unit.Inputs {
		known = append(known, v.Name.Text)
	}
	for i := range b.g.Values {
		known = append(known, b.g.Values[i].Name)
	}
	if _, err := ugraph.ParseDType(n.Text); err == nil {
		b.errorf(n.Pos, "%s is not defined; an element type has a name, as in cast(x, to=%s)", n.Text, n.Text)
		return 0, false
	}
	b.errorf(n.Pos, "%s is not defined%s", n.Text, nearest(n.Text, known))
	return 0, false
}

func (b *builder) input(p *param) {
	dt, err := ugraph.ParseDType(p.DType.Text)
	if err != nil {
		b.errorf(p.DType.Pos, "%s%s", err, nearestDType(p.DType.Text))
	}
	ok := err == nil
	t := ugraph.Type{DType: dt, Shape: make([]ugraph.Dim, len(p.Shape))}
	for i, s := range p.Shape {
		d, good := b.declaredDim(s)
		t.Shape[i], ok = d, ok && good
	}
	if ok {
		if err := ugraph.CheckBytes(t, b.g.Symbols); err != nil {
			b.errorf(p.Name.Pos, "%s: %s", p.Name.Text, err)
			ok = false
		}
	}
	if !ok {
		b.define(p.Name, 0, true)
		return
	}
	if id := ugraph.ValueID(len(b.g.Values)); b.define(p.Name, id, false) {
		b.g.AddInput(p.Name.Text, t, p.Const)
	}
}

// dtypesElsewhere is what other languages call the element types.
var dtypesElsewhere = map[string]ugraph.DType{
	"float": ugraph.F32, "float32": ugraph.F32, "fp32": ugraph.F32, "single": ugraph.F32, "float64": ugraph.F64, "fp64": ugraph.F64, "double": ugraph.F64,
	"float16": ugraph.F16, "fp16": ugraph.F16, "half": ugraph.F16, "bfloat16": ugraph.BF16, "float8": ugraph.F8E4M3, "fp8": ugraph.F8E4M3,
	"long": ugraph.I64, "int64": ugraph.I64, "int": ugraph.I32, "int32": ugraph.I32, "int8": ugraph.I8, "uint8": ugraph.U8, "byte": ugraph.U8, "boolean": ugraph.Bool,
}

// nearestDType is nearest among the element types.
func nearestDType(word string) string {
	if d, ok := dtypesElsewhere[strings.ToLower(word)]; ok {
		return fmt.Sprintf(" (did you mean %q?)", d)
	}
	var names []string
	for _, d := range ugraph.DTypes() {
		names = append(names, d.String())
	}
	return nearest(word, names)
}

// declaredDim is a dimension of an input: an integer, a symbol, or their product.
func (b *builder) declaredDim(s *sum) (ugraph.Dim, bool) {
	d, ok := b.dim(s)
	if !ok {
		return d, false
	}
	if n, isNumber := d.Const(); isNumber {
		if n < 1 {
			b.errorf(s.Pos, "dimension %d; it must be 1 or more", n)
			return d, false
		}
		return d, true
	}
	if !ugraph.Declarable(d) {
		b.errorf(s.Pos, "dimension %s; an input's is an integer, a symbol, or integer * symbol", d)
		return d, false
	}
	return d, true
}

// declareOutputs notes the outputs' names and casts.
func (b *builder) declareOutputs(outs []*result, casts bool) {
	seen := map[string]bool{}
	for _, o := range outs {
		b.checkName(o.Name)
		if seen[o.Name.Text] {
			b.errorf(o.Name.Pos, "output %s is listed twice", o.Name.Text)
		}
		seen[o.Name.Text] = true
		b.outputs[o.Name.Text] = true
		if o.DType == nil {
			continue
		}
		if !casts {
			b.errorf(o.DType.Pos, "only a program's outputs are cast; write %s = cast(…, to=%s)", o.Name.Text, o.DType.Text)
			continue
		}
		if _, err := ugraph.ParseDType(o.DType.Text); err != nil {
			b.errorf(o.DType.Pos, "%s%s", err, nearestDType(o.DType.Text))
			continue
		}
		b.casts[o.Name.Text] = o.DType
	}
	if len(outs) == 0 {
		pos := b.unit.Name.Pos
		b.errorf(pos, "%s has no outputs; name at least one in -> ( )", b.g.Name)
	}
}

// defineOutputs adds the outputs when all statements are there.
func (b *builder) defineOutputs(outs []*result) {
	for _, o := range outs {
		v, ok := b.names[o.Name.Text]
		if !ok && reserved(o.Name.Text) {
			continue // reported with its declaration
		}
		if !ok {
			known := make([]string, 0, len(b.names))
			for i := range b.g.Values {
				known = append(known, b.g.Values[i].Name)
			}
			b.errorf(o.Name.Pos, "output %s has no definition%s; add a statement %s = …", o.Name.Text, nearest(o.Name.Text, known), o.Name.Text)
			continue
		}
		if v.broken {
			continue
		}
		id := v.id
		if c, isInput := b.casts[o.Name.Text], b.g.Values[id].Node < 0; c != nil && isInput && b.g.Values[id].DType.String() != c.Text {
			id, ok = b.emit(o.Name.Pos, ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", c.Text)}, id)
			if !ok {
				continue
			}
		}
		b.g.Outputs = append(b.g.Outputs, ugraph.Output{Name: o.Name.Text, Value: id})
	}
}

// emit appends an operator with one result.
func (b *builder) emit(pos lexer.Position, op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) (ugraph.ValueID, bool) {
	rs, ok := b.append(pos, ugraph.Node{Op: op, Attrs: ugraph.CanonicalAttrs(op, attrs), Args: args})
	if !ok {
		return 0, false
	}
	return rs[0], true
}

// append adds a node and reports what its rules refuse.
func (b *builder) append(pos lexer.Position, n ugraph.Node) ([]ugraph.ValueID, bool) {
	rs, err := b.g.Append(n)
	if err != nil {
		b.errorf(pos, "%s", err)
		return nil, false
	}
	for _, r := range rs {
		if err := ugraph.CheckBytes(b.g.Values[r].Type, b.top().g.Symbols); err != nil {
			b.errorf(pos, "%s: %s", n.Op, err)
			return nil, false
		}
	}
	return rs, true
}

func (b *builder) statements(body []*stmt) {
	for _, s := range body {
		if b.full() {
			return
		}
		switch {
		case s.Store != nil:
			b.store(s)
		case s.Def.Kernel != nil:
			b.kernel(s.Def)
		case s.Def.Thread != nil:
			b.thread(s.Def)
		default:
			b.assign(s.Def)
		}
	}
}

// assign is name = expression, or several names for an operator's several results.
func (b *builder) assign(d *def) {
	t := b.tree(d.Value)
	if len(d.Names) > 1 {
		ids, ok := b.multi(t, len(d.Names))
		b.bindResults(d.Names, ids, ok)
		return
	}
	n := d.Names[0]
	if t != nil && t.name != nil {
		if v, ok := b.names[t.name.Text]; ok || t.name.Text != "inf" {
			b.alias(n, t.name, v)
			return
		}
	}
	id, ok := b.value(t)
	if ok {
		id, ok = b.castOutput(n, id)
	}
	b.bindResults(d.Names, []ugraph.ValueID{id}, ok)
}

// castOutput applies the cast that the signature asks for an output.
func (b *builder) castOutput(n *ident, id ugraph.ValueID) (ugraph.ValueID, bool) {
	c := b.casts[n.Text]
	if c == nil || b.g.Values[id].DType.String() == c.Text {
		return id, true
	}
	return b.emit(n.Pos, ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", c.Text)}, id)
}

// alias gives a second name to a value.
func (b *builder) alias(n, old *ident, v named) {
	id, ok := b.lookup(old)
	if ok && b.casts[n.Text] != nil {
		cast, good := b.castOutput(n, id)
		if !good || cast != id {
			b.bindResults([]*ident{n}, []ugraph.ValueID{cast}, good)
			return
		}
	}
	b.define(n, id, !ok || v.broken)
}

// bindResults names the results of a node: they have no name yet.
func (b *builder) bindResults(names []*ident, ids []ugraph.ValueID, ok bool) {
	for i, n := range names {
		if !ok {
			b.define(n, 0, true)
			continue
		}
		if len(names) > 1 && b.casts[n.Text] != nil {
			if ids[i], ok = b.castOutput(n, ids[i]); !ok {
				b.define(n, 0, true)
				continue
			}
		}
		if b.define(n, ids[i], false) && (!ugraph.MadeUpName(n.Text) || b.outputs[n.Text]) {
			b.g.Values[ids[i]].Name = n.Text
		}
	}
}

// dim evaluates a dimension.
func (b *builder) dim(s *sum) (ugraph.Dim, bool) {
	d, ok := b.product(s.First)
	for _, a := range s.Rest {
		e, good := b.product(a.Product)
		if a.Op == "-" {
			d = d.Sub(e)
		} else {
			d = d.Add(e)
		}
		ok = ok && good
	}
	if ok && d == ugraph.Overflow {
		b.errorf(s.Pos, "dimension beyond 2^63, or a polynomial of too many terms")
		return d, false
	}
	return d, ok
}

func (b *builder) product(p *product) (ugraph.Dim, bool) {
	d, ok := b.factor(p.First)
	for _, s := range p.Rest {
		e, good := b.factor(s.Factor)
		if s.Op == "/" {
			b.errorf(s.Factor.Pos, "a dimension is a polynomial; rounded-up division is ceil(size, divisor)")
			return d, false
		}
		d, ok = d.Mul(e), ok && good
	}
	return d, ok
}

func (b *builder) factor(f *factor) (ugraph.Dim, bool) {
	d, ok := b.factorAbs(f)
	if f.Minus {
		d = d.Mul(ugraph.D(-1))
	}
	return d, ok
}

func (b *builder) factorAbs(f *factor) (ugraph.Dim, bool) {
	switch {
	case f.Number != "":
		n, ok := b.integer(f.Pos, f.Number)
		return ugraph.D(n), ok
	case f.Ceil != nil:
		d, ok := b.dim(f.Ceil.Num)
		n, good := b.integer(f.Pos, f.Ceil.Den)
		if good && n < 1 {
			b.errorf(f.Pos, "ceil divides by %d; the divisor must be 1 or more", n)
			return d, false
		}
		if !ok || !good {
			return d, false
		}
		return d.CeilDiv(n), true
	case f.Paren != nil:
		return b.dim(f.Paren)
	}
	if b.top().broken[f.Word] {
		return ugraph.D(1), false
	}
	if _, ok := b.top().g.Symbol(f.Word); !ok {
		var have []string
		for _, s := range b.top().g.Symbols {
			have = append(have, s.Name)
		}
		b.errorf(f.Pos, "symbol %s has no bounds%s; add: where %s <= …", f.Word, nearest(f.Word, have), f.Word)
		b.top().broken[f.Word] = true
		return ugraph.D(1), false
	}
	b.top().used[f.Word] = true
	return ugraph.Sym(f.Word), true
}

// integer reads an integer literal.
func (b *builder) integer(pos lexer.Position, s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if n, err := ugraph.ParseNumber(s); err == nil {
		if v, ok := n.IsInt(); ok {
			return v, true
		}
		if n.IsInf() == 0 && n.Rat().IsInt() {
			b.errorf(pos, "integer %s is beyond 2^63", s)
			return 0, false
		}
	}
	b.errorf(pos, "expected an integer, got %s", s)
	return 0, false
}

// number reads an attribute's number: a decimal, inf, or a quotient of integers.
func (b *builder) number(s *sum) (ugraph.Number, bool) {
	p := s.First
	fail := func(what string) (ugraph.Number, bool) {
		b.errorf(s.Pos, "expected a number%s", what)
		return ugraph.Number{}, false
	}
	if len(s.Rest) > 0 || len(p.Rest) > 1 || len(p.Rest) == 1 && p.Rest[0].Op != "/" {
		return fail(", not an expression")
	}
	text := p.First.Number
	if p.First.Word == "inf" {
		text = "inf"
	}
	if text == "" {
		if p.First.Word != "" {
			return fail(fmt.Sprintf(", got %q", p.First.Word))
		}
		return fail("")
	}
	n, err := ugraph.ParseNumber(text)
	if err != nil {
		b.errorf(s.Pos, "%s", err)
		return n, false
	}
	if len(p.Rest) == 1 {
		d, err := ugraph.ParseNumber(p.Rest[0].Factor.Number)
		if err != nil || n.IsInf() != 0 || d.Rat().Sign() == 0 || p.Rest[0].Factor.Minus {
			return fail(" or a quotient of integers")
		}
		n = ugraph.Rat(new(big.Rat).Quo(n.Rat(), d.Rat()))
	}
	if p.First.Minus {
		n = n.Neg()
	}
	return n, true
}
