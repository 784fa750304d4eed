package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// classes is the colour of a box by the kind of its operator.
var classes = map[ugraph.Class]string{
	ugraph.Source:      "source",
	ugraph.Elementwise: "elementwise",
	ugraph.Contraction: "contraction",
	ugraph.Reduction:   "reduction",
	ugraph.Movement:    "movement",
	ugraph.Selection:   "movement",
	ugraph.Composite:   "composite",
	ugraph.Holder:      "holder",
	ugraph.BlockOnly:   "memory",
}

// legend lists the colours in the order in which the page explains them.
var legend = []struct{ Class, Text string }{
	{"io", "input, output"},
	{"io weight", "weight"},
	{"contraction", "product"},
	{"elementwise", "elementwise"},
	{"reduction", "reduction"},
	{"movement", "movement"},
	{"composite", "composite"},
	{"holder", "kernel, fused chain"},
	{"memory", "load, accumulator"},
}

func valueText(v *ugraph.Value) string {
	if v.Name == "" {
		return v.Type.String()
	}
	return shorten(v.Name, 12) + ": " + v.Type.String()
}

// shorten takes characters out of the middle of a text that has more than n: names differ at their ends
// as often as at their beginnings.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := n / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-head-1):])
}

func (d *drawing) inputShape(in ugraph.Input, passed string) shape {
	v := d.g.Value(in.Value)
	class := "io"
	if in.Const {
		class = "io weight"
	}
	name := v.Name
	if name == "" {
		name = passed
	}
	if name == "" {
		name = fmt.Sprintf("input %d", v.Index)
	}
	return shape{class: class, lines: []string{name, v.Type.String()}}
}

// outputShape is an output, or in a block graph the store that places its tiles.
func outputShape(g *ugraph.Graph, i int) shape {
	o := g.Outputs[i]
	if o.Store == nil {
		return shape{class: "io", lines: []string{o.Name, g.Value(o.Value).Type.String()}}
	}
	var where []string
	for d, axis := range o.Store.Grid {
		switch {
		case axis >= 0:
			where = append(where, fmt.Sprintf("%s→axis %d", g.Grid[d].Name, axis))
		case o.Store.Reduce != "":
			where = append(where, fmt.Sprintf("%s: %s", g.Grid[d].Name, o.Store.Reduce))
		}
	}
	if o.Store.Loop >= 0 {
		where = append(where, fmt.Sprintf("loop→axis %d", o.Store.Loop))
	}
	lines := []string{"store " + o.Name}
	if len(where) > 0 {
		lines = append(lines, strings.Join(where, ", "))
	}
	if t, err := g.OutputType(i); err == nil {
		lines = append(lines, t.String())
	}
	return shape{class: "io", lines: lines}
}

// nodeShape is an operator: its name with literal operands, its attributes, its result.
func nodeShape(g *ugraph.Graph, n *ugraph.Node) shape {
	info := n.Op.Info()
	title := []string{info.Name}
	var attrs []string
	class := classes[info.Class]
	switch n.Op {
	case ugraph.OpConst:
		title = append(title, n.Attrs.Num("value", ugraph.Int(0)).String())
	case ugraph.OpLoad:
		title = append(title, g.Value(n.Args[0]).Name)
		if cuts, ok := n.Attrs.Get("grid"); ok {
			for d, axis := range cuts.Ints {
				if axis >= 0 && d < len(g.Grid) {
					attrs = append(attrs, fmt.Sprintf("%s→axis %d", g.Grid[d].Name, axis))
				}
			}
		}
		if axis := n.Attrs.Int("loop", -1); axis >= 0 {
			attrs = append(attrs, fmt.Sprintf("loop→axis %d", axis))
		}
	case ugraph.OpAccum:
		switch {
		case len(n.Args) > 1:
			title = append(title, "sum, rescaled")
		default:
			title = append(title, n.Attrs.Word("kind", "sum"))
		}
	default:
		for _, a := range n.Attrs {
			attrs = append(attrs, attrText(a))
		}
	}
	if n.Body != nil {
		if name := bodyName(g, n); name != "" {
			title = append(title, name)
		}
		for _, d := range n.Body.Grid {
			attrs = append(attrs, "grid "+gridText(d))
		}
		if n.Body.Loop != nil {
			attrs = append(attrs, "loop "+gridText(*n.Body.Loop))
		}
	} else if len(attrs) > 0 {
		attrs = []string{strings.Join(attrs, ", ")}
	}
	for i, a := range n.Args {
		if c := g.Value(a); c.Node >= 0 && g.Node(c.Node).Op == ugraph.OpConst {
			value := g.Node(c.Node).Attrs.Num("value", ugraph.Int(0)).String()
			if i == 0 {
				title = append([]string{value}, title...)
			} else {
				title = append(title, value)
			}
		}
	}
	lines := append([]string{strings.Join(title, " ")}, attrs...)
	for i, r := range n.Results {
		if i == 3 {
			lines = append(lines, fmt.Sprintf("and %d more", len(n.Results)-i))
			break
		}
		lines = append(lines, valueText(g.Value(r)))
	}
	return shape{class: class, lines: lines}
}

// bodyName is what a kernel or thread graph is called; of several without a name a number tells which of the
// drawings below is whose.
func bodyName(g *ugraph.Graph, n *ugraph.Node) string {
	if n.Body.Name != "" {
		return n.Body.Name
	}
	at, all := 0, 0
	for i := range g.Nodes {
		if o := &g.Nodes[i]; o.Op == n.Op && o.Body != nil {
			if all++; o == n {
				at = all
			}
		}
	}
	if all < 2 {
		return ""
	}
	return strconv.Itoa(at)
}

// attrText is shorter than the language's form: "axis -1" for axis=[-1], "keepdims" for keepdims=true.
func attrText(a ugraph.Attr) string {
	switch {
	case a.Kind == ugraph.AttrBool && a.Bool:
		return a.Name
	case a.Kind == ugraph.AttrInts && len(a.Ints) == 1:
		return fmt.Sprintf("%s %d", a.Name, a.Ints[0])
	}
	return a.Name + " " + a.Value()
}

// gridText says how a dimension is cut: "n: 4096 by 96, 43 blocks".
func gridText(d ugraph.GridDim) string {
	if d.Parts > 0 {
		return fmt.Sprintf("%s: %d parts", d.Name, d.Parts)
	}
	if n, ok := d.Blocks().Const(); ok {
		return fmt.Sprintf("%s: %s by %d, %d×", d.Name, d.Extent, d.Tile, n)
	}
	return fmt.Sprintf("%s: %s by %d", d.Name, d.Extent, d.Tile)
}
