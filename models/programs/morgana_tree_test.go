package programs

import "math/rand/v2"

// draftTree is a tree with its nodes in depth-first order: the parent of each (-1: the root), and the
// number behind its last descendant.
type draftTree struct {
	parent []int
	post   []float64
}

// newTree draws a tree of n nodes.
func newTree(r *rand.Rand, n int) draftTree {
	t := draftTree{make([]int, n), make([]float64, n)}
	for i := range n {
		t.parent[i] = i - 1
		for up := r.IntN(3); up > 0 && t.parent[i] > 0; up-- {
			t.parent[i] = t.parent[t.parent[i]]
		}
		for a := i; a >= 0; a = t.parent[a] {
			t.post[a] = float64(i + 1)
		}
	}
	return t
}

// above tells by walking up whether node k is an ancestor of q, or q itself.
func (t draftTree) above(k, q int) bool {
	for ; q >= 0; q = t.parent[q] {
		if q == k {
			return true
		}
	}
	return false
}

// treesOf are the trees of a case's requests; prepare and want see the same ones.
func treesOf(requests, nodes int) []draftTree {
	r := rand.New(rand.NewPCG(5, 6))
	trees := make([]draftTree, requests)
	for b := range trees {
		trees[b] = newTree(r, nodes)
	}
	return trees
}

// In the one cache of tree_attention the prefix comes first, then the tree's nodes in falling order, then
// rows that are not in use; the queries are in rising order.
const (
	treeNodes = 7
	cacheRows = 16
)

var prefixOf = []int{4, 0, 9}

var treeReferences = []reference{
	{formula: "tree_attention", sizes: "B=3 H=6 G=2 T=7 S=16 D=5",
		prepare: func(_ *rand.Rand, in named) {
			for b, tree := range treesOf(3, treeNodes) {
				pre, post := in["pre"].row(b, 0, 0), in["post"].row(b, 0, 0)
				for s := range prefixOf[b] {
					post[s] = treeNodes
				}
				for n := range treeNodes {
					in["node"].v[b*treeNodes+n] = float64(n)
					s := prefixOf[b] + treeNodes - 1 - n
					pre[s], post[s] = float64(n), tree.post[n]
				}
			}
		},
		want: func(in named) named {
			trees := treesOf(3, treeNodes)
			return named{"O": only(in["Q"], in["K"], in["V"], func(b, t, s int) bool {
				n := prefixOf[b] + treeNodes - 1 - s
				return n >= treeNodes || n >= 0 && trees[b].above(n, t)
			})}
		}},
	{formula: "tree_attention_split", sizes: "B=3 G=2 M=3 T=7 S=9 D=5",
		prepare: func(_ *rand.Rand, in named) {
			for b, tree := range treesOf(3, treeNodes) {
				in["length"].v[b] = float64(prefixOf[b])
				copy(in["post"].row(b, 0, 0, 0), tree.post)
				for n := range treeNodes {
					in["pre"].row(b, 0, 0, 0)[n] = float64(n)
				}
			}
		},
		want: func(in named) named {
			const prefix = 9
			trees := treesOf(3, treeNodes)
			joined := func(p, t array) array {
				return filled(func(i []int) float64 {
					if i[2] < prefix {
						return p.at(i[0], i[1], 0, i[2], i[3])
					}
					return t.at(i[0], i[1], 0, i[2]-prefix, i[3])
				}, 3, 2, cacheRows, 5)
			}
			o := only(in["Q"].reshaped(3, 6, treeNodes, 5), joined(in["Kp"], in["Kt"]), joined(in["Vp"], in["Vt"]), func(b, t, s int) bool {
				if s < prefix {
					return s < prefixOf[b]
				}
				return trees[b].above(s-prefix, t)
			})
			return named{"O": o.reshaped(3, 2, 3, treeNodes, 5)}
		}},
}
