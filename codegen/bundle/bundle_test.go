package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

const sampleProgram = `program norm(X: f32[S, 64], W: const f32[64, 48]) -> (Y) where S <= 512 {
    Y = (X / sqrt(mean(square(X), axis=1, keepdims=true))) @ W
}`

const sampleGraph = `ugraph norm for norm(X: f32[S, 64], W: const f32[64, 48]) -> (Y) where S <= 512 {
    Y = kernel fused(X, W) grid(m: S by 8) loop(k: 64 by 16) {
        x = load(X, m=0, loop=1)
        w = load(W, loop=0)
        acc = accum(x @ w)
        ss = accum(sum(square(x), axis=1, keepdims=true))
        y = acc / sqrt(ss / 64)
        store Y(m=0) = y
    }
}`

func sample(t testing.TB) *Bundle {
	return &Bundle{
		Program: programtest.Parse(t, sampleProgram),
		Targets: []Target{
			{Name: "cpu:avx2", Graph: programtest.Parse(t, sampleGraph), Executed: true},
			{Name: "cpu:generic", Graph: programtest.Parse(t, sampleGraph), Lowered: programtest.Parse(t, strings.ReplaceAll(sampleGraph, "m: S by 8", "m: S by 4")),
				Files: map[string][]byte{"norm.cu": []byte("__global__ void k();\n")}},
		},
		Verification: json.RawMessage(`{"equal": true}`),
		Search:       json.RawMessage(`{"states":12}`),
		Timing:       json.RawMessage(`{"measured_us":3.5}`),
		Report:       []byte("<!doctype html><title>norm</title>\n"),
		GoFiles:      map[string][]byte{"norm.go": []byte("package norm\n")},
	}
}

