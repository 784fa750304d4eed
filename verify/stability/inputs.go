package stability

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// distribution is one way to draw the inputs. Weights are N(0, 1/fan-in) under all of them.
type distribution struct {
	name   string
	fill   func(r *rand.Rand, dt ugraph.DType, x []float64, cols int) // row-major, rows of cols elements
	paired bool                                                       // weights are repeated along the axis that is contracted
	flat   bool                                                       // rows may be constant: a result that should be exactly 0 is only asked to be finite
	// integers draws entry k of an integer input that is no index; nil: from 0 … few − 1.
	integers func(r *rand.Rand, dt ugraph.DType, k int) int64
}

// few is the number of values of an integer input that is no index, where large ones are not asked for.
const few = 16

func each(f func(r *rand.Rand, dt ugraph.DType) float64) func(*rand.Rand, ugraph.DType, []float64, int) {
	return func(r *rand.Rand, dt ugraph.DType, x []float64, _ int) {
		for i := range x {
			x[i] = f(r, dt)
		}
	}
}

func scaled(by float64) func(*rand.Rand, ugraph.DType, []float64, int) {
	return each(func(r *rand.Rand, _ ugraph.DType) float64 { return by * r.NormFloat64() })
}

// byType is a constant of a distribution, by element type; f32 stands for f64 too.
func byType(dt ugraph.DType, f32, f16, bf16, f8 float64) float64 {
	switch dt {
	case ugraph.F16:
		return f16
	case ugraph.BF16:
		return bf16
	case ugraph.F8E4M3:
		return f8
	}
	return f32
}

// distributions are those of the rule, in the order in which they are tried; the first is `normal`.
var distributions = []distribution{
	{name: "N(0,1)", fill: scaled(1)},
	{name: "N(0,1) × 30", fill: scaled(30)},
	{name: "N(0,1) × 1000", fill: scaled(1000)},
	{name: "± a shift", fill: func(r *rand.Rand, dt ugraph.DType, x []float64, cols int) {
		shift := byType(dt, 1000, 30, 10, 10)
		for i := range x {
			x[i] = r.NormFloat64() + shift*float64(1-2*(i/cols%2))
		}
	}},
	{name: "N(0,1) + 1000", fill: each(func(r *rand.Rand, dt ugraph.DType) float64 {
		return r.NormFloat64() + byType(dt, 1000, 1000, 1000, 100)
	})},
	{name: "magnitudes 2^U(-12,12)", fill: each(func(r *rand.Rand, dt ugraph.DType) float64 {
		e := byType(dt, 12, 6, 12, 4)
		return math.Copysign(math.Exp2(e*(2*r.Float64()-1)), r.Float64()-0.5)
	})},
	{name: "4 × the smallest normal", fill: each(func(r *rand.Rand, dt ugraph.DType) float64 { return 4 * dt.Min() * r.NormFloat64() })},
	{name: "90 % zeros and two zero rows", fill: func(r *rand.Rand, _ ugraph.DType, x []float64, cols int) {
		rows := len(x) / cols
		zero := [2]int{r.IntN(rows), r.IntN(rows)}
		for i := range x {
			if v := r.NormFloat64(); r.Float64() < 0.1 && (rows < 4 || i/cols != zero[0] && i/cols != zero[1]) {
				x[i] = v
			}
		}
	}},
	{name: "a column × 2^8", fill: func(r *rand.Rand, _ ugraph.DType, x []float64, cols int) { column(r, x, cols, r.IntN(cols), 256) }},
	{name: "first column × 300", fill: func(r *rand.Rand, _ ugraph.DType, x []float64, cols int) { column(r, x, cols, 0, 300) }},
	{name: "paired cancellation", paired: true, fill: func(r *rand.Rand, _ ugraph.DType, x []float64, cols int) {
		for i := range x {
			if j := i % cols; j < (cols+1)/2 {
				x[i] = r.NormFloat64()
			} else {
				x[i] = -x[i-(cols+1)/2] + r.NormFloat64()/8
			}
		}
	}},
	// 2^56 for f32: at 2^60 the sum of 512 squares is within a factor of 2 of overflow, and a toss decides.
	// Every other row has the bound itself, with signs: a small instance has few elements, and an
	// intermediate result that overflows in one of 10^4 must overflow in one of 10^3 here.
	{name: "uniform up to half the range", fill: func(r *rand.Rand, dt ugraph.DType, x []float64, cols int) {
		bound := byType(dt, 0x1p56, 32752, 0x1p56, 224)
		for i := range x {
			v := 2*r.Float64() - 1
			if i/cols%2 == 1 {
				v = math.Copysign(1, v)
			}
			x[i] = v * bound
		}
	}},
	constantRows,
	{name: "small integers", flat: true, fill: each(func(r *rand.Rand, _ ugraph.DType) float64 { return math.RoundToEven(2 * r.NormFloat64()) })},
}

// constantRows have all elements equal: every element is the maximum, a variance is 0. The first row is 0.
var constantRows = distribution{name: "constant rows", flat: true, fill: func(r *rand.Rand, _ ugraph.DType, x []float64, cols int) {
	levels := [...]float64{0, 1, -1, 30, -30, 0.5}
	for i := range x {
		x[i] = levels[i/cols%len(levels)]
	}
}}

