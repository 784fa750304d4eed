package programs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

var (
	// opening is what stands between a formula's comment and its inputs.
	opening = regexp.MustCompile(`(?m)^program \w+\(`)
	// conditions is the where clause of a formula.
	conditions = regexp.MustCompile(`\) where ([^{]*) \{`)
	// word is a comment, which is passed over, or an identifier.
	word = regexp.MustCompile(`//[^\n]*|[\p{L}_][\p{L}\p{Nd}_]*`)
	// product is one of two integers in a list of dimensions or as an attribute's value.
	product = regexp.MustCompile(`([\[,=] ?)(\d+) \* (\d+)\b`)
	// symbols are the names in a where clause.
	symbols = regexp.MustCompile(`\b[\p{L}_][\p{L}\p{Nd}_]*`)
	// setting is the size of one symbol.
	setting = regexp.MustCompile(`^(\w+)=([1-9][0-9]*)$`)
)

// bind makes a program of a formula: the row's sizes in place of its symbols, in canonical form.
// The symbols that are left keep their conditions, narrowed by the row's. A size of a symbol that
// the formula does not bound, or outside its bounds, is an error.
func (r row) bind(formula, name string) (string, error) {
	at := conditions.FindStringSubmatchIndex(formula)
	var bounded []ugraph.Symbol
	if at != nil {
		var err error
		if bounded, err = bounds(join(formula[at[2]:at[3]], r.where)); err != nil {
			return "", err
		}
	} else if r.where != "" {
		return "", fmt.Errorf("where %s: the formula has no symbols", r.where)
	}
	sizes := map[string]string{}
	for _, s := range strings.Fields(r.sizes) {
		m := setting.FindStringSubmatch(s)
		if m == nil {
			return "", fmt.Errorf("%q is no size; want NAME=SIZE", s)
		}
		i := slices.IndexFunc(bounded, func(y ugraph.Symbol) bool { return y.Name == m[1] })
		if i < 0 {
			return "", fmt.Errorf("%s: the formula has no symbol %s left to give a size", s, m[1])
		}
		n, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
		if err := bounded[i].Check(n); err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
		sizes[m[1]] = m[2]
		bounded = slices.Delete(bounded, i, i+1)
	}
	if at != nil {
		formula = formula[:at[0]] + ")" + clause(bounded) + " {" + formula[at[1]:]
	}
	if r.dtype != "" {
		formula = element.ReplaceAllString(formula, r.dtype+"[")
	}
	formula = word.ReplaceAllStringFunc(formula, func(w string) string {
		if size, ok := sizes[w]; ok {
			return size
		}
		return w
	})
	formula = opening.ReplaceAllString(formula, "program "+name+"(")
	for before := ""; before != formula; { // 2 * 3 * 4 takes two rounds
		before, formula = formula, product.ReplaceAllStringFunc(formula, multiplied)
	}
	out, err := text.Format(name+".ug", []byte(formula))
	return string(out), err
}

// multiplied is a match of product with the product of its numbers in it.
func multiplied(match string) string {
	m := product.FindStringSubmatch(match)
	a, errA := strconv.ParseInt(m[2], 10, 32)
	b, errB := strconv.ParseInt(m[3], 10, 32)
	if errA != nil || errB != nil {
		return match // left to the parser
	}
	return m[1] + strconv.FormatInt(a*b, 10)
}

// join is a where clause that states both clauses.
func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

// bounds reads a where clause: its symbols in the order of their first mention.
func bounds(where string) ([]ugraph.Symbol, error) {
	var inputs []string
	for i, s := range slices.Compact(slices.Sorted(slices.Values(symbols.FindAllString(where, -1)))) {
		inputs = append(inputs, fmt.Sprintf("x%d: f32[%s]", i, s))
	}
	if inputs == nil {
		return nil, fmt.Errorf("where %s: no symbol in it", where)
	}
	gs, err := text.Parse("where", []byte("program bounds("+strings.Join(inputs, ", ")+") -> (y) where "+where+" { y = -x0 }"))
	if err != nil {
		return nil, err
	}
	return gs[0].Symbols, nil
}

// clause is a where clause with the keyword in front, or nothing.
func clause(left []ugraph.Symbol) string {
	var s []string
	for _, y := range left {
		s = append(s, fmt.Sprintf("%d <= %s <= %d", y.Lo, y.Name, y.Hi))
		if y.Multiple > 1 {
			s = append(s, fmt.Sprintf("%s %% %d == 0", y.Name, y.Multiple))
		}
	}
	if s == nil {
		return ""
	}
	return " where " + strings.Join(s, ", ")
}
