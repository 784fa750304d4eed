package ugraph

import (
	"errors"
	"testing"
)

// block builds a μGraph with one kernel on X f32[4, 100], W f32[100, 50] and B bool[4]; fill may fail,
// since the rules are to say why, so the graph is returned unchecked.
func block(t *testing.T, fill func(k *BlockBuilder, x, w, b ValueID)) *Graph {
	t.Helper()
	b := NewBuilder("g")
	x := b.Input("X", F32, Ds(4, 100))
	w := b.Weight("W", F32, Ds(100, 50))
	mask := b.Input("B", Bool, Ds(4))
	r := b.Kernel("k", func(k *BlockBuilder) { fill(k, x, w, mask) })
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	b.Output("Y", r[0])
	return b.g
}

// changed is a graph after a change.
func changed(g *Graph, f func(g *Graph)) *Graph {
	f(g)
	return g
}

// body is the block graph of the first kernel.
func body(g *Graph) *Graph { return g.Nodes[0].Body }

// program is exp(X) with X f32[4, S], S ≤ 64 a multiple of 4.
func program(t *testing.T) *Graph {
	b := NewBuilder("p")
	s := b.Symbol("S", 1, 64, 4)
	b.Output("Y", b.Op(OpExp, nil, b.Input("X", F32, []Dim{D(4), s})))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func load(k *BlockBuilder, v ValueID, grid []int64, loop int64) ValueID {
	return k.Load(v, grid, loop)
}

func thread(t *testing.T, fill func(b *Builder, x ValueID) ValueID) *Graph {
	g := block(t, func(k *BlockBuilder, x, _, _ ValueID) {
		k.Grid("n", D(100), 16)
		v := load(k, x, []int64{1}, -1)
		in := &Builder{g: &Graph{Level: ThreadLevel}}
		y := fill(in, in.g.AddInput("x", k.Type(v), false))
		if in.err != nil {
			t.Fatal(in.err)
		}
		in.Output("y", y)
		r, err := k.g.Append(Node{Op: OpThread, Args: []ValueID{v}, Body: in.g})
		if err != nil {
			t.Fatal(err)
		}
		k.Store("Y", r[0], Store{Grid: []int{1}, Loop: -1})
	})
	return g
}

var counterexamples = []struct {
	rule, what string
	graph      func(t *testing.T) *Graph
}{
	{"ids", "an edge to a later value", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Nodes[0].Args[0] = 1 })
	}},
	{"ids", "a value that nothing defines", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Values = append(g.Values, Value{}) })
	}},
	{"fields", "a program with a grid", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Grid = []GridDim{{Name: "n", Parts: 2}} })
	}},
	{"fields", "an input that is const inside a kernel", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { body(g).Inputs[0].Const = true })
	}},
	{"fields", "a block output without a store", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { body(g).Outputs[0].Store = nil })
	}},
	{"nesting", "a load in a program", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Nodes[0].Op = OpLoad })
	}},
	{"nesting", "a kernel without a graph", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { g.Nodes[0].Body = nil })
	}},
	{"names", "two values of one name", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Values[1].Name = "X" })
	}},
	{"names", "an output called as another value", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Outputs[0].Name = "X" })
	}},
	{"names", "a reserved word", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Name = "const" })
	}},
	{"names", "two grid dimensions of one name", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { body(g).Grid[0].Name = "loop" })
	}},
	{"attributes", "a default that is not left out", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) {
			for i, n := range body(g).Nodes {
				if n.Op == OpMatMul {
					body(g).Nodes[i].Attrs = Attrs{BoolAttr("transpose_a", false)}
				}
			}
		})
	}},
	{"attributes", "an axis that is not an integer", func(t *testing.T) *Graph {
		b := NewBuilder("p")
		half, err := ParseNumber("0.5")
		if err != nil {
			t.Fatal(err)
		}
		b.Output("Y", b.Op(OpSoftmax, Attrs{NumberAttr("axis", half)}, b.Input("X", F32, Ds(4, 8))))
		return b.g
	}},
	{"outputs", "none", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Outputs = nil })
	}},
	{"symbols", "an empty range", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Symbols[0].Hi = 3 })
	}},
	{"symbols", "not declared", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Symbols = nil })
	}},
	{"inputs", "a sum as a dimension", func(t *testing.T) *Graph {
		b := NewBuilder("p")
		s := b.Symbol("S", 1, 64, 1)
		b.Output("Y", b.Op(OpExp, nil, b.Input("X", F32, []Dim{s.Add(D(1))})))
		return b.g
	}},
	{"extents", "a tile and parts at once", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { body(g).Loop.Parts = 2 })
	}},
	{"loads", "an axis below -1", func(t *testing.T) *Graph {
		return changed(rmsnormLinear(t), func(g *Graph) { body(g).Nodes[0].Attrs = Attrs{IntsAttr("grid", -2), IntAttr("loop", 1)} })
	}},
	{"whole", "an operator on an input", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Store("Y", k.Op(OpExp, nil, k.Arg(x)), Store{Loop: -1})
		})
	}},
	{"whole", "an input stored", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) { k.Store("Y", k.Arg(x), Store{Loop: -1}) })
	}},
	{"expanded", "attention in a kernel", func(t *testing.T) *Graph {
		b := NewBuilder("g")
		q := b.Input("Q", F32, Ds(2, 4, 8))
		r := b.Kernel("k", func(k *BlockBuilder) {
			x := k.Load(q, nil, -1)
			k.Store("Y", k.Op(OpAttention, nil, x, x, x), Store{Loop: -1})
		})
		b.Output("Y", r[0])
		return b.g
	}},
	{"types", "a recorded type that is not inferred", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Values[1].DType = F16 })
	}},
	{"types", "a literal beyond its type", func(t *testing.T) *Graph {
		b := NewBuilder("p")
		b.Output("Y", b.Const(Int(1), F16))
		b.g.Nodes[0].Attrs = Attrs{WordAttr("dtype", "f16"), NumberAttr("value", Int(70000))}
		return b.g
	}},
	{"sizes", "2^62 bytes at the symbol's bound", func(t *testing.T) *Graph {
		return changed(program(t), func(g *Graph) { g.Symbols[0].Hi = 1 << 60 })
	}},
	{"sizes", "empty at the symbol's bound", func(t *testing.T) *Graph {
		b := NewBuilder("p")
		s := b.Symbol("S", 1, 64, 1)
		x := b.Input("X", F32, []Dim{s})
		b.Output("Y", b.Op(OpSlice, Attrs{IntAttr("start", 1)}, x))
		return b.g
	}},
	{"accumulators", "of a value after the loop", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 10)
			s := k.Op(OpSum, Attrs{IntsAttr("axis", 1)}, load(k, x, nil, 1))
			k.Store("Y", k.Accum("sum", k.Accum("sum", s)), Store{Loop: -1})
		})
	}},
	{"accumulators", "of bool", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, _, _, m ValueID) {
			k.Store("Y", k.Accum("max", load(k, m, nil, -1)), Store{Loop: -1})
		})
	}},
	{"accumulators", "a factor per position of the tile", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 30)
			v := load(k, x, nil, 1)
			k.Store("Y", k.Op(OpSum, Attrs{IntsAttr("axis", 1)}, k.Accum("sum", v, k.Op(OpExp, nil, v))), Store{Loop: -1})
		})
	}},
	{"folded", "an axis that may be shorter than the tile", func(t *testing.T) *Graph {
		b := NewBuilder("g")
		s := b.Symbol("S", 1, 64, 1)
		x := b.Input("X", F32, []Dim{s})
		r := b.Kernel("k", func(k *BlockBuilder) {
			k.Loop("s", s, 8)
			k.Store("Y", k.Op(OpMean, Attrs{IntsAttr("axis", 0)}, k.Accum("max", k.Load(x, nil, 0))), Store{Loop: -1})
		})
		b.Output("Y", r[0])
		return b.g
	}},
	{"folded", "a last block shorter than the loop's tile", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 48)
			k.Loop("k", D(48), 8)
			k.Store("Y", k.Op(OpMean, Attrs{IntsAttr("axis", 1), BoolAttr("keepdims", true)}, k.Accum("max", load(k, x, []int64{1}, 1))), Store{Grid: []int{1}, Loop: -1})
		})
	}},
	{"phases", "an accumulator's final value in the loop", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 10)
			xt := load(k, x, nil, 1)
			m := k.Accum("max", k.Op(OpMax, Attrs{IntsAttr("axis", 1), BoolAttr("keepdims", true)}, xt))
			k.Store("Y", k.Op(OpSub, nil, xt, m), Store{Loop: -1})
			k.g.Outputs[0].Store.Loop = 1
		})
	}},
	{"parts", "parts of a ragged tile", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			k.LoopParts("k", 4)
			k.Store("Y", load(k, x, []int64{1}, 1), Store{Grid: []int{1}, Loop: 1})
		})
	}},
	{"regular", "a cut axis meets a whole one, ragged", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			a := load(k, x, []int64{1}, -1)
			b := k.Op(OpSlice, Attrs{IntAttr("axis", 1), IntAttr("end", 16)}, load(k, x, []int64{-1}, -1))
			k.Store("Y", k.Op(OpAdd, nil, a, b), Store{Grid: []int{1}, Loop: -1})
		})
	}},
	{"store-axes", "two grid dimensions to one axis", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("m", D(4), 2)
			k.Grid("n", D(100), 20)
			k.Store("Y", load(k, x, []int64{0, 1}, -1), Store{Grid: []int{1, 1}, Loop: -1})
		})
	}},
	{"store-phase", "each trip to one place", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 10)
			k.Store("Y", load(k, x, nil, 1), Store{Loop: -1})
		})
	}},
	{"store-grid", "different tiles to one place", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 20)
			k.Store("Y", load(k, x, []int64{1}, -1), Store{Grid: []int{-1}, Loop: -1})
		})
	}},
	{"store-reduce", "of equal tiles", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 20)
			k.Store("Y", load(k, x, []int64{-1}, -1), Store{Grid: []int{-1}, Loop: -1, Reduce: "sum"})
		})
	}},
	{"store-reduce", "of an unknown kind", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 20)
			k.Store("Y", load(k, x, []int64{1}, -1), Store{Grid: []int{-1}, Loop: -1, Reduce: "prod"})
		})
	}},
	{"store-once", "a dimension whose blocks hold equal tiles", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 20)
			k.Grid("m", D(50), 10)
			k.Store("Y", load(k, x, []int64{1, -1}, -1), Store{Grid: []int{-1, -1}, Loop: -1, Reduce: "sum"})
		})
	}},
	{"store-ragged", "ragged tiles combined", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			k.Store("Y", load(k, x, []int64{1}, -1), Store{Grid: []int{-1}, Loop: -1, Reduce: "sum"})
		})
	}},
	{"store-ragged", "ragged tiles stacked along another axis", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			k.Store("Y", load(k, x, []int64{1}, -1), Store{Grid: []int{0}, Loop: -1})
		})
	}},
	{"thread", "a reduction after an elementwise operator", func(t *testing.T) *Graph {
		return thread(t, func(b *Builder, x ValueID) ValueID {
			return b.Op(OpAdd, nil, x, b.Op(OpSum, Attrs{IntsAttr("axis", 0), BoolAttr("keepdims", true)}, b.Op(OpExp, nil, x)))
		})
	}},
	{"dead", "a load that nothing uses", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, w, _ ValueID) {
			load(k, w, nil, -1)
			k.Store("Y", load(k, x, nil, -1), Store{Loop: -1})
		})
	}},
	{"dead", "an input that nothing loads", func(t *testing.T) *Graph {
		return block(t, func(k *BlockBuilder, x, w, _ ValueID) {
			k.Arg(w)
			k.Store("Y", load(k, x, nil, -1), Store{Loop: -1})
		})
	}},
}

