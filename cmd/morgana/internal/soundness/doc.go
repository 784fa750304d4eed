// Package soundness holds a test: programs drawn at random are optimized and run, and no result may be further
// from float64 than rounding explains.
//
//	seed ─draw─▶ program of 1 to 8 operators ─search─▶ verified kernels ─┐
//	  │                      │                                            ├─ executor ─▶ results
//	  │                      └───────────── operator by operator ────────┘                │
//	  └─▶ inputs ─interp, (value, bound)─▶ float64, and how far rounding may lead from it ─┴─▶ row by row
//
// The bound is computed beside the value by a number type of the interpreter (bound_test.go), with a rule for each
// operator (rules_test.go): errors of operands through the function at the ends of their interval, or through the
// largest slope in it; γ_n Σ|terms| for sums in any order (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
// §§3.1, 3.5, 4.2); one rounding to the element type of each result; and the error of the executor's own exp, tanh …
//
// # Rows that are left out
//
// A row (of the last axis) is left out, and counted, where it is not finite when the program is run plain, where an operand
// of sign, floor, log or a divisor is within its bound of a discontinuity, and where a comparison, an argmax, a topk or a
// cast to an integer is: such decisions are noted, and the program is computed again with all of them the other way,
// and then with half of them four times; a row that changes by more than its bound depends on one. What a row changes by
// less is added to the bound.
//
// # Rationale
//
// Why the program's bound and not the kernel's? A kernel may be rewritten, so its own bound could excuse what the program
// does not. Why does the bound know the order of no sum? Kernels tile them.
//
// SEEDS.md has what was run.
package soundness
