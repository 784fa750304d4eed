package verify

import (
	"errors"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// reading is one way to compare the graphs: a model of maxima and roots, and an instance.
type reading struct {
	model   field.Model
	roots   field.Roots
	symbols bool // literals that are no short fractions are variables: proved for all their values
	weak    bool // bound 3.1 instead of 3.2
}

func (r reading) String() string {
	text := fmt.Sprintf("model %s, %s roots", r.model, r.roots)
	if r.symbols {
		text += ", literals as variables"
	}
	if r.weak {
		text += ", bound 3.1"
	}
	return text
}

// readings are tried in this order; one that accepts decides (theory 1.5).
var readings = []reading{
	{model: field.S, roots: field.OpaqueRoots},
	{model: field.S, roots: field.OpaqueRoots, symbols: true},
	{model: field.S, roots: field.OpaqueRoots, weak: true},
	{model: field.S, roots: field.AlgebraicRoots},
	{model: field.H, roots: field.OpaqueRoots},
	{model: field.Q, roots: field.OpaqueRoots},
}

// objection is why no reading accepts.
type objection struct {
	miss    *mismatch  // a difference that was found, or nil
	domain  *errDomain // where the candidate is undefined, or nil
	reasons []string
}

// decide fills in the result. The error is not nil only where the context is done.
func (c *check) decide() error {
	why, err := c.read()
	if why == nil || err != nil {
		return err
	}
	c.res.Checks = nil
	c.res.ErrorLog2, c.res.Tests = 0, max(c.res.Tests, 1)
	c.refuse(why.miss, why.domain, why.reasons)
	return c.ctx.Err()
}

// read tries the readings. One that accepts fills in the result, and the objection is nil.
func (c *check) read() (*objection, error) {
	c.key = c.streamKey()
	c.env = c.realEnv()
	var firstMiss *mismatch
	var domain *errDomain
	var reasons []string
	longConstant, bound := false, true // bound: 3.2 was not void
	for _, r := range readings {
		if firstMiss != nil && firstMiss.final || !c.worthTrying(r, firstMiss, longConstant, bound) {
			continue
		}
		miss, err := c.try(r)
		if c.ctx.Err() != nil {
			return nil, c.ctx.Err()
		}
		switch {
		case err != nil:
			reasons = append(reasons, fmt.Sprintf("%s: %v", r, err))
			longConstant = longConstant || errors.Is(err, errLongConstant)
			errors.As(err, &domain)
			var un *errVoid
			bound = bound && !errors.As(err, &un)
		case miss == nil:
			c.res.Equal, c.res.Model = true, r.model.String()
			return nil, nil
		case r.symbols: // only proves: the literals' own values may make the graphs equal
			reasons = append(reasons, fmt.Sprintf("%s: they differ", r))
		case firstMiss == nil:
			firstMiss = miss
			c.res.Model = r.model.String()
		case miss.proof && !firstMiss.proof:
			firstMiss.proof = true // a model that knows more says so too
		}
		if c.piece && firstMiss != nil && (firstMiss.proof || c.guess) {
			break // of a claim that is wrong no more is asked
		}
	}
	return &objection{firstMiss, domain, reasons}, nil
}

// refuse says why the graphs are not accepted: not equal, with a witness, where that is certain, else
// undecided. A difference in the field is certain where no function, maximum or order stands in the way
// of which the field knows less than is true; otherwise real inputs must show it.
func (c *check) refuse(miss *mismatch, domain *errDomain, reasons []string) {
	var hint *Witness
	what := ""
	switch {
	case miss != nil:
		hint, what = &miss.w, miss.what
		if _, isInt := miss.w.A.(int64); isInt && miss.proof {
			c.res.Witness, c.res.Reason = hint, what
			return
		}
	case domain != nil:
		hint, what = &Witness{Output: domain.output, Index: domain.index}, domain.Error()
	}
	w, how := c.floatWitness(hint, domain != nil || miss != nil && miss.tagged)
	switch {
	case w != nil && what == "":
		c.res.Witness, c.res.Reason = w, fmt.Sprintf("output %s differs at %v in float64, %s", w.Output, w.Index, how)
	case w != nil:
		c.res.Witness, c.res.Reason = w, fmt.Sprintf("%s; the witness has values in float64, %s", what, how)
	case miss != nil && miss.proof:
		c.res.Witness, c.res.Reason = hint, what+" in the field; "+how
	case miss != nil:
		c.res.Reason = fmt.Sprintf("undecided: %s in the field, where maxima, orders, functions without laws or numbers of blocks are known by a part of their laws only; %s", what, how)
	default:
		c.res.Reason = "undecided: "
		for i, r := range reasons {
			if i > 0 {
				c.res.Reason += "; "
			}
			c.res.Reason += r
		}
		if domain != nil {
			c.res.Reason += "; " + how
		}
	}
}

// worthTrying tells whether a reading can differ from those already tried.
func (c *check) worthTrying(r reading, miss *mismatch, longConstant, bound bool) bool {
	switch {
	case r.weak:
		return miss == nil && !bound
	case r.symbols:
		return longConstant
	case r.model == field.S && r.roots == field.OpaqueRoots:
		return true
	case r.model != field.H && miss == nil:
		return false
	case r.model == field.Q:
		return c.comps == 1 && !c.hasLabels() && (uses(c.a, maxOps) || uses(c.b, maxOps))
	case r.roots == field.AlgebraicRoots:
		return uses(c.a, rootOps) || uses(c.b, rootOps)
	}
	return uses(c.a, orderOps) || uses(c.b, orderOps)
}

var (
	rootOps  = map[ugraph.Op]bool{ugraph.OpSqrt: true, ugraph.OpRsqrt: true, ugraph.OpPow: true, ugraph.OpRMSNorm: true, ugraph.OpLayerNorm: true, ugraph.OpAttention: true}
	orderOps = map[ugraph.Op]bool{ugraph.OpLess: true, ugraph.OpLessEqual: true, ugraph.OpEqual: true, ugraph.OpGreater: true, ugraph.OpGreaterEqual: true, ugraph.OpArgmax: true, ugraph.OpTopK: true, ugraph.OpCast: true}
)

// uses tells whether a graph has one of the operators.
func uses(g *ugraph.Graph, ops map[ugraph.Op]bool) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if ops[n.Op] || n.Body != nil && uses(n.Body, ops) {
			return true
		}
	}
	return false
}

