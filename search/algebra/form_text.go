package algebra

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
)

// text writes a normal form: a sum of coefficient·atoms·exp(…)/(atoms·exp(…)), sorted, so that it does
// not depend on the order in which forms were met. Inputs and axes are called by the given names.
func (a *abstraction) text(p polyID, d *expr.DAG) string {
	var terms []string
	for _, t := range a.polys[a.strip(p)] {
		s := a.coreText(t.core, d)
		if t.coef > 1 {
			s = fmt.Sprintf("%d·%s", t.coef, s)
		}
		terms = append(terms, s)
	}
	slices.Sort(terms)
	return strings.ReplaceAll(strings.Join(terms, " + "), "+ -", "- ")
}

func (a *abstraction) coreText(id coreID, d *expr.DAG) string {
	c := a.cores[id]
	side := func(atoms []atomID, exp polyID) string {
		var sums, fs []string
		for _, x := range atoms {
			if a.atoms[x].key == sumKey {
				sums = append(sums, "Σ"+axisNames(a.atoms[x].over, d)+" ")
			} else {
				fs = append(fs, a.atomText(x, d))
			}
		}
		slices.Sort(sums)
		slices.Sort(fs)
		if exp != 0 {
			fs = append(fs, "exp("+a.text(exp, d)+")")
		}
		return strings.Join(sums, "") + strings.Join(fs, "·")
	}
	s := side(c.num, c.exp)
	if s == "" {
		s = "1"
	}
	if den := side(c.den, c.expDen); den != "" {
		s += "/(" + den + ")"
	}
	if c.neg {
		s = "-" + s
	}
	return s
}

func (a *abstraction) atomText(id atomID, d *expr.DAG) string {
	x := a.atoms[id]
	var input int
	if _, err := fmt.Sscanf(x.key, "input %d", &input); err == nil {
		return d.Inputs[input].Name
	}
	var args []string
	for _, p := range x.args {
		args = append(args, a.text(p, d))
	}
	slices.Sort(args) // the commutative ones are sorted by id
	switch {
	case x.poly:
		return "(" + args[0] + ")"
	case x.max:
		return x.key + axisNames(x.over, d) + "(" + args[0] + ")"
	case len(args) > 0:
		return x.key + "(" + strings.Join(args, ", ") + ")"
	}
	return strings.TrimPrefix(x.key, "const ")
}

func axisNames(s expr.AxisSet, d *expr.DAG) string {
	var names []string
	for _, k := range s.List() {
		names = append(names, d.Axes[k].Name)
	}
	return "_" + strings.Join(names, "")
}
