package text

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// lineWidth is where headers are split and expressions are no longer nested, in characters.
const lineWidth = 88

// maxNesting bounds how deeply Print nests expressions.
const maxNesting = 8

// Print returns the canonical text of a kernel-level graph, comments with tile shapes included. For
// every graph that Validate accepts, Parse(Print(g)) is g.
func Print(g *ugraph.Graph) string {
	p := &printer{g: g, depth: 1}
	p.reserve()
	ins := make([]string, len(g.Inputs))
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		c := ""
		if in.Const {
			c = "const "
		}
		ins[i] = fmt.Sprintf("%s: %s%s", p.name(in.Value), c, v.Type)
	}
	kind := "ugraph"
	if g.For == "" && g.IsProgram() {
		kind = "program"
	}
	p.out.WriteString(header(kind, g.Name, g.For, ins, outputNames(g), whereText(g.Symbols)))
	p.body()
	p.out.WriteString("}\n")
	return p.out.String()
}

// PrintAll is the text of several graphs in one file.
func PrintAll(gs []*ugraph.Graph) string {
	s := make([]string, len(gs))
	for i, g := range gs {
		s[i] = Print(g)
	}
	return strings.Join(s, "\n")
}

func outputNames(g *ugraph.Graph) []string {
	s := make([]string, len(g.Outputs))
	for i, o := range g.Outputs {
		s[i] = o.Name
	}
	return s
}

func whereText(symbols []ugraph.Symbol) string {
	var s []string
	for _, y := range symbols {
		s = append(s, fmt.Sprintf("%d <= %s <= %d", y.Lo, y.Name, y.Hi))
		if y.Multiple > 1 {
			s = append(s, fmt.Sprintf("%s %% %d == 0", y.Name, y.Multiple))
		}
	}
	return strings.Join(s, ", ")
}

// header lays out the signature: on one line where it fits, else an input a line.
func header(kind, name, stands string, ins, outs []string, where string) string {
	if stands != "" {
		name += " for " + stands
	}
	tail := ") -> (" + strings.Join(outs, ", ") + ")"
	if where != "" {
		tail += " where " + where
	}
	tail += " {\n"
	one := kind + " " + name + "(" + strings.Join(ins, ", ") + tail
	if len(one) <= lineWidth+1 || len(ins) == 0 {
		return one
	}
	return kind + " " + name + "(\n    " + strings.Join(ins, ",\n    ") + ",\n" + tail
}

// printer prints the statements of one graph. Unnamed values wait on a stack, as text, until their
// only use; they become statements of their own where the parser would not give the nodes back in
// this order.
type printer struct {
	out   strings.Builder
	g     *ugraph.Graph
	depth int // of indentation

	names   []string // by value; "" until one is needed
	taken   map[string]bool
	made    int // made-up names so far
	nests   []bool
	waiting []ugraph.ValueID
	place   map[ugraph.ValueID]int // of a waiting value, from the bottom of the stack ever pushed
	popped  int                    // values flushed from the bottom so far
	text    map[ugraph.ValueID]fragment
}

// fragment is the text of an expression.
type fragment struct {
	text  string
	prec  int
	depth int
	lit   string       // the bare number, where the value is a literal that has one
	dtype ugraph.DType // of the literal
}

// reserve collects the names that are in use and finds the values that may nest.
func (p *printer) reserve() {
	g := p.g
	p.names = make([]string, len(g.Values))
	p.taken = map[string]bool{}
	p.place = map[ugraph.ValueID]int{}
	p.text = map[ugraph.ValueID]fragment{}
	for i := range g.Values {
		p.names[i] = g.Values[i].Name
		p.taken[p.names[i]] = true
	}
	uses := make([]int, len(g.Values))
	named := make([]bool, len(g.Values))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, a := range n.Args {
			uses[a]++
			named[a] = named[a] || n.Body != nil
		}
	}
	for _, o := range g.Outputs {
		uses[o.Value]++
		if g.Level != ugraph.BlockLevel {
			named[o.Value] = true
			p.taken[o.Name] = true
		}
	}
	p.nests = make([]bool, len(g.Values))
	for i := range g.Values {
		v := &g.Values[i]
		p.nests[i] = v.Node >= 0 && v.Name == "" && uses[i] == 1 && !named[i] && len(g.Nodes[v.Node].Results) == 1 && g.Nodes[v.Node].Body == nil
	}
}

