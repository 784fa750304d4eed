package onnx

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	npy "github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// Files that PyTorch 2.9.1 exported, with the inputs and outputs of the modules (.ci/onnx-export.py; documentation
// strings are taken out).
func TestPyTorch(t *testing.T) {
	const folder = "testdata/pytorch"
	lines, err := os.ReadFile(filepath.Join(folder, "cases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(list string) map[string][]float64 {
		out := map[string][]float64{}
		for _, pair := range strings.Split(list, ",") {
			name, file, _ := strings.Cut(pair, "=")
			x, err := npy.Load(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = x.Float64s()
		}
		return out
	}
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		fields := strings.Fields(line)
		t.Run(fields[0], func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(folder, fields[0]+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			r := imported(t, file, Options{Folder: os.DirFS(folder)})
			env := ugraph.Env{}
			for _, size := range fields[3:] {
				name, n, _ := strings.Cut(size, "=")
				env[name], _ = strconv.ParseInt(n, 10, 64)
			}
			out := run(t, r, r.Programs[0], env, read(fields[1]))
			for name, want := range read(fields[2]) {
				got := values(out[name])
				if len(got) != len(want) || len(got) == 0 {
					t.Fatalf("%s has %d elements, PyTorch's %d", name, len(got), len(want))
				}
				for i := range got {
					if !(math.Abs(got[i]-want[i]) <= 1e-5*(1+math.Abs(want[i]))) {
						t.Fatalf("%s[%d] = %v, PyTorch has %v", name, i, got[i], want[i])
					}
				}
			}
		})
	}
}
