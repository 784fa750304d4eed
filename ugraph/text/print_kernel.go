package text

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// holder prints a statement with a kernel or thread graph.
func (p *printer) holder(n *ugraph.Node) {
	in := &printer{g: n.Body, depth: p.depth + 1}
	in.reserve()
	binds := make([]string, len(n.Args))
	for i, a := range n.Args {
		outer, inner := p.name(a), n.Body.Inputs[i].Value
		// A value without a name inside takes the made-up name that it has outside, where it has one.
		if in.names[inner] == "" && ugraph.MadeUpName(outer) && !in.taken[outer] {
			in.names[inner], in.taken[outer] = outer, true
		}
		binds[i] = in.name(inner)
		if binds[i] != outer {
			binds[i] += "=" + outer
		}
	}
	var results []string
	for _, r := range n.Results {
		results = append(results, p.name(r))
	}
	name := ""
	if n.Body.Name != "" {
		name = " " + n.Body.Name
	}
	head := fmt.Sprintf("%s = %s%s(%s)", strings.Join(results, ", "), n.Op, name, strings.Join(binds, ", "))
	if n.Op == ugraph.OpThread {
		head += " -> (" + strings.Join(outputNames(n.Body), ", ") + ")"
	}
	if len(n.Body.Grid) > 0 {
		var dims []string
		for _, d := range n.Body.Grid {
			dims = append(dims, extentText(d))
		}
		head += " grid(" + strings.Join(dims, ", ") + ")"
	}
	if n.Body.Loop != nil {
		head += " loop(" + extentText(*n.Body.Loop) + ")"
	}
	p.line("%s {", head)
	in.body()
	p.out.WriteString(in.out.String())
	p.line("}")
}

func extentText(d ugraph.GridDim) string {
	if d.Parts > 0 {
		return fmt.Sprintf("%s: %d parts", d.Name, d.Parts)
	}
	return fmt.Sprintf("%s: %s by %d", d.Name, d.Extent, d.Tile)
}

// stores prints a block graph's stores. The values that wait are nested into them if they are just
// the stored ones, in order.
func (p *printer) stores() {
	var nested []ugraph.ValueID
	for _, o := range p.g.Outputs {
		if _, ok := p.text[o.Value]; ok {
			nested = append(nested, o.Value)
		}
	}
	same := len(nested) == len(p.waiting)
	for i := range nested {
		same = same && nested[i] == p.waiting[i]
	}
	if !same {
		p.flush(len(p.waiting))
	}
	for _, o := range p.g.Outputs {
		var place []string
		if s := o.Store; s != nil {
			for i, axis := range s.Grid {
				if axis >= 0 && i < len(p.g.Grid) {
					place = append(place, fmt.Sprintf("%s=%d", p.g.Grid[i].Name, axis))
				}
			}
			if s.Loop >= 0 {
				place = append(place, fmt.Sprintf("loop=%d", s.Loop))
			}
			if s.Reduce != "" {
				place = append(place, "reduce="+s.Reduce)
			}
		}
		where := ""
		if len(place) > 0 {
			where = "(" + strings.Join(place, ", ") + ")"
		}
		f, ok := p.text[o.Value]
		switch {
		case !ok:
			f.text = p.name(o.Value)
		case f.lit != "" && f.dtype == ugraph.F32:
			f.text = f.lit
		}
		p.line("store %s%s = %s", o.Name, where, f.text)
	}
}
