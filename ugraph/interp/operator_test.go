package interp

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

func num(name, v string) ugraph.Attrs {
	n, err := ugraph.ParseNumber(v)
	if err != nil {
		panic(err)
	}
	return ugraph.Attrs{ugraph.NumberAttr(name, n)}
}

var nan, inf = math.NaN(), math.Inf(1)

// TestUnary compares with values that are known independently of this package.
func TestUnary(t *testing.T) {
	for _, c := range []struct {
		op    ugraph.Op
		attrs ugraph.Attrs
		x, y  []float64
	}{
		{ugraph.OpExp, nil, []float64{0, 1, -inf}, []float64{1, math.E, 0}},
		{ugraph.OpLog, nil, []float64{1, math.E, 0, -1}, []float64{0, 1, -inf, nan}},
		{ugraph.OpSqrt, nil, []float64{4, 2, -1}, []float64{2, math.Sqrt2, nan}},
		{ugraph.OpRsqrt, nil, []float64{4, 0.25, 0}, []float64{0.5, 2, inf}},
		{ugraph.OpSquare, nil, []float64{-3, 0.5}, []float64{9, 0.25}},
		{ugraph.OpAbs, nil, []float64{-3, 3}, []float64{3, 3}},
		{ugraph.OpNeg, nil, []float64{-3, 3}, []float64{3, -3}},
		{ugraph.OpSign, nil, []float64{-3, 0, 2, nan}, []float64{-1, 0, 1, nan}},
		{ugraph.OpReciprocal, nil, []float64{-4, inf}, []float64{-0.25, 0}},
		{ugraph.OpFloor, nil, []float64{-1.5, 1.5}, []float64{-2, 1}},
		{ugraph.OpSin, nil, []float64{math.Pi / 6}, []float64{0.5}},
		{ugraph.OpCos, nil, []float64{math.Pi / 3}, []float64{0.5}},
		{ugraph.OpTanh, nil, []float64{math.Log(3) / 2, 1000}, []float64{0.5, 1}},
		{ugraph.OpErf, nil, []float64{1, -1}, []float64{0.8427007929497149, -0.8427007929497149}},
		{ugraph.OpSigmoid, nil, []float64{0, math.Log(3), -1000}, []float64{0.5, 0.75, 0}},
		{ugraph.OpSilu, nil, []float64{0, math.Log(3)}, []float64{0, 0.75 * math.Log(3)}},
		{ugraph.OpRelu, nil, []float64{-1, 2, nan}, []float64{0, 2, nan}},
		{ugraph.OpSoftplus, nil, []float64{0, math.Log(3), -1000, 1000, nan}, []float64{math.Ln2, math.Log(4), 0, 1000, nan}},
		{ugraph.OpGelu, nil, []float64{1, -1, 0}, []float64{0.8413447460685429, -0.15865525393145707, 0}},
		{ugraph.OpGelu, ugraph.Attrs{ugraph.WordAttr("approximate", "tanh")}, []float64{1, -1}, []float64{0.8411919906082768, -0.15880800939172324}},
		{ugraph.OpPow, num("exponent", "1.5"), []float64{4, 9}, []float64{8, 27}},
		{ugraph.OpClamp, num("min", "-1").With(num("max", "2")[0]), []float64{-3, 0.5, 3, nan}, []float64{-1, 0.5, 2, nan}},
		{ugraph.OpClamp, num("max", "2"), []float64{-3, 3}, []float64{-3, 2}},
	} {
		got := mustCall(t, c.op, c.attrs, floats(t, []int64{int64(len(c.x))}, c.x...))
		requireClose(t, c.op.String(), got[0].Data, c.y, 1e-14)
	}
}

