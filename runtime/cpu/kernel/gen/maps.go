//go:build ignore

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mapSpec is an elementwise loop: dst[i] = body(x[i], …).
type mapSpec struct {
	name    string
	args    []string // slices beside dst: "x", "y"
	scalars []string // float32 parameters
	unroll  int      // vectors at once in the main loop
	sum     bool     // the function returns the sum of what it stores
	crowded bool     // no register is left for a constant that the vectors share
	doc     string

	// quick, if not nil, is a shorter body for vectors whose lanes are all within its limit. Such a
	// lane's result has the same bits from both bodies.
	quick func(g *gen, scalars []reg.VecVirtual) quickBody

	// setup loads what stays in registers; it returns the loop's body, which turns the vectors of
	// the arguments into the result.
	setup func(g *gen, scalars []reg.VecVirtual) func(in []reg.VecVirtual) reg.VecVirtual
}

// quickBody is a body for the common inputs.
type quickBody struct {
	prepare func(x reg.VecVirtual)                // in place, before the test; may be nil
	test    func(x reg.VecVirtual) reg.VecVirtual // lanes to compare, as unsigned integers; may be x
	limit   uint32                                // the greatest lane for which body holds
	body    func(x reg.VecVirtual) reg.VecVirtual // of the prepared vector
}

// maps prints all elementwise functions.
func (g *gen) maps() {
	for _, m := range arithmetic() {
		g.mapLoop(m)
	}
	for _, m := range functions() {
		g.mapLoop(m)
	}
}

func (m mapSpec) signature() string {
	s := "func(dst"
	for _, a := range m.args {
		s += ", " + a
	}
	s += " []float32"
	for _, a := range m.scalars {
		s += ", " + a + " float32"
	}
	s += ")"
	if m.sum {
		s += " float32"
	}
	return s
}

func (g *gen) mapLoop(m mapSpec) {
	g.function(m.name, m.signature(), m.doc)
	dst := g.Load(g.Param("dst").Base(), g.GP64()).(reg.GPVirtual)
	n := g.GP64()
	pointers := make([]reg.GPVirtual, len(m.args))
	for i, a := range m.args {
		pointers[i] = g.Load(g.Param(a).Base(), g.GP64()).(reg.GPVirtual)
	}
	g.Load(g.Param("dst").Len(), n)
	scalars := make([]reg.VecVirtual, len(m.scalars))
	for i, a := range m.scalars {
		scalars[i] = g.YMM()
		addr, err := g.Param(a).Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(addr.Addr, scalars[i])
	}
	body := m.setup(g, scalars)
	var total reg.VecVirtual
	if m.sum {
		total = g.YMM()
		g.VXORPS(total, total, total)
	}

	at := g.GP64()
	g.XORQ(at, at)
	place := func(p reg.GPVirtual, u int) Mem { return Mem{Base: p, Index: at, Scale: 4, Disp: u * lanes * 4} }
	vectors := func(first, count int, mask reg.VecVirtual) {
		for u := first; u < first+count; u++ {
			g.Comment(vectorMark)
			in := make([]reg.VecVirtual, len(pointers))
			for i, p := range pointers {
				in[i] = g.YMM()
				if mask != nil {
					g.VMASKMOVPS(place(p, u), mask, in[i])
				} else {
					g.VMOVUPS(place(p, u), in[i])
				}
			}
			out := body(in)
			if mask != nil {
				g.VMASKMOVPS(out, mask, place(dst, u))
				if m.sum {
					g.VANDPS(mask, out, out)
				}
			} else {
				g.VMOVUPS(out, place(dst, u))
			}
			if m.sum {
				g.VADDPS(out, total, total)
			}
		}
		g.Comment(vectorsEnd, sharing[!m.crowded])
	}
	quick := func(count int) {
		q := m.quick(g, scalars)
		most := g.load(g.vecBits(q.limit))
		xs := make([]reg.VecVirtual, count)
		for u := range xs {
			xs[u] = g.YMM()
			g.VMOVUPS(place(pointers[0], u), xs[u])
			if q.prepare != nil {
				q.prepare(xs[u])
			}
			g.VPMAXUD(q.test(xs[u]), most, most)
		}
		outside := g.GP32()
		g.VPCMPEQD(g.vecBits(q.limit), most, most)
		g.VMOVMSKPS(most, outside)
		g.CMPL(outside, U32(1<<lanes-1))
		g.JNE(LabelRef("outside"))
		for u := range xs {
			g.Comment(vectorMark)
			out := q.body(xs[u])
			g.VMOVUPS(out, place(dst, u))
			if m.sum {
				g.VADDPS(out, total, total)
			}
		}
		g.Comment(vectorsEnd, sharing[!m.crowded])
		g.Label("inside")
	}
	loop := func(label string, count int) {
		next := "after_" + label
		g.SUBQ(Imm(uint64(count*lanes)), n)
		g.JL(LabelRef(next))
		g.Label(label)
		if m.quick != nil && count > 1 {
			quick(count)
		} else {
			vectors(0, count, nil)
		}
		g.ADDQ(Imm(uint64(count*lanes)), at)
		g.SUBQ(Imm(uint64(count*lanes)), n)
		g.JGE(LabelRef(label))
		g.Label(next)
		g.ADDQ(Imm(uint64(count*lanes)), n)
	}
	if m.unroll > 1 {
		loop("many", m.unroll)
	}
	loop("one", 1)
	g.TESTQ(n, n)
	g.JZ(LabelRef("done"))
	mask := g.YMM()
	g.mask(mask, n)
	vectors(0, 1, mask)
	g.Label("done")
	if m.sum {
		g.Store(g.addLanes(total), g.ReturnIndex(0))
	}
	g.end()
	if m.quick != nil {
		g.Label("outside")
		for u := range m.unroll {
			vectors(u, 1, nil)
		}
		g.JMP(LabelRef("inside"))
	}
}

