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
			return func(x reg.VecVirtual) reg.VecVirtual { g.VMAXPS(x, zero, x); return x }
		}),
		constants("sign", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			zero := g.YMM()
			g.VXORPS(zero, zero, zero)
			return func(x reg.VecVirtual) reg.VecVirtual { return g.sign(x, zero) }
		}),
		constants("exp", 3, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			e := g.newExp()
			return func(x reg.VecVirtual) reg.VecVirtual { return e.exp(x) }
		}),
		constants("sigmoid", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			e := g.newExp()
			return func(x reg.VecVirtual) reg.VecVirtual { return e.sigmoid(x, false) }
		}),
		constants("silu", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			e := g.newExp()
			return func(x reg.VecVirtual) reg.VecVirtual { return e.sigmoid(x, true) }
		}),
		constants("tanh", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			e := g.newExp()
			return e.tanh
		}),
		constants("erf", 2, func(g *gen) func(reg.VecVirtual) reg.VecVirtual {
			e := g.newExp()
			return e.erf
		}),
		{
			name: "expSumAVX2", args: []string{"x"}, scalars: []string{"c"}, unroll: 3, sum: true,
			doc: "expSumAVX2 sets dst[i] = exp(x[i] − c) and returns the sum.",
			setup: func(g *gen, _ []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				e := g.newExp()
				c, err := g.Param("c").Resolve()
				if err != nil {
					panic(err)
				}
				return func(in []reg.VecVirtual) reg.VecVirtual {
					shift := g.YMM() // from the stack each time: the registers are needed for three vectors
					g.VBROADCASTSS(c.Addr, shift)
					g.VSUBPS(shift, in[0], in[0])
					return e.exp(in[0])
				}
			},
		},
	}
}

