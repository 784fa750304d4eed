//go:build ignore

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// microRows is the most rows of C that fit: 6 rows of two vectors leave four registers for a line
// of B and elements of A.
const microRows = 6

const microSignature = "func(c *float32, ldc int, a *float32, ars, acs int, b *byte, ldb, k, cols int, accumulate bool, ahead, pfStep int)"

// microKernels are the functions microXxxRyy and edgeXxxRyy of package kernel's type microFunc.
func (g *gen) microKernels() {
	for _, w := range []weights{{"F32", 4, loadF32}, {"F16", 2, loadF16}, {"BF16", 2, loadBF16}} {
		for rows := 1; rows <= microRows; rows++ {
			g.microKernel(w, rows, 2)
			g.microKernel(w, rows, 1)
		}
	}
}

// weights is an element type of B.
type weights struct {
	name string
	size int
	load func(g *gen, m Mem, mask reg.VecVirtual, y reg.VecVirtual)
}

func loadF32(g *gen, m Mem, mask, y reg.VecVirtual) {
	if mask != nil {
		g.VMASKMOVPS(m, mask, y)
		return
	}
	g.VMOVUPS(m, y)
}

// Panels of 16-bit weights are padded to whole vectors, so they need no mask.
func loadF16(g *gen, m Mem, _, y reg.VecVirtual) { g.VCVTPH2PS(m, y) }

func loadBF16(g *gen, m Mem, _, y reg.VecVirtual) {
	g.VPMOVZXWD(m, y)
	g.VPSLLD(Imm(16), y, y)
}

// microKernel prints the kernel of rows×(8·vectors) of C; with one vector the columns are masked.
func (g *gen) microKernel(w weights, rows, vectors int) {
	name := fmt.Sprintf("micro%sR%d", w.name, rows)
	doc := fmt.Sprintf("%s computes %d rows of 16 columns of a product with %s weights.", name, rows, w.name)
	if vectors == 1 {
		name = fmt.Sprintf("edge%sR%d", w.name, rows)
		doc = fmt.Sprintf("%s computes %d rows of 1 to 8 columns of a product with %s weights.", name, rows, w.name)
	}
	g.function(name, microSignature, doc)

	a, ars, acs := g.GP64(), g.GP64(), g.GP64()
	b, ldb, k := g.GP64(), g.GP64(), g.GP64()
	pf, pfStep := g.GP64(), g.GP64()
	g.Load(g.Param("a"), a)
	g.Load(g.Param("ars"), ars)
	g.Load(g.Param("acs"), acs)
	g.Load(g.Param("b"), b)
	g.Load(g.Param("ldb"), ldb)
	g.Load(g.Param("k"), k)
	g.Load(g.Param("ahead"), pf)
	g.ADDQ(b, pf)
	g.Load(g.Param("pfStep"), pfStep)
	g.SHLQ(Imm(2), ars)
	g.SHLQ(Imm(2), acs)
	if w.size == 4 {
		g.SHLQ(Imm(2), ldb)
	} else {
		g.SHLQ(Imm(1), ldb)
	}
	element := []Mem{
		{Base: a}, {Base: a, Index: ars, Scale: 1}, {Base: a, Index: ars, Scale: 2},
	}
	if rows > 3 {
		a3 := g.GP64()
		g.LEAQ(Mem{Base: ars, Index: ars, Scale: 2}, a3)
		g.ADDQ(a, a3)
		element = append(element, Mem{Base: a3}, Mem{Base: a3, Index: ars, Scale: 1}, Mem{Base: a3, Index: ars, Scale: 2})
	}

	// Few rows are too few sums to hide the latency of the fused multiply-add: each of sets terms
	// in a row has sums of its own.
	sets := 1
	for 2*sets*rows*vectors <= 12 {
		sets *= 2
	}
	var mask reg.VecVirtual
	if vectors == 1 {
		mask = g.YMM()
		cols := g.GP64()
		g.Load(g.Param("cols"), cols)
		g.mask(mask, cols)
	}
	sums := make([][][]reg.VecVirtual, sets)
	for s := range sums {
		sums[s] = make([][]reg.VecVirtual, rows)
		for r := range sums[s] {
			for range vectors {
				y := g.YMM()
				g.VXORPS(y, y, y)
				sums[s][r] = append(sums[s][r], y)
			}
		}
	}

	line := make([]reg.VecVirtual, vectors)
	for v := range line {
		line[v] = g.YMM()
	}
	term := func(set int) {
		for v := range line {
			w.load(g, Mem{Base: b, Disp: v * lanes * w.size}, mask, line[v])
		}
		g.PREFETCHT0(Mem{Base: pf})
		for r := range rows {
			f := g.YMM()
			g.VBROADCASTSS(element[r], f)
			for v := range line {
				g.VFMADD231PS(line[v], f, sums[set][r][v])
			}
		}
		g.ADDQ(ldb, b)
		g.ADDQ(pfStep, pf)
		g.ADDQ(acs, a)
		if rows > 3 {
			g.ADDQ(acs, element[3].Base)
		}
	}

	unroll := max(sets, 4)
	blocks := g.GP64()
	g.MOVQ(k, blocks)
	g.SHRQ(Imm(uint64(log2(unroll))), blocks)
	g.JZ(LabelRef("rest"))
	g.Label("block")
	for i := range unroll {
		term(i % sets)
	}
	g.DECQ(blocks)
	g.JNZ(LabelRef("block"))
	g.Label("rest")
	g.ANDQ(Imm(uint64(unroll-1)), k)
	g.JZ(LabelRef("store"))
	g.Label("term")
	term(0)
	g.DECQ(k)
	g.JNZ(LabelRef("term"))

	g.Label("store")
	for half := sets / 2; half > 0; half /= 2 {
		for i := range half {
			for r := range rows {
				for v := range vectors {
					g.VADDPS(sums[half+i][r][v], sums[i][r][v], sums[i][r][v])
				}
			}
		}
	}
	c, ldc, accumulate := g.GP64(), g.GP64(), g.GP8()
	g.Load(g.Param("c"), c)
	g.Load(g.Param("ldc"), ldc)
	g.Load(g.Param("accumulate"), accumulate)
	g.SHLQ(Imm(2), ldc)
	g.TESTB(accumulate, accumulate)
	g.JZ(LabelRef("overwrite"))
	at := g.GP64()
	g.MOVQ(c, at)
	for r := range rows {
		for v := range vectors {
			if mask != nil {
				old := g.YMM()
				g.VMASKMOVPS(Mem{Base: at}, mask, old)
				g.VADDPS(old, sums[0][r][v], sums[0][r][v])
			} else {
				g.VADDPS(Mem{Base: at, Disp: v * lanes * 4}, sums[0][r][v], sums[0][r][v])
			}
		}
		g.ADDQ(ldc, at)
	}
	g.Label("overwrite")
	for r := range rows {
		for v := range vectors {
			if mask != nil {
				g.VMASKMOVPS(sums[0][r][v], mask, Mem{Base: c})
			} else {
				g.VMOVUPS(sums[0][r][v], Mem{Base: c, Disp: v * lanes * 4})
			}
		}
		g.ADDQ(ldc, c)
	}
	g.end()
}

func log2(n int) int {
	for i := range 8 {
		if 1<<i == n {
			return i
		}
	}
	panic(fmt.Sprintf("%d is no power of two", n))
}
