package onnx

import (
	"math"
	"slices"
)

// rows applies a function to each row of so many numbers.
func rows(n int, f func(row []float64) []float64) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		var out []float64
		for at := 0; at < len(a[0]); at += n {
			out = append(out, f(a[0][at:at+n])...)
		}
		return [][]float64{out}
	}
}

func total(f func(x float64) float64) func(row []float64) []float64 {
	return func(row []float64) []float64 {
		s := 0.0
		for _, x := range row {
			s += f(x)
		}
		return []float64{s}
	}
}

// after applies f to a row's one number.
func after(g func(row []float64) []float64, f func(x float64) float64) func(row []float64) []float64 {
	return func(row []float64) []float64 { return []float64{f(g(row)[0])} }
}

func plain(x float64) float64  { return x }
func square(x float64) float64 { return x * x }

func softmaxRow(row []float64) []float64 {
	s := total(math.Exp)(row)[0]
	out := make([]float64, len(row))
	for i, x := range row {
		out[i] = math.Exp(x) / s
	}
	return out
}

func largest(row []float64) []float64 { return []float64{slices.Max(row)} }

func firstAt(x float64, row []float64) float64 { return float64(slices.Index(row, x)) }

var up = of([]int{2, 4}, 1, 2, 3, 4, 4, 4, 1, 0.5)

var reductionCases = []opCase{
	{"ReduceSum", 13, nil, []arg{in(2, 3), list(1)}, rows(3, total(plain))},
	{"ReduceSum", 13, attrs{"keepdims": 0}, []arg{in(2, 3)}, rows(6, total(plain))},
	{"ReduceSum", 13, attrs{"noop_with_empty_axes": 1}, []arg{in(2, 3)}, mapped(plain)},
	{"ReduceMean", 13, attrs{"axes": []int64{-1}}, []arg{in(2, 3)}, rows(3, after(total(plain), func(x float64) float64 { return x / 3 }))},
	{"ReduceMean", 18, nil, []arg{in(2, 3), list(-1)}, rows(3, after(total(plain), func(x float64) float64 { return x / 3 }))},
	{"ReduceMax", 13, attrs{"axes": []int64{1}}, []arg{in(2, 3)}, rows(3, largest)},
	{"ReduceMin", 18, nil, []arg{in(2, 3), list(1)}, rows(3, func(row []float64) []float64 { return []float64{slices.Min(row)} })},
	{"ReduceL1", 13, attrs{"axes": []int64{1}}, []arg{in(2, 3)}, rows(3, total(math.Abs))},
	{"ReduceL2", 18, nil, []arg{in(2, 3), list(1)}, rows(3, after(total(square), math.Sqrt))},
	{"ReduceSumSquare", 13, attrs{"axes": []int64{1}}, []arg{in(2, 3)}, rows(3, total(square))},
	{"ReduceLogSum", 13, attrs{"axes": []int64{1}}, []arg{up}, rows(4, after(total(plain), math.Log))},
	{"ReduceLogSumExp", 13, attrs{"axes": []int64{1}}, []arg{in(2, 3)}, rows(3, after(total(math.Exp), math.Log))},
	{"ReduceLogSumExp", 18, attrs{"keepdims": 0}, []arg{in(2, 3), list(0, 1)}, rows(6, after(total(math.Exp), math.Log))},
	{"ReduceProd", 13, attrs{"keepdims": 0}, []arg{list(2, 3, 4)}, is([]float64{24})},
	{"Softmax", 13, nil, []arg{in(2, 3)}, rows(3, softmaxRow)},
	{"Softmax", 13, attrs{"axis": 0}, []arg{of([]int{2, 2}, 1, 2, 3, 5)}, is([]float64{1 / (1 + math.Exp(2)), 1 / (1 + math.Exp(3)), 1 / (1 + math.Exp(-2)), 1 / (1 + math.Exp(-3))})},
	{"LogSoftmax", 13, nil, []arg{in(2, 3)}, rows(3, func(row []float64) []float64 {
		out := softmaxRow(row)
		for i := range out {
			out[i] = math.Log(out[i])
		}
		return out
	})},
	{"Hardmax", 13, nil, []arg{up}, is([]float64{0, 0, 0, 1, 1, 0, 0, 0})},
	{"ArgMax", 13, attrs{"axis": 1}, []arg{up}, rows(4, func(row []float64) []float64 { return []float64{firstAt(slices.Max(row), row)} })},
	{"ArgMin", 13, attrs{"axis": -1, "keepdims": 0}, []arg{up}, rows(4, func(row []float64) []float64 { return []float64{firstAt(slices.Min(row), row)} })},
	{"ArgMin", 13, attrs{"axis": 0}, []arg{small}, is([]float64{0})},
	{"TopK", 13, nil, []arg{of([]int{5}, 3, 9, 1, 9, 4), list(3)}, is([]float64{9, 9, 4}, []float64{1, 3, 4})},
	{"TopK", 13, attrs{"largest": 0}, []arg{of([]int{5}, 3, 9, 1, 9, 4), list(2)}, is([]float64{1, 3}, []float64{2, 0})},
	{"TopK", 13, attrs{"largest": 0, "sorted": 0}, []arg{index([]int{4}, 3, -9, 1, 9), list(2)}, is([]float64{-9, 1}, []float64{1, 2})},
	{"CumSum", 14, nil, []arg{of([]int{2, 3}, 1, 2, 3, 4, 5, 6), list(1)}, is([]float64{1, 3, 6, 4, 9, 15})},
	{"CumSum", 14, attrs{"exclusive": 1}, []arg{of([]int{2, 3}, 1, 2, 3, 4, 5, 6), list(0)}, is([]float64{0, 0, 0, 1, 2, 3})},
	{"CumSum", 14, attrs{"reverse": 1}, []arg{of([]int{3}, 1, 2, 4), list(0)}, is([]float64{7, 6, 4})},
	{"CumSum", 14, attrs{"reverse": 1, "exclusive": 1}, []arg{index([]int{3}, 1, 2, 4), list(0)}, is([]float64{6, 4, 0})},
	{"GlobalAveragePool", 13, nil, []arg{in(1, 2, 2, 2)}, rows(4, after(total(plain), func(x float64) float64 { return x / 4 }))},
	{"GlobalMaxPool", 13, nil, []arg{in(1, 2, 4)}, rows(4, largest)},
}

