package algebra

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/morgana-ml/morgana/search/expr"
)

// forms are the abstract expressions of texts over x y z v w, and the DAG that names their axes.
func forms(t *testing.T, a *abstraction, texts ...string) ([]polyID, *expr.DAG) {
	t.Helper()
	var names, lines []string
	for i, s := range texts {
		names = append(names, fmt.Sprintf("O%d", i))
		lines = append(lines, fmt.Sprintf("O%d = %s", i, s))
	}
	d := liftText(t, fmt.Sprintf("program p(x: f32[3, 4], y: f32[3, 4], z: f32[3, 4], v: f32[3, 1], w: f32[1, 4]) -> (%s) {\n%s\n}",
		strings.Join(names, ", "), strings.Join(lines, "\n")))
	var out []polyID
	for i := range d.Outputs {
		one := d.Clone()
		one.Outputs = d.Outputs[i : i+1]
		out = append(out, formOf(a, one))
	}
	return out, d
}

// Every axiom has a case where it applies and one where it must not; the files show the normal forms of
// both sides, which is one where the axiom applies.
func TestAxioms(t *testing.T) {
	seen := map[string]map[string]bool{}
	datadriven.RunTest(t, "testdata/axioms", func(t *testing.T, td *datadriven.TestData) string {
		lines := strings.Split(strings.TrimSpace(td.Input), "\n")
		a := newAbstraction()
		f, d := forms(t, a, lines...)
		out := "different"
		text := fmt.Sprintf("  %s\n  %s\n", a.text(f[0], d), a.text(f[1], d))
		if f[0] == f[1] {
			out = "same"
			text = fmt.Sprintf("  %s\n", a.text(f[0], d))
			for k := range f { // equal forms are parts of each other
				b := newAbstraction()
				g, _ := forms(t, b, lines...)
				b.target(g[k])
				if !b.admits(g[1-k]) {
					t.Errorf("%v: one form, yet not admitted", lines)
				}
			}
		} else if a.text(f[0], d) == a.text(f[1], d) {
			t.Errorf("%v: two forms of one text, %s", lines, a.text(f[0], d))
		}
		var name string
		if td.HasArg("name") {
			td.ScanArgs(t, "name", &name)
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			seen[name][out] = true
		}
		return out + "\n" + text
	})
	for _, x := range Axioms {
		if !seen[x.Name]["same"] || !seen[x.Name]["different"] {
			t.Errorf("axiom %s lacks a case where it applies or a counterexample", x.Name)
		}
		delete(seen, x.Name)
	}
	for name := range seen {
		t.Errorf("testdata speaks of the unknown axiom %s", name)
	}
}

// Parts of a target are admitted, other things are not.
func TestAdmits(t *testing.T) {
	cases := []struct {
		target, part string
		want         bool
	}{
		{"x * y + z", "x", true},
		{"x * y + z", "x * y", true},
		{"x * y + z", "x + z", false},
		{"x * (y + z)", "x * y", true},
		{"x * (y + z)", "y + z", true},
		{"x / sqrt(y + z)", "sqrt(y + z)", true}, // a denominator is a target itself
		{"x / sqrt(y + z)", "y + z", true},
		{"x / ((y + z) * w)", "(y + z) * w", true},
		{"x / (y * z)", "y * z", true},
		{"x / sqrt(y + z)", "x * sqrt(y + z)", false},
		{"exp(x - y)", "exp(x)", true},
		{"exp(x - y)", "exp(y)", false},
		{"exp(x - y)", "y - x", true}, // up to the sign
		{"exp(x - y)", "x + y", false},
		{"exp(x - max(x, axis=1, keepdims=true))", "exp(x + max(x, axis=1, keepdims=true))", false},
		{"sum(x * w, axis=1)", "sum(x, axis=1)", true},
		{"sum(x * w, axis=1)", "sum(sum(x, axis=1), axis=0)", false},
		{"square(x - y)", "x - y", true},
		{"square(x - y)", "x * x", false},
		{"x * 2", "x * 2", true},
		{"x * 2", "x * 2 * 2", false},
		{"x + y", "x - y", false},
	}
	for _, c := range cases {
		a := newAbstraction()
		f, _ := forms(t, a, c.target, c.part)
		a.target(f[0])
		if got := a.admits(f[1]); got != c.want {
			t.Errorf("%s in %s: %v, want %v", c.part, c.target, got, c.want)
		}
	}
}