// TestRules checks that each counterexample breaks its rule and no rule before it, and that every
// rule has one.
func TestRules(t *testing.T) {
	has := map[string]bool{}
	for _, c := range counterexamples {
		has[c.rule] = true
		t.Run(c.rule+"/"+c.what, func(t *testing.T) {
			err := Validate(c.graph(t))
			var broken *RuleError
			if !errors.As(err, &broken) || broken.Rule != c.rule {
				t.Errorf("got %v, want a violation of %s", err, c.rule)
			}
		})
	}
	for _, r := range Rules {
		if !has[r.Name] {
			t.Errorf("rule %s has no counterexample", r.Name)
		}
		if r.Why == "" || r.Check == nil {
			t.Errorf("rule %s lacks a reason or a check", r.Name)
		}
	}
}

// TestLegal checks that what looks unusual but has one meaning is accepted.
func TestLegal(t *testing.T) {
	for name, g := range map[string]*Graph{
		"a partial value used nonlinearly": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 30)
			s := k.Op(OpSum, Attrs{IntsAttr("axis", 1)}, load(k, x, nil, 1))
			k.Store("Y", k.Accum("sum", k.Op(OpExp, nil, s)), Store{Loop: -1})
		}),
		"a ragged axis folded by an accumulator": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 30)
			acc := k.Accum("sum", load(k, x, nil, 1))
			k.Store("Y", k.Op(OpSum, Attrs{IntsAttr("axis", 1)}, acc), Store{Loop: -1})
		}),
		"parts joined irregularly": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.GridParts("n", 5)
			a := load(k, x, []int64{1}, -1)
			b := k.Op(OpSlice, Attrs{IntAttr("axis", 1), IntAttr("end", 20)}, load(k, x, []int64{-1}, -1))
			k.Store("Y", k.Op(OpAdd, nil, a, b), Store{Grid: []int{1}, Loop: -1})
		}),
		"partial sums reduced across blocks": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			s := k.Op(OpSum, Attrs{IntsAttr("axis", 1)}, load(k, x, []int64{1}, -1))
			k.Store("Y", s, Store{Grid: []int{-1}, Loop: -1, Reduce: "sum"})
		}),
		"partial sums stacked": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Grid("n", D(100), 16)
			s := k.Op(OpSum, Attrs{IntsAttr("axis", 1), BoolAttr("keepdims", true)}, load(k, x, []int64{1}, -1))
			k.Store("Y", s, Store{Grid: []int{1}, Loop: -1})
		}),
		"an accumulated constant": block(t, func(k *BlockBuilder, x, _, _ ValueID) {
			k.Loop("k", D(100), 30)
			ones := k.Op(OpBroadcast, Attrs{DimsAttr("shape", D(4))}, k.Const(Int(1), F32))
			k.Store("Y", k.Accum("sum", ones), Store{Loop: -1})
		}),
		"a producer and its chain in a thread graph": thread(t, func(b *Builder, x ValueID) ValueID {
			return b.Op(OpMul, nil, b.Op(OpTranspose, Attrs{IntsAttr("perm", 0, 1)}, x), b.Const(Int(2), F32))
		}),
	} {
		if err := Validate(g); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := NewBuilder("g")
	s := b.Symbol("S", 1, 4096, 16)
	x := b.Input("X", F32, []Dim{s})
	r := b.Kernel("k", func(k *BlockBuilder) {
		k.Grid("s", s, 16)
		k.Store("Y", k.Load(x, []int64{0}, -1), Store{Grid: []int{-1}, Loop: -1, Reduce: "sum"})
	})
	b.Output("Y", r[0])
	if _, err := b.Graph(); err != nil {
		t.Errorf("a tile that the symbol's divisibility makes exact: %v", err)
	}
}