func TestBinary(t *testing.T) {
	col, row := floats(t, []int64{2, 1}, 6, -4), floats(t, []int64{3}, 1, 2, nan)
	for op, want := range map[ugraph.Op][]float64{
		ugraph.OpAdd:          {7, 8, nan, -3, -2, nan},
		ugraph.OpSub:          {5, 4, nan, -5, -6, nan},
		ugraph.OpMul:          {6, 12, nan, -4, -8, nan},
		ugraph.OpDiv:          {6, 3, nan, -4, -2, nan},
		ugraph.OpMaximum:      {6, 6, nan, 1, 2, nan},
		ugraph.OpMinimum:      {1, 2, nan, -4, -4, nan},
		ugraph.OpLess:         {0, 0, 0, 1, 1, 0},
		ugraph.OpGreaterEqual: {1, 1, 0, 0, 0, 0},
	} {
		got := mustCall(t, op, nil, col, row)
		requireClose(t, op.String(), Floats(got[0]), want, 0)
	}
	x := floats(t, []int64{3}, 1, 2, 3)
	y := floats(t, []int64{3}, 2, 2, 2)
	for op, want := range map[ugraph.Op][]float64{ugraph.OpLessEqual: {1, 1, 0}, ugraph.OpEqual: {0, 1, 0}, ugraph.OpGreater: {0, 0, 1}} {
		requireClose(t, op.String(), Floats(mustCall(t, op, nil, x, y)[0]), want, 0)
	}
	c := ints(t, ugraph.Bool, []int64{2, 1}, 1, 0)
	requireClose(t, "where", Floats(mustCall(t, ugraph.OpWhere, nil, c, row, floats(t, nil, 9))[0]), []float64{1, 2, nan, 9, 9, 9}, 0)
}

