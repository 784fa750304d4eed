package programs

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

// attend is attention as its definition says, without a maximum: sums over the keys of exp(score) and
// exp(score) v, 0 where no key counts. score turns the product of a query and a key into its score.
func attend(q, k, v array, score func(b, h, t, s int, product float64) float64) array {
	heads, keyHeads, keys := q.shape[1], k.shape[1], k.shape[2]
	return filled(func(i []int) float64 {
		b, h, t := i[0], i[1], i[2]
		g := h / (heads / keyHeads)
		above, below := 0.0, 0.0
		for s := range keys {
			w := math.Exp(score(b, h, t, s, dot(q.row(b, h, t), k.row(b, g, s))))
			above += w * v.at(b, g, s, i[3])
			below += w
		}
		if below == 0 {
			return 0
		}
		return above / below
	}, q.shape[0], heads, q.shape[2], v.shape[3])
}

// scaled is the score of plain attention over head size d.
func scaled(d int) func(b, h, t, s int, product float64) float64 {
	return func(_, _, _, _ int, product float64) float64 { return product / math.Sqrt(float64(d)) }
}

// only is plain attention over the keys that are seen.
func only(q, k, v array, seen func(b, t, s int) bool) array {
	plain := scaled(q.shape[3])
	return attend(q, k, v, func(b, h, t, s int, product float64) float64 {
		if !seen(b, t, s) {
			return math.Inf(-1)
		}
		return plain(b, h, t, s, product)
	})
}

// past tells whether key s is at or before query t, the last query being at the last key.
func past(q, k array) func(b, t, s int) bool {
	return func(_, t, s int) bool { return s-(k.shape[2]-1) <= t-(q.shape[2]-1) }
}

// rotated is RoFormer's rotation of pairs (i, i + d/2), as complex numbers; position is by the row's indices.
func rotated(x array, theta float64, position func(i []int) float64) array {
	last := len(x.shape) - 1
	half := x.shape[last] / 2
	return filled(func(i []int) float64 {
		pair := i[last] % half
		row := x.row(i[:last]...)
		angle := position(i[:last]) * math.Pow(theta, -float64(pair)/float64(half))
		z := complex(row[pair], row[pair+half]) * cmplx.Rect(1, angle)
		if i[last] < half {
			return real(z)
		}
		return imag(z)
	}, x.shape...)
}

// normed is x / sqrt(mean x² + eps) times the weight.
func normed(x, weight array, eps float64) array {
	last := len(x.shape) - 1
	return filled(func(i []int) float64 {
		row := x.row(i[:last]...)
		return x.at(i...) * weight.at(i[last]) / math.Sqrt(dot(row, row)/float64(len(row))+eps)
	}, x.shape...)
}

// coin is a mask in which a key is seen as often as not; the first query sees none.
func coin(r *rand.Rand, in named) {
	mask := in["mask"]
	for i := range mask.v {
		if i >= mask.shape[3] {
			mask.v[i] = float64(r.IntN(2))
		}
	}
}

func plainAttention(in named) named {
	return named{"O": attend(in["Q"], in["K"], in["V"], scaled(in["Q"].shape[3]))}
}

func causalAttention(in named) named {
	return named{"O": only(in["Q"], in["K"], in["V"], past(in["Q"], in["K"]))}
}

