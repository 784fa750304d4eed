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
	args    []string // slices beside dst: "x", "y"; "dst" if dst is read too
	scalars []string // float32 parameters
	unroll  int      // vectors at once in the main loop
	sum     bool     // the function returns the sum of what it stores
	doc     string

	// setup loads what stays in registers; it returns the loop's body, which turns the vectors of
	// the arguments into the result.
	setup func(g *gen, scalars []reg.VecVirtual) func(in []reg.VecVirtual) reg.VecVirtual
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
		if a != "dst" {
			s += ", " + a
		}
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
		if a == "dst" {
			pointers[i] = dst
			continue
		}
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
	vectors := func(count int, mask reg.VecVirtual) {
		for u := range count {
			g.Comment(vectorMark)
			in := make([]reg.VecVirtual, len(pointers))
			for i, p := range pointers {
				in[i] = g.YMM()
				from := Mem{Base: p, Index: at, Scale: 4, Disp: u * lanes * 4}
				if mask != nil {
					g.VMASKMOVPS(from, mask, in[i])
				} else {
					g.VMOVUPS(from, in[i])
				}
			}
			out := body(in)
			to := Mem{Base: dst, Index: at, Scale: 4, Disp: u * lanes * 4}
			if mask != nil {
				g.VMASKMOVPS(out, mask, to)
				if m.sum {
					g.VANDPS(mask, out, out)
				}
			} else {
				g.VMOVUPS(out, to)
			}
			if m.sum {
				g.VADDPS(out, total, total)
			}
		}
		g.Comment(vectorsEnd)
	}
	loop := func(label string, count int) {
		next := "after_" + label
		g.SUBQ(Imm(uint64(count*lanes)), n)
		g.JL(LabelRef(next))
		g.Label(label)
		vectors(count, nil)
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
	vectors(1, mask)
	g.Label("done")
	if m.sum {
		g.Store(g.addLanes(total), g.ReturnIndex(0))
	}
	g.end()
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
		{"maximum", func(g *gen, a, b, out reg.VecVirtual) { g.propagate(g.VMAXPS, a, b, out) }},
		{"minimum", func(g *gen, a, b, out reg.VecVirtual) { g.propagate(g.VMINPS, a, b, out) }},
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
			name: "axpyAVX2", args: []string{"x", "dst"}, scalars: []string{"a"}, unroll: 4,
			doc: "axpyAVX2 sets dst[i] = dst[i] + a·x[i].",
			setup: func(g *gen, s []reg.VecVirtual) func([]reg.VecVirtual) reg.VecVirtual {
				return func(in []reg.VecVirtual) reg.VecVirtual {
					g.VFMADD231PS(in[0], s[0], in[1])
					return in[1]
				}
			},
		},
		mapSpec{
			name: "fusedMulAddAVX2", args: []string{"a", "b", "dst"}, unroll: 4,
			doc: "fusedMulAddAVX2 sets dst[i] = dst[i] + a[i]·b[i].",
			setup: stateless(func(g *gen, in []reg.VecVirtual) reg.VecVirtual {
				g.VFMADD231PS(in[0], in[1], in[2])
				return in[2]
			}),
		},
	)
}

// propagate emits out = op(a, b) for VMAXPS or VMINPS. The instruction returns its second source if
// either is NaN: b's NaN comes through by itself, a's has to be put back.
func (g *gen) propagate(op func(...Op), a, b, out reg.VecVirtual) {
	isNaN, m := g.YMM(), g.YMM()
	g.VCMPPS(cmpUnordered, a, a, isNaN)
	op(b, a, m)
	g.VBLENDVPS(isNaN, a, m, out)
}