func TestIntegers(t *testing.T) {
	i8 := func(v ...int64) *Tensor[float64] { return ints(t, ugraph.I8, []int64{int64(len(v))}, v...) }
	u8 := func(v ...int64) *Tensor[float64] { return ints(t, ugraph.U8, []int64{int64(len(v))}, v...) }
	b := func(v ...int64) *Tensor[float64] { return ints(t, ugraph.Bool, []int64{int64(len(v))}, v...) }
	i64 := func(v ...int64) *Tensor[float64] { return ints(t, ugraph.I64, []int64{int64(len(v))}, v...) }
	all := ugraph.Attrs{ugraph.IntsAttr("axis", 0)}
	for _, c := range []struct {
		op    ugraph.Op
		attrs ugraph.Attrs
		args  []*Tensor[float64]
		want  []int64
	}{
		{ugraph.OpAdd, nil, []*Tensor[float64]{i8(127, -128), i8(1, -1)}, []int64{-128, 127}},
		{ugraph.OpMul, nil, []*Tensor[float64]{u8(200), u8(2)}, []int64{144}},
		{ugraph.OpMul, nil, []*Tensor[float64]{i64(1<<62 + 1), i64(4)}, []int64{4}},
		{ugraph.OpAdd, nil, []*Tensor[float64]{i64(1 << 60), i64(1)}, []int64{1<<60 + 1}},
		{ugraph.OpSub, nil, []*Tensor[float64]{u8(1), u8(2)}, []int64{255}},
		{ugraph.OpMaximum, nil, []*Tensor[float64]{i8(-1), i8(1)}, []int64{1}},
		{ugraph.OpMinimum, nil, []*Tensor[float64]{i8(-1), i8(1)}, []int64{-1}},
		{ugraph.OpNeg, nil, []*Tensor[float64]{i8(-128, 5)}, []int64{-128, -5}},
		{ugraph.OpAbs, nil, []*Tensor[float64]{i8(-128, -5)}, []int64{-128, 5}},
		{ugraph.OpSign, nil, []*Tensor[float64]{i8(-9, 0, 9)}, []int64{-1, 0, 1}},
		{ugraph.OpSquare, nil, []*Tensor[float64]{i8(12)}, []int64{-112}},
		{ugraph.OpRelu, nil, []*Tensor[float64]{i8(-9, 9)}, []int64{0, 9}},
		{ugraph.OpClamp, num("min", "-2").With(num("max", "3")[0]), []*Tensor[float64]{i8(-9, 1, 9)}, []int64{-2, 1, 3}},
		{ugraph.OpAnd, nil, []*Tensor[float64]{i8(6), i8(3)}, []int64{2}},
		{ugraph.OpOr, nil, []*Tensor[float64]{b(0, 1), b(1, 0)}, []int64{1, 1}},
		{ugraph.OpXor, nil, []*Tensor[float64]{b(1, 1), b(1, 0)}, []int64{0, 1}},
		{ugraph.OpNot, nil, []*Tensor[float64]{b(1, 0)}, []int64{0, 1}},
		{ugraph.OpNot, nil, []*Tensor[float64]{u8(1)}, []int64{254}},
		{ugraph.OpNot, nil, []*Tensor[float64]{i8(1)}, []int64{-2}},
		{ugraph.OpShiftLeft, nil, []*Tensor[float64]{i8(3, 1, 1), i8(6, 7, 100)}, []int64{-64, -128, 0}},
		{ugraph.OpShiftRight, nil, []*Tensor[float64]{i8(-8, -8, 64), i8(2, 100, 3)}, []int64{-2, -1, 8}},
		{ugraph.OpShiftRight, nil, []*Tensor[float64]{u8(200), u8(3)}, []int64{25}},
		{ugraph.OpPopcount, nil, []*Tensor[float64]{i8(-1, 3)}, []int64{8, 2}},
		{ugraph.OpPopcount, nil, []*Tensor[float64]{i64(-1)}, []int64{64}},
		{ugraph.OpLess, nil, []*Tensor[float64]{i8(-1, 2), i8(0, 2)}, []int64{1, 0}},
		{ugraph.OpSum, all, []*Tensor[float64]{i8(100, 100, 100)}, []int64{44}},
		{ugraph.OpSum, all, []*Tensor[float64]{b(1, 0, 1)}, []int64{2}},
		{ugraph.OpMax, all, []*Tensor[float64]{i8(-3, -1)}, []int64{-1}},
		{ugraph.OpMin, all, []*Tensor[float64]{i8(-3, -1)}, []int64{-3}},
		{ugraph.OpArgmax, all, []*Tensor[float64]{i8(1, 7, 7)}, []int64{1}},
		{ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "i8")}, []*Tensor[float64]{floats(t, []int64{6}, 1.9, -1.9, 300, -300, nan, inf)}, []int64{1, -1, 127, -128, 0, 127}},
		{ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "i64")}, []*Tensor[float64]{floats(t, []int64{2}, 1e300, -1e300)}, []int64{math.MaxInt64, math.MinInt64}},
		{ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "u8")}, []*Tensor[float64]{i64(-5, 300, 7)}, []int64{0, 255, 7}},
		{ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "bool")}, []*Tensor[float64]{floats(t, []int64{3}, 0, 0.5, nan)}, []int64{0, 1, 1}},
	} {
		got := mustCall(t, c.op, c.attrs, c.args...)[0]
		if fmt.Sprint(got.Ints) != fmt.Sprint(c.want) {
			t.Errorf("%s{%s} of %s: %v, want %v", c.op, c.attrs, c.args[0].DType, got.Ints, c.want)
		}
	}
	m := mustCall(t, ugraph.OpMatMul, nil, ints(t, ugraph.I8, []int64{1, 2}, 100, 50), ints(t, ugraph.I8, []int64{2, 1}, 2, 3))
	if m[0].Ints[0] != 94 { // 350 - 256
		t.Errorf("i8 matmul %v, want 94", m[0].Ints)
	}
	up := mustCall(t, ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "f32")}, b(1, 0))
	requireClose(t, "cast of bool", up[0].Data, []float64{1, 0}, 0)
}

