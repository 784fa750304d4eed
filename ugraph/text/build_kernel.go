package text

import (
	"sort"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/morgana-ml/morgana/ugraph"
)

// gridDim is the index of the grid dimension of that name, or -1.
func (b *builder) gridDim(name string) int {
	for i, d := range b.g.Grid {
		if d.Name == name {
			return i
		}
	}
	return -1
}

// axis reads an attribute that names an axis.
func (b *builder) axis(a *attr) (int64, bool) {
	if a.One == nil {
		b.errorf(a.List.Pos, "%s= must be one axis", a.Name)
		return 0, false
	}
	n, ok := b.number(a.One)
	if !ok {
		return 0, false
	}
	v, ok := n.IsInt()
	if !ok || v < 0 {
		b.errorf(a.One.Pos, "%s=%s; an axis is counted from 0", a.Name, n)
		return 0, false
	}
	return v, true
}

// loadGrid gathers the attributes named after grid dimensions into grid=[…].
func (b *builder) loadGrid(attrs ugraph.Attrs) ugraph.Attrs {
	axes := make([]int64, len(b.g.Grid))
	for i := range axes {
		axes[i] = -1
	}
	var out ugraph.Attrs
	for _, a := range attrs {
		if gi := b.gridDim(a.Name); gi >= 0 {
			axes[gi], _ = a.Number.IsInt()
		} else {
			out = append(out, a)
		}
	}
	return out.With(ugraph.IntsAttr("grid", axes...))
}

// bindings makes the passed values inputs of an inner graph and returns them.
func (b *builder) bindings(inner *builder, binds []*bind) ([]ugraph.ValueID, bool) {
	ok := true
	var ids []ugraph.ValueID
	for _, bd := range binds {
		from := bd.Outer
		if from == nil {
			from = bd.Name
		}
		id, good := b.lookup(from)
		ok = ok && good
		name := bd.Name.Text
		if ugraph.MadeUpName(name) {
			name = ""
		}
		var t ugraph.Type
		if good {
			t = b.g.Values[id].Type
		}
		in := ugraph.ValueID(len(inner.g.Values))
		if !inner.define(bd.Name, in, !good) {
			ok = false
			continue
		}
		inner.g.AddInput(name, t, false)
		ids = append(ids, id)
	}
	return ids, ok
}

func (b *builder) kernel(d *def) {
	k := d.Kernel
	g := &ugraph.Graph{Level: ugraph.BlockLevel}
	in := newBuilder(b.reporter, g, b, k.Body)
	pos := d.Names[0].Pos
	if k.Name != nil {
		in.checkName(k.Name)
		g.Name, pos = k.Name.Text, k.Name.Pos
	}
	if b.g.Level != ugraph.KernelLevel || b.unit.Kind == "program" {
		b.errorf(pos, "a kernel belongs in the statements of a ugraph, not of a %s", b.place())
		b.bindResults(d.Names, nil, false)
		return
	}
	args, ok := b.bindings(in, k.Args)
	for _, e := range k.Grid {
		dim, good := b.extentCut(e)
		switch {
		case e.Name.Text == "loop" || e.Name.Text == "reduce":
			b.errorf(e.Name.Pos, "a grid dimension cannot be called %q", e.Name.Text)
			good = false
		case in.gridDim(e.Name.Text) >= 0:
			b.errorf(e.Name.Pos, "grid dimension %s is given twice", e.Name.Text)
			good = false
		}
		g.Grid, ok = append(g.Grid, dim), ok && good
	}
	if k.Loop != nil {
		dim, good := b.extentCut(k.Loop)
		g.Loop, ok = &dim, ok && good
	}
	before := len(b.list)
	if ok {
		in.statements(k.Body)
		if len(g.Outputs) == 0 && len(b.list) == before {
			b.errorf(k.Close.Pos, "the kernel stores nothing; add: store NAME = …")
		}
	}
	b.hold(d, pos, ugraph.OpKernel, args, g, ok && len(b.list) == before)
}

// place names the kind of graph that statements are in.
func (b *builder) place() string {
	if b.g.Level != ugraph.KernelLevel {
		return b.g.Level.String() + " graph"
	}
	return b.unit.Kind
}

// hold appends a node that holds a graph and names its results.
func (b *builder) hold(d *def, pos lexer.Position, op ugraph.Op, args []ugraph.ValueID, g *ugraph.Graph, ok bool) {
	var ids []ugraph.ValueID
	if ok {
		ids, ok = b.append(pos, ugraph.Node{Op: op, Args: args, Body: g})
	}
	if ok && len(ids) != len(d.Names) {
		b.errorf(pos, "the %s has %d output%s, the statement %d name%s", op, len(ids), plural(len(ids)), len(d.Names), plural(len(d.Names)))
		ok = false
	}
	b.bindResults(d.Names, ids, ok)
}

