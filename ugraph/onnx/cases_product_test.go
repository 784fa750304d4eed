package onnx

import "math"

// matrix is a [m, k] by [k, n], row-major.
func matrix(m, k, n int, a, b []float64) []float64 {
	out := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for x := range k {
				out[i*n+j] += a[i*k+x] * b[x*n+j]
			}
		}
	}
	return out
}

func flip(m, n int, a []float64) []float64 {
	out := make([]float64, m*n)
	for i := range m {
		for j := range n {
			out[j*m+i] = a[i*n+j]
		}
	}
	return out
}

// attend is one head's attention: t queries, s keys of size d, values of size e.
func attend(t, s, d, e int, q, k, v []float64, scale float64, mask func(i, j int) float64, score func(x float64) float64) []float64 {
	var out []float64
	for i := range t {
		row := make([]float64, s)
		for j := range s {
			for x := range d {
				row[j] += q[i*d+x] * k[j*d+x]
			}
			row[j] = score(row[j]*scale) + mask(i, j)
		}
		out = append(out, matrix(1, s, e, softmaxRow(row), v)...)
	}
	return out
}

func unmasked(i, j int) float64 { return 0 }

func hide(visible bool) float64 {
	if visible {
		return 0
	}
	return math.Inf(-1)
}

// perHead gives each of n query heads its attention, key head h·n/kv.
func perHead(n, kv, t, s, d int, mask func(i, j int) float64) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		var out []float64
		for h := range n {
			g := h * kv / n
			q, k, v := a[0][h*t*d:][:t*d], a[1][g*s*d:][:s*d], a[2][g*s*d:][:s*d]
			out = append(out, attend(t, s, d, d, q, k, v, 1/math.Sqrt(float64(d)), mask, plain)...)
		}
		return [][]float64{out}
	}
}

var (
	q4 = in(1, 4, 2, 4)
	k4 = in(1, 2, 3, 4)
)

