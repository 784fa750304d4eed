package programs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// family is a folder of formulas and the programs made of them.
type family struct {
	name string
	rows []row
}

// row is one program of a family.
type row struct {
	name    string // within the family
	formula string // the file, without folder and .ug
	sizes   string // of the symbols that the program fixes: "B=8 K=4096"
	dtype   string // in place of f32 in the declarations; empty keeps them
	summary string // one line: the source
	where   string // further conditions on the symbols that stay
}

// families in the order of `morgana list`.
var families = []family{
	{"mirage", mirage},
	{"morgana", morgana},
}

// Families lists the names of the families beside the base programs.
func Families() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// Family lists the programs of a family, in the order of its table; of an unknown one none.
func Family(name string) []Info {
	var list []Info
	for _, f := range families {
		if f.name != name {
			continue
		}
		for _, r := range f.rows {
			list = append(list, Info{Name: f.name + "/" + r.name, Summary: r.summary, Variants: []string{}})
		}
	}
	return list
}

// All lists the base programs and those of every family.
func All() []Info {
	list := List()
	for _, f := range families {
		list = append(list, Family(f.name)...)
	}
	return list
}

// source is the text of the family's program of this name, which starts with the family's.
// The text opens with the summary; the formula's own comment follows.
func (f family) source(name string) (string, error) {
	i := slices.IndexFunc(f.rows, func(r row) bool { return f.name+"/"+r.name == name })
	if i < 0 {
		return "", unknown(name)
	}
	r := f.rows[i]
	formula, err := files.ReadFile(f.name + "/" + r.formula + ".ug")
	if err != nil {
		return "", fmt.Errorf("program %s: %w", name, err)
	}
	source, err := r.bind("// "+r.summary+"\n"+string(formula), identifier(name))
	if err != nil {
		return "", fmt.Errorf("program %s, formula %s: %w", name, r.formula, err)
	}
	return source, nil
}

// separator is what a program's name has and an identifier has not.
var separator = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// identifier is the name of the program inside its text.
func identifier(name string) string { return strings.Trim(separator.ReplaceAllString(name, "_"), "_") }
