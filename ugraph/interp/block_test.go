package interp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

var transposeB = ugraph.Attrs{ugraph.BoolAttr("transpose_b", true)}

// TestFlashAttention: ragged query tiles and ragged key trips, a running maximum, and a rescaled sum.
func TestFlashAttention(t *testing.T) {
	const heads, rows, d = 2, 5, 4
	s := ugraph.Sym("S")
	inputs := func(b *ugraph.Builder) (q, k, v ugraph.ValueID) {
		b.Symbol("S", 1, 64, 1)
		q = b.Input("Q", ugraph.F32, ugraph.Ds(heads, rows, d))
		k = b.Input("K", ugraph.F32, []ugraph.Dim{ugraph.D(heads), s, ugraph.D(d)})
		v = b.Input("V", ugraph.F32, []ugraph.Dim{ugraph.D(heads), s, ugraph.D(d)})
		return
	}
	program := graph(t, "p", func(b *ugraph.Builder) {
		q, k, v := inputs(b)
		a := b.Op(ugraph.OpMatMul, transposeB, q, k)
		b.Output("O", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpSoftmax, nil, a), v))
		b.Output("L", b.Op(ugraph.OpLogSumExp, nil, a))
	})
	fused := graph(t, "f", func(b *ugraph.Builder) {
		q, k, v := inputs(b)
		r := b.Kernel("flash", func(kb *ugraph.BlockBuilder) {
			kb.Grid("h", ugraph.D(heads), 1)
			kb.Grid("m", ugraph.D(rows), 2)
			kb.Loop("s", s, 3)
			qt := kb.Load(q, []int64{0, 1}, -1)
			kt := kb.Load(k, []int64{0, -1}, 1)
			vt := kb.Load(v, []int64{0, -1}, 1)
			scores := kb.Op(ugraph.OpMatMul, transposeB, qt, kt)
			m := kb.Accum("max", kb.Op(ugraph.OpMax, axis(-1), scores))
			now := kb.Running(m)
			factor := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, kb.Previous(m), now))
			p := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, scores, now))
			l := kb.Accum("sum", kb.Op(ugraph.OpSum, axis(-1), p), factor)
			o := kb.Accum("sum", kb.Op(ugraph.OpMatMul, nil, p, vt), factor)
			kb.Store("O", kb.Op(ugraph.OpDiv, nil, o, l), ugraph.Store{Grid: []int{0, 1}, Loop: -1})
			lse := kb.Op(ugraph.OpAdd, nil, m, kb.Op(ugraph.OpLog, nil, l))
			kb.Store("L", kb.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.Ds(1, 2)...)}, lse), ugraph.Store{Grid: []int{0, 1}, Loop: -1})
		})
		b.Output("O", r[0])
		b.Output("L", r[1])
	})
	for _, n := range []int64{1, 2, 3, 4, 11} {
		in := []*Tensor[float64]{random(t, 1, ugraph.F32, heads, rows, d), random(t, 2, ugraph.F32, heads, n, d), random(t, 3, ugraph.F32, heads, n, d)}
		requireSame(t, program, fused, in, ugraph.Env{"S": n}, 1e-12)
	}
}

func rmsLinearProgram(t *testing.T) *ugraph.Graph {
	return graph(t, "p", func(b *ugraph.Builder) {
		x := b.Input("X", ugraph.F16, ugraph.Ds(3, 10))
		w := b.Input("W", ugraph.F16, ugraph.Ds(10, 7))
		b.Output("Y", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpRMSNorm, nil, x), w))
	})
}

