//go:build ignore

package main

import (
	"slices"

	"github.com/mmcloughlin/avo/ir"
)

// Comments that mark the instructions of one vector, and the end of the last vector of a block.
const (
	vectorMark = "vector"
	vectorsEnd = "end of vectors"
)

// interleave mixes the instructions of the vectors of each marked block one by one, and removes the
// marks. A vector's instructions depend on each other one after the other, and a processor sees too
// few of them at once to find the next vector's by itself. The vectors use different registers, so
// the order among them is free.
func interleave(f *ir.File) {
	for _, fn := range f.Functions() {
		var out []ir.Node
		var vectors [][]ir.Node
		for _, node := range fn.Nodes {
			switch c, _ := node.(*ir.Comment); {
			case c != nil && slices.Contains(c.Lines, vectorMark):
				vectors = append(vectors, nil)
			case c != nil && slices.Contains(c.Lines, vectorsEnd):
				out = append(out, roundRobin(vectors)...)
				vectors = nil
			case len(vectors) > 0:
				vectors[len(vectors)-1] = append(vectors[len(vectors)-1], node)
			default:
				out = append(out, node)
			}
		}
		fn.Nodes = out
	}
}

// roundRobin takes one node from each list in turn.
func roundRobin(lists [][]ir.Node) (out []ir.Node) {
	for i := 0; ; i++ {
		taken := len(out)
		for _, l := range lists {
			if i < len(l) {
				out = append(out, l[i])
			}
		}
		if len(out) == taken {
			return out
		}
	}
}
