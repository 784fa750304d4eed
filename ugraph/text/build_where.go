package text

import (
	"math"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxSymbol bounds a symbol's upper bound: no tensor may have 2^62 elements.
const maxSymbol = 1 << 62

// bounds is what the where clause says of one symbol so far.
type bounds struct {
	pos     lexer.Position
	lo, hi  int64
	mult    int64
	bounded bool // an upper bound was given
}

// symbols declares the symbols of the where clause, in the order of their first mention.
func (b *builder) symbols() {
	all := map[string]*bounds{}
	var order []string
	get := func(name string, pos lexer.Position) *bounds {
		s := all[name]
		if s == nil {
			s = &bounds{pos: pos, lo: 1, hi: maxSymbol, mult: 1}
			all[name] = s
			order = append(order, name)
			b.checkName(&ident{pos, name})
		}
		return s
	}
	for _, c := range b.unit.Where {
		if c.Mod != "" {
			if c.First.Symbol == "" {
				b.errorf(c.Pos, "expected SYMBOL %% integer == 0")
				continue
			}
			s := get(c.First.Symbol, c.Pos)
			n, ok := b.integer(c.Pos, c.Mod)
			zero, ok2 := b.integer(c.Pos, c.Zero)
			switch {
			case !ok || !ok2:
			case n < 1 || n > maxSymbol:
				b.errorf(c.Pos, "%s %% %d: the divisor must be 1 or more", c.First.Symbol, n)
			case zero != 0:
				b.errorf(c.Pos, "%s %% %d == %d: only == 0 is possible", c.First.Symbol, n, zero)
			default:
				g := gcd(s.mult, n)
				if s.mult/g > maxSymbol/n {
					b.errorf(c.Pos, "the divisors of %s together are beyond 2^62", c.First.Symbol)
					continue
				}
				s.mult = s.mult / g * n
			}
			continue
		}
		b.comparison(c, get)
	}
	for _, name := range order {
		s := all[name]
		switch {
		case s.hi == maxSymbol && !s.bounded:
			b.errorf(s.pos, "symbol %s has no upper bound; add %s <= …", name, name)
			b.broken[name] = true
		case s.hi < 1:
			b.errorf(s.pos, "no size satisfies %s <= %d; a size is 1 or more", name, s.hi)
			b.broken[name] = true
		case s.lo > s.hi:
			b.errorf(s.pos, "no size satisfies the bounds %d <= %s <= %d", s.lo, name, s.hi)
			b.broken[name] = true
		case s.hi/s.mult*s.mult < s.lo:
			b.errorf(s.pos, "no size satisfies the bounds %d <= %s <= %d and %s %% %d == 0; widen the bounds, or take a smaller divisor", s.lo, name, s.hi, name, s.mult)
			b.broken[name] = true
		}
		b.g.Symbols = append(b.g.Symbols, ugraph.Symbol{Name: name, Lo: s.lo, Hi: s.hi, Multiple: s.mult})
		b.bounded = append(b.bounded, s.pos)
	}
}

// unusedSymbols reports what the where clause of a program bounds and no dimension has: most often a typing
// error. The μGraphs for a program keep its symbols, whatever is left of their use.
func (b *builder) unusedSymbols() {
	if b.unit.Kind != "program" {
		return
	}
	for i, s := range b.g.Symbols {
		if !b.used[s.Name] {
			b.errorf(b.bounded[i], "symbol %s is used nowhere; leave its bounds out, or name it in a dimension", s.Name)
		}
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// comparison reads a chain such as 1 <= S <= 64.
func (b *builder) comparison(c *constraint, get func(string, lexer.Position) *bounds) {
	left := c.First
	found := false
	for _, r := range c.Rest {
		op, num, sym := r.Op, r.Bound, left
		if left.Symbol == "" {
			// number op symbol is symbol (turned op) number
			op, num, sym = turned[r.Op], left, r.Bound
		}
		switch {
		case sym.Symbol == "" || num.Symbol != "":
			b.errorf(r.Bound.Pos, "a symbol is compared with integers, as in 1 <= S <= 64")
			return
		}
		found = true
		n, ok := b.integer(num.Pos, num.Number)
		if !ok {
			return
		}
		s := get(sym.Symbol, sym.Pos)
		switch op {
		case "<=", "<":
			if op == "<" {
				n--
			}
			s.hi, s.bounded = min(s.hi, n), true
		case ">=", ">":
			if op == ">" {
				if n == math.MaxInt64 {
					n--
				}
				n++
			}
			s.lo = max(s.lo, n)
		case "==":
			s.lo, s.hi, s.bounded = max(s.lo, n), min(s.hi, n), true
		}
		left = r.Bound
	}
	if !found {
		b.errorf(c.Pos, "expected a bound such as S <= 64")
	}
}

var turned = map[string]string{"<": ">", "<=": ">=", "==": "==", ">=": "<=", ">": "<"}
