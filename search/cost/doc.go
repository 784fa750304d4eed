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
// What a CPU's executor does to tiles is priced as it does it: elementwise operators and sums over rows pass a piece of
// a row on to each other (chain.go); rows that do not follow each other in memory are runs of their own, and so are
// those of stores; products compute whole groups of columns, of a ragged last tile too, lay B out anew unless it is a
// weight or few rows of A read it, copy A beyond 32 rows, and add to an accumulator through the level that holds it; narrow types are
// widened and rounded at rates of their own, f8 element by element; a transposition is a move unless only products
// read it. A packed weight takes whole groups of columns of memory, and short runs of a tensor cost as if 128 bytes more were
// read for each.
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
// Inputs and outputs stay in the last cache between runs if all of them take up less than half of it, a tensor between
// kernels if it takes up less than a quarter.
//
// # How well it ranks
//
// `morgana schedules` draws schedules of a program evenly over the logarithm of predicted time, up to 16 times the best, verifies
// and measures them, and prints Spearman's rank correlation. Absolute times are those of a quiet machine and matter less:
// what the search needs is the order.
//
// A composite operator of a program is priced as what the executor makes of it: a norm or softmax as a block graph
// over whole rows (composite.go), any other as the operators of its definition, one kernel each.
//
// # Rationale
//
// Why is one struct of numbers between graphs and prices? The scheduler prices millions of tilings; it
// fills the same struct from a form without building the graph, so that both agree by construction.
//
// Why are reshapes free? The executor runs them as views.
//
// Why is a product of widened f16 numbers priced at the rate of f16? On a tensor core it is the same product with the
// same sums in f32. Of an f32 operand and a narrow one TF32 takes two, of two f32 operands three (target, rows.go).
package cost