func TestReductions(t *testing.T) {
	x := floats(t, []int64{2, 3, 2}, 1, 2, 3, 4, 5, 6, -1, nan, -3, -4, -5, -6)
	for _, c := range []struct {
		op    ugraph.Op
		axes  []int64
		shape string
		want  []float64
	}{
		{ugraph.OpSum, []int64{1}, "[2 2]", []float64{9, 12, -9, nan}},
		{ugraph.OpSum, []int64{0, 2}, "[3]", []float64{nan, 0, 0}},
		{ugraph.OpMean, []int64{-1}, "[2 3]", []float64{1.5, 3.5, 5.5, nan, -3.5, -5.5}},
		{ugraph.OpMax, []int64{1, 2}, "[2]", []float64{6, nan}},
		{ugraph.OpMin, []int64{0}, "[3 2]", []float64{-1, nan, -3, -4, -5, -6}},
	} {
		got := mustCall(t, c.op, ugraph.Attrs{ugraph.IntsAttr("axis", c.axes...)}, x)[0]
		if fmt.Sprint(got.Shape) != c.shape {
			t.Errorf("%s: shape %v, want %s", c.op, got.Shape, c.shape)
		}
		requireClose(t, c.op.String(), got.Data, c.want, 1e-15)
	}
	if got := mustCall(t, ugraph.OpSum, ugraph.Attrs{ugraph.IntsAttr("axis", 1), ugraph.BoolAttr("keepdims", true)}, x)[0]; fmt.Sprint(got.Shape) != "[2 1 2]" {
		t.Errorf("keepdims: %v", got.Shape)
	}
	arg := mustCall(t, ugraph.OpArgmax, ugraph.Attrs{ugraph.IntsAttr("axis", 1)}, x)[0]
	if fmt.Sprint(arg.Ints) != "[2 2 0 0]" {
		t.Errorf("argmax %v", arg.Ints)
	}
	if whole := mustCall(t, ugraph.OpArgmax, nil, x)[0]; fmt.Sprint(whole.Ints) != "[7]" {
		t.Errorf("argmax over all axes %v, want the NaN's place 7", whole.Ints)
	}
	top := mustCall(t, ugraph.OpTopK, num("k", "2").With(ugraph.IntAttr("axis", 1)), floats(t, []int64{2, 3, 1}, 1, 3, 3, 7, 9, 8))
	requireClose(t, "topk", top[0].Data, []float64{3, 3, 9, 8}, 0)
	if fmt.Sprint(top[1].Ints, top[1].Shape) != "[1 2 1 2] [2 2 1]" {
		t.Errorf("topk indices %v %v", top[1].Ints, top[1].Shape)
	}
}

func TestMatMul(t *testing.T) {
	for _, transA := range []bool{false, true} {
		for _, transB := range []bool{false, true} {
			const m, n, k = 6, 5, 7 // rows for the path of four and the rest
			as, bs := []int64{2, 1, m, k}, []int64{3, k, n}
			if transA {
				as[2], as[3] = k, m
			}
			if transB {
				bs[1], bs[2] = n, k
			}
			a, b := random(t, 1, ugraph.F32, as...), random(t, 2, ugraph.F32, bs...)
			attrs := ugraph.Attrs{ugraph.BoolAttr("transpose_a", transA), ugraph.BoolAttr("transpose_b", transB)}
			want := make([]float64, 0, 2*3*m*n)
			for p := 0; p < 2; p++ {
				for q := 0; q < 3; q++ {
					for i := 0; i < m; i++ {
						for j := 0; j < n; j++ {
							sum := 0.0
							for l := 0; l < k; l++ {
								x, y := a.Data[p*m*k+i*k+l], b.Data[q*k*n+l*n+j]
								if transA {
									x = a.Data[p*m*k+l*m+i]
								}
								if transB {
									y = b.Data[q*k*n+j*k+l]
								}
								sum += x * y
							}
							want = append(want, sum)
						}
					}
				}
			}
			got := mustCall(t, ugraph.OpMatMul, attrs, a, b)[0]
			if fmt.Sprint(got.Shape) != "[2 3 6 5]" {
				t.Fatalf("shape %v", got.Shape)
			}
			requireClose(t, fmt.Sprint(attrs), got.Data, want, 1e-13)
		}
	}
}

