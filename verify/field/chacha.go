package field

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/bits"
)

// Key keys one pseudo-random function: a ChaCha8 block function (Bernstein 2008, 8 rounds) with
// 128 bits of input in the place of counter and nonce. Derive makes independent keys (the cascade
// construction), so a stream is named by a path of labels and every word of it is at hand directly.
type Key [8]uint32

// NewKey makes a key from 32 bytes of seed material (a cryptographic digest).
func NewKey(seed [32]byte) Key {
	var k Key
	for i := range k {
		k[i] = binary.LittleEndian.Uint32(seed[4*i:])
	}
	return k
}

// block writes the 16 output words of the ChaCha8 block with input (a, b).
func (k *Key) block(a, b uint64, out *[16]uint32) {
	const c0, c1, c2, c3 = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
	n0, n1, n2, n3 := uint32(a), uint32(a>>32), uint32(b), uint32(b>>32)
	x0, x1, x2, x3 := uint32(c0), uint32(c1), uint32(c2), uint32(c3)
	x4, x5, x6, x7 := k[0], k[1], k[2], k[3]
	x8, x9, x10, x11 := k[4], k[5], k[6], k[7]
	x12, x13, x14, x15 := n0, n1, n2, n3
	for range 4 {
		x0, x4, x8, x12 = quarter(x0, x4, x8, x12)
		x1, x5, x9, x13 = quarter(x1, x5, x9, x13)
		x2, x6, x10, x14 = quarter(x2, x6, x10, x14)
		x3, x7, x11, x15 = quarter(x3, x7, x11, x15)
		x0, x5, x10, x15 = quarter(x0, x5, x10, x15)
		x1, x6, x11, x12 = quarter(x1, x6, x11, x12)
		x2, x7, x8, x13 = quarter(x2, x7, x8, x13)
		x3, x4, x9, x14 = quarter(x3, x4, x9, x14)
	}
	*out = [16]uint32{
		x0 + c0, x1 + c1, x2 + c2, x3 + c3,
		x4 + k[0], x5 + k[1], x6 + k[2], x7 + k[3],
		x8 + k[4], x9 + k[5], x10 + k[6], x11 + k[7],
		x12 + n0, x13 + n1, x14 + n2, x15 + n3,
	}
}

func quarter(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a += b
	d = bits.RotateLeft32(d^a, 16)
	c += d
	b = bits.RotateLeft32(b^c, 12)
	a += b
	d = bits.RotateLeft32(d^a, 8)
	c += d
	b = bits.RotateLeft32(b^c, 7)
	return a, b, c, d
}

// Derive is the key named (a, b) under k.
func (k *Key) Derive(a, b uint64) Key {
	var w [16]uint32
	k.block(a, b, &w)
	return Key(w[:8])
}

// Label is the key named by a string under k.
func (k *Key) Label(name string) Key {
	d := k.Derive(uint64(len(name)), 0)
	for i := 0; i < len(name); i += 8 {
		var chunk [8]byte
		copy(chunk[:], name[i:])
		d = d.Derive(binary.LittleEndian.Uint64(chunk[:]), 1)
	}
	return d
}

// Word is the pseudo-random word with input (a, b).
func (k *Key) Word(a, b uint64) uint64 {
	var w [16]uint32
	k.block(a, b, &w)
	return uint64(w[0]) | uint64(w[1])<<32
}

// Fill writes pseudo-random words with input a, eight to a block.
func (k *Key) Fill(a uint64, out []uint64) {
	var w [16]uint32
	for i := range out {
		if i%8 == 0 {
			k.block(a, uint64(i), &w)
		}
		out[i] = uint64(w[i%8*2]) | uint64(w[i%8*2+1])<<32
	}
}

// residues draws one uniform residue for each of the first n components from input (a, b), by
// rejection. The residues are used as Montgomery forms, which are uniform exactly when they are.
func (k *Key) residues(c *Chain, n int, a, b uint64, out *[MaxComponents]uint64) {
	var w [16]uint32
	var d Key
	i := 0
	k.block(a, b, &w)
	for used := 0; i < n; used++ {
		if used == 8 { // chance below 2^-8 per retry only for tiny primes
			d = Key(w[:8])
			d = d.Derive(a, ^b)
			d.block(a, b, &w)
			used = 0
		}
		m := &c.Pr[i]
		r := (uint64(w[2*used]) | uint64(w[2*used+1])<<32) >> (64 - m.bits)
		if r < m.P {
			out[i] = r
			i++
		}
	}
}

// labelHash is the 64-bit name of an operator in the inputs of the opaque functions.
func labelHash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

func log2u(x uint64) float64 { return math.Log2(float64(x)) }
