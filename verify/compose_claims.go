package verify

import (
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxClaims bounds the tensors of the program that one of the candidate is compared with.
const maxClaims = 8

// claims are views of tensors of the program that a tensor of the candidate may be: of as many elements, of the same
// inputs, with axes of the same extents in some order. The ones whose operators are most alike come
// first. Claims are only proposed; what is wrong with one is found when it is tried.
func (p *composition) claims(of ugraph.ValueID) []layout {
	t := p.b.g.Values[of].Type
	own := &p.n.classes[p.b.views[of].root]
	type proposal struct {
		layout
		far int
	}
	var out []proposal
	seen := map[string]bool{}
	add := func(v layout, far int) {
		v = v.reshaped(t.Shape)
		if k := v.key(); !seen[k] {
			seen[k] = true
			out = append(out, proposal{v, far})
		}
	}
	if want, ok := p.of[of]; ok {
		add(want, -1)
	}
	stop := func(v ugraph.ValueID) bool { return p.cut.at(p.b.views[v]) }
	inB := cone(p.b.g, of, stop)
	cuts := map[int]bool{}
	for i := range p.b.g.Nodes {
		if inB[i] {
			for _, a := range p.b.g.Nodes[i].Args {
				if stop(a) {
					cuts[p.b.views[a].root] = true
				}
			}
		}
	}
	mine := histogram(p.b.g, inB)
	for v := range p.a.g.Values {
		w := p.a.views[v]
		c := &p.n.classes[w.root]
		if c.depends != own.depends || kind(c.typ.DType) != kind(t.DType) || ugraph.Elements(w.shape) != ugraph.Elements(t.Shape) {
			continue
		}
		far := -1
		for _, perm := range matchings(w.shape, t.Shape) {
			x, ok := w.transposed(perm)
			if !ok {
				continue
			}
			if far < 0 {
				far = distance(mine, histogram(p.a.g, cone(p.a.g, c.value, func(u ugraph.ValueID) bool { return cuts[p.a.views[u].root] })))
			}
			add(x, far)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].far < out[j].far })
	views := make([]layout, 0, maxClaims)
	for _, o := range out[:min(len(out), maxClaims)] {
		views = append(views, o.layout)
	}
	return views
}

// maxOrders bounds the orders of axes that are tried for one tensor.
const maxOrders = 6

// matchings are the orders of the axes of a shape that make it another one, but for axes of extent 1; first that
// in which nothing moves, whatever the shapes.
func matchings(from, to []ugraph.Dim) [][]int {
	out := [][]int{identity(len(from))}
	var axes []int // of from, longer than 1
	for i, d := range from {
		if !d.Is(1) {
			axes = append(axes, i)
		}
	}
	var want []ugraph.Dim
	for _, d := range to {
		if !d.Is(1) {
			want = append(want, d)
		}
	}
	if len(want) != len(axes) {
		return out
	}
	var ones []int
	for i, d := range from {
		if d.Is(1) {
			ones = append(ones, i)
		}
	}
	var extend func(done []int)
	extend = func(done []int) {
		if len(out) >= maxOrders {
			return
		}
		if len(done) == len(want) {
			if !slices.Equal(done, axes) {
				out = append(out, append(slices.Clone(ones), done...))
			}
			return
		}
		for _, a := range axes {
			if from[a] == want[len(done)] && !slices.Contains(done, a) {
				extend(append(slices.Clone(done), a))
			}
		}
	}
	extend(nil)
	return out
}

// histogram counts the operators of some nodes, those in kernels too, but for what only moves entries.
func histogram(g *ugraph.Graph, in []bool) map[ugraph.Op]int {
	out := map[ugraph.Op]int{}
	var count func(g *ugraph.Graph, in []bool)
	count = func(g *ugraph.Graph, in []bool) {
		for i := range g.Nodes {
			n := &g.Nodes[i]
			switch class := n.Op.Info().Class; {
			case in != nil && !in[i]:
			case n.Body != nil:
				count(n.Body, nil)
			case class != ugraph.Movement && class != ugraph.BlockOnly && class != ugraph.Source:
				out[n.Op]++
			}
		}
	}
	count(g, in)
	return out
}

func distance(a, b map[ugraph.Op]int) int {
	far := 0
	for op, n := range a {
		far += max(n-b[op], b[op]-n)
	}
	for op, n := range b {
		if a[op] == 0 {
			far += n
		}
	}
	return far
}
