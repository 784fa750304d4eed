package text

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "two.ug")
	src := "program a(X: f32[2]) -> (Y) { Y = X }\nprogram b(X: f32[2]) -> (Y) { Y = X }\n"
	odd := filepath.Join(dir, "odd#name.ug")
	for _, f := range []string{file, odd} {
		if err := os.WriteFile(f, []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{file: "a b", file + "#b": "b", odd: "a b", odd + "#a": "a"} {
		gs, err := ParseFile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var names []string
		for _, g := range gs {
			names = append(names, g.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if _, err := ParseFile(file + "#c"); err == nil || !strings.Contains(err.Error(), "here are: a, b") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := ParseFile(filepath.Join(dir, "none.ug")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}
