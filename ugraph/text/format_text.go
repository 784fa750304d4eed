package text

import "strings"

func each[T any](list []T, text func(T) string) string {
	s := make([]string, len(list))
	for i, x := range list {
		s[i] = text(x)
	}
	return strings.Join(s, ", ")
}

func identText(i *ident) string { return i.Text }

func paramText(p *param) string {
	c := ""
	if p.Const {
		c = "const "
	}
	return p.Name.Text + ": " + c + p.DType.Text + "[" + each(p.Shape, sumText) + "]"
}

func resultText(r *result) string {
	if r.DType == nil {
		return r.Name.Text
	}
	return r.Name.Text + ": " + r.DType.Text
}

func boundText(b *bound) string { return b.Symbol + numberText(b.Number) }

func constraintText(c *constraint) string {
	s := boundText(c.First)
	if c.Mod != "" {
		return s + " % " + numberText(c.Mod) + " == " + numberText(c.Zero)
	}
	for _, r := range c.Rest {
		s += " " + r.Op + " " + boundText(r.Bound)
	}
	return s
}

// numberText writes a number with a digit before its point and a small e.
func numberText(s string) string {
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	return strings.ReplaceAll(s, "E", "e")
}

// statementText is a statement on one line; of one that holds a graph, up to the opening brace.
func statementText(s *stmt) string {
	if s.Store != nil {
		place := ""
		if len(s.Store.Place) > 0 {
			place = "(" + each(s.Store.Place, argText) + ")"
		}
		return "store " + s.Store.Name.Text + place + " = " + exprText(s.Store.Value)
	}
	left := each(s.Def.Names, identText) + " = "
	switch d := s.Def; {
	case d.Kernel != nil:
		k := d.Kernel
		text := left + "kernel" + optional(k.Name) + "(" + each(k.Args, bindText) + ")"
		if len(k.Grid) > 0 {
			text += " grid(" + each(k.Grid, cutText) + ")"
		}
		if k.Loop != nil {
			text += " loop(" + cutText(k.Loop) + ")"
		}
		return text + " {"
	case d.Thread != nil:
		return left + "thread" + optional(d.Thread.Name) + "(" + each(d.Thread.Args, bindText) + ") -> (" + each(d.Thread.Outputs, resultText) + ") {"
	}
	return left + exprText(s.Def.Value)
}

func optional(n *ident) string {
	if n == nil {
		return ""
	}
	return " " + n.Text
}

func bindText(b *bind) string {
	if b.Outer == nil {
		return b.Name.Text
	}
	return b.Name.Text + "=" + b.Outer.Text
}

func cutText(e *extentCut) string {
	if e.Parts {
		return e.Name.Text + ": " + sumText(e.Size) + " parts"
	}
	return e.Name.Text + ": " + sumText(e.Size) + " by " + numberText(e.Tile)
}

func exprText(e *expr) string {
	var s strings.Builder
	s.WriteString(operandText(e.First))
	for _, r := range e.Rest {
		s.WriteString(" " + r.Op + " " + operandText(r.Operand))
	}
	return s.String()
}

func operandText(o *operand) string {
	minus := strings.Join(o.Minus, "")
	switch {
	case o.Number != "":
		return minus + numberText(o.Number)
	case o.Call != nil:
		return minus + o.Call.Op + "(" + each(o.Call.Args, argText) + ")"
	case o.Name != nil:
		return minus + o.Name.Text
	}
	return minus + "(" + exprText(o.Paren) + ")"
}

func argText(a *arg) string {
	switch {
	case a.Attr == nil:
		return exprText(a.Value)
	case a.Attr.List != nil:
		return a.Attr.Name + "=[" + each(a.Attr.List.Items, sumText) + "]"
	}
	return a.Attr.Name + "=" + sumText(a.Attr.One)
}

func sumText(s *sum) string {
	text := productText(s.First)
	for _, a := range s.Rest {
		text += " " + a.Op + " " + productText(a.Product)
	}
	return text
}

func productText(p *product) string {
	text := factorText(p.First)
	for _, s := range p.Rest {
		text += s.Op + factorText(s.Factor)
	}
	return text
}

func factorText(f *factor) string {
	minus := ""
	if f.Minus {
		minus = "-"
	}
	switch {
	case f.Number != "":
		return minus + numberText(f.Number)
	case f.Ceil != nil:
		return minus + "ceil(" + sumText(f.Ceil.Num) + ", " + f.Ceil.Den + ")"
	case f.Paren != nil:
		return minus + "(" + sumText(f.Paren) + ")"
	}
	return minus + f.Word
}
