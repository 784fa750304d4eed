//go:build ignore

package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const signBit = 1 << 31

// functions are the loops of the unary operations and of softmax's exp(x − c) with sum.
func functions() []mapSpec {
	simple := func(name string, unroll int, f func(g *gen, x reg.VecVirtual) reg.VecVirtual) mapSpec {
		return mapSpec{
			name: name + "AVX2", args: []string{"x"}, unroll: unroll,
			doc:   name + "AVX2 sets dst[i] = " + name + "(x[i]).",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual { return f(g, in[0]) }),
		}
	}
	constants := func(name string, unroll int, setup func(g *gen) func(x reg.VecVirtual) reg.VecVirtual) mapSpec {
		return mapSpec{
			name: name + "AVX2", args: []string{"x"}, unroll: unroll,
			doc: name + "AVX2 sets dst[i] = " + name + "(x[i]).",
			setup: func(g *gen, _ []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				body := setup(g)
				return func(in []reg.VecVirtual) reg.VecVirtual { return body(in[0]) }
			},
		}
	}
	return []mapSpec{
		simple("sqrt", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { g.VSQRTPS(x, x); return x }),
		simple("square", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { g.VMULPS(x, x, x); return x }),
		simple("floor", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { g.VROUNDPS(roundDown, x, x); return x }),
		simple("abs", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { g.VANDPS(g.vecBits(^uint32(signBit)), x, x); return x }),
		simple("neg", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { g.VXORPS(g.vecBits(signBit), x, x); return x }),
		constants("rsqrt", 4, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			one := g.load(g.vec(1))
			return func(x reg.VecVirtual) reg.VecVirtual {
				g.VSQRTPS(x, x)
				g.VDIVPS(x, one, x)
				return x
			}
		}),
		constants("reciprocal", 4, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			one := g.load(g.vec(1))
			return func(x reg.VecVirtual) reg.VecVirtual { g.VDIVPS(x, one, x); return x }
		}),
		constants("relu", 4, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			zero := g.YMM()
			g.VXORPS(zero, zero, zero)
			return func(x reg.VecVirtual) reg.VecVirtual {
				g.VMAXPS(x, zero, x)
				g.VADDPS(zero, x, x) // of −0, which the instruction takes for no less than 0
				return x
			}
		}),
		constants("sign", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			zero := g.YMM()
			g.VXORPS(zero, zero, zero)
			return func(x reg.VecVirtual) reg.VecVirtual { return g.sign(x, zero) }
		}),
		{
			name: "expAVX2", args: []string{"x"}, unroll: 4,
			doc:   "expAVX2 sets dst[i] = exp(x[i]).",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual { return expGen{g}.exp(in[0]) }),
			quick: func(g *gen, _ []reg.VecVirtual) quickBody { return expGen{g}.quickExp(nil) },
		},
		{
			name: "expSumAVX2", args: []string{"x"}, scalars: []string{"c"}, unroll: 4, sum: true,
			doc: "expSumAVX2 sets dst[i] = exp(x[i] − c) and returns the sum.",
			setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				return func(in []reg.VecVirtual) reg.VecVirtual {
					g.VSUBPS(s[0], in[0], in[0])
					return expGen{g}.exp(in[0])
				}
			},
			quick: func(g *gen, s []reg.VecVirtual) quickBody {
				return expGen{g}.quickExp(func(x reg.VecVirtual) { g.VSUBPS(s[0], x, x) })
			},
		},
		simple("sigmoid", 4, func(g *gen, x reg.VecVirtual) reg.VecVirtual { return expGen{g}.sigmoid(x) }),
		{
			name: "siluAVX2", args: []string{"x"}, unroll: 4, crowded: true,
			doc:   "siluAVX2 sets dst[i] = x[i]·sigmoid(x[i]).",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual { return expGen{g}.silu(in[0]) }),
			quick: func(g *gen, _ []reg.VecVirtual) quickBody { return expGen{g}.quickSilu() },
		},
		{
			name: "tanhAVX2", args: []string{"x"}, unroll: 4, crowded: true,
			doc:   "tanhAVX2 sets dst[i] = tanh(x[i]).",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual { return expGen{g}.tanh(in[0]) }),
		},
		simple("erf", 3, func(g *gen, x reg.VecVirtual) reg.VecVirtual { return expGen{g}.erf(x) }),
	}
}

// sign emits −1, 0, 1 or NaN.
func (g *gen) sign(x, zero reg.VecVirtual) reg.VecVirtual {
	nonZero, isNaN := g.YMM(), g.YMM()
	g.VCMPPS(cmpNotEqual, zero, x, nonZero)
	g.VCMPPS(cmpUnordered, x, x, isNaN)
	g.VANDPS(g.vecBits(signBit), x, x)
	g.VANDPS(g.vec(1), nonZero, nonZero)
	g.VORPS(nonZero, x, x) // a zero keeps its sign
	g.VORPS(isNaN, x, x)
	return x
}

