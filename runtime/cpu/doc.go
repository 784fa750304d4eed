// Package cpu runs programs and μGraphs on the processor: what a program embeds to use an optimised
// kernel.
//
//	Graph, weights ─Load─▶ Program ─Bind(inputs)─▶ sizes ─Prepare─▶ Call ─Run─▶ outputs   (device.go)
//	                          │                              │
//	                          │ composites expanded          │ Unfused: operators outside of kernels
//	                          ▼                              ▼ become kernels of their own (plain.go)
//	                    ugraph.Graph                 instance: buffers, workers, blocks (instance.go)
//	                                                         │
//	block graph ─flatten─▶ nodes (plan.go) ─compile─▶ steps before, in, after the loop (block.go)
//	                                            ├─ elementwise chains and their sums (chain.go)
//	                                            ├─ products, packed weights (matmul.go, weights.go)
//	                                            └─ reductions, movement, indices, accumulators
//	pool.Run(blocks): worker ─▶ for each trip: steps ─▶ store                (worker.go, move.go)
//
// A Program serves any sizes within its symbols' bounds, and any number of goroutines; a Call has one
// size and one goroutine at a time, and allocates nothing after its first run. The device is closed
// once no run is under way.
//
// # Rationale
//
// Why closures and not generated code? A step works on a whole tile, so its call costs little against
// the kernels in package kernel, which do the arithmetic; nothing has to be compiled or mapped
// executable, and the plain-Go level runs the same steps.
//
// Why are plain programs made of kernels too? What fusion gains is then what `bench` measures: fused
// and unfused run the same loops over the same packed weights.
//
// Results are the same bytes for every number of threads: a block's work does not depend on the worker
// that has it, and blocks that reduce to one place store partial results, which are joined in the
// order of the grid.
//
// A load of f32, f64, i32 or i64 is a view of the tensor and costs nothing; narrower types are widened
// into the worker's arena, and computed in f32 and i32 there. Values of one kernel that are not alive
// at the same time share their place in the arena.
//
// In a chain, a sum takes the product or quotient that it alone reads, and is then rounded once: a pass
// over the piece less (ntrans and layer_norm take 0.9 and 0.93 of the time).
//
// A division by one number for a whole run of a row is a product with its reciprocal where that is a
// normal number: at most one more rounding, for a fifth of the time.
package cpu
