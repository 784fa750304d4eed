package tensor

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/morgana-ml/morgana/ugraph"
)

// must returns t, or fails the test.
func must(t *testing.T) func(*Tensor, error) *Tensor {
	return func(x *Tensor, err error) *Tensor {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

func TestShapesAreChecked(t *testing.T) {
	for _, c := range []struct {
		dtype ugraph.DType
		shape []int64
		want  string // "" if it is legal
	}{
		{ugraph.F32, []int64{2, 3}, ""},
		{ugraph.F32, nil, ""},
		{ugraph.F32, []int64{0, 1 << 40}, ""},
		{ugraph.F32, []int64{-1, 0}, "negative"},
		{ugraph.I8, []int64{1 << 31, 1 << 31}, "2⁶² bytes"},
		{ugraph.F64, []int64{math.MaxInt64, math.MaxInt64}, "2⁶² bytes"},
		{ugraph.F64, []int64{0, math.MaxInt64, 8}, "2⁶² bytes"},
		{ugraph.I8, []int64{1 << 50}, "the limit is"},
		{ugraph.Invalid, []int64{1}, "invalid element type"},
	} {
		_, err := New(c.dtype, c.shape...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v%v: got %v, want %q", c.dtype, c.shape, err, c.want)
		}
	}
	if _, err := Wrap(ugraph.F32, []int64{2}, make([]byte, 7)); err == nil {
		t.Error("Wrap takes 7 bytes for two f32")
	}
}

func TestViewsShareMemory(t *testing.T) {
	x := must(t)(FromFloat64(ugraph.F32, []int64{2, 2}, []float64{1, 2, 3, 4}))
	v, err := View[float32](x)
	if err != nil || !slices.Equal(v, []float32{1, 2, 3, 4}) {
		t.Fatal(v, err)
	}
	v[3] = 9
	if x.Float64At(3) != 9 {
		t.Error("the view is a copy")
	}
	if _, err := View[float64](x); err == nil {
		t.Error("f32 can be viewed as float64")
	}
	aligned := unsafe.Slice((*byte)(unsafe.Pointer(new([2]float32))), 8) // bytes of their own may begin anywhere
	odd := must(t)(Wrap(ugraph.F32, []int64{1}, aligned[1:5]))
	if _, err := View[float32](odd); err == nil {
		t.Error("misaligned memory can be viewed")
	}
	ints := must(t)(FromSlice(ugraph.I32, []int64{3}, []int32{7, -1, 5}))
	if ints.Int64At(1) != -1 {
		t.Error(ints.Int64At(1))
	}
	at, err := must(t)(New(ugraph.U8, 2, 3, 4)).Offset(1, 2, 3)
	if err != nil || at != 23 {
		t.Error(at, err)
	}
	if _, err := x.Offset(2, 0); err == nil {
		t.Error("an index outside its axis has an offset")
	}
	if got := must(t)(New(ugraph.U8, 2, 3, 4)).Index(17); !slices.Equal(got, []int64{1, 1, 1}) {
		t.Error(got)
	}
}

// Storing rounds as ugraph.DType.Round does, for every type, at and around every kind of edge.
func TestStoreEqualsRound(t *testing.T) {
	var values []float64
	for e := -160; e <= 132; e++ {
		for _, m := range []float64{1, 1 + 0x1p-4, 1 + 0x1p-4 + 0x1p-40, 1 + 0x1p-8, 1 + 3*0x1p-8, 1 + 0x1p-11, 1 + 3*0x1p-11, 1.5, 2 - 0x1p-12, 2 - 0x1p-20, 2 - 0x1p-52} {
			values = append(values, math.Ldexp(m, e), -math.Ldexp(m, e))
		}
	}
	values = append(values, 0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 65519.999, 65520, 448, 464, 127.9, -128.9, 255.5)
	for _, dtype := range ugraph.DTypes() {
		x := must(t)(New(dtype, 1))
		for _, v := range values {
			x.SetFloat64(0, v)
			got, want := x.Float64At(0), dtype.Round(v)
			if dtype == ugraph.I64 && want >= 0x1p63 {
				want = float64(math.MaxInt64)
			}
			if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%v: %v is stored as %v, Round says %v", dtype, v, got, want)
			}
		}
	}
}

// Every bit pattern of the narrow floats survives a load and a store.
func TestNarrowFloatsRoundTrip(t *testing.T) {
	for bits := range 1 << 16 {
		for _, dtype := range []ugraph.DType{ugraph.F16, ugraph.BF16} {
			x := must(t)(Wrap(dtype, []int64{1}, []byte{byte(bits), byte(bits >> 8)}))
			v := x.Float64At(0)
			if math.IsNaN(v) {
				continue
			}
			x.SetFloat64(0, v)
			if x.Data[0] != byte(bits) || x.Data[1] != byte(bits>>8) {
				t.Fatalf("%v: %#04x is %v, which is stored as % x", dtype, bits, v, x.Data)
			}
		}
	}
}

func TestIntegersConvertWithOneRounding(t *testing.T) {
	// Half an ulp of bf16 above 2⁶⁰ and a little: a detour by float64 loses the little, and then the
	// tie goes to even.
	x := must(t)(FromSlice(ugraph.I64, []int64{4}, []int64{1<<60 + 1<<52 + 1, math.MinInt64, 300, math.MaxInt64}))
	for _, c := range []struct {
		dtype ugraph.DType
		want  []float64
	}{
		{ugraph.BF16, []float64{1<<60 + 1<<53, -0x1p63, 300, 0x1p63}},
		{ugraph.F32, []float64{1<<60 + 1<<52, -0x1p63, 300, 0x1p63}},
		{ugraph.F64, []float64{1<<60 + 1<<52, -0x1p63, 300, 0x1p63}},
		{ugraph.I8, []float64{127, -128, 127, 127}},
		{ugraph.U8, []float64{255, 0, 255, 255}},
		{ugraph.I32, []float64{math.MaxInt32, math.MinInt32, 300, math.MaxInt32}},
		{ugraph.Bool, []float64{1, 1, 1, 1}},
	} {
		if got := must(t)(x.Convert(c.dtype)).Float64s(); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.dtype, got, c.want)
		}
	}
}

