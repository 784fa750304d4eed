package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// readmeBlocks gives the README's fenced blocks of a kind.
func readmeBlocks(t *testing.T, kind string) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(string(src), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// The README's commands have the flags and arguments that they are given there; .ci/run runs them.
func TestReadmeCommands(t *testing.T) {
	n := 0
	for _, block := range readmeBlocks(t, "console") {
		for _, line := range strings.Split(block, "\n") {
			command, ok := strings.CutPrefix(line, "$ morgana ")
			if !ok {
				continue
			}
			command, _, _ = strings.Cut(command, " || ")
			command, _, _ = strings.Cut(command, " > ")
			var c cli
			parser, err := kong.New(&c, kong.Name("morgana"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(strings.Fields(command)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			n++
		}
	}
	if n < 2 {
		t.Errorf("the README has %d commands of morgana", n)
	}
}

// The README's Go program is the body of an example in package cpu, which go test compiles and runs.
func TestReadmeEmbedding(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "runtime", "cpu", "example*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(src), "\n") {
			examples.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	for _, block := range readmeBlocks(t, "go") {
		for _, line := range strings.Split(block, "\n") {
			if line = strings.TrimSpace(line); !strings.Contains(examples.String(), line+"\n") {
				t.Errorf("no example of package cpu has the line %q", line)
			}
		}
	}
}