// name is the name of a value, made up where it has none.
func (p *printer) name(v ugraph.ValueID) string {
	for p.names[v] == "" {
		p.made++
		if n := fmt.Sprintf("_%d", p.made); !p.taken[n] {
			p.names[v] = n
		}
	}
	return p.names[v]
}

func (p *printer) line(format string, args ...any) {
	p.out.WriteString(strings.Repeat("    ", p.depth))
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

// body prints the statements and what the outputs need.
func (p *printer) body() {
	for i := range p.g.Nodes {
		n := &p.g.Nodes[i]
		if n.Body != nil {
			p.flush(len(p.waiting))
			p.holder(n)
			continue
		}
		k := p.nested(n)
		f := p.expression(n, k)
		p.waiting = p.waiting[:len(p.waiting)-k]
		if p.nests[n.Results[0]] {
			v := n.Results[0]
			p.place[v] = p.popped + len(p.waiting)
			p.waiting = append(p.waiting, v)
			p.text[v] = f
			continue
		}
		p.flush(len(p.waiting))
		p.statement(n.Results, f)
	}
	if p.g.Level == ugraph.BlockLevel {
		p.stores()
		return
	}
	p.flush(len(p.waiting))
	for _, o := range p.g.Outputs {
		if n := p.name(o.Value); n != o.Name {
			p.line("%s = %s", o.Name, n)
		}
	}
}

// statement prints names = expression, in a block graph with the tiles' shapes.
func (p *printer) statement(results []ugraph.ValueID, f fragment) {
	names := make([]string, len(results))
	types := make([]string, len(results))
	for i, r := range results {
		names[i], types[i] = p.name(r), p.g.Values[r].Type.String()
	}
	text := f.text
	if f.lit != "" && f.dtype == ugraph.F32 {
		text = f.lit
	}
	note := ""
	if p.g.Level == ugraph.BlockLevel {
		note = "  // " + strings.Join(types, ", ")
	}
	p.line("%s = %s%s", strings.Join(names, ", "), text, note)
}

// flush prints the n lowest waiting values as statements.
func (p *printer) flush(n int) {
	for _, v := range p.waiting[:n] {
		f := p.text[v]
		delete(p.text, v)
		p.statement([]ugraph.ValueID{v}, f)
	}
	p.waiting = p.waiting[n:]
	p.popped += n
}

// nested decides how many of the topmost waiting values become operands of n in place, and prints the
// operands below them as statements.
func (p *printer) nested(n *ugraph.Node) int {
	var operands int
	for _, a := range n.Args {
		if _, ok := p.text[a]; ok {
			operands++
		}
	}
	k := min(operands, len(p.waiting))
	for ; k > 0; k-- {
		if p.evaluatesTo(n, k) && p.fits(n, k) {
			break
		}
	}
	// Operands below the topmost k need names; what lies under them comes first.
	last := -1
	for _, a := range n.Args {
		if _, ok := p.text[a]; ok {
			if at := p.place[a] - p.popped; at < len(p.waiting)-k {
				last = max(last, at)
			}
		}
	}
	p.flush(last + 1)
	return k
}

// evaluatesTo tells whether the parser, seeing n with the topmost k waiting values nested, would
// append their nodes in the order in which they are: operands from left to right, then bare numbers.
func (p *printer) evaluatesTo(n *ugraph.Node, k int) bool {
	first := p.popped + len(p.waiting) - k
	bare := p.bare(n, first)
	at := first
	for _, numbers := range []bool{false, true} {
		for i, a := range n.Args {
			if _, ok := p.text[a]; !ok || p.place[a] < first || bare[i] != numbers {
				continue
			}
			if p.place[a] != at {
				return false
			}
			at++
		}
	}
	return at == first+k
}

// bare tells which operands are bare numbers: nested literals of the type that the parser gives them.
func (p *printer) bare(n *ugraph.Node, first int) []bool {
	bare := make([]bool, len(n.Args))
	types := make([]ugraph.DType, len(n.Args))
	for i, a := range n.Args {
		f, ok := p.text[a]
		bare[i] = ok && p.place[a] >= first && f.lit != ""
		if !bare[i] {
			types[i] = p.g.Values[a].DType
		}
	}
	// A literal of another type is written const(…) and gives the others its type.
	for changed := true; changed; {
		changed = false
		for i, a := range n.Args {
			if bare[i] && literalType(n.Op, i, types) != p.text[a].dtype {
				bare[i], types[i], changed = false, p.text[a].dtype, true
			}
		}
	}
	return bare
}

// fits bounds width and depth; bare numbers always fit.
func (p *printer) fits(n *ugraph.Node, k int) bool {
	first := p.popped + len(p.waiting) - k
	bare := p.bare(n, first)
	width, depth, numbers := 0, 0, true
	for i, a := range n.Args {
		f, ok := p.text[a]
		switch {
		case !ok || p.place[a] < first:
			width += len(p.names[a]) + 4
		case bare[i]:
			width += len(f.lit) + 4
		default:
			width += len(f.text) + 4
			depth = max(depth, f.depth+1)
			numbers = false
		}
	}
	return numbers || depth <= maxNesting && width <= lineWidth-20
}

// infixText is the table of infix operators the other way round.
var infixText = func() map[ugraph.Op]string {
	m := map[ugraph.Op]string{}
	for s, o := range infixOps {
		m[o.op] = s
	}
	return m
}()

// expression is the text of a node whose topmost k waiting operands are nested.
func (p *printer) expression(n *ugraph.Node, k int) fragment {
	first := p.popped + len(p.waiting) - k
	bare := p.bare(n, first)
	args := make([]fragment, len(n.Args))
	depth := 0
	for i, a := range n.Args {
		f, ok := p.text[a]
		switch {
		case !ok || p.place[a] < first:
			f = fragment{text: p.name(a), prec: precAtom}
		case bare[i]:
			f = fragment{text: f.lit, prec: precAtom, lit: f.lit}
			if strings.HasPrefix(f.lit, "-") {
				f.prec = precUnary
			}
			delete(p.text, a)
		default:
			f.lit = ""
			depth = max(depth, f.depth+1)
			delete(p.text, a)
		}
		args[i] = f
	}
	switch sign, infix := infixText[n.Op]; {
	case infix && len(n.Attrs) == 0 && len(args) == 2:
		prec := infixOps[sign].prec
		left := prec
		if prec == precCompare {
			left++
		}
		return fragment{text: args[0].within(left) + " " + sign + " " + args[1].within(prec+1), prec: prec, depth: depth}
	case n.Op == ugraph.OpNeg && args[0].lit == "":
		return fragment{text: "-" + args[0].within(precAtom), prec: precUnary, depth: depth}
	}
	var s []string
	for _, a := range args {
		s = append(s, a.text)
	}
	s = append(s, p.attrs(n)...)
	f := fragment{text: n.Op.String() + "(" + strings.Join(s, ", ") + ")", prec: precAtom, depth: depth}
	if n.Op == ugraph.OpConst {
		f.lit, f.dtype = p.literal(n)
	}
	return f
}

// literal is the bare number of a literal, or "" where it has none.
func (p *printer) literal(n *ugraph.Node) (string, ugraph.DType) {
	dt, err := ugraph.ParseDType(n.Attrs.Word("dtype", ""))
	s := n.Attrs.Num("value", ugraph.Int(0)).String()
	if err != nil || strings.Contains(s, "/") || strings.Contains(s, "inf") && p.taken["inf"] {
		return "", dt
	}
	return s, dt
}

// within is the text, in parentheses where it binds less tightly than prec.
func (f fragment) within(prec int) string {
	if f.prec < prec {
		return "(" + f.text + ")"
	}
	return f.text
}

// attrs lists the attributes; a load's grid is written by the names of the dimensions.
func (p *printer) attrs(n *ugraph.Node) []string {
	var s []string
	if n.Op == ugraph.OpLoad {
		grid, _ := n.Attrs.Get("grid")
		for i, axis := range grid.Ints {
			if axis >= 0 && i < len(p.g.Grid) {
				s = append(s, fmt.Sprintf("%s=%d", p.g.Grid[i].Name, axis))
			}
		}
	}
	reduces := n.Op.Info().Class == ugraph.Reduction || n.Op.Info().Class == ugraph.Selection
	for _, a := range n.Attrs {
		switch {
		case n.Op == ugraph.OpLoad && a.Name == "grid":
		case reduces && a.Kind == ugraph.AttrInts && len(a.Ints) == 1:
			s = append(s, fmt.Sprintf("%s=%d", a.Name, a.Ints[0]))
		default:
			s = append(s, a.String())
		}
	}
	return s
}