func TestConvertCopies(t *testing.T) {
	x := must(t)(New(ugraph.F32, 2))
	must(t)(x.Convert(ugraph.F32)).SetFloat64(0, 1)
	if x.Float64At(0) != 0 {
		t.Error("converting to the same type shares memory")
	}
	if _, err := (&Tensor{DType: ugraph.F32, Shape: []int64{3}, Data: make([]byte, 4)}).Convert(ugraph.F16); err == nil {
		t.Error("a tensor whose data are too short is converted")
	}
}

func TestRandomIsDeterministicAndScaled(t *testing.T) {
	normal := func(name string, seed int64) *Tensor {
		return must(t)(Random(ugraph.F32, []int64{256, 64}, seed, name, Fill{Kind: Normal}))
	}
	if !slices.Equal(normal("X", 1).Data, normal("X", 1).Data) {
		t.Error("the same seed and name give different values")
	}
	if slices.Equal(normal("X", 1).Data, normal("Y", 1).Data) || slices.Equal(normal("X", 1).Data, normal("X", 2).Data) {
		t.Error("another name or seed gives the same values")
	}
	moments := func(x *Tensor) (mean, deviation float64) {
		for _, v := range x.Float64s() {
			mean += v
			deviation += v * v
		}
		n := float64(x.Len())
		return mean / n, math.Sqrt(deviation / n)
	}
	for _, c := range []struct {
		shape []int64
		kind  FillKind
		want  float64
	}{
		{[]int64{256, 64}, Normal, 1},
		{[]int64{256, 64}, Weight, 1. / 16},
		{[]int64{4, 64, 64}, Weight, 1. / 8},
		{[]int64{16384}, Weight, 1. / 128},
	} {
		for _, dtype := range []ugraph.DType{ugraph.F64, ugraph.F16, ugraph.BF16} {
			mean, deviation := moments(must(t)(Random(dtype, c.shape, 7, "W", Fill{Kind: c.kind})))
			if math.Abs(mean) > 0.05*c.want || math.Abs(deviation/c.want-1) > 0.05 {
				t.Errorf("%v%v: mean %g, deviation %g, want 0 and %g", dtype, c.shape, mean, deviation, c.want)
			}
		}
	}
}

func TestRandomIntegers(t *testing.T) {
	index := must(t)(Random(ugraph.I32, []int64{1000}, 1, "i", Fill{Kind: Index, Limit: 10}))
	counts := make([]int, 10)
	for i := range index.Len() {
		counts[index.Int64At(i)]++ // panics if out of range
	}
	if slices.Min(counts) < 50 {
		t.Errorf("not uniform: %v", counts)
	}
	position := must(t)(Random(ugraph.I32, []int64{2, 3}, 1, "p", Fill{Kind: Position}))
	if got := position.Float64s(); !slices.Equal(got, []float64{0, 1, 2, 0, 1, 2}) {
		t.Error(got)
	}
	for _, c := range []struct {
		dtype ugraph.DType
		fill  Fill
	}{
		{ugraph.F32, Fill{Kind: Index, Limit: 10}},
		{ugraph.I32, Fill{Kind: Index}},
		{ugraph.U8, Fill{Kind: Index, Limit: 257}},
		{ugraph.U8, Fill{Kind: Position}},
		{ugraph.F32, Fill{Kind: 99}},
	} {
		if _, err := Random(c.dtype, []int64{300}, 1, "i", c.fill); err == nil {
			t.Errorf("%v with %+v is no error", c.dtype, c.fill)
		}
	}
	coins := must(t)(Random(ugraph.Bool, []int64{64}, 1, "m", Fill{}))
	if ones := strings.Count(string(coins.Data), "\x01"); ones == 0 || ones == 64 {
		t.Error("a mask of one value only")
	}
}

