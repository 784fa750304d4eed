package verify

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file lists what gather and scatter_add index by what: tables.go asks how many rows meet in one entry, and
// lookup_range.go whether an index may leave its range.

// lookup is a gather or scatter_add.
type lookup struct {
	g       *ugraph.Graph
	node    *ugraph.Node
	axis    int           // of the first operand, that is indexed
	index   string        // its spelling; "": computed in tiles, of which nothing is spelled alike
	sources []indexSource // of the entries of the index
}

// extent is that of the axis that is indexed.
func (k *lookup) extent() ugraph.Dim { return k.g.Value(k.node.Args[0]).Shape[k.axis] }

// indexSource is where entries of an index come from: an input, or a value that is computed at the kernel level.
type indexSource struct {
	input int // −1: computed
	g     *ugraph.Graph
	v     ugraph.ValueID // the input's, or the computed value; −1: computed in a block
	sig   string
	part  string      // "": any entries of the input; else what they were taken by, spelled; inTiles: in tiles
	below *ugraph.Dim // entries are 0 … below−1; nil: not known
}

// inTiles is the part of an input of which only tiles say which entries they are.
const inTiles = "tiles"

// lookups are those of the program (side 0) or the candidate.
func (c *check) lookups(side int) []lookup {
	if c.looked == nil {
		c.looked = &[2][]lookup{}
		for side, g := range []*ugraph.Graph{c.a, c.b} {
			in := origins{from: make([][]indexSource, len(g.Inputs)), sig: make([]string, len(g.Inputs)), alike: make([]bool, len(g.Inputs))}
			for k, v := range g.Inputs {
				i := k
				if side == 1 {
					i = c.m.inputs[k]
				}
				in.sig[k], in.alike[k] = inputName(i), true
				in.from[k] = []indexSource{{input: i, g: g, v: v.Value, sig: in.sig[k]}}
			}
			follow(g, in, &c.looked[side])
		}
	}
	return c.looked[side]
}

// origins are those of some values: where their entries come from, their spelling, and whether the entries are among
// those that the program's value of that spelling has. Those of a tile computed from several others, or of a part or a
// sum of a tile, need not be.
type origins struct {
	from  [][]indexSource
	sig   []string
	alike []bool
}

// of are the origins of operands.
func (o *origins) of(args []ugraph.ValueID) origins {
	var out origins
	for _, a := range args {
		out.from, out.sig, out.alike = append(out.from, o.from[a]), append(out.sig, o.sig[a]), append(out.alike, o.alike[a])
	}
	return out
}

