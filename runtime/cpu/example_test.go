package cpu_test

import (
	"context"
	"fmt"
	"log"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Load a program with its weights, bind the inputs, run. A bundle takes the place of the text with
// OpenBundle.
func Example() {
	graphs, err := text.Parse("double.ug", []byte(`
program double(X: f32[N, 2], W: const f32[2, 2]) -> (Y) where N <= 64 {
    Y = relu(X @ W)
}`))
	if err != nil {
		log.Fatal(err)
	}
	weights, err := tensor.FromFloat64(ugraph.F32, []int64{2, 2}, []float64{2, 0, 0, -2})
	if err != nil {
		log.Fatal(err)
	}
	dev := cpu.New(0) // a thread per processor
	defer dev.Close()
	program, err := dev.Load(graphs[0], map[string]*tensor.Tensor{"W": weights})
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.FromFloat64(ugraph.F32, []int64{3, 2}, []float64{1, 2, 3, -4, -5, -6})
	if err != nil {
		log.Fatal(err)
	}
	inputs := map[string]*tensor.Tensor{"X": x}
	sizes, err := program.Bind(inputs, nil) // N = 3
	if err != nil {
		log.Fatal(err)
	}
	outputs, err := program.OutputTensors(sizes)
	if err != nil {
		log.Fatal(err)
	}
	if err := program.Run(context.Background(), inputs, outputs); err != nil {
		log.Fatal(err)
	}
	fmt.Println(outputs["Y"].Float64s())
	// Output: [2 0 6 8 0 12]
}
