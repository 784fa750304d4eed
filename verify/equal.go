package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// Options of a verification.
type Options struct {
	ErrorLog2  float64 // log2 of the error that is allowed; 0: −64
	Seed       uint64
	StrictNaN  bool // where A is undefined, B must be
	Candidates int  // candidates verified in this run, for the union bound; 0: 1

	Memo *Memo // verdicts on pieces that are shared with other calls; nil: none are
}

// Result is the answer of Equal, as JSON the object of `morgana verify`.
type Result struct {
	Equal     bool       `json:"equal"`
	Matched   string     `json:"matched"` // name or position
	ErrorLog2 float64    `json:"error_log2"`
	Tests     int        `json:"tests"`
	Seed      uint64     `json:"seed"`
	Reason    string     `json:"reason"`
	Model     string     `json:"model,omitempty"`
	Checks    []string   `json:"checks,omitempty"`  // what was checked, in plain words
	Sampled   string     `json:"sampled,omitempty"` // how many output entries were compared, where that is not all and no proof covers the others
	Witness   *Witness   `json:"witness,omitempty"`
	Stability *Stability `json:"stability,omitempty"`
}

// Witness is one entry of an output in which the graphs differ.
type Witness struct {
	Output string `json:"output"`
	Index  []int  `json:"index"`
	A      any    `json:"a"`
	B      any    `json:"b"`
}

// InterfaceError reports that inputs or outputs of two graphs do not correspond.
type InterfaceError struct{ A, B string }

func (e *InterfaceError) Error() string {
	return fmt.Sprintf("the interfaces do not match, neither by name nor by position: %s and %s", e.A, e.B)
}

func interfaceOf(g *ugraph.Graph) string {
	var in, out []string
	for _, i := range g.Inputs {
		v := g.Value(i.Value)
		in = append(in, fmt.Sprintf("%s: %s", v.Name, v.Type))
	}
	for _, o := range g.Outputs {
		out = append(out, fmt.Sprintf("%s: %s", o.Name, g.Value(o.Value).Type))
	}
	return fmt.Sprintf("%s(%s) -> (%s)", g.Name, strings.Join(in, ", "), strings.Join(out, ", "))
}

// matching maps inputs and outputs of b to those of a.
type matching struct {
	by      string
	inputs  []int // input of b → input of a
	outputs []int // output of a → output of b
}

// match pairs inputs and outputs by name where the sets of names agree, else by position where
// shapes and element types do.
func match(a, b *ugraph.Graph) (*matching, error) {
	bad := &InterfaceError{interfaceOf(a), interfaceOf(b)}
	if len(a.Inputs) != len(b.Inputs) || len(a.Outputs) != len(b.Outputs) {
		return nil, bad
	}
	m := &matching{by: "name"}
	byName := true
	for _, in := range b.Inputs {
		i := a.InputByName(b.Value(in.Value).Name)
		byName = byName && i >= 0
		m.inputs = append(m.inputs, i)
	}
	for _, o := range a.Outputs {
		i := b.OutputByName(o.Name)
		byName = byName && i >= 0
		m.outputs = append(m.outputs, i)
	}
	if byName {
		if err := m.types(a, b); err != nil {
			return nil, bad
		}
		return m, nil
	}
	m = &matching{by: "position"}
	for i := range b.Inputs {
		m.inputs = append(m.inputs, i)
	}
	for i := range a.Outputs {
		m.outputs = append(m.outputs, i)
	}
	if err := m.types(a, b); err != nil {
		return nil, bad
	}
	return m, nil
}

func (m *matching) types(a, b *ugraph.Graph) error {
	used := map[int]bool{}
	for j, i := range m.inputs {
		ta, tb := a.Value(a.Inputs[i].Value).Type, b.Value(b.Inputs[j].Value).Type
		if used[i] || ta.DType != tb.DType || !ugraph.SameShape(ta.Shape, tb.Shape) {
			return fmt.Errorf("input %d", j)
		}
		used[i] = true
	}
	for i, j := range m.outputs {
		ta, tb := a.Value(a.Outputs[i].Value).Type, b.Value(b.Outputs[j].Value).Type
		if ta.DType != tb.DType || !ugraph.SameShape(ta.Shape, tb.Shape) {
			return fmt.Errorf("output %d", i)
		}
	}
	return nil
}