func hasLoop(g *ugraph.Graph) bool {
	for i := range g.Nodes {
		if b := g.Nodes[i].Body; b != nil && (b.Loop != nil || hasLoop(b)) {
			return true
		}
	}
	return false
}

// try compares the graphs under one reading. A nil mismatch and a nil error accept.
func (c *check) try(r reading) (*mismatch, error) {
	var firstErr error
	var miss *mismatch
	for _, way := range c.ways() {
		if way.lenient && (miss != nil || c.piece) {
			break
		}
		var m *mismatch
		var err error
		if way.places {
			m, err = c.tryPlaces(r)
		} else {
			m, err = c.tryWay(r, way)
		}
		if c.ctx.Err() != nil {
			return nil, c.ctx.Err()
		}
		if err == nil && m == nil {
			return nil, nil
		}
		if m != nil {
			if way.definite || c.piece && !way.induct {
				return m, nil
			}
			if miss == nil {
				miss = m
				if way.lenient {
					miss.final, miss.proof = true, false
					miss.what += fmt.Sprintf(" on a small instance of repeated columns (there is no proof either: %v)", firstErr)
				}
			}
			continue
		}
		switch {
		case firstErr == nil:
			firstErr = err
		case way.places:
			firstErr = fmt.Errorf("%w; %s: %w", firstErr, way.name, err)
		}
		var need *field.NeedOrder
		var confl *errConflict
		if errors.As(err, &need) || errors.As(err, &confl) {
			return nil, err
		}
	}
	if miss != nil {
		return miss, nil
	}
	return nil, firstErr
}

// way is a kind of instance.
type way struct {
	name     string
	weighted bool
	trips    int
	real     bool
	induct   bool // the loops are proved by induction
	definite bool // a difference here is a difference of the graphs
	places   bool // entry by entry at the real size
	lenient  bool // only to show a difference where no proof exists
}

func (c *check) ways() []way {
	loops := hasLoop(c.a) || hasLoop(c.b)
	ws := []way{{name: "weighted axes", weighted: true, trips: 2, induct: loops}}
	if loops {
		ws = append(ws, way{name: "weighted axes, all trips", weighted: true})
	}
	return append(ws, way{name: "real size", real: true, definite: true},
		way{name: "entries of the real size", places: true, definite: true},
		way{name: "repeated columns", weighted: true, lenient: true, trips: 2})
}

