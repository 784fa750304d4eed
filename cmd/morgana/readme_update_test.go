package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("update-readme", false, "run the README's session and table, and write their output into it")

// session runs the commands of a console block in a folder, and returns the block with what they print
// on stdout. A command that is shown without output stays so.
func session(lines []string, run func(command string) string) []string {
	var out []string
	for i := 0; i < len(lines); {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			out = append(out, lines[i])
			i++
			continue
		}
		out = append(out, lines[i])
		for i++; i < len(lines) && strings.HasPrefix(lines[i], "> "); i++ {
			command += "\n" + strings.TrimPrefix(lines[i], "> ")
			out = append(out, lines[i])
		}
		shown := 0
		for ; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			shown++
		}
		if printed := run(command); shown > 0 {
			out = append(out, strings.Split(strings.TrimRight(printed, "\n"), "\n")...)
		}
	}
	return out
}

func TestSession(t *testing.T) {
	var ran []string
	got := session([]string{"$ cat > f <<'END'", "> a", "> END", "$ show f", "old", "older", "$ show g", "old"}, func(c string) string {
		ran = append(ran, c)
		return "new " + strings.Fields(c)[len(strings.Fields(c))-1] + "\n"
	})
	want := []string{"$ cat > f <<'END'", "> a", "> END", "$ show f", "new f", "$ show g", "new g"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(ran) != 3 || ran[0] != "cat > f <<'END'\na\nEND" {
		t.Errorf("got %q, ran %q", got, ran)
	}
}

// TestReadmeUpdate writes the README's session, its table and that of all programs anew:
//
//	go test ./cmd/morgana -run ReadmeUpdate -update-readme -timeout 90m
func TestReadmeUpdate(t *testing.T) {
	if !*updateReadme {
		t.Skip("changes the README; give -update-readme")
	}
	dir := t.TempDir()
	run := func(command string) string {
		if strings.HasPrefix(command, "go ") { // installs and tests
			return ""
		}
		cmd := exec.Command("bash", "-c", command)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "MORGANA_CACHE="+filepath.Join(dir, "store"))
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, stderr.Bytes())
		}
		return stdout.String()
	}
	name := filepath.Join(root, "README.md")
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(src), "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		end := i
		switch {
		case lines[i] == "```console":
			for end = i + 1; lines[end] != "```"; end++ {
			}
			out = append(append(out, lines[i]), session(lines[i+1:end], run)...)
			out = append(out, lines[end])
		case strings.HasPrefix(lines[i], "| program | kernels"):
			for ; strings.HasPrefix(lines[end+1], "| ") || strings.HasPrefix(lines[end+1], "|-"); end++ {
			}
			out = append(out, strings.Split(strings.TrimRight(run("morgana table"), "\n"), "\n")...)
		default:
			out = append(out, lines[i])
		}
		i = end
	}
	if err := os.WriteFile(name, []byte(strings.Join(out, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(root, "models", "programs", "TABLE.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), "| program |")
	if !ok {
		t.Fatalf("%s has no table", page)
	}
	all := run("morgana table --all --measure=false --budget 20s")
	if err := os.WriteFile(page, []byte(before+all), 0o666); err != nil {
		t.Fatal(err)
	}
}
