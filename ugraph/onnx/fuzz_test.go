package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Whatever the bytes are, an import ends with programs that are legal and print, or with an error.
func FuzzOnnx(f *testing.F) {
	for _, c := range allCases() {
		f.Add(c.model())
	}
	files, err := filepath.Glob("testdata/pytorch/*.onnx")
	if err != nil || len(files) == 0 {
		f.Fatal("no files of PyTorch: ", err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, model []byte) {
		for _, partial := range []bool{false, true} {
			r, err := Import(model, Options{Name: "m", Partial: partial})
			if err != nil {
				var list *UnsupportedError
				if errors.As(err, &list) && len(list.List) == 0 {
					t.Error("an empty list of unsupported operators")
				}
				continue
			}
			for _, g := range r.Programs {
				if err := ugraph.Validate(g); err != nil {
					t.Fatal(err)
				}
				if _, err := text.Parse("printed", []byte(text.Print(g))); err != nil {
					t.Fatalf("%v\n%s", err, text.Print(g))
				}
			}
			for _, w := range r.Weights {
				if _, err := w.Bytes(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
