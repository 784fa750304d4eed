package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An excerpt of a line has about so many columns of a terminal before the place it points to, and after it.
const (
	excerptBefore = 120
	excerptAfter  = 120
)

// cell is what a terminal shows for a character of a line.
type cell struct {
	text  string
	width int // columns
}

// excerpt shows the part of a line around a column (from 1, in characters), and what to print below it so
// that the next thing printed stands under the column.
func excerpt(line string, column int) (shown, below string) {
	var cells []cell
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		cells = append(cells, cellOf(r, line[i:i+size]))
		i += size
	}
	at := min(column-1, len(cells))
	first, last := at, at
	for w := 0; first > 0 && w < excerptBefore; first-- {
		w += cells[first-1].width
	}
	for w := 0; last < len(cells) && w < excerptAfter; last++ {
		w += cells[last].width
	}
	var b, under strings.Builder
	if first > 0 {
		b.WriteString("…")
		under.WriteByte(' ')
	}
	for i, c := range cells[first:last] {
		b.WriteString(c.text)
		switch {
		case first+i >= at:
		case c.text == "\t":
			under.WriteByte('\t') // a tab below a tab ends at the same place
		default:
			under.WriteString(strings.Repeat(" ", c.width))
		}
	}
	if last < len(cells) {
		b.WriteString("…")
	}
	under.WriteString(strings.Repeat(" ", max(column-1-len(cells), 0)))
	return b.String(), under.String()
}

// cellOf is how a character is shown. What a terminal would not print as a character of its own is
// escaped: bytes that are no UTF-8, control characters, and those that change the direction of what follows.
func cellOf(r rune, text string) cell {
	switch {
	case r == utf8.RuneError && len(text) == 1:
		text = fmt.Sprintf(`\x%02x`, text[0])
		return cell{text, len(text)}
	case r == '\t':
		return cell{text, 8} // at most
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		return cell{text, 0}
	case !unicode.IsPrint(r):
		text = strings.Trim(fmt.Sprintf("%+q", r), "'")
		return cell{text, len(text)}
	case unicode.Is(wide, r):
		return cell{text, 2}
	}
	return cell{text, 1}
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