// sign emits −1, 0, 1 or NaN.
func (g *gen) sign(x, zero reg.VecVirtual) reg.VecVirtual {
	nonZero, isNaN := g.YMM(), g.YMM()
	g.VCMPPS(cmpNotEqual, zero, x, nonZero)
	g.VCMPPS(cmpUnordered, x, x, isNaN)
	g.VANDPS(g.vecBits(signBit), x, x)
	g.VORPS(g.vec(1), x, x)
	g.VANDPS(nonZero, x, x)
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
// two parts (Cody and Waite), p the polynomial of Cephes' expf.
type expGen struct {
	*gen
}

// Beyond these exp is 0 or infinity.
const (
	expLow  = -120
	expHigh = 90
)

// limit emits x = op(x, bound) for VMAXPS or VMINPS, where x is the second source, which the
// instruction returns if x is NaN. The bound is loaded each time: registers are scarcer than loads.
func (g *gen) limit(op func(...Op), x reg.VecVirtual, bound float32, out reg.VecVirtual) {
	b := g.load(g.vec(bound))
	op(x, b, out)
}

// Adding magic to a float of magnitude below 2²² leaves its nearest integer plus magicBias in the
// low bits.
const (
	magicBias = 254
	magic     = 3<<22 + magicBias
)

func (g *gen) newExp() expGen {
	return expGen{g}
}

// reduce emits p(r) and the float whose low bits are n + magicBias.
func (g *gen) reduce(x reg.VecVirtual) (p, t reg.VecVirtual) {
	t, n, r := g.YMM(), g.YMM(), x
	g.VMOVUPS(g.vec(math.Log2E), t)
	g.VFMADD213PS(g.vec(magic), x, t)
	g.VSUBPS(g.vec(magic), t, n)
	const high = float32(math.Ln2)
	g.VFNMADD231PS(g.vec(high), n, r)
	ln2 := math.Ln2 // a variable: constant arithmetic would not round to float64
	g.VFNMADD231PS(g.vec(float32(ln2-float64(high))), n, r)
	// The polynomial's terms by pairs (Estrin's scheme): half the latency of Horner's rule.
	z := g.YMM()
	g.VMULPS(r, r, z)
	p = g.polynomial(r, 1.9875691500e-4, 1.3981999507e-3)
	q := g.polynomial(r, 8.3334519073e-3, 4.1665795894e-2)
	g.VFMADD213PS(q, z, p)
	q = g.polynomial(r, 1.6666665459e-1, 5.0000001201e-1)
	g.VFMADD213PS(q, z, p)
	g.VFMADD213PS(r, z, p)
	g.VADDPS(g.vec(1), p, p)
	return p, t
}

// powers emits the two halves of 2ⁿ, ⌊n/2⌋ and ⌈n/2⌉: each is a normal float though their product
// may not be.
func (g *gen) powers(t reg.VecVirtual) (a, b reg.VecVirtual) {
	a, b = g.YMM(), t
	g.VPSRLD(Imm(1), t, a)
	g.VPSLLD(Imm(23), a, a)
	g.VPSUBD(g.vecBits(math.MaxUint32), t, b) // t + 1
	g.VPSRLD(Imm(1), b, b)
	g.VPSLLD(Imm(23), b, b)
	return a, b
}

// exp emits exp(x).
func (e expGen) exp(x reg.VecVirtual) reg.VecVirtual {
	e.limit(e.VMAXPS, x, expLow, x)
	e.limit(e.VMINPS, x, expHigh, x)
	p, t := e.reduce(x)
	a, b := e.powers(t)
	e.VMULPS(a, p, p)
	e.VMULPS(b, p, p)
	return p
}

// small emits exp(x) for −87 < x < 88, where one factor of 2ⁿ is enough.
func (e expGen) small(x reg.VecVirtual) reg.VecVirtual {
	p, t := e.reduce(x)
	e.VPSUBD(e.vecBits(magicBias), t, t)
	e.VPSLLD(Imm(23), t, t)
	e.VPADDD(t, p, p)
	return p
}

// sigmoid emits num/(1+e) with e = exp(−|x|) and num = 1, or e where x < 0, so that neither
// overflow nor cancellation occurs; times x for silu, with the factors in an order in which no
// partial product is subnormal.
func (e expGen) sigmoid(x reg.VecVirtual, silu bool) reg.VecVirtual {
	y := e.YMM()
	e.VORPS(e.vecBits(signBit), x, y)
	e.limit(e.VMAXPS, y, expLow, y)
	p, t := e.reduce(y)
	a, b := e.powers(t)
	e.VMULPS(a, p, p)
	num := e.load(e.vec(1))
	if silu {
		negative, infinite := e.YMM(), e.YMM()
		e.limit(e.VMAXPS, x, expLow, negative)
		e.VMULPS(p, negative, negative)
		e.VMULPS(b, negative, negative)
		e.VCMPPS(cmpEqual, e.vec(float32(math.Inf(-1))), x, infinite)
		e.VORPS(infinite, negative, negative) // −∞·0
		e.VBLENDVPS(x, negative, x, num)
		e.VMULPS(b, p, p)
	} else {
		e.VMULPS(b, p, p)
		e.VBLENDVPS(x, p, num, num)
	}
	e.VADDPS(e.vec(1), p, p)
	e.VDIVPS(p, num, num)
	return num
}

// tanh emits, with a = |x|, x + x³·q(x²) below 0.625 (Cephes' tanhf) and 1 − 2/(exp(2a)+1) above.
func (e expGen) tanh(x reg.VecVirtual) reg.VecVirtual {
	square, cube := e.YMM(), e.YMM()
	e.VMULPS(x, x, square)
	near := e.polynomial(square, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	e.VMULPS(x, square, cube)
	e.VFMADD213PS(x, cube, near)

	a, twice := e.YMM(), e.YMM()
	e.VANDPS(e.vecBits(^uint32(signBit)), x, a)
	e.VADDPS(a, a, twice)
	e.limit(e.VMINPS, twice, 20, twice)
	p := e.small(twice)
	far := e.load(e.vec(1))
	e.VADDPS(far, p, p)
	two := e.load(e.vec(2))
	e.VDIVPS(p, two, p)
	e.VSUBPS(p, far, far)
	return e.join(x, a, near, far, 0.625)
}

// erf emits a + a·q(a²) below 0.927734375 and 1 − exp(−r(a)) above, with a = |x| (N. Juffa's
// minimax polynomials).
func (e expGen) erf(x reg.VecVirtual) reg.VecVirtual {
	square, a := e.YMM(), e.YMM()
	e.VMULPS(x, x, square)
	near := e.polynomial(square, -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
	e.VFMADD213PS(x, x, near)

	e.VANDPS(e.vecBits(^uint32(signBit)), x, a)
	t := e.YMM()
	e.limit(e.VMINPS, a, 4, t)
	r := e.polynomial(t, -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1)
	e.VFMSUB213PS(t, t, r) // r·t − t
	p := e.small(r)
	far := e.load(e.vec(1))
	e.VSUBPS(p, far, far)
	return e.join(x, a, near, far, 0.927734375)
}

// join emits near where a ≤ limit or a is NaN, far with the sign of x elsewhere.
func (e expGen) join(x, a, near, far reg.VecVirtual, limit float32) reg.VecVirtual {
	isFar := e.YMM()
	e.VANDPS(e.vecBits(signBit), x, x)
	e.VORPS(x, far, far)
	e.VCMPPS(cmpGreater, e.vec(limit), a, isFar)
	e.VBLENDVPS(isFar, far, near, near)
	return near
}