var productCases = []opCase{
	{"MatMul", 13, nil, []arg{in(2, 3), in(3, 4)}, func(a [][]float64) [][]float64 { return [][]float64{matrix(2, 3, 4, a[0], a[1])} }},
	{"MatMul", 13, nil, []arg{in(3), in(3, 4)}, func(a [][]float64) [][]float64 { return [][]float64{matrix(1, 3, 4, a[0], a[1])} }},
	{"MatMul", 13, nil, []arg{in(2, 3), in(3)}, func(a [][]float64) [][]float64 { return [][]float64{matrix(2, 3, 1, a[0], a[1])} }},
	{"MatMul", 13, nil, []arg{in(3), in(3)}, func(a [][]float64) [][]float64 { return [][]float64{matrix(1, 3, 1, a[0], a[1])} }},
	{"Gemm", 13, attrs{"alpha": 0.5, "beta": 2.0, "transB": 1}, []arg{in(2, 3), in(4, 3), in(4)}, func(a [][]float64) [][]float64 {
		out := matrix(2, 3, 4, a[0], flip(4, 3, a[1]))
		for i := range out {
			out[i] = out[i]*0.5 + 2*a[2][i%4]
		}
		return [][]float64{out}
	}},
	{"Gemm", 13, attrs{"transA": 1}, []arg{in(3, 2), in(3, 4)}, func(a [][]float64) [][]float64 {
		return [][]float64{matrix(2, 3, 4, flip(3, 2, a[0]), a[1])}
	}},
	{"Einsum", 13, attrs{"equation": "ij,kj->ik"}, []arg{in(2, 3), in(4, 3)}, func(a [][]float64) [][]float64 {
		return [][]float64{matrix(2, 3, 4, a[0], flip(4, 3, a[1]))}
	}},
	{"Einsum", 13, attrs{"equation": "ij, jk"}, []arg{in(2, 3), in(3, 4)}, func(a [][]float64) [][]float64 {
		return [][]float64{matrix(2, 3, 4, a[0], a[1])}
	}},
	{"Einsum", 13, attrs{"equation": "bij->ji"}, []arg{in(2, 1, 2)}, func(a [][]float64) [][]float64 {
		return [][]float64{{a[0][0] + a[0][2], a[0][1] + a[0][3]}}
	}},
	{"Einsum", 13, attrs{"equation": "ij,jk,kl->il"}, []arg{in(2, 3), in(3, 4), in(4, 2)}, func(a [][]float64) [][]float64 {
		return [][]float64{matrix(2, 4, 2, matrix(2, 3, 4, a[0], a[1]), a[2])}
	}},
	{"Einsum", 13, attrs{"equation": "i,j->ji"}, []arg{in(2), in(3)}, func(a [][]float64) [][]float64 {
		return [][]float64{flip(2, 3, matrix(2, 1, 3, a[0], a[1]))}
	}},

	{"Attention", 23, nil, []arg{q4, k4, k4}, perHead(4, 2, 2, 3, 4, unmasked)},
	{"Attention", 23, attrs{"is_causal": 1}, []arg{q4, k4, k4}, perHead(4, 2, 2, 3, 4, func(i, j int) float64 { return hide(j <= i) })},
	{"Attention", 23, attrs{"is_causal": 1}, []arg{in(1, 1, 3, 4), in(1, 1, 3, 4), in(1, 1, 3, 4)}, perHead(1, 1, 3, 3, 4, func(i, j int) float64 { return hide(j <= i) })},
	{"Attention", 23, nil, []arg{q4, k4, k4, {elem: tBool, dims: []int{2, 3}, vals: []float64{1, 0, 1, 0, 1, 1}}}, perHead(4, 2, 2, 3, 4, func(i, j int) float64 { return hide(i == 0 && j != 1 || i == 1 && j != 0) })},
	{"Attention", 23, attrs{"softcap": 2.0, "scale": 0.25}, []arg{in(1, 1, 2, 4), in(1, 1, 3, 4), in(1, 1, 3, 4)}, func(a [][]float64) [][]float64 {
		return [][]float64{attend(2, 3, 4, 4, a[0], a[1], a[2], 0.25, unmasked, func(x float64) float64 { return 2 * math.Tanh(x/2) })}
	}},
	{"Attention", 23, attrs{"is_causal": 1}, []arg{in(1, 1, 2, 4), in(1, 1, 2, 4), in(1, 1, 2, 4), none, in(1, 1, 3, 4), in(1, 1, 3, 4)}, func(a [][]float64) [][]float64 {
		k, v := append(append([]float64{}, a[4]...), a[1]...), append(append([]float64{}, a[5]...), a[2]...)
		return [][]float64{attend(2, 5, 4, 4, a[0], k, v, 0.5, func(i, j int) float64 { return hide(j <= i+3) }, plain), k, v}
	}},
	{"Attention", 23, attrs{"q_num_heads": 1, "kv_num_heads": 1}, []arg{in(1, 2, 4), in(1, 3, 4), in(1, 3, 4)}, perHead(1, 1, 2, 3, 4, unmasked)},
	{"RotaryEmbedding", 23, nil, []arg{in(1, 1, 2, 4), in(1, 2, 2), in(1, 2, 2)}, rotated(false)},
	{"RotaryEmbedding", 23, attrs{"interleaved": 1}, []arg{in(1, 1, 2, 4), in(1, 2, 2), in(1, 2, 2)}, rotated(true)},
	{"RotaryEmbedding", 23, attrs{"num_heads": 1}, []arg{in(1, 2, 4), in(2, 2), in(2, 2), index([]int{1, 2}, 0, 1)}, rotated(false)},
	{"RotaryEmbedding", 23, attrs{"rotary_embedding_dim": 2}, []arg{in(1, 1, 1, 4), in(1, 1, 1), in(1, 1, 1)}, func(a [][]float64) [][]float64 {
		x, c, s := a[0], a[1][0], a[2][0]
		return [][]float64{{x[0]*c - x[1]*s, x[0]*s + x[1]*c, x[2], x[3]}}
	}},

	{"DequantizeLinear", 13, nil, []arg{{elem: tU8, dims: []int{2, 2}, vals: []float64{0, 128, 255, 3}}, fixed(of([]int{2}, 0.5, 2)), fixed(arg{elem: tU8, dims: []int{2}, vals: []float64{128, 1}})}, is([]float64{-64, 254, 63.5, 4})},
	{"QuantizeLinear", 13, nil, []arg{of([]int{5}, -300, 0.25, 0.75, 1.25, 300), scalar(0.5), fixed(arg{elem: tI8, dims: []int{}, vals: []float64{1}})}, is([]float64{-128, 1, 3, 3, 127})},
	{"MatMulInteger", 13, nil, []arg{{elem: tU8, dims: []int{1, 2}, vals: []float64{3, 4}}, {elem: tI8, dims: []int{2, 1}, vals: []float64{-5, 6}}, fixed(arg{elem: tU8, dims: []int{}, vals: []float64{1}})}, is([]float64{8})},
}

// rotated turns pairs of four numbers a row, halves or neighbours, by two angles a row.
func rotated(interleaved bool) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		out := make([]float64, len(a[0]))
		for row := range len(a[0]) / 4 {
			for i := range 2 {
				p, q := 4*row+i, 4*row+i+2
				if interleaved {
					p, q = 4*row+2*i, 4*row+2*i+1
				}
				x, y, c, s := a[0][p], a[0][q], a[1][2*row+i], a[2][2*row+i]
				out[p], out[q] = x*c-y*s, x*s+y*c
			}
		}
		return [][]float64{out}
	}
}
