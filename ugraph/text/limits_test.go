package text

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// TestDeep checks that nesting is refused with an error, whichever bracket it is made of.
func TestDeep(t *testing.T) {
	const n = 10_000
	for open, want := range map[string]string{"(": "nested deeper", "exp(": "nested deeper", "-(": "nested deeper", "reshape(X, shape=[(": "not closed"} {
		src := "program p(X: f32[2]) -> (Y) {\nY = " + strings.Repeat(open, n) + "X" + strings.Repeat(")", n) + "\n}"
		_, err := Parse("deep.ug", []byte(src))
		var list ErrorList
		if !errors.As(err, &list) || !strings.Contains(list[0].Message, want) {
			t.Errorf("%s…: got %.200v", open, err)
		}
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

// longTexts is programs of n terms or statements, by name.
func longTexts(n int) map[string]string {
	statements := make([]string, n)
	for i := range statements {
		statements[i] = fmt.Sprintf("A%d = exp(A%d) * 0.5 + X // line %d", i+1, i, i)
	}
	return map[string]string{
		"chain":      "program p(X: f32[2]) -> (Y) {\nY = X" + strings.Repeat(" + X", n) + "\n}",
		"minus":      "program p(X: f32[2]) -> (Y) {\nY = X" + strings.Repeat(" - -X", n) + "\n}",
		"statements": "program p(X: f32[2]) -> (Y) {\nA0 = X\n" + strings.Join(statements, "\n") + fmt.Sprintf("\nY = A%d\n}", n),
	}
}

// TestLong checks that long programs are read and written, and that what this takes grows in proportion to
// their length: by the bytes that are allocated, which no clock and no load has a part in. Times are what
// BenchmarkParse is for.
func TestLong(t *testing.T) {
	const n = 5_000
	allocated := func(src string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		gs, err := Parse("long.ug", []byte(src))
		if err != nil {
			t.Fatalf("%.300v", err)
		}
		roundTrip(t, gs[0])
		if _, err := Format("long.ug", []byte(src)); err != nil {
			t.Fatalf("%.300v", err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	short, long := longTexts(n), longTexts(2*n)
	for name := range short {
		t.Run(name, func(t *testing.T) {
			once, twice := allocated(short[name]), allocated(long[name])
			if ratio := float64(twice) / float64(once); ratio > 2.5 {
				t.Errorf("twice the length takes %.2f times the memory: %d and %d bytes", ratio, once, twice)
			} else {
				t.Logf("%.2f times", ratio)
			}
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

// BenchmarkParse shows by its rates whether the time is in proportion to the length.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{2_500, 10_000} {
		texts := longTexts(n)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			src := texts[name]
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					if _, err := Parse("b.ug", []byte(src)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
