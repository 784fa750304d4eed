package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// maskInput is a mask that is an input of its own.
type maskInput struct {
	name  string
	dtype ugraph.DType
	shape []ugraph.Dim
}

// maskSite is a value that such an input takes the place of.
type maskSite struct {
	mask int
	axes []termAxis // of the value, in the input's order
}

// masksApart compares the graphs with each mask that both compute alike as an input of its own. It accepts only: masks that
// are free may differ where those of the graphs do not.
func (c *check) masksApart() (bool, error) {
	a, err := opened(c.a)
	if err != nil {
		return false, nil
	}
	b, err := opened(c.b)
	if err != nil {
		return false, nil
	}
	for _, parts := range []bool{false, true} {
		sa, sb := maskTerms{parts: parts, of: map[*ugraph.Graph][]*maskTerm{}}, maskTerms{parts: parts, of: map[*ugraph.Graph][]*maskTerm{}}
		sa.follow(a, inputTerms(a, func(i int) int { return i }))
		sb.follow(b, inputTerms(b, func(i int) int { return c.m.inputs[i] }))
		la, lb := &lifting{terms: sa, known: map[string]int{}}, &lifting{terms: sb, known: map[string]int{}}
		la.sites(a)
		lb.known, lb.masks = la.known, slices.Clone(la.masks)
		lb.sites(b)
		if len(la.masks) == 0 {
			return false, nil
		}
		if lb.others || len(lb.used) != len(la.masks) {
			continue
		}
		ga, err := la.graph(a)
		if err != nil {
			continue
		}
		gb, err := lb.graph(b)
		if err != nil {
			continue
		}
		return c.withMasks(ga, gb, len(la.masks))
	}
	return false, nil
}

// withMasks decides on the graphs with masks as inputs, which are the last ones of each.
func (c *check) withMasks(a, b *ugraph.Graph, masks int) (bool, error) {
	m, err := match(a, b)
	if err != nil {
		return false, nil
	}
	for j, i := range m.inputs {
		if n := len(c.m.inputs); j < n && i != c.m.inputs[j] || j >= n && i != j {
			return false, nil
		}
	}
	res := &Result{Matched: c.res.Matched, Seed: c.opt.Seed}
	if undefinedSizes(a, b) != "" {
		return false, nil
	}
	d := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: c.ctx, a: a, b: b, m: m, opt: c.opt, res: res, piece: c.piece, guess: c.guess}
	if d.leavesRange() != "" {
		return false, nil
	}
	if c.piece {
		_, err = d.read()
	} else {
		err = d.answer()
	}
	if err != nil {
		return false, err
	}
	if !res.Equal || res.Sampled != "" {
		return false, nil
	}
	*c.res = *res
	c.note("equal for any masks in the place of %d that both graphs compute alike from positions and integers", masks)
	return true, nil
}

// lifting puts masks in the place of values of one graph.
type lifting struct {
	terms  maskTerms
	known  map[string]int // by spelling
	masks  []maskInput
	used   map[int]bool
	others bool // a mask is met that the other graph does not have
	at     map[*ugraph.Graph]map[ugraph.ValueID]maskSite
}

// sites finds the masks of a graph: boolean values with a term that an operator without one, or an output, uses. The first
// graph's are all known; of the second those are that the first has.
func (l *lifting) sites(g *ugraph.Graph) {
	first := l.at == nil && len(l.masks) == 0
	if l.at == nil {
		l.at, l.used = map[*ugraph.Graph]map[ugraph.ValueID]maskSite{}, map[int]bool{}
	}
	l.inside(g, first)
}

func (l *lifting) inside(g *ugraph.Graph, first bool) {
	t := l.terms.of[g]
	l.at[g] = map[ugraph.ValueID]maskSite{}
	see := func(v ugraph.ValueID) {
		if t[v] == nil || g.Value(v).DType.IsInt() || len(t[v].args) == 0 {
			return
		}
		var order []termAxis
		key := t[v].spell(&order)
		if len(order) == 0 {
			return
		}
		k, ok := l.known[key]
		if !ok && !first {
			l.others = true
			return
		}
		if !ok {
			k = len(l.masks)
			l.known[key] = k
			m := maskInput{name: fmt.Sprintf("mask_%d", k), dtype: g.Value(v).DType}
			for _, x := range order {
				m.shape = append(m.shape, x.extent)
			}
			l.masks = append(l.masks, m)
		}
		l.used[k] = true
		l.at[g][v] = maskSite{k, order}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Body != nil {
			l.inside(n.Body, first)
			continue
		}
		if t[n.Results[0]] != nil {
			continue
		}
		for _, a := range n.Args {
			see(a)
		}
	}
	for k, o := range g.Outputs {
		if g.Level == ugraph.KernelLevel || storedTerm(g, k, t[o.Value], wholeShape(g, k)) == nil {
			see(o.Value)
		}
	}
}

