// Package execute runs μGraphs on small ragged instances and compares them with the reference
// interpreter, and times graphs side by side.
//
//	μGraph ─Shrink─▶ the same kernels over small extents ─┬─▶ CPU executor ─┐
//	                                                      └─▶ interp, f64 ──┴─▶ within the type's bound
//
// # Rationale
//
// Why may the small graph differ from the program? A literal such as 1/4096 keeps its value when the
// axis shrinks. The executor is compared with the interpreter on the same graph; that the graph is the
// program is what package verify has proved at its real sizes.
package execute