// rmsLinear divides after the product; tile, trip and the divisor of the mean are parameters.
func rmsLinear(t *testing.T, tile, trip, divisor int64) *ugraph.Graph {
	return graph(t, "f", func(b *ugraph.Builder) {
		x := b.Input("X", ugraph.F16, ugraph.Ds(3, 10))
		w := b.Input("W", ugraph.F16, ugraph.Ds(10, 7))
		r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
			k.Grid("n", ugraph.D(7), tile)
			k.Loop("k", ugraph.D(10), trip)
			xt, wt := k.Load(x, []int64{-1}, 1), k.Load(w, []int64{1}, 0)
			acc := k.Accum("sum", k.Op(ugraph.OpMatMul, nil, xt, wt))
			sq := k.Accum("sum", k.Op(ugraph.OpSum, axis(1), k.Op(ugraph.OpSquare, nil, xt)))
			ms := k.Op(ugraph.OpDiv, nil, sq, k.Const(ugraph.Int(divisor), ugraph.F16))
			k.Store("Y", k.Op(ugraph.OpDiv, nil, acc, k.Op(ugraph.OpSqrt, nil, ms)), ugraph.Store{Grid: []int{1}, Loop: -1})
		})
		b.Output("Y", r[0])
	})
}

func TestRMSNormAfterMatMul(t *testing.T) {
	in := []*Tensor[float64]{random(t, 1, ugraph.F16, 3, 10), random(t, 2, ugraph.F16, 10, 7)}
	for tile := int64(1); tile <= 8; tile += 3 {
		for trip := int64(1); trip <= 10; trip += 3 {
			requireSame(t, rmsLinearProgram(t), rmsLinear(t, tile, trip, 10), in, nil, 1e-12)
		}
	}
	x, err := Run(Rounded{}, rmsLinearProgram(t), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := Run(Rounded{}, rmsLinear(t, 4, 4, 10), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	requireClose(t, "f16", Floats(y[0]), Floats(x[0]), 4e-3)
	wrong, err := Run(Float64{}, rmsLinear(t, 4, 4, 9), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := Floats(wrong[0])[0]/Floats(x[0])[0] - 1; d > -0.03 || d < -0.08 {
		t.Errorf("a mean over 9 of 10 changes the result by %v, want about -5%%", d)
	}
}

// TestSplitKeys: the keys split over blocks, stacked partial results, and a merge kernel.
func TestSplitKeys(t *testing.T) {
	const rows, s, d, part = 3, 10, 4, 4 // parts of 4, 4, 2
	program := graph(t, "p", func(b *ugraph.Builder) {
		q, k, v := b.Input("Q", ugraph.F32, ugraph.Ds(rows, d)), b.Input("K", ugraph.F32, ugraph.Ds(s, d)), b.Input("V", ugraph.F32, ugraph.Ds(s, d))
		b.Output("O", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpSoftmax, nil, b.Op(ugraph.OpMatMul, transposeB, q, k)), v))
	})
	fused := graph(t, "f", func(b *ugraph.Builder) {
		q, k, v := b.Input("Q", ugraph.F32, ugraph.Ds(rows, d)), b.Input("K", ugraph.F32, ugraph.Ds(s, d)), b.Input("V", ugraph.F32, ugraph.Ds(s, d))
		parts := b.Kernel("parts", func(kb *ugraph.BlockBuilder) {
			kb.Grid("s", ugraph.D(s), part)
			scores := kb.Op(ugraph.OpMatMul, transposeB, kb.Load(q, []int64{-1}, -1), kb.Load(k, []int64{0}, -1))
			m := kb.Op(ugraph.OpMax, axis(-1), scores)
			p := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, scores, m))
			stack := func(name string, v ugraph.ValueID, n int64) {
				kb.Store(name, kb.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.Ds(1, rows, n)...)}, v), ugraph.Store{Grid: []int{0}, Loop: -1})
			}
			stack("m", m, 1)
			stack("l", kb.Op(ugraph.OpSum, axis(-1), p), 1)
			stack("o", kb.Op(ugraph.OpMatMul, nil, p, kb.Load(v, []int64{0}, -1)), d)
		})
		r := b.Kernel("merge", func(kb *ugraph.BlockBuilder) {
			m, l, o := kb.Load(parts[0], nil, -1), kb.Load(parts[1], nil, -1), kb.Load(parts[2], nil, -1)
			f := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, m, kb.Op(ugraph.OpMax, axis(0), m)))
			sum := func(v ugraph.ValueID) ugraph.ValueID {
				return kb.Op(ugraph.OpSum, ugraph.Attrs{ugraph.IntsAttr("axis", 0)}, kb.Op(ugraph.OpMul, nil, v, f))
			}
			kb.Store("O", kb.Op(ugraph.OpDiv, nil, sum(o), sum(l)), ugraph.Store{Loop: -1})
		})
		b.Output("O", r[0])
	})
	in := []*Tensor[float64]{random(t, 1, ugraph.F32, rows, d), random(t, 2, ugraph.F32, s, d), random(t, 3, ugraph.F32, s, d)}
	requireSame(t, program, fused, in, nil, 1e-12)
}

