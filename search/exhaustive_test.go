package search

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// tiny are the programs whose whole search space is enumerated, with at most how many operators: as few as compute them, or
// as they have themselves. With more there are programs that cancel what they put in, which are no part of the space.
var tiny = []struct {
	name, source string
	operators    int
}{
	{"rmsnorm_linear", "program p(X: f32[16, 64], W: const f32[64, 96]) -> (Y) { Y = rms_norm(X) @ W }", 5},
	{"lora", "program p(X: f32[16, 64], W: const f32[64, 96], A: const f32[64, 8], B: const f32[8, 96]) -> (Y) { Y = X @ W + X @ A @ B }", 4},
	{"gated_mlp", "program p(X: f32[16, 64], W: const f32[64, 96], V: const f32[64, 96]) -> (Y) { Y = silu(X @ W) * (X @ V) }", 4},
	{"softmax", "program p(X: f32[64, 96]) -> (Y) { E = exp(X)\n Y = E / sum(E, axis=1, keepdims=true) }", 3},
	{"chain", "program p(A: f32[16, 96], B: f32[96, 64], C: f32[64, 32], D: f32[32, 8]) -> (Y) { Y = A @ B @ C @ D }", 3},
	{"moe", "program p(X: f32[2, 16, 64], W: const f32[2, 64, 96], G: f32[2, 16, 1]) -> (Y) { Y = sum((X @ W) * G, axis=0) }", 3},
	{"attention", "program p(Q: f32[2, 16, 32], K: f32[2, 64, 32], V: f32[2, 64, 24]) -> (O) { E = exp(matmul(Q, K, transpose_b=true))\n O = (E / sum(E, axis=-1, keepdims=true)) @ V }", 5},
}

// By brute force, in code of its own: of all programs of at most so many operators in the language of the search,
// those that compute the program in float64 have between them the values that the closure's have, one for one; package
// verify accepts each of both. MORGANA_FULL=1 adds the largest space, that of attention.
func TestClosureAgainstExhaustion(t *testing.T) {
	for _, c := range tiny {
		t.Run(c.name, func(t *testing.T) {
			if c.operators > 4 && (testing.Short() || c.name == "attention" && !everything) {
				t.Skip("left to longer runs")
			}
			p := programtest.Parse(t, c.source)
			d := exprtest.Lift(t, p)
			b := newBrute(d)
			b.grow(c.operators)
			want, got := map[string]string{}, map[string]string{}
			for _, g := range b.found {
				accepted(t, p, g)
				b.collect(g, want)
			}
			r, err := algebra.Explore(context.Background(), d, algebra.Options{KeepUnstable: true})
			if err != nil {
				t.Fatal(err)
			}
			forms := 0
			for _, x := range r.DAGs {
				if x.Operators <= c.operators {
					forms++
					accepted(t, p, x.DAG)
					b.collect(x.DAG, got)
				}
			}
			for k, v := range want {
				if _, ok := got[k]; !ok {
					t.Errorf("the closure lacks %s", v)
				}
			}
			for k, v := range got {
				if _, ok := want[k]; !ok {
					t.Errorf("the enumeration lacks %s", v)
				}
			}
			t.Logf("%d programs of at most %d operators were begun; %d compute it, of %d values; the closure has %d programs of %d values",
				b.states, c.operators, len(b.found), len(want), forms, len(got))
			if len(b.found) == 0 || len(want) < 3 {
				t.Error("nothing was enumerated")
			}
		})
	}
}

func accepted(t *testing.T, p *ugraph.Graph, d *expr.DAG) {
	t.Helper()
	g, err := expr.ToProgram(d)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := verify.Equal(context.Background(), p, g, verify.Options{Seed: 1}); err != nil || !r.Equal {
		t.Errorf("%v: %s\n%s", err, r.Reason, d)
	}
}

// brute enumerates programs operator by operator. Every value is stored over all axes of a small instance.
type brute struct {
	d       *expr.DAG
	extent  []int
	step    []int
	size    int
	drops   map[expr.AxisSet][]int
	weights []float64 // of a value's projection
	seen    []float64 // projections met, ascending
	unary   []expr.Node
	binary  []ugraph.Op
	reduce  []expr.Node
	sums    expr.AxisSet
	sets    map[expr.AxisSet]bool
	goal    expr.AxisSet // axes of the output
	target  float64      // its projection

	nodes  []expr.Node
	values [][]float64
	projs  []float64
	leaves int
	states int
	found  []*expr.DAG
}