var attentionReferences = []reference{
	{formula: "attention", sizes: "B=2 H=3 G=3 T=4 S=7 D=5", want: plainAttention},
	{formula: "attention", sizes: "B=1 H=6 G=2 T=4 S=7 D=4", want: plainAttention},
	{formula: "attention", sizes: "B=2 H=8 G=2 T=1 S=11 D=3", want: plainAttention},
	{formula: "attention", sizes: "B=1 H=8 G=1 T=5 S=3 D=4", want: plainAttention},
	{formula: "attention_scale", sizes: "B=2 H=6 G=3 T=4 S=7 D=5", want: func(in named) named {
		return named{"O": attend(in["Q"], in["K"], in["V"], func(_, _, _, _ int, product float64) float64 { return product / 16 })}
	}},
	{formula: "attention_causal", sizes: "B=2 H=3 G=1 T=7 S=7 D=5", want: causalAttention},
	{formula: "attention_causal", sizes: "B=1 H=4 G=2 T=3 S=11 D=4", want: causalAttention},
	{formula: "attention_causal", sizes: "B=1 H=8 G=1 T=1 S=5 D=4", want: causalAttention},
	{formula: "attention_causal", sizes: "B=1 H=2 G=1 T=6 S=4 D=3", want: causalAttention}, // two queries see no key
	{formula: "attention_lse", sizes: "B=2 G=3 M=4 S=9 D=5", want: func(in named) named {
		q, k := in["Q"], in["K"]
		out := plainAttention(in)
		out["L"] = filled(func(i []int) float64 {
			below := 0.0
			for s := range k.shape[2] {
				below += math.Exp(dot(q.row(i...), k.row(i[0], i[1], s)) / math.Sqrt(5))
			}
			return math.Log(below)
		}, 2, 3, 4)
		return out
	}},
	{formula: "attention_bias", sizes: "B=2 H=6 G=3 T=4 S=7 D=5", want: func(in named) named {
		return named{"O": attend(in["Q"], in["K"], in["V"], func(b, _, t, s int, product float64) float64 {
			return product/math.Sqrt(5) + in["bias"].at(b, 0, t, s)
		})}
	}},
	{formula: "attention_alibi", sizes: "B=2 H=3 S=7 D=5", want: func(in named) named {
		return named{"O": attend(in["Q"], in["K"], in["V"], func(_, h, t, s int, product float64) float64 {
			if s > t {
				return math.Inf(-1)
			}
			return product/math.Sqrt(5) - in["slope"].v[h]*float64(t-s)
		})}
	}},
	{formula: "attention_mask", sizes: "B=2 H=6 G=3 T=4 S=7 D=5", prepare: coin, want: func(in named) named {
		return named{"O": only(in["Q"], in["K"], in["V"], func(b, t, s int) bool { return in["mask"].at(b, 0, t, s) != 0 })}
	}},
	{formula: "attention_length", sizes: "B=3 H=6 G=3 T=2 S=7 D=5",
		prepare: func(_ *rand.Rand, in named) { copy(in["length"].v, []float64{0, 4, 7}) },
		want: func(in named) named {
			return named{"O": only(in["Q"], in["K"], in["V"], func(b, _, s int) bool { return s < int(in["length"].v[b]) })}
		}},
	{formula: "attention_window", sizes: "B=1 H=4 G=2 S=11 D=5 W=3", want: func(in named) named {
		return named{"O": only(in["Q"], in["K"], in["V"], func(_, t, s int) bool { return s == t || s == t-1 || s == t-2 })}
	}},
	{formula: "attention_rope", sizes: "B=2 H=6 G=3 T=4 S=7 D=6",
		prepare: func(r *rand.Rand, in named) {
			for b := range 2 {
				start := float64(r.IntN(50))
				for s := range 7 {
					in["key_position"].v[b*7+s] = start + float64(s)
				}
				copy(in["query_position"].v[b*4:b*4+4], in["key_position"].v[b*7+3:])
			}
		},
		want: func(in named) named {
			q := rotated(in["Q"], 10000, func(i []int) float64 { return in["query_position"].at(i[0], 0, i[2]) })
			k := rotated(in["K"], 10000, func(i []int) float64 { return in["key_position"].at(i[0], 0, i[2]) })
			return named{"O": only(q, k, in["V"], past(q, k))}
		}},
	{formula: "attention_qknorm", sizes: "B=2 H=6 G=3 T=4 S=7 D=5", want: func(in named) named {
		q, k := normed(in["Q"], in["query_weight"], 1e-6), normed(in["K"], in["key_weight"], 1e-6)
		return named{"O": only(q, k, in["V"], past(q, k))}
	}},
	{formula: "mla", sizes: "B=2 H=3 T=4 S=7 D=5 P=4 R=6", want: latentAttention},
	{formula: "mla_absorbed", sizes: "B=2 H=3 T=4 S=7 D=5 P=4 R=6", want: latentAttention},
}

// latentAttention makes keys and values of every head and attends to them: K = (Wk c, kr), V = c Wv,
// scale 1/√(D + P) (DeepSeek-V2, eq. 9 to 18 without the rotations, which are in Qr and Kr).
func latentAttention(in named) named {
	c, wk, wv := in["C"], in["Wk"], in["Wv"]
	heads, d := wk.shape[0], wk.shape[1]
	joined := func(x, r array, n int) array {
		return filled(func(i []int) float64 {
			if i[3] < n {
				return x.at(i...)
			}
			return r.at(i[0], i[1], i[2], i[3]-n)
		}, x.shape[0], heads, x.shape[2], n+r.shape[3])
	}
	k := filled(func(i []int) float64 { return dot(wk.row(i[1], i[3]), c.row(i[0], 0, i[2])) }, c.shape[0], heads, c.shape[2], d)
	v := filled(func(i []int) float64 {
		s := 0.0
		for r, x := range c.row(i[0], 0, i[2]) {
			s += x * wv.at(i[1], r, i[3])
		}
		return s
	}, k.shape...)
	q := joined(in["Q"], in["Qr"], d)
	return named{"O": attend(q, joined(k, in["Kr"], d), v, scaled(q.shape[3]))}
}
