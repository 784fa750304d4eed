package ugraph

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// Hash is the structural hash of a graph: its symbols with their bounds, inputs (element types,
// shapes, const), operators, attributes, edges and outputs, bodies included; not the names of values.
func Hash(g *Graph) string {
	h := sha256.New()
	writeGraph(h, g)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func writeGraph(h hash.Hash, g *Graph) {
	fmt.Fprintf(h, "graph %d\n", g.Level)
	for _, s := range g.Symbols {
		fmt.Fprintf(h, "symbol %s %d %d %d\n", s.Name, s.Lo, s.Hi, s.Multiple)
	}
	for _, d := range g.Grid {
		fmt.Fprintf(h, "grid %s %d %d\n", d.Extent, d.Tile, d.Parts)
	}
	if g.Loop != nil {
		fmt.Fprintf(h, "loop %s %d %d\n", g.Loop.Extent, g.Loop.Tile, g.Loop.Parts)
	}
	// Values are numbered by first appearance, so that unused slots do not matter.
	ids := make([]int, len(g.Values))
	next := 1
	number := func(v ValueID) int {
		if ids[v] == 0 {
			ids[v] = next
			next++
		}
		return ids[v]
	}
	for _, in := range g.Inputs {
		fmt.Fprintf(h, "input %d %s %v\n", number(in.Value), g.Values[in.Value].Type, in.Const)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		fmt.Fprintf(h, "node %s {%s}", n.Op, n.Attrs)
		for _, a := range n.Args {
			fmt.Fprintf(h, " %d", number(a))
		}
		fmt.Fprint(h, " ->")
		for _, r := range n.Results {
			fmt.Fprintf(h, " %d", number(r))
		}
		fmt.Fprintln(h)
		if n.Body != nil {
			writeGraph(h, n.Body)
		}
	}
	for _, o := range g.Outputs {
		fmt.Fprintf(h, "output %d", number(o.Value))
		if s := o.Store; s != nil {
			fmt.Fprintf(h, " store %v %d %s", s.Grid, s.Loop, s.Reduce)
		}
		fmt.Fprintln(h)
	}
}

// Equal tells whether two graphs are the same, names included.
func Equal(a, b *Graph) bool { return Diff(a, b) == "" }

// Diff describes the first difference of two graphs, or is "". A value is compared by what defines it
// (an input, or a result of a node), so the numbering of the values does not matter.
func Diff(a, b *Graph) string {
	switch {
	case a.Level != b.Level:
		return fmt.Sprintf("level %s and %s", a.Level, b.Level)
	case a.Name != b.Name || a.For != b.For:
		return fmt.Sprintf("name %q for %q and %q for %q", a.Name, a.For, b.Name, b.For)
	case fmt.Sprint(a.Symbols) != fmt.Sprint(b.Symbols):
		return fmt.Sprintf("symbols %v and %v", a.Symbols, b.Symbols)
	case len(a.Grid) != len(b.Grid), len(a.Inputs) != len(b.Inputs), len(a.Outputs) != len(b.Outputs), len(a.Nodes) != len(b.Nodes), len(a.Values) != len(b.Values):
		return fmt.Sprintf("%d grid dimensions, %d inputs, %d outputs, %d nodes, %d values and %d, %d, %d, %d, %d",
			len(a.Grid), len(a.Inputs), len(a.Outputs), len(a.Nodes), len(a.Values), len(b.Grid), len(b.Inputs), len(b.Outputs), len(b.Nodes), len(b.Values))
	case (a.Loop == nil) != (b.Loop == nil) || a.Loop != nil && *a.Loop != *b.Loop:
		return "the loops differ"
	}
	for i := range a.Grid {
		if a.Grid[i] != b.Grid[i] {
			return fmt.Sprintf("grid dimension %v and %v", a.Grid[i], b.Grid[i])
		}
	}
	same := func(x, y ValueID) string {
		if int(x) >= len(a.Values) || int(y) >= len(b.Values) || x < 0 || y < 0 {
			return fmt.Sprintf("value %d and %d: no such value", x, y)
		}
		v, w := a.Values[x], b.Values[y]
		if v.Name != w.Name || !v.Type.Equal(w.Type) || v.Node != w.Node || v.Index != w.Index {
			return fmt.Sprintf("value %d: %s %s and %s %s", x, v.Name, v.Type, w.Name, w.Type)
		}
		return ""
	}
	all := func(xs, ys []ValueID) string {
		if len(xs) != len(ys) {
			return fmt.Sprintf("%d and %d values", len(xs), len(ys))
		}
		for i := range xs {
			if d := same(xs[i], ys[i]); d != "" {
				return d
			}
		}
		return ""
	}
	for i := range a.Inputs {
		if d := same(a.Inputs[i].Value, b.Inputs[i].Value); d != "" || a.Inputs[i].Const != b.Inputs[i].Const {
			return fmt.Sprintf("input %d: %s", i, d)
		}
	}
	for i := range a.Nodes {
		x, y := &a.Nodes[i], &b.Nodes[i]
		if x.Op != y.Op || !EqualAttrs(x.Attrs, y.Attrs) || (x.Body == nil) != (y.Body == nil) {
			return fmt.Sprintf("node %d: %s%v {%s} and %s%v {%s}", i, x.Op, x.Args, x.Attrs, y.Op, y.Args, y.Attrs)
		}
		for _, d := range []string{all(x.Args, y.Args), all(x.Results, y.Results)} {
			if d != "" {
				return fmt.Sprintf("node %d (%s): %s", i, x.Op, d)
			}
		}
		if x.Body != nil {
			if d := Diff(x.Body, y.Body); d != "" {
				return fmt.Sprintf("node %d: %s", i, d)
			}
		}
	}
	for i := range a.Outputs {
		x, y := a.Outputs[i], b.Outputs[i]
		if d := same(x.Value, y.Value); d != "" || x.Name != y.Name || (x.Store == nil) != (y.Store == nil) {
			return fmt.Sprintf("output %d: %s and %s: %s", i, x.Name, y.Name, d)
		}
		if x.Store != nil && fmt.Sprint(*x.Store) != fmt.Sprint(*y.Store) {
			return fmt.Sprintf("output %s: store %v and %v", x.Name, *x.Store, *y.Store)
		}
	}
	return ""
}
