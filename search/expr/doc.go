// Package expr is the search's own form of a tensor program: a DAG over named axes.
//
//	ugraph program ──library.Expand──▶ primitives ──Lift──▶ DAG ──algebra──▶ DAGs ──loop, schedule──▶ μGraph
//
// A value is a function of a set of named axes; axes have no order. Elementwise operators broadcast by
// name, reductions name the axes they remove, and a matrix product is the sum over axes of a product.
// The order of axes exists only at the inputs and outputs. Lift gives two different contractions two
// different axes even if their extents and tensors are the same, which is what makes the abstraction
// test of package algebra sharp.
//
// # Rationale
//
// Why not search on ugraph.Graph? There, transposition, keepdims, unit axes and the order of batch
// axes multiply the graphs that mean the same. Over named axes they are one value.
package expr
