package text

import (
	"fmt"
	"sort"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph/spell"
)

// Error is one error in a source text.
type Error struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Source       string // the line of the text
	Message      string // what is wrong, and what would be legal
}

// Error is "file:line:column: message", the source line, and a caret under the column. There is nothing to
// point at in a blank line.
func (e *Error) Error() string {
	if strings.TrimSpace(e.Source) == "" {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	}
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

// nearest returns ` (did you mean "x"?)` for the candidate that may be meant by the word, or "".
func nearest(word string, candidates []string) string {
	if at := spell.Nearest(word, candidates); at != "" {
		return fmt.Sprintf(" (did you mean %q?)", at)
	}
	return ""
}
