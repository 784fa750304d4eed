// Package lower makes a verified μGraph ready to run: it fuses, orders and places the operators of
// each block graph, and changes nothing about what they compute.
//
//	μGraph ─▶ layout ─▶ thread ─▶ order ─▶ prefetch ─▶ memory ─▶ μGraph + Plan
//
// Passes is the table of passes with the reason for each one's place. The first three rewrite the
// block graph; the last two write the Plan, a side table: which loads run ahead, and where in a block's
// arena every tile lies. testdata has, for each pass alone, μGraphs before and after.
//
// # Rationale
//
// Why is the plan not in the graph? Offsets depend on the target's idea of a buffer and mean nothing
// to the verifier; a μGraph without them is still a whole kernel.
//
// Who follows the plan? A target that copies tiles into a memory of its own: its generator starts the
// marked loads a trip ahead and lays its shared memory out so. The CPU executor does neither, and prints the
// plan at MORGANA_DEBUG=3 only: there a load of f32 is a view of the tensor, so nothing is copied ahead and
// no tile needs a place; what running ahead is for, the kernels do by prefetching the lines of the next
// rows (runtime/cpu/kernel). It opens thread graphs and places what is left by the same lifetimes.
//
// Why do only trees of elementwise operators fuse, and not every chain that could? A value with two
// readers would have to be written out anyway, and a tree can never make a cycle between two groups.
package lower
