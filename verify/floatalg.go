package verify

import (
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/verify/field"
)

// floatAlgebra evaluates in float64, to show a difference that was found in a field; it proves nothing.
type floatAlgebra struct {
	interp.Float64
	jitter *jitter // nil: none
}

// jitter changes every result by a random multiple, up to 1, of 2^-50: what that does to an output shows
// how far its value in float64 can be trusted (Monte Carlo arithmetic, Parker 1997).
type jitter struct {
	key field.Key
	at  uint64
}

func (a floatAlgebra) noisy(x float64) float64 {
	if a.jitter == nil || x == 0 {
		return x
	}
	a.jitter.at++
	return x * (1 + 0x1p-113*float64(int64(a.jitter.key.Word(a.jitter.at, 7))))
}

func (floatAlgebra) lit(n ugraph.Number) float64          { return n.Float64() }
func (floatAlgebra) integer(n int64) float64              { return float64(n) }
func (floatAlgebra) datum(n int64) float64                { return float64(n) }
func (a floatAlgebra) add(x, y float64) float64           { return a.noisy(x + y) }
func (a floatAlgebra) sub(x, y float64) float64           { return a.noisy(x - y) }
func (a floatAlgebra) mul(x, y float64) float64           { return a.noisy(x * y) }
func (a floatAlgebra) div(x, y float64) float64           { return a.noisy(x / y) }
func (floatAlgebra) weigh(w, x float64) float64           { return w * x }
func (floatAlgebra) sinCos(x float64) (sin, cos float64)  { return math.Sincos(x) }
func (floatAlgebra) invSqrt(n int64) float64              { return 1 / math.Sqrt(float64(n)) }
func (floatAlgebra) store(ugraph.DType, *tensor[float64]) {}
func (floatAlgebra) err() error                           { return nil }
func (floatAlgebra) opaque(string, float64) float64       { return math.NaN() }
func (a floatAlgebra) max(xs []float64) float64           { return fold(xs, math.Max) }
func (a floatAlgebra) min(xs []float64) float64           { return fold(xs, math.Min) }
func (a floatAlgebra) same(x, y float64) bool             { return x == y }
func (a floatAlgebra) pow(x float64, e ugraph.Number) float64 {
	return a.noisy(math.Pow(x, e.Float64()))
}

// fold combines values; NaN wins.
func fold(xs []float64, f func(a, b float64) float64) float64 {
	v := xs[0]
	for _, x := range xs[1:] {
		v = f(v, x)
	}
	return v
}

func (a floatAlgebra) unary(op ugraph.Op, attrs ugraph.Attrs, x float64) float64 {
	f, err := a.Unary(op, attrs, ugraph.F64)
	if err != nil {
		return math.NaN()
	}
	return a.noisy(f(x))
}

func (floatAlgebra) cmp(x, y float64) (int, bool) {
	switch {
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, x == y
}

func (a floatAlgebra) dot(x []float64, sx int, y []float64, sy int, n int) float64 {
	s := 0.0
	for i := range n {
		s += x[i*sx] * y[i*sy]
	}
	return a.noisy(s)
}

func (a floatAlgebra) narrow(to ugraph.DType, x float64) float64 {
	if f := a.Cast(to); f != nil {
		return f(x)
	}
	return x
}

func (a floatAlgebra) truncate(to ugraph.DType, x float64) int64 {
	n, err := a.ToInt(x)
	if err != nil {
		return 0
	}
	return castInt(to, n)
}
