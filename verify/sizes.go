package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// undefinedSizes says which sizes of the program the candidate does not take, "" where it takes all of
// them: a graph that is right where it is defined is no replacement for a program that is defined
// elsewhere too. Symbols are matched by name, as the shapes of inputs are.
func undefinedSizes(a, b *ugraph.Graph) string {
	for _, s := range a.Symbols {
		t, ok := b.Symbol(s.Name)
		if !ok {
			continue // no input of b has it, and none of a: match compares their shapes
		}
		lo, hi := s.At(s.Lo), s.At(s.Hi)
		sparse := s.Multiple%t.Multiple == 0 || lo == hi && lo%t.Multiple == 0
		if lo < t.Lo || hi > t.Hi || !sparse {
			return fmt.Sprintf("the second graph is not defined at all sizes of the first: %s for %s, but only %s for %s", sizesOf(s), a.Name, sizesOf(t), b.Name)
		}
	}
	return ""
}

// sizesOf is the range of a symbol as a program states it.
func sizesOf(s ugraph.Symbol) string {
	text := fmt.Sprintf("%d <= %s <= %d", s.Lo, s.Name, s.Hi)
	if s.Multiple > 1 {
		text += fmt.Sprintf(", %s %% %d == 0", s.Name, s.Multiple)
	}
	return text
}
