package kernel

import "math"

// Sum returns the sum of x, 0 when x is empty. Its error is at most len(x)/32 + 8 roundings of the
// sum of magnitudes.
func Sum(x []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return active.sum(x)
}

// SumSquares returns the sum of the squares of x, 0 when x is empty.
func SumSquares(x []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return active.dot(x, x)
}

// Dot returns the sum of a[i]·b[i] over every i of a, 0 when a is empty.
func Dot(a, b []float32) float32 {
	if len(a) == 0 {
		return 0
	}
	return active.dot(a, b[:len(a)])
}

// Max returns the largest element of x: NaN if one is NaN, −∞ when x is empty. As in IEEE 754-2019's maximum, 0 is
// larger than −0, at every level.
func Max(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	m := active.max(x)
	if m == 0 { // the instruction does not tell zeros apart
		return zeroOf(x, false)
	}
	return m
}

// Min returns the least element of x: NaN if one is NaN, +∞ when x is empty; −0 is less than 0.
func Min(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(1))
	}
	m := active.min(x)
	if m == 0 {
		return zeroOf(x, true)
	}
	return m
}

// zeroOf is −0 or 0 as negative says where x holds it, else the other.
func zeroOf(x []float32, negative bool) float32 {
	for _, v := range x {
		if v == 0 && (math.Float32bits(v) != 0) == negative {
			return v
		}
	}
	if negative {
		return 0
	}
	return float32(math.Copysign(0, -1))
}

// ArgMax returns the first index at which x has its largest element, the first NaN if there is one,
// −1 when x is empty.
func ArgMax(x []float32) int {
	m := Max(x)
	for i, v := range x {
		if v == m || v != v {
			return i
		}
	}
	return -1
}

// AddRow adds x to the accumulator acc, element by element: a sum over the first axis, one row at a
// time. MaxRow and MinRow do the same for the maximum and the minimum, AddSquareRow for the sum of
// squares.
func AddRow(acc, x []float32) { Binary(Add, acc, x, acc) }

// MaxRow sets acc[i] = max(acc[i], x[i]); NaN propagates.
func MaxRow(acc, x []float32) { Binary(Maximum, acc, x, acc) }

// MinRow sets acc[i] = min(acc[i], x[i]); NaN propagates.
func MinRow(acc, x []float32) { Binary(Minimum, acc, x, acc) }

// AddSquareRow sets acc[i] = acc[i] + x[i]².
func AddSquareRow(acc, x []float32) { FusedMulAdd(acc, x, x, acc) }