// polynomial emits Σ c[i]·x^i, highest coefficient first, by Horner's rule.
func (g *gen) polynomial(x reg.VecVirtual, c ...float32) reg.VecVirtual {
	y := g.load(g.vec(c[0]))
	for _, f := range c[1:] {
		g.VFMADD213PS(g.vec(f), x, y)
	}
	return y
}

// expGen emits exp and what is made of it. exp(x) = 2ⁿ·p(r), n = round(x/ln 2), r = x − n·ln 2 in
// two parts (Cody and Waite), p a polynomial of the sixth degree (N. Juffa's minimax coefficients).
// Horner's rule has the fewest instructions; its latency is hidden by the vectors beside.
type expGen struct {
	*gen
}

// Beyond these exp is 0 or infinity.
const (
	expLow  = -120
	expHigh = 90
)

// expQuick is the magnitude up to which 2ⁿ and 2ⁿ·p are normal floats.
const expQuick = 86

// siluQuick is the least x for which exp(−x) has a finite 2ⁿ.
const siluQuick = -87

// limit emits x = op(x, bound) for VMAXPS or VMINPS, where x is the second source, which the
// instruction returns if x is NaN. The bound is loaded each time: registers are scarcer than loads.
func (g *gen) limit(op func(...Op), x reg.VecVirtual, bound float32, out reg.VecVirtual) {
	b := g.load(g.vec(bound))
	op(x, b, out)
}

// Adding round to a float of magnitude below 2²² leaves its nearest integer in the low bits, to which
// a bias may be added as well: with exponentBias, a shift by 23 makes the float 2ⁿ of them.
const (
	round        = 3 << 22
	exponentBias = 127
	powersBias   = 2 * exponentBias
)

// The coefficients of exp from the sixth power down to the second; the others are 1.
var expPolynomial = []float32{0x1.694p-10, 0x1.125edcp-7, 0x1.555b5ap-5, 0x1.55545p-3, 0x1.fffff6p-2}

// reduce emits the float whose low bits are n + bias, for n = round(sign·x/ln 2), and turns x into
// sign·r.
func (g *gen) reduce(x reg.VecVirtual, sign, bias float32) (t reg.VecVirtual) {
	t, n := g.YMM(), g.YMM()
	g.VMOVUPS(g.vec(sign*math.Log2E), t)
	g.VFMADD213PS(g.vec(round+bias), x, t)
	g.VSUBPS(g.vec(round+bias), t, n)
	g.VFNMADD231PS(g.vec(sign*0x1.62e4p-1), n, x)
	g.VFNMADD231PS(g.vec(sign*0x1.7f7d1cp-20), n, x)
	return t
}

// power emits p(sign·r) for the r that reduce has left.
func (g *gen) power(r reg.VecVirtual, sign float32) reg.VecVirtual {
	return g.polynomial(r, coefficients(sign, append(expPolynomial, 1, 1))...)
}

// coefficients are those of the polynomial in sign·x.
func coefficients(sign float32, c []float32) []float32 {
	out := append([]float32(nil), c...)
	for i := range out {
		if (len(out)-1-i)%2 == 1 {
			out[i] *= sign
		}
	}
	return out
}

// powers emits the two halves of 2ⁿ, ⌊n/2⌋ and ⌈n/2⌉, of t's bits n + powersBias: each is a normal
// float though their product may not be.
func (g *gen) powers(t reg.VecVirtual) (a, b reg.VecVirtual) {
	a, b = g.YMM(), t
	g.VPSRLD(Imm(1), t, a)
	g.VPSLLD(Imm(23), a, a)
	g.VPSUBD(g.vecBits(math.MaxUint32), t, b) // t + 1
	g.VPSRLD(Imm(1), b, b)
	g.VPSLLD(Imm(23), b, b)
	return a, b
}

// exp emits exp(x) for every x.
func (e expGen) exp(x reg.VecVirtual) reg.VecVirtual {
	e.limit(e.VMAXPS, x, expLow, x)
	e.limit(e.VMINPS, x, expHigh, x)
	t := e.reduce(x, 1, powersBias)
	p := e.power(x, 1)
	a, b := e.powers(t)
	e.VMULPS(a, p, p)
	e.VMULPS(b, p, p)
	return p
}

// quickExp is exp for |x| ≤ expQuick, where n is added to the exponent of p.
func (e expGen) quickExp(prepare func(x reg.VecVirtual)) quickBody {
	return quickBody{
		prepare: prepare,
		limit:   math.Float32bits(expQuick),
		test: func(x reg.VecVirtual) reg.VecVirtual {
			a := e.YMM()
			e.VANDPS(e.vecBits(^uint32(signBit)), x, a)
			return a
		},
		body: func(x reg.VecVirtual) reg.VecVirtual {
			t := e.reduce(x, 1, 0)
			p := e.power(x, 1)
			e.VPSLLD(Imm(23), t, t)
			e.VPADDD(t, p, p)
			return p
		},
	}
}

