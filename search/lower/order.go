package lower

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// exactOrder bounds the operators of a phase whose best order is found exactly: the search walks
// all sets of operators that an order may begin with.
const exactOrder = 14

// reorder sorts the nodes by phase and, within a phase, into the order with the fewest bytes live at
// once: exactly for small phases, else greedily unless the given order is better.
func reorder(g *ugraph.Graph) (*ugraph.Graph, error) {
	phases, _ := ugraph.Phases(g)
	byPhase := map[ugraph.Phase][]int{}
	var literals []int // before everything, in an order of their own
	for i := range g.Nodes {
		if g.Nodes[i].Op == ugraph.OpConst {
			literals = append(literals, i)
			continue
		}
		p := phases[g.Nodes[i].Results[0]]
		if g.Nodes[i].Op == ugraph.OpAccum { // it is updated in the loop
			p = ugraph.InLoop
		}
		byPhase[p] = append(byPhase[p], i)
	}
	slices.SortStableFunc(literals, func(a, b int) int { return cmp.Compare(g.Nodes[a].Attrs.String(), g.Nodes[b].Attrs.String()) })
	w := newWriter(g)
	for _, i := range literals {
		if err := w.node(g.Nodes[i], g.Nodes[i].Results); err != nil {
			return nil, err
		}
	}
	for _, p := range []ugraph.Phase{ugraph.Whole, ugraph.Before, ugraph.InLoop, ugraph.After} {
		for _, i := range bestOrder(g, byPhase[p]) {
			if err := w.node(g.Nodes[i], g.Nodes[i].Results); err != nil {
				return nil, err
			}
		}
	}
	return w.finish(), nil
}

// phaseGraph is what ordering needs of the nodes of a phase.
type phaseGraph struct {
	before [][]int // nodes of the phase that must come first
	bytes  []int64 // of a node's results
	frees  []int   // number of readers in the phase; -1: live to its end
	reads  [][]int // distinct nodes whose results it reads
}

func newPhaseGraph(g *ugraph.Graph, nodes []int) *phaseGraph {
	at := map[int]int{}
	for k, i := range nodes {
		at[i] = k
	}
	p := &phaseGraph{before: make([][]int, len(nodes)), bytes: make([]int64, len(nodes)), frees: make([]int, len(nodes)), reads: make([][]int, len(nodes))}
	for k, i := range nodes {
		n := &g.Nodes[i]
		for _, r := range n.Results {
			p.bytes[k] += tileBytes(g.Values[r].Type)
		}
		if n.Op == ugraph.OpAccum {
			p.bytes[k] = 0 // an accumulator is live throughout
		}
		for _, a := range n.Args {
			if j, ok := at[int(g.Values[a].Node)]; ok && !slices.Contains(p.before[k], j) {
				p.before[k] = append(p.before[k], j)
				p.reads[k] = append(p.reads[k], j)
				if p.frees[j] >= 0 {
					p.frees[j]++
				}
			}
		}
	}
	inside := map[ugraph.NodeID]bool{}
	for _, i := range nodes {
		inside[ugraph.NodeID(i)] = true
	}
	keep := func(v ugraph.ValueID) {
		if k, ok := at[int(g.Values[v].Node)]; ok {
			p.frees[k] = -1
		}
	}
	for i := range g.Nodes {
		if !inside[ugraph.NodeID(i)] {
			for _, a := range g.Nodes[i].Args {
				keep(a)
			}
		}
	}
	for _, o := range g.Outputs {
		keep(o.Value)
	}
	return p
}

// tileBytes is the size of a tile, with symbols counted as 256.
func tileBytes(t ugraph.Type) int64 {
	n := t.DType.Size()
	for _, d := range t.Shape {
		e, ok := d.Const()
		if !ok {
			e = 256
		}
		n *= e
	}
	return n
}

// bestOrder is the order of the given nodes.
func bestOrder(g *ugraph.Graph, nodes []int) []int {
	if len(nodes) < 3 {
		return nodes
	}
	p := newPhaseGraph(g, nodes)
	given := make([]int, len(nodes))
	for i := range given {
		given[i] = i
	}
	order := given
	if len(nodes) <= exactOrder {
		if o, ok := p.exact(p.peak(given)); ok {
			order = o
		}
	} else if o := p.greedy(); p.peak(o) < p.peak(given) {
		order = o
	}
	out := make([]int, len(nodes))
	for k, i := range order {
		out[k] = nodes[i]
	}
	return out
}

// peak is the most bytes live at once under an order.
func (p *phaseGraph) peak(order []int) int64 {
	left := slices.Clone(p.frees)
	var live, most int64
	for _, k := range order {
		live += p.bytes[k]
		most = max(most, live)
		for _, r := range p.reads[k] {
			if left[r] > 0 {
				if left[r]--; left[r] == 0 {
					live -= p.bytes[r]
				}
			}
		}
	}
	return most
}

func (p *phaseGraph) greedy() []int {
	left := slices.Clone(p.frees)
	done := make([]bool, len(p.bytes))
	var out []int
	for len(out) < len(done) {
		best, bestCost := -1, int64(0)
		for k := range done {
			if done[k] || slices.ContainsFunc(p.before[k], func(j int) bool { return !done[j] }) {
				continue
			}
			cost := p.bytes[k]
			for _, r := range p.reads[k] {
				if left[r] == 1 {
					cost -= p.bytes[r]
				}
			}
			if best < 0 || cost < bestCost {
				best, bestCost = k, cost
			}
		}
		done[best] = true
		for _, r := range p.reads[best] {
			if left[r] > 0 {
				left[r]--
			}
		}
		out = append(out, best)
	}
	return out
}

// exact finds an order whose peak is least and below the given one, by dynamic programming over the
// sets of nodes that are closed under "before": what is live depends on the set alone.
func (p *phaseGraph) exact(given int64) ([]int, bool) {
	n := len(p.bytes)
	need := make([]uint32, n)
	readers := make([]uint32, n)
	for k := range need {
		for _, j := range p.before[k] {
			need[k] |= 1 << j
		}
		for _, r := range p.reads[k] {
			readers[r] |= 1 << k
		}
	}
	live := func(set uint32) int64 {
		var b int64
		for s := set; s != 0; s &= s - 1 {
			k := bits.TrailingZeros32(s)
			if p.frees[k] < 0 || readers[k]&^set != 0 || readers[k] == 0 {
				b += p.bytes[k]
			}
		}
		return b
	}
	const none = int64(-1)
	best := make([]int64, 1<<n)
	last := make([]int8, 1<<n)
	for i := range best {
		best[i] = none
	}
	best[0] = 0
	for set := uint32(0); set < 1<<n; set++ {
		if best[set] == none {
			continue
		}
		now := live(set)
		for k := 0; k < n; k++ {
			if set>>k&1 != 0 || need[k]&^set != 0 {
				continue
			}
			next := set | 1<<k
			cost := max(best[set], now+p.bytes[k])
			if best[next] == none || cost < best[next] {
				best[next], last[next] = cost, int8(k)
			}
		}
	}
	full := uint32(1)<<n - 1
	if best[full] >= given {
		return nil, false
	}
	out := make([]int, 0, n)
	for set := full; set != 0; set &^= 1 << last[set] {
		out = append(out, int(last[set]))
	}
	slices.Reverse(out)
	return out, true
}