// compareOn compares outputs of an instance. The weights of blocks that combine add up to no number of blocks, so what
// depends on that number may differ there alone.
func (c *check) compareOn(in *instance, ev *evaluation) (*mismatch, error) {
	m, err := c.compare(ev)
	if m != nil && len(in.blocks) > 0 {
		m.proof = false
	}
	return m, err
}

// levels is the number of ranks that model H draws from for n compared elements: n, which reaches each
// weak order with probability at least n^−n, and by that the tests are counted. What is compared depends on the
// order, where one comparison selects an operand of another: n is the most that some draws compare, and no test may
// compare more. If some order compared more, the tests would meet one that does: up to the comparison that brings the
// element after the n-th it is an order of n elements.
func (c *check) levels(n int) uint64 { return uint64(max(1, n)) }

// orderDraws is how often the compared elements are counted.
const orderDraws = 16

// maxRoots bounds the components of arguments of algebraic square roots: a draw is good with
// probability 2^-maxRoots.
const maxRoots = 11

// maxReal bounds the input entries of an evaluation at the real size.
const maxReal = 1 << 14

// tryWay compares the graphs on one kind of instance: with random integers, and where these show no
// difference and do not exhaust the inputs, with integer operators that are opaque.
func (c *check) tryWay(r reading, w way) (*mismatch, error) {
	m, err := c.tryInstance(r, w, false)
	var wide *errIntegers
	if m != nil || !errors.As(err, &wide) {
		return m, err
	}
	m, err = c.tryInstance(r, w, true)
	c.opaque = nil
	if m != nil {
		return nil, wide // equal operators would have agreed; others may be equal for all that is known
	}
	return nil, err
}

