// Package loop turns a DAG over named axes into one fused kernel: it finds for every axis whether the
// whole DAG can run in a single pass over it, and writes the block graph for a tiling.
//
//	DAG ──contract──▶ per axis: classify ─▶ separate (law.go, reduce.go) ─▶ steps (plan.go) = Form
//	                                   │ moving basis for central moments (moving.go)
//	                                   ▼
//	        Form + Tiling ──Emit──▶ OpKernel  (+ a second one that merges a split loop, merge.go)
//
// # The law
//
// For a loop axis L every value is before the loop (no L, no reduction over L beneath), in it (carries
// L), an accumulator (reduces L), or after it. An accumulator's body f(x, r) may depend on earlier
// reductions r over L. It can run in the same pass iff f = Σ_i g_i(r)·h_i(x) with few terms. Each term
// becomes an accumulator of h_i, and g_i is multiplied after the loop; where g_i holds an
// exponential, exp(E(r)), that factor stays in the loop at the running r, so that it bounds the
// term, and the accumulator is rescaled in each trip by exp(E(r_new) - E(r_old)). The online softmax, its masks, norms
// taken out of a product, logsumexp and entropy are all this one rule. Rank, the
// rank of a matrix of evaluations in a field, knows no rule: tests hold the law against it.
//
// # Rationale
//
// Why is a product of two sums refused, though it separates? Its terms are the power basis of a
// moment, Σx² - 2μΣx + nμ², which cancels: a relative error of κ². Central second moments run in Chan's
// moving basis instead.
//
// Why must an exponential be held by a maximum over the loop axis? Without one it overflows, and so
// does the rescale factor of the first trip. With one, the factor is exp(-inf - m) = 0 there.
//
// Why is a running maximum of -inf read as 0 only where it was just updated? exp(s - m) of a fully
// masked tile is exp(-inf + inf) otherwise. The previous maximum stays -inf, so that the factor is 0.
//
// Why do ones come from an index? A ragged tile has fewer columns, and the sum of a derived value
// counts just those.
package loop
