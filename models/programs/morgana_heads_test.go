package programs

import (
	"math"
	"math/rand/v2"
)

// philox is the first word of Philox4x32-10 (Salmon et al. 2011) with key (seed, 0) and counter (index, 0, 0, 0).
func philox(seed, index uint32) uint32 {
	c := [4]uint32{index}
	k0, k1 := seed, uint32(0)
	for range 10 {
		a, b := uint64(c[0])*0xD2511F53, uint64(c[2])*0xCD9E8D57
		c = [4]uint32{uint32(b>>32) ^ c[1] ^ k0, uint32(b), uint32(a>>32) ^ c[3] ^ k1, uint32(a)}
		k0, k1 = k0+0x9E3779B9, k1+0xBB67AE85
	}
	return c[0]
}

// first is the index of the greatest of each row.
func first(a array) array {
	return filled(func(i []int) float64 {
		best := 0
		for n, v := range a.row(i[0]) {
			if v > a.at(i[0], best) {
				best = n
			}
		}
		return float64(best)
	}, a.shape[0])
}

// entropies are -log p of the label and the logarithm of the sum of exp, of a row of logits each.
func entropies(x, label array) named {
	total := filled(func(i []int) float64 {
		s := 0.0
		for _, v := range x.row(i[0]) {
			s += math.Exp(v)
		}
		return s
	}, x.shape[0])
	return named{
		"loss": filled(func(i []int) float64 {
			return -math.Log(math.Exp(x.at(i[0], int(label.v[i[0]]))) / total.v[i[0]])
		}, x.shape[0]),
		"L": combined(func(v ...float64) float64 { return math.Log(v[0]) }, total),
	}
}

// distribution is exp(f(x)) over its sum, by rows.
func distribution(x array, f func(float64) float64) array {
	return filled(func(i []int) float64 {
		s := 0.0
		for _, v := range x.row(i[0]) {
			s += math.Exp(f(v))
		}
		return math.Exp(f(x.at(i...))) / s
	}, x.shape...)
}

var headReferences = []reference{
	{formula: "lm_head_sample", sizes: "T=4 E=5 N=23",
		prepare: func(r *rand.Rand, in named) {
			for t := range in["key"].v {
				in["key"].v[t] = float64(int32(r.Uint32()))
				in["temperature"].v[t] = 0.1 + r.Float64()
			}
		},
		want: func(in named) named {
			logits := linear(in["X"], in["W"])
			noisy := filled(func(i []int) float64 {
				u := (float64(philox(uint32(int32(in["key"].v[i[0]])), uint32(i[1]))>>8) + 0.5) / (1 << 24)
				return logits.at(i...)/in["temperature"].v[i[0]] - math.Log(-math.Log(u))
			}, logits.shape...)
			return named{"token": first(noisy)}
		}},
	{formula: "lm_head_greedy", sizes: "T=4 E=5 N=23", want: func(in named) named {
		return named{"token": first(linear(normed(in["X"], in["weight"], 1e-5), in["W"]))}
	}},
	{formula: "cross_entropy", sizes: "T=4 N=23", prepare: codes(23, "label"), want: func(in named) named {
		return entropies(in["X"], in["label"])
	}},
	{formula: "cross_entropy_linear", sizes: "T=4 E=5 N=23", prepare: codes(23, "label"), want: func(in named) named {
		return entropies(linear(in["X"], in["W"]), in["label"])
	}},
	// Words repeat among the neighbours, so that their shares must be added up.
	{formula: "knn_lm", sizes: "B=3 N=5 K=11",
		prepare: func(r *rand.Rand, in named) {
			for i := range in["place"].v {
				in["place"].v[i] = float64(i/11*5 + r.IntN(5))
			}
		},
		want: func(in named) named {
			near := distribution(in["distance"], func(d float64) float64 { return -d })
			model := distribution(in["X"], func(x float64) float64 { return x })
			return named{"P": filled(func(i []int) float64 {
				p := 0.75 * model.at(i...)
				for k, place := range in["place"].row(i[0]) {
					if int(place) == i[0]*5+i[1] {
						p += 0.25 * near.at(i[0], k)
					}
				}
				return p
			}, 3, 5)}
		}},
	{formula: "cosine_top1", sizes: "M=3 N=13 D=5", want: func(in named) named {
		c := filled(func(i []int) float64 {
			x, y := in["X"].row(i[0]), in["Y"].row(i[1])
			return dot(x, y) / math.Sqrt(dot(x, x)*dot(y, y))
		}, 3, 13)
		best := first(c)
		return named{"best": best, "similarity": filled(func(i []int) float64 { return c.at(i[0], int(best.v[i[0]])) }, 3)}
	}},
}
