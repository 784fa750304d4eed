package search

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/verify"
)

// Step is one law on the way from a program to a μGraph that was found for it.
type Step struct {
	Law   string        // of algebra.Axioms or algebra.Laws, or one of those below
	Words string        // the law
	Text  string        // what it did here
	Graph *ugraph.Graph // all of it after the step

	// What Replay says of the step and the one before it.
	Verified bool
	Against  int    // the step that it was verified against, from 1; 0: the program
	Reason   string // why it is not verified; "" where it is
}

// The laws of the steps after the algebra's.
const (
	LawPrimitives = "primitives"
	LawCut        = "cut"
	LawWindow     = "cut, second look"
	LawLoop       = "loop law"
	LawSchedule   = "schedule"
	LawRecalled   = "search"
)

var lawWords = map[string]string{
	LawPrimitives: "composite operators are written out, over named axes",
	LawCut:        "operators that one kernel can hold become one kernel",
	LawWindow:     "operators that one kernel can hold become one kernel, and groups of them are rewritten by the algebra once more",
	LawLoop:       "a kernel whose reductions over an axis separate, Σ g(r)·h(x) = g(r)·Σ h(x), runs over the axis in one loop",
	LawSchedule:   "blocks take tiles of the axes that nothing reduces, and trips tiles of the loop's",
	LawRecalled:   "all laws at once: the search, as it is now, does not propose this graph, so that its way to it is not known",
}

func lawText(law string) string {
	if w := lawWords[law]; w != "" {
		return w
	}
	return algebra.LawText(law)
}

// Explain leads from a program to the μGraph that the search chose for it, a law at a time. The search is run again
// up to its candidates, which takes as long as it takes without verifying and measuring; a graph that is not among
// them is explained in one step. Nothing is claimed of a step before Replay.
func Explain(ctx context.Context, program, graph *ugraph.Graph, row target.Row, opt Options) ([]Step, error) {
	if ugraph.Equal(program, graph) {
		return nil, nil
	}
	s, err := newState(program, row, opt)
	if err != nil {
		return nil, err
	}
	cs, err := s.proposed(ctx)
	if err != nil {
		return nil, err
	}
	h := ugraph.Hash(graph)
	for _, c := range cs {
		if ugraph.Hash(c.graph) == h {
			return c.steps(program)
		}
	}
	return []Step{{Law: LawRecalled, Words: lawText(LawRecalled), Graph: graph}}, nil
}

// newState is a search that only proposes.
func newState(program *ugraph.Graph, row target.Row, opt Options) (*state, error) {
	if err := ugraph.Validate(program); err != nil {
		return nil, err
	}
	envs := Sizes(program, opt.Dims)
	opt.fill()
	return &state{r: &Result{Program: program, Row: row, Env: envs[0]}, opt: opt, row: row, envs: envs, spare: opt.spare()}, nil
}

// proposed are the candidates of the program and, where those are of other forms alone, of its form as written.
func (s *state) proposed(ctx context.Context) ([]candidate, error) {
	primitive, err := library.Expand(s.r.Program)
	if err != nil {
		return nil, err
	}
	cs, err := s.candidates(ctx, primitive)
	if err != nil || slices.ContainsFunc(cs, func(c candidate) bool { return c.derivation == asWritten }) {
		return cs, err
	}
	s.plain = true
	plain, err := s.candidates(ctx, primitive)
	s.plain = false
	return append(cs, plain...), err
}

// Explain is Explain for the result's best, which the search has just found.
func (r *Result) Explain(ctx context.Context, opt Options) ([]Step, error) {
	c := candidate{graph: r.Best.Graph, origin: r.Best.origin}
	if r.Best == r.Baseline || c.plan == nil && c.segments == nil {
		return Explain(ctx, r.Program, r.Best.Graph, r.Row, opt)
	}
	return c.steps(r.Program)
}

// steps lead from the program to the candidate.
func (c *candidate) steps(program *ugraph.Graph) ([]Step, error) {
	primitive, err := library.Expand(program)
	if err != nil {
		return nil, err
	}
	out := &trace{last: ugraph.Hash(program)}
	if c.segments != nil {
		return out.steps, out.segments(c)
	}
	out.add(Step{Law: LawPrimitives, Text: fmt.Sprintf("%d operators", len(primitive.Nodes)), Graph: primitive})
	return out.steps, out.lifted(&c.origin, c.graph, func(g *ugraph.Graph) (*ugraph.Graph, error) { return g, nil })
}

// trace collects steps, and leaves out those that change nothing.
type trace struct {
	steps []Step
	last  string // hash of the last graph
}

func (s *trace) add(x Step) {
	if h := ugraph.Hash(x.Graph); h != s.last {
		x.Words = lawText(x.Law)
		s.steps, s.last = append(s.steps, x), h
	}
}

