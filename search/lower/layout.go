package lower

import "github.com/morgana-ml/morgana/ugraph"

// layout turns the transposition of an operand's last two axes into the flag of its product, and
// drops operators that nothing reads.
func layout(g *ugraph.Graph) (*ugraph.Graph, error) {
	// A first copy with the flags set; transpositions that lost their readers go in the second.
	flagged, err := copyNodes(g, nil, func(n ugraph.Node) ugraph.Node {
		if n.Op != ugraph.OpMatMul {
			return n
		}
		n.Args = append([]ugraph.ValueID(nil), n.Args...)
		for i, flag := range []string{"transpose_a", "transpose_b"} {
			if src, ok := swapped(g, n.Args[i]); ok {
				n.Args[i] = src
				n.Attrs = ugraph.CanonicalAttrs(n.Op, n.Attrs.With(ugraph.BoolAttr(flag, !n.Attrs.Flag(flag))))
			}
		}
		return n
	})
	if err != nil {
		return nil, err
	}
	return copyNodes(flagged, needed(flagged), func(n ugraph.Node) ugraph.Node { return n })
}

// swapped returns x where v is x with its last two axes exchanged.
func swapped(g *ugraph.Graph, v ugraph.ValueID) (ugraph.ValueID, bool) {
	id := g.Values[v].Node
	if id < 0 || g.Nodes[id].Op != ugraph.OpTranspose {
		return 0, false
	}
	n := &g.Nodes[id]
	perm, err := ugraph.Perm(n.Attrs, g.Values[v].Rank())
	if err != nil || len(perm) < 2 {
		return 0, false
	}
	r := len(perm)
	for i, p := range perm {
		want := i
		switch i {
		case r - 2:
			want = r - 1
		case r - 1:
			want = r - 2
		}
		if p != want {
			return 0, false
		}
	}
	return n.Args[0], true
}

// copyNodes copies the kept nodes of a block graph (nil: all), each changed by edit.
func copyNodes(g *ugraph.Graph, keep []bool, edit func(ugraph.Node) ugraph.Node) (*ugraph.Graph, error) {
	w := newWriter(g)
	for i := range g.Nodes {
		if keep != nil && !keep[i] {
			continue
		}
		if err := w.node(edit(g.Nodes[i]), g.Nodes[i].Results); err != nil {
			return nil, err
		}
	}
	return w.finish(), nil
}
