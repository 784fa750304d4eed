package partition

import (
	"math/bits"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// cellSet is a set of cells of a segment.
type cellSet uint64

func (s cellSet) has(c int) bool { return s>>c&1 != 0 }
func (s cellSet) len() int       { return bits.OnesCount64(uint64(s)) }

// cell is one operator, or several that no partition separates.
type cell struct {
	nodes        []int
	needs        cellSet // cells whose results it reads
	operators    int
	contractions int
	us           float64 // least time of its arithmetic on all units, microseconds
	reads        []int   // nodes that it reads: inputs of the program and results of other cells
	stores       float64 // bytes of the outputs of the program that it makes
}

// work lists the nodes that compute something and that an output depends on, in topological order.
func work(d *expr.DAG) []int {
	live := make([]bool, len(d.Nodes))
	for _, o := range d.Outputs {
		live[o.Node] = true
	}
	var out []int
	for i := len(d.Nodes) - 1; i >= 0; i-- {
		if !live[i] {
			continue
		}
		for _, a := range d.Nodes[i].Args {
			live[a] = true
		}
		if !isLeaf(d.Nodes[i].Op) {
			out = append(out, i)
		}
	}
	slices.Reverse(out)
	return out
}

// isLeaf tells whether a node is an input, or a constant or index that every group makes for itself.
func isLeaf(op ugraph.Op) bool {
	return op == ugraph.OpInvalid || op == ugraph.OpConst || op == ugraph.OpIota
}

// users lists, by node, the nodes of the list that read it.
func users(d *expr.DAG, nodes []int) [][]int {
	out := make([][]int, len(d.Nodes))
	for _, i := range nodes {
		for _, a := range d.Nodes[i].Args {
			if l := len(out[a]); l == 0 || out[a][l-1] != i {
				out[a] = append(out[a], i)
			}
		}
	}
	return out
}

// cellsOf groups nodes into cells: each its own, or condensed, where a node that one elementwise node of
// the same axes alone reads is of its cell. head[i] is the last node of node i's cell.
func cellsOf(d *expr.DAG, nodes []int, condense bool, maxOperators int) [][]int {
	use := users(d, nodes)
	output := make([]bool, len(d.Nodes))
	for _, o := range d.Outputs {
		output[o.Node] = true
	}
	in := make([]bool, len(d.Nodes))
	for _, i := range nodes {
		in[i] = true
	}
	head := make([]int, len(d.Nodes))
	size := make([]int, len(d.Nodes))
	for k := len(nodes) - 1; k >= 0; k-- {
		i := nodes[k]
		head[i] = i
		if condense && len(use[i]) == 1 && !output[i] {
			u := use[i][0]
			if d.Nodes[u].Over == 0 && d.Nodes[u].Axes == d.Nodes[i].Axes && size[head[u]] < maxOperators/2 {
				head[i] = head[u]
			}
		}
		size[head[i]]++
	}
	at := map[int]int{}
	var out [][]int
	for _, i := range nodes {
		c, ok := at[head[i]]
		if !ok {
			c = len(out)
			at[head[i]] = c
			out = append(out, nil)
		}
		out[c] = append(out[c], i)
	}
	// In the order of their last nodes, in which every cell follows those that it reads.
	slices.SortFunc(out, func(a, b []int) int { return a[len(a)-1] - b[len(b)-1] })
	return out
}

// isContraction tells whether a node is a sum of products of different axes.
func isContraction(d *expr.DAG, i int) bool {
	n := d.Nodes[i]
	switch n.Op {
	case ugraph.OpMatMul:
		return true
	case ugraph.OpSum:
		m := d.Nodes[n.Args[0]]
		return m.Op == ugraph.OpMul && m.Axes != d.Nodes[m.Args[0]].Axes && m.Axes != d.Nodes[m.Args[1]].Axes
	}
	return false
}