// normal is a row less its mean, divided by the root of its mean square plus eps.
func normal(row []float64, centre bool, eps float64) []float64 {
	n := float64(len(row))
	m := 0.0
	if centre {
		m = total(plain)(row)[0] / n
	}
	s := total(func(x float64) float64 { return (x - m) * (x - m) })(row)[0] / n
	out := make([]float64, len(row))
	for i, x := range row {
		out[i] = (x - m) / math.Sqrt(s+eps)
	}
	return out
}

// scaled normalizes rows, then scales and shifts: by the place in the row, or with channel by the row's number.
func scaled(n int, centre bool, eps float64, channel func(i int) int) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		var out []float64
		for at := 0; at < len(a[0]); at += n {
			for i, x := range normal(a[0][at:at+n], centre, eps) {
				k := i
				if channel != nil {
					k = channel(at + i)
				}
				x *= a[1][k%len(a[1])]
				if len(a) > 2 {
					x += a[2][k%len(a[2])]
				}
				out = append(out, x)
			}
		}
		return [][]float64{out}
	}
}

var normCases = []opCase{
	{"LayerNormalization", 17, nil, []arg{in(2, 3), in(3), in(3)}, scaled(3, true, 1e-5, nil)},
	{"LayerNormalization", 17, attrs{"axis": 1, "epsilon": 0.5}, []arg{in(2, 3, 2), in(3, 2)}, scaled(6, true, 0.5, nil)},
	{"LayerNormalization", 17, nil, []arg{in(1, 3), in(3)}, func(a [][]float64) [][]float64 {
		m := total(plain)(a[0])[0] / 3
		s := total(func(x float64) float64 { return (x - m) * (x - m) })(a[0])[0] / 3
		return append(scaled(3, true, 1e-5, nil)(a), []float64{m}, []float64{1 / math.Sqrt(s+1e-5)})
	}},
	{"RMSNormalization", 23, attrs{"epsilon": 0.25}, []arg{in(2, 3), in(3)}, scaled(3, false, 0.25, nil)},
	{"RMSNormalization", 23, attrs{"axis": -2}, []arg{in(2, 3, 2), in(3, 2)}, scaled(6, false, 1e-5, nil)},
	{"InstanceNormalization", 13, nil, []arg{in(1, 2, 3), in(2), in(2)}, scaled(3, true, 1e-5, func(i int) int { return i / 3 })},
	{"GroupNormalization", 21, attrs{"num_groups": 2}, []arg{in(1, 4, 3), in(4), in(4)}, scaled(6, true, 1e-5, func(i int) int { return i / 3 })},
	{"BatchNormalization", 15, nil, []arg{in(2, 3), in(3), in(3), in(3), of([]int{3}, 1, 2, 3)}, func(a [][]float64) [][]float64 {
		out := make([]float64, 6)
		for i, x := range a[0] {
			j := i % 3
			out[i] = (x-a[3][j])/math.Sqrt(a[4][j]+1e-5)*a[1][j] + a[2][j]
		}
		return [][]float64{out}
	}},
	{"LpNormalization", 13, nil, []arg{in(2, 3)}, rows(3, func(row []float64) []float64 {
		n := math.Sqrt(total(square)(row)[0])
		return []float64{row[0] / n, row[1] / n, row[2] / n}
	})},
	{"LpNormalization", 13, attrs{"p": 1}, []arg{in(1, 3)}, rows(3, func(row []float64) []float64 {
		n := total(math.Abs)(row)[0]
		return []float64{row[0] / n, row[1] / n, row[2] / n}
	})},
	{"MeanVarianceNormalization", 13, attrs{"axes": []int64{1}}, []arg{in(2, 3)}, rows(3, func(row []float64) []float64 { return normal(row, true, 0) })},
}
