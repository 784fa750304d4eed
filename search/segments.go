package search

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// segment is a part of a program that the search can express over named axes; the nodes between
// segments stay predefined kernels.
type segment struct {
	graph *ugraph.Graph // a program of its own
	in    []ugraph.ValueID
	out   []ugraph.ValueID // values of the whole program
	dag   *expr.DAG
	level int
}

// segmentation is a program cut at the nodes that are not expressible.
type segmentation struct {
	program  *ugraph.Graph // primitive
	live     []bool        // per node: an output depends on it
	barrier  []bool        // per node
	level    []int         // per node: segments and barriers run level by level, a level's segment first
	segments []segment
}

// cutSegments cuts a primitive program at every node that expr.Lift refuses. It is an error if the
// program as a whole cannot be read.
func cutSegments(p *ugraph.Graph) (*segmentation, error) {
	sg := &segmentation{program: p, live: liveNodes(p), barrier: make([]bool, len(p.Nodes))}
	for {
		sg.levels()
		again := false
		sg.segments = nil
		for l := 0; l <= sg.maxLevel(); l++ {
			s, nodes, err := sg.build(l)
			if err != nil {
				return nil, err
			}
			if len(nodes) == 0 {
				continue
			}
			d, err := expr.Lift(s.graph)
			var no *expr.NotLiftable
			switch {
			case errors.As(err, &no) && no.Node >= 0:
				sg.barrier[nodes[no.Node]] = true
				again = true
			case err != nil:
				return nil, err
			}
			s.dag = d
			sg.segments = append(sg.segments, s)
			if again {
				break
			}
		}
		if !again {
			return sg, nil
		}
	}
}

// liveNodes tells which nodes an output depends on; the others belong to no segment, and are dropped.
func liveNodes(p *ugraph.Graph) []bool {
	needed := make([]bool, len(p.Values))
	for _, o := range p.Outputs {
		needed[o.Value] = true
	}
	live := make([]bool, len(p.Nodes))
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		n := &p.Nodes[i]
		for _, r := range n.Results {
			live[i] = live[i] || needed[r]
		}
		for _, a := range n.Args {
			needed[a] = needed[a] || live[i]
		}
	}
	return live
}

// kept lists the operators that stay predefined kernels, by name.
func (sg *segmentation) kept() []string {
	seen := map[string]bool{}
	var out []string
	for i, b := range sg.barrier {
		if op := sg.program.Nodes[i].Op.String(); b && sg.live[i] && !seen[op] {
			seen[op] = true
			out = append(out, op)
		}
	}
	sort.Strings(out)
	return out
}

// isSource tells whether a node is repeated wherever it is used.
func isSource(op ugraph.Op) bool { return op == ugraph.OpConst || op == ugraph.OpIota }

func (sg *segmentation) levels() {
	p := sg.program
	sg.level = make([]int, len(p.Nodes))
	for i := range p.Nodes {
		for _, a := range p.Nodes[i].Args {
			d := p.Values[a].Node
			if d < 0 || isSource(p.Nodes[d].Op) {
				continue
			}
			l := sg.level[d]
			if sg.barrier[d] && !sg.barrier[i] {
				l++
			}
			sg.level[i] = max(sg.level[i], l)
		}
	}
}

func (sg *segmentation) maxLevel() int {
	m := 0
	for _, l := range sg.level {
		m = max(m, l)
	}
	return m
}

// valueName is a name that no identifier of a program that people write is likely to be: segments are
// joined by value, the names only have to differ.
func valueName(v ugraph.ValueID) string { return fmt.Sprintf("s%d", v) }

// build makes the segment of a level. nodes has the program's node of each node of the segment.
func (sg *segmentation) build(level int) (segment, []int, error) {
	p := sg.program
	s := segment{level: level}
	inside := make([]bool, len(p.Values))
	work := false
	for i := range p.Nodes {
		if n := &p.Nodes[i]; sg.live[i] && !sg.barrier[i] && !isSource(n.Op) && sg.level[i] == level {
			work = work || n.Op != ugraph.OpReshape
			for _, r := range n.Results {
				inside[r] = true
			}
		}
	}
	if !work { // reshapes alone are no kernel
		for i := range p.Nodes {
			if sg.live[i] && sg.level[i] == level && !isSource(p.Nodes[i].Op) {
				sg.barrier[i] = true
			}
		}
		return s, nil, nil
	}
	b := ugraph.NewBuilder(fmt.Sprintf("%s_%d", p.Name, level))
	b.Part()
	for _, sym := range p.Symbols {
		b.Symbol(sym.Name, sym.Lo, sym.Hi, sym.Multiple)
	}
	isConst := map[ugraph.ValueID]bool{}
	for _, in := range p.Inputs {
		isConst[in.Value] = in.Const
	}
	ids := map[ugraph.ValueID]ugraph.ValueID{}
	var nodes []int
	source := func(v ugraph.ValueID) bool { d := p.Values[v].Node; return d >= 0 && isSource(p.Nodes[d].Op) }
	// Inputs first: graphs list them before their nodes.
	for i := range p.Nodes {
		if n := &p.Nodes[i]; len(n.Results) > 0 && inside[n.Results[0]] {
			for _, a := range n.Args {
				if _, ok := ids[a]; ok || inside[a] || source(a) {
					continue
				}
				t := p.Values[a].Type
				if isConst[a] {
					ids[a] = b.Weight(valueName(a), t.DType, t.Shape)
				} else {
					ids[a] = b.Input(valueName(a), t.DType, t.Shape)
				}
				s.in = append(s.in, a)
			}
		}
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if len(n.Results) == 0 || !inside[n.Results[0]] {
			continue
		}
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			if _, ok := ids[a]; !ok && source(a) {
				d := p.Values[a].Node
				ids[a] = b.Op(p.Nodes[d].Op, p.Nodes[d].Attrs)
				nodes = append(nodes, int(d))
			}
			args[j] = ids[a]
		}
		res := b.Ops(n.Op, n.Attrs, args...)
		if b.Err() != nil {
			return s, nil, b.Err()
		}
		nodes = append(nodes, i)
		for j, r := range n.Results {
			ids[r] = res[j]
		}
	}
	// What others read leaves the segment.
	needed := map[ugraph.ValueID]bool{}
	for i := range p.Nodes {
		if !sg.live[i] {
			continue
		}
		for _, a := range p.Nodes[i].Args {
			if r := p.Nodes[i].Results; inside[a] && (len(r) == 0 || !inside[r[0]]) {
				needed[a] = true
			}
		}
	}
	for _, o := range p.Outputs {
		if inside[o.Value] {
			needed[o.Value] = true
		}
	}
	for v := range needed {
		s.out = append(s.out, v)
	}
	sort.Slice(s.out, func(i, j int) bool { return s.out[i] < s.out[j] })
	for _, v := range s.out {
		b.Output(valueName(v), ids[v])
	}
	g, err := b.Graph()
	if err != nil {
		return s, nil, err
	}
	s.graph = g
	return s, nodes, nil
}

