package verify

import (
	"fmt"
	"math"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// Boolean and integer inputs are concrete: a test sees one assignment, and a difference may hide at
// another. This file counts the assignments that an output entry can see, so that enough tests are
// made for each of them (theory 1.5: a data-dependent bit), and gives masks over a reduced axis the
// patterns that theorem 4.2 asks for instead: labels of columns.

// labelCells says how integer and boolean inputs are drawn and what that costs.
type labelCells struct {
	cells      float64      // least probability of an assignment in one test
	numbers    float64      // log2 of the least range of an integer that becomes a number; 0: none does
	exhaustive map[int]bool // inputs of 8 bits of which each test draws the next value
	patterns   int          // of a mask of columns, which tests take in turn; 0: they are drawn
}

// findColumnMask looks for the only boolean input that masks columns: it is used, moved whole or
// negated, as the condition of where between floats and as the mask of attention, over one axis that is
// mixed, and an output entry sees one position of its other axes. Then the label of a column is one bit,
// and by theorem 4.2 the sets of labels that are present are all that matters: none, all, or both with
// as many columns each as without labels. It sets the input and the axis in s; positions, combining
// blocks and operators that tell columns apart, which make more labels, forbid it.
func (c *check) findColumnMask(s *sizing, fl *flow, free map[int]bool, axisOf func(int) int) {
	s.masked = -1
	if len(s.iota) > 0 {
		return
	}
	for i := range c.a.Inputs {
		v := c.a.Inputs[i].Value
		if c.a.Value(v).DType != ugraph.Bool {
			continue
		}
		dim := -1
		for ax, d := range c.a.Value(v).Shape {
			if !d.Is(1) && !free[s.find(s.slot(c.a, v, ax))] {
				if dim >= 0 {
					return
				}
				dim = ax
			}
		}
		if dim < 0 {
			continue
		}
		if s.masked >= 0 || !masksOnly(c.a, v) {
			s.masked = -1
			return
		}
		for j, k := range c.m.inputs {
			if k == i && !masksOnly(c.b, c.b.Inputs[j].Value) {
				return
			}
		}
		s.masked, s.maskedDim = i, dim
	}
	if s.masked < 0 {
		return
	}
	q := axisOf(s.slot(c.a, c.a.Inputs[s.masked].Value, s.maskedDim))
	for _, g := range s.order {
		for _, cut := range s.grids[g] {
			for _, rel := range s.rels {
				for _, part := range rel.parts {
					if s.find(part) == s.find(cut.parts) && axisOf(rel.whole) == q {
						s.masked = -1
						return
					}
				}
			}
		}
	}
	if s.columnsTold(q, axisOf) {
		s.masked = -1
		return
	}
	s.maskedAxis = q
}

// columnsTold tells whether anything but a cut of a kernel treats some positions of an axis otherwise than others: the
// axis is pinned, or one of the operators that meet it is not symmetric in its positions. Of a label that
// depends on such a treatment there are more patterns than theorem 4.2 counts.
func (s *sizing) columnsTold(q int, axisOf func(int) int) bool {
	for i := range s.pinned {
		if axisOf(i) == q {
			return true
		}
	}
	for _, g := range s.order {
		for i := range g.Nodes {
			if n := &g.Nodes[i]; n.Body == nil && !s.symmetric(g, n, q, axisOf) {
				return true
			}
		}
	}
	return false
}

// symmetric tells whether an operator commutes with every permutation of the positions of an axis that
// its operands or results carry.
func (s *sizing) symmetric(g *ugraph.Graph, n *ugraph.Node, q int, axisOf func(int) int) bool {
	carries := func(v ugraph.ValueID) (axes []int) {
		for ax := range g.Value(v).Shape {
			if axisOf(s.slot(g, v, ax)) == q {
				axes = append(axes, ax)
			}
		}
		return axes
	}
	any := false
	for _, v := range append(append([]ugraph.ValueID(nil), n.Args...), n.Results...) {
		any = any || len(carries(v)) > 0
	}
	if !any {
		return true
	}
	along := func(v ugraph.ValueID, def int64) bool {
		ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", def), g.Value(v).Rank())
		return err != nil || slices.Contains(carries(v), ax)
	}
	switch n.Op {
	case ugraph.OpReshape: // the axis is kept whole
		return len(carries(n.Args[0])) == len(carries(n.Results[0]))
	case ugraph.OpConcat, ugraph.OpSplit, ugraph.OpSlice:
		for _, v := range append(append([]ugraph.ValueID(nil), n.Args...), n.Results...) {
			if along(v, 0) {
				return false
			}
		}
		return true
	case ugraph.OpGather: // whose indices may run over the axis
		return !along(n.Args[0], 0)
	case ugraph.OpRope:
		rank := g.Value(n.Args[0]).Rank()
		return !slices.Contains(carries(n.Args[0]), rank-1)
	case ugraph.OpAttention:
		heads := g.Value(n.Args[0]).Rank() - 3 // groups of them share keys
		return !n.Attrs.Flag("causal") && slices.Contains(carries(n.Args[0]), heads) == slices.Contains(carries(n.Args[1]), heads)
	case ugraph.OpTranspose, ugraph.OpBroadcast, ugraph.OpLoad, ugraph.OpAccum, ugraph.OpRunning, ugraph.OpPrevious, ugraph.OpConst:
		return true
	}
	class := n.Op.Info().Class
	return class == ugraph.Elementwise || class == ugraph.Reduction || class == ugraph.Contraction || class == ugraph.Composite
}

// masksOnly tells whether a boolean value is only moved whole, negated, and used to mask floats.
func masksOnly(g *ugraph.Graph, v ugraph.ValueID) bool {
	for _, o := range g.Outputs {
		if o.Value == v {
			return false
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, a := range n.Args {
			if a != v {
				continue
			}
			ok := false
			switch {
			case n.Body != nil:
				ok = masksOnly(n.Body, n.Body.Inputs[k].Value)
			case n.Op == ugraph.OpWhere:
				ok = k == 0 && g.Value(n.Results[0]).DType.IsFloat()
			case n.Op == ugraph.OpAttention:
				ok = true
			case n.Op == ugraph.OpLoad, n.Op == ugraph.OpNot, n.Op == ugraph.OpReshape, n.Op == ugraph.OpBroadcast, n.Op == ugraph.OpTranspose:
				ok = masksOnly(g, n.Results[0])
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

// columnBit is entry k of the mask of columns: along every row of the masked axis, and in each of two
// halves of it where a loop cuts it, the labels are all 0, all 1, or take turns. Theorem 4.2 needs weights for that: the
// columns of an axis of its real size have any labels.
func (s *sizing) columnBit(word func(index int) uint64, shape []int, k int) int64 {
	inner := strides(shape)[s.maskedDim]
	n := shape[s.maskedDim]
	p := k / inner % n
	if s.maskedBits > 0 {
		return int64(word(k) & 1)
	}
	row := k/(inner*n)*inner + k%inner
	segment, length := 0, n
	if s.maskedLoop {
		length = (n + 1) / 2
		segment = p / length
	}
	r := word(2*row + segment)
	switch r % 3 {
	case 0:
		return 0
	case 1:
		return 1
	}
	return int64(p)&1 ^ int64(r>>32&1)
}

// columnPatterns is the number of patterns of a mask of columns: three in each half of what a loop cuts, or all.
func (s *sizing) columnPatterns() int {
	switch {
	case s.maskedBits > 0:
		return 1 << s.maskedBits
	case s.maskedLoop:
		return 9
	}
	return 3
}

// maxMaskBits bounds the columns without weights of which all masks are tried.
const maxMaskBits = 10

// columnPattern is entry k of the mask of columns where every row has the same pattern.
func (s *sizing) columnPattern(pattern int, shape []int, k int) int64 {
	if s.maskedBits > 0 {
		return int64(pattern >> (k / strides(shape)[s.maskedDim] % s.maskedBits) & 1)
	}
	half := [2]uint64{uint64(pattern % 3), uint64(pattern / 3 % 3)}
	return s.columnBit(func(k int) uint64 { return half[k&1] }, shape, k)
}

// integerSource draws the entries of an integer or boolean input.
func (c *check) integerSource(in *instance, i int, shape []int, word func(k int) uint64) func(k int) int64 {
	s := in.sizes
	lo, hi := c.integerRange(in, i)
	n := uint64(hi - lo)
	switch {
	case s.masked == i:
		if c.assignment >= 0 { // every row alike
			return func(k int) int64 { return s.columnPattern(c.assignment, shape, k) }
		}
		return func(k int) int64 { return s.columnBit(word, shape, k) }
	case in.different(i):
		return func(k int) int64 { return int64(in.firstRow[i] + k) }
	case c.exhaustive[i]:
		return func(k int) int64 { return lo + int64((uint64(k)*37+uint64(c.test))%n) }
	}
	return func(k int) int64 { return lo + int64(word(k)%n) }
}

// labelCells counts the assignments of integer and boolean inputs that one output entry sees, for
// instances of s in which the axes in free have one position per entry. columns: the mask of columns is
// drawn by its patterns.
func (c *check) labelCells(s *sizing, in *instance, free map[int]bool, columns bool) (*labelCells, error) {
	l := &labelCells{cells: 1, exhaustive: map[int]bool{}}
	logCells := 0.0
	for i := range c.a.Inputs {
		v := c.a.Inputs[i].Value
		dt := c.a.Value(v).DType
		if dt.IsFloat() {
			continue
		}
		seen := 1.0
		for ax := range c.a.Value(v).Shape {
			d, _, err := in.extent(c.a, v, ax)
			if err != nil {
				return nil, err
			}
			if !free[s.find(s.slot(c.a, v, ax))] {
				seen *= float64(d)
			}
		}
		use := c.integerUse(in, i)
		lo, hi := c.integerRange(in, i)
		if use.uneven {
			return nil, &errUndecided{fmt.Sprintf("entries of input %s are indices of tables of different extents: not all rows of the longer one would be looked up", c.a.Value(v).Name)}
		}
		if use.index && use.number {
			return nil, &errIntegers{fmt.Sprintf("input %s is an index and becomes a number, of which there are few in a small table", c.a.Value(v).Name)}
		}
		switch {
		case dt == ugraph.Bool && columns && i == s.masked:
			l.patterns = s.columnPatterns()
		case dt == ugraph.Bool:
			logCells -= seen
		case c.opaque != nil && use.computed && !use.index:
		case use.computed && c.opaque == nil && dt.Size() == 1 && seen == 1 && !use.index: // an index is drawn from the rows
			l.exhaustive[i] = true
		case use.computed && c.opaque == nil:
			return nil, &errIntegers{"an integer input is compared or computed with, which random values do not exhaust"}
		case use.index && in.different(i): // one assignment stands for all
		case use.index:
			logCells -= seen * math.Log2(float64(hi-lo))
		}
		if dt != ugraph.Bool && (c.opaque != nil && use.computed || !use.computed && (use.number || use.moved)) {
			logCells-- // signs
			if bits := math.Log2(float64(hi - lo)); l.numbers == 0 || bits < l.numbers {
				l.numbers = bits
			}
		}
	}
	if len(l.exhaustive) > 1 || len(l.exhaustive) == 1 && (logCells < 0 || l.patterns > 0) {
		return nil, &errIntegers{fmt.Sprintf("%d inputs of 8 bits are computed with beside other integers, which random values do not exhaust", len(l.exhaustive))}
	}
	if c.opaque != nil {
		logCells -= c.opaque.bits
		logCells-- // signs of opaque integers
		l.numbers = min(l.numbers, math.Log2(maxPosition))
	}
	l.cells = math.Exp2(logCells)
	if l.patterns > 0 && logCells < 0 { // beside other integers they are drawn, too
		l.cells /= float64(l.patterns)
		l.patterns = 0
	}
	return l, nil
}

// account takes the integer and boolean inputs into a bound.
func (b *bound) account(l *labelCells) {
	b.cells *= l.cells
	if l.numbers > 0 && b.weak != nil {
		b.log2 = 0 // exponents of integers of a short range coincide: the bound is void
	} else if l.numbers > 0 {
		// A polynomial of degree D in integers of a range R vanishes at a share of at most D/R; a determinant of the
		// arguments of exponentials is one, too, of the sum of their degrees.
		degree := float64(b.degree) + 1 + float64(b.terms)*float64(b.argDegree)
		b.log2 = math.Log2(math.Exp2(b.log2) + math.Exp2(math.Log2(degree)-l.numbers))
	}
}

// exhaustiveValues is the number of values of an integer of 8 bits.
const exhaustiveValues = 256

// eachValue is the number of tests of which each value of an integer of 8 bits takes as many as are given.
func (l *labelCells) eachValue(tests int) (int, error) {
	switch n := exhaustiveValues * tests; {
	case len(l.exhaustive) == 0:
		return tests, nil
	case n > maxTests:
		return 0, void(&errUndecided{fmt.Sprintf("%d tests would be needed of each value of an integer of 8 bits, more than %d of all", tests, maxTests)})
	default:
		return n, nil
	}
}

// boundOfLabels is the largest error of one test over assignments of boolean and integer inputs: all
// patterns of a mask of columns, or a few of many, which differ in which terms they leave.
func (c *check) boundOfLabels(in *instance, st setting) (*bound, error) {
	assignments := []int{0}
	switch s := in.sizes; {
	case s.masked >= 0 && s.maskedBits > 0:
		all := s.columnPatterns() - 1
		assignments = []int{0, all, all / 3, all / 5, 1}
	case s.masked >= 0:
		assignments = identity(s.columnPatterns())
	case c.hasLabels():
		assignments = identity(4)
	}
	defer func() { c.assignment = -1 }()
	var worst *bound
	for _, c.assignment = range assignments {
		b, err := c.bound(in, st)
		if err != nil {
			return nil, err
		}
		if worst == nil || b.log2 > worst.log2 {
			cells := 1.0
			if worst != nil {
				cells = worst.cells
			}
			worst, b.cells = b, min(b.cells, cells)
		}
	}
	return worst, nil
}

// hasLabels tells whether an input is boolean or integer.
func (c *check) hasLabels() bool {
	for _, in := range c.a.Inputs {
		if !c.a.Value(in.Value).DType.IsFloat() {
			return true
		}
	}
	return false
}

// seenBy counts the positions of an axis of a value that one output entry sees, on an instance in which the axes
// in free have one position per entry.
func (s *sizing) seenBy(in *instance, free map[int]bool) func(*ugraph.Graph, ugraph.ValueID, int) float64 {
	axisOf := s.axisOf()
	return func(g *ugraph.Graph, v ugraph.ValueID, ax int) float64 {
		q := axisOf(s.slot(g, v, ax))
		if free[q] {
			return 1
		}
		return float64(max(1, in.size[q]))
	}
}
