package text

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph"
)

// tree is an expression with its precedence resolved: a name, a number, an operator with operands, or
// a call.
type tree struct {
	pos  lexer.Position
	name *ident
	num  *ugraph.Number
	op   ugraph.Op // infix, or OpNeg
	args []*tree
	call *call
	bad  bool // reported already
}

// infixOps is the table of infix operators; a higher precedence binds tighter.
var infixOps = map[string]struct {
	op   ugraph.Op
	prec int
}{
	"@": {ugraph.OpMatMul, precMul}, "*": {ugraph.OpMul, precMul}, "/": {ugraph.OpDiv, precMul},
	"+": {ugraph.OpAdd, precAdd}, "-": {ugraph.OpSub, precAdd},
	"<": {ugraph.OpLess, precCompare}, "<=": {ugraph.OpLessEqual, precCompare}, "==": {ugraph.OpEqual, precCompare},
	">=": {ugraph.OpGreaterEqual, precCompare}, ">": {ugraph.OpGreater, precCompare},
}

const (
	precCompare = iota + 1
	precAdd
	precMul
	precUnary
	precAtom
)

// tree resolves the precedence of a chain: operands and operators wait on two stacks.
func (b *builder) tree(e *expr) *tree {
	operands := []*tree{b.operand(e.First)}
	var ops []*infix
	reduce := func() {
		o := ops[len(ops)-1]
		ops = ops[:len(ops)-1]
		x, y := operands[len(operands)-2], operands[len(operands)-1]
		operands = append(operands[:len(operands)-2], &tree{pos: o.Pos, op: infixOps[o.Op].op, args: []*tree{x, y}, bad: x.bad || y.bad})
	}
	for _, in := range e.Rest {
		prec := infixOps[in.Op].prec
		for len(ops) > 0 && infixOps[ops[len(ops)-1].Op].prec >= prec {
			if top := ops[len(ops)-1].Op; infixOps[top].prec == precCompare {
				b.errorf(in.Pos, "comparisons are not chained; write and(a %s b, b %s c)", top, in.Op)
				return &tree{pos: in.Pos, bad: true}
			}
			reduce()
		}
		ops = append(ops, in)
		operands = append(operands, b.operand(in.Operand))
	}
	for len(ops) > 0 {
		reduce()
	}
	return operands[0]
}

func (b *builder) operand(o *operand) *tree {
	t := &tree{pos: o.Pos}
	switch {
	case o.Number != "":
		n, err := ugraph.ParseNumber(o.Number)
		if err != nil {
			b.errorf(o.Pos, "%s", err)
			return &tree{pos: o.Pos, bad: true}
		}
		t.num = &n
	case o.Call != nil:
		t.call, t.pos = o.Call, o.Call.Pos
	case o.Name != nil:
		t.name, t.pos = o.Name, o.Name.Pos
	default:
		t = b.tree(o.Paren)
	}
	return b.negate(t, o)
}

// negate applies the minus signs before an operand. They belong to a number.
func (b *builder) negate(t *tree, o *operand) *tree {
	if len(o.Minus) == 0 || t.bad {
		return t
	}
	n := len(strings.Join(o.Minus, ""))
	if n > maxDepth {
		b.errorf(o.Pos, "more than %d minus signs in a row", maxDepth)
		return &tree{pos: o.Pos, bad: true}
	}
	if t.name != nil && t.name.Text == "inf" && !b.has("inf") {
		inf := ugraph.Inf(1)
		t = &tree{pos: t.pos, num: &inf}
	}
	for range n {
		if t.num != nil {
			m := t.num.Neg()
			t = &tree{pos: o.Pos, num: &m}
		} else {
			t = &tree{pos: o.Pos, op: ugraph.OpNeg, args: []*tree{t}}
		}
	}
	return t
}

func (b *builder) has(name string) bool { _, ok := b.names[name]; return ok }

