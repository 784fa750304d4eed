package ugraph

import "fmt"

// Rules is the table of legality. Every rule has a counterexample in rules_test.go.
var Rules = []Rule{
	{Name: "ids", Why: "side tables are slices over dense ids; an edge must point to an earlier value", Check: checkIDs},
	{Name: "types", Why: "a value's recorded type must be what its node's rule infers", Check: checkTypes},
	{Name: "phases", Levels: []Level{BlockLevel}, Why: "an operator runs in the loop or after it, not both", Check: checkPhases},
}

func checkIDs(g *Graph) string {
	defined := make([]bool, len(g.Values))
	for i, in := range g.Inputs {
		if in.Value < 0 || int(in.Value) >= len(g.Values) || g.Values[in.Value].Node != -1 || g.Values[in.Value].Index != i {
			return fmt.Sprintf("input %d does not name a value that is input %d", i, i)
		}
		defined[in.Value] = true
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
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

func checkTypes(g *Graph) string {
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

func checkPhases(g *Graph) string {
	if _, bad := Phases(g); bad >= 0 {
		return fmt.Sprintf("node %d (%s) has operands of the loop and of after it", bad, g.Nodes[bad].Op)
	}
	return ""
}
