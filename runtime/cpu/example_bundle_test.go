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
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

// equal is the verifier of bundles: package verify, by its defaults.
func equal(program, graph *ugraph.Graph) error {
	r, err := verify.Equal(context.Background(), program, graph, verify.Options{Seed: 1})
	if err == nil && !r.Equal {
		err = errors.New(r.Reason)
	}
	return err
}

// writeDouble writes the bundle that the example opens, and returns its folder.
func writeDouble() (dir string, remove func()) {
	gs, err := text.Parse("double.ug", []byte(`
program double(X: f32[N, 2]) -> (Y) where N <= 64 {
    Y = X * 2
}

ugraph fused for double(X: f32[N, 2]) -> (Y) where N <= 64 {
    Y = kernel fused(X) grid(n: N by 16) {
        x = load(X, n=0)
        y = x + x
        store Y(n=0) = y
    }
}`))
	if err != nil {
		log.Fatal(err)
	}
	tmp, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	dir = filepath.Join(tmp, "double.morgana")
	if err := bundle.Write(dir, &bundle.Bundle{Program: gs[0], Targets: []bundle.Target{{Name: "cpu", Graph: gs[1], Executed: true}}}); err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(tmp) }
}

// Open a bundle, bind Go slices, run. A bundle embedded by package embed is loaded by LoadBundle.
func ExampleOpenBundle() {
	dir, remove := writeDouble()
	defer remove()

	dev := cpu.New(0) // a thread per processor
	defer dev.Close()
	kernel, err := cpu.OpenBundle(dev, dir, cpu.WithVerifier(equal)) // equal asks package verify
	if err != nil {
		log.Fatal(err)
	}
	sizes, err := kernel.Slices(ugraph.Env{"N": 3}) // X is f32[3, 2]
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{1, 2, 3, 4, 5, 6}
	var y []float32
	if err := errors.Join(cpu.BindInput(sizes, "X", x), cpu.BindOutput(sizes, "Y", &y)); err != nil {
		log.Fatal(err)
	}
	if err := sizes.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [2 4 6 8 10 12]
}