func TestMovement(t *testing.T) {
	x := floats(t, []int64{2, 3}, 1, 2, 3, 4, 5, 6)
	dims := func(n ...int64) ugraph.Attrs { return ugraph.Attrs{ugraph.DimsAttr("shape", ugraph.Ds(n...)...)} }
	one := ugraph.IntAttr("axis", 1)
	idx := ints(t, ugraph.I32, []int64{2}, 2, 0)
	for _, c := range []struct {
		op    ugraph.Op
		attrs ugraph.Attrs
		args  []*Tensor[float64]
		shape string
		want  []float64
	}{
		{ugraph.OpTranspose, nil, []*Tensor[float64]{x}, "[3 2]", []float64{1, 4, 2, 5, 3, 6}},
		{ugraph.OpReshape, dims(3, -1), []*Tensor[float64]{x}, "[3 2]", []float64{1, 2, 3, 4, 5, 6}},
		{ugraph.OpBroadcast, dims(2, 2, 1), []*Tensor[float64]{floats(t, []int64{2, 1}, 1, 2)}, "[2 2 1]", []float64{1, 2, 1, 2}},
		{ugraph.OpConcat, ugraph.Attrs{one}, []*Tensor[float64]{x, floats(t, []int64{2, 1}, 8, 9)}, "[2 4]", []float64{1, 2, 3, 8, 4, 5, 6, 9}},
		{ugraph.OpSlice, ugraph.Attrs{one, ugraph.IntAttr("start", -2), ugraph.IntAttr("end", 9)}, []*Tensor[float64]{x}, "[2 2]", []float64{2, 3, 5, 6}},
		{ugraph.OpGather, ugraph.Attrs{one}, []*Tensor[float64]{x, idx}, "[2 2]", []float64{3, 1, 6, 4}},
		{ugraph.OpScatterAdd, ugraph.Attrs{one}, []*Tensor[float64]{x, ints(t, ugraph.I32, []int64{2}, 1, 1), floats(t, []int64{2, 2}, 10, 20, 30, 40)}, "[2 3]", []float64{1, 32, 3, 4, 75, 6}},
	} {
		got := mustCall(t, c.op, c.attrs, c.args...)[0]
		if fmt.Sprint(got.Shape) != c.shape {
			t.Errorf("%s: shape %v, want %s", c.op, got.Shape, c.shape)
		}
		requireClose(t, c.op.String(), got.Data, c.want, 0)
	}
	parts := mustCall(t, ugraph.OpSplit, ugraph.Attrs{ugraph.IntAttr("parts", 3), one}, x)
	requireClose(t, "split", parts[1].Data, []float64{2, 5}, 0)
	for _, bad := range []int64{-1, 3} {
		if _, err := call(Float64{}, ugraph.OpGather, ugraph.Attrs{one}, x, ints(t, ugraph.I32, []int64{1}, bad)); err == nil || !strings.Contains(err.Error(), "outside") {
			t.Errorf("index %d: %v", bad, err)
		}
	}
	if i := mustCall(t, ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", ugraph.D(3))})[0]; fmt.Sprint(i.DType, i.Ints) != "i32 [0 1 2]" {
		t.Errorf("iota %s %v", i.DType, i.Ints)
	}
}

// TestPhilox checks the generator against the known-answer vectors of Random123 for counter and key 0,
// and uniform's formula.
func TestPhilox(t *testing.T) {
	if w := philox(0, 0); w != 0x6627e8d5 {
		t.Errorf("philox4x32-10 of zeros begins with %#x, want 0x6627e8d5", w)
	}
	u := mustCall(t, ugraph.OpUniform, nil, ints(t, ugraph.I32, nil, 0), ints(t, ugraph.I32, []int64{2}, 0, -1))[0]
	requireClose(t, "uniform", u.Data[:1], []float64{(0x6627e8 + 0.5) / (1 << 24)}, 0)
	if u.Data[1] <= 0 || u.Data[1] >= 1 || u.Data[1] == u.Data[0] {
		t.Errorf("uniform of another index: %v", u.Data)
	}
}

func TestRaggedReshape(t *testing.T) {
	for _, c := range []struct {
		from, to, actual []int64
		want             string
	}{
		{[]int64{4, 6}, []int64{4, 6}, []int64{3, 6}, "[3 6]"},
		{[]int64{4, 6}, []int64{1, 4, 1, 6}, []int64{3, 5}, "[1 3 1 5]"},
		{[]int64{4, 6}, []int64{24}, []int64{3, 6}, "[18]"},
		{[]int64{2, 8}, []int64{2, 4, 2}, []int64{2, 6}, "[2 3 2]"},
		{[]int64{2, 8}, []int64{2, 2, 4}, []int64{2, 6}, ""},
		{[]int64{4, 6}, []int64{6, 4}, []int64{4, 5}, ""},
	} {
		got, err := raggedReshape(c.from, c.to, c.actual)
		if (err == nil) != (c.want != "") || err == nil && fmt.Sprint(got) != c.want {
			t.Errorf("%v to %v of %v: %v, %v; want %s", c.from, c.to, c.actual, got, err, c.want)
		}
	}
}