// onePlusExp emits scale + exp(−x)·scale, for a scale of 2^−shift, from an x that it overwrites.
func (e expGen) onePlusExp(x reg.VecVirtual, shift int) reg.VecVirtual {
	t := e.reduce(x, -1, float32(exponentBias-shift))
	p := e.power(x, -1)
	e.VPSLLD(Imm(23), t, t)
	e.VFMADD213PS(e.vec(float32(math.Ldexp(1, -shift))), t, p)
	return p
}

// sigmoid emits 1/(1 + exp(−x)), numerator and denominator scaled so that exp(−x) is finite for all
// x whose result is not 0.
func (e expGen) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	const shift = 24
	e.limit(e.VMAXPS, x, -104, x)
	e.limit(e.VMINPS, x, 60, x)
	d := e.onePlusExp(x, shift)
	num := e.load(e.vec(0x1p-24))
	e.VDIVPS(d, num, num)
	return num
}

// quickSilu is x/(1 + exp(−x)) for x ≥ siluQuick: the bits of smaller x are greater integers.
func (e expGen) quickSilu() quickBody {
	return quickBody{
		limit: math.Float32bits(siluQuick),
		test:  func(x reg.VecVirtual) reg.VecVirtual { return x },
		body: func(x reg.VecVirtual) reg.VecVirtual {
			bounded := e.YMM()
			e.limit(e.VMINPS, x, 60, bounded)
			d := e.onePlusExp(bounded, 0)
			e.VDIVPS(d, x, d)
			return d
		},
	}
}

// silu emits x·sigmoid(x): below siluQuick x·exp(x), since 1 + exp(x) is 1 there, with the factors in
// an order in which no partial product is subnormal.
func (e expGen) silu(x reg.VecVirtual) reg.VecVirtual {
	low, r, small, infinite := e.YMM(), e.YMM(), e.YMM(), e.YMM()
	e.limit(e.VMAXPS, x, expLow, low)
	e.limit(e.VMINPS, low, 0, r)
	t := e.reduce(r, 1, powersBias)
	p := e.power(r, 1)
	a, b := e.powers(t)
	e.VMULPS(a, p, p)
	e.VMULPS(p, low, low)
	e.VMULPS(b, low, low)
	e.VCMPPS(cmpEqual, e.vec(float32(math.Inf(-1))), x, infinite)
	e.VORPS(infinite, low, low) // −∞·0
	e.VCMPPS(cmpLess, e.vec(siluQuick), x, small)
	limited := e.YMM()
	e.limit(e.VMAXPS, x, siluQuick, limited)
	q := e.quickSilu().body(limited)
	e.VBLENDVPS(small, low, q, q)
	return q
}

// tanh emits m/(m + 2) with m = exp(2a) − 1, a = |x|: of 2ⁿ·p(r) − 1 = 2ⁿ·(p(r) − 1) + (2ⁿ − 1)
// neither part cancels.
func (e expGen) tanh(x reg.VecVirtual) reg.VecVirtual {
	r, sign, m, one := e.YMM(), e.YMM(), e.YMM(), e.YMM()
	e.VANDPS(e.vecBits(^uint32(signBit)), x, r)
	e.VANDPS(e.vecBits(signBit), x, sign)
	e.VADDPS(r, r, r)
	e.limit(e.VMINPS, r, 20, r)
	t := e.reduce(r, 1, exponentBias)
	q := e.polynomial(r, expPolynomial...)
	e.VMULPS(r, q, q)
	e.VFMADD213PS(r, r, q) // p(r) − 1
	e.VPSLLD(Imm(23), t, t)
	e.VSUBPS(e.vec(1), t, m)
	e.VFMADD231PS(t, q, m)
	e.VADDPS(e.vec(2), m, one)
	e.VDIVPS(one, m, m)
	e.VORPS(sign, m, m)
	return m
}

// erf emits x·P(x²)/Q(x²), where P and Q have the fifth degree and positive coefficients: the least
// greatest relative error on |x| ≤ 3.92, where erf rounds to 1, was 2⁻²⁵ before the
// coefficients were rounded.
func (e expGen) erf(x reg.VecVirtual) reg.VecVirtual {
	square := e.YMM()
	e.limit(e.VMAXPS, x, -erfOne, x)
	e.limit(e.VMINPS, x, erfOne, x)
	e.VMULPS(x, x, square)
	p := e.polynomial(square, erfP...)
	q := e.polynomial(square, erfQ...)
	e.VMULPS(x, p, p)
	e.VDIVPS(q, p, p)
	return p
}

const erfOne = 3.92

var (
	erfP = []float32{2.0500995e-06, 2.8488188e-04, 3.7655688e-03, 5.2748577e-02, 1.9040531e-01, 1.1283791}
	erfQ = []float32{3.8091797e-05, 1.1625242e-03, 1.4969121e-02, 1.1410864e-01, 5.0207506e-01, 1}
)
