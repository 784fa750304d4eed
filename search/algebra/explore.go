package algebra

import (
	"context"
	"fmt"

	"github.com/morgana-ml/morgana/search/expr"
)

// Options are the limits of Explore; the zero value means the defaults. All limits are counts, never
// times, so that the result does not depend on the machine.
type Options struct {
	MaxValues int // 5,000
	MaxTests  int // 1,000,000
	MaxTerms  int // 10,000,000: products of monomials in tests, which take the time where forms are large
	MaxDAGs   int // 256: programs returned

	// MaxElements are elements of values on the instances, of 16 bytes: 16,000,000. The forms and edges of so many
	// values take up less.
	MaxElements int

	Extra   int // operators that a result may have beyond the program's; 2; negative: none
	Forms   int // abstract expressions kept per value; 3
	Workers int // goroutines that evaluate; results do not depend on it; 1

	KeepUnstable bool // also programs whose exps have lost their maximum

	// For ablations and tests.
	MaxOperators  int     // of a derivation as a tree; 0: no limit
	Sizes         [][]int // axis sizes of the instances, repeated over the axes; {2}, {3}
	NoAbstraction bool    // every application is admitted
	NoMerge       bool    // every application is a value of its own
}

func (o Options) withDefaults() Options {
	or := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	or(&o.MaxValues, 5000)
	or(&o.MaxTests, 1_000_000)
	or(&o.MaxTerms, 10_000_000)
	or(&o.MaxDAGs, 256)
	or(&o.MaxElements, 16_000_000)
	or(&o.Extra, 2)
	or(&o.Forms, 3)
	or(&o.Workers, 1)
	o.Extra = max(o.Extra, 0)
	return o
}

func (o Options) sizes() [][]int {
	if o.Sizes == nil {
		return [][]int{{2}, {3}}
	}
	return o.Sizes
}

// Reasons why the closure ended.
const (
	StopFixpoint    = "fixpoint"
	StopValues      = "limit of values"
	StopTests       = "limit of tests"
	StopTerms       = "limit of terms"
	StopElements    = "limit of elements"
	StopWide        = "too many axes"
	StopInterrupted = "interrupted"
)

// Count is how often a rule applied.
type Count struct {
	Rule  string
	Count int
}

// Rows of Stats.Pruned.
const (
	pruneAbstract = iota
	pruneZero
	pruneFull
	pruneSize
	pruneUnstable
	pruneWide
)

// maxWalk is the most elements that the evaluation of one application may visit on an instance: 10 axes of 3.
const maxWalk = 1 << 16

// Stats counts what Explore did.
type Stats struct {
	Values int // distinct values
	Tests  int // abstraction tests
	Terms  int // products of monomials in them
	Evals  int // evaluations in the field
	Merged int // evaluations that met a value
	DAGs   int // programs extracted, before the limit on their number
	Pruned []Count
	Stop   string
}

// Candidate is a program equal to the one explored, as far as two instances in the field tell.
type Candidate struct {
	DAG *expr.DAG
	// Stable: no exp whose argument is unbounded where the program's is not (only with KeepUnstable are
	// there such), and no sum of non-negative terms computed as a difference. Reason says what is amiss.
	Stable bool
	Reason string
	// Derivation says what the candidate computes otherwise than the program, an assignment per entry (see
	// explain); empty for the program itself.
	Derivation []string
	Operators  int
}

// Result is what Explore found: the program first, the others by number of operators, then by cost.
type Result struct {
	DAGs  []Candidate
	Stats Stats
}

// Explore finds programs that are equal to d: closure over values, then extraction. When ctx ends it
// returns what it has, with Stats.Stop saying so. Errors are those of a DAG without outputs or with
// axes that it cannot evaluate.
func Explore(ctx context.Context, d *expr.DAG, opt Options) (*Result, error) {
	if len(d.Outputs) == 0 {
		return nil, fmt.Errorf("%s has no outputs to explore", d.Name)
	}
	opt = opt.withDefaults()
	r := &Result{Stats: Stats{Pruned: []Count{
		pruneAbstract: {Rule: "abstract expression"}, pruneZero: {Rule: "zero value"},
		pruneFull: {Rule: "limit of values"}, pruneSize: {Rule: "limit of operators"},
		pruneUnstable: {Rule: "exp without its maximum"}, pruneWide: {Rule: "too many axes to evaluate"}}}}
	for _, n := range d.Nodes {
		if !newClosure(d, opt, &r.Stats).walks(n.Axes | n.Over) {
			r.Stats.Stop = StopWide
			r.DAGs = []Candidate{{DAG: d, Stable: true, Operators: d.Operators()}}
			return r, nil
		}
	}
	program := d
	if s := Stabilise(d); s != nil {
		program = s
	}
	c := newClosure(program, opt, &r.Stats)
	c.seed(true)
	c.run(ctx)
	r.DAGs = c.extract(ctx, d, program)
	return r, nil
}
