package gopkg

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func TestCheckPackage(t *testing.T) {
	for _, good := range []string{"gated_mlp", "a", "kernels2", "string"} {
		if err := CheckPackage(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "func", "main", "Gated", "a-b", "a.b", "1a", "_a", "a/b", "x_test", "é", strings.Repeat("a", 65)} {
		if CheckPackage(bad) == nil {
			t.Errorf("%q is taken for a package name", bad)
		}
	}
}

func TestExportedNames(t *testing.T) {
	e := newExporter()
	var got []string
	for _, s := range []string{"X", "x", "W_gate", "w_1_2", "w_12", "_a", "été", "日本", "_1", "type", "X_2"} {
		got = append(got, e.name(s))
	}
	want := "X X_2 WGate W1_2 W12 A Été V日本 V1 Type X2"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// source has a symbol, every kind of storage, names that collide when exported, and a weight that only
// Run can know.
const source = `program mixed(
    x: f32[S, 8], X: f16[S, 8], ids: i32[S], keep: bool[S, 1], W: const f32[8, 4], scale: const f32[S, 1],
) -> (y, n) where S <= 64, S % 2 == 0 {
    y = where(keep, (x + cast(X, to=f32)) @ W * scale, 0)
    n = transpose(ids)
}
ugraph mixed_u for mixed(
    x: f32[S, 8], X: f16[S, 8], ids: i32[S], keep: bool[S, 1], W: const f32[8, 4], scale: const f32[S, 1],
) -> (y, n) where S <= 64, S % 2 == 0 {
    y, n = kernel all(x, X, ids, keep, W, scale) grid(m: S by 3) {
        a = load(x, m=0)
        b = load(X, m=0)
        i = load(ids, m=0)
        k = load(keep, m=0)
        w = load(W)
        s = load(scale, m=0)
        r = where(k, (a + cast(b, to=f32)) @ w * s, 0)
        d = transpose(i)
        store y(m=0) = r
        store n(m=0) = d
    }
}`

const user = `package main

import (
	"context"
	"fmt"
	"os"

	"example.com/user/mixed"
)

func main() {
	w := make([]float32, 8*4)
	for i := range w {
		w[i] = float32(i % 4)
	}
	k, err := mixed.New(1, mixed.Weights{W: w})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer k.Close()
	const s = 4
	in := mixed.Inputs{S: s, X: make([]float32, s*8), X_2: make([]uint16, s*8), Ids: []int32{1, 2, 3, 4}, Keep: []uint8{1, 0, 1, 1}, Scale: []float32{1, 1, 2, 3}}
	for i := range in.X {
		in.X[i], in.X_2[i] = 1, 0x3c00
	}
	var out mixed.Outputs
	if err := k.Run(context.Background(), in, &out); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(out.Y, out.N)
	in.S = 3
	fmt.Println(k.Run(context.Background(), in, &out))
	in.S = 6
	fmt.Println(k.Run(context.Background(), in, &out))
}
`

// TestGeneratedPackage writes a bundle with its Go package into a module of its own, and runs a program
// that imports it.
func TestGeneratedPackage(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	gs, err := text.Parse("mixed.ug", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{Program: gs[0], Targets: []bundle.Target{{Name: "cpu:generic", Graph: gs[1], Executed: true}},
		Verification: []byte(`{}`), Timing: []byte(`{}`), Report: []byte("<!doctype html>")}
	if b.GoFiles, err = Generate(b, "mixed"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := bundle.Write(filepath.Join(dir, "mixed"), b); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Replace(string(mod), "module "+module, "module example.com/user", 1) +
		fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, filepath.ToSlash(root))
	for name, data := range map[string]string{"go.mod": theirs, "go.sum": string(sum), "main.go": user} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "run", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MORGANA_CACHE="+filepath.Join(dir, "cache"), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, b.GoFiles[FileName])
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	// A row of x + X is eight twos; column c of W is c: 16c, scaled by row, 0 where not kept.
	want := []string{"[0 16 32 48 0 0 0 0 0 32 64 96 0 48 96 144] [1 2 3 4]", "not a multiple of 2", "input x"}
	for i, w := range want {
		if i >= len(lines) || !strings.Contains(lines[i], w) {
			t.Errorf("line %d should say %q:\n%s", i+1, w, out)
		}
	}
}

func TestGenerateErrors(t *testing.T) {
	gs, err := text.Parse("mixed.ug", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{Program: gs[0], Targets: []bundle.Target{{Name: "cuda:sm_80", Graph: gs[1]}}}
	if _, err := Generate(b, "mixed"); err == nil || !strings.Contains(err.Error(), "cuda:sm_80") {
		t.Error(err)
	}
	b.Targets[0].Name = "cpu:generic"
	if _, err := Generate(b, "Mixed"); err == nil {
		t.Error("package Mixed")
	}
}
