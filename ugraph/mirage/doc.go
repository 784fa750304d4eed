// Package mirage imports the μGraphs that Mirage saves as JSON (benchmark/saved_mugraphs of the Mirage
// repository; Wu et al., "Mirage: A Multi-Level Superoptimizer for Tensor Programs", OSDI 2025).
//
//	file: a list of graphs; a graph: a list of operators in topological order, joined by tensor guids
//	   │ format.go   the JSON, as Go types
//	   │ import.go   kn_X_op → operator X;  kn_customized_op → a kernel
//	   ▼ block.go    tb_input_op → load, tb_X_op → operator, tb_accum_… → accumulator, tb_output_op → store
//	ugraph.Graph, valid
//
// # Rationale
//
// Mirage counts blocks and iterations where ugraph names the extent that is cut: one grid dimension of
// Mirage may cut axes of several extents into equally many parts. Grid dimensions and the loop are
// therefore imported in the form of parts (ugraph.GridDim.Parts), which is never ragged.
//
// A grid dimension of one block that cuts nothing, and a loop of one iteration that cuts nothing, are
// left out; an accumulator in such a kernel is its tile.
//
// Mirage's fused accumulators are spelled out: what they reduce in each iteration is an operator in
// the loop, the sum over the iterations an accumulator, and the root of a mean operators after the
// loop, with the number of summed elements as a literal.
//
// Layouts, strides, thread blocks and shared-memory offsets are left out: they do not change what a
// graph computes.
package mirage
