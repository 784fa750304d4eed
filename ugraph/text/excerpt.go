package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An excerpt of a line has at most so many characters before the column it points to, and after it.
const (
	excerptBefore = 160
	excerptAfter  = 160
)

// excerpt shows the part of a line around a column (from 1, in characters), and what to print below it so
// that the next thing printed stands under the column. What a terminal would not print as a character of
// its own is escaped: bytes that are no UTF-8, control characters, and those that change the direction of
// what follows.
func excerpt(line string, column int) (shown, below string) {
	var b, under strings.Builder
	n := 1
	first := max(column-excerptBefore, 1)
	if first > 1 {
		b.WriteString("…")
		under.WriteByte(' ')
	}
	for i := 0; i < len(line); n++ {
		r, size := utf8.DecodeRuneInString(line[i:])
		text := line[i : i+size]
		i += size
		if n < first {
			continue
		}
		if n > column+excerptAfter {
			b.WriteString("…")
			break
		}
		width := 1
		switch {
		case r == utf8.RuneError && size == 1:
			text = fmt.Sprintf(`\x%02x`, text[0])
			width = len(text)
		case r == '\t':
			width = 0 // a tab below a tab ends at the same place
			if n < column {
				under.WriteByte('\t')
			}
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			width = 0
		case !unicode.IsPrint(r):
			text = strings.Trim(fmt.Sprintf("%+q", r), "'")
			width = len(text)
		case unicode.Is(wide, r):
			width = 2
		}
		b.WriteString(text)
		if n < column {
			under.WriteString(strings.Repeat(" ", width))
		}
	}
	return b.String(), under.String()
}

// wide is the characters of two columns on a terminal (Unicode Standard Annex 11, East Asian Width W and
// F), in the ranges of the blocks that have them.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}
