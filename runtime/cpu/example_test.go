package cpu_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

// Load a bundle, which is verified before its first run, and run it on slices.
func Example() {
	dir := exampleBundle() // or what morgana optimize wrote, or an embed.FS by LoadBundle
	defer os.RemoveAll(filepath.Dir(dir))

	dev := cpu.New(0) // threads; 0: all cores
	defer dev.Close()
	weights, err := tensor.FromSlice(ugraph.F32, []int64{2, 2}, []float32{1, 2, 3, 4})
	if err != nil {
		log.Fatal(err)
	}
	program, err := cpu.OpenBundle(dev, dir,
		cpu.WithWeights(map[string]*tensor.Tensor{"W": weights}),
		cpu.WithVerifier(func(program, graph *ugraph.Graph) error {
			r, err := verify.Equal(context.Background(), program, graph, verify.Options{})
			if err == nil && !r.Equal {
				err = errors.New(r.Reason)
			}
			return err
		}))
	if err != nil {
		log.Fatal(err)
	}

	run, err := program.Slices(ugraph.Env{"S": 3}) // the sizes of this run
	if err != nil {
		log.Fatal(err)
	}
	x, y := []float32{1, 0, 0, 1, 1, 1}, []float32(nil)
	if err := errors.Join(cpu.BindInput(run, "X", x), cpu.BindOutput(run, "Y", &y)); err != nil {
		log.Fatal(err)
	}
	if err := run.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [1 2 3 4 4 6]
}

// exampleBundle writes a bundle of a product into a temporary folder.
func exampleBundle() string {
	gs, err := text.Parse("product.ug", []byte(`
program product(X: f32[S, 2], W: const f32[2, 2]) -> (Y) where S <= 64 {
    Y = X @ W
}
ugraph product_by_rows for product(X: f32[S, 2], W: const f32[2, 2]) -> (Y) where S <= 64 {
    Y = kernel rows(X, W) grid(m: S by 2) {
        x = load(X, m=0)
        w = load(W)
        y = x @ w
        store Y(m=0) = y
    }
}`))
	if err != nil {
		log.Fatal(err)
	}
	tmp, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	dir := filepath.Join(tmp, "product.morgana")
	if err := bundle.Write(dir, &bundle.Bundle{Program: gs[0], Targets: []bundle.Target{{Name: "cpu:generic", Graph: gs[1]}}}); err != nil {
		log.Fatal(err)
	}
	return dir
}