// TestReduceAcrossBlocks: the contracted axis cut by the grid, blocks combined by the store.
func TestReduceAcrossBlocks(t *testing.T) {
	program := graph(t, "p", func(b *ugraph.Builder) {
		x, w := b.Input("X", ugraph.F32, ugraph.Ds(3, 10)), b.Input("W", ugraph.F32, ugraph.Ds(10, 5))
		b.Output("Y", b.Op(ugraph.OpMatMul, nil, x, w))
		b.Output("M", b.Op(ugraph.OpMax, axis(1), x))
	})
	fused := graph(t, "f", func(b *ugraph.Builder) {
		x, w := b.Input("X", ugraph.F32, ugraph.Ds(3, 10)), b.Input("W", ugraph.F32, ugraph.Ds(10, 5))
		r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
			k.Grid("k", ugraph.D(10), 4)
			k.Grid("n", ugraph.D(5), 3)
			xt := k.Load(x, []int64{1, -1}, -1)
			k.Store("Y", k.Op(ugraph.OpMatMul, nil, xt, k.Load(w, []int64{0, 1}, -1)), ugraph.Store{Grid: []int{-1, 1}, Loop: -1, Reduce: "sum"})
			k.Store("M", k.Op(ugraph.OpMax, axis(1), xt), ugraph.Store{Grid: []int{-1, -1}, Loop: -1, Reduce: "max"})
		})
		b.Output("Y", r[0])
		b.Output("M", r[1])
	})
	in := []*Tensor[float64]{random(t, 1, ugraph.F32, 3, 10), random(t, 2, ugraph.F32, 10, 5)}
	requireSame(t, program, fused, in, nil, 1e-12)
}

