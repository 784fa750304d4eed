package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command, and every flag of it in its long form, stands in a script.
func TestFlagsHaveScripts(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Name("morgana"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]string{} // command -> the lines that run it
	line := regexp.MustCompile(`(?m)^(?:\[.*\] )?(?:exits [0-9]+|breaks) (.*)$`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			words := strings.Fields(m[1])
			for n := 1; n <= min(2, len(words)); n++ {
				command := strings.Join(words[:n], " ")
				used[command] += m[1] + "\n"
			}
		}
	}
	commands := 0
	for _, node := range parser.Model.Leaves(true) {
		commands++
		name := strings.TrimPrefix(node.FullPath(), "morgana ")
		if used[name] == "" {
			t.Errorf("no script runs morgana %s", name)
			continue
		}
		for _, f := range node.Flags {
			if flag := regexp.MustCompile(`--` + f.Name + `\b`); !flag.MatchString(used[name]) {
				t.Errorf("no script runs morgana %s with --%s", name, f.Name)
			}
		}
	}
	if commands < 13 {
		t.Errorf("%d commands", commands)
	}
}
