package ugraph

import "fmt"

func checkIDs(g *Graph) string {
	defined := make([]bool, len(g.Values))
	for i, in := range g.Inputs {
		if in.Value < 0 || int(in.Value) >= len(g.Values) || defined[in.Value] || g.Values[in.Value].Node != -1 || g.Values[in.Value].Index != i {
			return fmt.Sprintf("input %d does not name a value that is input %d", i, i)
		}
		defined[in.Value] = true
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == OpInvalid || n.Op >= numOps {
			return fmt.Sprintf("node %d has no operator", i)
		}
		for _, a := range n.Args {
			if a < 0 || int(a) >= len(g.Values) || !defined[a] {
				return fmt.Sprintf("node %d (%s) uses value %d before its definition", i, n.Op, a)
			}
		}
		for j, r := range n.Results {
			if r < 0 || int(r) >= len(g.Values) || defined[r] || g.Values[r].Node != NodeID(i) || g.Values[r].Index != j {
				return fmt.Sprintf("node %d (%s): result %d is not a value of its own", i, n.Op, j)
			}
			defined[r] = true
		}
	}
	for _, o := range g.Outputs {
		if o.Value < 0 || int(o.Value) >= len(g.Values) || !defined[o.Value] {
			return fmt.Sprintf("output %s names value %d, which does not exist", o.Name, o.Value)
		}
	}
	for i, d := range defined {
		if !d {
			return fmt.Sprintf("value %d has no definition", i)
		}
	}
	return ""
}

func checkFields(g *Graph) string {
	if g.Level != BlockLevel && (len(g.Grid) > 0 || g.Loop != nil) {
		return fmt.Sprintf("a %s graph has a grid or loop", g.Level)
	}
	if g.Level != KernelLevel {
		if len(g.Symbols) > 0 || g.For != "" {
			return fmt.Sprintf("a %s graph has symbols of its own or stands for a program", g.Level)
		}
		for i, in := range g.Inputs {
			if in.Const {
				return fmt.Sprintf("input %d of a %s graph is const; that is said at the kernel level", i, g.Level)
			}
		}
	}
	for _, o := range g.Outputs {
		switch {
		case g.Level != BlockLevel && o.Store != nil:
			return fmt.Sprintf("output %s of a %s graph has a store", o.Name, g.Level)
		case g.Level == BlockLevel && (o.Store == nil || len(o.Store.Grid) != len(g.Grid)):
			return fmt.Sprintf("output %s needs a store with an axis or -1 for each of the %d grid dimensions", o.Name, len(g.Grid))
		}
	}
	return ""
}

func checkNesting(g *Graph) string {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		holds := n.Op == OpKernel || n.Op == OpThread
		if holds != (n.Body != nil) {
			return fmt.Sprintf("node %d (%s): only kernel and thread nodes hold a graph, and they must", i, n.Op)
		}
		switch {
		case n.Op == OpKernel && (g.Level != KernelLevel || n.Body.Level != BlockLevel):
			return fmt.Sprintf("node %d: a kernel in a %s graph holds a %s graph", i, g.Level, n.Body.Level)
		case n.Op == OpThread && (g.Level != BlockLevel || n.Body.Level != ThreadLevel):
			return fmt.Sprintf("node %d: a thread node in a %s graph holds a %s graph", i, g.Level, n.Body.Level)
		case holds && len(n.Args) != len(n.Body.Inputs):
			return fmt.Sprintf("node %d: its graph has %d inputs, the node %d operands", i, len(n.Body.Inputs), len(n.Args))
		case n.Op.Info().Class == BlockOnly && g.Level != BlockLevel:
			return fmt.Sprintf("node %d (%s) occurs in block graphs only", i, n.Op)
		}
	}
	return ""
}

func checkOutputs(g *Graph) string {
	if len(g.Outputs) == 0 {
		return "no outputs"
	}
	return ""
}

func checkTypes(g *Graph) string {
	for i, in := range g.Inputs {
		if t := g.Values[in.Value].Type; t.DType.String() == "invalid" {
			return fmt.Sprintf("input %d has no element type", i)
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		ts, err := g.inferNode(n)
		if err != nil {
			return fmt.Sprintf("node %d: %v", i, err)
		}
		if len(ts) != len(n.Results) {
			return fmt.Sprintf("node %d (%s) has %d results, its rule %d", i, n.Op, len(n.Results), len(ts))
		}
		for j, t := range ts {
			if !t.Equal(g.Values[n.Results[j]].Type) {
				return fmt.Sprintf("node %d (%s): result %d is recorded as %s, inferred %s", i, n.Op, j, g.Values[n.Results[j]].Type, t)
			}
		}
	}
	return ""
}

func checkDead(g *Graph) string {
	live := make([]bool, len(g.Values))
	for _, o := range g.Outputs {
		live[o.Value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		used := false
		for _, r := range n.Results {
			used = used || live[r]
		}
		if !used {
			return fmt.Sprintf("node %d (%s) reaches no output", i, n.Op)
		}
		for _, a := range n.Args {
			live[a] = true
		}
	}
	for i, in := range g.Inputs {
		if !live[in.Value] {
			return fmt.Sprintf("input %d (%s) is not used", i, g.Values[in.Value].Name)
		}
	}
	return ""
}

func checkThread(g *Graph) string {
	first := true
	for i := range g.Nodes {
		n := &g.Nodes[i]
		class := n.Op.Info().Class
		switch {
		case n.Op == OpConst:
		case class == Elementwise:
			first = false
		case class == BlockOnly || class == Holder || n.Op == OpIota:
			return fmt.Sprintf("node %d (%s) does not occur in thread graphs", i, n.Op)
		case !first:
			return fmt.Sprintf("node %d (%s) is not elementwise; only the first operator may be another", i, n.Op)
		default:
			first = false
		}
	}
	return ""
}
