package onnx

import (
	"container/heap"
	"fmt"
	"slices"
)

// sortNodes returns the nodes that the outputs need, each after what it uses, otherwise in the file's
// order. Errors: a name that is defined twice, or used and never defined, and a cycle.
func sortNodes(g *graphProto) ([]*nodeProto, error) {
	producer := map[string]int{} // -1: an input or initializer
	for i := range g.initializers {
		name := g.initializers[i].name
		if _, twice := producer[name]; twice {
			return nil, fmt.Errorf("initializer %q is defined twice", name)
		}
		producer[name] = -1
	}
	inputs := map[string]bool{}
	for i := range g.inputs {
		name := g.inputs[i].name
		if inputs[name] {
			return nil, fmt.Errorf("input %q is defined twice", name)
		}
		inputs[name], producer[name] = true, -1
	}
	for i := range g.nodes {
		for _, name := range g.nodes[i].outputs {
			if name == "" {
				continue
			}
			if _, twice := producer[name]; twice {
				return nil, fmt.Errorf("node %s: %q is defined twice", g.nodes[i].label(), name)
			}
			producer[name] = i
		}
	}
	needs := make([][]int, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		for _, name := range slices.Concat(n.inputs, n.free()) {
			if name == "" {
				continue
			}
			p, ok := producer[name]
			if !ok {
				return nil, fmt.Errorf("node %s: input %q is neither an input of the model, nor an initializer, nor the result of a node", n.label(), name)
			}
			if p >= 0 {
				needs[i] = append(needs[i], p)
			}
		}
		slices.Sort(needs[i])
		needs[i] = slices.Compact(needs[i])
	}
	live := make([]bool, len(g.nodes))
	var stack []int
	for i := range g.outputs {
		p, ok := producer[g.outputs[i].name]
		if !ok {
			return nil, fmt.Errorf("output %q is neither an input of the model, nor an initializer, nor the result of a node", g.outputs[i].name)
		}
		if p >= 0 {
			stack = append(stack, p)
		}
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !live[i] {
			live[i] = true
			stack = append(stack, needs[i]...)
		}
	}
	return kahn(g, live, needs)
}

// kahn sorts the live nodes: of those whose needs are met, always the first of the file.
func kahn(g *graphProto, live []bool, needs [][]int) ([]*nodeProto, error) {
	users, open := make([][]int, len(g.nodes)), make([]int, len(g.nodes))
	var ready indices
	total := 0
	for i := range g.nodes {
		if !live[i] {
			continue
		}
		total++
		open[i] = len(needs[i])
		for _, p := range needs[i] {
			users[p] = append(users[p], i)
		}
		if open[i] == 0 {
			ready = append(ready, i)
		}
	}
	heap.Init(&ready)
	var order []*nodeProto
	for len(ready) > 0 {
		i := heap.Pop(&ready).(int)
		order = append(order, &g.nodes[i])
		for _, u := range users[i] {
			if open[u]--; open[u] == 0 && live[u] {
				heap.Push(&ready, u)
			}
		}
	}
	if len(order) < total {
		for i := range g.nodes {
			if live[i] && open[i] > 0 {
				return nil, fmt.Errorf("node %s needs its own result: the graph has a cycle", g.nodes[i].label())
			}
		}
	}
	return order, nil
}

// indices is a heap of ints, the least first.
type indices []int

func (h indices) Len() int           { return len(h) }
func (h indices) Less(i, j int) bool { return h[i] < h[j] }
func (h indices) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *indices) Push(x any)        { *h = append(*h, x.(int)) }
func (h *indices) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// free lists the names that the graphs in a node's attributes take from the graph around it.
func (n *nodeProto) free() []string {
	var out []string
	for i := range n.attrs {
		for _, g := range n.attrs[i].graphs {
			out = append(out, g.free()...)
		}
	}
	return out
}

func (g *graphProto) free() []string {
	bound := map[string]bool{"": true}
	for i := range g.inputs {
		bound[g.inputs[i].name] = true
	}
	for i := range g.initializers {
		bound[g.initializers[i].name] = true
	}
	for i := range g.nodes {
		for _, o := range g.nodes[i].outputs {
			bound[o] = true
		}
	}
	var out []string
	add := func(names []string) {
		for _, name := range names {
			if !bound[name] {
				out = append(out, name)
			}
		}
	}
	for i := range g.nodes {
		add(g.nodes[i].inputs)
		add(g.nodes[i].free())
	}
	for i := range g.outputs {
		add([]string{g.outputs[i].name})
	}
	return out
}
