// Package cost predicts what a program or μGraph costs on a target, without running it.
//
//	program, operator by operator ─┐                     per operator: one kernel
//	μGraph ── its kernels ─────────┼─▶ Kernel (numbers) ─▶ Estimate ─▶ Report (sum, and by kernel)
//	Form + Tiling (schedule) ──────┘      blocks, trips,     µs, bytes by level, flops by kind,
//	                                      loads, work        waves, tile memory
//
// # The model
//
// A kernel has blocks that run on units (cores). A block's time is the sum of its tile operators' times:
// for each the greater of arithmetic and tile traffic at the bandwidth of the level that holds the
// block's tiles, plus fixed costs per operator and per row. With B blocks on U units the last wave
// counts whole: ⌈B/U⌉ block times, or B/U with a single unit.
//
// Each load's bytes are moved from memory once. Where a grid dimension does not cut a tensor, its blocks
// read the same tile again: from the smallest cache that holds everything that was touched between the
// two reads, which is all the loads of the inner grid dimensions; else from memory again.
//
// time = launch + blocks' fixed costs + max(arithmetic, loads) + 1/10 of the lesser + stores. Loads
// run ahead of the arithmetic, but not perfectly: products of a weight by 8 and 16 rows, measured against
// both roofs, give the tenth. It also breaks the ties of a pure maximum. Stores come when a
// block's arithmetic is done, so nothing hides them, and writing a line reads it first.
//
// Tensors stay in the last cache between kernels, and between runs, if all inputs and outputs take up
// less than half of it.
//
// A composite operator of a program is priced as what the executor makes of it: a norm or softmax as a block graph
// over whole rows (composite.go), any other as the operators of its definition, one kernel each.
//
// # Rationale
//
// Why is one struct of numbers between graphs and prices? The scheduler prices millions of tilings; it
// fills the same struct from a form without building the graph, so that both agree by construction.
//
// Why are transposes and reshapes free? The executor runs them as views; what a strided view costs is
// within the row costs of whatever reads it.
package cost