// wholeShape is that of a kernel's output.
func wholeShape(g *ugraph.Graph, k int) []ugraph.Dim {
	t, err := g.OutputType(k)
	if err != nil {
		return nil
	}
	return t.Shape
}

// graph is the graph with its masks as inputs, behind its own.
func (l *lifting) graph(g *ugraph.Graph) (*ugraph.Graph, error) {
	out := &ugraph.Graph{Level: g.Level, Name: g.Name, For: g.For, Part: g.Part, Symbols: slices.Clone(g.Symbols)}
	id := make([]ugraph.ValueID, len(g.Values))
	for i := range id {
		id[i] = -1
	}
	for _, in := range g.Inputs {
		id[in.Value] = out.AddInput(g.Value(in.Value).Name, g.Value(in.Value).Type, in.Const)
	}
	masks := make([]ugraph.ValueID, len(l.masks))
	for k, m := range l.masks {
		masks[k] = out.AddInput(m.name, ugraph.Type{DType: m.dtype, Shape: m.shape}, false)
	}
	laid := map[string]ugraph.ValueID{}
	lay := func(s *maskLayout) (ugraph.ValueID, error) {
		key := fmt.Sprint(s.mask, s.order, s.shape)
		if v, ok := laid[key]; ok {
			return v, nil
		}
		v := masks[s.mask]
		if !slices.IsSorted(s.order) {
			perm := make([]int64, len(s.order))
			for i, k := range s.order {
				perm[i] = int64(k)
			}
			r, err := out.Append(ugraph.Node{Op: ugraph.OpTranspose, Args: []ugraph.ValueID{v}, Attrs: ugraph.CanonicalAttrs(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)})})
			if err != nil {
				return 0, err
			}
			v = r[0]
		}
		if !ugraph.SameShape(out.Value(v).Shape, s.shape) {
			r, err := out.Append(ugraph.Node{Op: ugraph.OpReshape, Args: []ugraph.ValueID{v}, Attrs: ugraph.Attrs{ugraph.DimsAttr("shape", s.shape...)}})
			if err != nil {
				return 0, err
			}
			v = r[0]
		}
		laid[key] = v
		return v, nil
	}
	for _, v := range l.inOrder(g) {
		s, err := l.layout(g, v)
		if err != nil {
			return nil, err
		}
		if id[v], err = lay(s); err != nil {
			return nil, err
		}
		if err := sameTile(g, v, out, id[v]); err != nil {
			return nil, err
		}
	}
	live := l.live(g)
	for i := range g.Nodes {
		n := g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] && id[r] < 0 }) {
			continue
		}
		if n.Body != nil {
			body, kept, sites, err := l.block(n.Body)
			if err != nil {
				return nil, err
			}
			args := make([]ugraph.ValueID, 0, len(kept)+len(sites))
			for _, k := range kept {
				args = append(args, id[n.Args[k]])
			}
			for _, s := range sites {
				v, err := lay(s)
				if err != nil {
					return nil, err
				}
				args = append(args, v)
			}
			n.Body, n.Args = body, args
		} else {
			n.Args = mapped(n.Args, id)
		}
		old := n.Results
		r, err := out.Append(n)
		if err != nil {
			return nil, err
		}
		for k := range old {
			if !out.Value(r[k]).Type.Equal(g.Value(old[k]).Type) {
				return nil, fmt.Errorf("%s has another type beside a mask", n.Op)
			}
			id[old[k]] = r[k]
		}
	}
	for _, o := range g.Outputs {
		out.Outputs = append(out.Outputs, ugraph.Output{Name: o.Name, Value: id[o.Value]})
	}
	return out, ugraph.Validate(out)
}

func mapped(vs, id []ugraph.ValueID) []ugraph.ValueID {
	out := make([]ugraph.ValueID, len(vs))
	for i, v := range vs {
		out[i] = id[v]
	}
	return out
}

