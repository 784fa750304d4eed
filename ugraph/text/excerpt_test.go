package text

import (
	"errors"
	"strings"
	"testing"
)

// The caret of an error stands under its column, whatever stands before it, and nothing reaches a
// terminal that it would not print.
func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		name, line   string
		column       int
		shown, below string
	}{
		{"plain", "Y = exq(X)", 5, "Y = exq(X)", "    "},
		{"first column", "exq", 1, "exq", ""},
		{"past the end", "ab", 3, "ab", "  "},
		{"tabs", "\tY =\texq(X)", 6, "\tY =\texq(X)", "\t   \t"},
		{"wide", "変数 = 1", 4, "変数 = 1", "     "},
		{"combining", "e\u0301 = 1", 4, "e\u0301 = 1", "  "},
		{"bytes", "a\xff\x93NUMPY", 4, `a\xff\x93NUMPY`, "         "},
		{"control", "a\x00\x1b[31mb", 4, `a\x00\x1b[31mb`, "         "},
		{"direction", "a\u202eb", 3, `a\u202eb`, "       "},
		{"long", long, 500, "…" + long[:excerptBefore+excerptAfter] + "…", strings.Repeat(" ", excerptBefore+1)},
	} {
		shown, below := excerpt(c.line, c.column)
		if shown != c.shown || below != c.below {
			t.Errorf("%s:\n%q\n%q, want\n%q\n%q", c.name, shown, below, c.shown, c.below)
		}
	}
}

// No message of a binary file has a byte that a terminal obeys.
func TestBinaryErrors(t *testing.T) {
	for _, src := range []string{"\x93NUMPY\x01\x00v\x00{'descr'\x1b[2J", "program p(X: f32[4]) -> (Y) {\n\tY = \x07exp(X)\n}\n", "pro\x00gram", "\x7fELF\x02\x01"} {
		_, err := Parse("f.ug", []byte(src))
		var list ErrorList
		if !errors.As(err, &list) {
			t.Fatalf("%q: %v", src, err)
		}
		for _, r := range err.Error() {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\ufffd' {
				t.Errorf("%q: the message has %q: %q", src, r, err.Error())
				break
			}
		}
	}
}
