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
// Why are variants priced as one kernel before they are partitioned? Partitioning is most of the
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
// # Speed
//
// Milliseconds on two cores of a server (AMD EPYC, Linux) that other builds kept busy, without a store and without
// measuring. Verify is the wall time of all checks, of which the two that follow are those of the winner alone, on one
// core; judging the stability of the program itself has begun while candidates are sought. By
//
//	go test ./search -run '^$' -bench Stages -benchtime 1x      (MORGANA_FULL=1: every embedded program)
//
//	                     all  algebra  schedule  verify  (equal  stable)  states  states/s
//	gated_mlp             60        0        12      48       1      47     3286    263907
//	gqa                  155        1        34     120       4     126     6967    198199
//	mha                  211        1        43     166       2     138    21915    497174
//	mqa                  141        5        28     108       5     121     9113    277512
//	qknorm_gqa           614       45       359     209      39     277    39517     97755
//	qvnorm_gqa           486       81       149     255      28     279    33287    144850
//	lora                  47        4        10      32       0      43     5643    382846
//	moe                   82        5        10      67       1      74     5944    413096
//	ntrans               110       15        26      69       1      99      106      2587
//	rmsnorm_linear        85        4        10      71       1      86     4803    333990
//	softmax_wide         160        3         1     156       1     164      563    146441
//	layer_norm           134        4        22     102       1     115     1241     47535
//	mlp_decode           244       10        55     179       5     273    17764    273673
//	attention_decode     309        2       140     164       5     264    12038     85131
//	tiny                  10        1         5       5       1       7      328     60922
//
// What a search has when its time is over (-bench Quality): the predicted time of the program over that of the answer.
// A search has nothing until its first candidate is verified, and that is the one of the best prediction: it then ends.
//
//	after s               0.3      1      3     10
//	gqa, mha             1.00   1.67, 1.45 from then on
//	qknorm, qvnorm_gqa   1.00   1.00   1.70, 1.65
//	attention_decode     1.00   1.49   1.49   1.49
//	mqa, ntrans, layer_norm, softmax_wide, lora, tiny: 1.81, 4.79, 1.25, 1.12, 1.10, 2.71 from 0.3 s on
//
// Against the number of operators (-bench Operators): the first so many of square, mean, sqrt, division, product with
// a weight, product with a vector, silu, sum, then the same norm and product again, and a sum.
//
//	operators     5     6     7     8     9    10    11    12    13    14
//	all         172   195   176   168   184   314   308   377   596   546
//	algebra       1     3     2     2     8     2     2    10    80    41
//	schedule     20    28    30    40    61    53    66   119   248   189
//	values       24    43    45    48    50    52    54    68   328   328
//	states     1673  2639  4370  7326  7330  3705  3707  9995 19349 19349
//
// A closure jumps where a second product makes the first one's factor movable (68 to 328); more than 20 operators are
// cut first (windows.go). From 10 on a chain is two kernels, or three.
//
// Against the number of inputs (-bench Inputs): X0 + X0·X1 + X1·X2 + …, elementwise, and X0@W1 + X2@W3 + …
//
//	inputs              1    2    3    4    5    6    7    8    9   10   11   12
//	elementwise, all    6    9   14   19   32   73   97  331  617  950  190  360
//	values              1    4   10   20   38   72  138  268  526 1040  138  268
//	products, all           40        94       134       127       177       298
//	values                   5        11        19        31        51        87
//
// The values of a sum of n terms double with n, since every part of the sum is a value: from 9 terms on the
// algebra's limit of terms ends the closure, and programs of more than 20 operators (11 inputs) are cut, after which
// each window's closure ends again.
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
