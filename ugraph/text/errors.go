package text

import (
	"fmt"
	"sort"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Error is one error in a source text.
type Error struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Source       string // the line of the text
	Message      string // what is wrong, and what would be legal
}

// Error is "file:line:column: message", the source line, and a caret under the column.
func (e *Error) Error() string {
	line, caret := excerpt(e.Source, e.Column)
	return fmt.Sprintf("%s:%d:%d: %s\n    %s\n    %s^", e.File, e.Line, e.Column, e.Message, line, caret)
}

// ErrorList is the errors of a text, in the order of their places.
type ErrorList []*Error

func (l ErrorList) Error() string {
	s := make([]string, len(l))
	for i, e := range l {
		s[i] = e.Error()
	}
	return strings.Join(s, "\n")
}

// maxErrors bounds a list: what follows is rarely of use.
const maxErrors = 20

// reporter collects errors of one source.
type reporter struct {
	file  string
	lines []string
	list  ErrorList
}

func newReporter(file string, src []byte) *reporter {
	return &reporter{file: file, lines: strings.Split(string(src), "\n")}
}

func (r *reporter) errorf(pos lexer.Position, format string, args ...any) {
	e := &Error{File: r.file, Line: pos.Line, Column: pos.Column, Message: fmt.Sprintf(format, args...)}
	if pos.Line >= 1 && pos.Line <= len(r.lines) {
		e.Source = strings.TrimRight(r.lines[pos.Line-1], "\r")
	}
	r.list = append(r.list, e)
}

// full tells whether more errors would only be dropped.
func (r *reporter) full() bool { return len(r.list) >= maxErrors }

func (r *reporter) err() error {
	if len(r.list) == 0 {
		return nil
	}
	sort.SliceStable(r.list, func(i, j int) bool {
		a, b := r.list[i], r.list[j]
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	if len(r.list) > maxErrors {
		r.list = r.list[:maxErrors]
	}
	return r.list
}

// nearest returns ` (did you mean "x"?)` for the candidate closest to the word, or "".
func nearest(word string, candidates []string) string {
	best, at := 1+len(word)/3, ""
	for _, c := range candidates {
		if d := editDistance(word, c, best); d <= best && d < len(word) && (at == "" || d < best) {
			best, at = d, c
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", at)
}

// editDistance is Levenshtein's, or limit+1 where it is greater.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j-1]+cost, prev[j]+1, cur[j-1]+1)
		}
		prev = cur
	}
	return prev[len(b)]
}
