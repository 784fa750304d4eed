// Package ugraph says what a program is: one graph type for tensor programs and for μGraphs at
// kernel, block and thread level, the operator table, and the rules of legality.
//
//	program (kernel level)            values are tensors in memory
//	   │  nodes: operators = predefined kernels, and OpKernel nodes
//	   ▼
//	OpKernel.Body (block level)       values are whole inputs and tiles
//	   │  Grid: blocks run independently;  Loop: trips of one block
//	   │  whole ─load→ tile ─operators→ tile ─accum→ accumulator ─operators→ tile ─store→ output
//	   │           before / in the loop              │ after the loop
//	   │                 ▲── running, previous ──────┘
//	   ▼
//	OpThread.Body (thread level)      values are elements of tiles: a producer and the elementwise
//	                                  chain fused into it
//
// # The two readings of a block graph
//
// Tiled: for every block (a coordinate per grid dimension) and, in order, every trip of the loop, load
// takes the part of its tensor that the cuts say; operators work on tiles; accumulators start at 0
// (sum), -inf (max) or +inf (min) and are updated at their node's place in the order of the nodes:
// acc ← acc + tile, max(acc, tile), or acc · factor + tile. running(acc) is the value after this trip's
// update, previous(acc) before it; a direct use of an accumulator is its final value.
//
// Ragged tiles: where a tile does not divide an axis the last tile is smaller, so every operator in
// that block or trip sees a smaller tile; a trip whose tiles are empty is skipped. Nothing is padded, so
// no operator needs a mask for it. (Targets that compute on full tiles predicate the loads and the
// reduced terms.) An accumulator keeps the extent of its first, full tile; a ragged tile that is
// accumulated without reducing the cut axis updates the leading part.
//
// Untiled: drop the cuts. Each value has, beside its tile's shape, a Cut per axis that names the data
// axis it came from, so that a whole-tensor program can be read off a regular block graph: this is
// what package verify compares with the specification.
//
// # Rationale
//
// Why do grid dimensions know the extent they cut? So that raggedness, trip counts and the store's
// place follow from the type, and symbolic extents work. Mirage's graphs count blocks instead (one
// grid dimension may cut axes of several extents into as many parts): GridDim.Parts is that form.
//
// Why are running and previous operators? The rescaled sum of an online softmax, Chan's variance and
// any other moving basis are then ordinary operators on tiles; no accumulator kind needs to know them.
package ugraph