// addLanes adds the lanes of y, which it overwrites.
func (g *gen) addLanes(y reg.VecVirtual) reg.Register {
	return g.foldLanes(y, func(a, b reg.VecVirtual) { g.VADDPS(a.AsX(), b.AsX(), b.AsX()) })
}

// foldLanes combines the lanes of y by op, which puts the result in its second operand's low half.
func (g *gen) foldLanes(y reg.VecVirtual, op func(a, b reg.VecVirtual)) reg.Register {
	t := g.YMM()
	g.VEXTRACTF128(Imm(1), y, t.AsX())
	op(t, y)
	g.VPERMILPS(Imm(0b1110), y.AsX(), t.AsX())
	op(t, y)
	g.VPERMILPS(Imm(0b01), y.AsX(), t.AsX())
	op(t, y)
	return y.AsX()
}

// stateless makes a setup whose body needs no registers of its own.
func stateless(f func(g *gen, in []reg.VecVirtual) reg.VecVirtual) func(*gen, []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
	return func(g *gen, _ []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
		return func(in []reg.VecVirtual) reg.VecVirtual { return f(g, in) }
	}
}

// arithmetic are the loops that IEEE 754 defines.
func arithmetic() []mapSpec {
	var specs []mapSpec
	for _, op := range []struct {
		name string
		emit func(g *gen, a, b, out reg.VecVirtual)
	}{
		{"add", func(g *gen, a, b, out reg.VecVirtual) { g.VADDPS(b, a, out) }},
		{"sub", func(g *gen, a, b, out reg.VecVirtual) { g.VSUBPS(b, a, out) }},
		{"mul", func(g *gen, a, b, out reg.VecVirtual) { g.VMULPS(b, a, out) }},
		{"div", func(g *gen, a, b, out reg.VecVirtual) { g.VDIVPS(b, a, out) }},
		{"maximum", func(g *gen, a, b, out reg.VecVirtual) { g.propagate(g.VMAXPS, g.VANDPS, a, b, out) }},
		{"minimum", func(g *gen, a, b, out reg.VecVirtual) { g.propagate(g.VMINPS, g.VORPS, a, b, out) }},
	} {
		specs = append(specs, mapSpec{
			name: op.name + "VV", args: []string{"a", "b"}, unroll: 4,
			doc: fmt.Sprintf("%sVV sets dst[i] = %s(a[i], b[i]).", op.name, op.name),
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual {
				op.emit(g, in[0], in[1], in[0])
				return in[0]
			}),
		}, mapSpec{
			name: op.name + "VS", args: []string{"a"}, scalars: []string{"s"}, unroll: 4,
			doc: fmt.Sprintf("%sVS sets dst[i] = %s(a[i], s).", op.name, op.name),
			setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				return func(in []reg.VecVirtual) reg.VecVirtual {
					op.emit(g, in[0], s[0], in[0])
					return in[0]
				}
			},
		})
		if op.name == "sub" || op.name == "div" {
			specs = append(specs, mapSpec{
				name: op.name + "SV", args: []string{"a"}, scalars: []string{"s"}, unroll: 4,
				doc: fmt.Sprintf("%sSV sets dst[i] = %s(s, a[i]).", op.name, op.name),
				setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
					return func(in []reg.VecVirtual) reg.VecVirtual {
						op.emit(g, s[0], in[0], in[0])
						return in[0]
					}
				},
			})
		}
	}
	return append(specs,
		mapSpec{
			name: "mulAddAVX2", args: []string{"x"}, scalars: []string{"a", "b"}, unroll: 4,
			doc: "mulAddAVX2 sets dst[i] = a·x[i] + b.",
			setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				return func(in []reg.VecVirtual) reg.VecVirtual {
					g.VFMADD213PS(s[1], s[0], in[0])
					return in[0]
				}
			},
		},
		mapSpec{
			name: "axpyAVX2", args: []string{"x", "y"}, scalars: []string{"a"}, unroll: 4,
			doc: "axpyAVX2 sets dst[i] = a·x[i] + y[i].",
			setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				return func(in []reg.VecVirtual) reg.VecVirtual {
					g.VFMADD213PS(in[1], s[0], in[0])
					return in[0]
				}
			},
		},
		mapSpec{
			name: "fusedMulAddAVX2", args: []string{"a", "b", "c"}, unroll: 4,
			doc: "fusedMulAddAVX2 sets dst[i] = a[i]·b[i] + c[i].",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual {
				g.VFMADD213PS(in[2], in[1], in[0])
				return in[0]
			}),
		},
	)
}

// propagate emits out = op(a, b) for VMAXPS or VMINPS. The instruction returns its second source if either is NaN,
// or both are zeros; so it is asked both ways round. The answers differ in the sign of zeros alone, which zeros
// chooses (and: −0 only if both are; or: −0 if one is), and where one is NaN, which is put back.
func (g *gen) propagate(op, zeros func(...Op), a, b, out reg.VecVirtual) {
	isNaN, m := g.YMM(), g.YMM()
	g.VCMPPS(cmpUnordered, a, b, isNaN)
	op(b, a, m)
	op(a, b, out)
	zeros(m, out, out)
	g.VORPS(isNaN, out, out)
}
