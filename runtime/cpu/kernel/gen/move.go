//go:build ignore

package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// conversions prints the loops between float32 and the 16-bit floats; their length is a multiple of
// 8, the rest is done by the caller.
func (g *gen) conversions() {
	for _, c := range []struct {
		name, doc string
		widen     bool
		body      func(from Mem, y reg.VecVirtual, to Mem)
	}{
		{"fromF16AVX2", "fromF16AVX2 widens f16.", true, func(from Mem, y reg.VecVirtual, to Mem) {
			g.VCVTPH2PS(from, y)
			g.VMOVUPS(y, to)
		}},
		{"fromBF16AVX2", "fromBF16AVX2 widens bf16.", true, func(from Mem, y reg.VecVirtual, to Mem) {
			loadBF16(g, from, nil, y)
			g.VMOVUPS(y, to)
		}},
		{"toF16AVX2", "toF16AVX2 rounds to f16, ties to even.", false, func(from Mem, y reg.VecVirtual, to Mem) {
			g.VMOVUPS(from, y)
			g.VCVTPS2PH(Imm(0), y, to)
		}},
		{"toBF16AVX2", "toBF16AVX2 rounds to bf16, ties to even.", false, g.roundBF16},
	} {
		signature := "func(dst []uint16, src []float32)"
		if c.widen {
			signature = "func(dst []float32, src []uint16)"
		}
		g.function(c.name, signature, c.doc+" The length is a multiple of 8.")
		dst := g.Load(g.Param("dst").Base(), g.GP64()).(reg.GPVirtual)
		src := g.Load(g.Param("src").Base(), g.GP64()).(reg.GPVirtual)
		n := g.Load(g.Param("src").Len(), g.GP64()).(reg.GPVirtual)
		at := g.GP64()
		g.XORQ(at, at)
		fromSize, toSize := 4, 2
		if c.widen {
			fromSize, toSize = 2, 4
		}
		g.Label("vector")
		g.CMPQ(at, n)
		g.JGE(LabelRef("done"))
		y := g.YMM()
		c.body(Mem{Base: src, Index: at, Scale: uint8(fromSize)}, y, Mem{Base: dst, Index: at, Scale: uint8(toSize)})
		g.ADDQ(Imm(lanes), at)
		g.JMP(LabelRef("vector"))
		g.Label("done")
		g.end()
	}
}

// roundBF16 adds half of the last place, less one where the bit above it is even, and keeps the
// high half; a NaN becomes the quiet one.
func (g *gen) roundBF16(from Mem, y reg.VecVirtual, to Mem) {
	isNaN, odd, high := g.YMM(), g.YMM(), g.YMM()
	g.VMOVUPS(from, y)
	g.VCMPPS(cmpUnordered, y, y, isNaN)
	g.VPSRLD(Imm(16), y, odd)
	g.VPAND(g.vecBits(1), odd, odd)
	g.VPADDD(g.vecBits(0x7fff), y, y)
	g.VPADDD(odd, y, y)
	g.VPSRLD(Imm(16), y, y)
	g.VBLENDVPS(isNaN, g.vecBits(0x7fc0), y, y)
	g.VEXTRACTF128(Imm(1), y, high.AsX())
	g.VPACKUSDW(high.AsX(), y.AsX(), y.AsX())
	g.VMOVUPS(y.AsX(), to)
}

