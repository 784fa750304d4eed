package verify

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// mutation changes one thing of a graph in place and says what.
type mutation struct {
	what  string
	apply func(g *ugraph.Graph)
}

// graphs lists a graph and the graphs in it, by a path that finds them again in a clone.
func graphsOf(g *ugraph.Graph) []func(*ugraph.Graph) *ugraph.Graph {
	out := []func(*ugraph.Graph) *ugraph.Graph{func(x *ugraph.Graph) *ugraph.Graph { return x }}
	for i := range g.Nodes {
		if g.Nodes[i].Body == nil {
			continue
		}
		for _, f := range graphsOf(g.Nodes[i].Body) {
			out = append(out, func(x *ugraph.Graph) *ugraph.Graph { return f(x.Nodes[i].Body) })
		}
	}
	return out
}

// swaps are operators that may take each other's place.
var swaps = [][]ugraph.Op{
	{ugraph.OpAdd, ugraph.OpSub, ugraph.OpMul, ugraph.OpDiv, ugraph.OpMaximum},
	{ugraph.OpExp, ugraph.OpNeg, ugraph.OpSquare, ugraph.OpSilu, ugraph.OpSqrt, ugraph.OpLog, ugraph.OpSigmoid},
	{ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin},
	{ugraph.OpRunning, ugraph.OpPrevious},
	{ugraph.OpSoftmax, ugraph.OpRMSNorm, ugraph.OpLayerNorm},
}

// mutations lists every single change of an edge, operator, attribute, constant, map, loop range or
// accumulator kind.
func mutations(g *ugraph.Graph) []mutation {
	var ms []mutation
	for _, at := range graphsOf(g) {
		h := at(g)
		add := func(what string, f func(x *ugraph.Graph)) {
			ms = append(ms, mutation{what, func(x *ugraph.Graph) { f(at(x)) }})
		}
		for i := range h.Nodes {
			n := &h.Nodes[i]
			for k, a := range n.Args {
				for v := range h.Values { // an edge to another value of the same type that exists by then
					if ugraph.ValueID(v) == a || h.Values[v].Node >= ugraph.NodeID(i) || !h.Values[v].Type.Equal(h.Values[a].Type) {
						continue
					}
					add("edge of "+n.Op.String(), func(x *ugraph.Graph) { x.Nodes[i].Args[k] = ugraph.ValueID(v) })
				}
			}
			for _, set := range swaps {
				for _, from := range set {
					if from != n.Op {
						continue
					}
					for _, to := range set {
						if to != n.Op {
							add(n.Op.String()+" to "+to.String(), func(x *ugraph.Graph) { x.Nodes[i].Op = to })
						}
					}
				}
			}
			attr := func(what string, a ugraph.Attr) {
				add(what, func(x *ugraph.Graph) {
					x.Nodes[i].Attrs = ugraph.CanonicalAttrs(n.Op, x.Nodes[i].Attrs.With(a))
				})
			}
			switch n.Op {
			case ugraph.OpConst:
				v := n.Attrs.Num("value", ugraph.Number{})
				for _, d := range []float64{0.5, 2, -1} {
					if m, err := ugraph.Float(v.Float64() * d); err == nil {
						attr("constant times a number", ugraph.NumberAttr("value", m))
					}
				}
				if m, err := ugraph.Float(v.Float64() + 1); err == nil {
					attr("constant plus 1", ugraph.NumberAttr("value", m))
				}
			case ugraph.OpMatMul:
				for _, t := range []string{"transpose_a", "transpose_b"} {
					attr(t, ugraph.BoolAttr(t, !n.Attrs.Flag(t)))
				}
			case ugraph.OpAccum:
				for _, k := range []string{"sum", "max", "min"} {
					if k != n.Attrs.Word("kind", "sum") {
						attr("accumulator kind "+k, ugraph.WordAttr("kind", k))
					}
				}
				if len(n.Args) == 2 {
					add("accumulator without its factor", func(x *ugraph.Graph) { x.Nodes[i].Args = x.Nodes[i].Args[:1] })
				}
			case ugraph.OpLoad:
				rank := int64(h.Values[n.Args[0]].Rank())
				grid, _ := n.Attrs.Get("grid")
				for gi := range grid.Ints {
					for ax := int64(-1); ax < rank; ax++ {
						if ax != grid.Ints[gi] {
							m := append([]int64(nil), grid.Ints...)
							m[gi] = ax
							attr("grid map", ugraph.IntsAttr("grid", m...))
						}
					}
				}
				for ax := int64(-1); ax < rank; ax++ {
					if ax != n.Attrs.Int("loop", -1) {
						attr("loop map", ugraph.IntAttr("loop", ax))
					}
				}
			}
			if a, ok := n.Attrs.Get("axis"); ok && a.Kind == ugraph.AttrInts && len(a.Ints) == 1 {
				for ax := range h.Values[n.Args[0]].Rank() {
					attr("axis", ugraph.IntsAttr("axis", int64(ax)))
				}
			}
		}
		if h.Level == ugraph.BlockLevel {
			if h.Loop != nil && h.Loop.Parts == 0 {
				add("loop tile", func(x *ugraph.Graph) { x.Loop.Tile++ })
			}
			add("loop removed", func(x *ugraph.Graph) { x.Loop = nil })
			for gi := range h.Grid {
				add("grid tile", func(x *ugraph.Graph) { x.Grid[gi].Tile++ })
			}
			for o := range h.Outputs {
				for v := range h.Values {
					if ugraph.ValueID(v) != h.Outputs[o].Value && h.Values[v].Type.Equal(h.Values[h.Outputs[o].Value].Type) {
						add("stored value", func(x *ugraph.Graph) { x.Outputs[o].Value = ugraph.ValueID(v) })
					}
				}
			}
		}
	}
	return ms
}

