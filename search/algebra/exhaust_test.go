package algebra

import (
	"context"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// The closure finds every value of the program from the inputs alone: the pruner keeps all prefixes of
// the program, though none of them is in the table. The same for every program that it found itself.
func TestUnseededClosureContainsEveryValue(t *testing.T) {
	for _, name := range smallNames {
		if name == "causal" {
			continue // where is outside the closure's language: its application is a seed
		}
		d := liftText(t, small[name])
		if s := Stabilise(d); s != nil {
			d = s
		}
		opt := Options{}.withDefaults()
		st := &Stats{Pruned: make([]Count, pruneUnstable+1)}
		c := newClosure(d, opt, st)
		c.seed(false)
		for _, v := range c.values {
			if v.leaf == nil && v.dtype.IsFloat() {
				t.Fatalf("%s: the table is seeded", name)
			}
		}
		c.run(context.Background())
		check := func(what string, g *expr.DAG) {
			ts := make([][]tensor, len(c.inst))
			for k, in := range c.inst {
				ts[k] = in.evaluate(g, nil)
			}
			for i, n := range g.Nodes {
				var v []tensor
				for k := range ts {
					v = append(v, ts[k][i])
				}
				if _, ok := c.byPrint[fingerprint(n.Axes, v)]; !ok {
					t.Errorf("%s: %s: %s is not a value of the unseeded closure", name, what, describe(g, i))
				}
			}
		}
		check("the program", d)
		for _, x := range explore(t, d, Options{KeepUnstable: true}).DAGs {
			check("a result", x.DAG)
		}
	}
}

// By exhaustion: of all graphs of at most so many operators without unused results that compute the
// program, none is lost to the pruner, neither by the closure nor by enumerating graphs with it, but those that the axioms do not equate with it, and of these there
// are none for the programs that the search is for. The others are chosen for having many equal graphs;
// with one operator to spare, cancellation (x = (x + y) - y, 0 + x), numbers (x + x = 2·x) and roots of
// quotients make some that the axioms leave out, and none beside.
func TestNothingIsLostByExhaustion(t *testing.T) {
	const head = "program p(x: f32[3, 4], y: f32[3, 4], z: f32[3, 4], v: f32[3, 1], W: f32[4, 5]) -> (Y) { Y = "
	cases := []struct {
		name   string // of small, or an expression
		ops    int
		equal  int  // graphs that compute the program
		beyond bool // some of them not by the axioms
	}{
		{"moe", 3, 1, false}, {"chain", 4, 2, false}, {"gated_mlp", 4, 1, false}, {"lora", 4, 3, false},
		{"rmsnorm_linear", 5, 2, false}, {"gqa no max", 5, 2, false},
		{"x * y + x * z", 3, 2, false}, {"x / y / z", 2, 3, false}, {"x / y / z", 3, 3, false}, {"x - (y - z)", 3, 5, false},
		{"-(x - y) * z", 3, 6, false}, {"exp(x) * exp(y - z)", 4, 6, false}, {"(x / v) @ W", 3, 2, false}, {"(x + y) @ W", 3, 2, false},
		{"-(x - y) * z", 4, 60, true}, {"sqrt(x) / sqrt(y) / z", 4, 4, true}, {"x * 2 + y * 2", 3, 12, true},
	}
	for _, c := range cases {
		switch {
		case testing.Short() && c.ops > 3:
			continue
		case c.name == "gqa no max" && os.Getenv("MORGANA_FULL") != "1":
			continue // half a million graphs
		}
		src, ok := small[c.name]
		if !ok {
			src = head + c.name + " }"
		}
		d := liftText(t, src)
		all, pruned := enumerate(d, c.ops), newEnumeration(d)
		pruned.prune = true
		pruned.grow(c.ops, "")
		kept := pruned.hashes()
		found := map[string]bool{}
		for _, x := range explore(t, d, Options{KeepUnstable: true}).DAGs {
			found[expr.Hash(x.DAG)] = true
		}
		lost, beyond := 0, 0
		abs := newAbstraction()
		target := formOf(abs, d)
		for _, g := range all.programs {
			switch {
			case found[expr.Hash(g)] && kept[expr.Hash(g)]:
			case formOf(abs, g) != target:
				beyond++
			default:
				lost++
				t.Errorf("%s: lost\n%s", c.name, g)
			}
		}
		t.Logf("%s: %d graphs of at most %d operators, %d with the pruner; %d equal to the program, %d of them beyond the axioms, %d lost",
			c.name, all.states, c.ops, pruned.states, len(all.programs), beyond, lost)
		if pruned.states >= all.states {
			t.Errorf("%s: nothing is pruned", c.name)
		}
		if len(all.programs) != c.equal {
			t.Errorf("%s: %d graphs of at most %d operators are equal, want %d", c.name, len(all.programs), c.ops, c.equal)
		}
		if (beyond > 0) != c.beyond {
			t.Errorf("%s: the axioms do not equate %d graphs with it", c.name, beyond)
		}
	}
}

// formOf is the abstract expression of a DAG's output.
func formOf(a *abstraction, d *expr.DAG) polyID {
	forms := make([]polyID, len(d.Nodes))
	for i, n := range d.Nodes {
		if len(n.Args) == 0 {
			forms[i] = a.leafForm(n)
			continue
		}
		var args []polyID
		for _, x := range n.Args {
			args = append(args, forms[x])
		}
		forms[i] = a.form(n, args)
	}
	return a.strip(forms[d.Outputs[0].Node])
}

// The canonical order of the enumeration leaves no graph out: without it, the same programs come up.
func TestEnumerationIsComplete(t *testing.T) {
	const head = "program p(x: f32[3, 4], y: f32[3, 4], z: f32[3, 4], W: f32[4, 5]) -> (Y) { Y = "
	for _, c := range []struct {
		src string
		ops int
	}{{"x * y + x * z", 3}, {"x / y / z", 2}, {"x - (y - z)", 3}, {"(x + y) @ W", 3}, {"exp(x) * exp(y)", 3}} {
		d := liftText(t, head+c.src+" }")
		ordered, all := enumerate(d, c.ops), newEnumeration(d)
		all.anyOrder = true
		all.grow(c.ops, "")
		got, want := ordered.hashes(), all.hashes()
		if !maps.Equal(got, want) {
			t.Errorf("%s: %d programs in canonical order, %d in any", c.src, len(got), len(want))
		}
		if len(got) != len(ordered.programs) {
			t.Errorf("%s: %d of %d programs are met twice", c.src, len(ordered.programs)-len(got), len(ordered.programs))
		}
		t.Logf("%s: %d programs; %d graphs in canonical order, %d in any", c.src, len(want), ordered.states, all.states)
	}
}

// enumeration lists graphs operator by operator, in the closure's language but without its pruner.
type enumeration struct {
	c        *closure
	leaves   int
	target   int
	states   int
	memo     map[string]int
	stack    []int // values of the graph, leaves first
	edges    []edge
	programs []*expr.DAG
	forms    []polyID // of the values on the stack
	anyOrder bool     // also the other orders of the same operators
	prune    bool     // by the abstraction test, as Mirage does with the graphs that it enumerates
	until    time.Time
	stopped  bool // by until, before the end
}

func enumerate(d *expr.DAG, ops int) *enumeration {
	e := newEnumeration(d)
	e.grow(ops, "")
	return e
}

func newEnumeration(d *expr.DAG) *enumeration {
	opt := Options{NoAbstraction: true, MaxValues: 1 << 30, Sizes: [][]int{{2, 3}}}.withDefaults()
	c := newClosure(d, opt, &Stats{Pruned: make([]Count, pruneUnstable+1)})
	c.seed(true)
	e := &enumeration{c: c, memo: map[string]int{}, target: c.nodeVal[d.Outputs[0].Node]}
	for i, v := range c.values {
		if v.leaf != nil {
			e.stack, e.forms = append(e.stack, i), append(e.forms, v.forms[0])
		}
	}
	e.leaves = len(e.stack)
	return e
}

// grow adds one operator after the last, in ascending order of their text so that a set of operators
// is met once; unused results may not exceed what the operators left can use.
func (e *enumeration) grow(left int, after string) {
	if e.states++; !e.until.IsZero() && e.states%64 == 0 && time.Now().After(e.until) {
		e.stopped = true
	}
	if e.stopped {
		return
	}
	used := map[int]bool{}
	for _, x := range e.edges {
		for _, a := range x.args {
			used[a] = true
		}
	}
	unused := 0
	for _, v := range e.stack[e.leaves:] {
		if !used[v] {
			unused++
		}
	}
	if n := len(e.edges); n > 0 && unused == 1 && e.stack[len(e.stack)-1] == e.target {
		e.programs = append(e.programs, e.dag())
	}
	if left == 0 {
		return
	}
	for _, x := range e.applications() {
		rest := unused + 1
		for i, a := range x.args {
			if !used[a] && !slices.Contains(e.stack[:e.leaves], a) && !slices.Contains(x.args[:i], a) {
				rest--
			}
		}
		if rest > left { // more than the operators left can use
			continue
		}
		if left == 1 && e.axes(x) != e.c.values[e.target].axes {
			continue
		}
		k := edgeKey(x)
		// An operator on the newest value comes after it in any case; others ascend.
		newest := len(e.edges) > 0 && slices.Contains(x.args, e.stack[len(e.stack)-1])
		if !newest && k <= after && !e.anyOrder {
			continue
		}
		form, ok := e.admitted(x)
		if !ok {
			continue
		}
		v := e.apply(x, k)
		if v < 0 || left == 1 && v != e.target || slices.Contains(e.stack, v) {
			continue
		}
		e.stack, e.edges, e.forms = append(e.stack, v), append(e.edges, x), append(e.forms, form)
		e.grow(left-1, k)
		e.stack, e.edges, e.forms = e.stack[:len(e.stack)-1], e.edges[:len(e.edges)-1], e.forms[:len(e.forms)-1]
	}
}

// admitted is the abstract expression of an application on the stack, and whether the pruner lets it pass.
func (e *enumeration) admitted(x edge) (polyID, bool) {
	if !e.prune {
		return 0, true
	}
	var args []polyID
	for _, a := range x.args {
		args = append(args, e.forms[slices.Index(e.stack, a)])
	}
	form := e.c.abs.form(expr.Node{Op: x.op, Over: x.over, Attrs: x.attrs, Args: x.args}, args)
	return form, e.c.abs.admits(form)
}

// hashes are those of the programs.
func (e *enumeration) hashes() map[string]bool {
	m := map[string]bool{}
	for _, g := range e.programs {
		m[expr.Hash(g)] = true
	}
	return m
}

// applications are the operators of the closure's language on the values of the graph.
func (e *enumeration) applications() []edge {
	c := e.c
	var out []edge
	for i, x := range e.stack {
		xa := c.values[x].axes
		for _, u := range c.unary {
			out = append(out, edge{op: u.op, attrs: u.attrs, args: []int{x}})
		}
		for _, r := range c.reductions {
			if xa.Contains(r.over) {
				out = append(out, edge{op: r.op, over: r.over, args: []int{x}})
			}
		}
		for _, y := range e.stack[:i+1] {
			union := xa | c.values[y].axes
			if union == xa || union == c.values[y].axes || c.axisSets[union] {
				for _, b := range c.binary {
					if b.op == ugraph.OpMul && x == y {
						continue // square: x·x is written so
					}
					out = append(out, canonical(edge{op: b.op, args: []int{x, y}}))
					if x != y && (b.op == ugraph.OpSub || b.op == ugraph.OpDiv) {
						out = append(out, edge{op: b.op, args: []int{y, x}})
					}
				}
			}
			shared := xa & c.values[y].axes & c.contracted
			for over := shared; over != 0; over = (over - 1) & shared {
				out = append(out, canonical(edge{op: ugraph.OpMatMul, over: over, args: []int{x, y}}))
			}
		}
	}
	return out
}

func (e *enumeration) axes(x edge) expr.AxisSet {
	var s expr.AxisSet
	for _, a := range x.args {
		s |= e.c.values[a].axes
	}
	return s &^ x.over
}

// apply is the value of an application, evaluated once; -1 for zero.
func (e *enumeration) apply(x edge, key string) int {
	if v, ok := e.memo[key]; ok {
		return v
	}
	n := expr.Node{Op: x.op, Over: x.over, Attrs: x.attrs, Args: x.args, DType: ugraph.F32, Axes: e.axes(x)}
	var owns []expr.AxisSet
	for _, a := range x.args {
		owns = append(owns, e.c.values[a].axes)
	}
	var out []tensor
	for k, in := range e.c.inst {
		var ts []tensor
		for _, a := range x.args {
			ts = append(ts, e.c.values[a].tensors[k])
		}
		out = append(out, in.apply(n, ts, owns))
	}
	v := -1
	if !isZero(out) {
		var ok bool
		if v, ok = e.c.byPrint[fingerprint(n.Axes, out)]; !ok {
			v = e.c.enter(&value{axes: n.Axes, dtype: ugraph.F32, tensors: out})
		}
	}
	e.memo[key] = v
	return v
}

// dag writes the graph on the stack as a program.
func (e *enumeration) dag() *expr.DAG {
	d := e.c.d
	g := &expr.DAG{Name: d.Name, Axes: d.Axes, Inputs: d.Inputs}
	at := map[int]int{}
	for _, v := range e.stack[:e.leaves] {
		at[v] = g.Add(*e.c.values[v].leaf)
	}
	for i, x := range e.edges {
		n := expr.Node{Op: x.op, Over: x.over, Attrs: x.attrs, DType: ugraph.F32}
		for _, a := range x.args {
			n.Args = append(n.Args, at[a])
		}
		at[e.stack[e.leaves+i]] = g.Add(n)
	}
	o := d.Outputs[0]
	o.Node = at[e.target]
	g.Outputs = append(g.Outputs, o)
	return g
}