// transpose prints the transposed copy of 8 rows, 8 columns at a time. Loading rows i and i+4 into
// the halves of one register leaves only shuffles within halves.
func (g *gen) transpose() {
	g.function("transpose8AVX2", "func(dst *float32, ldd int, src *float32, lds, cols int)",
		"transpose8AVX2 copies 8 rows of cols elements, a multiple of 8, to cols rows of 8.")
	dst := g.Load(g.Param("dst"), g.GP64()).(reg.GPVirtual)
	ldd := g.Load(g.Param("ldd"), g.GP64()).(reg.GPVirtual)
	src := g.Load(g.Param("src"), g.GP64()).(reg.GPVirtual)
	lds := g.Load(g.Param("lds"), g.GP64()).(reg.GPVirtual)
	cols := g.Load(g.Param("cols"), g.GP64()).(reg.GPVirtual)
	g.SHLQ(Imm(2), ldd)
	g.SHLQ(Imm(2), lds)
	lds3, low := g.GP64(), g.GP64()
	g.LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	g.LEAQ(Mem{Base: src, Index: lds, Scale: 4}, low)
	row := func(base reg.GPVirtual, i, disp int) Mem {
		switch i {
		case 1, 2:
			return Mem{Base: base, Index: lds, Scale: uint8(i), Disp: disp}
		case 3:
			return Mem{Base: base, Index: lds3, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Disp: disp}
	}
	g.Label("block")
	for half := range 2 {
		var in, pairs [4]reg.VecVirtual
		for i := range in {
			in[i], pairs[i] = g.YMM(), g.YMM()
			g.VMOVUPS(row(src, i, half*16), in[i].AsX())
			g.VINSERTF128(Imm(1), row(low, i, half*16), in[i], in[i])
		}
		g.VUNPCKLPS(in[1], in[0], pairs[0])
		g.VUNPCKHPS(in[1], in[0], pairs[1])
		g.VUNPCKLPS(in[3], in[2], pairs[2])
		g.VUNPCKHPS(in[3], in[2], pairs[3])
		for i := range in {
			g.VSHUFPS(Imm([]uint64{0x44, 0xee}[i%2]), pairs[i/2+2], pairs[i/2], in[i])
			g.VMOVUPS(in[i], Mem{Base: dst})
			g.ADDQ(ldd, dst)
		}
	}
	g.ADDQ(Imm(lanes*4), src)
	g.ADDQ(Imm(lanes*4), low)
	g.SUBQ(Imm(lanes), cols)
	g.JNZ(LabelRef("block"))
	g.end()
}

// packFour prints the copy of rows of four panels' columns to the panels.
func (g *gen) packFour() {
	const panels, panelBytes = 4, 64
	g.function("packFourAVX2", "func(dst, src *float32, ld, k int)",
		"packFourAVX2 copies k > 0 rows of 64 elements, ld apart, to four panels of k rows of 16.")
	src := g.Load(g.Param("src"), g.GP64()).(reg.GPVirtual)
	ld := g.Load(g.Param("ld"), g.GP64()).(reg.GPVirtual)
	k := g.Load(g.Param("k"), g.GP64()).(reg.GPVirtual)
	size := g.GP64()
	g.SHLQ(Imm(2), ld)
	g.MOVQ(k, size)
	g.SHLQ(Imm(6), size)
	var to [panels]reg.GPVirtual
	to[0] = g.Load(g.Param("dst"), g.GP64()).(reg.GPVirtual)
	for i := 1; i < panels; i++ {
		to[i] = g.GP64()
		g.LEAQ(Mem{Base: to[i-1], Index: size, Scale: 1}, to[i])
	}
	g.Label("row")
	var ys [2 * panels]reg.VecVirtual
	for i := range ys {
		ys[i] = g.YMM()
		g.VMOVUPS(Mem{Base: src, Disp: i * lanes * 4}, ys[i])
	}
	for i, y := range ys {
		g.VMOVUPS(y, Mem{Base: to[i/2], Disp: i % 2 * lanes * 4})
	}
	g.ADDQ(ld, src)
	for _, p := range to {
		g.ADDQ(Imm(panelBytes), p)
	}
	g.DECQ(k)
	g.JNZ(LabelRef("row"))
	g.end()
}

// prefetch prints the loop that brings lines near before they are needed.
func (g *gen) prefetch() {
	g.function("prefetchAVX2", "func(at uintptr, stride, n int)",
		"prefetchAVX2 prefetches n > 0 lines, stride bytes apart.")
	at := g.Load(g.Param("at"), g.GP64()).(reg.GPVirtual)
	stride := g.Load(g.Param("stride"), g.GP64()).(reg.GPVirtual)
	n := g.Load(g.Param("n"), g.GP64()).(reg.GPVirtual)
	g.Label("line")
	g.PREFETCHT0(Mem{Base: at})
	g.ADDQ(stride, at)
	g.DECQ(n)
	g.JNZ(LabelRef("line"))
	g.RET()
}

// probes prints the loops that measure the machine.
func (g *gen) probes() {
	const sums = 12
	g.function("fmaLoopAVX2", "func(n int)", "fmaLoopAVX2 does n times 12 independent fused multiply-adds of 8 lanes.")
	n := g.Load(g.Param("n"), g.GP64()).(reg.GPVirtual)
	ys := g.zeros(sums)
	f := g.load(g.vec(0.5))
	g.Label("loop")
	for _, y := range ys {
		g.VFMADD231PS(f, f, y)
	}
	g.DECQ(n)
	g.JNZ(LabelRef("loop"))
	g.end()

	g.function("readLoopAVX2", "func(x []byte)", "readLoopAVX2 reads x, a multiple of 256 bytes, once.")
	x := g.Load(g.Param("x").Base(), g.GP64()).(reg.GPVirtual)
	size := g.Load(g.Param("x").Len(), g.GP64()).(reg.GPVirtual)
	ors := g.zeros(4)
	g.Label("block")
	for i := range 8 {
		g.VORPS(Mem{Base: x, Disp: i * 32}, ors[i%4], ors[i%4])
	}
	g.ADDQ(U32(256), x)
	g.SUBQ(U32(256), size)
	g.JNZ(LabelRef("block"))
	g.end()
}
