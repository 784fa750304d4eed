package onnx

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/morgana-ml/morgana/ugraph"
)

// call is one node while its handler writes it in operators of the language.
type call struct {
	im    *importer
	node  *nodeProto
	opset int64
	level int
	in    []*tensor       // nil where an optional input is absent
	read  map[string]bool // the attributes that the handler asked for
}

// refusal leaves a handler: the node has no form in the language, for this reason. It never leaves the
// package: run turns it into an error.
type refusal struct{ reason string }

func (c *call) refuse(format string, args ...any) { panic(refusal{fmt.Sprintf(format, args...)}) }

// check refuses the node where err is not nil.
func (c *call) check(err error) {
	if err != nil {
		c.refuse("%v", err)
	}
}

// find returns the node's row of the operator table.
func (c *call) find() (*operator, error) {
	n := c.node
	if d := normalDomain(n.domain); d != "" {
		return nil, fmt.Errorf("operators of domain %s have no row in the operator table", d)
	}
	row, ok := operators[n.opType]
	switch {
	case !ok && missing[n.opType] != "":
		return nil, fmt.Errorf("%s", missing[n.opType])
	case !ok:
		return nil, fmt.Errorf("there is no such operator, or .ug cannot express it")
	case c.opset < row.since:
		return nil, fmt.Errorf("the operator came with operator set %d", row.since)
	}
	given := len(n.inputs)
	for given > 0 && n.inputs[given-1] == "" {
		given--
	}
	if given < row.min || row.max >= 0 && given > row.max {
		return nil, fmt.Errorf("it has %d inputs; the operator takes %d to %d", given, row.min, row.max)
	}
	c.in = c.in[:given]
	needed := row.min
	if row.max < 0 {
		needed = given
	}
	for i := range needed {
		if n.inputs[i] == "" {
			return nil, fmt.Errorf("its input %d is absent, and the operator needs it", i)
		}
	}
	seen := map[string]bool{}
	for _, a := range n.attrs {
		switch {
		case seen[a.name]:
			return nil, fmt.Errorf("attribute %s is given twice", a.name)
		case a.ref != "":
			return nil, fmt.Errorf("attribute %s refers to one of a function, and the node lies in none", a.name)
		}
		seen[a.name] = true
	}
	return row, nil
}

// run writes the node in operators of the language and returns its results. The rule is a handler of the
// operator table; attributes that it does not ask for are errors, since they would change the meaning.
func (c *call) run(row *operator) (out []*tensor, err error) {
	defer func() {
		if r := recover(); r != nil {
			no, ok := r.(refusal)
			if !ok {
				panic(r)
			}
			out, err = nil, fmt.Errorf("%s", no.reason)
		}
	}()
	c.read = map[string]bool{}
	out = row.rule(c)
	for _, a := range c.node.attrs {
		if !c.read[a.name] {
			return nil, fmt.Errorf("attribute %s is not known", a.name)
		}
	}
	return out, nil
}

// has tells whether an optional input is there.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// value returns input i as a value of the program.
func (c *call) value(i int) ugraph.ValueID { return c.use(c.in[i]) }

// graph is the program that the node becomes a part of.
func (c *call) graph() *ugraph.Graph {
	g := c.im.programs[c.level]
	if g == nil {
		g = &ugraph.Graph{Level: ugraph.KernelLevel}
		c.im.programs[c.level] = g
	}
	return g
}

// typ is the type of a value of the program.
func (c *call) typ(v ugraph.ValueID) ugraph.Type { return c.graph().Values[v].Type }

// ops adds an operator.
func (c *call) ops(op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) []ugraph.ValueID {
	r, err := c.graph().Append(ugraph.Node{Op: op, Args: args, Attrs: ugraph.CanonicalAttrs(op, attrs)})
	c.check(err)
	for _, v := range r {
		if c.typ(v).Rank() > maxRank {
			c.refuse("a tensor of %d axes; the limit is %d", c.typ(v).Rank(), maxRank)
		}
	}
	return slices.Clone(r) // r is the node's own list
}

// op adds an operator with one result.
func (c *call) op(op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) ugraph.ValueID {
	return c.ops(op, attrs, args...)[0]
}

// num is a scalar literal.
func (c *call) num(n ugraph.Number, dt ugraph.DType) ugraph.ValueID {
	return c.op(ugraph.OpConst, ugraph.Attrs{ugraph.NumberAttr("value", n), ugraph.WordAttr("dtype", dt.String())})
}