// TestRounding: each operator rounds once; sums are kept in f32.
func TestRounding(t *testing.T) {
	f16 := func(v ...float64) *Tensor[float64] {
		x, err := FromFloats(ugraph.F16, []int64{int64(len(v))}, v)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	run := func(op ugraph.Op, attrs ugraph.Attrs, args ...*Tensor[float64]) []float64 {
		out, err := call(Rounded{}, op, attrs, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Data
	}
	requireClose(t, "2048 + 1 in f16", run(ugraph.OpAdd, nil, f16(2048), f16(1)), []float64{2048}, 0)
	requireClose(t, "sum in f16", run(ugraph.OpSum, nil, f16(2048, 1, 1, 1)), []float64{2052}, 0) // 2051 ties to even
	requireClose(t, "overflow", run(ugraph.OpMul, nil, f16(60000), f16(2)), []float64{inf}, 0)
	requireClose(t, "f8", run(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "f8e4m3")}, f16(1000, 1.06)), []float64{448, 1}, 0)
	requireClose(t, "R keeps", mustCall(t, ugraph.OpAdd, nil, f16(2048), f16(1))[0].Data, []float64{2049}, 0)
	requireClose(t, "R rounds to f8", mustCall(t, ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", "f8e4m3")}, f16(1000))[0].Data, []float64{448}, 0)
	x := f16(1, 1, 1, 1).reshaped([]int64{1, 4})
	y := f16(2048, 1, 1, 1).reshaped([]int64{4, 1})
	requireClose(t, "matmul in f16", run(ugraph.OpMatMul, nil, x, y), []float64{2052}, 0)
}

// TestField: a rational graph in a prime field, the generic matmul, and what has no meaning.
func TestField(t *testing.T) {
	const p = 1009
	f := Field{p}
	g := graph(t, "g", func(b *ugraph.Builder) {
		x, w := b.Input("x", ugraph.F32, ugraph.Ds(2, 2)), b.Input("w", ugraph.F32, ugraph.Ds(2, 1))
		y := b.Op(ugraph.OpMatMul, nil, x, w)
		m := b.Op(ugraph.OpMean, axis(0), y)
		b.Output("y", b.Op(ugraph.OpDiv, nil, b.Op(ugraph.OpSub, nil, y, b.Const(ugraph.Int(-3), ugraph.F32)), m))
	})
	in := []*Tensor[uint64]{{DType: ugraph.F32, Shape: []int64{2, 2}, Data: []uint64{3, 5, 7, 1000}}, {DType: ugraph.F32, Shape: []int64{2, 1}, Data: []uint64{11, 13}}}
	out, err := Run[uint64](f, g, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	y0, y1 := (3*11+5*13)%p, (7*11+1000*13)%p
	for i, y := range []int{y0, y1} {
		// y + 3 = result · mean, and 2 · mean = y0 + y1.
		if left, right := 2*(y+3)%p, int(out[0].Data[i])*(y0+y1)%p; left != right {
			t.Errorf("entry %d: %d and %d modulo %d", i, left, right, p)
		}
	}
	exp := graph(t, "e", func(b *ugraph.Builder) {
		b.Output("y", b.Op(ugraph.OpExp, nil, b.Input("x", ugraph.F32, ugraph.Ds(2, 2))))
	})
	if _, err := Run[uint64](f, exp, in[:1], nil); !errors.Is(err, ErrNoMeaning) {
		t.Errorf("exp in a field: %v", err)
	}
}

func BenchmarkMatMul(b *testing.B) {
	x, y := make([]float64, 8*4096), make([]float64, 4096*4096)
	for i := range y {
		y[i] = float64(i % 7)
	}
	copy(x, y)
	c := make([]float64, 8*4096)
	for b.Loop() {
		Float64{}.MatMul(c, Matrix[float64]{x, 0, 4096, 1}, Matrix[float64]{y, 0, 4096, 1}, 8, 4096, 4096, ugraph.F32)
	}
}
