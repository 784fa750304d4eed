package main

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// fillOf says how an input that no file gives is filled: an index in range where it picks rows,
// positions where rope reads it, a weight scaled by its fan-in, else N(0,1).
func fillOf(g *ugraph.Graph, input int, env ugraph.Env) (tensor.Fill, error) {
	in := g.Inputs[input]
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch {
		case (n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd) && n.Args[1] == in.Value:
			x := g.Values[n.Args[0]]
			axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), x.Rank())
			if err != nil {
				return tensor.Fill{}, err
			}
			limit, err := x.Shape[axis].Eval(env)
			return tensor.Fill{Kind: tensor.Index, Limit: limit}, err
		case n.Op == ugraph.OpRope && n.Args[1] == in.Value:
			return tensor.Fill{Kind: tensor.Position}, nil
		}
	}
	if in.Const {
		return tensor.Fill{Kind: tensor.Weight}, nil
	}
	return tensor.Fill{Kind: tensor.Normal}, nil
}

// seededInputs makes every input that given lacks.
func seededInputs(g *ugraph.Graph, env ugraph.Env, seed int64, given map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	return tensor.Inputs(g, env, seed, given, func(i int) (tensor.Fill, error) { return fillOf(g, i, env) })
}

// assignments splits NAME=FILE flags, checking the names.
func assignments(flag string, list []string, known func(name string) bool, have string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		name, file, ok := strings.Cut(s, "=")
		if !ok || name == "" || file == "" {
			return nil, fmt.Errorf("--%s %s: want NAME=FILE", flag, s)
		}
		if !known(name) {
			return nil, fmt.Errorf("--%s %s: there is no %s %q; there is %s", flag, s, flag, name, have)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("--%s %s: %s is given twice", flag, s, name)
		}
		out[name] = file
	}
	return out, nil
}
