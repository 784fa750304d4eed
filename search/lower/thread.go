package lower

import "github.com/morgana-ml/morgana/ugraph"

// fuse puts every tree of elementwise operators of one phase, with the reduction or product it
// starts from, into a thread graph. Inner values have one reader each, so they need no tile; literals
// are repeated in each group that reads them.
func fuse(g *ugraph.Graph) (*ugraph.Graph, error) {
	phases, _ := ugraph.Phases(g)
	uses := useCounts(g)
	group := make([]int, len(g.Nodes)) // root of the group, or -1
	produced := make([]bool, len(g.Nodes))
	size := make([]int, len(g.Nodes)) // of the group at its root, literals not counted
	for i := range group {
		group[i] = -1
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if n.Op.Info().Class != ugraph.Elementwise {
			continue
		}
		root := group[i]
		if root < 0 {
			root = i
			group[i], size[i] = i, 1
		}
		for _, a := range n.Args {
			u := g.Values[a].Node
			if u < 0 || uses[a] != 1 || phases[a] != phases[n.Results[0]] {
				continue
			}
			switch g.Nodes[u].Op.Info().Class {
			case ugraph.Elementwise:
			case ugraph.Contraction, ugraph.Reduction:
				if produced[root] || !ugraph.SameShape(g.Values[a].Shape, g.Values[g.Nodes[root].Results[0]].Shape) {
					continue
				}
				produced[root] = true
			default:
				continue
			}
			group[u] = root
			size[root]++
		}
	}
	w := newWriter(g)
	keep := needed(g)
	for i := range g.Nodes {
		n := g.Nodes[i]
		root := group[i]
		switch {
		case !keep[i] || n.Op == ugraph.OpConst:
			continue // literals are written where they are first read
		case root < 0 || size[root] < 2:
			if err := w.literals(n.Args); err != nil {
				return nil, err
			}
			if err := w.node(n, n.Results); err != nil {
				return nil, err
			}
		case root == i:
			if err := w.thread(group, i); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range g.Outputs {
		if err := w.literals([]ugraph.ValueID{o.Value}); err != nil {
			return nil, err
		}
	}
	return w.finish(), nil
}

// literals writes those of the given values that are literals and have no copy yet.
func (w *writer) literals(args []ugraph.ValueID) error {
	for _, a := range args {
		if id := w.from.Values[a].Node; id >= 0 && w.from.Nodes[id].Op == ugraph.OpConst && w.value[a] < 0 {
			if err := w.node(w.from.Nodes[id], w.from.Nodes[id].Results); err != nil {
				return err
			}
		}
	}
	return nil
}

// thread writes the group with that root as one thread node.
func (w *writer) thread(group []int, root int) error {
	g := w.from
	body := &ugraph.Graph{Level: ugraph.ThreadLevel}
	inner := map[ugraph.ValueID]ugraph.ValueID{}
	var args []ugraph.ValueID
	var members []int // the producer first: it reads nothing of the group
	for i := 0; i <= root; i++ {
		switch {
		case group[i] != root:
		case g.Nodes[i].Op.Info().Class == ugraph.Elementwise:
			members = append(members, i)
		default:
			members = append([]int{i}, members...)
		}
	}
	for _, i := range members {
		n := g.Nodes[i]
		operands := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			id, ok := inner[a]
			src := g.Values[a].Node
			switch {
			case ok:
			case src >= 0 && g.Nodes[src].Op == ugraph.OpConst:
				rs, err := body.Append(ugraph.Node{Op: ugraph.OpConst, Attrs: g.Nodes[src].Attrs})
				if err != nil {
					return err
				}
				id = rs[0]
			default:
				id = body.AddInput(g.Values[a].Name, g.Values[a].Type, false)
				args = append(args, a)
			}
			inner[a], operands[j] = id, id
		}
		rs, err := body.Append(ugraph.Node{Op: n.Op, Args: operands, Attrs: n.Attrs})
		if err != nil {
			return err
		}
		inner[n.Results[0]] = rs[0]
		body.Values[rs[0]].Name = g.Values[n.Results[0]].Name
	}
	result := g.Nodes[root].Results[0]
	name := g.Values[result].Name
	if name == "" {
		name = g.Nodes[root].Op.String()
	}
	body.Outputs = []ugraph.Output{{Name: name, Value: inner[result]}}
	return w.node(ugraph.Node{Op: ugraph.OpThread, Args: args, Body: body}, g.Nodes[root].Results)
}
