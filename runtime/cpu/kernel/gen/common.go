//go:build ignore

package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/mmcloughlin/avo/attr"
)

// Lanes of a YMM register.
const lanes = 8

// Immediates of VCMPPS and VROUNDPS.
const (
	cmpEqual     = U8(0x00)
	cmpLess      = U8(0x11) // false on NaN
	cmpUnordered = U8(0x03)
	cmpNotEqual  = U8(0x04) // true on NaN
	roundDown    = U8(0x09)
)

// vec is a vector constant in memory whose lanes all hold f.
func (g *gen) vec(f float32) Mem { return g.vecBits(math.Float32bits(f)) }

// vecBits is a vector constant whose lanes all hold bits.
func (g *gen) vecBits(bits uint32) Mem {
	name := fmt.Sprintf("vec_%08x", bits)
	return g.data(name, func(int) uint32 { return bits }, lanes)
}

// data is a read-only constant of n words of 32 bits, declared at its first use.
func (g *gen) data(name string, word func(i int) uint32, n int) Mem {
	m := NewDataAddr(NewStaticSymbol(name), 0)
	if !g.constants[name] {
		g.constants[name] = true
		m = g.StaticGlobal(name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range n {
			g.AddDatum(4*i, U32(word(i)))
		}
	}
	return m
}

// load returns a register that holds a constant.
func (g *gen) load(m Mem) reg.VecVirtual {
	y := g.YMM()
	g.VMOVUPS(m, y)
	return y
}

// mask sets y to the mask of the first n lanes, 1 ≤ n ≤ 8.
func (g *gen) mask(y reg.VecVirtual, n reg.GPVirtual) {
	table := g.data("masks", func(i int) uint32 {
		if i < lanes {
			return math.MaxUint32
		}
		return 0
	}, 2*lanes)
	p, back := g.GP64(), g.GP64()
	g.LEAQ(table.Offset(4*lanes), p)
	g.MOVQ(n, back)
	g.NEGQ(back)
	g.VMOVUPS(Mem{Base: p, Index: back, Scale: 4}, y)
}

// function begins a function without frame.
func (g *gen) function(name, signature, doc string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr(signature)
	g.Doc(doc)
}

// end leaves the function.
func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}