// Equal decides whether graphs a (the program) and b (the candidate) compute the same outputs in
// exact arithmetic. A pair outside the theory is not equal, with that reason. The error is not nil
// only where the interfaces do not correspond (*InterfaceError), a graph breaks a rule of legality
// or the context is done.
func Equal(ctx context.Context, a, b *ugraph.Graph, opt Options) (*Result, error) {
	if opt.ErrorLog2 == 0 {
		opt.ErrorLog2 = -64
	}
	for _, g := range []*ugraph.Graph{a, b} {
		if g.Level != ugraph.KernelLevel {
			return nil, fmt.Errorf("%s is a %s graph: only whole programs and μGraphs are verified", g.Name, g.Level)
		}
		if err := ugraph.Validate(g); err != nil {
			return nil, err
		}
	}
	m, err := match(a, b)
	if err != nil {
		return nil, err
	}
	if why := undefinedSizes(a, b); why != "" {
		return &Result{Matched: m.by, Seed: opt.Seed, Reason: why}, nil
	}
	c := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: ctx, a: a, b: b, m: m, opt: opt, res: &Result{Matched: m.by, Seed: opt.Seed}}
	if why := c.leavesRange(); why != "" {
		c.res.Reason = why
		return c.res, nil
	}
	if ok, err := c.masksApart(); ok || err != nil {
		return c.res, err
	}
	if err := c.answer(); err != nil {
		return nil, err
	}
	return c.res, nil
}

// check is one run of Equal.
type check struct {
	ctx   context.Context
	a, b  *ugraph.Graph
	m     *matching
	opt   Options
	res   *Result
	key   field.Key
	env   ugraph.Env
	comps int // components that the graphs' nested exponentials need; 0: not known yet

	assignment    int                       // of boolean and integer inputs, for error bounds; −1: that of the test
	sawDefined    map[int]bool              // outputs that were defined somewhere in some test
	test          int                       // the test that is drawn
	exhaustive    map[int]bool              // inputs of 8 bits of which each test draws the next value
	opaque        *opaqueInts               // integer operators that are opaque functions; nil: integers are exhausted
	limit         int                       // of entries and terms of an evaluation of places; 0: maxDemand
	work          int                       // entries and terms of all evaluations so far
	demand        int                       // entries and terms that the last evaluation of places asked for
	scale         map[[2]int32]field.Factor // factors between conditions of both graphs, as the first test found them
	sparseTerms   int                       // exponential monomials that bound 3.1 has made
	partialBlocks bool                      // not all blocks that write one place were compared
	piece         bool                      // of a composed proof: no difference needs to be shown, and no sample proves it
	guess         bool                      // of a claim that need not hold: one reading in which it does not is enough
	looked        *[2][]lookup              // the lookups of both graphs; nil: not listed yet
}

func (c *check) note(format string, args ...any) {
	c.res.Checks = append(c.res.Checks, fmt.Sprintf(format, args...))
}

// streamKey is the key of all randomness of this verification: program, candidate and seed.
func (c *check) streamKey() field.Key {
	text := fmt.Sprintf("morgana verify 1\n%s\n%s\n%d\n", ugraph.Hash(c.a), ugraph.Hash(c.b), c.opt.Seed)
	return field.NewKey(sha256.Sum256([]byte(text)))
}

// mismatch is a definite difference.
type mismatch struct {
	w      Witness
	what   string
	final  bool // no other model can accept
	proof  bool // whatever the model does not know of the operators, the graphs differ
	tagged bool // one of the values is an infinity, or undefined
}

func (m *mismatch) Error() string { return m.what }

// analyse joins the axes of both graphs.
func (c *check) analyse() *sizing {
	s := newSizing()
	s.casts = map[*ugraph.Node]bool{}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		castsOfData(g, nil, s.casts)
		_, used := computesWithIndices(g, nil)
		s.indices = s.indices || used
	}
	s.add(c.a)
	s.add(c.b)
	for j, i := range c.m.inputs {
		s.same(c.a, c.a.Inputs[i].Value, c.b, c.b.Inputs[j].Value)
	}
	for i, j := range c.m.outputs {
		s.same(c.a, c.a.Outputs[i].Value, c.b, c.b.Outputs[j].Value)
	}
	s.sameDivisions()
	return s
}

// realEnv binds every symbol of both graphs to a legal size.
func (c *check) realEnv() ugraph.Env {
	env := ugraph.Env{}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		for _, s := range g.Symbols {
			if _, ok := env[s.Name]; !ok {
				env[s.Name] = s.At(min(s.Hi, 12))
			}
		}
	}
	return env
}

// evaluation is one draw: both graphs on the same inputs.
type evaluation struct {
	space  *field.Space
	outA   []*tensor[field.Value]
	outB   []*tensor[field.Value]
	places [][]int // see setting
	undef  int
	redraw int
	model  field.Model
	met    map[[2]int32]bool // sets of conditions of the program that imply the candidate's
}