// lifted adds the steps from a lifted program to a μGraph of it. whole makes the graph of the program of what is one of a part.
func (s *trace) lifted(o *origin, graph *ugraph.Graph, whole func(*ugraph.Graph) (*ugraph.Graph, error)) error {
	add := func(law, text string, g *ugraph.Graph, err error) error {
		if err == nil {
			g, err = whole(g)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", law, err)
		}
		s.add(Step{Law: law, Text: text, Graph: g})
		return nil
	}
	ofDAG := func(law, text string, d *expr.DAG) error {
		g, err := expr.ToProgram(d)
		return add(law, text, g, err)
	}
	if err := ofDAG(LawPrimitives, fmt.Sprintf("%d axes", len(o.program.Axes)), o.program); err != nil {
		return err
	}
	path, err := algebra.Derive(o.program, o.plan.DAG)
	if err != nil { // the form is known all the same
		path = []algebra.Step{{Law: "equal-values", Text: err.Error(), DAG: o.plan.DAG}}
	}
	for _, p := range path {
		if err := ofDAG(p.Law, p.Text, p.DAG); err != nil {
			return err
		}
	}
	law := LawCut
	if slices.ContainsFunc(o.plan.Groups, func(g partition.Group) bool { return g.Nodes == nil }) {
		law = LawWindow
	}
	cut, looped, texts := plain(o.plan, o.pick)
	g, err := cut.Emit(nil)
	if err := add(law, fmt.Sprintf("%s: %s", count(len(cut.Groups), "kernel"), texts[0]), g, err); err != nil {
		return err
	}
	g, err = looped.Emit(nil)
	if err := add(LawLoop, texts[1], g, err); err != nil {
		return err
	}
	return add(LawSchedule, texts[2], graph, nil)
}

// plain are a plan's kernels without a loop, and with the loops of the choices picked, both in one block each; and what
// the cut, the loops and the tilings are.
func plain(p *partition.Plan, pick []int) (cut, looped *partition.Plan, texts [3]string) {
	a, b := *p, *p
	a.Groups, b.Groups = slices.Clone(p.Groups), slices.Clone(p.Groups)
	var parts [3][]string
	for i := range p.Groups {
		c := p.Groups[i].Choices[pick[i]]
		d := p.Groups[i].DAG
		var outs []string
		for _, o := range d.Outputs {
			outs = append(outs, o.Name)
		}
		parts[0] = append(parts[0], strings.Join(outs, ", "))
		a.Groups[i].Choices = []schedule.Choice{{Form: loop.Forms(d)[0]}}
		b.Groups[i].Choices = []schedule.Choice{{Form: c.Form, Tiling: loop.Tiling{LoopTile: c.Tiling.LoopTile}}}
		if c.Form.Loop >= 0 {
			parts[1] = append(parts[1], fmt.Sprintf("%s over %s%s", strings.Join(outs, ", "), c.Form.DAG.Axes[c.Form.Loop].Name, roles(c.Form)))
		}
		parts[2] = append(parts[2], strings.Join(outs, ", ")+tiling(&c))
	}
	for i := range parts {
		texts[i] = strings.Join(parts[i], "; ")
	}
	return &a, &b, texts
}

// roles are a form's accumulators in words.
func roles(f *loop.Form) string {
	var out []string
	for _, k := range []string{"sum", "max", "min", "rescaled", "moving"} {
		if n := f.Roles[k]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, k))
		}
	}
	if out == nil {
		return ""
	}
	return " (accumulators: " + strings.Join(out, ", ") + ")"
}

// tiling is a choice's tiling in words.
func tiling(c *schedule.Choice) string {
	axes := c.Form.DAG.Axes
	out := ""
	for _, g := range c.Tiling.Grid {
		out += fmt.Sprintf(" %s/%d", axes[g.Axis].Name, g.Tile)
	}
	if s := c.Tiling.Split; s != nil {
		out += fmt.Sprintf(" split %s/%d", axes[s.Axis].Name, s.Tile)
	}
	if c.Form.Loop >= 0 {
		out += fmt.Sprintf(" loop %s/%d", axes[c.Form.Loop].Name, c.Tiling.LoopTile)
	}
	if out == "" {
		return " in one block"
	}
	return out
}

// segments adds the steps of each part of a program that was cut at operators that stay as they are.
func (s *trace) segments(c *candidate) error {
	sg := c.origin.segments
	parts := make([]*ugraph.Graph, len(sg.segments))
	for i := range sg.segments {
		parts[i] = sg.segments[i].graph
	}
	g, err := sg.join(parts)
	if err != nil {
		return err
	}
	s.add(Step{Law: LawPrimitives, Text: "as they are stay " + strings.Join(sg.kept(), ", "), Graph: g})
	for i := range c.parts {
		p := &c.parts[i]
		err := s.lifted(&p.origin, p.graph, func(g *ugraph.Graph) (*ugraph.Graph, error) {
			parts[i] = g
			return sg.join(parts)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Replay verifies each step against the one before it, the first against the program. Where package verify has no
// reading for both of two fused graphs at once, a step is verified against the last one without kernels, and else against the
// program; one that is not decided so says why, and what follows it is compared with the last that was. It reports whether the last
// step is reached by verified ones.
func Replay(ctx context.Context, program *ugraph.Graph, steps []Step, opt verify.Options) (bool, error) {
	was, unfused := -1, -1 // -1: the program
	graph := func(i int) *ugraph.Graph {
		if i < 0 {
			return program
		}
		return steps[i].Graph
	}
	for i := range steps {
		s := &steps[i]
		for k, from := range []int{was, unfused, -1} {
			if k > 0 && from == was || k > 1 && from == unfused {
				continue
			}
			r, err := verify.Equal(ctx, graph(from), s.Graph, opt)
			if err != nil {
				return false, fmt.Errorf("step %d (%s): %w", i+1, s.Law, err)
			}
			if s.Verified, s.Against = r.Equal, from+1; r.Equal {
				s.Reason = ""
				was = i
				if s.Graph.IsProgram() {
					unfused = i
				}
				break
			}
			if s.Reason == "" || r.Witness != nil {
				s.Reason = r.Reason
			}
			if r.Witness != nil {
				break
			}
		}
	}
	return len(steps) == 0 || steps[len(steps)-1].Verified, nil
}