func newBrute(d *expr.DAG) *brute {
	b := &brute{d: d, size: 1, sets: map[expr.AxisSet]bool{}, drops: map[expr.AxisSet][]int{}}
	r := rand.New(rand.NewPCG(7, 8))
	for i := range d.Axes {
		b.extent = append(b.extent, 2+i%2)
		b.step = append(b.step, b.size)
		b.size *= b.extent[i]
	}
	for range b.size {
		b.weights = append(b.weights, 0.5+r.Float64())
	}
	once := map[string]bool{}
	add := func(list *[]expr.Node, n expr.Node) {
		if k := fmt.Sprint(n.Op, n.Over, n.Attrs); !once[k] {
			once[k] = true
			*list = append(*list, n)
		}
	}
	ops := map[ugraph.Op]bool{ugraph.OpAdd: true, ugraph.OpSub: true, ugraph.OpMul: true}
	values := make([][]float64, len(d.Nodes))
	for i, n := range d.Nodes {
		b.sets[n.Axes] = true
		var args [][]float64
		for _, a := range n.Args {
			args = append(args, values[a])
		}
		switch {
		case len(n.Args) == 0:
			values[i] = b.leaf(n, r)
			b.nodes, b.values = append(b.nodes, n), append(b.values, values[i])
			b.projs = append(b.projs, b.project(values[i]))
			continue
		case n.Op == ugraph.OpMatMul:
			b.sums |= n.Over
		case n.Over != 0:
			if n.Op == ugraph.OpSum {
				b.sums |= n.Over
			}
			add(&b.reduce, expr.Node{Op: n.Op, Over: n.Over})
		case len(n.Args) == 1:
			add(&b.unary, expr.Node{Op: n.Op, Attrs: n.Attrs})
		default:
			ops[n.Op] = true
		}
		values[i] = b.eval(n, args)
	}
	for _, k := range b.sums.List() {
		add(&b.reduce, expr.Node{Op: ugraph.OpSum, Over: expr.Set(k)})
	}
	for op := range ops {
		b.binary = append(b.binary, op)
	}
	slices.Sort(b.binary)
	b.leaves = len(b.nodes)
	out := d.Nodes[d.Outputs[0].Node]
	b.goal, b.target = out.Axes, b.project(values[d.Outputs[0].Node])
	return b
}

// leaf draws an input; along axes that it lacks it repeats.
func (b *brute) leaf(n expr.Node, r *rand.Rand) []float64 {
	out := make([]float64, b.size)
	drawn := map[int]float64{}
	for i := range out {
		at := b.drop(i, ^n.Axes)
		if _, ok := drawn[at]; !ok {
			drawn[at] = (0.5 + r.Float64()) * float64(1-2*r.IntN(2))
			if n.Op == ugraph.OpConst {
				drawn[at] = n.Value.Float64()
			}
		}
		out[i] = drawn[at]
	}
	return out
}

// drop is the index with 0 along some axes.
func (b *brute) drop(i int, axes expr.AxisSet) int {
	for a, n := range b.extent {
		if axes.Has(a) {
			i -= i / b.step[a] % n * b.step[a]
		}
	}
	return i
}

// dropped is drop of every index.
func (b *brute) dropped(axes expr.AxisSet) []int {
	to := b.drops[axes]
	if to == nil {
		for i := range b.size {
			to = append(to, b.drop(i, axes))
		}
		b.drops[axes] = to
	}
	return to
}

func (b *brute) eval(n expr.Node, args [][]float64) []float64 {
	out := make([]float64, b.size)
	if n.Over == 0 {
		for i := range out {
			x := args[0][i]
			if len(args) == 1 {
				out[i] = function(n.Op, x)
				continue
			}
			switch y := args[1][i]; n.Op {
			case ugraph.OpAdd:
				out[i] = x + y
			case ugraph.OpSub:
				out[i] = x - y
			case ugraph.OpMul:
				out[i] = x * y
			default: // div: tiny has no others
				out[i] = x / y
			}
		}
		return out
	}
	count := 1.0
	for _, a := range n.Over.List() {
		count *= float64(b.extent[a])
	}
	sum, to := make([]float64, b.size), b.dropped(n.Over)
	for i := range out {
		x := args[0][i]
		if n.Op == ugraph.OpMatMul {
			x *= args[1][i]
		}
		sum[to[i]] += x
	}
	for i := range out {
		out[i] = sum[to[i]]
		if n.Op == ugraph.OpMean {
			out[i] /= count
		}
	}
	return out
}

func function(op ugraph.Op, x float64) float64 {
	switch op {
	case ugraph.OpExp:
		return math.Exp(x)
	case ugraph.OpSquare:
		return x * x
	case ugraph.OpSqrt:
		return math.Sqrt(x)
	case ugraph.OpSilu:
		return x / (1 + math.Exp(-x))
	}
	panic(op)
}

// project is a number that tells values apart.
func (b *brute) project(v []float64) float64 {
	p := 0.0
	for i, x := range v {
		p += b.weights[i] * x
	}
	return p
}

// agree tells whether two projections are of one value: they agree to nine digits.
func agree(p, q float64) bool { return math.Abs(p-q) <= 1e-9*math.Abs(q) }