// follow follows entries through everything that only moves them, and adds the lookups of a graph and of the graphs in
// it. It returns the origins of the outputs.
func follow(g *ugraph.Graph, in origins, found *[]lookup) origins {
	n := len(g.Values)
	o := origins{from: make([][]indexSource, n), sig: signatures(g, in.sig), alike: make([]bool, n)}
	for i, x := range g.Inputs {
		o.from[x.Value], o.alike[x.Value] = in.from[i], in.alike[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Body != nil {
			inner := follow(n.Body, o.of(n.Args), found)
			for k, r := range n.Results {
				store := n.Body.Outputs[k].Store
				o.from[r], o.alike[r] = inner.from[k], inner.alike[k]
				switch {
				case g.Level != ugraph.KernelLevel:
				case slices.ContainsFunc(inner.from[k], func(x indexSource) bool { return x.v < 0 }) || store != nil && store.Reduce != "":
					// What blocks compute lies in memory behind them.
					o.from[r] = []indexSource{{input: -1, g: g, v: r, sig: o.sig[r]}}
					fallthrough
				default:
					o.alike[r] = inner.alike[k] && putBack(n.Body, k)
				}
			}
			continue
		}
		if n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd {
			ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
			k := lookup{g: g, node: n, axis: ax, sources: o.from[n.Args[1]]}
			if o.alike[n.Args[1]] {
				k.index = o.sig[n.Args[1]]
			}
			*found = append(*found, k)
		}
		moved, alike := o.moved(g, n), o.keeps(g, n)
		for k, r := range n.Results {
			if o.from[r], o.alike[r] = moved, alike; moved == nil {
				o.from[r] = []indexSource{o.computed(g, n, k)}
			}
			if takesPart[n.Op] {
				o.from[r] = slices.Clone(moved)
				for x := range o.from[r] {
					if o.from[r][x].part = o.sig[r]; !alike {
						o.from[r][x].part = inTiles
					}
				}
			}
		}
	}
	return o.of(outputValues(g))
}

// putBack tells whether a block graph stores the tiles of an output where they were cut from. The order of others is not
// spelled.
func putBack(body *ugraph.Graph, k int) bool {
	o := body.Outputs[k]
	if o.Store.Reduce != "" {
		return false
	}
	t := body.Value(o.Value)
	for ax := range t.Shape {
		cut := t.Cut(ax)
		if cut.Grid > 0 && o.Store.Grid[cut.Grid-1] != ax || cut.Loop != (o.Store.Loop == ax) {
			return false
		}
	}
	for gi, ax := range o.Store.Grid {
		if ax >= 0 && t.Cut(ax).Grid != gi+1 {
			return false // stacked
		}
	}
	return true
}

// takesPart are the operators that leave entries of their first operand out.
var takesPart = map[ugraph.Op]bool{ugraph.OpSlice: true, ugraph.OpSplit: true, ugraph.OpGather: true}

// moved is where the entries of an operator's results come from that only moves them; nil: it computes.
func (o *origins) moved(g *ugraph.Graph, n *ugraph.Node) []indexSource {
	switch {
	case n.Op == ugraph.OpGather:
		return o.from[n.Args[0]]
	case n.Op == ugraph.OpScatterAdd, len(n.Args) == 0, !moves(g, n), n.Op == ugraph.OpCast && !g.Value(n.Args[0]).DType.IsInt():
		return nil
	}
	var all []indexSource
	for _, a := range n.Args {
		all = joinSources(all, o.from[a])
	}
	return all
}

// moves tells whether an operator's results are entries of its operands, moved or cast to a wider type.
func moves(g *ugraph.Graph, n *ugraph.Node) bool {
	return n.Op == ugraph.OpLoad || n.Op.Info().Class == ugraph.Movement ||
		n.Op == ugraph.OpCast && g.Value(n.Results[0]).DType.Size() > g.Value(n.Args[0]).DType.Size()
}

// computed is the origin of the k-th result of an operator that computes it.
func (o *origins) computed(g *ugraph.Graph, n *ugraph.Node, k int) indexSource {
	r := n.Results[k]
	x := indexSource{input: -1, g: g, v: r, sig: o.sig[r]}
	if g.Level != ugraph.KernelLevel {
		x.v = -1
	}
	switch {
	case n.Op == ugraph.OpIota:
		x.below = &g.Value(r).Shape[0]
	case n.Op == ugraph.OpArgmax || n.Op == ugraph.OpTopK && k == 1:
		in := g.Value(n.Args[0])
		ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", -1), in.Rank())
		x.below = &in.Shape[ax]
	}
	return x
}

// keeps tells whether the results of an operator have entries of the values that are spelled so. In memory they do if
// the operands do; a tile of one operand does entry by entry.
func (o *origins) keeps(g *ugraph.Graph, n *ugraph.Node) bool {
	tiles := 0
	for _, a := range n.Args {
		if !o.alike[a] {
			return false
		}
		if g.Value(a).Rank() > 0 {
			tiles++
		}
	}
	return g.Level == ugraph.KernelLevel || n.Op == ugraph.OpLoad || n.Op == ugraph.OpConst || n.Op.Info().Class == ugraph.Elementwise && tiles == 1
}

// outputValues are the values of a graph's outputs.
func outputValues(g *ugraph.Graph) []ugraph.ValueID {
	out := make([]ugraph.ValueID, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = o.Value
	}
	return out
}

// joinSources is the union; values that are spelled alike are one.
func joinSources(a, b []indexSource) []indexSource {
	out := slices.Clone(a)
	for _, x := range b {
		k := slices.IndexFunc(out, func(y indexSource) bool {
			return x.sig == y.sig && x.input == y.input && (x.part == y.part || x.part == "" || y.part == "")
		})
		switch {
		case k < 0:
			out = append(out, x)
		case x.part == "":
			out[k].part = ""
		}
	}
	return out
}