// sameTile checks that a mask has the type of what it takes the place of, but for its cuts: what both meet has the same ones.
func sameTile(g *ugraph.Graph, v ugraph.ValueID, h *ugraph.Graph, w ugraph.ValueID) error {
	if x, y := g.Value(v), h.Value(w); x.DType != y.DType || !ugraph.SameShape(x.Shape, y.Shape) {
		return fmt.Errorf("a mask of type %s would be %s", x.Type, y.Type)
	}
	return nil
}

// inOrder are the values of a graph that masks take the place of.
func (l *lifting) inOrder(g *ugraph.Graph) []ugraph.ValueID {
	out := make([]ugraph.ValueID, 0, len(l.at[g]))
	for v := range l.at[g] {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// live tells which values of a graph an output needs where masks are inputs.
func (l *lifting) live(g *ugraph.Graph) []bool {
	live := make([]bool, len(g.Values))
	need := func(v ugraph.ValueID) {
		if _, ok := l.at[g][v]; !ok {
			live[v] = true
		}
	}
	for _, o := range g.Outputs {
		need(o.Value)
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] }) {
			continue
		}
		var inner []bool
		if n.Body != nil {
			inner = l.live(n.Body)
		}
		for k, a := range n.Args {
			if inner == nil || inner[n.Body.Inputs[k].Value] {
				need(a)
			}
		}
	}
	return live
}

// maskLayout is how a mask is laid out for one value: its axes in order, with extents of 1 between them, and how
// a block loads it.
type maskLayout struct {
	maskSite
	order []int
	shape []ugraph.Dim
	grid  []int64
	loop  int64
}

