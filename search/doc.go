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
//	  partition.Bound ▶ partition.Whole   priced as one kernel, least bound first; what cannot win is left  (plans.go)
//	        │ the 3 best that fit in one kernel, and the 3 of least bound that do not
//	        ▼
//	  partition.Best    cuts each into kernels; loop.Forms and schedule.Best choose loop, grid and tiles
//	        │ a program whose forms were not all seen: algebra again, in each group and each two  (windows.go)
//	        │ the 3 best variants, 4 tilings of each, written as μGraphs by loop.Emit
//	        ▼
//	  verify.Equal ▶ stability ▶ lower ▶ verify.Equal ▶ Measurer.Execute      (choose.go)
//	        │ in predicted order, until Top have passed (one, where nothing is measured); none: the program as written
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
// Why are variants priced as one kernel before they are partitioned? Partitioning is nine tenths of the
// time, and few variants deserve it: of 24 forms of attention with norms on queries and keys 3. On the embedded
// programs and on random ones the best plan is that of partitioning every variant (TestFinalistsLoseNothing).
//
// Why a second look across cuts? A closure over a layer of a transformer does not end. Cut into groups it does, and
// a rewriting across a cut can be all that matters: 25,327 µs become 1,017 in TestSecondLookPays, where the second
// product of a chain is narrow. A layer that is written well gains nothing, for some seconds.
//
// Why is the program tried as it is written, where no rewritten form passes? Variants are proposed by
// fingerprints. Should those be wrong, they are wrong for all that share the value.
//
// Why is the predicted winner verified before the others are? An interrupted search then has the best
// answer that it could have had.
//
// EXAMPLE.md follows one program through all of these stages; BOUNDS.md says what is exact, bounded and heuristic.
//
// # Ablation
//
// The counterpart of the table 5 of Mirage's paper: rmsnorm_linear (5 operators) with at most 5 to 11
// operators, by
//
//	go test ./search/algebra -run '^$' -bench Ablation -benchtime 1x
//
// Milliseconds and values of the closure on two cores of a server, at most 3 s and 200,000 values a cell
// (* ended by the time, + by the number, without a fixpoint):
//
//	operators          all    two cores   no merging     no abstraction    none, two cores            neither
//	5             0.5 / 24     0.3 / 24     0.4 / 30    3020.4 / 50775*    3004.0 / 51849*   3006.2 / 108852*
//	6             0.3 / 24     0.3 / 24     0.3 / 30   3006.4 / 177878*   3003.1 / 185431*   1697.7 / 200000+
//	8             0.3 / 24     0.3 / 24     0.3 / 30   2362.4 / 200000+   1942.7 / 200000+   1507.5 / 200000+
//	11            0.4 / 24     0.4 / 24     0.4 / 30   3027.4 / 150108*   3021.1 / 170934*   2188.1 / 200000+
//
// and, with the same pruner, milliseconds and graphs where graphs are enumerated in Mirage's manner:
//
//	operators     abstraction      no abstraction
//	5                2.1 / 80     3002.5 / 68936*
//	7              21.2 / 466     3009.2 / 41331*
//	9            353.9 / 2217     3001.2 / 21347*
//	11         1373.0 / 12129     3006.7 / 21388*
//
// The abstraction test is what makes the search end, with graphs and with values. Over values its fixpoint
// is that of 5 operators, whatever more is allowed. Merging and a second core change little on a program of 24
// values; on attention with an additive mask, merging keeps them at 207, and without it there are 1,985 when
// the limit of tests ends the closure.
package search