// literal returns the number that a tree is, if it is one. inf is a number unless it is defined.
func (b *builder) literal(t *tree) *ugraph.Number {
	if t.name != nil && t.name.Text == "inf" && !b.has("inf") {
		n := ugraph.Inf(1)
		return &n
	}
	return t.num
}

// value evaluates a tree to one value; a bare number is f32.
func (b *builder) value(t *tree) (ugraph.ValueID, bool) {
	if n := b.literal(t); n != nil {
		return b.constant(t.pos, *n, ugraph.F32)
	}
	ids, ok := b.results(t)
	if !ok {
		return 0, false
	}
	if len(ids) != 1 {
		b.errorf(t.pos, "%s gives %d results; name them in a statement of their own: a, b = …", t.what(), len(ids))
		return 0, false
	}
	return ids[0], true
}

// multi evaluates a tree to n values.
func (b *builder) multi(t *tree, n int) ([]ugraph.ValueID, bool) {
	if b.literal(t) != nil {
		b.errorf(t.pos, "a number is one value, the statement has %d names", n)
		return nil, false
	}
	ids, ok := b.results(t)
	if ok && len(ids) != n {
		b.errorf(t.pos, "%s gives %d result%s, the statement has %d names", t.what(), len(ids), plural(len(ids)), n)
		return nil, false
	}
	return ids, ok
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func (t *tree) what() string {
	switch {
	case t.call != nil:
		return t.call.Op
	case t.name != nil:
		return t.name.Text
	}
	return t.op.String()
}

func (b *builder) results(t *tree) ([]ugraph.ValueID, bool) {
	switch {
	case t.bad:
		return nil, false
	case t.name != nil:
		id, ok := b.lookup(t.name)
		return []ugraph.ValueID{id}, ok
	case t.call != nil:
		return b.callOp(t.call)
	}
	// A left-leaning chain may be long; its spine is walked without recursion.
	spine := []*tree{t}
	for x := t.args[0]; x.call == nil && x.name == nil && x.num == nil && !x.bad && len(x.args) > 0; x = x.args[0] {
		spine = append(spine, x)
	}
	ids, ok := b.apply(spine[len(spine)-1], nil)
	for i := len(spine) - 2; i >= 0 && ok; i-- {
		ids, ok = b.apply(spine[i], ids)
	}
	return ids, ok
}

// apply appends an infix or unary operator; first is its left operand where that is evaluated already.
func (b *builder) apply(t *tree, first []ugraph.ValueID) ([]ugraph.ValueID, bool) {
	args := make([]operandValue, len(t.args))
	ok := true
	for i, a := range t.args {
		args[i].pos = a.pos
		switch n := b.literal(a); {
		case i == 0 && first != nil:
			args[i].id = first[0]
		case n != nil:
			args[i].num = n
		default:
			var good bool
			args[i].id, good = b.value(a)
			ok = ok && good
		}
	}
	if !ok {
		return nil, false
	}
	return b.finish(t.pos, t.op, nil, args)
}

// operandValue is an evaluated operand: a value, or a number that has no type yet.
type operandValue struct {
	pos lexer.Position
	id  ugraph.ValueID
	num *ugraph.Number
}

// finish gives the numbers among the operands their types and appends the operator.
func (b *builder) finish(pos lexer.Position, op ugraph.Op, attrs ugraph.Attrs, args []operandValue) ([]ugraph.ValueID, bool) {
	types := make([]ugraph.DType, len(args))
	for i, a := range args {
		if a.num == nil {
			types[i] = b.g.Values[a.id].DType
		}
	}
	ids := make([]ugraph.ValueID, len(args))
	ok := true
	for i, a := range args {
		ids[i] = a.id
		if a.num != nil {
			var good bool
			ids[i], good = b.constant(a.pos, *a.num, literalType(op, i, types))
			ok = ok && good
		}
	}
	if !ok {
		return nil, false
	}
	return b.append(pos, ugraph.Node{Op: op, Attrs: ugraph.CanonicalAttrs(op, attrs), Args: ids})
}

// indexOperand lists the operands that hold positions: a number there is i32 and meets no other.
var indexOperand = map[ugraph.Op]int{ugraph.OpGather: 1, ugraph.OpScatterAdd: 1, ugraph.OpRope: 1}

// literalType is the type of a number that is operand i: that of the first operand it meets, or f32.
// types are the operands' types, ugraph.Invalid where they are numbers.
func literalType(op ugraph.Op, i int, types []ugraph.DType) ugraph.DType {
	index, indexed := indexOperand[op]
	if indexed && i == index {
		return ugraph.I32
	}
	for j, t := range types {
		if t == ugraph.Invalid || indexed && j == index || op == ugraph.OpWhere && j == 0 {
			continue
		}
		return t
	}
	return ugraph.F32
}

func (b *builder) constant(pos lexer.Position, n ugraph.Number, dt ugraph.DType) (ugraph.ValueID, bool) {
	if err := ugraph.CheckLiteral(n, dt); err != nil {
		b.errorf(pos, "number %s", err)
		return 0, false
	}
	return b.emit(pos, ugraph.OpConst, constAttrs(n, dt))
}

func constAttrs(n ugraph.Number, dt ugraph.DType) ugraph.Attrs {
	return ugraph.Attrs{ugraph.WordAttr("dtype", dt.String()), ugraph.NumberAttr("value", n)}
}

// callOp evaluates a call of an operator.
func (b *builder) callOp(c *call) ([]ugraph.ValueID, bool) {
	op, ok := ugraph.OpByName(c.Op)
	if !ok || op.Info().Class == ugraph.Holder {
		b.errorf(c.Pos, "unknown operator %q%s", c.Op, nearest(c.Op, operatorNames()))
		return nil, false
	}
	if op.Info().Class == ugraph.BlockOnly && b.g.Level != ugraph.BlockLevel {
		b.errorf(c.Pos, "%s occurs in kernels only", op)
		return nil, false
	}
	var attrs ugraph.Attrs
	var args []operandValue
	sawAttr := false
	for _, a := range c.Args {
		if a.Attr != nil {
			sawAttr = true
			var good bool
			attrs, good = b.attr(op, a, attrs)
			ok = ok && good
			continue
		}
		if sawAttr {
			b.errorf(a.Pos, "operands come before name=value attributes")
			ok = false
			continue
		}
		t := b.tree(a.Value)
		v := operandValue{pos: t.pos, num: b.literal(t)}
		if v.num == nil {
			var good bool
			v.id, good = b.value(t)
			ok = ok && good
		}
		args = append(args, v)
	}
	if !ok {
		return nil, false
	}
	if op == ugraph.OpLoad {
		attrs = b.loadGrid(attrs)
	}
	return b.finish(c.Pos, op, attrs, args)
}

func operatorNames() []string {
	var s []string
	for _, o := range ugraph.Ops() {
		if o.Info().Class != ugraph.Holder {
			s = append(s, o.String())
		}
	}
	return s
}

// attr adds one attribute of a call.
func (b *builder) attr(op ugraph.Op, a *arg, attrs ugraph.Attrs) (ugraph.Attrs, bool) {
	name := a.Attr.Name
	if _, dup := attrs.Get(name); dup {
		b.errorf(a.Pos, "%s: %s= is given twice", op, name)
		return attrs, false
	}
	if op == ugraph.OpLoad && b.gridDim(name) >= 0 {
		n, ok := b.axis(a.Attr)
		if !ok {
			return attrs, false
		}
		return append(attrs, ugraph.IntAttr(name, n)), true
	}
	spec, ok := op.Spec(name)
	if !ok || op == ugraph.OpLoad && name == "grid" {
		b.errorf(a.Pos, "%s has no attribute %q%s", op, name, b.attrHint(op, name))
		return attrs, false
	}
	v, ok := b.attrValue(op, spec, a)
	if !ok {
		return attrs, false
	}
	return attrs.With(v), true
}

func (b *builder) attrHint(op ugraph.Op, name string) string {
	var have []string
	for _, s := range op.Info().Attrs {
		if op != ugraph.OpLoad || s.Name != "grid" {
			have = append(have, s.Name)
		}
	}
	if op == ugraph.OpLoad {
		for _, d := range b.g.Grid {
			have = append(have, d.Name)
		}
	}
	if len(have) == 0 {
		return "; it has none"
	}
	if n := nearest(name, have); n != "" {
		return n
	}
	return "; it has " + strings.Join(have, ", ")
}

// attrValue reads a value as the kind that the operator's table states.
func (b *builder) attrValue(op ugraph.Op, spec ugraph.AttrSpec, a *arg) (ugraph.Attr, bool) {
	name, one, l := spec.Name, a.Attr.One, a.Attr.List
	fail := func() (ugraph.Attr, bool) {
		b.errorf(a.Pos, "%s: %s= must be %s", op, name, spec.Kind)
		return ugraph.Attr{}, false
	}
	if l != nil && spec.Kind != ugraph.AttrInts && spec.Kind != ugraph.AttrDims {
		return fail()
	}
	switch spec.Kind {
	case ugraph.AttrNumber:
		n, ok := b.number(one)
		if !ok {
			return ugraph.Attr{}, false
		}
		if _, isInt := n.IsInt(); !isInt && ugraph.IntegerAttr(name) {
			b.errorf(a.Pos, "%s: %s= must be an integer, got %s", op, name, n)
			return ugraph.Attr{}, false
		}
		if err := ugraph.CheckAttrNumber(name, n); err != nil {
			b.errorf(a.Pos, "%s: %s", op, err)
			return ugraph.Attr{}, false
		}
		return ugraph.NumberAttr(name, n), true
	case ugraph.AttrBool:
		if w := one.word(); w == "true" || w == "false" {
			return ugraph.BoolAttr(name, w == "true"), true
		}
		return fail()
	case ugraph.AttrWord:
		if w := one.word(); w != "" {
			return ugraph.WordAttr(name, w), true
		}
		return fail()
	case ugraph.AttrInts:
		items := []*sum{one}
		if l != nil {
			items = l.Items
		} else if op.Info().Class != ugraph.Reduction && op.Info().Class != ugraph.Selection {
			return fail()
		}
		ints := make([]int64, len(items))
		for i, it := range items {
			n, ok := b.number(it)
			if !ok {
				return ugraph.Attr{}, false
			}
			if ints[i], ok = n.IsInt(); !ok {
				b.errorf(it.Pos, "%s: %s= needs integers, got %s", op, name, n)
				return ugraph.Attr{}, false
			}
		}
		return ugraph.IntsAttr(name, ints...), true
	case ugraph.AttrDims:
		if l == nil {
			return fail()
		}
		dims := make([]ugraph.Dim, len(l.Items))
		for i, it := range l.Items {
			d, ok := b.dim(it)
			if !ok {
				return ugraph.Attr{}, false
			}
			if n, isNumber := d.Const(); isNumber && n < 1 && (n != -1 || op != ugraph.OpReshape) {
				b.errorf(it.Pos, "%s: dimension %d; it must be 1 or more", op, n)
				return ugraph.Attr{}, false
			}
			dims[i] = d
		}
		return ugraph.DimsAttr(name, dims...), true
	case ugraph.AttrDim:
		d, ok := b.dim(one)
		if n, isNumber := d.Const(); ok && isNumber && n < 1 {
			b.errorf(a.Pos, "%s: %s=%d; it must be 1 or more", op, name, n)
			return ugraph.Attr{}, false
		}
		return ugraph.DimAttr(name, d), ok
	}
	panic(fmt.Sprintf("attribute kind %d", spec.Kind))
}

// word is the single word that a value is, or "".
func (s *sum) word() string {
	if len(s.Rest) > 0 || len(s.First.Rest) > 0 || s.First.First.Minus {
		return ""
	}
	return s.First.First.Word
}
