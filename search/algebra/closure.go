package algebra

import (
	"context"
	"fmt"
	"math/bits"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// edge is an operator application that yields a value: arguments are values.
type edge struct {
	op    ugraph.Op
	args  []int
	over  expr.AxisSet
	attrs ugraph.Attrs
}

// value is a tensor over named axes that some derivation reaches.
type value struct {
	axes    expr.AxisSet
	dtype   ugraph.DType
	size    int // operators of the first derivation, as a tree
	leaf    *expr.Node
	tensors []tensor // by instance
	forms   []polyID // abstract expressions, in the order in which they were found
	paired  int      // how many of the forms the worklist has dealt with
	edges   []edge
}

// closure is the table of values of a program.
type closure struct {
	d    *expr.DAG
	opt  Options
	abs  *abstraction
	inst []*instance

	values  []*value
	byPrint map[digest]int
	byEdge  map[string]int // -1: the application is identically zero
	nodeVal []int          // node of the program -> value

	unary      []edge // unary operators of the program, without arguments
	binary     []edge // add, sub, mul, and of the program div, maximum and the like
	reductions []edge // its reductions over single axes and over the sets it uses
	contracted expr.AxisSet
	axisSets   map[expr.AxisSet]bool

	done     []int // values that were paired, in order
	pend     []candidate
	elements int // of all values on the instances
	st       *Stats
}

// candidate is an admitted application that waits for its evaluation.
type candidate struct {
	edge
	key   string
	dtype ugraph.DType
	axes  expr.AxisSet
	size  int
	form  polyID
	value []tensor
}

func newClosure(d *expr.DAG, opt Options, st *Stats) *closure {
	c := &closure{d: d, opt: opt, abs: newAbstraction(), byPrint: map[digest]int{}, byEdge: map[string]int{}, axisSets: map[expr.AxisSet]bool{}, st: st}
	for i, sizes := range opt.sizes() {
		c.inst = append(c.inst, newInstance(uint64(i), len(d.Axes), sizes))
	}
	c.language()
	return c
}

// language collects the operators that the closure may apply: those of the program.
func (c *closure) language() {
	seen := map[string]bool{}
	c.binary = []edge{{op: ugraph.OpAdd}, {op: ugraph.OpSub}, {op: ugraph.OpMul}}
	once := func(list *[]edge, e edge) {
		if k := edgeKey(e); !seen[k] {
			seen[k] = true
			*list = append(*list, e)
		}
	}
	for _, b := range c.binary {
		seen[edgeKey(b)] = true
	}
	for _, n := range c.d.Nodes {
		c.axisSets[n.Axes] = true
		if !n.DType.IsFloat() || len(n.Args) == 0 || !c.d.Nodes[n.Args[0]].DType.IsFloat() {
			continue
		}
		switch {
		case n.Op == ugraph.OpMatMul:
			c.contracted |= n.Over
		case n.Over != 0:
			if n.Op == ugraph.OpSum { // not of a mean: sums beside means would double the values
				c.contracted |= n.Over
			}
			once(&c.reductions, edge{op: n.Op, over: n.Over})
			for _, a := range n.Over.List() {
				once(&c.reductions, edge{op: n.Op, over: expr.Set(a)})
			}
		case len(n.Args) == 1:
			once(&c.unary, edge{op: n.Op, attrs: n.Attrs})
		case len(n.Args) == 2:
			once(&c.binary, edge{op: n.Op, attrs: n.Attrs})
		}
	}
	for _, a := range c.contracted.List() {
		once(&c.reductions, edge{op: ugraph.OpSum, over: expr.Set(a)})
	}
}

// seed enters the program's leaves, and with nodes its other values too; the targets are its outputs.
func (c *closure) seed(nodes bool) {
	forms := make([]polyID, len(c.d.Nodes))
	tensors := make([][]tensor, len(c.d.Nodes))
	sizes := make([]int, len(c.d.Nodes))
	c.nodeVal = make([]int, len(c.d.Nodes))
	var targets []polyID
	for i, n := range c.d.Nodes {
		c.nodeVal[i] = -1
		owns := make([]expr.AxisSet, len(n.Args))
		var fs []polyID
		e := edge{op: n.Op, over: n.Over, attrs: n.Attrs}
		known := true
		for j, a := range n.Args {
			owns[j] = c.d.Nodes[a].Axes
			fs = append(fs, forms[a])
			sizes[i] = min(sizes[i]+sizes[a], 1<<20)
			e.args = append(e.args, c.nodeVal[a])
			known = known && c.nodeVal[a] >= 0
		}
		for k, in := range c.inst {
			if len(n.Args) == 0 {
				tensors[i] = append(tensors[i], in.leaf(n))
				continue
			}
			ts := make([]tensor, len(n.Args))
			for j, a := range n.Args {
				ts[j] = tensors[a][k]
			}
			tensors[i] = append(tensors[i], in.apply(n, ts, owns))
		}
		v := &value{axes: n.Axes, dtype: n.DType, tensors: tensors[i]}
		if len(n.Args) == 0 {
			forms[i] = c.abs.leafForm(n)
			leaf := n
			v.leaf = &leaf
		} else {
			forms[i] = c.abs.form(n, fs)
			sizes[i]++
		}
		v.size, v.forms = sizes[i], []polyID{forms[i]}
		// What the closure's language lacks (integers, masks, where) is a seed in any case.
		if v.leaf != nil || known && (nodes || !c.speaks(n, c.d)) {
			at, ok := c.byPrint[v.print()]
			if !ok {
				at = c.enter(v)
			}
			c.nodeVal[i] = at
			if v.leaf == nil {
				c.link(at, e)
			}
		}
	}
	for _, o := range c.d.Outputs {
		targets = append(targets, forms[o.Node])
	}
	for _, t := range targets {
		c.abs.target(t)
	}
}

// speaks tells whether the closure itself may find the application of a node of d.
func (c *closure) speaks(n expr.Node, d *expr.DAG) bool {
	if !n.DType.IsFloat() || len(n.Args) > 2 {
		return false
	}
	for _, a := range n.Args {
		if !d.Nodes[a].DType.IsFloat() {
			return false
		}
	}
	return true
}

// print is the fingerprint, in which a float is told from an integer or condition of the same elements: a
// cast is not the value that it casts.
func (v *value) print() digest {
	d := fingerprint(v.axes, v.tensors)
	if !v.dtype.IsFloat() {
		d[0] = ^d[0]
	}
	return d
}

func (c *closure) enter(v *value) int {
	c.values = append(c.values, v)
	for _, t := range v.tensors {
		c.elements += len(t)
	}
	c.byPrint[v.print()] = len(c.values) - 1
	c.st.Values = len(c.values)
	return len(c.values) - 1
}

func edgeKey(e edge) string {
	b := make([]byte, 0, 32)
	b = append(b, byte(e.op))
	put := func(x uint64) {
		for ; x > 127; x >>= 7 {
			b = append(b, byte(x)|128)
		}
		b = append(b, byte(x))
	}
	put(uint64(e.over))
	for _, a := range e.args {
		put(uint64(a))
	}
	if len(e.attrs) > 0 {
		b = append(b, e.attrs.String()...)
	}
	return string(b)
}

// canonical exchanges the operands of a commutative application into ascending order.
func canonical(e edge) edge {
	if len(e.args) == 2 && (expr.Node{Op: e.op, Args: e.args}).Commutes() && e.args[0] > e.args[1] {
		e.args = []int{e.args[1], e.args[0]}
	}
	return e
}

func (c *closure) link(v int, e edge) {
	e = canonical(e)
	k := edgeKey(e)
	if _, ok := c.byEdge[k]; ok {
		return
	}
	c.byEdge[k] = v
	if slices.Contains(e.args, v) { // x + 0, x · 1
		return
	}
	c.values[v].edges = append(c.values[v].edges, e)
}

// run works the list to its end, a limit, or the end of ctx.
func (c *closure) run(ctx context.Context) {
	for {
		v := c.next()
		if v < 0 {
			c.st.Stop = StopFixpoint
			return
		}
		switch {
		case ctx.Err() != nil:
			c.st.Stop = StopInterrupted
		case len(c.values) >= c.opt.MaxValues:
			c.st.Stop = StopValues
		case c.st.Tests >= c.opt.MaxTests:
			c.st.Stop = StopTests
		case c.st.Terms >= c.opt.MaxTerms:
			c.st.Stop = StopTerms
		case c.elements >= c.opt.MaxElements:
			c.st.Stop = StopElements
		default:
			c.expand(ctx, v)
			continue
		}
		return
	}
}

// next is the smallest value with a form that was not paired yet.
func (c *closure) next() int {
	best := -1
	for i, v := range c.values {
		if v.paired < len(v.forms) && v.dtype.IsFloat() && (best < 0 || v.size < c.values[best].size) {
			best = i
		}
	}
	return best
}

// expand applies every operator to the value and to it with each value before it.
func (c *closure) expand(ctx context.Context, vi int) {
	v := c.values[vi]
	from := v.paired
	v.paired = len(v.forms)
	if !v.dtype.IsFloat() { // of integers and conditions the program's own applications are all there are
		return
	}
	if from == 0 {
		c.done = append(c.done, vi)
	}
	fresh := v.forms[from:]
	for _, u := range c.unary {
		c.tryOne(u, vi, v.axes, fresh)
	}
	for _, r := range c.reductions {
		if v.axes.Contains(r.over) {
			c.tryOne(r, vi, v.axes&^r.over, fresh)
		}
	}
	for _, ui := range c.done {
		if ctx.Err() != nil {
			break
		}
		u := c.values[ui]
		forms := u.forms[:u.paired]
		union := u.axes | v.axes
		if union == u.axes || union == v.axes || c.axisSets[union] {
			for _, b := range c.binary {
				c.tryPair(b, vi, ui, union, fresh, forms)
				if ui != vi && !(expr.Node{Op: b.op, Args: []int{vi, ui}}).Commutes() {
					c.tryPair(b, ui, vi, union, forms, fresh)
				}
			}
		}
		shared := u.axes & v.axes & c.contracted
		for over := shared; over != 0; over = (over - 1) & shared {
			if bits.OnesCount64(uint64(over)) <= 2 || over == shared {
				c.tryPair(edge{op: ugraph.OpMatMul, over: over}, vi, ui, union&^over, fresh, forms)
			}
		}
	}
	c.settle(ctx)
}

// tryOne tests a unary application or reduction under every form of its operand.
func (c *closure) tryOne(e edge, arg int, axes expr.AxisSet, forms []polyID) {
	for _, f := range forms {
		form := c.abs.form(expr.Node{Op: e.op, Over: e.over, Attrs: e.attrs, Args: []int{arg}}, []polyID{f})
		if c.passes(c.abs.admits(form)) {
			e.args = []int{arg}
			c.admit(e, axes, form)
		}
	}
}

// tryPair tests a binary application under every combination of its operands' forms. It is the inner
// loop of the closure: nothing is built for an application that is pruned.
func (c *closure) tryPair(e edge, x, y int, axes expr.AxisSet, fx, fy []polyID) {
	for _, f := range fx {
		for _, g := range fy {
			c.st.Terms += len(c.abs.polys[f]) * len(c.abs.polys[g])
			if c.passes(c.abs.admitsPair(e, f, g)) {
				e.args = []int{x, y}
				c.admit(e, axes, c.abs.form(expr.Node{Op: e.op, Over: e.over, Attrs: e.attrs, Args: e.args}, []polyID{f, g}))
			}
		}
	}
}

// passes counts a test.
func (c *closure) passes(admitted bool) bool {
	c.st.Tests++
	if !admitted && !c.opt.NoAbstraction {
		c.st.Pruned[pruneAbstract].Count++
		return false
	}
	return true
}

// admit keeps an application for evaluation, or notes a new form of the value that it is known to yield.
func (c *closure) admit(e edge, axes expr.AxisSet, form polyID) {
	e = canonical(e)
	k := edgeKey(e)
	if at, ok := c.byEdge[k]; ok {
		if at >= 0 {
			c.addForm(at, form)
		}
		return
	}
	cand := candidate{edge: e, key: k, axes: axes, form: form, size: 1}
	for _, a := range e.args {
		v := c.values[a]
		cand.size = min(cand.size+v.size, 1<<20)
		if cand.dtype == ugraph.Invalid || v.dtype.Size() > cand.dtype.Size() {
			cand.dtype = v.dtype
		}
	}
	if c.opt.MaxOperators > 0 && cand.size > c.opt.MaxOperators {
		c.st.Pruned[pruneSize].Count++
		return
	}
	walk := axes | e.over
	for _, a := range e.args {
		walk |= c.values[a].axes
	}
	if !c.walks(walk) {
		c.st.Pruned[pruneWide].Count++
		return
	}
	c.pend = append(c.pend, cand)
}

// walks tells whether an application over the axes is small enough on every instance to be evaluated.
func (c *closure) walks(axes expr.AxisSet) bool {
	for _, in := range c.inst {
		n := 1
		for _, a := range axes.List() {
			if n *= in.sizes[a]; n > maxWalk {
				return false
			}
		}
	}
	return true
}

func (c *closure) addForm(at int, form polyID) {
	v := c.values[at]
	if len(v.forms) < c.opt.Forms && !slices.Contains(v.forms, form) {
		v.forms = append(v.forms, form)
	}
}

// settle evaluates what expand admitted, on all workers, and enters it in the order of admission. When ctx has
// ended nothing is entered.
func (c *closure) settle(ctx context.Context) {
	work := func(from, step int) {
		for i := from; i < len(c.pend) && ctx.Err() == nil; i += step {
			p := &c.pend[i]
			n := expr.Node{Op: p.op, Over: p.over, Attrs: p.attrs, Axes: p.axes, DType: p.dtype, Args: p.args}
			owns := make([]expr.AxisSet, len(p.args))
			for j, a := range p.args {
				owns[j] = c.values[a].axes
			}
			for k, in := range c.inst {
				ts := make([]tensor, len(p.args))
				for j, a := range p.args {
					ts[j] = c.values[a].tensors[k]
				}
				p.value = append(p.value, in.apply(n, ts, owns))
			}
		}
	}
	const worthSharing = 16
	if w := c.opt.Workers; w > 1 && len(c.pend) >= worthSharing {
		var wg sync.WaitGroup
		panics := make(chan any, w) // passed on, where the caller can recover from them
		for i := 0; i < w; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer func() {
					if x := recover(); x != nil {
						panics <- fmt.Sprintf("%v\n%s", x, debug.Stack())
					}
				}()
				work(i, w)
			}()
		}
		wg.Wait()
		select {
		case x := <-panics:
			panic(x)
		default:
		}
	} else {
		work(0, 1)
	}
	if ctx.Err() != nil {
		c.pend = nil
		return
	}
	for i := range c.pend {
		p := &c.pend[i]
		if _, ok := c.byEdge[p.key]; ok { // admitted twice, under two forms
			if at := c.byEdge[p.key]; at >= 0 {
				c.addForm(at, p.form)
			}
			continue
		}
		c.st.Evals++
		if isZero(p.value) {
			c.byEdge[p.key] = -1
			c.st.Pruned[pruneZero].Count++
			continue
		}
		at, ok := c.byPrint[fingerprint(p.axes, p.value)]
		switch {
		case ok && !c.opt.NoMerge:
			c.st.Merged++
			c.addForm(at, p.form)
		case len(c.values) >= c.opt.MaxValues:
			c.st.Pruned[pruneFull].Count++
			continue
		default:
			at = c.enter(&value{axes: p.axes, dtype: p.dtype, size: p.size, tensors: p.value, forms: []polyID{p.form}})
		}
		c.link(at, p.edge)
	}
	c.pend = c.pend[:0]
}