// infer rebuilds a mutated graph with the types that its operators have now.
func infer(g *ugraph.Graph) (*ugraph.Graph, error) {
	out := g.Clone()
	out.Values, out.Nodes = nil, nil
	ids := make([]ugraph.ValueID, len(g.Values))
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		v.Node = -1
		out.Inputs[i].Value = ugraph.ValueID(len(out.Values))
		ids[in.Value] = out.Inputs[i].Value
		out.Values = append(out.Values, v)
	}
	for i := range g.Nodes {
		n := g.Nodes[i]
		n.Args = append([]ugraph.ValueID(nil), n.Args...)
		for k := range n.Args {
			n.Args[k] = ids[n.Args[k]]
		}
		if n.Body != nil {
			b, err := infer(n.Body)
			if err != nil {
				return nil, err
			}
			n.Body = b
		}
		rs, err := out.Append(ugraph.Node{Op: n.Op, Args: n.Args, Attrs: n.Attrs, Body: n.Body})
		if err != nil {
			return nil, err
		}
		if len(rs) != len(n.Results) {
			return nil, errors.New("another number of results")
		}
		for k, r := range n.Results {
			ids[r] = rs[k]
			out.Values[rs[k]].Name = g.Values[r].Name
		}
	}
	for i := range out.Outputs {
		out.Outputs[i].Value = ids[g.Outputs[i].Value]
	}
	return out, ugraph.Validate(out)
}

// floatEqual compares two graphs in float64 at their real size, symbols at 70.
func floatEqual(t *testing.T, p, g *ugraph.Graph) (bool, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	env := ugraph.Env{}
	for _, s := range p.Symbols {
		env[s.Name] = s.At(70)
	}
	var in []*interp.Tensor[float64]
	for _, i := range p.Inputs {
		v := p.Value(i.Value)
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			t.Fatal(err)
		}
		n, err := interp.Elements(shape)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float64, n)
		for k := range data {
			data[k] = float64(float32(rng.NormFloat64()))
		}
		x, err := interp.FromFloats(v.DType, shape, data)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, x)
	}
	a, err := interp.Run(interp.Float64{}, p, in, env)
	if err != nil {
		t.Fatal(err)
	}
	b, err := interp.Run(interp.Float64{}, g, in, env)
	if err != nil {
		return false, err
	}
	for i := range a {
		x, y := interp.Floats(a[i]), interp.Floats(b[i])
		norm, diff := 0.0, 0.0
		for k := range x {
			norm += x[k] * x[k]
			diff += (x[k] - y[k]) * (x[k] - y[k])
		}
		if !(diff <= 1e-16*norm) || math.IsNaN(diff) {
			return false, nil
		}
	}
	return true, nil
}

// TestMutations: every legal mutation of a known-good graph is rejected, or float64 says that it is
// equal too. Every 16th is tried by default, all of them with MORGANA_FULL=1.
func TestMutations(t *testing.T) {
	t.Parallel()
	rejected, undecided, equal, illegal := 0, 0, 0, 0
	for i, k := range knownGood {
		p, g := goodPair(t, i)
		ms := mutations(g)
		step := 16
		switch {
		case os.Getenv("MORGANA_FULL") == "1":
			step = 1
		case testing.Short():
			step = 32
		}
		for j := 0; j < len(ms); j += step {
			m := ms[j]
			x := g.Clone()
			m.apply(x)
			x, err := infer(x)
			if err != nil {
				illegal++
				continue
			}
			r, err := Equal(context.Background(), p, x, Options{Seed: 5})
			if err != nil {
				illegal++
				continue
			}
			switch {
			case r.Equal:
				equal++
				if same, err := floatEqual(t, p, x); err != nil || !same {
					t.Errorf("%s: mutation %d (%s) was accepted, but float64 says that it differs (%v)", k.name, j, m.what, err)
				}
			case r.Witness == nil:
				undecided++
			default:
				rejected++
			}
		}
	}
	t.Logf("%d graphs: %d mutations rejected with a witness, %d rejected without one, %d equal by float64 too, %d not legal", len(knownGood), rejected, undecided, equal, illegal)
	if rejected == 0 || equal+rejected+undecided == 0 {
		t.Error("no mutation was tried")
	}
}
