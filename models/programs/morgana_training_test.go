package programs

import (
	"math"
	"math/rand/v2"
)

// gradient is that of loss by the elements of x, which loss reads, by central differences.
func gradient(x array, loss func() float64) array {
	const h = 1e-5
	return filled(func(i []int) float64 {
		at := 0
		for d, n := range x.shape {
			at = at*n + i[d]
		}
		v := x.v[at]
		x.v[at] = v + h
		up := loss()
		x.v[at] = v - h
		down := loss()
		x.v[at] = v
		return (up - down) / (2 * h)
	}, x.shape...)
}

// differences is the tolerance of a central difference.
const differences = 1e-7

// forward is attention of the heads in the first axis, and the logarithm of the sum of every row.
func forward(in named, causal bool) (o, l array) {
	q, k, v := in["Q"], in["K"], in["V"]
	batch := func(a array) array { return a.reshaped(1, a.shape[0], a.shape[1], a.shape[2]) }
	seen := func(t, s int) bool { return !causal || s <= t }
	o = only(batch(q), batch(k), batch(v), func(_, t, s int) bool { return seen(t, s) }).reshaped(q.shape...)
	l = filled(func(i []int) float64 {
		below := 0.0
		for s := range k.shape[1] {
			if seen(i[1], s) {
				below += math.Exp(dot(q.row(i[0], i[1]), k.row(i[0], s)) / math.Sqrt(float64(q.shape[2])))
			}
		}
		return math.Log(below)
	}, q.shape[0], q.shape[1], 1)
	return o, l
}

// attentionBackward tries a backward pass: its O and L are those of the forward pass.
func attentionBackward(formula, sizes string, causal bool) reference {
	return reference{formula: formula, sizes: sizes, tolerance: differences,
		prepare: func(_ *rand.Rand, in named) { in["O"], in["L"] = forward(in, causal) },
		want: func(in named) named {
			loss := func() float64 {
				o, _ := forward(in, causal)
				return dot(o.v, in["dO"].v)
			}
			return named{"dQ": gradient(in["Q"], loss), "dK": gradient(in["K"], loss), "dV": gradient(in["V"], loss)}
		}}
}

// adamSteps is how many gradients adam's averages hold after the step that is tried.
const adamSteps = 3

// adamHistory are the gradients of the steps before it.
func adamHistory(shape ...int) [adamSteps - 1]array {
	r := rand.New(rand.NewPCG(7, 8))
	var g [adamSteps - 1]array
	for t := range g {
		g[t] = filled(func([]int) float64 { return r.NormFloat64() }, shape...)
	}
	return g
}

// average is the mean of the gradients to a power, each weighing beta times the next one.
func average(beta, power float64, g ...float64) float64 {
	above, below, weight := 0.0, 0.0, 1.0
	for t := len(g) - 1; t >= 0; t-- {
		above += weight * math.Pow(g[t], power)
		below += weight
		weight *= beta
	}
	return above / below
}

var trainingReferences = []reference{
	{formula: "softmax_backward", sizes: "M=3 N=7", tolerance: differences,
		prepare: func(_ *rand.Rand, in named) {
			in["P"] = distribution(in["P"], func(x float64) float64 { return x })
		},
		// The logarithms of P are inputs whose softmax P is.
		want: func(in named) named {
			x := combined(func(p ...float64) float64 { return math.Log(p[0]) }, in["P"])
			return named{"dX": gradient(x, func() float64 {
				return dot(distribution(x, func(x float64) float64 { return x }).v, in["dP"].v)
			})}
		}},
	{formula: "rmsnorm_backward", sizes: "T=3 E=7", tolerance: differences, want: func(in named) named {
		loss := func() float64 { return dot(normed(in["X"], in["weight"], 1e-5).v, in["dY"].v) }
		return named{"dX": gradient(in["X"], loss), "dweight": gradient(in["weight"], loss)}
	}},
	attentionBackward("attention_backward", "H=2 T=3 S=5 D=4", false),
	attentionBackward("attention_backward_causal", "H=2 S=5 D=3", true),
	{formula: "adam", sizes: "M=3 N=5",
		prepare: func(_ *rand.Rand, in named) {
			before := adamHistory(3, 5)
			in["m"] = combined(func(g ...float64) float64 { return average(0.9, 1, g...) * (1 - math.Pow(0.9, adamSteps-1)) }, before[:]...)
			in["v"] = combined(func(g ...float64) float64 { return average(0.999, 2, g...) * (1 - math.Pow(0.999, adamSteps-1)) }, before[:]...)
			in["rate"].v[0], in["decay"].v[0] = 0.01, 0.1
			in["correct_m"].v[0], in["correct_v"].v[0] = 1/(1-math.Pow(0.9, adamSteps)), 1/(1-math.Pow(0.999, adamSteps))
		},
		want: func(in named) named {
			before := adamHistory(3, 5)
			history := append(before[:], in["G"])
			m := combined(func(g ...float64) float64 { return average(0.9, 1, g...) }, history...)
			v := combined(func(g ...float64) float64 { return average(0.999, 2, g...) }, history...)
			return named{
				"W2": combined(func(x ...float64) float64 { return x[0] - 0.01*(x[1]/(math.Sqrt(x[2])+1e-8)+0.1*x[0]) }, in["W"], m, v),
				"m2": combined(func(m ...float64) float64 { return m[0] * (1 - math.Pow(0.9, adamSteps)) }, m),
				"v2": combined(func(v ...float64) float64 { return v[0] * (1 - math.Pow(0.999, adamSteps)) }, v),
			}
		}},
}