// key names a value by its axes and the first projection met that agrees.
func (b *brute) key(axes expr.AxisSet, p float64) string {
	at := slices.IndexFunc(b.seen, func(q float64) bool { return agree(p, q) })
	if at < 0 {
		at = len(b.seen)
		b.seen = append(b.seen, p)
	}
	return fmt.Sprint(axes, " ", at)
}

// grow adds one operator after the last in every way. Of the orders of the same operators one is taken: an operator that
// does not read the last value follows it in the order of a number.
func (b *brute) grow(left int) { b.more(left, 0, make([]int, 0, 16)) }

func (b *brute) more(left int, after uint64, unused []int) {
	b.states++
	last := len(b.nodes) - 1
	if last >= b.leaves && len(unused) == 1 && unused[0] == last && b.nodes[last].Axes == b.goal && agree(b.projs[last], b.target) {
		b.found = append(b.found, b.program())
	}
	if left == 0 {
		return
	}
	apply := func(n expr.Node) {
		for _, a := range n.Args {
			n.Axes |= b.nodes[a].Axes
		}
		n.Axes &^= n.Over
		n.DType = ugraph.F32
		number := uint64(n.Op)<<40 | uint64(n.Over)<<16 | uint64(n.Args[0])<<8 | uint64(n.Args[len(n.Args)-1])
		if !slices.Contains(n.Args, last) && number <= after && last >= b.leaves {
			return
		}
		var space [16]int
		rest := space[:0]
		for _, u := range unused {
			if !slices.Contains(n.Args, u) {
				rest = append(rest, u)
			}
		}
		if rest = append(rest, len(b.nodes)); len(rest) > left || left == 1 && n.Axes != b.goal {
			return // more results than the operators left can read
		}
		args := make([][]float64, len(n.Args))
		for i, a := range n.Args {
			args[i] = b.values[a]
		}
		v := b.eval(n, args)
		p := b.project(v)
		if !(math.Abs(p) > 1e-12) || left == 1 && !agree(p, b.target) {
			return
		}
		for i, q := range b.projs {
			if agree(p, q) && b.nodes[i].Axes == n.Axes {
				return // it computes what is there
			}
		}
		b.nodes, b.values, b.projs = append(b.nodes, n), append(b.values, v), append(b.projs, p)
		b.more(left-1, number, rest)
		b.nodes, b.values, b.projs = b.nodes[:last+1], b.values[:last+1], b.projs[:last+1]
	}
	for i := range b.nodes {
		x := b.nodes[i].Axes
		for _, u := range b.unary {
			apply(expr.Node{Op: u.Op, Attrs: u.Attrs, Args: []int{i}})
		}
		for _, r := range b.reduce {
			if x.Contains(r.Over) {
				apply(expr.Node{Op: r.Op, Over: r.Over, Args: []int{i}})
			}
		}
		for j := range i + 1 {
			y := b.nodes[j].Axes
			if all := x | y; all == x || all == y || b.sets[all] {
				for _, op := range b.binary {
					apply(expr.Node{Op: op, Args: []int{i, j}})
					if i != j && (op == ugraph.OpSub || op == ugraph.OpDiv) {
						apply(expr.Node{Op: op, Args: []int{j, i}})
					}
				}
			}
			both := x & y & b.sums
			for over := both; over != 0; over = (over - 1) & both {
				apply(expr.Node{Op: ugraph.OpMatMul, Over: over, Args: []int{i, j}})
			}
		}
	}
}

// program is what stands on the stack.
func (b *brute) program() *expr.DAG {
	g := &expr.DAG{Name: b.d.Name, Axes: b.d.Axes, Inputs: b.d.Inputs}
	for _, n := range b.nodes {
		g.Add(n)
	}
	o := b.d.Outputs[0]
	o.Node = len(b.nodes) - 1
	g.Outputs = []expr.Output{o}
	return g
}

// run evaluates a program on the instance.
func (b *brute) run(g *expr.DAG) [][]float64 {
	values := make([][]float64, len(g.Nodes))
	for i, n := range g.Nodes {
		switch {
		case len(n.Args) == 0:
			leaf := 0
			for b.nodes[leaf].Op != n.Op || b.nodes[leaf].Input != n.Input || b.nodes[leaf].Value.Cmp(n.Value) != 0 {
				leaf++
			}
			values[i] = b.values[leaf]
		default:
			var args [][]float64
			for _, a := range n.Args {
				args = append(args, values[a])
			}
			values[i] = b.eval(n, args)
		}
	}
	return values
}

// collect enters the values of a program, each with the program's text.
func (b *brute) collect(g *expr.DAG, into map[string]string) {
	for i, v := range b.run(g) {
		if n := g.Nodes[i]; len(n.Args) > 0 {
			into[b.key(n.Axes, b.project(v))] = fmt.Sprintf("v%d of\n%s", i, g)
		}
	}
}
