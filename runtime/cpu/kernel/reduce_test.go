package kernel

import (
	"math"
	"testing"
)

var reduceLengths = []int{1, 2, 7, 8, 9, 16, 63, 64, 65, 71, 72, 128, 135, 1000, 4097}

func TestSums(t *testing.T) {
	r := newRand(5)
	eachLevel(t, func(t *testing.T) {
		if Sum(nil) != 0 || SumSquares(nil) != 0 || Dot(nil, nil) != 0 {
			t.Error("a sum of nothing is not 0")
		}
		for _, n := range reduceLengths {
			a, b := random(r, n), random(r, n)
			check := func(name string, got float32, term func(i int) float64) {
				t.Helper()
				sum, magnitude := 0.0, 0.0
				for i := range n {
					sum += term(i)
					magnitude += math.Abs(term(i))
				}
				if bound := (float64(n)/32 + 8) * 0x1p-24 * magnitude; math.Abs(float64(got)-sum) > bound {
					t.Errorf("%s of %d: %v, want %v ± %v", name, n, got, sum, bound)
				}
			}
			check("Sum", Sum(a), func(i int) float64 { return float64(a[i]) })
			check("SumSquares", SumSquares(a), func(i int) float64 { return float64(a[i]) * float64(a[i]) })
			check("Dot", Dot(a, b), func(i int) float64 { return float64(a[i]) * float64(b[i]) })
		}
	})
}

func TestExtremes(t *testing.T) {
	r := newRand(6)
	nan := float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		if Max(nil) != float32(math.Inf(-1)) || Min(nil) != float32(math.Inf(1)) || ArgMax(nil) != -1 {
			t.Error("wrong extremes of nothing")
		}
		for _, n := range reduceLengths {
			x := random(r, n)
			for _, shift := range []float32{0, 100, -100} { // all positive, all negative: masked lanes show
				for i := range x {
					x[i] += shift
				}
				greatest, least, at := x[0], x[0], 0
				for i, v := range x {
					if v > greatest {
						greatest, at = v, i
					}
					least = min(least, v)
				}
				if Max(x) != greatest || Min(x) != least || ArgMax(x) != at {
					t.Errorf("n=%d: max %v at %d, min %v; want %v at %d, %v", n, Max(x), ArgMax(x), Min(x), greatest, at, least)
				}
			}
			if n > 200 {
				continue
			}
			for i := range x {
				was := x[i]
				x[i] = nan
				if m := Max(x); m == m {
					t.Errorf("n=%d: max is %v with NaN at %d", n, m, i)
				}
				if m := Min(x); m == m {
					t.Errorf("n=%d: min is %v with NaN at %d", n, m, i)
				}
				if ArgMax(x) != i {
					t.Errorf("n=%d: argmax is %d with NaN at %d", n, ArgMax(x), i)
				}
				x[i] = was
			}
		}
		if i := ArgMax([]float32{1, 3, 3, 2}); i != 1 {
			t.Errorf("argmax of equals is %d, want the first", i)
		}
	})
}

// TestRows reduces a 5×n tile over its first axis.
func TestRows(t *testing.T) {
	r := newRand(7)
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 8, 13, 100} {
			tile := random(r, 5*n)
			sum, square, greatest, least := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			Fill(greatest, float32(math.Inf(-1)))
			Fill(least, float32(math.Inf(1)))
			for i := range 5 {
				row := tile[i*n : (i+1)*n]
				AddRow(sum, row)
				AddSquareRow(square, row)
				MaxRow(greatest, row)
				MinRow(least, row)
			}
			for j := range n {
				s, q, magnitude, hi, lo := 0.0, 0.0, 0.0, math.Inf(-1), math.Inf(1)
				for i := range 5 {
					v := float64(tile[i*n+j])
					s, q, magnitude, hi, lo = s+v, q+v*v, magnitude+math.Abs(v), max(hi, v), min(lo, v)
				}
				if math.Abs(float64(sum[j])-s) > 1e-6*magnitude || math.Abs(float64(square[j])-q) > 1e-6*q ||
					float64(greatest[j]) != hi || float64(least[j]) != lo {
					t.Fatalf("column %d of %d: %v %v %v %v, want %v %v %v %v", j, n, sum[j], square[j], greatest[j], least[j], s, q, hi, lo)
				}
			}
		}
	})
}
