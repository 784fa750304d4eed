// Package verify decides whether two graphs are the same program in exact arithmetic.
//
//	program A, candidate B
//	   │ match            inputs and outputs by name, else by position            (equal.go)
//	   │ masks            that both compute alike become inputs                   (masks.go, masks_lift.go)
//	   │ sizing, needs    variables for all extents; columns that the theorem asks for (instance.go, needs.go)
//	   │ solve, label     a small instance with the same cuts; weights of its columns  (solve.go)
//	   ▼
//	engine[V]             evaluates a graph as written, over any algebra V: grid, loop, accumulators,
//	   │                  ragged tiles (engine.go, kernel.go, movement.go, composite.go, integers.go)
//	   ├─ V = field.Value one test: outputs must agree; two trips of every loop must leave the
//	   │                  accumulators as one trip does (fieldalg.go, equal.go, induct.go)
//	   ├─ V = dual        degrees, derivatives on a tape, arguments of exponentials: the error bound
//	   │                  (analysis.go, tape.go, bound.go, density.go)
//	   └─ V = float64     values of a difference for the reader; proves nothing (floatalg.go, witness.go)
//	lazyEngine[V]         where no smaller instance exists: single entries of the real size (lazy*.go, places.go)
//	   ▼
//	Result                the readings that were tried, tests, error, witness, record (decide.go, record.go)
//
//	whole undecided, or large: piece by piece, each piece by all of the above (compose.go):
//	   number tensors (compose_values.go, compose_layout.go) ─▶ claims (compose_claims.go)
//	   ─▶ two graphs on the cuts (compose_piece.go, compose_total.go) ─▶ verdict, kept by content (compose_memo.go)
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
// carry an index of its own axis that something behind it mixes; needs.go counts a reduction once per column
// of the other reduced axes it carries, and once per position of an axis from which a slice or gather picks. An
// axis whose reductions meet at different columns of it, or that needs more than 96 columns, is undecided unless the
// instance has its real size: the 8th power of a strictly causal matrix is 0 up to size 8. Signatures that are spelled alike in both graphs count once: they are
// one coordinate of Φ.
//
// An index that a reduction's result carries counts as often as an output entry sees it. Along an axis
// that nothing behind the reduction mixes (flow.go: no reduction, contraction or rearrangement of it, and no
// operator that loses it) the entry sees its own indices only, so many as the output, or an accumulator that
// induction compares, has on the axis. So Σ_k e_k·V[k,d] counts once for the keys k although V was normed over d.
//
// Derived axes (derived.go). The columns of a merged axis (h, d) are the pairs of h's and d's, with products for weights. Let
// P_l = Σ_hd φ_l(x_hd), l ≤ R. The vectors Σ_d φ(x_hd) span at most R dimensions, so R columns of h carry the sums; for these h
// the vectors (φ_l(x_hd))_{l,h} over d span at most R·R, so R² columns of d do. So a reduction over (h, d) is one over h, and one
// over d that carries h. A few columns of each would not do, though they are many pairs: the determinant of five moments
// vanishes on two by two. Of a joint the R columns may all lie in one part, so each part needs them. Two reshapes of one axis by the
// same extents are one division, whose parts are the same axes; so is an attention's division of query heads into key
// heads and the heads of a group, and the query head's column is the pair of these.
//
// Polynomials (polynomial.go). Where both graphs are polynomials of degree D in the entries of their inputs and no
// position chooses terms, any order of sums will do: a monomial touches at most D·r columns of an axis, r the indices
// that one entry has on it. Its coefficient counts the assignments of all other summation indices, and is that
// of the weighted instance which has these columns with weight 1 and one more with the rest of the extent. So
// D·r + o + 1 columns prove all sizes; (M·M)·M is M·(M·M) by them.
//
// The weights of an axis here add up to its extent: Σ1 is one of the P_l, so for a number n the theorem
// proves exactly the size n, and 1/n may be written as a literal; a symbolic extent is a random value of its own,
// and so every size is proved. An axis that a combining grid dimension cuts is two axes, block and
// column in the block, with the products of their weights.
//
// Loops (4.3). The closed form of the accumulators over a set of columns is what one trip over all of
// them leaves. An instance of two trips, and the same columns in one, must agree in every accumulator:
// update(state(T), B) = state(T ∪ B), for T and B of the sizes above. By induction on trips a loop of
// any number of trips and any tile ends in the state of one trip. What a trip stores is compared in the
// same way: a position's value after T and B is its value after T ∪ B. A sum that folds trips upon each
// other, tile position by tile position, is compared by its total: the trips' tiles are only added, and
// what is read of it after the loop is linear until it is summed (so the engine refuses to divide it),
// hence total(T ∪ B) = total(T) + total(B) is all that any number of trips needs; beside running(),
// previous() or a factor the state would be more than the total, and the induction fails. Where it fails
// (a loop that adds a constant per trip, a prefix sum that is stored) the real number of trips is
// evaluated instead, each with all the columns, and a symbolic number is refused.
//
// Cuts. In a small instance two cuts of one axis may coincide that differ in reality: a tile of 8 and a
// group of 16 are both one half of it. What is proved, and of which cuts (cuts.go, divisions.go):
//   - A cut by the grid is free if every result entry at position p depends on the operands' entries at p
//     alone along the cut axis, or the store adds up (takes the maximum of) values that are linear sums
//     (maxima) over the tile. The kernel's results are then the same for every division of the axis, by
//     inspection, and the instance may cut it anyhow. A loop that induction proves is free too.
//   - All others are bound: a norm or maximum of a tile that is stored, stacked partial results; and
//     reshapes, splits, joints of the programs, and loops that are run by their real number of trips. Where
//     all bound divisions of an axis form a chain (one's parts are divided by the next one's), the axis
//     is as many axes from the start (theory 4.2, derived axes), each with columns for its own reductions. The
//     instance is used only if it has the same chain: divisions coincide where they do in reality, others
//     are strictly finer or coarser in the same order, and parts of one position are such in reality.
//     Blocks of a bound cut are as many as in reality, or have weights of their own where they are combined.
//   - Anything else (tiles of 24 beside groups of 16, a symbolic number of bound blocks, parts of unequal
//     extents beside another division) is evaluated at the real size, or undecided.
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
//
// The weak bound (3.1; weak.go, sparse.go). Where 3.2 does not apply, as in Σ_ij exp(a_i·b_j), whose exponents have no
// rational relations, a reading follows that counts the terms of every difference that must vanish: outputs, and accumulators
// under induction. Each value is N/ΠD with the supports of N and of the D's: pairs of an exponent, known by its residue,
// and a monomial of variables before it. Supports are counted without cancellation, which is safe: P ≠ 0 has some monomial
// μ before some exponential, and no more than k* exponentials have one in common. Factors D that are
// equal in value and support, once the mean of their exponents is taken out, are one. Monomials are hashed, and coincidences of hashes only add to k*; sin and cos, which
// are no independent variables, are left out of monomials. Coincidences of residues would take terms away: k is the greatest at m random
// points, and were there more than k classes of exponents two of some k+1 fixed ones would coincide at each of them, with
// probability C(k+1,2)·ε' at one point; m makes that less than the allowed error, and so for the distinct D's.
// Nested exponents: ε' is 3.1 one level lower, for the support that all combinations of the exponents have over their
// common denominator. At most 512 tests; conditions of definedness with exponentials, integers that become exponents, and
// algebraic roots are left to 3.2.
//
// Inner exponentials. In the component that holds the outer exponents an inner exponential is ω^(Σ c_k t_k +
// c_0) with the t_k one level lower. By 3.2 for that level the ω^(t_k/Δ) are independent and uniform on half of the
// field's units, and ω itself beside them, independent of all inputs of this component: they join the variables.
// The logarithmic derivative of the inner exponential is Σ c_k dλ_k + c_0 dλ_0, which makes the Jacobian of the
// outer exponents (analysis.go). Schwartz-Zippel and Bézout hold over a set of (p−1)/2 elements with twice the
// density for each variable. If the lower level is uniform only up to a density κ, the upper level's error is
// multiplied by κ. Without this softmax(softmax(x)) has no exponent of any rank.
//
// Densities (density.go). Where all exponents are affine in a block U, t = L(v)·u + g(v), but U's rank r_1 is less
// than r, let K be the combinations with K·L = 0. They must be rational and hold at both points. Given v, the
// other r_1 dimensions are uniform; K·t = K·g(v) has rank r − r_1, and by 3.2's general case a density of
// at most δ^(r−r_1). An invertible rational map between bases keeps densities. So κ = δ^(r−r_1), not δ^r.
//
// Literals. A constant in an exponent that is no short fraction makes C too large. Then literals of more than
// 8 bits in the denominator or 16 in the numerator are read as variables, one per absolute value: what is formally equal
// so is equal for all their values. This reading only accepts; where the literals' own values matter (a folded
// product of two of them) it says nothing.
//
// The bound is one for an output entry. So axes that no operator mixes have one position in the instance from
// which it is computed, or several, which the bound then counts too, where no such instance has the real cuts.
//
// Booleans and integers (labels.go). They are concrete, and a difference may hide at an assignment that random draws
// do not meet. With n bits, or n indices of R rows, that one output entry sees, a test meets a given assignment
// with probability 2^−n, R^−n; that many more tests are made, up to 4096, else the pair is refused. One boolean
// input that masks the columns of one axis needs only sets of labels (4.2): no column, all, or s with and s without;
// each half of a loop's two trips has each of the three, by induction for any trips. That holds where every operator
// that meets the axis is symmetric in its positions: a reshape that merges or splits it, a slice, a part, a join or a
// selection along it tells columns apart, and then bits are counted. An index must be one that the program reads an
// axis by that is no longer, the same entries of it (a slice that the program looks up says nothing of the others), else it
// leaves its range in the candidate alone (lookup_range.go); an index that the candidate computes is evaluated at the real
// size, which a symbol has not. An integer of 8 bits that is
// computed with takes all its values in turn, with as many tests for each as the other cells ask for; not where it is an
// index, of which the rows of the instance show the first values only. Random values do not exhaust wider ones that are compared or computed with: a
// difference may sit at one value of 2^32. An integer that only becomes a number is a variable of range R = 2^20, or 2^8, and the
// error of a test is at least (D + m·d)/R for that: D the degree of a difference of outputs, in such integers too, and m
// arguments of exponentials are of degree d, so that a determinant which shows them independent is of degree m·d. What is an index
// and becomes a number has too short a range. Of a float that is cast from an integer the field knows no sign and no order
// (ordered.go), since those of one test are not those of all values.
//
// Indices of an input are drawn from the rows of the shortest table in the instance. So all tables that it indexes have as many
// rows there, but for those whose real extent is more than all entries of it may reach by another lookup of the program: else rows that the
// program accepts would never be looked up, where only a part of the input indexes the short table, or one table has its real size.
//
// Rows (tables.go). Three indices of a table of two rows are never different, and a term that only three different
// rows show, (A−B)·(B−C)·(A−C), would vanish. So the axis that gather or scatter_add index has as many rows in the
// instance as indices of it meet in an output entry, in both graphs together, beside the columns that 4.2 retains for what
// else is done with it. Where that is nothing, i.e. all that carries the axis commutes with every map of its
// positions into each other and no output has it, the results are functions of the rows that were selected: F(T∘I). Then
// all entries of the indices are different rows in every test, and no assignment need be met by chance: F_A(G) = F_B(G) for
// all G holds for G with equal rows, too. That takes that I is nothing but an index, and that nothing compares positions; a
// comparison of the rows themselves is one of arbitrary values, under any model. An axis that only scatter_add
// indexes and nothing reduces shows an entry which indices are its own row: bits, for which two rows do. For all
// others the assignments are met by chance, R^−n, or the pair is refused. An index that blocks compute has any number of
// entries: the axis keeps its real size.
//
// Masks (forms.go, positions.go). Every integer that depends on positions is followed through both graphs as a sum of
// positions, greatest positions of axes and a literal, with the literals folded and the range checked at the
// greatest sizes: an integer that may leave its type is no sum. A comparison is a mask if it compares one
// position with a literal or with the greatest position of its axis, or the difference of two positions with a literal;
// it does not change its truth where the difference exceeds its reach f. Axes whose positions are compared make a
// group; f is the greatest reach in it. Take the columns that 4.2 retains on the axes of a group, at any positions
// of any sizes, and the start and the end of the axes as two more points. Order all
// of them along one line and shorten every gap of more than g to g, g ≥ f+1. Each pair keeps its difference or both
// differences, old and new, exceed f: all masks between retained columns keep their truth. So k columns need
// (k+1)·g + 1 positions, and where the real axis has as many, a gap that was shortened is made longer again until the end is where
// the instance's is. The other positions of the instance have weight 0, but their labels matter: where a value is
// −∞ for a label, and where the columns of a label are none. With g = 2f+2 the positions within a gap, and the columns within
// a real one, have the same labels; g = f+1 is for groups that nothing reduces. Real axes that are shorter have outcomes of
// their own (start and end are near each other, a mask has no column): a number has its real size where it is less than the instance's,
// and a symbol that may be so small is undecided. Axes of a group have one extent, in the instance too: on a longer one there
// would be rows beyond all columns. Numbers that differ are evaluated at the real size, symbols are undecided. Where a loop cuts an axis each of its two trips has room for that, and if f > 0 the rows
// have f+1 positions more, so that a row may lie behind both trips; with f = 0 the last row is such a row. A group with
// f > 0 and a loop over the axis of its own rows is undecided. Any other use of a position (a multiple, a
// product, a sum of two, a comparison with data or with the extent of another axis, positions within a tile) is one as a
// number: these axes keep their real size, and a symbolic one is undecided.
//
// Masks that both graphs compute (masks.go, masks_lift.go). Let m be a tensor of booleans, or of numbers that uniform or a cast makes, that both compute by the same elementwise
// operators from the same entries of integer inputs, positions and literals: A(x) = A'(x, m(x)) and B(x) = B'(x, m(x)). If
// A'(x, m) = B'(x, m) for all x and all boolean m, then A = B; so lengths, causal masks and windows, intervals of
// trees and labels of a cross-entropy become boolean inputs, whose axes may be short (labels.go), and no law of integers is asked for. That m is the same
// function is read from its spelling: an index of a leaf (a position, an entry of an input) is an axis of the tensor, known in
// a tile by the extent and the grid dimension and loop that cut it, since an axis that is cut so has in each block and trip the
// same positions wherever it is met; where it meets one that is cut in another way, or is merged or sliced, there is no
// spelling. Indices are numbered as they are met, with their extents, so that m is one tensor of one shape, and each
// graph loads it along its own axes. A graph's types beside it must be what they were, cuts included. Both must use the same masks;
// whole conditions are tried first, then the comparisons in them. A difference here says nothing of the graphs, and they are compared as they
// are.
//
// A causal attention has its mask written out first (masks_causal.go), in the library's spelling, so that candidates compute it alike. Where T ≤ S
// each query sees a key, and a candidate may rely on it, but not for any mask. So the mask is one of numbers, 0 and −∞, added to the scores: the
// same attention where each row has a 0, and undefined in a row that has none, for which nothing is asked.
//
// A mask of columns is not drawn: its three labellings, nine where a loop cuts the axis, are taken in turn, all rows alike,
// and each has as many tests as the error of one of them asks for. That rests on the weights: an axis of its real size has
// none, K(K−4)(K−8) vanishes for the number K of labels in eight columns at all three, and so all 2^n labellings are taken, n ≤ 10.
//
// Orders (model H; decide.go). A test draws ranks for what is compared, n elements from n ranks. Which these are depends on the
// order, where a comparison selects what another one compares. So n is the most of some draws, and a test in which more
// than n are compared refuses the pair. Let an order compare more. Up to the comparison that brings the next element after the
// n-th or an earlier one it is an order of n elements at most, and a draw meets it, and whatever bits go with it, with the probability that
// the tests were counted by. So they would have shown it.
//
// What a comparison, a cast or a selection decides has no value where its operands have none. So entries that are integers
// or truth values are compared under the same conditions as numbers (domain.go): exp(log(Z)) < X is not Z < X.
//
// Order by squares (model Q; square.go, field/max.go). The last reading, for maxima that are outputs: a < b iff b − a is
// a square modulo p, where −1 is none and 2, 3, …, 31 are. It knows that max(2x) = 2·max(x), max(x + c) = max(x) + c and
// relu(x) − relu(−x) = x. In general its soundness is a heuristic: x² is always a square, so signs of
// related differences are not as free as over the reals, or not bound to the same side (37·x for x). Here is what makes it a
// theorem for the programs to which it is confined: field operations and maxima, no exponentials, logarithms,
// roots, opaque functions, comparisons, integers; the elements of a maximum hold no maxima, nested ones being taken apart.
//
// Let d_1 … d_L be the differences of the elements, one for each class of those that are multiples of each other
// by ±(a fraction of the primes to 31); those whose sign is known for every input are decided by it. Where all signs are given, both graphs are rational functions. (1) If
// the graphs differ at some real input where both are defined, then, being continuous there, on an open set, which contains an
// open part of some cell σ ∈ {±1}^L; there their rational functions A_σ ≠ B_σ. (2) A draw meets σ if χ(d_i) = σ_i for all i,
// χ the quadratic character; the members of a class follow, since χ of their factor is its sign. The probability is
// 2^−L·Σ_J Π_J σ_i·E χ(d_J), d_J = Π_J d_i over subsets J. Let f = numerator times denominator of d_J, of degree D or less. If f
// is no constant times a square modulo p, |E χ(f)| ≤ D/√p + 2D²/p: after a change of coordinates f has a
// squarefree part s of positive degree in x_1, whose discriminant vanishes for a share of at most 2D²/p of the other
// coordinates; for the others f is no constant times a square in x_1 alone, and Weil's bound is (D − 1)√p for a sum
// over x_1. So σ has probability η ≥ 2^−L − D/√p − (2D² + D)/p, D the sum of the d_i's degrees. (3) A_σ = B_σ at such a draw with
// probability D_x/p. (4) Redraws of orders that are not transitive only keep what is real: σ is. So a wrong pair
// passes T tests with probability (1 − η + D_x/p)^T.
//
// That no f is a constant times a square modulo p is shown, not assumed: if f were, χ(f) would be the same in all draws. The
// vectors of χ(d_i) over 128 draws, with that of a constant, are linearly independent over F_2, or the reading refuses. This is
// done modulo each of the eight p that the tests take in turn, since a discriminant may vanish modulo one of
// them. So squares (relu(x³), max(c²x)), products (relu(xy)) and constants with other primes are undecided, although some laws with
// them hold. The bound counts all that a test compares, so T tests are made on the instance with one position on axes that
// nothing mixes, and as many on the larger one.
//
// Indices (indices.go). An index that argmax or top-k finds is a position. Where it is only moved, to an output, the axis may be
// short: each of its columns stands for any. Where anything is computed with it, compared, looked up or cast, the
// axis keeps its real size, since indices beyond a short one could make the difference; a symbolic one is undecided.
//
// Integers as opaque functions (opaque.go). Where random integers show no difference and do not exhaust an input, the
// elementwise integer operators that depend on it are opaque functions: one fresh integer, bit or row per operator,
// types and operands, equal in both graphs. Equal so is equal for every meaning of the operators. Casts to
// a wider integer keep the value; other casts saturate or test and are such functions. Operators of bits
// keep their meaning. The bits and rows that one output entry sees are counted as those of inputs are; numbers have
// the range 2^20. Sums, maxima and orders of integers of an input are refused. A difference found so is no
// difference of the graphs: their integers may have a law that makes them equal.
//
// A quotient by what is 0 for every input (a sum over hidden columns) is undefined, and nothing is asked of it but that it
// is not an output where the program has a number.
//
// Domain (1.10; domain.go). Formal equality says nothing of X·(Z/X) at X = 0. So each value carries the conditions under
// which it is defined along its own way through the graph: divisors are not 0, arguments of logarithms positive, those
// of roots and powers not negative; the condition of a root that is divided by is that of its argument. A condition
// that a sign meets is none. Signs hold for all inputs and are strict or not: exp is positive, a root, a square, |x| and a sum of
// these are not negative, with a positive literal they are positive; weights and extents count as positive, because
// the weighted sums that matter take the values of real, unweighted ones (4.2). Every condition of an entry of the candidate must be
// implied by those of the program's entry: it is about the same value (as a field element, so formally but for ε), its
// opposite, its square, a product or quotient of two, or a rational multiple of height at most 4096, which the
// first test finds and the others confirm. Take inputs at which all of the program's conditions hold, and the first of
// the candidate's that fails, in the order of evaluation: the value that it is about is finite and equal to a value that
// meets it. What a sign tells of a value (exp(log x) is positive) holds for an entry whose conditions include those of that value. Where a
// comparison of data decides, all entries of the candidate inherit the conditions of what is compared, and none of the program's, for
// which entries it decides is not known; unless the program's comparisons imply them: then both go the same way, and each branch has the
// conditions of its own. A partial
// denominator of a tile is a value that the program does not have, and so must be positive by itself.
// The coincidences of values that could feign an implication join the error of a test.
//
// Literals (literals.go). The primes are public. Each test draws its chain of primes by a key that depends on both graphs and
// the seed, from 4096 (512 where exponentials nest deepest). Numbers with H bits in all have at most H/60 prime
// factors of that size, so a number made of them, each used once, vanishes in at most that share of the chains; the share joins
// the error of a test, and more than 1/8 is undecided.
//
// Not equal or undecided (decide.go, witness.go). Two values that differ in a field differ over the reals, unless something was
// evaluated of which the model knows a part of the laws only: a maximum, an order, an opaque function, an instance of
// repeated columns. There a difference is no proof. Both graphs are evaluated in float64, on N(0,1), sparse, integer,
// zero, negative and large inputs, and again with every operation's result jittered by some roundings; a difference that is
// a thousand times what jitter does is shown to the reader, and without one the pair is undecided.
// The field's own difference is a witness only where the model is exact.
//
// Eight bits. A cast to f8 is an opaque function, and so is the rounding of an operator whose result is computed and
// of that type (ugraph.Op.Rounds). Casts among the wider floats are the identity.
//
// Logarithms that are multiplied by data become opaque values of their ε. So Σ P·log_softmax(x) = Σ P·(x−M) − log S, which
// needs ΣP·log S = log S for the one logarithm in log P = (x−M) − log S, is undecided: the sum would have to keep ordinary part
// and logarithm apart, and then P·log(exp(y)·S) and P·(y + log S) would differ.
//
// Square roots are opaque first (equal arguments have equal roots: everything proved so is true), then
// algebraic, with the sign test of 3.4. Algebraic roots confine the draws to inputs at which all arguments are squares, as real
// ones confine them to arguments that are not negative. For an argument that is known to be ≥ 0 that leaves out nothing real.
// Any other must be a condition of the program's entry itself, in every one of 128 draws that are not
// confined: √X of another output would hide what differs at X < 0, and √(X·√(X²)) of the candidate, which is √(X²) for
// squares X, its own X < 0. For the same reason equal residues are no sign of a square here: √(x²) is x for half of all x, and a product
// counts as a square where one operand is used twice. Roots are told apart by the order in which they are evaluated, in all of these draws,
// since by residues two that differ for half of the inputs would be one.
//
// # Piece by piece (theory 1.8)
//
// Tensors of both graphs are numbered: equal inputs are one class, equal operators on equal operands are (congruence,
// whatever the operator: of argmax, top-k, an opaque function no more is asked than that it is a function), and a
// tensor is a view of a class: reshapes and transposes only change the order in which it is read. Composite operators
// are replaced by their definitions, each of which is proved against this package's own meaning of the operator. The candidate is
// walked in its order. Each tensor that is of no class of the program is claimed to be a view of one: of as many
// elements, from the same inputs; those with the most similar operators come first. A claim is tried on the piece between it and
// the tensors of the candidate whose class is known: these are the inputs of both sides, free and of the cut's own
// shape. A claim that fails leaves its tensor without a class, and the piece of whatever reads it is so much larger. An output that fails is
// tried again with fewer cuts.
//
// Proof. Claim: at all inputs x, an entry that the program defines has the same value in every tensor of its class, with
// the entry of the view. Induct along the candidate's order. For congruence: the operator reads entries that the program
// defines, and they agree. For a piece with cuts u and target T: both sides are equal wherever its program side is
// defined, for all u, so for the u of x, which are in the candidate what they are in the program. Three things need care.
//   - Entries of u may be undefined at x although T's entry is defined, since it does not read them. As inputs of a
//     piece they are numbers, and u' − u' would be 0. So a cut that may be undefined is u·(d/d) with d an input of its own:
//     an entry of the candidate may read only those entries of u that the program's entry reads (Domain, below).
//   - Entries of u may be infinite; rules for tags are not those of numbers. A class with such entries is no cut.
//   - Both follow from rules on the program alone (compose_total.go): which operators keep numbers numbers, what is
//     positive, that x − max x is not +∞. In particular a divisor that is positive for all inputs makes no cut partial. Nothing else
//     is known of a cut: it forgets that u ≥ 0, that an index is below n. So a piece that differs refutes nothing; witnesses are
//     those of the whole.
//
// Element types: in exact arithmetic casts among floats change nothing, and a cut may be stored in another type than the
// program has. f8e4m3, integers and booleans are cuts in their own type only. Tensors that depend on no input (masks of positions)
// are never cuts but computed again in each piece, so what is known of positions is known there. Sampled entries prove no piece.
// Where an undefined output asks for an undefined one (StrictNaN) there is no proof by pieces.
//
// Errors: each claim may err by 2^-10 of what is allowed, and at most 2^10 claims are tried, refuted ones and definitions included. Pieces
// depend on nothing but their two graphs, so their verdicts can be kept, and candidates share them (Options.Memo).
//
// The order: a program of 16 operators or more, or with an argmax, top-k or sines of positions (rope), is tried piece by piece first, another one as a whole
// first. A graph that is congruent needs no test.
//
// # Entries of the real size
//
// Where slices, reshapes or positions tie an axis to its real size and the whole is too large for a dense
// evaluation, an entry of an output asks for the entries that it needs, back through both graphs; a kernel's tiles are
// counted (5.1) for all blocks and trips, their values evaluated on demand. If all entries are affordable all are
// compared: that is exact at the real size, with the error of field equality. Else blocks are sampled: the first
// and last, those around every position at which what an entry reads can change (bounds of slices, parts of a
// concat, tiles, literals beside positions, all their signed sums, their quotients and remainders by the extents of
// reshapes, diagonals of two axes), and random ones. This proves equality of the sampled entries (their number is in
// Result.Sampled and in the record) and nothing of the others. What is assumed for them: between those positions
// an entry is computed as its neighbours are. So that this is a fair assumption, a graph is refused if positions enter
// it otherwise than as sums and differences with coefficient ±1 per axis that are compared, or as numbers of analytic
// functions, whose differences vanish at no more positions than their degree (reach.go).
//
// # What is assumed
//
// One evaluation of operators, tested against float64, the library's definitions and by mutations;
// ChaCha8 and the keyed hash behave as random functions; no arithmetic of literals or positions inside the graphs
// makes a number with more large prime factors than their bits allow; types and cuts are as ugraph.Validate says; a generated kernel computes what its μGraph says.
//
// # Where the theory ends here
//
// Masks whose reach makes an instance of more than 4096 positions are undecided, and so are masks of symbolic axes that may be shorter than it,
// or than each other (shortPairs in the tests). Axes that a slice or top-k pins keep their real size, and a symbolic one is
// refused. Order-dependent results (argmax, top-k, comparisons of data) use model H, whose tests grow as
// n^n in the compared elements. A difference that is found where no weighted reading exists is shown on
// an instance of repeated columns and is a reason to refuse, not a proof of inequality.
//
// Model Q decides maxima of rational functions without maxima, and no more than six independent differences; larger
// sets, factors that are squares or have primes above 31, and exponentials beside maxima stay undecided (Order by squares).
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
