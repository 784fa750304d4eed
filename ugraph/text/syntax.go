package text

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// words puts the grammar's productions into words for messages.
var words = map[string]string{
	"Unit": "program", "Mark": `"}"`, "Ident": "a name", "Param": "an input: NAME: TYPE[dimensions]", "Result": "the name of an output",
	"Constraint": "a bound, as in S <= 64", "Bound": "a symbol or an integer", "Below": "a comparison", "Stmt": "a statement", "Store": "a store",
	"Def": "a statement", "ExtentCut": "NAME: EXTENT by TILE, or NAME: N parts", "Kernel": "a kernel", "ThreadDef": "a thread graph", "Bind": "a name",
	"Expr": "an expression", "Infix": "an operator", "Operand": "an expression", "Call": "a call", "Arg": "an operand or NAME=value",
	"Attr": "NAME=value", "List": "a list", "Sum": "a value", "Addend": `"+"`, "Product": "a value", "Scaled": `"*"`, "Factor": "a value",
	"Ceiling": "ceil(size, divisor)", "number": "a number", "ident": "a name",
}

// reportSyntax turns participle's error into words.
func reportSyntax(r *reporter, toks []lexer.Token, err error) {
	var at participle.Error
	if !errors.As(err, &at) {
		r.errorf(toks[0].Pos, "%v", err)
		return
	}
	pos := at.Position()
	var bad *participle.UnexpectedTokenError
	if !errors.As(err, &bad) {
		r.errorf(pos, "%s", at.Message())
		return
	}
	got := "end of the text"
	if bad.Unexpected.Value != "" { // the end of a unit has the word that begins the next
		got = fmt.Sprintf("%q", bad.Unexpected.Value)
	}
	want := "an expression" // a lookahead failed in its last alternative
	if _, e, ok := strings.Cut(at.Message(), " (expected "); ok {
		want = expected(strings.TrimSuffix(e, ")"))
	}
	p := placeOf(toks, pos)
	switch {
	case p.ended:
		r.errorf(pos, "unexpected %s after the closing brace of %s %s", got, toks[0].Value, toks[1].Value)
		return
	case p.list && want == `"`+closing[p.open]+`"`:
		want = fmt.Sprintf(`"," or %s`, want)
	case want == words["Mark"] && bad.Unexpected.EOF(): // the text ends, or the next program begins
		r.errorf(pos, "unexpected %s; expected the closing brace of %s %s", got, toks[0].Value, toks[1].Value)
		return
	case p.last == "{" && want == words["Mark"]:
		want = `a statement or "}"`
	case p.open == "{" && want == words["Mark"]:
		want = `an operator, a statement or "}"`
	}
	r.errorf(pos, "unexpected %s; expected %s%s", got, want, p.advice(bad.Unexpected.Value))
}

// place is where a token stands.
type place struct {
	ended        bool   // after the unit's closing brace
	open         string // the innermost open bracket, "" where there is none
	list         bool   // commas separate what is in it
	before, last string // the two tokens before
}

// closing is the bracket that closes another.
var closing = map[string]string{"(": ")", "[": "]", "{": "}"}

func placeOf(toks []lexer.Token, pos lexer.Position) place {
	var p place
	var open []place
	for i, t := range toks {
		if t.Pos.Offset >= pos.Offset {
			break
		}
		switch t.Value {
		case "(", "[", "{":
			// A parenthesis after a name or "->" begins a list, any other an expression.
			list := t.Value == "[" || t.Value == "(" && i > 0 && (toks[i-1].Type == tokIdent || toks[i-1].Value == "->")
			open = append(open, place{open: t.Value, list: list})
		case ")", "]", "}":
			if n := len(open) - 1; n >= 0 && closing[open[n].open] == t.Value {
				p.ended = t.Value == "}" && n == 0
				open = open[:n]
			}
		}
		p.before, p.last = p.last, t.Value
	}
	if n := len(open) - 1; n >= 0 {
		p.open, p.list = open[n].open, open[n].list
	}
	return p
}

// advice says how the language writes what other languages write with a token at this place.
func (p place) advice(token string) string {
	switch {
	case reserved(token):
		return fmt.Sprintf("; %q cannot be a name", token)
	case p.last == "const":
		return "; const stands before the type: NAME: const f32[…]"
	case token == "[" && p.open == "(" && p.list && (p.last == "," || p.last == "("):
		return "; a list has a name, as in shape=[…]"
	case token == "[" && p.open != "(" && p.open != "[", token == "[" && p.list && p.last != "=":
		return "; a part of a tensor is slice(x, axis=…, start=…, end=…) or gather(x, index)"
	case token == "*" && p.last == "*":
		return "; a power is pow(x, exponent=…)"
	case p.last == "return":
		return "; an output is defined by its name: NAME = …"
	}
	return ""
}

// expected is the first thing of a production, in words.
func expected(ebnf string) string {
	if strings.HasSuffix(ebnf, "Below+)") {
		return words["Below"] + `, as in S <= 64, or "%"`
	}
	s := strings.TrimLeft(ebnf, "( ")
	if i := strings.IndexAny(s, " "); i >= 0 && !strings.HasPrefix(s, `"`) {
		s = s[:i]
	} else if i >= 0 {
		if j := strings.Index(s[1:], `"`); j >= 0 {
			s = s[:j+2]
		}
	}
	s = strings.TrimRight(s, "?*+)")
	if w, ok := words[strings.Trim(s, "<>")]; ok {
		return w
	}
	return s
}
