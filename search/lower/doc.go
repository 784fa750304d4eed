// Package lower makes a verified μGraph ready to run: it fuses, orders and places the operators of
// each block graph, and changes nothing about what they compute.
//
//	μGraph ─▶ layout ─▶ thread ─▶ order ─▶ prefetch ─▶ memory ─▶ μGraph + Plan
//
// Passes is the table of passes with the reason for each one's place. The first three rewrite the
// block graph; the last two write the Plan, a side table that executors and code generators may use:
// which loads run ahead, and where in a block's arena every tile lies.
//
// # Rationale
//
// Why is the plan not in the graph? Offsets depend on the target's idea of a buffer and mean nothing
// to the verifier; a μGraph without them is still a whole kernel.
//
// Why do only trees of elementwise operators fuse, and not every chain that could? A value with two
// readers would have to be written out anyway, and a tree can never make a cycle between two groups.
package lower
