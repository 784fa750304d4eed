package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/morgana-ml/morgana"
	root   = "../.."
)

// mayImport is the house: what the packages under each top-level folder may import of this module.
// Tests are excepted: they compare packages that do not know each other.
var mayImport = []struct {
	folder  string
	inside  []string // folders of this module
	outside []string // modules beside the standard library; nil: any
}{
	{"ugraph", []string{"ugraph"}, []string{"github.com/alecthomas/participle/v2", wireFormat}},
	{"verify", []string{"verify", "ugraph"}, nil},
	{"search", []string{"search", "verify", "ugraph"}, nil},
	{"codegen", []string{"codegen", "ugraph"}, nil},
	{"models", []string{"models", "ugraph"}, nil},
	{"runtime", []string{"runtime", "ugraph", "codegen/bundle"}, nil},
	{"cmd", []string{"cmd", "models", "runtime", "codegen", "search", "verify", "ugraph"}, nil},
}

// wireFormat is the reader of protobuf's wire format, which ONNX files need: for their importer alone.
const (
	wireFormat = "google.golang.org/protobuf/encoding/protowire"
	onnxFolder = "ugraph/onnx"
)

// listed is what the test reads of go list's answer.
type listed struct {
	ImportPath string
	Name       string
	Doc        string
	Dir        string
	Standard   bool
	Imports    []string
	CgoFiles   []string
	GoFiles    []string
}

// goList lists the packages of this module and all that they need.
func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Name,Doc,Dir,Standard,Imports,CgoFiles,GoFiles", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var ps []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// under tells whether an import path is a folder of this list, or lies under one.
func under(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

func TestImportRules(t *testing.T) {
	packages := goList(t)
	standard := map[string]bool{}
	for _, p := range packages {
		if p.Standard {
			standard[p.ImportPath] = true
		}
	}
	seen := 0
	for _, p := range packages {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo", p.ImportPath)
		}
		rel, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours {
			continue
		}
		for _, rule := range mayImport {
			if !under(rel, []string{rule.folder}) {
				continue
			}
			seen++
			for _, imp := range p.Imports {
				in, inside := strings.CutPrefix(imp, module+"/")
				switch {
				case imp == wireFormat && rel != onnxFolder:
					t.Errorf("%s imports %s; only %s may", rel, imp, onnxFolder)
				case inside && !under(in, rule.inside):
					t.Errorf("%s imports %s; packages under %s may import only %s", rel, in, rule.folder, strings.Join(rule.inside, ", "))
				case !inside && !standard[imp] && rule.outside != nil && !under(imp, rule.outside):
					t.Errorf("%s imports %s; packages under %s may import only the standard library and %s", rel, imp, rule.folder, strings.Join(rule.outside, ", "))
				}
			}
		}
		if len(p.GoFiles) == 0 {
			continue
		}
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc"}, p.Name) {
			t.Errorf("%s: %s says nothing about what is in the package", rel, p.Name)
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", rel)
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); p.Name != "main" && err != nil {
			t.Errorf("%s has no doc.go", rel)
		}
	}
	if seen < 20 {
		t.Errorf("the rules were applied to %d packages only", seen)
	}
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cmd", "codegen", "models", "runtime", "search", "ugraph", "verify"}
	var have []string
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."), strings.HasSuffix(name, ".morgana"):
		case e.IsDir():
			have = append(have, name)
		case strings.HasSuffix(name, ".go"):
			t.Errorf("%s: no code at the top level", name)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("top-level folders are %v; want %v", have, want)
	}
	for _, f := range []string{"go.mod", "go.sum", "README.md", "LICENSE", ".gitignore", ".ci/run"} {
		if _, err := os.Stat(filepath.Join(root, f)); err != nil {
			t.Error(err)
		}
	}
	// A package named runtime would hide the standard one.
	if files, _ := filepath.Glob(filepath.Join(root, "runtime", "*.go")); len(files) > 0 {
		t.Errorf("runtime/ itself holds code: %v", files)
	}
}

var (
	generated  = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
)

// A file holds one idea, and is short enough to be read in one go.
func TestFiles(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if n := bytes.Count(src, []byte("\n")); n > 600 && !generated.Match(src) {
			t.Errorf("%s has %d lines; split it by idea (at most 600)", path, n)
		}
		if m := unfinished.Find(src); m != nil {
			t.Errorf("%s has a %s; finish it or file an issue", path, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}
