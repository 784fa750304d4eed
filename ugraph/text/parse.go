package text

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxDepth bounds the nesting of brackets.
const maxDepth = 200

// maxSource bounds the size of a text, in bytes.
const maxSource = 64 << 20

// Parse reads the programs and μGraphs of a text. The error, if any, is an ErrorList; the graphs
// that have no error are returned beside it.
func Parse(filename string, src []byte) ([]*ugraph.Graph, error) {
	src = withoutMark(src)
	r := newReporter(filename, src)
	units := parseUnits(r, filename, src)
	var gs []*ugraph.Graph
	seen := map[string]lexer.Position{}
	for _, u := range units {
		if r.full() {
			break
		}
		if first, ok := seen[u.Name.Text]; ok {
			r.errorf(u.Name.Pos, "%q is defined in line %d already; names in a file must differ", u.Name.Text, first.Line)
		}
		seen[u.Name.Text] = u.Name.Pos
		before := len(r.list)
		g := buildUnit(r, u)
		if len(r.list) > before {
			continue
		}
		if err := ugraph.Validate(g); err != nil {
			r.errorf(rulePlace(u, err), "%s", err)
			continue
		}
		gs = append(gs, g)
	}
	if len(units) == 0 && len(r.list) == 0 {
		r.errorf(lexer.Position{Line: 1, Column: 1}, "no program here; expected: program NAME(inputs) -> (outputs) { statements }")
	}
	return gs, r.err()
}

// withoutMark leaves out the byte order mark that some editors put before a text in UTF-8.
func withoutMark(src []byte) []byte { return bytes.TrimPrefix(src, []byte("\ufeff")) }

// rulePlace is where a broken rule is reported: at the kernel or thread graph that breaks it, if it has
// a name.
func rulePlace(u *unit, err error) lexer.Position {
	var broken *ugraph.RuleError
	if !errors.As(err, &broken) {
		return u.Name.Pos
	}
	for _, s := range u.Body {
		if s.Def == nil || s.Def.Kernel == nil {
			continue
		}
		if k := s.Def.Kernel; k.Name != nil && k.Name.Text == broken.Graph {
			return k.Name.Pos
		}
		for _, t := range s.Def.Kernel.Body {
			if t.Def != nil && t.Def.Thread != nil && t.Def.Thread.Name != nil && t.Def.Thread.Name.Text == broken.Graph {
				return t.Def.Thread.Name.Pos
			}
		}
	}
	return u.Name.Pos
}