// TestChanLayerNorm: mean and sum of squared differences merged trip by trip (Chan, Golub, LeVeque 1979),
// with the count as an accumulator, so that the ragged trip has its own weight.
func TestChanLayerNorm(t *testing.T) {
	const rows, n = 4, 11
	program := graph(t, "p", func(b *ugraph.Builder) {
		b.Output("Y", b.Op(ugraph.OpLayerNorm, nil, b.Input("X", ugraph.F32, ugraph.Ds(rows, n))))
	})
	fused := graph(t, "f", func(b *ugraph.Builder) {
		x := b.Input("X", ugraph.F32, ugraph.Ds(rows, n))
		stats := b.Kernel("stats", func(k *ugraph.BlockBuilder) {
			k.Loop("n", ugraph.D(n), 4)
			xt := k.Load(x, nil, 1)
			zero := k.Const(ugraph.Int(0), ugraph.F32)
			ones := k.Op(ugraph.OpAdd, nil, k.Op(ugraph.OpMul, nil, xt, zero), k.Const(ugraph.Int(1), ugraph.F32))
			count := k.Accum("sum", k.Op(ugraph.OpSum, axis(1), ones))
			sum := k.Accum("sum", k.Op(ugraph.OpSum, axis(1), xt))
			// The tile's own second moment, and the shift of the mean from the trips before to now.
			mean := k.Op(ugraph.OpMean, axis(1), xt)
			own := k.Op(ugraph.OpSum, axis(1), k.Op(ugraph.OpSquare, nil, k.Op(ugraph.OpSub, nil, xt, mean)))
			before, here := k.Previous(count), k.Op(ugraph.OpSub, nil, k.Running(count), k.Previous(count))
			delta := k.Op(ugraph.OpSub, nil, mean, k.Op(ugraph.OpDiv, nil, k.Previous(sum), k.Op(ugraph.OpMaximum, nil, before, k.Const(ugraph.Int(1), ugraph.F32))))
			weight := k.Op(ugraph.OpDiv, nil, k.Op(ugraph.OpMul, nil, before, here), k.Running(count))
			m2 := k.Accum("sum", k.Op(ugraph.OpAdd, nil, own, k.Op(ugraph.OpMul, nil, k.Op(ugraph.OpSquare, nil, delta), weight)))
			k.Store("mean", k.Op(ugraph.OpDiv, nil, sum, count), ugraph.Store{Loop: -1})
			k.Store("deviation", k.Op(ugraph.OpSqrt, nil, k.Op(ugraph.OpDiv, nil, m2, count)), ugraph.Store{Loop: -1})
		})
		// The second pass writes in each trip.
		r := b.Kernel("scale", func(k *ugraph.BlockBuilder) {
			k.Grid("m", ugraph.D(rows), 3)
			k.Loop("n", ugraph.D(n), 4)
			xt := k.Load(x, []int64{0}, 1)
			y := k.Op(ugraph.OpDiv, nil, k.Op(ugraph.OpSub, nil, xt, k.Load(stats[0], []int64{0}, -1)), k.Load(stats[1], []int64{0}, -1))
			k.Store("Y", y, ugraph.Store{Grid: []int{0}, Loop: 1})
		})
		b.Output("Y", r[0])
	})
	requireSame(t, program, fused, []*Tensor[float64]{random(t, 7, ugraph.F32, rows, n)}, nil, 1e-12)
}

// fuseTail moves the last two nodes of a kernel, sqrt and the div that uses it, into a thread graph.
func fuseTail(t *testing.T, g *ugraph.Graph) *ugraph.Graph {
	t.Helper()
	g = g.Clone()
	body := g.Nodes[0].Body
	n := len(body.Nodes) - 2
	sqrt, div := body.Nodes[n], body.Nodes[n+1]
	args := []ugraph.ValueID{div.Args[0], sqrt.Args[0]}
	body.Nodes, body.Values = body.Nodes[:n], body.Values[:len(body.Values)-2]
	thread := &ugraph.Graph{Level: ugraph.ThreadLevel, Name: "tail"}
	num := thread.AddInput("num", body.Values[args[0]].Type, false)
	square := thread.AddInput("square", body.Values[args[1]].Type, false)
	root, err := thread.Append(ugraph.Node{Op: ugraph.OpSqrt, Args: []ugraph.ValueID{square}})
	if err != nil {
		t.Fatal(err)
	}
	y, err := thread.Append(ugraph.Node{Op: ugraph.OpDiv, Args: []ugraph.ValueID{num, root[0]}})
	if err != nil {
		t.Fatal(err)
	}
	thread.Outputs = []ugraph.Output{{Name: "y", Value: y[0]}}
	r, err := body.Append(ugraph.Node{Op: ugraph.OpThread, Args: args, Body: thread})
	if err != nil {
		t.Fatal(err)
	}
	body.Outputs[0].Value = r[0]
	return g
}

func TestThreadGraph(t *testing.T) {
	in := []*Tensor[float64]{random(t, 1, ugraph.F16, 3, 10), random(t, 2, ugraph.F16, 10, 7)}
	g := fuseTail(t, rmsLinear(t, 4, 4, 10))
	if err := ugraph.Validate(g); err != nil {
		t.Fatal(err)
	}
	requireSame(t, rmsLinearProgram(t), g, in, nil, 1e-12)
}

