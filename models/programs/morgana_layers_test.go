package programs

import (
	"math"
	"math/rand/v2"
	"slices"
)

func swish(x float64) float64 { return x / (1 + math.Exp(-x)) }

// gelu in the form with tanh (Hendrycks and Gimpel 2016).
func gelu(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// gated is (act(x Wg) * (x Wu)) Wd.
func gated(act func(float64) float64, x, wg, wu, wd array) array {
	return linear(combined(func(p ...float64) float64 { return act(p[0]) * p[1] }, linear(x, wg), linear(x, wu)), wd)
}

// part is the matrix at an index of the first axis.
func part(a array, n int) array {
	rows, columns := a.shape[1], a.shape[2]
	return array{a.shape[1:], a.v[n*rows*columns : (n+1)*rows*columns]}
}

// lowRank is x W + (x A) B.
func lowRank(x, w, a, b array) array {
	return combined(sum, linear(x, w), linear(linear(x, a), b))
}

// positions counts from 3 in steps of 2.
func positions(_ *rand.Rand, in named) {
	for i := range in["position"].v {
		in["position"].v[i] = float64(3 + 2*i)
	}
}

// decoder is the layer of decoder_llama and decoder_qwen: two residual blocks; n norms a query's and a key's head.
func decoder(eps, theta float64, n func(in named, x array, weight string) array) func(in named) named {
	return func(in named) named {
		b, g, d := in["K"].shape[0], in["K"].shape[1], in["K"].shape[3]
		at := func(i []int) float64 { return in["position"].v[i[0]] }
		x := normed(in["X"], in["norm1"], eps)
		q := linear(x, in["Wq"])
		q = rotated(n(in, q.reshaped(b, q.shape[1]/d, 1, d), "normq"), theta, at)
		k := rotated(n(in, linear(x, in["Wk"]).reshaped(b, g, 1, d), "normk"), theta, at)
		v := linear(x, in["Wv"]).reshaped(b, g, 1, d)
		o := attend(q, appended(in["K"], k), appended(in["V"], v), scaled(d))
		h := combined(sum, in["X"], linear(o.reshaped(b, q.shape[1]*d), in["Wo"]))
		y := combined(sum, h, gated(swish, normed(h, in["norm2"], eps), in["Wg"], in["Wu"], in["Wd"]))
		return named{"Y": y, "k": k, "v": v}
	}
}

// appended is a cache with one more row.
func appended(cache, x array) array {
	n := cache.shape[2]
	return filled(func(i []int) float64 {
		if i[2] < n {
			return cache.at(i...)
		}
		return x.at(i...)
	}, cache.shape[0], cache.shape[1], n+1, cache.shape[3])
}

var layerReferences = []reference{
	{formula: "rmsnorm_qkv_rope", sizes: "T=3 E=11 H=4 G=2 D=6", prepare: positions, want: func(in named) named {
		n := normed(in["X"], in["weight"], 1e-5)
		at := func(i []int) float64 { return in["position"].v[i[0]] }
		return named{
			"Q": rotated(linear(n, in["Wq"]).reshaped(3, 4, 6), 500000, at),
			"K": rotated(linear(n, in["Wk"]).reshaped(3, 2, 6), 500000, at),
			"V": linear(n, in["Wv"]).reshaped(3, 2, 6),
		}
	}},
	{formula: "residual_rmsnorm", sizes: "T=3 E=11", want: func(in named) named {
		y := combined(sum, in["X"], in["R"])
		return named{"Y": y, "N": normed(y, in["weight"], 1e-5)}
	}},
	// With the mean taken out after the product: (x G W - mean x (g W)) / deviation + b' W + b.
	{formula: "layernorm_linear", sizes: "T=3 E=11 F=5", want: func(in named) named {
		return named{"Y": filled(func(i []int) float64 {
			x := in["X"].row(i[0])
			y, g, s, ss := in["b"].at(i[1]), 0.0, 0.0, 0.0
			product := 0.0
			for e := range x {
				w := in["W"].at(e, i[1])
				product += x[e] * in["weight"].v[e] * w
				g += in["weight"].v[e] * w
				y += in["bias"].v[e] * w
				s += x[e]
				ss += x[e] * x[e]
			}
			mean := s / float64(len(x))
			return y + (product-mean*g)/math.Sqrt(ss/float64(len(x))-mean*mean+1e-5)
		}, 3, 5)}
	}},
	{formula: "geglu", sizes: "T=3 E=11 F=5", want: func(in named) named {
		return named{"Y": gated(gelu, in["X"], in["Wg"], in["Wu"], in["Wd"])}
	}},
	{formula: "swiglu", sizes: "T=3 E=11 F=5", want: func(in named) named {
		return named{"Y": gated(swish, in["X"], in["Wg"], in["Wu"], in["Wd"])}
	}},
	{formula: "moe_router", sizes: "T=3 E=11 N=7 K=3", want: func(in named) named {
		scores := linear(in["X"], in["W"])
		place := func(i []int) int { // of the i-th greatest score
			order := []int{0, 1, 2, 3, 4, 5, 6}
			slices.SortFunc(order, func(a, b int) int {
				if scores.at(i[0], a) > scores.at(i[0], b) {
					return -1
				}
				return 1
			})
			return order[i[1]]
		}
		expert := filled(func(i []int) float64 { return float64(place(i)) }, 3, 3)
		gate := filled(func(i []int) float64 {
			below := 0.0
			for n := range 3 {
				below += math.Exp(scores.at(i[0], place([]int{i[0], n})))
			}
			return math.Exp(scores.at(i[0], place(i))) / below
		}, 3, 3)
		return named{"gate": gate, "expert": expert}
	}},
	{formula: "moe_experts", sizes: "T=5 E=7 F=3 N=4 C=3", prepare: codes(5, "token"), want: func(in named) named {
		y := array{in["R"].shape, slices.Clone(in["R"].v)}
		for n := range 4 {
			for c := range 3 {
				at := int(in["token"].at(n, c))
				x := array{[]int{1, 7}, in["X"].row(at)}
				for e, v := range gated(swish, x, part(in["Wg"], n), part(in["Wu"], n), part(in["Wd"], n)).v {
					y.row(at)[e] += in["gate"].at(n, c, 0) * v
				}
			}
		}
		return named{"Y": y}
	}},
	// One product with W + 2 A1 B1 + 2 A2 B2.
	{formula: "lora_linear", sizes: "T=3 E=11 F=5 R=2", want: func(in named) named {
		merged := combined(func(x ...float64) float64 { return x[0] + 2*x[1] + 2*x[2] },
			in["W"], linear(in["A1"], in["B1"]), linear(in["A2"], in["B2"]))
		y := linear(in["X"], merged)
		return named{"Y": filled(func(i []int) float64 { return y.at(i...) + in["b"].v[i[1]] }, 3, 5)}
	}},
	{formula: "lora_batch", sizes: "T=4 E=11 F=5 R=2 N=3", prepare: codes(3, "adapter"), want: func(in named) named {
		return named{"Y": filled(func(i []int) float64 {
			x, n := array{[]int{1, 11}, in["X"].row(i[0])}, int(in["adapter"].v[i[0]])
			return lowRank(x, in["W"], part(in["A"], n), part(in["B"], n)).at(0, i[1])
		}, 4, 5)}
	}},
	{formula: "lora_qkv", sizes: "T=3 E=11 F=5 M=4 R=2", want: func(in named) named {
		x := in["X"]
		return named{"Q": lowRank(x, in["Wq"], in["Aq"], in["Bq"]), "K": lowRank(x, in["Wk"], in["Ak"], in["Bk"]), "V": lowRank(x, in["Wv"], in["Av"], in["Bv"])}
	}},
	{formula: "decoder_llama", sizes: "B=2 E=10 H=4 G=2 D=6 F=7 S=5", prepare: positions,
		want: decoder(1e-5, 500000, func(_ named, x array, _ string) array { return x })},
	{formula: "decoder_qwen", sizes: "B=3 E=10 H=3 G=1 D=6 F=7 S=5", prepare: positions,
		want: decoder(1e-6, 1000000, func(in named, x array, weight string) array { return normed(x, in[weight], 1e-6) })},
}