func TestCompare(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	row := func(fill float64) []float64 { return slices.Repeat([]float64{fill}, 32) }
	with := func(values []float64, i int, v float64) []float64 {
		values[i] = v
		return values
	}
	for _, c := range []struct {
		name      string
		shape     []int64
		got, want []float64
		max       float64
	}{
		{"equal", []int64{32}, row(2), row(2), 0},
		{"relative to the row's largest", []int64{32}, with(with(row(2), 5, 2.5), 3, 4), with(row(2), 3, 4), 0.125},
		{"an element that cancels", []int64{32}, with(row(4), 5, 0.001), with(row(4), 5, 0), 0.00025},
		{"a small row beside a large one", []int64{2, 32}, append(row(100), row(1)...), append(row(100), row(2)...), 0.5},
		{"a row of zeros", []int64{2, 32}, append(row(8), row(1)...), append(row(8), row(0)...), 0.125},
		{"short rows go together", []int64{16, 2}, with(row(1), 0, 0.1), with(row(1), 0, 0.2), 0.1},
		{"infinities", []int64{32}, with(row(1), 0, inf), with(row(1), 0, inf), 0},
		{"infinity for a number", []int64{32}, with(row(1), 0, inf), row(1), inf},
		{"NaN for a number", []int64{32}, with(row(1), 0, nan), row(1), inf},
		{"NaN for NaN", []int64{32}, with(row(1), 0, nan), with(row(1), 0, nan), 0},
		{"all zero", []int64{32}, with(row(0), 0, 1e-30), row(0), inf},
	} {
		got := must(t)(FromFloat64(ugraph.F64, c.shape, c.got))
		d, err := Compare(got, must(t)(FromFloat64(ugraph.F64, c.shape, c.want)))
		if err != nil || math.Abs(d.Max-c.max) > 1e-12 || (d.Max > 0) != (d.Index != nil) {
			t.Errorf("%s: got %+v, %v, want %g", c.name, d, err, c.max)
		}
	}
	a, b := must(t)(New(ugraph.F32, 2, 3)), must(t)(New(ugraph.F32, 3, 2))
	if _, err := Compare(a, b); err == nil {
		t.Error("different shapes are compared")
	}
}

// TestCompareBeyondRange: what a type cannot hold is to become infinite in it, and nothing else is.
func TestCompareBeyondRange(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		dtype     ugraph.DType
		got, want float64
		max       float64
	}{
		{"overflow", ugraph.F32, inf, 1e39, 0},
		{"overflow below", ugraph.F32, -inf, -1e39, 0},
		{"half an ulp above the largest", ugraph.F32, inf, math.MaxFloat32 + 0x1p103, 0},
		{"less than that", ugraph.F32, inf, math.MaxFloat32 + 0x1p102, inf},
		{"the other sign", ugraph.F32, -inf, 1e39, inf},
		{"the largest number", ugraph.F32, inf, math.MaxFloat32, inf},
		{"NaN", ugraph.F32, math.NaN(), 1e39, inf},
		{"f16", ugraph.F16, inf, 65520, 0},
		{"f16 in range", ugraph.F16, inf, 65519, inf},
		{"bf16", ugraph.BF16, inf, 1e39, 0},
		{"f8e4m3 ends at its largest", ugraph.F8E4M3, 448, 1e6, 0},
		{"f8e4m3 below it", ugraph.F8E4M3, 416, 1e6, 1 - 416e-6},
	} {
		got := must(t)(FromFloat64(c.dtype, []int64{2}, []float64{c.got, 1}))
		d, err := Compare(got, must(t)(FromFloat64(ugraph.F64, []int64{2}, []float64{c.want, 1})))
		if err != nil || d.Max != c.max {
			t.Errorf("%s: got %+v, %v, want %g", c.name, d, err, c.max)
		}
	}
	// A number beyond the range is no scale for the others of its row.
	got := must(t)(FromFloat64(ugraph.F32, []int64{2}, []float64{inf, 1}))
	if d, err := Compare(got, must(t)(FromFloat64(ugraph.F64, []int64{2}, []float64{1e39, 2}))); err != nil || d.Max != 0.5 {
		t.Errorf("beside an overflow: %+v, %v", d, err)
	}
}

func BenchmarkRandomF16(b *testing.B) {
	b.SetBytes(2 << 20)
	for b.Loop() {
		if _, err := Random(ugraph.F16, []int64{1 << 20}, 1, "X", Fill{}); err != nil {
			b.Fatal(err)
		}
	}
}
