package loop

import (
	"errors"
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// Step is one operation of a kernel on tiles over named axes. OpLoad loads the tile of an input (with
// Input ≥ 0) or of the index along the one axis in Axes; OpAccum, OpRunning and OpPrevious are as in
// block graphs; OpMatMul is the sum over Over of a product; the rest are as in package expr.
type Step struct {
	Op    ugraph.Op
	Args  []int        // earlier steps
	Over  expr.AxisSet // reduced in the tile; for an accumulator, the loop axis
	Axes  expr.AxisSet // of the result
	DType ugraph.DType // computed in: at least f32 for floats
	Attrs ugraph.Attrs
	Value ugraph.Number // of OpConst
	Input int           // of OpLoad; -1: an index
	Kind  string        // of OpAccum: sum, max or min
	Phase ugraph.Phase
}

// Form is one legal way to run a DAG as a single kernel: without a loop, or with a loop over one axis.
// It is what the cost model prices and what Emit writes out.
type Form struct {
	DAG     *expr.DAG // with nodes added by the law; axes, inputs and outputs are the program's
	Loop    int       // the loop's axis, or -1
	Steps   []Step
	Outputs []int // the step of each output of the DAG

	// Grid is the set of axes that grid dimensions may cut: those that nothing reduces.
	Grid expr.AxisSet
	// Whole is the set of axes that must lie whole in a tile: those reduced elsewhere than in the
	// loop, and those of an exotic operator.
	Whole expr.AxisSet
	// Split tells whether the loop axis may also be cut by a grid dimension, and Direct whether that
	// needs no second kernel because every output is a plain sum, maximum or minimum.
	Split, Direct bool
	// Roles counts the accumulators by kind: "sum", "max", "min", "rescaled", "moving".
	Roles map[string]int

	law  *law
	accs map[string]int // accKey -> step
}

// Refusal says why a loop over an axis is not legal.
type Refusal struct {
	Axis   int
	Reason string
	// Rank is the separation rank of the accumulator that was refused, of at most RankSamples: below
	// that a rule that the law lacks, or does not want, would give as many accumulators. 0 where the
	// reason is not an accumulator.
	Rank int
}

// RankSamples is the size of the matrix of evaluations behind Refusal.Rank.
const RankSamples = 8

// Forms returns the legal forms of d: first without a loop, then by loop axis in ascending order.
func Forms(d *expr.DAG) []*Form {
	fs, _ := forms(d, false)
	return fs
}

// FormsAndRefusals returns the legal forms of d, and for every other axis why a loop over it would
// need a second pass.
func FormsAndRefusals(d *expr.DAG) ([]*Form, []Refusal) { return forms(d, true) }

func forms(d *expr.DAG, oracle bool) ([]*Form, []Refusal) {
	d = contract(d)
	var out []*Form
	var no []Refusal
	for axis := -1; axis < len(d.Axes); axis++ {
		f, err := newForm(d, axis)
		switch {
		case err != nil && oracle:
			no = append(no, refusalOf(d, axis, err))
		case err != nil:
		case axis >= 0 && !f.cutByLoop():
			no = append(no, Refusal{Axis: axis, Reason: "no input carries the axis"})
		default:
			out = append(out, f)
		}
	}
	return out, no
}

func refusalOf(d *expr.DAG, axis int, err error) Refusal {
	r := Refusal{Axis: axis, Reason: err.Error()}
	var body *bodyError
	if errors.As(err, &body) && body.node < len(d.Nodes) {
		r.Rank = Rank(d, body.node, axis, RankSamples, 1)
	}
	return r
}

func (f *Form) cutByLoop() bool {
	for _, s := range f.Steps {
		if s.Op == ugraph.OpLoad && s.Input >= 0 && s.Axes.Has(f.Loop) {
			return true
		}
	}
	return false
}

// newForm makes the form of d with a loop over an axis (-1: none).
func newForm(d *expr.DAG, axis int) (*Form, error) {
	f := &Form{Loop: axis, law: newLaw(d, axis), Roles: map[string]int{}, accs: map[string]int{}}
	f.law.findMoving()
	d = f.law.d
	f.DAG = d
	p := &plan{f: f, l: f.law, memo: map[slot]int{}, accs: map[string]int{}}
	for i := range d.Outputs {
		o := &d.Outputs[i]
		o.Node = f.law.repeat(o.Node, o.Axes)
		if axis >= 0 && p.l.taint[o.Node] && d.Nodes[o.Node].Axes.Has(axis) {
			return nil, refuse("output %s carries the loop axis and depends on a reduction over it: a second pass", o.Name)
		}
		s, err := p.value(o.Node, final)
		if err != nil {
			return nil, err
		}
		if x := f.Steps[s]; x.Op == ugraph.OpCast && f.Steps[x.Args[0]].DType == o.DType {
			s = x.Args[0] // what was narrowed is stored as it is
		}
		f.Outputs = append(f.Outputs, s)
	}
	f.dropDead()
	f.finish()
	return f, nil
}

// dropDead removes the steps that no output needs.
func (f *Form) dropDead() {
	live := make([]bool, len(f.Steps))
	for _, o := range f.Outputs {
		live[o] = true
	}
	for i := len(f.Steps) - 1; i >= 0; i-- {
		for _, a := range f.Steps[i].Args {
			live[a] = live[a] || live[i]
		}
	}
	to := make([]int, len(f.Steps))
	kept := f.Steps[:0]
	for i, s := range f.Steps {
		to[i] = len(kept)
		if !live[i] {
			continue
		}
		for k, a := range s.Args {
			s.Args[k] = to[a]
		}
		kept = append(kept, s)
	}
	f.Steps = kept
	for i, o := range f.Outputs {
		f.Outputs[i] = to[o]
	}
	for key, i := range f.accs {
		f.accs[key] = to[i]
	}
}

// repeat gives a value the output's axes that it lacks.
func (l *law) repeat(v int, axes []int) int {
	for _, a := range axes {
		if n := l.d.Nodes[v]; !n.Axes.Has(a) && !l.d.Axes[a].Extent.Is(1) {
			dt := computeType(n.DType)
			v = l.op(ugraph.OpMul, dt, v, l.ones(a, dt))
		}
	}
	return v
}

// finish derives what the scheduler asks about the form.
func (f *Form) finish() {
	var seen, reduced expr.AxisSet
	for _, s := range f.Steps {
		seen |= s.Axes | s.Over
		if s.Op != ugraph.OpAccum {
			reduced |= s.Over
		}
	}
	f.Grid = seen &^ reduced
	f.Whole = reduced
	if f.Loop >= 0 {
		f.Whole &^= expr.Set(f.Loop)
		f.Split = reduced.Has(f.Loop)
		f.Direct = f.Split
		for i, o := range f.Outputs {
			s := f.Steps[o]
			f.Direct = f.Direct && s.Op == ugraph.OpAccum && len(s.Args) == 1 && f.DAG.Outputs[i].DType == s.DType
		}
		f.Split = f.Split && f.mergeable()
	}
}

// LastUse returns, for each step, the index of the last step that reads it (len(Steps) for outputs):
// the tiles that are live at step i are those of earlier steps whose last use is i or later.
func (f *Form) LastUse() []int {
	last := make([]int, len(f.Steps))
	for i, s := range f.Steps {
		last[i] = i
		for _, a := range s.Args {
			last[a] = i
		}
	}
	for _, o := range f.Outputs {
		last[o] = len(f.Steps)
	}
	return last
}

// String is the steps as text, for tests and dumps.
func (f *Form) String() string {
	var b strings.Builder
	names := func(s expr.AxisSet) string {
		var out []string
		for _, a := range s.List() {
			out = append(out, f.DAG.Axes[a].Name)
		}
		return strings.Join(out, " ")
	}
	if f.Loop >= 0 {
		fmt.Fprintf(&b, "loop %s\n", f.DAG.Axes[f.Loop].Name)
	} else {
		fmt.Fprintf(&b, "no loop\n")
	}
	for i, s := range f.Steps {
		fmt.Fprintf(&b, "%-6s t%d[%s] = ", s.Phase, i, names(s.Axes))
		switch {
		case s.Op == ugraph.OpConst:
			fmt.Fprintf(&b, "%s\n", s.Value)
			continue
		case s.Op == ugraph.OpLoad && s.Input >= 0:
			fmt.Fprintf(&b, "load %s\n", f.DAG.Inputs[s.Input].Name)
			continue
		case s.Op == ugraph.OpLoad:
			b.WriteString("load index\n")
			continue
		case s.Op == ugraph.OpAccum:
			b.WriteString("accum_" + s.Kind)
		default:
			b.WriteString(s.Op.String())
			if s.Over != 0 {
				fmt.Fprintf(&b, "_{%s}", names(s.Over))
			}
		}
		for j, a := range s.Args {
			fmt.Fprintf(&b, "%s t%d", map[bool]string{true: "", false: ","}[j == 0], a)
		}
		b.WriteString("\n")
	}
	for i, o := range f.Outputs {
		fmt.Fprintf(&b, "store %s = t%d\n", f.DAG.Outputs[i].Name, o)
	}
	return b.String()
}

// contract turns Σ(a·b) into a contraction where the product would be larger than both factors and
// nothing else reads it.
func contract(d *expr.DAG) *expr.DAG {
	uses := make([]int, len(d.Nodes))
	for _, n := range d.Nodes {
		for _, a := range n.Args {
			uses[a]++
		}
	}
	for _, o := range d.Outputs {
		uses[o.Node]++
	}
	c := d.Clone()
	for i, n := range c.Nodes {
		if n.Op != ugraph.OpSum {
			continue
		}
		m := c.Nodes[n.Args[0]]
		if m.Op != ugraph.OpMul || uses[n.Args[0]] != 1 {
			continue
		}
		a, b := c.Nodes[m.Args[0]].Axes, c.Nodes[m.Args[1]].Axes
		if m.Axes != a && m.Axes != b && n.Over&^(a&b) == 0 {
			c.Nodes[i].Op, c.Nodes[i].Args = ugraph.OpMatMul, m.Args
		}
	}
	return c
}
