package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// maxTrials bounds the claims that one composed proof may try: the probability that a wrong one passes is
// counted for each.
const maxTrials = 1 << 10

// composition is a proof piece by piece (theory 1.8).
type composition struct {
	ctx    context.Context
	opt    Options
	memo   *Memo
	n      *numbering
	cut    cut
	a, b   *numbered
	of     map[ugraph.ValueID]layout // output of the candidate → the program's value that it has to be
	trials int
	pieces []string // what was proved, in words
	tests  int
	err    float64 // log2 of the greatest error of a piece
	model  string
	failed string // the last claim that an output needed and that was not proved
}

// large is the number of operators of the program from which on it is compared piece by piece first: a whole
// that is undecided takes longer than its pieces.
const large = 16

// answer fills in the result: the graphs are one by their operators, or equal as a whole, or piece by piece. Only the
// whole shows that they are not equal, since a cut forgets what is known of its entries.
func (c *check) answer() error {
	if c.congruent() {
		c.res.Equal, c.res.ErrorLog2 = true, c.opt.ErrorLog2
		c.note("the outputs are the same operators on the same inputs")
		return nil
	}
	pieces := computing(c.b) > 1 && !c.opt.StrictNaN
	why := ""
	var err error
	early := pieces && (computing(c.a) >= large || crowded(c.a))
	if early {
		if why, err = c.compose(); err != nil || c.res.Equal {
			return err
		}
	}
	if err := c.decide(); err != nil || c.res.Equal || c.res.Witness != nil || !pieces {
		return err
	}
	if !early {
		if why, err = c.compose(); err != nil || c.res.Equal {
			return err
		}
	}
	c.res.Reason += "; " + why
	return nil
}

// crowded tells whether the whole of a program needs many tests or entries where a piece that ends before it needs few:
// results that depend on an order are tested for as many orders as there are, and sines of positions are evaluated entry by
// entry at the real size.
func crowded(g *ugraph.Graph) bool {
	return slices.ContainsFunc(g.Nodes, func(n ugraph.Node) bool {
		return n.Op.Info().Class == ugraph.Selection || n.Op == ugraph.OpRope || n.Op == ugraph.OpSin || n.Op == ugraph.OpCos
	})
}

// computing counts the operators and kernels of a graph that do more than move entries.
func computing(g *ugraph.Graph) int {
	n := 0
	for i := range g.Nodes {
		if c := g.Nodes[i].Op.Info().Class; c != ugraph.Movement && c != ugraph.Source {
			n++
		}
	}
	return n
}

// identity is 0 … n−1.
func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func newNumbering(inputs int) *numbering {
	return &numbering{inputs: inputs, nodes: map[string]int{}, proved: map[int]layout{}}
}

// congruent tells whether all outputs are the same operators on the same inputs.
func (c *check) congruent() bool {
	n := newNumbering(len(c.a.Inputs))
	a := n.number(c.a, identity(len(c.a.Inputs)), true)
	b := n.number(c.b, c.m.inputs, false)
	for i, o := range c.a.Outputs {
		if a.views[o.Value].key() != b.views[c.b.Outputs[c.m.outputs[i]].Value].key() {
			return false
		}
	}
	return true
}

// compose proves the outputs equal piece by piece and fills in the result. Otherwise it says why not.
func (c *check) compose() (string, error) {
	p := &composition{ctx: c.ctx, opt: c.opt, memo: c.opt.Memo, n: newNumbering(len(c.a.Inputs)), err: math.Inf(-1)}
	p.opt.ErrorLog2 -= math.Log2(maxTrials)
	p.opt.Candidates = max(1, p.opt.Candidates)
	if p.memo == nil {
		p.memo = &Memo{}
	}
	ga, err := p.expanded(c.a)
	if err != nil {
		return "", err
	}
	gb, err := p.expanded(c.b)
	if err != nil {
		return "", err
	}
	p.a = p.n.number(ga, identity(len(ga.Inputs)), true)
	p.cut = cut{n: p.n, without: map[int]bool{}, facts: make([]facts, len(p.n.classes))}
	for v, f := range factsOf(p.a) {
		for r := range p.n.classes {
			if p.n.classes[r].value == ugraph.ValueID(v) {
				p.cut.facts[r] = f
			}
		}
	}
	p.of = map[ugraph.ValueID]layout{}
	for i, o := range ga.Outputs {
		p.of[gb.Outputs[c.m.outputs[i]].Value] = p.a.views[o.Value]
	}
	p.b = &numbered{gb, make([]layout, len(gb.Values))}
	for k, in := range gb.Inputs {
		p.n.input(p.b, in.Value, c.m.inputs[k], false)
	}
	if err := p.walk(); err != nil {
		return "", err
	}
	for i, o := range ga.Outputs {
		of := gb.Outputs[c.m.outputs[i]].Value
		ok, err := p.output(of, p.a.views[o.Value])
		if err != nil {
			return "", err
		}
		if !ok {
			return fmt.Sprintf("piece by piece: output %s: %s", o.Name, p.failed), nil
		}
	}
	p.finish(c)
	return "", nil
}

