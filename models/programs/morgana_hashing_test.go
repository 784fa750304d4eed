package programs

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// codes draws codes below the limit, few enough that some collide.
func codes(limit int, of ...string) func(r *rand.Rand, in named) {
	return func(r *rand.Rand, in named) {
		for _, name := range of {
			for i := range in[name].v {
				in[name].v[i] = float64(r.IntN(limit))
			}
		}
	}
}

// signs are the codes of every row in every table: bit k of table l is set where the row's product with
// the column that place gives is above 0.
func signs(x, r array, tables, width int, place func(l, k int) int) array {
	p := linear(x, r)
	return filled(func(i []int) float64 {
		code := 0.0
		for k := width - 1; k >= 0; k-- {
			code *= 2
			if p.at(i[0], place(i[1], k)) > 0 {
				code++
			}
		}
		return code
	}, x.shape[0], tables)
}

var hashingReferences = []reference{
	{formula: "lsh_codes", sizes: "N=5 D=7 L=3 K=11", want: func(in named) named {
		return named{"codes": signs(in["X"], in["R"], 3, 11, func(l, k int) int { return l*11 + k })}
	}},
	{formula: "lsh_codes_or", sizes: "N=5 D=7 L=3", want: func(in named) named {
		return named{"codes": signs(in["X"], in["R"], 3, 4, func(l, k int) int { return k*3 + l })}
	}},
	{formula: "lsh_collisions", sizes: "G=2 M=3 S=11 L=5", prepare: codes(4, "query", "key"), want: func(in named) named {
		count := filled(func(i []int) float64 {
			n := 0.0
			key := in["key"].row(i[0], i[2])
			for l, q := range in["query"].row(i[0], i[1]) {
				if q == key[l] {
					n++
				}
			}
			return n
		}, 2, 3, 11)
		return named{"count": count, "taken": combined(func(n ...float64) float64 {
			if n[0] > 1 {
				return 1
			}
			return 0
		}, count)}
	}},
	{formula: "lsh_distances", sizes: "M=3 S=11 W=3",
		prepare: func(r *rand.Rand, in named) {
			for _, name := range []string{"query", "key"} {
				for i := range in[name].v {
					in[name].v[i] = float64(int32(r.Uint32()))
				}
			}
		},
		want: func(in named) named {
			return named{"distance": filled(func(i []int) float64 {
				n := 0
				for w, q := range in["query"].row(i[0]) {
					n += bits.OnesCount32(uint32(int32(q)) ^ uint32(int32(in["key"].at(i[1], w))))
				}
				return float64(n)
			}, 3, 11)}
		}},
	{formula: "sparse_attention", sizes: "G=3 M=2 S=13 N=5 D=4",
		prepare: func(r *rand.Rand, in named) {
			codes(13, "row")(r, in)
			copy(in["count"].v, []float64{1, 4, 5})
			for i := range in["log_u"].v {
				in["log_u"].v[i] = math.Log(r.Float64())
			}
		},
		// The estimate of MagicPIG, §4.1: each taken key's exp(q k / √d) / u weighs its value.
		want: func(in named) named {
			weight := func(g, m, n int) (float64, []float64) {
				at := int(in["row"].at(g, n))
				return math.Exp(dot(in["Q"].row(g, m), in["K"].row(at))/2) / math.Exp(in["log_u"].at(g, 0, n)), in["V"].row(at)
			}
			total := filled(func(i []int) float64 {
				s := 0.0
				for n := range int(in["count"].v[i[0]]) {
					w, _ := weight(i[0], i[1], n)
					s += w
				}
				return s
			}, 3, 2)
			o := filled(func(i []int) float64 {
				s := 0.0
				for n := range int(in["count"].v[i[0]]) {
					w, v := weight(i[0], i[1], n)
					s += w * v[i[2]]
				}
				return s / total.at(i[0], i[1])
			}, 3, 2, 4)
			return named{"O": o, "L": combined(func(x ...float64) float64 { return math.Log(x[0]) }, total)}
		}},
}
