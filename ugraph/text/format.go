package text

import (
	"math"
	"sort"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Format returns the canonical form of a text: layout, spacing and signatures as Print writes them, with
// the order, names, parentheses and comments of the source. It is idempotent, and does not change
// what Parse gives. A comment inside a statement moves to the line above it. Only the syntax is
// checked; the error is an ErrorList. A byte order mark is left out.
func Format(filename string, src []byte) ([]byte, error) {
	src = withoutMark(src)
	r := newReporter(filename, src)
	units := parseUnits(r, filename, src)
	if err := r.err(); err != nil {
		return nil, err
	}
	f := &formatter{}
	for _, t := range scan(r, filename, src) {
		switch {
		case t.Type == tokComment:
			f.comments = append(f.comments, t)
		case !t.EOF():
			f.code = append(f.code, t)
		}
	}
	for i, u := range units {
		if i > 0 {
			f.out.WriteByte('\n')
			f.fresh = true
		}
		f.unit(u)
	}
	f.before(math.MaxInt)
	return []byte(f.out.String()), nil
}

// formatter walks the syntax tree and puts the comments back by their places.
type formatter struct {
	out      strings.Builder
	code     []lexer.Token
	comments []lexer.Token // not yet written
	depth    int
	line     int  // source line of what was written last
	fresh    bool // nothing since the block's start: no blank line here
}

// last returns the last code token before an offset.
func (f *formatter) last(offset int) lexer.Token {
	i := sort.Search(len(f.code), func(i int) bool { return f.code[i].Pos.Offset >= offset })
	if i == 0 {
		return lexer.Token{}
	}
	return f.code[i-1]
}

// blank keeps one empty line where the source has some before the given line.
func (f *formatter) blank(line int) {
	if !f.fresh && f.line > 0 && line > f.line+1 {
		f.out.WriteByte('\n')
	}
	f.fresh = false
}

func (f *formatter) indent() { f.out.WriteString(strings.Repeat("    ", f.depth)) }

func comment(t lexer.Token) string { return strings.TrimRight(t.Value, " \t\r") }

// before writes the comments that stand before an offset, each on a line of its own.
func (f *formatter) before(offset int) {
	for len(f.comments) > 0 && f.comments[0].Pos.Offset < offset {
		c := f.comments[0]
		f.comments = f.comments[1:]
		f.blank(c.Pos.Line)
		f.indent()
		f.out.WriteString(comment(c) + "\n")
		f.line = c.Pos.Line
	}
}

// inside writes the comments within what is written on one line, above it without empty lines.
func (f *formatter) inside(offset int) {
	for len(f.comments) > 0 && f.comments[0].Pos.Offset < offset {
		f.fresh = true
		f.before(f.comments[0].Pos.Offset + 1)
	}
}

// finish ends a line after the token that was written last, with the comment that follows it there.
func (f *formatter) finish(end lexer.Token) {
	if len(f.comments) > 0 && f.comments[0].Pos.Line == end.Pos.Line {
		f.out.WriteString("  " + comment(f.comments[0]))
		f.comments = f.comments[1:]
	}
	f.out.WriteByte('\n')
	f.line = end.Pos.Line
}

func (f *formatter) unit(u *unit) {
	f.before(u.Pos.Offset)
	f.blank(u.Pos.Line)
	open := f.last(bodyStart(u.Body, u.Close))
	var ins, outs, where []string
	for _, p := range u.Inputs {
		ins = append(ins, paramText(p))
	}
	for _, o := range u.Outputs {
		outs = append(outs, resultText(o))
	}
	for _, c := range u.Where {
		where = append(where, constraintText(c))
	}
	stands := ""
	if u.For != nil {
		stands = u.For.Text
	}
	if len(f.comments) > 0 && f.comments[0].Pos.Offset < open.Pos.Offset && len(ins) > 0 {
		f.commentedHeader(u, ins, stands, outs, where, open)
	} else {
		f.inside(open.Pos.Offset)
		h := header(u.Kind, u.Name.Text, stands, ins, outs, strings.Join(where, ", "))
		f.out.WriteString(strings.TrimSuffix(h, "\n"))
		f.finish(open)
	}
	f.body(u.Body, u.Close)
}

// commentedHeader lays a signature out with an input a line and the comments between them.
func (f *formatter) commentedHeader(u *unit, ins []string, stands string, outs, where []string, open lexer.Token) {
	h := header(u.Kind, u.Name.Text, stands, ins, outs, strings.Join(where, ", "))
	first, _, _ := strings.Cut(h, "(")
	f.out.WriteString(first + "(\n")
	f.depth, f.fresh = 1, true
	f.line = u.Pos.Line
	for i, p := range u.Inputs {
		end := f.last(p.EndPos.Offset)
		f.before(end.Pos.Offset)
		f.fresh = false
		f.indent()
		f.out.WriteString(ins[i] + ",")
		f.finish(end)
	}
	f.before(open.Pos.Offset)
	f.depth = 0
	f.out.WriteString(") -> (" + strings.Join(outs, ", ") + ")")
	if len(where) > 0 {
		f.out.WriteString(" where " + strings.Join(where, ", "))
	}
	f.out.WriteString(" {")
	f.finish(open)
}

// bodyStart is the offset of the first thing after an opening brace.
func bodyStart(body []*stmt, end *mark) int {
	if len(body) > 0 {
		return body[0].Pos.Offset
	}
	return end.Pos.Offset
}

func (f *formatter) body(body []*stmt, end *mark) {
	f.depth++
	f.fresh = true
	for _, s := range body {
		f.statement(s)
	}
	f.before(end.Pos.Offset)
	f.depth--
	f.fresh = false
	f.indent()
	f.out.WriteByte('}')
	f.finish(lexer.Token{Pos: end.Pos})
}

func (f *formatter) statement(s *stmt) {
	end := f.last(s.EndPos.Offset)
	var inner []*stmt
	var closing *mark
	if s.Def != nil && s.Def.Kernel != nil {
		inner, closing = s.Def.Kernel.Body, s.Def.Kernel.Close
	}
	if s.Def != nil && s.Def.Thread != nil {
		inner, closing = s.Def.Thread.Body, s.Def.Thread.Close
	}
	if closing != nil {
		end = f.last(bodyStart(inner, closing))
	}
	f.before(s.Pos.Offset)
	f.blank(s.Pos.Line)
	f.inside(end.Pos.Offset)
	f.indent()
	f.out.WriteString(statementText(s))
	f.finish(end)
	if closing != nil {
		f.body(inner, closing)
	}
}
