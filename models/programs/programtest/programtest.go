package programtest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Parse reads the one program or μGraph of a .ug text. The test ends if the text is wrong or holds more.
func Parse(t testing.TB, src string) *ugraph.Graph {
	t.Helper()
	gs, err := text.Parse("test.ug", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if len(gs) != 1 {
		t.Fatalf("the text holds %d graphs, not one", len(gs))
	}
	return gs[0]
}

// Program is an embedded program or a variant of one (gqa/f16/b8).
func Program(t testing.TB, name string) *ugraph.Graph {
	t.Helper()
	return Parse(t, source(t, name))
}

// Expanded is a graph with its composite operators (softmax, rms_norm, …) written as primitives.
func Expanded(t testing.TB, g *ugraph.Graph) *ugraph.Graph {
	t.Helper()
	e, err := library.Expand(g)
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	return e
}

// Names lists the embedded programs, without their variants, in the order of `morgana list`.
func Names() []string {
	var names []string
	for _, info := range programs.List() {
		names = append(names, info.Name)
	}
	return names
}

// number is an extent in a declaration.
var number = regexp.MustCompile(`\d+`)

// Resized is an embedded program with the extents of its inputs replaced as by says; others stay.
func Resized(t testing.TB, name string, by map[int64]int64) *ugraph.Graph {
	t.Helper()
	lines := strings.Split(source(t, name), "\n")
	for i, line := range lines {
		open, end := strings.Index(line, "["), strings.Index(line, "]")
		if open < 0 || end < open || !strings.Contains(line[:open], ":") {
			continue // not a declaration
		}
		lines[i] = line[:open] + number.ReplaceAllStringFunc(line[open:end], func(s string) string {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := by[n]; ok {
				n = m
			}
			return strconv.FormatInt(n, 10)
		}) + line[end:]
	}
	return Parse(t, strings.Join(lines, "\n"))
}

func source(t testing.TB, name string) string {
	t.Helper()
	src, err := programs.Source(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
