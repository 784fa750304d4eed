// Package shrink rebuilds a program or μGraph over smaller extents, with the same structure: the same
// operators, kernels, loads, accumulators and stores.
//
//	program ─Analyse─▶ named axes: which axes of which values are one axis, and what each is used for
//	                     │ a size per named axis
//	                     ▼
//	program, μGraph ─Rebuild(Plan)─▶ the same graph, smaller
//	                     inputs' axes by the plan; the others by inference; the rest (grid extents,
//	                     reshapes, loops) follows from the operands
//
// # Rationale
//
// Why are extents not mapped number by number? In X[8,4096] @ W[4096,4096] one 4096 is summed over and
// the other is not: a small copy that still shows how errors accumulate keeps the first long and makes
// the second short. So an axis carries its parts (old and new extent) through every operator, and a
// reshape is repeated over the parts.
//
// Slices and parts of an axis that shrinks are cut in proportion where that is exact, a concatenation is as long as
// its parts become, and a tile of one element may become longer: then it is an axis like the others.
//
// What has no operand to follow (iota, the target of a broadcast) is mapped by number, and fails where
// one number stands for two axes: a copy that may be another program is worse than none. A copy is
// still not proved to be the same program at other sizes (a literal may be tied to an extent):
// callers compare a rebuilt candidate with the rebuilt program in exact enough arithmetic first.
package shrink