// extentCut reads name: extent by tile, or name: N parts.
func (b *builder) extentCut(e *extentCut) (ugraph.GridDim, bool) {
	d := ugraph.GridDim{Name: e.Name.Text}
	ok := b.checkName(e.Name)
	size, good := b.dim(e.Size)
	ok = ok && good
	if !ok {
		return d, false
	}
	n, isNumber := size.Const()
	if isNumber && n < 1 {
		b.errorf(e.Size.Pos, "%s: %d; it must be 1 or more", d.Name, n)
		return d, false
	}
	if e.Parts {
		if !isNumber {
			b.errorf(e.Size.Pos, "%s: the number of parts must be an integer, got %s", d.Name, size)
			return d, false
		}
		d.Parts = n
		return d, true
	}
	d.Extent = size
	d.Tile, ok = b.integer(e.Size.Pos, e.Tile)
	if ok && d.Tile < 1 {
		b.errorf(e.Size.Pos, "%s: tile %d; it must be 1 or more", d.Name, d.Tile)
		return d, false
	}
	return d, ok
}

func (b *builder) store(s *stmt) {
	st := s.Store
	if b.g.Level != ugraph.BlockLevel {
		b.errorf(s.Pos, "store occurs in kernels only; in a %s write %s = …", b.place(), st.Name.Text)
		return
	}
	b.checkName(st.Name)
	for _, o := range b.g.Outputs {
		if o.Name == st.Name.Text {
			b.errorf(st.Name.Pos, "%s is stored twice; each output has one store", st.Name.Text)
			return
		}
	}
	place := &ugraph.Store{Loop: -1, Grid: make([]int, len(b.g.Grid))}
	for i := range place.Grid {
		place.Grid[i] = -1
	}
	seen := map[string]bool{}
	ok := true
	for _, a := range st.Place {
		good := a.Attr != nil && !seen[a.Attr.Name]
		if !good {
			b.errorf(a.Pos, "store: expected GRID_DIMENSION=axis, loop=axis or reduce=sum, each once")
			ok = false
			continue
		}
		seen[a.Attr.Name] = true
		gi := b.gridDim(a.Attr.Name)
		switch {
		case gi >= 0:
			n, good := b.axis(a.Attr)
			place.Grid[gi], ok = int(min(n, 1<<30)), ok && good
		case a.Attr.Name == "loop":
			n, good := b.axis(a.Attr)
			place.Loop, ok = int(min(n, 1<<30)), ok && good
		case a.Attr.Name == "reduce":
			if a.Attr.One != nil {
				place.Reduce = a.Attr.One.word()
			}
			if place.Reduce != "sum" && place.Reduce != "max" && place.Reduce != "min" {
				b.errorf(a.Pos, "store: reduce= must be sum, max or min")
				ok = false
			}
		default:
			names := []string{"loop", "reduce"}
			for _, d := range b.g.Grid {
				names = append(names, d.Name)
			}
			sort.Strings(names)
			b.errorf(a.Pos, "store has no place %q%s", a.Attr.Name, nearest(a.Attr.Name, names))
			ok = false
		}
	}
	id, good := b.value(b.tree(st.Value))
	if ok && good {
		b.g.Outputs = append(b.g.Outputs, ugraph.Output{Name: st.Name.Text, Value: id, Store: place})
	}
}

func (b *builder) thread(d *def) {
	t := d.Thread
	g := &ugraph.Graph{Level: ugraph.ThreadLevel}
	in := newBuilder(b.reporter, g, b, t.Body)
	pos := d.Names[0].Pos
	if t.Name != nil {
		in.checkName(t.Name)
		g.Name, pos = t.Name.Text, t.Name.Pos
	}
	if b.g.Level != ugraph.BlockLevel {
		b.errorf(pos, "a thread graph belongs in the statements of a kernel, not of a %s", b.place())
		b.bindResults(d.Names, nil, false)
		return
	}
	args, ok := b.bindings(in, t.Args)
	before := len(b.list)
	if ok {
		in.declareOutputs(t.Outputs, false)
		in.statements(t.Body)
		in.defineOutputs(t.Outputs)
	}
	b.hold(d, pos, ugraph.OpThread, args, g, ok && len(b.list) == before)
}