// integerDistributions are tried too where an integer input is no index: it may become a float, which
// rounds it and overflows. 2^20 is where the exact comparison draws such integers (verify); at the
// type's bounds every other entry has a random magnitude, so that all of a float's range is met.
var integerDistributions = []distribution{
	{name: "N(0,1), integers up to 2^20", fill: scaled(1), integers: func(r *rand.Rand, dt ugraph.DType, _ int) int64 {
		lo, hi := bounds(dt)
		lo, hi = max(lo, -1<<20), min(hi, 1<<20)
		return lo + r.Int64N(hi-lo+1)
	}},
	{name: "N(0,1), integers up to their type's bounds", fill: scaled(1), integers: func(r *rand.Rand, dt ugraph.DType, k int) int64 {
		shift := 64 - 8*dt.Size()
		if k%2 == 1 {
			shift += r.Int64N(8 * dt.Size())
		}
		if lo, _ := bounds(dt); lo == 0 {
			return int64(r.Uint64() >> shift)
		}
		return int64(r.Uint64()) >> shift
	}},
}

// bounds are the least and the greatest value of an integer type.
func bounds(dt ugraph.DType) (lo, hi int64) {
	if dt == ugraph.I64 { // which float64 cannot say
		return math.MinInt64, math.MaxInt64
	}
	return int64(dt.Min()), int64(dt.Max())
}

// forInputs are the distributions of a program whose integer inputs have the given limits.
func forInputs(g *ugraph.Graph, legal []int64, dists []distribution) []distribution {
	for i, in := range g.Inputs {
		if g.Values[in.Value].DType.IsInt() && legal[i] == anyInteger {
			return append(slices.Clone(dists), integerDistributions...)
		}
	}
	return dists
}

// longDistributions are those at which sums of the real length are judged; the first is `normal`.
var longDistributions = []distribution{distributions[0], constantRows}

func column(r *rand.Rand, x []float64, cols, at int, by float64) {
	for i := range x {
		if x[i] = r.NormFloat64(); i%cols == at {
			x[i] *= by
		}
	}
}

// drawInputs draws the inputs of a program without symbols. scale multiplies what is no weight. Weights are
// those of another draw, if given: many draws of few rows are as one of many rows.
func drawInputs(g *ugraph.Graph, legal []int64, d distribution, r *rand.Rand, scale float64, other tensors) (tensors, error) {
	out := make(tensors, len(g.Inputs))
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		if in.Const && other != nil {
			out[i] = other[i]
			continue
		}
		shape, err := ugraph.EvalShape(v.Shape, nil)
		if err != nil {
			return nil, err
		}
		n, err := interp.Elements(shape)
		if err != nil {
			return nil, err
		}
		if !v.DType.IsFloat() {
			if out[i], err = interp.FromInts[float64](v.DType, shape, drawIntegers(r, v.DType, shape, n, legal[i], d.integers)); err != nil {
				return nil, err
			}
			continue
		}
		x := make([]float64, n)
		cols := 1
		if len(shape) > 0 {
			cols = int(shape[len(shape)-1])
		}
		if in.Const {
			weights(r, x, shape, d.paired)
		} else {
			d.fill(r, v.DType, x, cols)
			for j := range x {
				x[j] *= scale
			}
		}
		most := v.DType.Max()
		for j := range x { // infinite inputs are nobody's business
			x[j] = max(-most, min(most, x[j]))
		}
		interp.Rounded{}.RoundRow(v.DType, x)
		out[i] = &interp.Tensor[float64]{DType: v.DType, Shape: shape, Data: x}
	}
	return out, nil
}

// weights are N(0, 1/fan-in), the fan-in being the last axis but one.
func weights(r *rand.Rand, x []float64, shape []int64, paired bool) {
	fan, cols := 1, len(x)
	if k := len(shape); k >= 2 {
		fan, cols = int(shape[k-2]), int(shape[k-1])
	} else {
		paired = false
	}
	std := 1 / math.Sqrt(float64(fan))
	for i := range x {
		x[i] = std * r.NormFloat64()
		if row := i / cols % fan; paired && row >= (fan+1)/2 {
			x[i] = x[i-(fan+1)/2*cols]
		}
	}
}

// drawIntegers draws legal integers: below limit, or by draw (nil: few) where there is none. The first
// column of a bool tensor is true, so that no row of a mask is empty.
func drawIntegers(r *rand.Rand, dt ugraph.DType, shape []int64, n, limit int64, draw func(*rand.Rand, ugraph.DType, int) int64) []int64 {
	if limit == anyInteger && draw == nil {
		limit = few
	}
	x := make([]int64, n)
	for j := range x {
		switch {
		case dt.IsBool():
			if x[j] = 1; r.IntN(4) == 0 && len(shape) > 0 && int64(j)%shape[len(shape)-1] != 0 {
				x[j] = 0
			}
		case limit == anyInteger:
			x[j] = draw(r, dt, j)
		default:
			x[j] = r.Int64N(limit)
		}
	}
	return x
}
