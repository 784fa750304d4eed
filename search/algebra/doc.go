// Package algebra finds the programs that are equal to a program over named axes.
//
//	expr.DAG ──stabilise──▶ program ──seeds──▶ closure over values ──hyperedges──▶ extraction ──▶ DAGs
//	                                  │                   ▲
//	                                  │ worklist: smallest value first, paired with all before it
//	                                  ▼                   │
//	                       abstraction test (abstract.go) │ field evaluation (field.go)
//	                       is it part of the target?      │ is it a value that we have?
//
// A value is a tensor over named axes, known by its fingerprint: its elements in a finite field on two
// instances, with every axis of extent 2 and of extent 3; each position stands for a number of equal ones that is
// drawn by axis, so that axes of one extent there have different numbers of elements. Every operator application that yields it is
// kept as a hyperedge. An application is evaluated only if its abstract expression, a polynomial normal
// form, is a subexpression of an output's. This is Mirage's search (abstraction pruning, probabilistic
// equivalence) on values in place of graphs, so that it reaches a fixpoint.
//
// Nothing here is trusted: package verify decides, with other primes, streams and code. A false merge
// could only lose or waste candidates.
//
// # What the abstraction test decides
//
// P is admitted iff for some monomial q of a target T, q·P ≤ T coefficient by coefficient; targets are
// the outputs' forms and all forms nested in them. With natural coefficients and no cancellation that
// is exactly "P is a subexpression of T modulo Axioms", but for the cases that testdata/axioms states at
// its end (they can lose a program) and these: the exponent of an inverted sum of exponentials is kept
// apart from exponents above; free axes of q are not tracked, which only admits more; and a value
// carries the forms of its first derivations, Options.Forms of them.
//
// # Rationale
//
// Why are squares opaque? Expanded, the square of a sum of n terms has n² monomials, all parts of which
// are admissible; nTrans and LayerNorm then do not close. What is lost, var = E[x²] - mean², package
// loop's separated forms give.
//
// Why is a constant an atom rather than 1? With 1, x·c is part of every target with x, and so is x·c·c.
//
// Why does log have no law in the field? A discrete logarithm is out of reach there. The one law that
// matters, log Σ exp(x) = m + log Σ exp(x - m), is applied by structure in stabilise.go.
//
// Why may an exp lose its maximum in a value but not in a result? exp(x)/Σ exp(x) is a value that other
// derivations may pass through; it is marked unstable when it is extracted, since its exp overflows
// where the program's does not.
package algebra
