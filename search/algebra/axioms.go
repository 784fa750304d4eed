package algebra

// Axiom is a law that the normal form of abstract expressions decides. The laws need not be sound for
// tensors (Σ_k(x·y) = Σ_k(x)·y is not); they must only never tell a part of a target from it.
// testdata/axioms has, for each, a case where it applies and one where it must not.
type Axiom struct {
	Name string
	Law  string
	Note string
}

// Axioms are the axioms of Mirage (arXiv 2405.05751, table 2) as far as they are kept, and those beyond.
// There is no cancellation: neither x - x = 0 nor x/x = 1, else everything were part of everything.
var Axioms = []Axiom{
	{"sum-commutes", "x + y = y + x, (x + y) + z = x + (y + z)", "Mirage"},
	{"product-commutes", "x·y = y·x, (x·y)·z = x·(y·z)", "Mirage"},
	{"distribution", "x·(y + z) = x·y + x·z", "Mirage"},
	{"quotient-sum", "x/z + y/z = (x + y)/z", "Mirage"},
	{"quotient-product", "x·(y/z) = (x·y)/z", "Mirage"},
	{"quotient-quotient", "(x/y)/z = x/(y·z)", "Mirage"},
	{"double-quotient", "x/(y/z) = (x·z)/y", "beyond: inverting a monomial exchanges its halves"},
	{"common-factor", "1/(x·y + x·z) = (1/x)·(1/(y + z))", "beyond: the common monomial of a denominator is taken out"},
	{"sum-linear", "Σ_k(x + y) = Σ_k x + Σ_k y", "Mirage"},
	{"sum-factor", "Σ_k(x·y) = Σ_k(x)·y", "Mirage; whatever the axes of y"},
	{"sum-idle", "Σ_k x = x where x lacks k", "Mirage's sum(1, x) = x"},
	{"sum-factorisation", "Σ_{j,k} x = Σ_j Σ_k x", "Mirage's sum(i, sum(j, x)); here over any factorisation, since parts of an axis are axes"},
	{"mean-is-sum", "mean_k x = Σ_k x", "beyond: the factor 1/n is a constant of the axis"},
	{"exp-sum", "exp(x)·exp(y) = exp(x + y)", "Mirage"},
	{"exp-difference", "exp(x)·exp(-y) = exp(x - y)", "beyond"},
	{"exp-inverse", "1/exp(x) = exp(-x)", "beyond; not for a summed exp, whose exponent stays in the denominator"},
	{"sign", "(-1)·(-1) = 1, -(x + y) = -x - y, x·(-y) = -(x·y)", "beyond: minus one is an atom whose square is 1"},
	{"unit", "1·x = x, (-1)·x = -x", "beyond: of all constants, these two"},
	{"max-nested", "max_j max_k x = max_{j,k} x", "beyond"},
	{"max-idle", "max_k x = x where x lacks k", "beyond"},
	{"maximum-commutes", "maximum(x, y) = maximum(y, x)", "beyond"},
	{"rsqrt", "rsqrt(x) = 1/sqrt(x)", "beyond: one form for both spellings"},
	{"reciprocal", "reciprocal(x) = 1/x", "beyond: one form for both spellings"},
	{"square-even", "square(-x) = square(x)", "beyond: a distance has one form whichever end it begins at"},
}