// TestGridAndLoopOnOneAxis: the loop cuts the grid's tile; the last block has fewer trips.
func TestGridAndLoopOnOneAxis(t *testing.T) {
	const n = 13
	for _, tile := range []int64{4, 6, 13} {
		for _, trip := range []int64{1, 2, 3, 4} {
			t.Run(fmt.Sprint(tile, " by ", trip), func(t *testing.T) {
				program := graph(t, "p", func(b *ugraph.Builder) {
					x := b.Input("X", ugraph.F32, ugraph.Ds(2, n))
					b.Output("E", b.Op(ugraph.OpExp, nil, x))
				})
				fused := graph(t, "f", func(b *ugraph.Builder) {
					x := b.Input("X", ugraph.F32, ugraph.Ds(2, n))
					r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
						k.Grid("n", ugraph.D(n), tile)
						k.Loop("i", ugraph.D(tile), trip)
						k.Store("E", k.Op(ugraph.OpExp, nil, k.Load(x, []int64{1}, 1)), ugraph.Store{Grid: []int{1}, Loop: 1})
					})
					b.Output("E", r[0])
				})
				requireSame(t, program, fused, []*Tensor[float64]{random(t, 5, ugraph.F32, 2, n)}, nil, 0)
			})
		}
	}
}

func TestOverwritingBlocksAreRefused(t *testing.T) {
	b := ugraph.NewBuilder("f")
	x := b.Input("X", ugraph.F32, ugraph.Ds(4, 4))
	r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
		k.Grid("m", ugraph.D(4), 2)
		k.Store("Y", k.Load(x, []int64{0}, -1), ugraph.Store{Grid: []int{-1}, Loop: -1})
	})
	if b.Err() == nil {
		b.Output("Y", r[0])
	}
	g, err := b.Graph()
	if err == nil {
		_, err = Run(Float64{}, g, []*Tensor[float64]{random(t, 1, ugraph.F32, 4, 4)}, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "Y") {
		t.Errorf("two blocks write one tile: %v", err)
	}
}

// TestAccumulators: max and min over ragged trips, integer sums kept in i64, a running value in f16
// whose state is kept in f32, and an accumulator of a tile that does not depend on the trip.
func TestAccumulators(t *testing.T) {
	g := graph(t, "f", func(b *ugraph.Builder) {
		x, n := b.Input("X", ugraph.F16, ugraph.Ds(1, 5)), b.Input("N", ugraph.I8, ugraph.Ds(1, 5))
		r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
			k.Loop("i", ugraph.D(5), 2)
			xt, nt := k.Load(x, nil, 1), k.Load(n, nil, 1)
			here := ugraph.Store{Loop: -1}
			k.Store("max", k.Accum("max", k.Op(ugraph.OpMax, axis(1), xt)), here)
			k.Store("min", k.Accum("min", k.Op(ugraph.OpMin, axis(1), nt)), here)
			k.Store("sum", k.Accum("sum", k.Op(ugraph.OpSum, axis(1), xt)), here)
			k.Store("integers", k.Accum("sum", k.Op(ugraph.OpSum, axis(1), nt)), here)
			// The first column does not depend on the trip: it is added in each of the three.
			k.Store("repeated", k.Accum("sum", k.Op(ugraph.OpSlice, ugraph.Attrs{ugraph.IntAttr("axis", 1), ugraph.IntAttr("end", 1)}, k.Load(x, nil, -1))), here)
			k.Store("folded", k.Accum("sum", xt), here)
		})
		for i, name := range []string{"max", "min", "sum", "integers", "repeated", "folded"} {
			b.Output(name, r[i])
		}
	})
	x, err := FromFloats(ugraph.F16, []int64{1, 5}, []float64{2048, 0, 1, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	out, err := Run(Rounded{}, g, []*Tensor[float64]{x, ints(t, ugraph.I8, []int64{1, 5}, 100, 20, 30, -7, 113)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{2048}, {-7}, {2050}, {0}, {6144}, {2050, 0}} { // 256 wraps to 0; 2048 + 1 + 1 rounds once
		requireClose(t, g.Outputs[i].Name, Floats(out[i]), want, 0)
	}
}
