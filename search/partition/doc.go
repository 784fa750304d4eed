// Package partition cuts a program into groups that one kernel can hold each, so that the predicted time
// is least.
//
//	DAG ──condense──▶ cells ──A* over ideals──▶ groups ──schedule, top K──▶ Plan ──Emit──▶ μGraph
//	                     │         ▲
//	                     └ group ──┘ lower bound first, its exact price (Forms, schedule.Best) when needed
//
// An ideal is a set of cells that holds all operands of its members; a group is the difference of two
// ideals, so a partition is a path of ideals from nothing to everything and its kernels run in the path's
// order. The search is A* on that graph. An edge is first entered at its lower bound, launch plus the
// greater of compulsory bytes and arithmetic that no form can avoid, and priced exactly only when it comes out of the
// queue; what remains is bounded as if one kernel could hold it. Both bounds are admissible and
// the second is consistent, so the path found is the optimum over all partitions into groups within the
// limits. With several sizes a group's price is the geometric mean over the sizes; the sum over groups is
// at most the geometric mean of the sums.
//
// Bound and Whole are the first two steps alone: a caller with many forms of one program asks them
// which forms deserve the search. Windows for package algebra, where a program is too large to be explored
// as a whole, are each group, then the union of each two neighbours. Splice puts the plan of a rewritten
// window in the place of its groups.
//
// # Rationale
//
// Why limits on operators and none on inputs? Time grows with the number of groups, which is exponential
// in their operators; the number of tensors that a kernel reads costs nothing here.
//
// Why cells? The cut between an operator and an elementwise one of the same axes that alone reads it
// gains next to nothing: a tensor of the same size is cut after it (0.4 % on an attention block, where a
// scaling was cheaper in the kernel after the product than in its own). Programs of up to 6 operators
// are not condensed.
//
// Why four at a time? When a group comes out of the queue to be priced, the next three that wait for theirs are priced
// with it, on whatever cores are free (Options.Each). All below the optimum are priced anyhow, in any order; so at most
// three too many are, the plan is the same, and so are the counts for any number of cores.
//
// Why segments? Beyond 48 cells ideals are too many. The program is then cut in topological order into
// segments that are solved one by one; a border between segments is a border between kernels.
package partition
