package library_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/library"
)

type tensor = *interp.Tensor[float64]

func normal(t *testing.T, seed uint64, shape ...int64) tensor {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	n, err := interp.Elements(shape)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	x, err := interp.FromFloats(ugraph.F32, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func integers(t *testing.T, dt ugraph.DType, shape []int64, v ...int64) tensor {
	t.Helper()
	x, err := interp.FromInts[float64](dt, shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// program holds one call of the operator.
func program(t *testing.T, op ugraph.Op, attrs ugraph.Attrs, args ...tensor) *ugraph.Graph {
	t.Helper()
	b := ugraph.NewBuilder("p")
	ids := make([]ugraph.ValueID, len(args))
	for i, a := range args {
		ids[i] = b.Input(fmt.Sprintf("x%d", i), a.DType, ugraph.Ds(a.Shape...))
	}
	b.Output("Y", b.Name(b.Op(op, attrs, ids...), "Y"))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// eval expands a call, checks what every expansion must be, and runs it.
func eval(t *testing.T, op ugraph.Op, attrs ugraph.Attrs, args ...tensor) []float64 {
	t.Helper()
	g := program(t, op, attrs, args...)
	x, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	if library.HasComposite(x) {
		t.Errorf("%s: composites are left", op)
	}
	if again, err := library.Expand(x); err != nil || ugraph.Diff(x, again) != "" {
		t.Errorf("%s: expanding again changes the graph: %v", op, err)
	}
	if got, want := x.Values[x.Outputs[0].Value], g.Values[g.Outputs[0].Value]; !got.Type.Equal(want.Type) || got.Name != "Y" || x.Outputs[0].Name != "Y" {
		t.Errorf("%s: the output became %s %s, was %s %s", op, got.Name, got.Type, want.Name, want.Type)
	}
	out, err := interp.Run(interp.Float64{}, x, args, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Data
}

func requireClose(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-12*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// alongAxis applies f to every line of x along an axis.
func alongAxis(x tensor, axis int, f func(line []float64) []float64) []float64 {
	inner, n := 1, int(x.Shape[axis])
	for _, d := range x.Shape[axis+1:] {
		inner *= int(d)
	}
	out := make([]float64, len(x.Data))
	for start := range x.Data {
		if start/inner%n != 0 {
			continue
		}
		line := make([]float64, n)
		for i := range line {
			line[i] = x.Data[start+i*inner]
		}
		for i, v := range f(line) {
			out[start+i*inner] = v
		}
	}
	return out
}

func logSum(line []float64) float64 {
	s := 0.0
	for _, v := range line {
		s += math.Exp(v)
	}
	return math.Log(s)
}

func TestNormalisations(t *testing.T) {
	x := normal(t, 1, 3, 4, 5)
	for axis := 0; axis < 3; axis++ {
		at := ugraph.Attrs{ugraph.IntAttr("axis", int64(axis-3))}
		requireClose(t, "softmax", eval(t, ugraph.OpSoftmax, at, x), alongAxis(x, axis, func(l []float64) []float64 {
			out := make([]float64, len(l))
			for i, v := range l {
				out[i] = math.Exp(v - logSum(l))
			}
			return out
		}))
		requireClose(t, "log_softmax", eval(t, ugraph.OpLogSoftmax, at, x), alongAxis(x, axis, func(l []float64) []float64 {
			out := make([]float64, len(l))
			for i, v := range l {
				out[i] = v - logSum(l)
			}
			return out
		}))
		eps, err := ugraph.ParseNumber("0.01")
		if err != nil {
			t.Fatal(err)
		}
		with := at.With(ugraph.NumberAttr("eps", eps))
		moments := func(l []float64) (mean, square float64) {
			for _, v := range l {
				mean += v / float64(len(l))
				square += v * v / float64(len(l))
			}
			return
		}
		requireClose(t, "rms_norm", eval(t, ugraph.OpRMSNorm, with, x), alongAxis(x, axis, func(l []float64) []float64 {
			_, sq := moments(l)
			out := make([]float64, len(l))
			for i, v := range l {
				out[i] = v / math.Sqrt(sq+0.01)
			}
			return out
		}))
		w, bias := normal(t, 2, 5), normal(t, 3, 4, 5)
		want := alongAxis(x, axis, func(l []float64) []float64 {
			mean, sq := moments(l)
			out := make([]float64, len(l))
			for i, v := range l {
				out[i] = (v - mean) / math.Sqrt(sq-mean*mean+0.01)
			}
			return out
		})
		for i := range want {
			want[i] = want[i]*w.Data[i%5] + bias.Data[i%20]
		}
		requireClose(t, "layer_norm", eval(t, ugraph.OpLayerNorm, with, x, w, bias), want)

		lse := alongAxis(x, axis, func(l []float64) []float64 { return append([]float64{logSum(l)}, make([]float64, len(l)-1)...) })
		var kept []float64
		for _, v := range lse {
			if v != 0 {
				kept = append(kept, v)
			}
		}
		requireClose(t, "logsumexp", eval(t, ugraph.OpLogSumExp, at, x), kept)
		requireClose(t, "logsumexp", eval(t, ugraph.OpLogSumExp, at.With(ugraph.BoolAttr("keepdims", true)), x), kept)
	}
}

func TestRope(t *testing.T) {
	const rows, d, theta = 3, 6, 500.0
	x, pos := normal(t, 1, 2, rows, d), integers(t, ugraph.I32, []int64{rows}, 0, 7, -2)
	attrs := ugraph.Attrs{ugraph.IntAttr("theta", theta)}
	for _, style := range []string{"half", "interleaved"} {
		want := make([]float64, len(x.Data))
		for r := 0; r < 2*rows; r++ {
			for i := 0; i < d/2; i++ {
				a, b := r*d+i, r*d+i+d/2
				if style == "interleaved" {
					a, b = r*d+2*i, r*d+2*i+1
				}
				s, c := math.Sincos(float64(pos.Ints[r%rows]) * math.Pow(theta, -2*float64(i)/d))
				want[a] = x.Data[a]*c - x.Data[b]*s
				want[b] = x.Data[b]*c + x.Data[a]*s
			}
		}
		requireClose(t, style, eval(t, ugraph.OpRope, attrs.With(ugraph.WordAttr("style", style)), x, pos), want)
	}
}

// reference is attention by its definition, with mask(h, i, j) added to the scores.
func reference(q, k, v tensor, scale float64, mask func(h, i, j int) float64) []float64 {
	heads, rows, d := int(q.Shape[1]), int(q.Shape[2]), int(q.Shape[3])
	keyHeads, keys, dv := int(k.Shape[1]), int(k.Shape[2]), int(v.Shape[3])
	out := make([]float64, 0, int(q.Shape[0])*heads*rows*dv)
	for b := 0; b < int(q.Shape[0]); b++ {
		for h := 0; h < heads; h++ {
			kh := b*keyHeads + h*keyHeads/heads
			for i := 0; i < rows; i++ {
				row, total := make([]float64, dv), 0.0
				for j := 0; j < keys; j++ {
					dot := 0.0
					for c := 0; c < d; c++ {
						dot += q.Data[((b*heads+h)*rows+i)*d+c] * k.Data[(kh*keys+j)*d+c]
					}
					p := math.Exp(dot*scale + mask(h, i, j))
					total += p
					for c := range row {
						row[c] += p * v.Data[(kh*keys+j)*dv+c]
					}
				}
				for c := range row {
					if total > 0 {
						row[c] /= total
					}
				}
				out = append(out, row...)
			}
		}
	}
	return out
}

func TestAttention(t *testing.T) {
	none := func(int, int, int) float64 { return 0 }
	hidden := math.Inf(-1)
	causal := func(rows, keys int) func(h, i, j int) float64 {
		return func(_, i, j int) float64 {
			if j > i+keys-rows {
				return hidden
			}
			return 0
		}
	}
	for _, s := range []struct{ heads, keyHeads, rows, keys, d int64 }{{2, 2, 3, 3, 4}, {6, 2, 3, 5, 4}, {4, 1, 1, 5, 5}, {2, 1, 4, 2, 3}} {
		q := normal(t, 1, 2, s.heads, s.rows, s.d)
		k, v := normal(t, 2, 2, s.keyHeads, s.keys, s.d), normal(t, 3, 2, s.keyHeads, s.keys, 2)
		name := fmt.Sprintf("%+v", s)
		root := 1 / math.Sqrt(float64(s.d))
		requireClose(t, name, eval(t, ugraph.OpAttention, nil, q, k, v), reference(q, k, v, root, none))
		flag := ugraph.Attrs{ugraph.BoolAttr("causal", true), ugraph.IntAttr("scale", 2)}
		requireClose(t, name+" causal", eval(t, ugraph.OpAttention, flag, q, k, v), reference(q, k, v, 2, causal(int(s.rows), int(s.keys))))

		// A bool mask per head that hides every key of the first row.
		visible := make([]int64, s.heads*s.rows*s.keys)
		for i := range visible {
			if int64(i)/s.keys%s.rows > 0 && i%3 > 0 {
				visible[i] = 1
			}
		}
		mask := integers(t, ugraph.Bool, []int64{s.heads, s.rows, s.keys}, visible...)
		requireClose(t, name+" bool mask", eval(t, ugraph.OpAttention, nil, q, k, v, mask), reference(q, k, v, root, func(h, i, j int) float64 {
			if visible[(int64(h)*s.rows+int64(i))*s.keys+int64(j)] == 0 {
				return hidden
			}
			return 0
		}))
		for _, shape := range [][]int64{{s.rows, s.keys}, {1, s.rows, s.keys}} {
			added := normal(t, 4, shape...)
			requireClose(t, name+" added mask", eval(t, ugraph.OpAttention, nil, q, k, v, added), reference(q, k, v, root, func(_, i, j int) float64 {
				return added.Data[int64(i)*s.keys+int64(j)]
			}))
		}
	}
}

// TestSymbolic: definitions stay valid for symbolic extents, and the interpreter's expansion for the
// sizes at hand agrees with the expansion of the program.
func TestSymbolic(t *testing.T) {
	b := ugraph.NewBuilder("p")
	s := b.Symbol("S", 1, 64, 1)
	rows := b.Symbol("T", 1, 64, 1)
	q := b.Input("Q", ugraph.F32, []ugraph.Dim{ugraph.D(4), rows, ugraph.D(3)})
	k := b.Input("K", ugraph.F32, []ugraph.Dim{ugraph.D(2), s, ugraph.D(3)})
	v := b.Input("V", ugraph.F32, []ugraph.Dim{ugraph.D(2), s, ugraph.D(3)})
	b.Output("O", b.Op(ugraph.OpAttention, ugraph.Attrs{ugraph.BoolAttr("causal", true)}, q, k, v))
	b.Output("N", b.Op(ugraph.OpSoftmax, ugraph.Attrs{ugraph.IntAttr("axis", 1)}, k))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	x, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int64{{5, 3}, {3, 5}, {4, 4}, {1, 1}} {
		env := ugraph.Env{"S": size[0], "T": size[1]}
		in := []tensor{normal(t, 1, 4, size[1], 3), normal(t, 2, 2, size[0], 3), normal(t, 3, 2, size[0], 3)}
		want, err := interp.Run(interp.Float64{}, g, in, env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := interp.Run(interp.Float64{}, x, in, env)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			requireClose(t, fmt.Sprint(env), got[i].Data, want[i].Data)
		}
	}
}

// TestRounding: an f16 composite computes in f32 and rounds once.
func TestRounding(t *testing.T) {
	b := ugraph.NewBuilder("p")
	b.Output("Y", b.Op(ugraph.OpSoftmax, nil, b.Input("X", ugraph.F16, ugraph.Ds(1, 3))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	x, err := interp.FromFloats(ugraph.F16, []int64{1, 3}, []float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	out, err := interp.Run(interp.Rounded{}, g, []tensor{x}, nil)
	if err != nil {
		t.Fatal(err)
	}
	total := math.Exp(1) + math.Exp(2) + math.Exp(3)
	for i, y := range out[0].Data {
		if want := ugraph.F16.Round(math.Exp(float64(i+1)) / total); y != want {
			t.Errorf("entry %d is %v, want %v", i, y, want)
		}
	}
}

// TestInBlocks: composites in block graphs, expanded and not, ragged.
func TestInBlocks(t *testing.T) {
	b := ugraph.NewBuilder("f")
	x := b.Input("X", ugraph.F32, ugraph.Ds(5, 6))
	pos := b.Input("P", ugraph.I32, ugraph.Ds(5))
	r := b.Kernel("k", func(k *ugraph.BlockBuilder) {
		k.Grid("m", ugraph.D(5), 2)
		xt := k.Load(x, []int64{0}, -1)
		y := k.Op(ugraph.OpRope, nil, k.Op(ugraph.OpSoftmax, nil, xt), k.Load(pos, []int64{0}, -1))
		k.Store("Y", y, ugraph.Store{Grid: []int{0}, Loop: -1})
	})
	b.Output("Y", r[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	ex, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	in := []tensor{normal(t, 1, 5, 6), integers(t, ugraph.I32, []int64{5}, 4, 3, 2, 1, 0)}
	want := eval(t, ugraph.OpRope, nil, &interp.Tensor[float64]{DType: ugraph.F32, Shape: []int64{5, 6}, Data: eval(t, ugraph.OpSoftmax, nil, in[0])}, in[1])
	for _, h := range []*ugraph.Graph{g, ex} {
		out, err := interp.Run(interp.Float64{}, h, in, nil)
		if err != nil {
			t.Fatal(err)
		}
		requireClose(t, "rope of softmax", out[0].Data, want)
	}
}

func TestErrors(t *testing.T) {
	b := ugraph.NewBuilder("p")
	d := b.Symbol("D", 2, 64, 2)
	b.Output("Y", b.Op(ugraph.OpRope, nil, b.Input("X", ugraph.F32, []ugraph.Dim{ugraph.D(3), d}), b.Input("P", ugraph.I32, ugraph.Ds(3))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := library.Expand(g); err == nil || !strings.Contains(err.Error(), "even number") {
		t.Errorf("rope over a symbolic axis: %v", err)
	}
	if _, err := library.Define(ugraph.OpExp, nil, []ugraph.Type{{DType: ugraph.F32, Shape: ugraph.Ds(2)}}); err == nil {
		t.Error("exp has a definition")
	}
	for _, op := range ugraph.Ops() {
		def, ok := library.Lookup(op)
		if composite := op.Info().Class == ugraph.Composite; ok != composite {
			t.Errorf("%s: class %s, in the table: %v", op, op.Info().Class, ok)
		}
		if ok && def.Formula == "" {
			t.Errorf("%s has no formula", op)
		}
	}
}
