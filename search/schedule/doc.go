// Package schedule chooses how a form is cut: the grid and its tiles, the loop's tile, and whether
// the loop axis is also split over the grid.
//
//	Form ──candidates──▶ split? ─▶ grid axis ─▶ … ─▶ loop tile ──price (package cost)──▶ best, or the best K
//	                       └──── at each step: lower bound over all completions, least tile memory
//
// Branch and bound. The bound prices the same numbers as a complete tiling with what is open at its
// best: an open grid axis replicates nothing, divides the work perfectly and fills its products' rows;
// an open loop takes one trip; tiles lie in the fastest level. Every term only grows when an axis is
// fixed, so the optimum is that of full enumeration over the candidates (tested). The forms of a DAG, each
// with each split, are begun in the order of their bounds: most are then cut off whole.
//
// A complete tiling's price is that of its μGraph (TestAgreesOnRandomTilings says on what). What is computed together, in
// place or not at all depends on which tiles have a single element and on whether partial accumulators are stored: a
// model is made for each such case when it is first met. An open axis counts as cut to single elements there, which
// is the cheapest.
//
// With several sizes the objective is the geometric mean of the predicted times, so that a factor
// lost at one size is worth a factor won at another, whatever their magnitudes. Tile memory is
// checked at the largest values of all symbols too.
//
// # Rationale
//
// Why quantised costs? Many tilings are equal to within what any model can know. Costs within the
// same 0.2 % are ties, which less tile memory, then longer contiguous runs, fewer trips, and at last
// the tiles themselves decide: the same choice on every machine.
//
// Why both orders of the grid? The last dimension runs fastest, and what it does not cut is read again
// from a near cache; which operand that should be depends on their sizes.
package schedule