// layout puts the axes of a mask where the value has them. An axis that the value's tile has no more goes to one of its
// axes of one position, there where what reads it has the same cut, or in front of all.
func (l *lifting) layout(g *ugraph.Graph, v ugraph.ValueID) (*maskLayout, error) {
	s := &maskLayout{maskSite: l.at[g][v], loop: -1}
	typ := g.Value(v).Type
	at := make([]int, typ.Rank())
	for r := range at {
		at[r] = -1
	}
	for k, x := range s.axes {
		if x.at >= 0 {
			at[x.at] = k
		}
	}
	for k, x := range s.axes {
		if x.at >= 0 {
			continue
		}
		free, best := -1, false
		for r := range at {
			if at[r] < 0 && typ.Shape[r].Is(1) {
				if good := readWithCut(g, v, r, x.cut); free < 0 || good && !best {
					free, best = r, good
				}
			}
		}
		if free >= 0 {
			at[free] = k
		} else {
			s.order, s.shape = append(s.order, k), append(s.shape, x.extent)
		}
	}
	front := len(s.order)
	for _, k := range at {
		if k < 0 {
			s.shape = append(s.shape, ugraph.D(1))
		} else {
			s.order, s.shape = append(s.order, k), append(s.shape, s.axes[k].extent)
		}
	}
	for range g.Grid {
		s.grid = append(s.grid, -1)
	}
	cut := func(k, axis int) error {
		x := s.axes[k].cut
		if x.Grid > 0 {
			if s.grid[x.Grid-1] >= 0 {
				return fmt.Errorf("two axes of a mask are cut by one dimension")
			}
			s.grid[x.Grid-1] = int64(axis)
		}
		if x.Loop {
			if s.loop >= 0 {
				return fmt.Errorf("two axes of a mask are cut by the loop")
			}
			s.loop = int64(axis)
		}
		return nil
	}
	for i, k := range s.order[:front] {
		if err := cut(k, i); err != nil {
			return nil, err
		}
	}
	for r, k := range at {
		if k >= 0 {
			if err := cut(k, front+r); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// readWithCut tells whether an operator that reads a value has a result with the given cut on the axis that meets axis r.
func readWithCut(g *ugraph.Graph, v ugraph.ValueID, r int, cut ugraph.Cut) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !slices.Contains(n.Args, v) {
			continue
		}
		to := g.Value(n.Results[0])
		if ax := r + to.Rank() - g.Value(v).Rank(); ax >= 0 && to.Cut(ax) == cut {
			return true
		}
	}
	return false
}

// block is a kernel's body with masks as inputs behind those of its own that are still read.
func (l *lifting) block(g *ugraph.Graph) (body *ugraph.Graph, kept []int, sites []*maskLayout, err error) {
	body = &ugraph.Graph{Level: g.Level, Name: g.Name, Grid: slices.Clone(g.Grid)}
	if g.Loop != nil {
		loop := *g.Loop
		body.Loop = &loop
	}
	id := make([]ugraph.ValueID, len(g.Values))
	live := l.live(g)
	for k, in := range g.Inputs {
		if live[in.Value] {
			id[in.Value] = body.AddInput(g.Value(in.Value).Name, g.Value(in.Value).Type, in.Const)
			kept = append(kept, k)
		}
	}
	values := l.inOrder(g)
	for i, v := range values {
		s, err := l.layout(g, v)
		if err != nil {
			return nil, nil, nil, err
		}
		sites = append(sites, s)
		id[v] = body.AddInput(fmt.Sprintf("mask_in_%d", i), ugraph.Type{DType: g.Value(v).DType, Shape: s.shape}, false)
	}
	for i, v := range values {
		s := sites[i]
		r, err := body.Append(ugraph.Node{Op: ugraph.OpLoad, Args: []ugraph.ValueID{id[v]}, Attrs: ugraph.CanonicalAttrs(ugraph.OpLoad, ugraph.Attrs{ugraph.IntsAttr("grid", s.grid...), ugraph.IntAttr("loop", s.loop)})})
		if err == nil && len(body.Value(r[0]).Shape) > g.Value(v).Rank() {
			r, err = body.Append(ugraph.Node{Op: ugraph.OpReshape, Args: r, Attrs: ugraph.Attrs{ugraph.DimsAttr("shape", g.Value(v).Shape...)}})
		}
		if err == nil {
			err = sameTile(g, v, body, r[0])
		}
		if err != nil {
			return nil, nil, nil, err
		}
		id[v] = r[0]
	}
	for i := range g.Nodes {
		n := g.Nodes[i]
		if !slices.ContainsFunc(n.Results, func(r ugraph.ValueID) bool { return live[r] }) {
			continue
		}
		n.Args = mapped(n.Args, id)
		old := n.Results
		r, err := body.Append(n)
		if err != nil {
			return nil, nil, nil, err
		}
		for k := range old {
			if !body.Value(r[k]).Type.Equal(g.Value(old[k]).Type) {
				return nil, nil, nil, fmt.Errorf("%s has another type beside a mask", n.Op)
			}
			id[old[k]] = r[k]
		}
	}
	for _, o := range g.Outputs {
		o.Value = id[o.Value]
		body.Outputs = append(body.Outputs, o)
	}
	return body, kept, sites, nil
}

// opened is a graph with its thread graphs taken apart and the masks of causal attention written out.
func opened(g *ugraph.Graph) (*ugraph.Graph, error) {
	out, err := causalMasks(g)
	if err != nil {
		return nil, err
	}
	out = out.Clone()
	for i := range out.Nodes {
		if b := out.Nodes[i].Body; b != nil && out.Nodes[i].Op == ugraph.OpKernel {
			body, err := openedBlock(b)
			if err != nil {
				return nil, err
			}
			out.Nodes[i].Body = body
		}
	}
	return out, nil
}

func openedBlock(g *ugraph.Graph) (*ugraph.Graph, error) {
	if !slices.ContainsFunc(g.Nodes, func(n ugraph.Node) bool { return n.Op == ugraph.OpThread }) {
		return g, nil
	}
	out := &ugraph.Graph{Level: g.Level, Name: g.Name, Grid: g.Grid, Loop: g.Loop}
	id := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		id[in.Value] = out.AddInput(g.Value(in.Value).Name, g.Value(in.Value).Type, in.Const)
	}
	add := func(n ugraph.Node, id []ugraph.ValueID) error {
		old := n.Results
		n.Args = mapped(n.Args, id)
		r, err := out.Append(n)
		for k := range r {
			id[old[k]] = r[k]
		}
		return err
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpThread {
			if err := add(*n, id); err != nil {
				return nil, err
			}
			continue
		}
		inner := make([]ugraph.ValueID, len(n.Body.Values))
		for k, in := range n.Body.Inputs {
			inner[in.Value] = id[n.Args[k]]
		}
		for j := range n.Body.Nodes {
			if err := add(n.Body.Nodes[j], inner); err != nil {
				return nil, err
			}
		}
		for k, r := range n.Results {
			id[r] = inner[n.Body.Outputs[k].Value]
		}
	}
	for _, o := range g.Outputs {
		o.Value = id[o.Value]
		out.Outputs = append(out.Outputs, o)
	}
	return out, nil
}
