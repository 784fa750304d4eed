//go:build ignore

package main

import (
	"slices"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/x86"
)

// Comments that mark the instructions of one vector, and the end of the last vector of a block.
const (
	vectorMark = "vector"
	vectorsEnd = "end of vectors"
)

// sharing is the second line of a block's last mark: whether the vectors share constants.
var sharing = map[bool]string{false: "constants from memory", true: "constants from registers"}

// interleave mixes the instructions of the vectors of each marked block one by one, and removes the
// marks. A vector's instructions depend on each other one after the other, and a processor sees too
// few of them at once to find the next vector's by itself. The vectors use different registers, so
// the order among them is free. A constant that the same instruction of all vectors reads is loaded
// once: two loads a cycle are fewer than the constants of two multiplications a cycle.
func (g *gen) interleave(f *ir.File) error {
	for _, fn := range f.Functions() {
		var out []ir.Node
		var vectors [][]ir.Node
		for _, node := range fn.Nodes {
			switch c, _ := node.(*ir.Comment); {
			case c != nil && slices.Contains(c.Lines, vectorMark):
				vectors = append(vectors, nil)
			case c != nil && slices.Contains(c.Lines, vectorsEnd):
				mixed, err := g.roundRobin(vectors, slices.Contains(c.Lines, sharing[true]))
				if err != nil {
					return err
				}
				out = append(out, mixed...)
				vectors = nil
			case len(vectors) > 0:
				vectors[len(vectors)-1] = append(vectors[len(vectors)-1], node)
			default:
				out = append(out, node)
			}
		}
		fn.Nodes = out
	}
	return nil
}

// roundRobin takes one node from each list in turn.
func (g *gen) roundRobin(lists [][]ir.Node, share bool) (out []ir.Node, err error) {
	for i := 0; ; i++ {
		var turn []ir.Node
		for _, l := range lists {
			if i < len(l) {
				turn = append(turn, l[i])
			}
		}
		if len(turn) == 0 {
			return out, nil
		}
		if share {
			if turn, err = g.shareConstant(turn); err != nil {
				return nil, err
			}
		}
		out = append(out, turn...)
	}
}

// withRegister makes an instruction anew with a register in the place of the constant, its first
// operand.
var withRegister = map[string]func(ops []operand.Op) (*ir.Instruction, error){
	"VMOVUPS":      func(o []operand.Op) (*ir.Instruction, error) { return x86.VMOVAPS(o[0], o[1]) },
	"VFMADD213PS":  func(o []operand.Op) (*ir.Instruction, error) { return x86.VFMADD213PS(o...) },
	"VFNMADD231PS": func(o []operand.Op) (*ir.Instruction, error) { return x86.VFNMADD231PS(o...) },
	"VADDPS":       func(o []operand.Op) (*ir.Instruction, error) { return x86.VADDPS(o...) },
	"VSUBPS":       func(o []operand.Op) (*ir.Instruction, error) { return x86.VSUBPS(o...) },
}

// shareConstant puts one load before instructions that all read the same constant.
func (g *gen) shareConstant(turn []ir.Node) ([]ir.Node, error) {
	var constant operand.Mem
	for k, node := range turn {
		in, _ := node.(*ir.Instruction)
		if in == nil || withRegister[in.Opcode] == nil {
			return turn, nil
		}
		m, ok := in.Operands[0].(operand.Mem)
		if !ok || m.Symbol.Name == "" || k > 0 && m != constant {
			return turn, nil
		}
		constant = m
	}
	if len(turn) == 1 {
		return turn, nil
	}
	y := g.YMM()
	load, err := x86.VMOVUPS(constant, y)
	if err != nil {
		return nil, err
	}
	out := []ir.Node{load}
	for _, node := range turn {
		in := node.(*ir.Instruction)
		ops := append([]operand.Op{y}, in.Operands[1:]...)
		same, err := withRegister[in.Opcode](ops)
		if err != nil {
			return nil, err
		}
		out = append(out, same)
	}
	return out, nil
}
