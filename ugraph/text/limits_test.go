package text

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/ugraph"
)

// within fails the test where f takes longer than the limit, which is generous for a loaded machine.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d > limit {
		t.Errorf("took %v, more than %v", d, limit)
	}
}

// TestDeep checks that nesting is refused with an error, whichever bracket it is made of.
func TestDeep(t *testing.T) {
	const n = 10_000
	for open, want := range map[string]string{"(": "nested deeper", "exp(": "nested deeper", "-(": "nested deeper", "reshape(X, shape=[(": "not closed"} {
		src := "program p(X: f32[2]) -> (Y) {\nY = " + strings.Repeat(open, n) + "X" + strings.Repeat(")", n) + "\n}"
		within(t, 5*time.Second, func() {
			_, err := Parse("deep.ug", []byte(src))
			var list ErrorList
			if !errors.As(err, &list) || !strings.Contains(list[0].Message, want) {
				t.Errorf("%s…: got %.200v", open, err)
			}
		})
	}
	for _, legal := range []string{strings.Repeat("(", 100) + "X" + strings.Repeat(")", 100), strings.Repeat("exp(", 150) + "X" + strings.Repeat(")", 150)} {
		gs, err := Parse("deep.ug", []byte("program p(X: f32[2]) -> (Y) {\nY = "+legal+"\n}"))
		if err != nil {
			t.Fatalf("%.200v", err)
		}
		roundTrip(t, gs[0])
	}
	if _, err := Parse("minus.ug", []byte("program p(X: f32[2]) -> (Y) { Y = "+strings.Repeat("-", n)+"X }")); err == nil {
		t.Error("10,000 minus signs are accepted")
	}
}

// A bracket that every line leaves open is reported for each line, and not as nesting.
func TestOpenBrackets(t *testing.T) {
	src := "program p(X: f32[2]) -> (Y) {\n" + strings.Repeat("    A = foo(X,\n", 10_000) + "}\n"
	_, err := Parse("open.ug", []byte(src))
	var list ErrorList
	if !errors.As(err, &list) || len(list) != maxErrors {
		t.Fatalf("got %.500v", err)
	}
	for i, e := range list {
		if e.Line != i+2 || e.Column != 12 || e.Message != `"(" is not closed; expected ")"` {
			t.Errorf("error %d: %v", i, e)
		}
	}
}

// A byte order mark before a text is passed over, at the start only.
func TestByteOrderMark(t *testing.T) {
	const src = "program p(X: f32[2]) -> (Y) {\n    Y = exp(X)\n}\n"
	if gs, err := Parse("bom.ug", []byte("\ufeff"+src)); err != nil || len(gs) != 1 {
		t.Errorf("%v", err)
	}
	if out, err := Format("bom.ug", []byte("\ufeff"+src)); err != nil || string(out) != src {
		t.Errorf("%q, %v", out, err)
	}
	_, err := Parse("bom.ug", []byte(src[:10]+"\ufeff"+src[10:]))
	if err == nil || !strings.Contains(err.Error(), "bom.ug:1:11: unexpected character") {
		t.Errorf("got %v", err)
	}
	if _, err = Parse("bom.ug", []byte("\ufeffprogram p(X: f32[0]) -> (Y) {}")); err == nil || !strings.Contains(err.Error(), "bom.ug:1:18") {
		t.Errorf("the columns count from the text: %v", err)
	}
}

// TestLong checks that the time for long programs grows in proportion: a chain of 10,000 terms, and
// 10,000 statements.
func TestLong(t *testing.T) {
	const n = 10_000
	statements := make([]string, n)
	for i := range statements {
		statements[i] = fmt.Sprintf("A%d = exp(A%d) * 0.5 + X // line %d", i+1, i, i)
	}
	for name, src := range map[string]string{
		"chain":      "program p(X: f32[2]) -> (Y) {\nY = X" + strings.Repeat(" + X", n) + "\n}",
		"minus":      "program p(X: f32[2]) -> (Y) {\nY = X" + strings.Repeat(" - -X", n) + "\n}",
		"statements": "program p(X: f32[2]) -> (Y) {\nA0 = X\n" + strings.Join(statements, "\n") + fmt.Sprintf("\nY = A%d\n}", n),
	} {
		t.Run(name, func(t *testing.T) {
			within(t, 20*time.Second, func() {
				gs, err := Parse("long.ug", []byte(src))
				if err != nil {
					t.Fatalf("%.300v", err)
				}
				roundTrip(t, gs[0])
				if _, err := Format("long.ug", []byte(src)); err != nil {
					t.Errorf("%.300v", err)
				}
			})
		})
	}
}

// TestDeepGraph checks that a long unnamed chain prints with bounded nesting.
func TestDeepGraph(t *testing.T) {
	b := ugraph.NewBuilder("p")
	x := b.Input("X", ugraph.F32, ugraph.Ds(2))
	for range 3000 {
		x = b.Op(ugraph.OpExp, nil, x)
	}
	b.Output("Y", x)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, g)
}

// TestBinary checks that what is not text is an error.
func TestBinary(t *testing.T) {
	for _, src := range []string{"\xff\xfe\x00", "\x7fELF\x02\x01\x01\x00\x90", "program p(X: f32[2]) -> (Y) { Y = X \x80 }", "\x00", strings.Repeat("\x00", 1<<16)} {
		gs, err := Parse("a.out", []byte(src))
		var list ErrorList
		if !errors.As(err, &list) || len(gs) != 0 {
			t.Errorf("%.20q: got %d graphs, %v", src, len(gs), err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	src := "program p(X: f32[2]) -> (Y) {\nA0 = X\n"
	for i := range 10_000 {
		src += fmt.Sprintf("A%d = exp(A%d) * 0.5 + X\n", i+1, i)
	}
	src += "Y = A10000\n}"
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse("b.ug", []byte(src)); err != nil {
			b.Fatal(err)
		}
	}
}