// int is the literal n, ratio the literal a/b.
func (c *call) int(n int64, dt ugraph.DType) ugraph.ValueID { return c.num(ugraph.Int(n), dt) }

func (c *call) ratio(a, b int64, dt ugraph.DType) ugraph.ValueID {
	return c.num(ugraph.Rat(big.NewRat(a, b)), dt)
}

// cast changes the element type where it differs.
func (c *call) cast(v ugraph.ValueID, dt ugraph.DType) ugraph.ValueID {
	if c.typ(v).DType == dt {
		return v
	}
	return c.op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", dt.String())}, v)
}

// reshape gives a value another shape, broadcast repeats it to one; both do nothing where it has it.
func (c *call) reshape(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
	if ugraph.SameShape(c.typ(v).Shape, shape) {
		return v
	}
	return c.op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
}

func (c *call) broadcast(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
	if ugraph.SameShape(c.typ(v).Shape, shape) {
		return v
	}
	return c.op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
}

// transpose permutes axes; nothing where they stay.
func (c *call) transpose(v ugraph.ValueID, perm ...int64) ugraph.ValueID {
	for i, p := range perm {
		if int64(i) != p {
			return c.op(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)}, v)
		}
	}
	return v
}

// iota is 0, 1, …, n-1 of type dt.
func (c *call) iota(n ugraph.Dim, dt ugraph.DType) ugraph.ValueID {
	return c.cast(c.op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", n)}), dt)
}

// along gives a vector the shape in which it lies along one axis of a tensor of that rank.
func (c *call) along(v ugraph.ValueID, axis, rank int) ugraph.ValueID {
	shape := make([]ugraph.Dim, rank)
	for i := range shape {
		shape[i] = ugraph.D(1)
	}
	shape[axis] = c.typ(v).Shape[0]
	return c.reshape(v, shape)
}

// computed makes a tensor of a value.
func (c *call) computed(v ugraph.ValueID) *tensor {
	t := &tensor{typ: c.typ(v), level: c.level, ids: map[int]ugraph.ValueID{c.level: v}}
	c.im.results = append(c.im.results, t)
	return t
}

func (c *call) one(v ugraph.ValueID) []*tensor { return []*tensor{c.computed(v)} }

// attr returns an attribute, or nil.
func (c *call) attr(name string) *attrProto {
	c.read[name] = true
	for i := range c.node.attrs {
		if c.node.attrs[i].name == name {
			return &c.node.attrs[i]
		}
	}
	return nil
}

// attrInt, attrFloat, attrString and attrInts are attributes with a default.
func (c *call) attrInt(name string, absent int64) int64 {
	if a := c.attr(name); a != nil {
		c.kind(a, 2)
		return a.i
	}
	return absent
}

func (c *call) attrFlag(name string, absent bool) bool {
	v := int64(0)
	if absent {
		v = 1
	}
	return c.attrInt(name, v) != 0
}

func (c *call) attrFloat(name string, absent float32) ugraph.Number {
	v := absent
	if a := c.attr(name); a != nil {
		c.kind(a, 1)
		v = a.f
	}
	n, err := decimal(float64(v), 32)
	c.check(err)
	return n
}

func (c *call) attrString(name, absent string) string {
	if a := c.attr(name); a != nil {
		c.kind(a, 3)
		return a.s
	}
	return absent
}

func (c *call) attrInts(name string) ([]int64, bool) {
	a := c.attr(name)
	if a == nil {
		return nil, false
	}
	c.kind(a, 7)
	return a.ints, true
}

// kind checks an attribute's type, which old files leave out.
func (c *call) kind(a *attrProto, want int64) {
	if a.typ != 0 && a.typ != want {
		c.refuse("attribute %s has type %d (AttributeProto.AttributeType), not %d", a.name, a.typ, want)
	}
}

// decimal is the shortest decimal that a float of so many bits rounds from: what the exporter meant by
// 0.00000999999974737875163555145263671875 is 1e-5.
func decimal(v float64, bits int) (ugraph.Number, error) {
	if v-v != 0 { // an infinity or NaN
		return ugraph.Float(v)
	}
	return ugraph.ParseNumber(strconv.FormatFloat(v, 'g', -1, bits))
}

// numberOf is the literal of a known float of type dt.
func numberOf(v float64, dt ugraph.DType) (ugraph.Number, error) {
	if dt == ugraph.F64 {
		return decimal(v, 64)
	}
	return decimal(v, 32)
}
