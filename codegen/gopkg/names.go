package gopkg

import (
	"fmt"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var packageName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// CheckPackage returns an error unless a package may be called name: lower-case letters, digits and
// underscores after a letter, no keyword, not main, and no suffix that makes it a test's package.
func CheckPackage(name string) error {
	switch {
	case name == "main":
		return fmt.Errorf("package main would be a program: choose another name")
	case token.IsKeyword(name):
		return fmt.Errorf("%s is a keyword of Go: choose another package name", name)
	case !packageName.MatchString(name) || len(name) > 64:
		return fmt.Errorf("%q is not a package name: want lower-case letters, digits and _ after a letter", name)
	case strings.HasSuffix(name, "_test"):
		return fmt.Errorf("package %s would be a test: choose a name without _test", name)
	}
	return nil
}

// exporter makes exported Go names that differ within one struct.
type exporter struct{ taken map[string]bool }

func newExporter() *exporter { return &exporter{taken: map[string]bool{}} }

// name is the exported form of a name of the .ug language: parts between underscores begin with a
// capital (W_gate is WGate). Where no capital can begin it, V does; where it is taken, a number follows.
func (e *exporter) name(s string) string {
	var b strings.Builder
	for _, part := range strings.Split(s, "_") {
		r, n := utf8.DecodeRuneInString(part)
		if n == 0 {
			continue
		}
		if digit := unicode.IsDigit(r); digit && b.Len() > 0 && unicode.IsDigit(lastRune(b.String())) {
			b.WriteByte('_') // w_1_2 is not w_12
		}
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(part[n:])
	}
	out := b.String()
	if r, _ := utf8.DecodeRuneInString(out); !unicode.IsUpper(r) {
		out = "V" + out
	}
	for base, i := out, 2; e.taken[out]; i++ {
		out = base + "_" + strconv.Itoa(i)
	}
	e.taken[out] = true
	return out
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}
