package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// An entry of the real size asks for the indices that it needs. Others are looked up when the graph runs, by an
// operator that nothing depends on, or of which a slice or a where takes another part; one that leaves its range
// is an error there. So all indices that the candidate alone computes are evaluated (a moved input: leavesRange).

// lookup is an axis that is indexed by a computed value.
type lookup struct {
	sig    string // of the index
	extent ugraph.Dim
	node   *ugraph.Node
	inner  bool // the index is computed in a block
}

// lookups lists the gathers and scatters of a graph, and of the graphs in it, whose index is no moved input. moved
// says which inputs of g are moved inputs of the program, inner which were computed in a block.
func lookups(g *ugraph.Graph, sigs []string, moved, inner []bool) []lookup {
	m, in := make([]bool, len(g.Values)), make([]bool, len(g.Values))
	for i, x := range g.Inputs {
		m[x.Value], in[x.Value] = moved[i], inner[i]
	}
	sig := signatures(g, sigs)
	var out []lookup
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args, text, ins := make([]bool, len(n.Args)), make([]string, len(n.Args)), make([]bool, len(n.Args))
		all := len(n.Args) > 0
		some := g.Level != ugraph.KernelLevel
		for k, a := range n.Args {
			args[k], text[k], ins[k] = m[a], sig[a], in[a]
			all, some = all && m[a], some || in[a]
		}
		if n.Body != nil {
			out = append(out, lookups(n.Body, text, args, ins)...)
			continue // what a kernel makes counts as computed
		}
		if n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd {
			if k := n.Args[1]; !m[k] {
				ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
				out = append(out, lookup{sig[k], g.Value(n.Args[0]).Shape[ax], n, in[k] || g.Level != ugraph.KernelLevel})
			}
		}
		keeps := n.Op == ugraph.OpLoad || n.Op.Info().Class == ugraph.Movement && n.Op != ugraph.OpGather && n.Op != ugraph.OpScatterAdd
		for _, r := range n.Results {
			m[r], in[r] = keeps && all, some
		}
	}
	return out
}

// ownLookups are those of the candidate that the program does not make, of an axis that is no longer.
func (c *check) ownLookups() []lookup {
	of := func(g *ugraph.Graph, input func(k int) int) []lookup {
		sigs, moved := make([]string, len(g.Inputs)), make([]bool, len(g.Inputs))
		for k := range g.Inputs {
			sigs[k], moved[k] = inputName(input(k)), true
		}
		return lookups(g, sigs, moved, make([]bool, len(g.Inputs)))
	}
	as := of(c.a, func(k int) int { return k })
	var own []lookup
	for _, b := range of(c.b, func(k int) int { return c.m.inputs[k] }) {
		n, number := b.extent.Const()
		if slices.ContainsFunc(as, func(a lookup) bool {
			m, ok := a.extent.Const()
			return a.sig == b.sig && (a.extent == b.extent || ok && number && m <= n)
		}) {
			continue
		}
		own = append(own, b)
	}
	return own
}

// watched are the operators of which entries of the real size evaluate all indices.
func (c *check) watched() (map[*ugraph.Node]bool, error) {
	nodes := map[*ugraph.Node]bool{}
	for _, b := range c.ownLookups() {
		if b.inner {
			return nil, &errUndecided{fmt.Sprintf("%s: the candidate computes an index in a block for an axis of extent %s, and entries show no range of it", b.node.Op, b.extent)}
		}
		nodes[b.node] = true
	}
	return nodes, nil
}

// unusedLookup says which index the candidate alone computes for an operator that no output depends on: a proof piece
// by piece does not see it.
func (c *check) unusedLookup() string {
	used := map[*ugraph.Node]bool{}
	findUsed(c.b, used)
	for _, b := range c.ownLookups() {
		if !used[b.node] {
			return fmt.Sprintf("%s: no output of the candidate depends on it, and the index that it computes for an axis of extent %s may leave its range: remove it", b.node.Op, b.extent)
		}
	}
	return ""
}

// findUsed adds the operators of a graph, and of the graphs in it, that its outputs depend on.
func findUsed(g *ugraph.Graph, used map[*ugraph.Node]bool) {
	live := make([]bool, len(g.Values))
	for _, o := range g.Outputs {
		live[o.Value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] }) {
			continue
		}
		used[n] = true
		for _, a := range n.Args {
			live[a] = true
		}
		if n.Body != nil {
			findUsed(n.Body, used)
		}
	}
}

// allInRange evaluates every entry of an index.
func (z *lazyEngine[V]) allInRange(n *ugraph.Node, table, idx *lazyTensor[V]) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(table.shape))
	if err != nil {
		z.fail(err)
		return
	}
	for k := range elements(idx.shape) {
		if j := z.at(idx, k).i; j < 0 || j >= int64(table.shape[ax]) {
			z.fail(&errUndecided{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, table.shape[ax]-1)})
		}
		if z.bad != nil {
			return
		}
	}
}
