package search

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

// rewriting copies a program and changes how it is written, never what it computes.
type rewriting struct {
	name  string
	order func(inputs []int)                                                     // of the inputs, in place
	call  func(i int) string                                                     // the name of value i; nil keeps names
	args  func(n *ugraph.Node, args []ugraph.ValueID)                            // in place
	after func(g *ugraph.Graph, i int, v ugraph.ValueID) (ugraph.ValueID, error) // what takes the place of node i's result
}

// identity puts op(v, literal) in the place of every third result.
func identity(op ugraph.Op, literal int64) func(*ugraph.Graph, int, ugraph.ValueID) (ugraph.ValueID, error) {
	return func(g *ugraph.Graph, i int, v ugraph.ValueID) (ugraph.ValueID, error) {
		dt := g.Value(v).DType
		if i%3 != 0 || !dt.IsFloat() {
			return v, nil
		}
		c, err := g.Append(ugraph.Node{Op: ugraph.OpConst, Attrs: ugraph.Attrs{}.With(ugraph.IntAttr("value", literal)).With(ugraph.WordAttr("dtype", dt.String()))})
		if err != nil {
			return 0, err
		}
		r, err := g.Append(ugraph.Node{Op: op, Args: []ugraph.ValueID{v, c[0]}})
		if err != nil {
			return 0, err
		}
		return r[0], nil
	}
}

// turnedTwice transposes every second result of two axes or more and back.
func turnedTwice(g *ugraph.Graph, i int, v ugraph.ValueID) (ugraph.ValueID, error) {
	if i%2 != 0 || len(g.Value(v).Shape) < 2 {
		return v, nil
	}
	for range 2 {
		r, err := g.Append(ugraph.Node{Op: ugraph.OpTranspose, Args: []ugraph.ValueID{v}})
		if err != nil {
			return 0, err
		}
		v = r[0]
	}
	return v, nil
}

var rewritings = []rewriting{
	{name: "renamed", call: func(i int) string { return fmt.Sprintf("zz_%d", 1000-i) }},
	{name: "inputs permuted", order: func(in []int) {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
	}},
	{name: "operands commuted", args: func(n *ugraph.Node, args []ugraph.ValueID) {
		if n.Op.Info().Commutes {
			slices.Reverse(args)
		}
	}},
	{name: "times one", after: identity(ugraph.OpMul, 1)},
	{name: "plus zero", after: identity(ugraph.OpAdd, 0)},
	{name: "over one", after: identity(ugraph.OpDiv, 1)},
	{name: "transposed twice", after: turnedTwice},
}

// apply writes the program anew.
func (r rewriting) apply(g *ugraph.Graph) (*ugraph.Graph, error) {
	out := g.Clone()
	out.Values, out.Nodes, out.Inputs = nil, nil, nil
	to := make([]ugraph.ValueID, len(g.Values))
	order := make([]int, len(g.Inputs))
	for i := range order {
		order[i] = i
	}
	if r.order != nil {
		r.order(order)
	}
	name := func(v ugraph.ValueID) string {
		if r.call != nil {
			return r.call(int(v))
		}
		return g.Value(v).Name
	}
	for _, i := range order {
		in := g.Inputs[i]
		to[in.Value] = out.AddInput(name(in.Value), g.Value(in.Value).Type, in.Const)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for k, a := range n.Args {
			args[k] = to[a]
		}
		if r.args != nil {
			r.args(n, args)
		}
		rs, err := out.Append(ugraph.Node{Op: n.Op, Args: args, Attrs: slices.Clone(n.Attrs)})
		if err != nil {
			return nil, err
		}
		for k, v := range n.Results {
			to[v] = rs[k]
			if r.after != nil {
				if to[v], err = r.after(out, i, rs[k]); err != nil {
					return nil, err
				}
			}
		}
	}
	for i := range out.Outputs {
		out.Outputs[i].Value = to[g.Outputs[i].Value]
	}
	return out, ugraph.Validate(out)
}

// TestMetamorphic: how a program is written changes neither what the result computes nor, up to near equals, what it costs.
// MORGANA_FULL=1 adds the program with the most forms.
func TestMetamorphic(t *testing.T) {
	names := []string{"rmsnorm_linear", "gated_mlp", "lora", "ntrans", "gqa", "moe", "softmax_wide", "layer_norm", "attention_decode"}
	switch {
	case everything:
		names = append(names, "qknorm_gqa")
	case testing.Short():
		names = names[:1]
	}
	for _, name := range names {
		g := programtest.Program(t, name)
		want := best(t, name)
		for _, r := range rewritings {
			t.Run(name+"/"+r.name, func(t *testing.T) {
				src := g
				if r.after != nil { // between the primitives, too
					var err error
					if src, err = library.Expand(g); err != nil {
						t.Fatal(err)
					}
				}
				h, err := r.apply(src)
				if err != nil {
					t.Fatal(err)
				}
				got := optimize(t, h, Options{})
				if a, b := want.Best.PredictedUS, got.Best.PredictedUS; !(b <= nearRatio*a && a <= nearRatio*b) {
					t.Errorf("%.1f µs become %.1f: %s\n%s", a, b, got.Reason, text.Print(got.Best.Graph))
				}
				if r.order != nil || r.call != nil {
					return // the interface is another one
				}
				if eq, err := verify.Equal(context.Background(), g, got.Best.Graph, verify.Options{Seed: 2}); err != nil || !eq.Equal {
					t.Errorf("the result is another program than the one that was rewritten: %v %v", eq, err)
				}
			})
		}
	}
}