// expanded replaces the composite operators of a program by their definitions, each of which is a piece to prove.
func (p *composition) expanded(g *ugraph.Graph) (*ugraph.Graph, error) {
	good := make(map[*ugraph.Node]bool)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op.Info().Class != ugraph.Composite {
			continue
		}
		types := g.ArgTypes(n)
		def, err := library.Define(n.Op, n.Attrs, types)
		if err != nil {
			continue // the operator stays as it is
		}
		b := ugraph.NewBuilder("piece")
		args := make([]ugraph.ValueID, len(types))
		for k, t := range types {
			args[k] = b.Input(def.Values[def.Inputs[k].Value].Name, t.DType, t.Shape)
		}
		b.Output("y", b.Op(n.Op, n.Attrs, args...))
		one, err := b.Graph()
		if err != nil {
			continue
		}
		one.Symbols, def.Symbols = g.Symbols, g.Symbols
		ok, err := p.prove(one, def, n.Op.String()+" by its definition", false)
		if err != nil {
			return nil, err
		}
		good[n] = ok
	}
	out, err := library.ExpandWhere(g, func(h *ugraph.Graph, n *ugraph.Node) bool { return good[n] })
	if err != nil {
		return g, nil
	}
	return out, nil
}

// walk numbers the candidate in its order and proves what it can of tensors that are no operator of the program
// on equal operands.
func (p *composition) walk() error {
	g := p.b.g
	live := liveValues(g)
	for i := range g.Nodes {
		p.n.node(p.b, i, false)
		for _, r := range g.Nodes[i].Results {
			v := p.b.views[r]
			if p.n.known(v) || !v.plain() || p.n.classes[v.root].free() || !live[r] {
				continue
			}
			if err := p.settle(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// liveValues tells which values an output depends on.
func liveValues(g *ugraph.Graph) []bool {
	live := make([]bool, len(g.Values))
	for _, o := range g.Outputs {
		live[o.Value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] }) {
			for _, a := range n.Args {
				live[a] = true
			}
		}
	}
	return live
}

// settle looks for a tensor of the program that a tensor of the candidate is a layout of.
func (p *composition) settle(of ugraph.ValueID) error {
	for _, claim := range p.claims(of) {
		if p.trials >= maxTrials {
			return nil
		}
		ok, err := p.claim(of, claim, true)
		if err != nil || ok {
			return err
		}
	}
	return nil
}

// claim tries to prove that a tensor of the candidate is a layout of one of the program.
func (p *composition) claim(of ugraph.ValueID, claim layout, guess bool) (bool, error) {
	ga, gb, err := p.cut.piece(p.a, p.b, of, claim)
	if err != nil {
		p.failed = err.Error()
		return false, nil
	}
	ok, err := p.prove(ga, gb, "", guess)
	if ok {
		v := p.b.views[of]
		if v.plain() && !p.n.known(v) {
			p.n.proved[v.root] = claim
		}
		p.b.views[of] = claim.reshaped(v.shape)
	}
	return ok, err
}

// output proves an output, and where it is not equal on what the pieces before it show, with fewer cuts.
func (p *composition) output(of ugraph.ValueID, want layout) (bool, error) {
	if p.b.views[of].key() == want.key() {
		return true, nil
	}
	defer func() { p.cut.without = map[int]bool{} }()
	for range maxWider {
		ok, err := p.claim(of, want, false)
		if err != nil || ok {
			return ok, err
		}
		wider := false
		for _, r := range p.cut.order { // without the cuts of the piece that did not pass
			if at := p.n.classes[r].value; p.a.g.Values[at].Node >= 0 && !p.cut.without[r] {
				p.cut.without[r], wider = true, true
			}
		}
		if !wider {
			return false, nil
		}
	}
	return false, nil
}

// maxWider bounds how often a piece is made larger.
const maxWider = 2

// prove decides a piece.
func (p *composition) prove(a, b *ugraph.Graph, what string, guess bool) (bool, error) {
	p.trials++
	r, err := p.memo.prove(p.ctx, a, b, p.opt, guess)
	if err != nil || !r.Equal {
		p.failed = r.Reason
		return false, err
	}
	p.tests += r.Tests
	p.err = max(p.err, r.ErrorLog2)
	if r.Model > p.model {
		p.model = r.Model
	}
	if what == "" {
		what = fmt.Sprintf("%d operators of the program and %d of the candidate", len(a.Nodes), len(b.Nodes))
	}
	p.pieces = append(p.pieces, what)
	return true, nil
}

// finish writes the result down.
func (p *composition) finish(c *check) {
	c.res.Equal, c.res.Reason, c.res.Witness = true, "", nil
	c.res.Model, c.res.Tests = p.model, p.tests
	c.res.Checks = nil
	c.note("piece by piece: %d pieces proved each for all values at its cuts, of %d claims", len(p.pieces), p.trials)
	for i, w := range p.pieces {
		c.note("piece %d: %s", i+1, w)
	}
	// A claim that was refuted might have passed, with the error that each is allowed.
	e := p.err
	if p.trials > len(p.pieces) {
		e = max(e, p.opt.ErrorLog2)
	}
	c.res.ErrorLog2 = e + math.Log2(float64(max(1, p.trials)))
	if len(p.pieces) == 0 {
		c.res.ErrorLog2 = c.opt.ErrorLog2
	}
}
