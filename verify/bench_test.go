package verify

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// BenchmarkEqual verifies the μGraphs that the search found for the embedded programs.
func BenchmarkEqual(b *testing.B) {
	for _, name := range programtest.Names() {
		src, err := os.ReadFile(filepath.Join("..", "search", "testdata", "golden", name+".ug"))
		if err != nil {
			b.Fatal(err)
		}
		p, g := programtest.Program(b, name), programtest.Parse(b, string(src))
		b.Run(name, func(b *testing.B) {
			for range b.N {
				r, err := Equal(context.Background(), p, g, Options{Seed: 1})
				if err != nil {
					b.Fatal(err)
				}
				if !r.Equal {
					b.Fatal(r.Reason)
				}
			}
		})
	}
}