// mapFS is the bundle as a file system in memory.
func mapFS(t testing.TB, b *Bundle) fstest.MapFS {
	t.Helper()
	files, err := encode(b)
	if err != nil {
		t.Fatal(err)
	}
	m := fstest.MapFS{}
	for p, data := range files {
		m[p] = &fstest.MapFile{Data: data}
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	want := sample(t)
	dir := filepath.Join(t.TempDir(), "norm.morgana")
	if err := Write(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := ugraph.Diff(want.Program, got.Program); d != "" {
		t.Error(d)
	}
	for i := range want.Targets {
		w, g := want.Targets[i], got.Targets[i]
		if w.Name != g.Name || w.Executed != g.Executed || !ugraph.Equal(w.Graph, g.Graph) || !ugraph.Equal(w.Run(), g.Run()) {
			t.Errorf("target %d is %s", i, g.Name)
		}
	}
	if string(got.Targets[1].Files["norm.cu"]) != "__global__ void k();\n" || string(got.GoFiles["norm.go"]) != "package norm\n" {
		t.Error("a source file is gone")
	}
	// What was loaded encodes to the same bytes: the folder depends on the content alone.
	a, b := mapFS(t, want), mapFS(t, got)
	if len(a) != len(b) {
		t.Fatalf("%d and %d files", len(a), len(b))
	}
	for p := range a {
		if !bytes.Equal(a[p].Data, b[p].Data) {
			t.Errorf("%s differs:\n%s\n%s", p, a[p].Data, b[p].Data)
		}
		if onDisk, err := os.ReadFile(filepath.Join(dir, p)); err != nil || !bytes.Equal(onDisk, a[p].Data) {
			t.Errorf("%s on disk differs (%v)", p, err)
		}
	}
}

func TestLoadFromSubfolder(t *testing.T) {
	outer := fstest.MapFS{"other.txt": &fstest.MapFile{Data: []byte("x")}}
	for p, f := range mapFS(t, sample(t)) {
		outer["assets/norm.morgana/"+p] = f
	}
	sub, err := fs.Sub(outer, "assets/norm.morgana")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(sub); err != nil {
		t.Error(err)
	}
}

// TestTampering: every file of a bundle, cut off, changed in one byte, removed, or replaced by a folder
// or link, is an error that names it; timing.json alone may be changed or absent.
func TestTampering(t *testing.T) {
	whole := mapFS(t, sample(t))
	for p := range whole {
		changes := map[string]func(m fstest.MapFS){
			"cut":     func(m fstest.MapFS) { m[p] = &fstest.MapFile{Data: m[p].Data[:len(m[p].Data)/2]} },
			"emptied": func(m fstest.MapFS) { m[p] = &fstest.MapFile{} },
			"longer":  func(m fstest.MapFS) { m[p] = &fstest.MapFile{Data: append(bytes.Clone(m[p].Data), 'x')} },
			"flipped": func(m fstest.MapFS) {
				d := bytes.Clone(m[p].Data)
				d[len(d)/3] ^= 1
				m[p] = &fstest.MapFile{Data: d}
			},
			"removed": func(m fstest.MapFS) { delete(m, p) },
			"link":    func(m fstest.MapFS) { m[p] = &fstest.MapFile{Data: m[p].Data, Mode: fs.ModeSymlink} },
			"device":  func(m fstest.MapFS) { m[p] = &fstest.MapFile{Data: m[p].Data, Mode: fs.ModeNamedPipe} },
		}
		for what, change := range changes {
			m := fstest.MapFS{}
			for q, f := range whole {
				m[q] = f
			}
			change(m)
			_, err := Load(m)
			if p == timingPath && (what == "removed" || what == "flipped") {
				if err != nil {
					t.Errorf("%s %s: %v", p, what, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), p) {
				t.Errorf("%s %s: %v", p, what, err)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(m fstest.MapFS)
	}{
		{"an unlisted file", "x.txt", func(m fstest.MapFS) { m["x.txt"] = &fstest.MapFile{} }},
		{"an unlisted folder", "kernels/extra", func(m fstest.MapFS) { m["kernels/extra/x"] = &fstest.MapFile{} }},
		{"a later format", "newer morgana", manifestEdit(`"format": 1`, `"format": 2, "more": []`)},
		{"format 0", "formats start at 1", manifestEdit(`"format": 1`, `"format": 0`)},
		{"another magic", "not a morgana bundle", manifestEdit(magic, "something")},
		{"binary", "not a morgana bundle", func(m fstest.MapFS) { m[manifestPath] = &fstest.MapFile{Data: []byte{0xff, 0, 1}} }},
		{"an unknown field", "unknown field", manifestEdit(`"targets"`, `"extra": 1, "targets"`)},
		{"a way up", "not the path", manifestEdit(`"program.ug"`, `"../program.ug"`)},
		{"an absolute path", "not the path", manifestEdit(`"kernels/cpu_avx2/ugraph.ug"`, `"/etc/passwd"`)},
		{"a backslash", "not the path", manifestEdit(`"kernels/cpu_avx2/ugraph.ug"`, `"kernels/cpu_avx2/..\\x.ug"`)},
		{"another folder", "must be", manifestEdit(`"folder": "kernels/cpu_avx2"`, `"folder": ".."`)},
		{"a huge file", "at most", manifestEdit(`"size": `, `"size": 99999999999`)},
		{"a target's name", "not a target's name", manifestEdit(`"name": "cpu:avx2"`, `"name": "../x"`)},
		{"another program's name", "in the manifest", manifestEdit(`"program": "norm"`, `"program": "other"`)},
	} {
		m := mapFS(t, sample(t))
		c.change(m)
		if _, err := Load(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Load(fstest.MapFS{}); !errors.Is(err, ErrNotBundle) {
		t.Error(err)
	}
	var later *FormatError
	m := mapFS(t, sample(t))
	manifestEdit(`"format": 1`, `"format": 9`)(m)
	if _, err := Load(m); !errors.As(err, &later) || later.Format != 9 {
		t.Error(err)
	}
}

func manifestEdit(from, to string) func(fstest.MapFS) {
	return func(m fstest.MapFS) {
		m[manifestPath] = &fstest.MapFile{Data: bytes.Replace(m[manifestPath].Data, []byte(from), []byte(to), 1)}
	}
}

// TestForeignGraph: hashes that agree do not help a μGraph of another interface.
func TestForeignGraph(t *testing.T) {
	for _, edit := range [][2]string{
		{"S <= 512", "S <= 256"},
		{"X: f32[S, 64]", "X: f16[S, 64]"},
		{"fused(X, W)", "fused(X=A, W)"},
	} {
		src := strings.ReplaceAll(sampleGraph, edit[0], edit[1])
		if edit[0] == "fused(X, W)" {
			src = strings.Replace(src, "(X: f32", "(A: f32", 1)
		}
		if strings.Contains(edit[1], "f16") {
			src = strings.Replace(src, "W: const f32", "W: const f16", 1)
		}
		b := sample(t)
		b.Targets[0].Graph = programtest.Parse(t, src)
		if _, err := Load(mapFS(t, b)); err == nil || !strings.Contains(err.Error(), "are not the program's") {
			t.Errorf("%s: %v", edit[1], err)
		}
		if err := Write(filepath.Join(t.TempDir(), "x"), b); err == nil {
			t.Errorf("%s was written", edit[1])
		}
	}
}
