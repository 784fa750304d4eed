package cpu

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// random makes an f32 tensor of N(0,1) from a seed.
func random(t testing.TB, seed uint64, shape ...int64) *tensor.Tensor {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	x, err := tensor.New(ugraph.F32, shape...)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < x.Len(); i++ {
		x.SetFloat64(i, r.NormFloat64())
	}
	return x
}

// runGraph loads and runs a graph on a device of that many threads.
func runGraph(t testing.TB, g *ugraph.Graph, threads int, in, weights map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	d := New(threads)
	defer d.Close()
	p, err := d.Load(g, weights)
	if err != nil {
		t.Fatal(err)
	}
	env, err := p.Bind(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.OutputTensors(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// near compares a tensor with float64 values, relative to the largest of them.
func near(t testing.TB, what string, got *tensor.Tensor, want []float64, tol float64) {
	t.Helper()
	scale := 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i, v := range want {
		if g := got.Float64At(i); !(math.Abs(g-v) <= tol*scale) {
			t.Fatalf("%s: element %d is %g, want %g", what, i, g, v)
		}
	}
}

// flashAttention is softmax(Q Kᵀ / 8) V with a running maximum, ragged in both axes, K given as (d, S).
func flashAttention(t testing.TB, heads, rows, keys, d, rowTile, keyTile int64) *ugraph.Graph {
	b := ugraph.NewBuilder("attention")
	q := b.Input("Q", ugraph.F32, ugraph.Ds(heads, rows, d))
	k := b.Input("K", ugraph.F32, ugraph.Ds(heads, d, keys))
	v := b.Input("V", ugraph.F32, ugraph.Ds(heads, keys, d))
	out := b.Kernel("flash", func(kb *ugraph.BlockBuilder) {
		kb.Grid("h", ugraph.D(heads), 1)
		kb.Grid("i", ugraph.D(rows), rowTile)
		kb.Loop("j", ugraph.D(keys), keyTile)
		eighth, _ := ugraph.ParseNumber("0.125")
		qt := kb.Op(ugraph.OpMul, nil, kb.Load(q, []int64{0, 1}, -1), kb.Const(eighth, ugraph.F32))
		kt := kb.Load(k, []int64{0, -1}, 2)
		vt := kb.Load(v, []int64{0, -1}, 1)
		s := kb.Op(ugraph.OpMatMul, nil, qt, kt)
		last := ugraph.Attrs{ugraph.IntsAttr("axis", -1), ugraph.BoolAttr("keepdims", true)}
		m := kb.Accum("max", kb.Op(ugraph.OpMax, last, s))
		now := kb.Running(m)
		p := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, s, now))
		phi := kb.Op(ugraph.OpExp, nil, kb.Op(ugraph.OpSub, nil, kb.Previous(m), now))
		sum := kb.Accum("sum", kb.Op(ugraph.OpSum, last, p), phi)
		o := kb.Accum("sum", kb.Op(ugraph.OpMatMul, nil, p, vt), phi)
		kb.Store("O", kb.Op(ugraph.OpDiv, nil, o, sum), ugraph.Store{Grid: []int{0, 1}, Loop: -1})
	})
	b.Output("O", out[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func naiveAttention(q, k, v *tensor.Tensor) []float64 {
	h, n, d, s := int(q.Shape[0]), int(q.Shape[1]), int(q.Shape[2]), int(k.Shape[2])
	out := make([]float64, h*n*d)
	for b := 0; b < h; b++ {
		for i := 0; i < n; i++ {
			p, sum, top := make([]float64, s), 0.0, math.Inf(-1)
			for j := range p {
				for x := 0; x < d; x++ {
					p[j] += q.Float64At((b*n+i)*d+x) * k.Float64At((b*d+x)*s+j) / 8
				}
				top = max(top, p[j])
			}
			for j := range p {
				p[j] = math.Exp(p[j] - top)
				sum += p[j]
			}
			for j := range p {
				for x := 0; x < d; x++ {
					out[(b*n+i)*d+x] += p[j] / sum * v.Float64At((b*s+j)*d+x)
				}
			}
		}
	}
	return out
}

func TestFlashAttentionRagged(t *testing.T) {
	for _, c := range [][5]int64{{2, 19, 101, 16, 8}, {1, 64, 128, 64, 64}, {3, 5, 7, 8, 4}, {1, 1, 33, 8, 1}} {
		g := flashAttention(t, c[0], c[1], c[2], c[3], c[4], 32)
		in := map[string]*tensor.Tensor{"Q": random(t, 1, c[0], c[1], c[3]), "K": random(t, 2, c[0], c[3], c[2]), "V": random(t, 3, c[0], c[2], c[3])}
		want := naiveAttention(in["Q"], in["K"], in["V"])
		for _, threads := range []int{1, 2, 3} {
			near(t, "attention", runGraph(t, g, threads, in, nil)["O"], want, 1e-5)
		}
	}
}

// gatedProgram is silu(X @ W1) * (X @ W2) as a program.
func gatedProgram(t testing.TB, m, k, n int64) *ugraph.Graph {
	b := ugraph.NewBuilder("gated_mlp")
	x := b.Input("X", ugraph.F32, ugraph.Ds(m, k))
	w1 := b.Weight("W1", ugraph.F32, ugraph.Ds(k, n))
	w2 := b.Weight("W2", ugraph.F32, ugraph.Ds(k, n))
	b.Output("Y", b.Op(ugraph.OpMul, nil, b.Op(ugraph.OpSilu, nil, b.Op(ugraph.OpMatMul, nil, x, w1)), b.Op(ugraph.OpMatMul, nil, x, w2)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// gatedKernel is the same as one kernel.
func gatedKernel(t testing.TB, m, k, n, colTile, loopTile int64) *ugraph.Graph {
	b := ugraph.NewBuilder("gated_mlp")
	x := b.Input("X", ugraph.F32, ugraph.Ds(m, k))
	w1 := b.Weight("W1", ugraph.F32, ugraph.Ds(k, n))
	w2 := b.Weight("W2", ugraph.F32, ugraph.Ds(k, n))
	out := b.Kernel("k", func(kb *ugraph.BlockBuilder) {
		kb.Grid("n", ugraph.D(n), colTile)
		kb.Loop("k", ugraph.D(k), loopTile)
		xt := kb.Load(x, []int64{-1}, 1)
		a := kb.Accum("sum", kb.Op(ugraph.OpMatMul, nil, xt, kb.Load(w1, []int64{1}, 0)))
		c := kb.Accum("sum", kb.Op(ugraph.OpMatMul, nil, xt, kb.Load(w2, []int64{1}, 0)))
		kb.Store("Y", kb.Op(ugraph.OpMul, nil, kb.Op(ugraph.OpSilu, nil, a), c), ugraph.Store{Grid: []int{1}, Loop: -1})
	})
	b.Output("Y", out[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGatedMLPPackedAndPlain(t *testing.T) {
	const m, k, n = 5, 70, 45
	in := map[string]*tensor.Tensor{"X": random(t, 1, m, k)}
	ws := map[string]*tensor.Tensor{"W1": random(t, 2, k, n), "W2": random(t, 3, k, n)}
	want := make([]float64, m*n)
	for i := 0; i < m; i++ {
		for j := 0; j < n; j++ {
			var a, c float64
			for x := 0; x < k; x++ {
				a += in["X"].Float64At(i*k+x) * ws["W1"].Float64At(x*n+j)
				c += in["X"].Float64At(i*k+x) * ws["W2"].Float64At(x*n+j)
			}
			want[i*n+j] = a / (1 + math.Exp(-a)) * c
		}
	}
	all := map[string]*tensor.Tensor{"X": in["X"], "W1": ws["W1"], "W2": ws["W2"]}
	for name, g := range map[string]*ugraph.Graph{"fused": gatedKernel(t, m, k, n, 16, 32), "plain": gatedProgram(t, m, k, n)} {
		near(t, name+", weights packed", runGraph(t, g, 2, in, ws)["Y"], want, 1e-5)
		near(t, name+", weights as inputs", runGraph(t, g, 2, all, nil)["Y"], want, 1e-5)
	}
}

func TestReduceStoreSplitsASum(t *testing.T) {
	const m, k, n = 3, 100, 20
	b := ugraph.NewBuilder("split")
	x, w := b.Input("X", ugraph.F32, ugraph.Ds(m, k)), b.Input("W", ugraph.F32, ugraph.Ds(k, n))
	out := b.Kernel("k", func(kb *ugraph.BlockBuilder) {
		kb.Grid("k", ugraph.D(k), 32)
		kb.Grid("n", ugraph.D(n), 16)
		y := kb.Op(ugraph.OpMatMul, nil, kb.Load(x, []int64{1, -1}, -1), kb.Load(w, []int64{0, 1}, -1))
		kb.Store("Y", y, ugraph.Store{Grid: []int{-1, 1}, Loop: -1, Reduce: "sum"})
	})
	b.Output("Y", out[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]*tensor.Tensor{"X": random(t, 1, m, k), "W": random(t, 2, k, n)}
	want := make([]float64, m*n)
	for i := range want {
		for p := 0; p < k; p++ {
			want[i] += in["X"].Float64At(i/n*k+p) * in["W"].Float64At(p*n+i%n)
		}
	}
	near(t, "split sum", runGraph(t, g, 2, in, nil)["Y"], want, 1e-5)
}

func TestRunErrors(t *testing.T) {
	g := gatedProgram(t, 2, 3, 4)
	d := New(1)
	defer d.Close()
	p, err := d.Load(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]*tensor.Tensor{"X": random(t, 1, 2, 3), "W1": random(t, 1, 3, 4), "W2": random(t, 1, 3, 4)}
	half, err := tensor.New(ugraph.F16, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want   string
		change func(m map[string]*tensor.Tensor)
	}{
		{"input X (f32[2, 3]) is missing", func(m map[string]*tensor.Tensor) { delete(m, "X") }},
		{`there is no input "Z"; the inputs are X, W1, W2`, func(m map[string]*tensor.Tensor) { m["Z"] = m["X"] }},
		{"input X", func(m map[string]*tensor.Tensor) { m["X"] = random(t, 1, 3, 2) }},
		{"input X", func(m map[string]*tensor.Tensor) { m["X"] = random(t, 1, 6) }},
		{"f16", func(m map[string]*tensor.Tensor) { m["X"] = half }},
	} {
		in := map[string]*tensor.Tensor{}
		for k, v := range good {
			in[k] = v
		}
		c.change(in)
		out := map[string]*tensor.Tensor{"Y": random(t, 1, 2, 4)}
		for what, err := range map[string]error{"Bind": second(p.Bind(in, nil)), "Run": p.Run(context.Background(), in, out)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", what, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		want string
		out  map[string]*tensor.Tensor
	}{
		{"output Y is missing", nil},
		{`no output "Z"`, map[string]*tensor.Tensor{"Y": random(t, 1, 2, 4), "Z": half}},
		{"output Y must be f32[2 4]", map[string]*tensor.Tensor{"Y": random(t, 1, 4, 2)}},
		{"output Y must be f32[2 4]", map[string]*tensor.Tensor{"Y": half}},
	} {
		if err := p.Run(context.Background(), good, c.out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	if _, err := d.Load(g, map[string]*tensor.Tensor{"X": good["X"]}); err == nil {
		t.Error("an input that is not const was taken as a weight")
	}
}

// second is the error of two results.
func second[T any](_ T, err error) error { return err }

func TestSymbolErrors(t *testing.T) {
	b := ugraph.NewBuilder("scale")
	b.Symbol("S", 4, 64, 4)
	x := b.Input("X", ugraph.F32, []ugraph.Dim{ugraph.Sym("S"), ugraph.D(2)})
	y := b.Input("Z", ugraph.F32, []ugraph.Dim{ugraph.Sym("S"), ugraph.D(2)})
	b.Output("Y", b.Op(ugraph.OpAdd, nil, x, y))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	d := New(1)
	defer d.Close()
	p, err := d.Load(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, z int64
		want string
	}{
		{8, 8, ""}, {64, 64, ""}, {4, 4, ""},
		{68, 68, "S = 68 is outside"}, {0, 0, "S = 0 is outside"}, {6, 6, "not a multiple of 4"}, {8, 12, "S is 8 here, not 12"},
	} {
		in := map[string]*tensor.Tensor{"X": random(t, 1, c.x, 2), "Z": random(t, 2, c.z, 2)}
		err := p.Run(context.Background(), in, map[string]*tensor.Tensor{"Y": random(t, 1, c.x, 2)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("S = %d and %d: got %v, want %q", c.x, c.z, err, c.want)
		}
	}
	if _, err := p.Bind(nil, ugraph.Env{"S": 8}); err == nil {
		t.Error("bound without inputs")
	}
}

// TestRunsAtOnce lets several goroutines run one program at several sizes on one device, each with its
// own tensors: the same bytes as alone.
func TestRunsAtOnce(t *testing.T) {
	b := ugraph.NewBuilder("soft")
	b.Symbol("S", 1, 64, 1)
	x := b.Input("X", ugraph.F32, []ugraph.Dim{ugraph.Sym("S"), ugraph.D(48)})
	w := b.Weight("W", ugraph.F32, []ugraph.Dim{ugraph.D(48), ugraph.D(48)})
	b.Output("Y", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpSoftmax, nil, x), w))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string]*tensor.Tensor{"W": random(t, 9, 48, 48)}
	d := New(3)
	defer d.Close()
	p, err := d.Load(g, weights)
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for c := range 6 {
		in := map[string]*tensor.Tensor{"X": random(t, uint64(c), int64(1+c*12), 48)}
		want := runGraph(t, g, 1, in, weights)
		out := map[string]*tensor.Tensor{"Y": random(t, 0, int64(1+c*12), 48)}
		callers.Go(func() {
			for range 30 {
				clear(out["Y"].Data)
				if err := p.Run(context.Background(), in, out); err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(out["Y"].Data, want["Y"].Data) {
					t.Errorf("caller %d: other bytes than alone", c)
					return
				}
			}
		})
	}
	callers.Wait()
}

// TestPlainKernels: a norm or softmax over the last axis is one kernel, anything else its operators.
func TestPlainKernels(t *testing.T) {
	for _, c := range []struct {
		op      ugraph.Op
		shape   []int64
		axis    int64
		kernels int
	}{
		{ugraph.OpSoftmax, []int64{3, 5}, -1, 1}, {ugraph.OpSoftmax, []int64{3, 5}, 1, 1}, {ugraph.OpLogSumExp, []int64{3, 5}, -1, 1},
		{ugraph.OpSoftmax, []int64{3, 5}, 0, 5}, {ugraph.OpSoftmax, []int64{1, plainRow + 1}, -1, 5},
	} {
		b := ugraph.NewBuilder("one")
		var dims []ugraph.Dim
		for _, n := range c.shape {
			dims = append(dims, ugraph.D(n))
		}
		b.Output("Y", b.Op(c.op, ugraph.Attrs{ugraph.IntAttr("axis", c.axis)}, b.Input("X", ugraph.F32, dims)))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		u, err := Unfused(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Nodes) != c.kernels {
			t.Errorf("%s over axis %d of %v: %d kernels, want %d", c.op, c.axis, c.shape, len(u.Nodes), c.kernels)
		}
	}
}

func BenchmarkGatedMLP(b *testing.B) {
	in := map[string]*tensor.Tensor{"X": random(b, 1, 8, 4096)}
	ws := map[string]*tensor.Tensor{"W1": random(b, 2, 4096, 4096), "W2": random(b, 3, 4096, 4096)}
	benchmark(b, gatedKernel(b, 8, 4096, 4096, 64, 512), in, ws)
}

func BenchmarkAttention(b *testing.B) {
	in := map[string]*tensor.Tensor{"Q": random(b, 1, 2, 256, 64), "K": random(b, 2, 2, 64, 4096), "V": random(b, 3, 2, 4096, 64)}
	benchmark(b, flashAttention(b, 2, 256, 4096, 64, 64, 128), in, nil)
}

func benchmark(b *testing.B, g *ugraph.Graph, in, ws map[string]*tensor.Tensor) {
	d := New(1)
	defer d.Close()
	p, err := d.Load(g, ws)
	if err != nil {
		b.Fatal(err)
	}
	env, err := p.Bind(in, nil)
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.OutputTensors(env)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
}
