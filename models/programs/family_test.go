package programs

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// parsed is the one program of a text.
func parsed(source string) (*ugraph.Graph, error) {
	gs, err := text.Parse("test.ug", []byte(source))
	if err != nil {
		return nil, err
	}
	if len(gs) != 1 || !gs[0].IsProgram() {
		return nil, fmt.Errorf("holds %d graphs, not one program", len(gs))
	}
	return gs[0], nil
}

// Every program of every family is one legal program under its own name, in canonical form, and
// printing it loses nothing.
func TestEveryRowIsAProgram(t *testing.T) {
	for _, f := range families {
		for _, r := range f.rows {
			name := f.name + "/" + r.name
			source, err := Source(name)
			if err != nil {
				t.Error(err)
				continue
			}
			g, err := parsed(source)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, source)
				continue
			}
			if want := identifier(name); g.Name != want {
				t.Errorf("%s: the program is called %s, want %s", name, g.Name, want)
			}
			if !strings.HasPrefix(source, "// "+r.summary+"\n// ") || strings.Contains(r.summary, "\n") || r.summary == "" {
				t.Errorf("%s: the text does not open with its summary and what the formula says:\n%s", name, source)
			}
			if again, err := text.Format("test.ug", []byte(source)); err != nil || string(again) != source {
				t.Errorf("%s: not in canonical form (%v)", name, err)
			}
			again, err := parsed(text.Print(g))
			if err != nil {
				t.Errorf("%s: printed: %v", name, err)
			} else if d := ugraph.Diff(g, again); d != "" {
				t.Errorf("%s: printed and parsed it differs: %s", name, d)
			}
		}
	}
}

// No two programs have one name, even as identifiers or as names of files, and each row has a name that can
// stand on a command line.
func TestNamesAreApart(t *testing.T) {
	legal := regexp.MustCompile(`^[a-z0-9_]+(/[a-z0-9_]+)+$`)
	names := map[string]string{}
	for _, info := range All() {
		for _, name := range append([]string{info.Name}, info.Variants...) {
			if other, ok := names[identifier(name)]; ok {
				t.Errorf("%s and %s are one name", name, other)
			}
			names[identifier(name)] = name
		}
	}
	for _, f := range families {
		for _, info := range Family(f.name) {
			if !legal.MatchString(info.Name) || !strings.HasPrefix(info.Name, f.name+"/") {
				t.Errorf("%s is no name for a program of the family %s", info.Name, f.name)
			}
		}
	}
	if Family("no such family") != nil {
		t.Error("a family that is not there has programs")
	}
}

// Every formula is used by a row, and is in canonical form: what is in the folder is what the table says.
func TestFormulasAreUsed(t *testing.T) {
	for _, f := range families {
		embedded, err := fs.Glob(files, f.name+"/*.ug")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range embedded {
			formula := strings.TrimSuffix(path.Base(file), ".ug")
			if !slices.ContainsFunc(f.rows, func(r row) bool { return r.formula == formula }) {
				t.Errorf("no row of %s uses %s", f.name, file)
			}
			source, err := files.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := text.Format(file, source); err != nil || string(out) != string(source) {
				t.Errorf("%s is not in canonical form; `morgana fmt -w` makes it so (%v)", file, err)
			}
		}
	}
}

// A symbol's name names nothing else in its formula, so that a size can be written in its place.
func TestSymbolsNameNothingElse(t *testing.T) {
	for _, f := range families {
		for _, r := range f.rows {
			source, err := files.ReadFile(f.name + "/" + r.formula + ".ug")
			if err != nil {
				t.Error(err)
				continue
			}
			m := conditions.FindSubmatch(source)
			if m == nil {
				continue
			}
			for _, s := range symbols.FindAllString(string(m[1]), -1) {
				if regexp.MustCompile(`(?m)(^\s+|, )` + s + `(:| = |, \w+ = )|-> \([^)]*\b` + s + `\b`).Match(source) {
					t.Errorf("%s/%s: %s is a size and a tensor", f.name, r.formula, s)
				}
			}
		}
	}
}