// join writes the whole program with a μGraph in the place of each segment.
func (sg *segmentation) join(parts []*ugraph.Graph) (*ugraph.Graph, error) {
	p := sg.program
	b := ugraph.NewBuilder(p.Name)
	b.For(p.Name)
	for _, sym := range p.Symbols {
		b.Symbol(sym.Name, sym.Lo, sym.Hi, sym.Multiple)
	}
	ids := map[ugraph.ValueID]ugraph.ValueID{}
	for _, in := range p.Inputs {
		v := p.Values[in.Value]
		if in.Const {
			ids[in.Value] = b.Weight(v.Name, v.DType, v.Shape)
		} else {
			ids[in.Value] = b.Input(v.Name, v.DType, v.Shape)
		}
	}
	value := func(v ugraph.ValueID) ugraph.ValueID {
		id, ok := ids[v]
		if d := p.Values[v].Node; !ok && d >= 0 && isSource(p.Nodes[d].Op) {
			id = b.Op(p.Nodes[d].Op, p.Nodes[d].Attrs)
			ids[v] = id
		}
		return id
	}
	next := 0
	for l := 0; l <= sg.maxLevel(); l++ {
		if next < len(sg.segments) && sg.segments[next].level == l {
			s := &sg.segments[next]
			in := make([]ugraph.ValueID, len(s.in))
			for i, v := range s.in {
				in[i] = value(v)
			}
			out := splice(b, parts[next], in)
			if b.Err() != nil {
				return nil, b.Err()
			}
			for i, v := range s.out {
				ids[v] = out[i]
			}
			next++
		}
		for i := range p.Nodes {
			n := &p.Nodes[i]
			if !sg.live[i] || !sg.barrier[i] || sg.level[i] != l {
				continue
			}
			args := make([]ugraph.ValueID, len(n.Args))
			for j, a := range n.Args {
				args[j] = value(a)
			}
			for j, r := range b.Ops(n.Op, n.Attrs, args...) {
				ids[n.Results[j]] = r
			}
		}
	}
	for _, o := range p.Outputs {
		b.Output(o.Name, value(o.Value))
	}
	return b.Graph()
}

// splice adds the nodes of a graph on other inputs and returns its outputs.
func splice(b *ugraph.Builder, g *ugraph.Graph, in []ugraph.ValueID) []ugraph.ValueID {
	ids := make([]ugraph.ValueID, len(g.Values))
	for i, x := range g.Inputs {
		ids[x.Value] = in[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = ids[a]
		}
		res := b.Adopt(*n, args)
		if b.Err() != nil {
			return nil
		}
		for j, r := range n.Results {
			ids[r] = res[j]
		}
	}
	out := make([]ugraph.ValueID, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = ids[o.Value]
	}
	return out
}

// searchSegments searches each segment by itself and joins what was found: the best of all, then one
// segment at a time at its next candidates.
func (s *state) searchSegments(ctx context.Context, sg *segmentation) ([]candidate, error) {
	found := make([][]candidate, len(sg.segments))
	for i := range sg.segments {
		x, err := s.explore(ctx, sg.segments[i].dag, 0)
		if err != nil {
			return nil, err
		}
		if found[i], err = s.schedule(ctx, x); err != nil {
			return nil, err
		}
		if len(found[i]) == 0 {
			return nil, nil
		}
	}
	pick := make([]int, len(found))
	var out []candidate
	add := func() error {
		c := candidate{derivation: asWritten, origin: origin{segments: sg}}
		parts := make([]*ugraph.Graph, len(found))
		for i := range found {
			f := found[i][pick[i]]
			parts[i] = f.graph
			c.parts = append(c.parts, f)
			c.predictedUS += f.predictedUS
			if f.derivation != "" && f.derivation != asWritten {
				c.derivation = f.derivation
			}
		}
		g, err := sg.join(parts)
		if err != nil {
			return err
		}
		c.graph = g
		us, err := s.price(g) // predefined kernels included
		if err != nil {
			return err
		}
		c.predictedUS = us
		out = append(out, c)
		return nil
	}
	if err := add(); err != nil {
		return nil, err
	}
	for i := range found {
		for k := 1; k < min(len(found[i]), s.opt.limits.tilings); k++ {
			pick[i] = k
			if err := add(); err != nil {
				return nil, err
			}
		}
		pick[i] = 0
	}
	return s.order(out), nil
}