// maxRedraws bounds the draws of one test.
const maxRedraws = 64

// setting is how the graphs are read in a run of tests.
type setting struct {
	model    field.Model
	roots    field.Roots
	levels   uint64 // model H: ranks
	weighted bool
	induct   bool
	lenient  bool
	symbols  bool // literals that are no short fractions are variables
	weak     bool // the error of a test is bounded by 3.1
	cycle    int  // chains of primes that the tests take in turn; 0: each its own
	at       int  // of these, that of an analysis
	comps    int
	places   [][]int // the real size: per output of the program, the entries to evaluate; nil: all of an instance
}

// draw evaluates both graphs once on fresh inputs, redrawing where the draw cannot be used.
func (c *check) draw(in *instance, st setting, test int) (*evaluation, error) {
	limit := maxRedraws
	if st.roots == field.AlgebraicRoots || st.model == field.Q {
		// A draw succeeds with probability 2^-N for N square classes that must hold (theory: up to 12). The
		// work that may go into it is bounded too: a large instance has many of them, and no draw succeeds.
		limit = 1 << 13
		if n, err := c.inputElements(in); err == nil {
			limit = max(maxRedraws, min(limit, redrawWork/max(n, 1)))
		}
	}
	c.test = test
	for try := 0; ; try++ {
		key := c.key.Derive(uint64(test), uint64(try))
		chain := c.chain(test, try, st.comps)
		if st.cycle > 0 {
			chain = c.chain(test%st.cycle, 0, st.comps)
		}
		sp := field.NewSpace(chain, st.comps, key, st.model, st.roots)
		sp.OrderLevels, sp.Symbols, sp.Domains = max(1, st.levels), st.symbols, true
		ev, err := evaluateBoth[field.Value](c, fieldAlgebra{sp}, in, st, &fieldSource{s: sp})
		if err == nil && st.induct {
			err = c.induction(sp, ev, in, st)
		}
		var re *field.Redraw
		if errors.As(err, &re) && try < limit {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &evaluation{space: sp, outA: ev.outA, outB: ev.outB, places: st.places, redraw: try, model: st.model}, nil
	}
}

// redrawWork bounds the input entries that the redraws of one test draw.
const redrawWork = 1 << 20

// maxInstance bounds the input entries of one evaluation of all entries, maxWork the entries and terms
// of all evaluations of a pair: what needs more is undecided.
const (
	maxInstance = 1 << 18
	maxWork     = 1 << 26
)

// inputElements is the number of input entries of an instance.
func (c *check) inputElements(in *instance) (int, error) {
	total := 0
	for i := range c.a.Inputs {
		v := c.a.Inputs[i].Value
		n := 1
		for ax := range c.a.Value(v).Shape {
			e, _, err := in.extent(c.a, v, ax)
			if err != nil {
				return 0, err
			}
			n *= e
		}
		total += n
	}
	return total, nil
}

// definedOutputs reports an output that was undefined in every test.
func (c *check) definedOutputs() error {
	for i, o := range c.a.Outputs {
		if !c.sawDefined[i] {
			return &errUndecided{"output " + o.Name + " is undefined everywhere in the program"}
		}
	}
	return nil
}

// source draws inputs of an algebra.
type source[V any] interface {
	input(name string, index int) V
	word(name string, index int) uint64
}

// fieldSource draws from a space.
type fieldSource struct {
	s    *field.Space
	keys map[string]*field.Key // streams in use
}

func (f *fieldSource) stream(name string) *field.Key {
	k, ok := f.keys[name]
	if !ok {
		own := f.s.Stream(name)
		k = &own
		if f.keys == nil {
			f.keys = map[string]*field.Key{}
		}
		f.keys[name] = k
	}
	return k
}

func (f *fieldSource) input(name string, index int) field.Value {
	return f.s.Input(f.stream(name), uint64(index))
}

func (f *fieldSource) word(name string, index int) uint64 {
	return f.stream(name).Word(uint64(index), 1)
}

type pairOf[V any] struct {
	outA, outB []*tensor[V]
	accA, accB map[*ugraph.Graph][]*tensor[V] // accumulators of all blocks
	tripA      map[*ugraph.Graph][]*tensor[V] // outputs that trips store
	tripB      map[*ugraph.Graph][]*tensor[V]
}

// evaluateBoth runs both graphs on one draw of inputs and weights.
func evaluateBoth[V any](c *check, alg algebra[V], in *instance, st setting, src source[V]) (*pairOf[V], error) {
	if st.places != nil {
		return evaluatePlaces(c, alg, in, st.places, src)
	}
	if n, err := c.inputElements(in); err != nil || n > maxInstance || c.work > maxWork {
		return nil, first(err, &errTooLarge{})
	}
	e := &engine[V]{alg: alg, inst: in, ctx: c.ctx, accums: map[*ugraph.Graph][]*tensor[V]{}, trips: map[*ugraph.Graph][]*tensor[V]{}}
	e.lenient, e.opaque, e.word = st.lenient, c.opaque, src.word
	if st.weighted {
		e.weights = drawWeights(alg, in, src, st.lenient, c.env)
	}
	inputs := make([]*tensor[V], len(c.a.Inputs))
	for i := range inputs {
		t, err := drawInput(c, e, i, src)
		if err != nil {
			return nil, err
		}
		inputs[i] = t
	}
	side(alg, 0)
	outA, err := e.run(c.a, inputs)
	if err == nil {
		err = alg.err()
	}
	if err != nil {
		return nil, &inProgram{err}
	}
	c.work += e.steps
	accA, tripA := e.accums, e.trips
	e.accums, e.trips = map[*ugraph.Graph][]*tensor[V]{}, map[*ugraph.Graph][]*tensor[V]{}
	e.steps = 0
	bIn := make([]*tensor[V], len(inputs))
	for j, i := range c.m.inputs {
		bIn[j] = inputs[i]
	}
	side(alg, 1)
	outB, err := e.run(c.b, bIn)
	if err == nil {
		err = alg.err()
	}
	if err != nil {
		return nil, err
	}
	c.work += e.steps
	return &pairOf[V]{outA, outB, accA, e.accums, tripA, e.trips}, nil
}

// inProgram marks an error that the program itself has.
type inProgram struct{ err error }

func (e *inProgram) Error() string { return "the program: " + e.err.Error() }
func (e *inProgram) Unwrap() error { return e.err }

// compare looks for an entry in which the outputs differ. Where the program is undefined nothing
// is required (theory 1.6), unless everything is.
func (c *check) compare(ev *evaluation) (*mismatch, error) {
	for i, a := range ev.outA {
		b := ev.outB[c.m.outputs[i]]
		if len(a.shape) != len(b.shape) || elements(a.shape) != elements(b.shape) {
			return nil, errShape
		}
		for _, x := range append(append([]axis(nil), a.axes...), b.axes...) {
			if x.part {
				return nil, &errUnweighted{"an output holds partial sums"}
			}
		}
		defined := 0
		for k := range elements(a.shape) {
			var wa, wb any
			switch {
			case a.i != nil:
				defined++
				if a.i[k] == b.i[k] {
					if err := c.defined(ev, i, k, 0, 0); err != nil { // what was compared, cast or found
						return nil, err
					}
					continue
				}
				wa, wb = a.i[k], b.i[k]
			case a.f[k].Kind == field.Undef && !c.opt.StrictNaN:
				ev.undef++
				continue
			default:
				defined++
				x, y := a.f[k], b.f[k]
				if x.Kind != y.Kind && (x.Kind == field.LogOf || y.Kind == field.LogOf) && !x.IsTag() && !y.IsTag() {
					x, y = ev.space.Exp(x), ev.space.Exp(y)
				}
				if x.Same(y) {
					if err := c.defined(ev, i, k, x.Domain, y.Domain); err != nil {
						return nil, err
					}
					continue
				}
				if x.Mask&y.Mask == 0 && !x.IsTag() && !y.IsTag() {
					return nil, &errUndecided{"the outputs share no component of the chain"}
				}
				wa, wb = ev.space.Format(a.f[k]), ev.space.Format(b.f[k])
			}
			idx := index(k, a.shape)
			if ev.places != nil {
				idx = index(ev.places[i][k], c.realShape(c.a, c.a.Outputs[i].Value))
			}
			name := c.a.Outputs[i].Name
			m := &mismatch{w: Witness{name, idx, wa, wb}, what: fmt.Sprintf("output %s differs at %v", name, idx), proof: !ev.space.Lossy}
			if a.f != nil {
				m.tagged = a.f[k].IsTag() || b.f[k].IsTag()
			}
			return m, nil
		}
		c.sawDefined[i] = c.sawDefined[i] || defined > 0
		if defined == 0 && !c.hasLabels() { // else some assignment may mask everything
			return nil, &errUndecided{"output " + c.a.Outputs[i].Name + " is undefined everywhere in the program"}
		}
	}
	return nil, nil
}

func hashText(s string) string {
	h := sha256.Sum256([]byte(s))
	return string(h[:12])
}