// SplitName divides "FILE.ug#name" into the file and the name, which is "" where none is given.
func SplitName(path string) (file, name string) {
	if i := strings.LastIndexByte(path, '#'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return path, ""
}

// Select returns the graph of that name, or all of them where the name is "".
func Select(gs []*ugraph.Graph, name string) ([]*ugraph.Graph, error) {
	if name == "" {
		return gs, nil
	}
	names := make([]string, len(gs))
	for i, g := range gs {
		if g.Name == name {
			return gs[i : i+1], nil
		}
		names[i] = g.Name
	}
	return nil, fmt.Errorf("no program %q%s; here are: %s", name, nearest(name, names), strings.Join(names, ", "))
}

// ParseFile reads FILE.ug or FILE.ug#name from the file system. A file whose name itself has a "#" is
// found under its own name first.
func ParseFile(path string) ([]*ugraph.Graph, error) {
	file, name := SplitName(path)
	if _, err := os.Stat(path); err == nil {
		file, name = path, ""
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	gs, err := Parse(file, src)
	if err != nil {
		return nil, err
	}
	gs, err = Select(gs, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return gs, nil
}

var (
	symbols    = lexerDef.Symbols()
	tokIdent   = symbols["Ident"]
	tokComment = symbols["Comment"]
	tokSpace   = symbols["Space"]
)

// tokBad is the type of a character that is in no token.
const tokBad lexer.TokenType = -1000

// scan splits a text into tokens, white space left out. A character that no token begins with is
// reported, and given as a token of type tokBad.
func scan(r *reporter, filename string, src []byte) []lexer.Token {
	start := lexer.Position{Filename: filename, Line: 1, Column: 1}
	if len(src) > maxSource {
		r.errorf(start, "the text has %d bytes, more than %d", len(src), maxSource)
		return nil
	}
	if i := invalidUTF8(src); i >= 0 {
		start.Advance(string(src[:i]))
		what := "expected a .ug program"
		if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
			what = "it seems to be UTF-16; save it as UTF-8"
		}
		r.errorf(start, "not a text: byte %#02x is not UTF-8; %s", src[i], what)
		return nil
	}
	var toks []lexer.Token
	for rest := string(src); ; {
		lex, err := lexerDef.LexString(filename, rest)
		if err != nil {
			r.errorf(start, "%v", err)
			return toks
		}
		for {
			var t lexer.Token
			if t, err = lex.Next(); err != nil {
				break
			}
			t.Pos = advanced(start, t.Pos)
			if t.Type != tokSpace {
				toks = append(toks, t)
			}
			if t.EOF() {
				return toks
			}
		}
		var at participle.Error
		if !errors.As(err, &at) {
			r.errorf(start, "%v", err)
			return toks
		}
		pos := advanced(start, at.Position())
		c, n := utf8.DecodeRuneInString(string(src[pos.Offset:]))
		r.errorf(pos, "unexpected character %q%s", c, lookalike(c))
		toks = append(toks, lexer.Token{Type: tokBad, Value: string(c), Pos: pos})
		if r.full() {
			pos.Advance(string(src[pos.Offset:]))
			return append(toks, lexer.Token{Type: lexer.EOF, Pos: pos})
		}
		pos.Advance(string(src[pos.Offset : pos.Offset+n]))
		start, rest = pos, string(src[pos.Offset:])
	}
}

// lookalikes are characters that word processors and web pages put in the place of those of the language.
var lookalikes = []struct{ chars, meant string }{
	{"\u00a0\u2007\u202f\u3000\u200b\ufeff", "a space"},
	{"−–—", `"-"`}, {"×∗·", `"*"`}, {"÷", `"/"`}, {"≤", `"<="`}, {"≥", `">="`}, {"→", `"->"`}, {"，", `","`}, {"：", `":"`}, {"＝", `"="`},
	{"（", `"("`}, {"）", `")"`}, {"［", `"["`}, {"］", `"]"`}, {"｛", `"{"`}, {"｝", `"}"`}, {"#", `"//" for a comment`}, {";", "a new line, or nothing"},
}

// lookalike says what is meant by a character that is in no token, if it is known.
func lookalike(c rune) string {
	for _, l := range lookalikes {
		if strings.ContainsRune(l.chars, c) {
			return "; write " + l.meant
		}
	}
	return ""
}

// advanced is a position in a text of which the part from start on was scanned by itself.
func advanced(start, pos lexer.Position) lexer.Position {
	if pos.Line == 1 {
		pos.Column += start.Column - 1
	}
	pos.Line += start.Line - 1
	pos.Offset += start.Offset
	return pos
}

func invalidUTF8(src []byte) int {
	if utf8.Valid(src) {
		return -1
	}
	for i := 0; i < len(src); {
		c, n := utf8.DecodeRune(src[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// parseUnits scans a text and parses every unit; one with an error is left out.
func parseUnits(r *reporter, filename string, src []byte) []*unit {
	toks := scan(r, filename, src)
	var code []lexer.Token
	for _, t := range toks {
		if t.Type != tokComment {
			code = append(code, t)
		}
	}
	var units []*unit
	for _, part := range splitUnits(r, code) {
		if r.full() {
			break
		}
		if !shallow(r, part) {
			continue
		}
		u, err := parseTokens(part)
		if err != nil {
			reportSyntax(r, part, err)
			continue
		}
		units = append(units, u)
	}
	return units
}

// splitUnits cuts the tokens before each word that begins a unit: "program" and "ugraph" outside of
// all braces, and "program NAME (" anywhere, so that an unclosed brace does not hide what follows.
func splitUnits(r *reporter, toks []lexer.Token) [][]lexer.Token {
	if len(toks) == 0 {
		return nil // reported by scan
	}
	var starts []int
	depth := 0
	for i, t := range toks {
		switch t.Value {
		case "{":
			depth++
		case "}":
			depth = max(0, depth-1)
		case "program":
			if depth == 0 && startsUnit(toks, i) || i+2 < len(toks) && toks[i+1].Type == tokIdent && toks[i+2].Value == "(" {
				starts, depth = append(starts, i), 0
			}
		case "ugraph":
			if depth == 0 && startsUnit(toks, i) {
				starts = append(starts, i)
			}
		}
	}
	if toks[0].Type != tokBad && len(toks) > 1 && (len(starts) == 0 || starts[0] > 0) {
		r.errorf(toks[0].Pos, "unexpected %q%s; expected: program NAME(inputs) -> (outputs) { statements }", toks[0].Value, nearest(toks[0].Value, []string{"program", "ugraph"}))
	}
	var out [][]lexer.Token
	for k, s := range starts {
		e := len(toks) - 1
		if k+1 < len(starts) {
			e = starts[k+1]
		}
		part := append([]lexer.Token{}, toks[s:e]...)
		out = append(out, append(part, lexer.Token{Type: lexer.EOF, Value: toks[e].Value, Pos: toks[e].Pos}))
	}
	return out
}

func startsUnit(toks []lexer.Token, i int) bool { return i == 0 || toks[i-1].Value == "}" }

// shallow checks that there are no bad characters and that brackets are not nested too deeply, before
// the parser descends into them.
func shallow(r *reporter, toks []lexer.Token) bool {
	depth := 0
	for _, t := range toks {
		if t.Type == tokBad {
			return false // reported by scan
		}
	}
	for _, t := range toks {
		switch t.Value {
		case "(", "[", "{":
			depth++
			if depth > maxDepth {
				if reportOpen(r, toks) {
					return false
				}
				r.errorf(t.Pos, "brackets nested deeper than %d; name a part of the expression", maxDepth)
				return false
			}
		case ")", "]", "}":
			depth--
		}
	}
	return true
}

// reportOpen reports the brackets of a unit that nothing closes, and tells whether there are any. One that is
// left open in every line looks like deep nesting.
func reportOpen(r *reporter, toks []lexer.Token) bool {
	var open []lexer.Token
	found := false
	report := func(ts []lexer.Token) {
		for _, t := range ts {
			if found = true; !r.full() {
				r.errorf(t.Pos, "%q is not closed; expected %q", t.Value, closing[t.Value])
			}
		}
	}
	for _, t := range toks {
		switch t.Value {
		case "(", "[", "{":
			open = append(open, t)
		case ")", "]", "}":
			at := len(open) - 1
			for at >= 0 && closing[open[at].Value] != t.Value {
				at--
			}
			if at >= 0 {
				report(open[at+1:])
				open = open[:at]
			}
		}
	}
	report(open)
	return found
}

// tokenSource gives tokens that were scanned already to participle.
type tokenSource struct{ toks []lexer.Token }

// Next returns the next token.
func (s *tokenSource) Next() (lexer.Token, error) {
	t := s.toks[0]
	if !t.EOF() {
		s.toks = s.toks[1:]
	}
	return t, nil
}

func parseTokens(toks []lexer.Token) (*unit, error) {
	p, err := lexer.Upgrade(&tokenSource{toks})
	if err != nil {
		return nil, err
	}
	return unitParser.ParseFromLexer(p)
}
