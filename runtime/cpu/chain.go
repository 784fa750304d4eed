package cpu

import (
	"math"
	"slices"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

const (
	// chainRun is how many elements of a row a chain works on at once: each value of the chain that
	// nobody else reads takes 4 KiB, so a few of them stay in the first-level cache.
	chainRun = 1024
	// chainSpares is how many further pieces an operator of a chain needs: its operands where their
	// elements do not follow each other, and a product that is not added at once.
	chainSpares = 4
	// maxChainTiles is the largest number of tiles that a chain reads and writes.
	maxChainTiles = 12
	// maxChainSums is the largest number of reductions in a chain.
	maxChainSums = 4
)

// chain is float32 elementwise nodes with results of one shape, and reductions of theirs over the last
// axis, computed together: a piece of a row passes through all of them while it is in cache.
type chain struct {
	ins   []int // values of other nodes
	outs  []int // values of the chain that others read
	ops   []chainOp
	sums  []chainSum
	slots int
	of    int // a value with the chain's shape
}

// chainRef is an operand of a chain's node: a tile (ins, then outs) or, as ^slot, a piece in cache.
type chainRef int

type chainOp struct {
	dst    chainRef
	a, b   chainRef
	unary  func(w *worker, dst, x []float32) // nil: binary
	binary kernel.BinaryOp
	expSub bool // exp(a - b)
	sum    int  // of expSub: the reduction that takes the sum; -1
	addend chainRef
	mulAdd bool // binary(a, b) + addend, binary a product or quotient
}

// chainSum is a reduction of a chain's value over the last axis.
type chainSum struct {
	value  int
	of     chainRef
	square bool // of the operand's squares
	given  bool // an expSub computes it
	mean   bool
	init   float32
	run    func(x []float32) float32
	join   func(a, b float32) float32
}

// chainRow is where a worker keeps a chain's walk.
type chainRow struct {
	rank int
	dims [maxRank]int
	at   [maxRank]int
	str  [maxChainTiles][maxRank]int
	off  [maxChainTiles]int
	step [maxChainTiles]int
	mem  [maxChainTiles][]float32
	acc  [maxChainSums]float32
	buf  []float32
}

// chainable tells whether a node may be part of a chain.
func (b *block) chainable(n *flatNode) bool {
	if n.op.Info().Class != ugraph.Elementwise || len(n.results) != 1 || b.values[n.results[0]].kind != inF32 {
		return false
	}
	for _, a := range n.args {
		if b.values[a].kind != inF32 {
			return false
		}
	}
	switch n.op {
	case ugraph.OpCast: // the others are views
		return b.values[n.results[0]].dtype != ugraph.F32
	case ugraph.OpWhere, ugraph.OpUniform:
		return false
	}
	return len(n.args) <= 2
}

// chainReduces tells whether a node is a reduction over the last axis alone.
func (b *block) chainReduces(n *flatNode) bool {
	if n.op.Info().Class != ugraph.Reduction || b.values[n.args[0]].kind != inF32 {
		return false
	}
	rank := b.values[n.args[0]].rank
	axes, err := ugraph.ReduceAxes(n.attrs, rank)
	return err == nil && len(axes) == 1 && axes[0] == rank-1
}

func (b *block) sameShape(u, v int) bool {
	x, y := &b.values[u], &b.values[v]
	if x.rank != y.rank || x.dims != y.dims || len(x.cuts) != len(y.cuts) {
		return false
	}
	for i := range x.cuts {
		if x.cuts[i] != y.cuts[i] {
			return false
		}
	}
	return true
}

// group orders the nodes of a phase and joins chains: a list of lists, each of one node or a chain.
// Loads come first, so that no chain waits for one; a node that follows a chain may join it where
// everything it reads was there when the chain began.
func (b *block) group(nodes []int) [][]int {
	var order, rest []int
	hoisted := map[int]bool{}
	for _, i := range nodes {
		n := &b.flat.nodes[i]
		load := n.op == ugraph.OpLoad && b.flat.def[n.args[0]] < 0 ||
			n.op == ugraph.OpCast && b.values[n.results[0]].dtype == ugraph.F32 && hoisted[n.args[0]]
		if load {
			hoisted[n.results[0]] = true
			order = append(order, i)
		} else {
			rest = append(rest, i)
		}
	}
	order = append(order, rest...)
	var out [][]int
	used := map[int]bool{}
	for p, i := range order {
		if used[i] {
			continue
		}
		g := []int{i}
		used[i] = true
		if n := &b.flat.nodes[i]; b.chainable(n) {
			g = b.joinChain(g, order[p+1:], used)
		}
		out = append(out, g)
	}
	return out
}

// joinChain adds the later nodes that may be computed together with the first.
func (b *block) joinChain(g, later []int, used map[int]bool) []int {
	first := b.flat.nodes[g[0]].results[0]
	inside, pending := map[int]bool{first: true}, map[int]bool{}
	for _, j := range later { // values that are not there yet
		if !used[j] {
			for _, r := range b.flat.nodes[j].results {
				pending[r] = true
			}
		}
	}
	tiles := len(b.flat.nodes[g[0]].args) + 1
	sums := 0
	for _, j := range later {
		n := &b.flat.nodes[j]
		if used[j] {
			continue
		}
		ok, extra := b.chainable(n) && b.sameShape(n.results[0], first), 1
		if !ok && b.chainReduces(n) && inside[n.args[0]] && sums < maxChainSums {
			ok, extra = true, 0
			sums++
		}
		for _, a := range n.args {
			ok = ok && (inside[a] || !pending[a])
			if !inside[a] {
				extra++
			}
		}
		if !ok || tiles+extra > maxChainTiles {
			continue
		}
		tiles += extra
		g, used[j] = append(g, j), true
		if n.op.Info().Class == ugraph.Elementwise { // a reduction is complete only after the chain
			inside[n.results[0]] = true
			delete(pending, n.results[0])
		}
	}
	return g
}

// compileChain makes the step of a chain.
func (b *block) compileChain(nodes []int) (*chain, error) {
	c := &chain{of: b.flat.nodes[nodes[0]].results[0]}
	inside := map[int]int{} // value -> uses inside
	for _, i := range nodes {
		if n := &b.flat.nodes[i]; n.op.Info().Class == ugraph.Elementwise {
			inside[n.results[0]] = 0
		}
	}
	last := map[int]int{} // value -> position of its last reader
	for p, i := range nodes {
		for _, a := range b.flat.nodes[i].args {
			if _, ok := inside[a]; ok {
				inside[a]++
				last[a] = p
			}
		}
	}
	ref := map[int]chainRef{}
	for _, i := range nodes {
		for _, a := range b.flat.nodes[i].args {
			if _, ok := inside[a]; !ok {
				if _, ok := ref[a]; !ok {
					ref[a] = chainRef(len(c.ins))
					c.ins = append(c.ins, a)
				}
			}
		}
	}
	private := func(v int) bool { n, ok := inside[v]; return ok && n == b.flat.uses[v] }
	for _, i := range nodes {
		if v := b.flat.nodes[i].results[0]; b.flat.nodes[i].op.Info().Class == ugraph.Elementwise && !private(v) {
			ref[v] = chainRef(len(c.ins) + len(c.outs))
			c.outs = append(c.outs, v)
		}
	}
	// A difference, square, product or quotient that one node alone reads is computed by that node.
	folded := map[int]*flatNode{}
	fold := func(v int, ops ...ugraph.Op) bool {
		d := b.definition(v)
		if d == nil || inside[v] != 1 || !private(v) || !slices.Contains(ops, d.op) {
			return false
		}
		folded[v] = d
		for _, a := range d.args {
			if _, ok := inside[a]; ok {
				last[a] = max(last[a], last[v])
			}
		}
		return true
	}
	for _, i := range nodes {
		switch n := &b.flat.nodes[i]; n.op {
		case ugraph.OpExp:
			fold(n.args[0], ugraph.OpSub)
		case ugraph.OpSum, ugraph.OpMean:
			fold(n.args[0], ugraph.OpSquare)
		case ugraph.OpAdd:
			if !fold(n.args[0], ugraph.OpMul, ugraph.OpDiv) {
				fold(n.args[1], ugraph.OpMul, ugraph.OpDiv)
			}
		}
	}
	// Reductions read their operands when the whole piece has passed: those keep their place.
	kept := map[int]bool{}
	for _, i := range nodes {
		if n := &b.flat.nodes[i]; n.op.Info().Class == ugraph.Reduction {
			kept[n.args[0]] = true
			if d := folded[n.args[0]]; d != nil {
				for _, a := range d.args {
					kept[a] = true
				}
			}
		}
	}
	var free []chainRef
	take := func() chainRef {
		if n := len(free); n > 0 {
			r := free[n-1]
			free = free[:n-1]
			return r
		}
		c.slots++
		return ^chainRef(c.slots - 1)
	}
	release := func(p int, args []int) {
		for _, a := range args {
			if last[a] == p && private(a) && !kept[a] {
				if _, ok := folded[a]; !ok {
					free = append(free, ref[a])
					last[a] = -1
				}
			}
		}
	}
	expOf := map[int]int{} // value -> op
	for p, i := range nodes {
		n := &b.flat.nodes[i]
		v := n.results[0]
		if n.op.Info().Class == ugraph.Reduction {
			s := b.chainSumOf(n)
			args := n.args
			if d := folded[n.args[0]]; d != nil {
				s.square, args = true, d.args
				s.run = kernel.SumSquares
			}
			s.of = ref[args[0]]
			if o, ok := expOf[n.args[0]]; ok && (n.op == ugraph.OpSum || n.op == ugraph.OpMean) && c.ops[o].sum < 0 {
				c.ops[o].sum, s.given = len(c.sums), true
			}
			c.sums = append(c.sums, s)
			continue
		}
		if folded[v] != nil {
			continue
		}
		op := chainOp{sum: -1}
		args := n.args
		kind := n.op
		if n.op == ugraph.OpAdd {
			for k, a := range n.args {
				if d := folded[a]; d != nil {
					op.mulAdd, op.addend, kind = true, ref[n.args[1-k]], d.op
					args = d.args
					break
				}
			}
		} else if d := folded[n.args[0]]; d != nil {
			op.expSub, args = true, d.args
			expOf[v] = len(c.ops)
		}
		op.a = ref[args[0]]
		if len(args) == 2 {
			op.b = ref[args[1]]
			if !op.expSub {
				k, ok := kernel.BinaryOpByName(kind.String())
				if !ok {
					return nil, unsupported(n.op)
				}
				op.binary = k
			}
		} else {
			f, err := b.unaryRun(n)
			if err != nil {
				return nil, err
			}
			op.unary = f
		}
		release(p, args)
		if op.mulAdd {
			release(p, n.args)
		}
		if private(v) {
			ref[v] = take()
		}
		op.dst = ref[v]
		c.ops = append(c.ops, op)
	}
	for v := range inside {
		if private(v) {
			b.inChain[v] = true
		}
	}
	return c, nil
}

func (b *block) chainSumOf(n *flatNode) chainSum {
	s := chainSum{value: n.results[0]}
	switch n.op {
	case ugraph.OpMax:
		s.init, s.run, s.join = float32(math.Inf(-1)), kernel.Max, func(a, b float32) float32 { return max(a, b) }
	case ugraph.OpMin:
		s.init, s.run, s.join = float32(math.Inf(1)), kernel.Min, func(a, b float32) float32 { return min(a, b) }
	default:
		s.run, s.join = kernel.Sum, func(a, b float32) float32 { return a + b }
		s.mean = n.op == ugraph.OpMean
	}
	return s
}
