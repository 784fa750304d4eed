package ugraph

// Phase says when a value of a block graph has its value.
type Phase uint8

// The phases: whole tensors that only load reads, values computed once before the loop, in each trip,
// and after the loop.
const (
	Whole Phase = iota
	Before
	InLoop
	After
)

var phaseNames = [...]string{"whole", "before", "in", "after"}

func (p Phase) String() string { return phaseNames[p] }

// Phases returns the phase of every value of a block graph, and the first node whose operands are
// of the loop and of after it at once (-1: none; such a graph is not legal).
func Phases(g *Graph) ([]Phase, NodeID) {
	ps := make([]Phase, len(g.Values))
	bad := NodeID(-1)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		p := Before
		switch n.Op {
		case OpIota:
			p = Whole
		case OpLoad:
			if n.Attrs.Int("loop", -1) >= 0 {
				p = InLoop
			}
		case OpAccum:
			p = After
		case OpRunning, OpPrevious:
			p = InLoop
		default:
			in, after := false, false
			for _, a := range n.Args {
				in = in || ps[a] == InLoop
				after = after || ps[a] == After
			}
			switch {
			case in && after:
				if bad < 0 {
					bad = NodeID(i)
				}
				p = After
			case in:
				p = InLoop
			case after:
				p = After
			}
		}
		for _, r := range n.Results {
			ps[r] = p
		}
	}
	return ps, bad
}
