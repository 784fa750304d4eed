package algebra

import (
	"context"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/verify"
)

// Between the small programs and each of their forms every step is a law with a name, and package verify
// holds each program for equal to the one before it, or, where it does not decide one step alone, the next one.
func TestDeriveIsReplayed(t *testing.T) {
	if testing.Short() {
		t.Skip("each step is verified")
	}
	steps, nameless, skipped := 0, 0, 0
	for _, name := range smallNames {
		d := liftText(t, small[name])
		for i, c := range explore(t, d, Options{}).DAGs {
			if i > 12 || !decided(t, d, c.DAG) {
				break
			}
			path, err := Derive(d, c.DAG)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			was := d
			for k, s := range path {
				steps++
				if LawText(s.Law) == "" {
					t.Errorf("%s: %s is no law", name, s.Law)
				}
				if s.Law == "equal-values" {
					nameless++
					t.Logf("%s: no chain of laws: %s", name, s.Text)
				}
				switch {
				case decided(t, was, s.DAG):
					was = s.DAG
				case k+1 < len(path):
					skipped++
				default:
					t.Errorf("%s: %s: %s is not verified", name, s.Law, s.Text)
				}
			}
			if expr.Hash(was) != expr.Hash(c.DAG) {
				t.Errorf("%s: the derivation ends at\n%s, not at\n%s", name, was, c.DAG)
			}
		}
	}
	t.Logf("%d steps, %d without a chain of laws, %d undecided alone", steps, nameless, skipped)
	if steps < 200 || nameless*50 > steps || skipped*20 > steps {
		t.Errorf("of %d steps %d have no chain of laws and %d are not verified alone", steps, nameless, skipped)
	}
}

// Every law of the chains is one that package verify accepts: on hand-made pairs that need it.
func TestRewriteNamesTheLaw(t *testing.T) {
	const head = "program p(x: f32[3, 4], y: f32[3, 4], z: f32[3, 4], v: f32[3, 1], W: f32[4, 5]) -> (Y) { Y = "
	for _, c := range []struct{ law, a, b string }{
		{"square-even", "sum(square(x - y), axis=1)", "sum(square(y - x), axis=1)"},
		{"sum-factor", "sum(x * v, axis=1)", "sum(x, axis=1) * reshape(v, shape=[3])"},
		{"distribution", "x * y + x * z", "x * (y + z)"},
		{"quotient-sum", "x / z + y / z", "(x + y) / z"},
		{"quotient-product", "x * (y / z)", "(x * y) / z"},
		{"quotient-quotient", "x / y / z", "x / (y * z)"},
		{"double-quotient", "x / (y / z)", "x * z / y"},
		{"sum-linear", "(x + y) @ W", "x @ W + y @ W"},
		{"exp-sum", "exp(x) * exp(y)", "exp(x + y)"},
		{"exp-difference", "exp(x) / exp(y)", "exp(x - y)"},
		{"sum-commutes", "x - (y - z)", "x + (z - y)"},
		{"square-product", "square(x / y)", "square(x) / square(y)"},
		{"mean-is-sum", "sum(x * y, axis=1) + sum(x, axis=1) * mean(y, axis=1)", "sum(x * y, axis=1) + mean(x, axis=1) * sum(y, axis=1)"},
	} {
		a, b := liftText(t, head+c.a+" }"), liftText(t, head+c.b+" }")
		path, err := Derive(a, b)
		if err != nil {
			t.Errorf("%s: %v", c.law, err)
			continue
		}
		named, was := false, a
		for _, s := range path {
			named = named || s.Law == c.law
			if !decided(t, was, s.DAG) {
				t.Errorf("%s: %s is not verified", c.law, s.Text)
			}
			was = s.DAG
		}
		if !named || expr.Hash(was) != expr.Hash(b) {
			t.Errorf("%s: from %s to %s the steps are %v", c.law, c.a, c.b, path)
		}
	}
	x, y := liftText(t, head+"x * y }"), liftText(t, head+"x * z }")
	if _, err := Derive(x, y); err == nil {
		t.Error("a derivation between different programs")
	}
}

// decided tells whether package verify holds two programs for equal.
func decided(t *testing.T, a, b *expr.DAG) bool {
	t.Helper()
	p, err := expr.ToProgram(a)
	if err != nil {
		t.Fatal(err)
	}
	q, err := expr.ToProgram(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	r, err := verify.Equal(context.Background(), p, q, verify.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Witness != nil {
		t.Errorf("different: %s\n%s\n%s", r.Reason, a, b)
	}
	return r.Equal
}