func (c *check) tryInstance(r reading, w way, opaque bool) (*mismatch, error) {
	c.exhaustive = nil
	s := c.analyse()
	need, over, single, free, err := c.needs(s)
	if err != nil && !w.real {
		return nil, err
	}
	c.sawDefined = map[int]bool{}
	if !w.weighted || !w.induct && w.trips == 0 || len(over) > 0 {
		// Induction makes the mask of columns complete; the columns of loops that are run by the number of
		// their trips are not exchangeable.
		s.masked = -1
	}
	pl := plan{trips: w.trips, blocks: 2, env: c.env, real: w.real, need: need, weigh: w.weighted}
	if w.lenient {
		pl.need, pl.loose = nil, true // nothing is proved here: the smallest sizes will do
	}
	solve := func(pl plan) (*instance, error) { return c.withRows(s, pl, free) }
	if w.lenient {
		solve = s.solve
	}
	in, err := solve(pl)
	if err != nil {
		return nil, err
	}
	if q := s.maskedAxis; s.masked >= 0 {
		if real, ok := s.number(q); ok && real <= in.size[s.find(q)] { // the columns have no weights
			if s.maskedBits = real; real > maxMaskBits {
				s.masked = -1
			}
		}
	}
	pl.single, pl.free = single, free
	small, err := solve(pl)
	if err != nil || !c.sameRows(in, small) {
		small = in // a bound for more positions holds for one, too
	}
	if opaque {
		if c.opaque, err = c.findOpaque(s.seenBy(small, free)); err != nil {
			return nil, err
		}
	}
	if w.real {
		n := 0
		for i := range c.a.Inputs {
			v := c.a.Inputs[i].Value
			k := 1
			for ax := range c.a.Value(v).Shape {
				d, _, _ := in.extent(c.a, v, ax)
				k *= d
			}
			n += k
		}
		if n > maxReal && (c.comps > 1 || n > 16*maxReal) {
			return nil, &errTooLarge{}
		}
	}
	st := setting{model: r.model, roots: r.roots, weighted: w.weighted, induct: w.induct, lenient: w.lenient, symbols: r.symbols, weak: r.weak, comps: max(1, c.comps)}
	if r.model == field.Q {
		st.cycle = squareChains
	}
	if c.comps == 0 && !w.lenient || r.roots == field.AlgebraicRoots || r.model != field.S {
		if err := c.depth(s, small, &st); err != nil {
			return nil, err
		}
	}
	c.scale = map[[2]int32]field.Factor{}
	ev, err := c.draw(in, st, 0)
	for w.lenient && st.comps < field.MaxComponents {
		// No analysis has told how deep exponentials nest.
		var un *field.Unsupported
		if !errors.As(err, &un) {
			break
		}
		st.comps++
		ev, err = c.draw(in, st, 0)
	}
	if err != nil {
		return nil, err
	}
	if m, err := c.compareOn(in, ev); m != nil || err != nil {
		return m, err
	}
	if w.lenient {
		return nil, &errUndecided{"no difference was found, but nothing is proved"}
	}
	if err := s.unproved(in, over); err != nil {
		return nil, err
	}
	labels, err := c.labelCells(s, small, free, s.masked >= 0)
	if err != nil {
		return nil, err
	}
	c.exhaustive = labels.exhaustive
	b, err := c.boundOfLabels(small, st)
	if err != nil {
		return nil, err
	}
	b.account(labels)
	tests, err := b.tests(c.opt)
	if err != nil {
		return nil, err
	}
	first, each := 1, tests
	if tests, err = labels.eachValue(tests); err != nil {
		return nil, err
	}
	if len(labels.exhaustive) > 0 {
		first = 0 // all values in turn, from the first test on
	}
	if labels.patterns*tests > maxTests {
		return nil, &errUndecided{fmt.Sprintf("%d tests would be needed of each of %d masks, more than %d of all", tests, labels.patterns, maxTests)}
	}
	if labels.patterns > 0 { // so many tests for each pattern
		first, tests = 0, tests*labels.patterns
		defer func() { c.assignment = -1 }()
	}
	instances := []*instance{in}
	switch {
	case r.model == field.H:
		// The smaller instance has what one output entry sees, of which the orders are counted.
		if first = 0; small != in {
			instances = []*instance{small, in}
		}
	case r.model == field.Q:
		// A draw is kept where all orders are transitive; the probability of given signs among such draws is
		// that of the smaller instance, for which the bound counts all that is compared.
		first, instances = 0, []*instance{small, in}
	}
	for t := first; t < tests; t++ {
		if labels.patterns > 0 {
			c.assignment = t % labels.patterns
		}
		for _, one := range instances {
			if ev, err = c.draw(one, st, t); err != nil {
				return nil, err
			}
			if m, err := c.compareOn(one, ev); m != nil || err != nil {
				return m, err
			}
			if n := ev.space.Compared(); one == small && r.model == field.H && c.levels(n) > st.levels {
				return nil, &errUndecided{fmt.Sprintf("some orders compare more than the %d elements that the tests were counted for", st.levels)}
			}
		}
	}
	if err := c.definedOutputs(); err != nil {
		return nil, err
	}
	c.res.Tests = tests
	c.res.ErrorLog2 = b.after(each)
	if n := max(1, c.opt.Candidates); n > 1 {
		c.res.ErrorLog2 += math.Log2(float64(n))
	}
	c.record(s, in, w, r, b, ev)
	return nil, nil
}

// depth finds how deep exponentials nest, and what the model must order or take roots of. Where a mask hides columns
// it looks at some hidden ones, at none and at all: what is hidden shows nothing.
func (c *check) depth(s *sizing, in *instance, st *setting) error {
	assignments := []int{-1}
	if s.masked >= 0 {
		if assignments = []int{bothLabels, allOnes, 0}; s.maskedBits > 0 {
			assignments = []int{(s.columnPatterns() - 1) / 3, s.columnPatterns() - 1, 0}
		}
	}
	defer func() { c.assignment = -1 }()
	draws := 1
	if st.model == field.H {
		draws = orderDraws
	}
	st.levels = 1
	for i := 0; i < len(assignments)*draws; {
		c.assignment = assignments[i%len(assignments)]
		a, _, err := c.runAnalysis(in, *st, 0, -1, i/len(assignments), false, nil)
		var un *field.Unsupported
		if errors.As(err, &un) && st.comps < field.MaxComponents {
			st.comps++
			continue
		}
		if err != nil {
			return err
		}
		if n := a.s.RootCount(); st.roots == field.AlgebraicRoots && n*st.comps > maxRoots {
			return &errUndecided{fmt.Sprintf("%d square roots in one instance are too many to draw squares for", n)}
		}
		st.levels = max(st.levels, c.levels(a.s.Compared()))
		i++
	}
	c.comps = st.comps
	return nil
}

// Assignments of a mask of columns: in each half the columns have both labels, or all are 1.
const (
	bothLabels = 8
	allOnes    = 4
)
