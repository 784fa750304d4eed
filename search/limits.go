package search

// limits are where the search stops looking: all that could make a result depend on them stands here. What they cost is
// in BOUNDS.md.
type limits struct {
	operators   int // of a program, or of a window, that is explored as a whole
	values      int // of a closure; 0: algebra's own limit
	tests       int // of a closure; 0: algebra's own limit
	variants    int // algebraic forms that are scheduled
	finalists   int // variants that are partitioned, and of which several tilings are taken on
	tilings     int // of each
	windows     int // looked at again, those that take most of the time: more are found in programs of hundreds of operators alone
	windowTerms int // products of monomials in the closures of all windows together: some seconds' worth
	// slack is how far above the best plan a variant's plan may lie to be taken on: within it the model
	// cannot be trusted to choose.
	slack float64
}

// usual is what Optimize works with.
var usual = limits{operators: 20, variants: 24, finalists: 3, tilings: 4, windows: 64, windowTerms: 4_000_000, slack: 1.05}

// round is how many variants are scheduled at a time, whatever the number of cores.
const round = 4

// tieRatio is within which predicted times are equal, and fewer kernels the better bet.
const tieRatio = 1.01
