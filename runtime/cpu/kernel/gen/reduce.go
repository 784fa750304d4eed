//go:build ignore

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is the number of independent sums of a reduction: enough to hide the latency of the
// addition at two a cycle.
const chains = 8

// reductions prints sum, dot, max and min of contiguous slices.
func (g *gen) reductions() {
	g.sum()
	g.dot()
	g.extreme("max", g.VMAXPS)
	g.extreme("min", g.VMINPS)
}

// reduceLoop emits a pass over n elements: step(u, disp, nil) for each vector u of a block of
// chains, then for single vectors, then for the rest under a mask. at is the element's index.
func (g *gen) reduceLoop(n, at reg.GPVirtual, step func(u int, disp int, mask reg.VecVirtual)) {
	g.XORQ(at, at)
	for _, loop := range []struct {
		label string
		count int
	}{{"many", chains}, {"one", 1}} {
		width := Imm(uint64(loop.count * lanes))
		g.SUBQ(width, n)
		g.JL(LabelRef("after_" + loop.label))
		g.Label(loop.label)
		for u := range loop.count {
			step(u, u*lanes*4, nil)
		}
		g.ADDQ(width, at)
		g.SUBQ(width, n)
		g.JGE(LabelRef(loop.label))
		g.Label("after_" + loop.label)
		g.ADDQ(width, n)
	}
	g.TESTQ(n, n)
	g.JZ(LabelRef("fold"))
	mask := g.YMM()
	g.mask(mask, n)
	step(1, 0, mask)
	g.Label("fold")
}

// zeros are cleared registers.
func (g *gen) zeros(n int) []reg.VecVirtual {
	ys := make([]reg.VecVirtual, n)
	for i := range ys {
		ys[i] = g.YMM()
		g.VXORPS(ys[i], ys[i], ys[i])
	}
	return ys
}

// fold combines the registers pairwise into the first.
func fold(ys []reg.VecVirtual, op func(a, b reg.VecVirtual)) reg.VecVirtual {
	for half := len(ys) / 2; half > 0; half /= 2 {
		for i := range half {
			op(ys[half+i], ys[i])
		}
	}
	return ys[0]
}

func (g *gen) sum() {
	g.function("sumAVX2", "func(x []float32) float32", "sumAVX2 returns the sum of x.")
	x := g.Load(g.Param("x").Base(), g.GP64()).(reg.GPVirtual)
	n := g.Load(g.Param("x").Len(), g.GP64()).(reg.GPVirtual)
	at := g.GP64()
	sums := g.zeros(chains)
	g.reduceLoop(n, at, func(u, disp int, mask reg.VecVirtual) {
		from := Mem{Base: x, Index: at, Scale: 4, Disp: disp}
		if mask != nil {
			last := g.YMM()
			g.VMASKMOVPS(from, mask, last)
			g.VADDPS(last, sums[u], sums[u])
			return
		}
		g.VADDPS(from, sums[u], sums[u])
	})
	total := fold(sums, func(a, b reg.VecVirtual) { g.VADDPS(a, b, b) })
	g.Store(g.addLanes(total), g.ReturnIndex(0))
	g.end()
}

func (g *gen) dot() {
	g.function("dotAVX2", "func(a, b []float32) float32", "dotAVX2 returns the sum of a[i]·b[i].")
	a := g.Load(g.Param("a").Base(), g.GP64()).(reg.GPVirtual)
	b := g.Load(g.Param("b").Base(), g.GP64()).(reg.GPVirtual)
	n := g.Load(g.Param("a").Len(), g.GP64()).(reg.GPVirtual)
	at := g.GP64()
	sums := g.zeros(chains)
	g.reduceLoop(n, at, func(u, disp int, mask reg.VecVirtual) {
		left, right := Mem{Base: a, Index: at, Scale: 4, Disp: disp}, Mem{Base: b, Index: at, Scale: 4, Disp: disp}
		y := g.YMM()
		if mask != nil {
			z := g.YMM()
			g.VMASKMOVPS(left, mask, y)
			g.VMASKMOVPS(right, mask, z)
			g.VFMADD231PS(z, y, sums[u])
			return
		}
		g.VMOVUPS(left, y)
		g.VFMADD231PS(right, y, sums[u])
	})
	total := fold(sums, func(a, b reg.VecVirtual) { g.VADDPS(a, b, b) })
	g.Store(g.addLanes(total), g.ReturnIndex(0))
	g.end()
}

// extreme prints max or min. The instruction loses NaNs, so their presence is kept beside: in isNaN,
// all ones in the lanes that met one.
func (g *gen) extreme(name string, op func(...Op)) {
	g.function(name+"AVX2", "func(x []float32) float32",
		fmt.Sprintf("%sAVX2 returns the %simum of x, NaN if one is NaN.", name, name))
	x := g.Load(g.Param("x").Base(), g.GP64()).(reg.GPVirtual)
	n := g.Load(g.Param("x").Len(), g.GP64()).(reg.GPVirtual)
	at, isNaN, first := g.GP64(), g.YMM(), g.YMM()
	g.VXORPS(isNaN, isNaN, isNaN)
	g.VBROADCASTSS(Mem{Base: x}, first)
	best := make([]reg.VecVirtual, chains)
	for i := range best {
		best[i] = g.YMM()
		g.VMOVAPS(first, best[i])
	}
	g.reduceLoop(n, at, func(u, disp int, mask reg.VecVirtual) {
		from := Mem{Base: x, Index: at, Scale: 4, Disp: disp}
		y, nan := g.YMM(), g.YMM()
		if mask != nil {
			g.VMASKMOVPS(from, mask, y)
			g.VBLENDVPS(mask, y, first, y)
		} else {
			g.VMOVUPS(from, y)
		}
		g.VCMPPS(cmpUnordered, y, y, nan)
		g.VORPS(nan, isNaN, isNaN)
		op(y, best[u], best[u])
	})
	total := fold(best, func(a, b reg.VecVirtual) { op(a, b, b) })
	result := g.foldLanes(total, func(a, b reg.VecVirtual) { op(a.AsX(), b.AsX(), b.AsX()) }).(reg.VecVirtual)
	g.VTESTPS(isNaN, isNaN)
	g.JZ(LabelRef("ordered"))
	g.VMOVUPS(g.vecBits(0x7fc00000).Offset(0), result.AsY())
	g.Label("ordered")
	g.Store(result, g.ReturnIndex(0))
	g.end()
}
