// Package verify decides whether two graphs are the same program in exact arithmetic.
//
//	program A, candidate B
//	   │ match            inputs and outputs by name, else by position            (equal.go)
//	   │ sizing, needs    variables for all extents; columns that the theorem asks for (instance.go, needs.go)
//	   │ solve, label     a small instance with the same cuts; weights of its columns  (solve.go)
//	   ▼
//	engine[V]             evaluates a graph as written, over any algebra V: grid, loop, accumulators,
//	   │                  ragged tiles (engine.go, kernel.go, movement.go, composite.go, integers.go)
//	   ├─ V = field.Value one test: outputs must agree; two trips of every loop must leave the
//	   │                  accumulators as one trip does (fieldalg.go, equal.go, induct.go)
//	   └─ V = dual        degrees, derivatives, arguments of exponentials: the error bound (analysis.go, bound.go)
//	   ▼
//	Result                the readings that were tried, tests, error, witness, record (decide.go, record.go)
//
// Nothing is shared with package search: streams, primes and the meaning of every operator, the
// composite ones too, are written here again. Whatever has no meaning in the theory, a missing
// component, exhausted redraws, a void bound: not equal, with that reason.
//
// # What is proved, and how (second reading of the theory)
//
// Equal in a test means equal for random values in Z_{p0} × Z_{p1} × …; Err is the probability that
// different formal values agree. Formal equality implies equality over the reals wherever both
// graphs are defined. The converse fails: laws of opaque functions (gelu's erf, floor, sign), order
// laws together with lattice laws, and identities that need 1/√2 as a number are not seen.
//
// Sizes (theory 4.2). Take one named axis and fix everything else. Let the reduced values over it be
// P_l = Σ_j φ_l(x_j; P), l = 1…R, evaluated in topological order, where the body φ_l may use other
// columns only through earlier P. Give the columns real weights w_j and read every Σ as Σ w_j. Claim:
// if the weighted graphs agree formally on s = R + X + o columns (and one more for Σ1, since the weights add up to the extent), they agree at every size. Let
// (x_1…x_n) be any columns, unweighted, and P their reduced values. The vectors Φ_j = (φ_l(x_j; P))_l
// span at most R dimensions, so ΣΦ_j is a combination of at most R of them with real weights. These R
// columns, the X that attain the maxima, and the o that the output reads (with weight 0) are a weighted
// instance. Induct along the topological order: if the earlier P have their values, then so have the bodies at the
// chosen columns, and so has the next P. So both graphs have at x the values that they have at a
// weighted instance of s columns, where they agree. The step that needs care, and holds: the
// combination is chosen for the frozen values P, and it is the induction that shows that the weighted
// graph reproduces just these; it is not assumed. A scalar reduction is needed because Φ must not
// carry an index of its own axis; needs.go counts a reduction once per column of the other reduced
// axes it carries, and says "not proved at all sizes" for an axis whose reductions carry it or that
// needs more than 96 columns. Signatures that are spelled alike in both graphs count once: they are
// one coordinate of Φ.
//
// The weights of an axis here add up to its extent: Σ1 is one of the P_l, so for a number n the theorem
// proves exactly the size n, and 1/n may be written as a literal; a symbolic extent is a random value of its own,
// and so every size is proved. An axis that a combining grid dimension cuts is two axes, block and
// column in the block, with the products of their weights.
//
// Loops (4.3). The closed form of the accumulators over a set of columns is what one trip over all of
// them leaves. An instance of two trips, and the same columns in one, must agree in every accumulator:
// update(state(T), B) = state(T ∪ B), for T and B of the sizes above. By induction on trips a loop of
// any number of trips and any tile ends in the state of one trip. Where that fails (a loop that adds a
// constant per trip) the real number of trips is evaluated instead, and a symbolic one is refused.
//
// Exponents (3.2). P = Σ f_i·ω^(Σ …) becomes a Laurent polynomial in z_k = ω^(t_k/Δ) for a basis t_1…t_r of the arguments.
// Reading the proof again: z is uniform on H^r if the basis is an affine image of full rank
// of uniform variables. The maxima of model S are such variables, independent of all inputs (3.3), and
// arguments have them with constant factors; so they may join the block U, without which no softmax
// that takes its maximum off would ever reach its rank by one input alone. That is used here.
// A relation t_i = Σ c_ik t_k + c_0 with a rational constant c_0 was given the weak bound. Stronger and simpler: ω itself is uniform and independent of t,
// so z_0 = ω^(1/Δ') is one more independent uniform variable, and the constants add |c_0|·Δ' to the
// norm of exponents. relations() does that, and confirms constants, too, at a second point, in
// another chain of primes. Degrees are counted as they come, without cancellation, and are upper bounds.
// Where 3.2 does not apply the pair is refused; the weak bound 3.1 is not used.
//
// Square roots are opaque first (equal arguments have equal roots: everything proved so is true), then
// algebraic, with the sign test of 3.4.
//
// # What is assumed
//
// One evaluation of operators, tested against float64, the library's definitions and by mutations;
// ChaCha8 and the keyed hash behave as random functions; literals are not chosen against the pool of
// primes; types and cuts are as ugraph.Validate says; a generated kernel computes what its μGraph says.
//
// # Where the theory ends here
//
// Masks are proved at the sizes of the instance, which reach beyond every integer constant of the
// graphs; the record says so. Axes that a slice or top-k pins keep their real size, and a symbolic one is
// refused. Order-dependent results (argmax, top-k, comparisons of data) use model H, whose tests grow as
// n^n in the compared elements. A difference that is found where no weighted reading exists is shown on
// an instance of repeated columns and is a reason to refuse, not a proof of inequality.
//
// # Rationale
//
// Why is there no untiled form as a graph? It would be written by the code that is to be checked.
// One block and one trip of the same graph is the untiled reading; the instance decides the cuts.
//
// Why weights on tiles? A sum over a cut axis is finished in several places (in the tile, over trips,
// over blocks). The weight goes in at the first of them and the tensor remembers that it is a partial
// sum, which only linear operators may touch.
package verify
