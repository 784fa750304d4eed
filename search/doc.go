// Package search finds, for a tensor program and a target, the fastest fused μGraph that package verify
// proves equal to it. Optimize is the whole of it:
//
//	program ─library.Expand─▶ primitives ─expr.Lift─▶ DAG over named axes
//	                              │ (operators that no axis form expresses stay predefined kernels,
//	                              │  and the segments between them are searched one by one: segments.go)
//	                              ▼
//	  algebra.Explore   equal programs, by closure over values; those that are less stable are dropped
//	        │ up to 24 variants
//	        ▼
//	  partition.Best    cuts each into kernels; loop.Forms and schedule.Best choose loop, grid and tiles
//	        │ the 3 best variants, 4 tilings of each, written as μGraphs by loop.Emit
//	        ▼
//	  verify.Equal ▶ stability ▶ lower ▶ verify.Equal ▶ Measurer.Execute      (choose.go)
//	        │ in predicted order, until Top have passed (one, where nothing is measured)
//	        ▼
//	  Measurer.Measure, interleaved with the program itself ▶ the fastest
//
// Nothing leaves Optimize that has not passed all of the fourth line; the program itself is always
// among what is compared, and is the answer, with the reason, where nothing beats it.
//
// # Determinism
//
// Variants and candidates run in rounds of a fixed size, and what a round finds bounds only the next
// ones. So states, candidates, their order and every count are the same for any number of jobs; only
// measuring may choose differently between near equals, and Result.Near names them. A budget or an
// interruption ends the search with what was verified until then.
//
// # Rationale
//
// Why does the search not know how to run anything? It takes a Measurer, which package cmd fills: the
// same search serves a device that is not here.
//
// Why several tilings of the best variants, instead of the best tilings of all? Within a few percent the
// model cannot tell variants apart, and tilings of one variant differ less than it errs; but three
// variants hold nearly every winner, and each candidate costs a verification.
//
// Why is the predicted winner verified before the others are? An interrupted search then has the best
// answer that it could have had.
package search
