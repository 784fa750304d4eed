package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// A mask compares positions: one with a number, one with another, or with the greatest position of its
// axis. Its truth does not change beyond a distance that is known, so the columns that theorem 4.2 retains
// can be moved together, and an instance with room for them has every outcome that a larger one has
// (the argument is in doc.go). Every other use of a position is a use as a number, for which only the real size speaks.

// placeMask is a comparison of the position along one axis with a number, or with that along another.
type placeMask struct {
	axes  []int // one or two
	far   int64 // differences that are greater by their absolute value all compare as their signs say
	left  bool  // positions count from the start of their axes
	right bool  // or from the end
	fixed bool  // one position: its distance from an end of the axis is compared
}

// compareOps end a chain of positions in a mask.
var compareOps = map[ugraph.Op]bool{
	ugraph.OpLess: true, ugraph.OpLessEqual: true, ugraph.OpEqual: true, ugraph.OpGreater: true, ugraph.OpGreaterEqual: true,
}

// compare records the masks of a comparison of two integers.
func (u *placeUse) compare(op ugraph.Op, x, y form) {
	if !x.known() || !y.known() {
		u.number("a comparison of positions with data")
		return
	}
	for _, a := range x.alts {
		for _, b := range y.alts {
			u.mask(op, a.plus(-1, b))
		}
	}
}

// mask records the comparison of an affine function with 0.
func (u *placeUse) mask(op ugraph.Op, d affine) {
	if len(d.terms) == 0 {
		return
	}
	m := placeMask{}
	ends := map[int]int64{} // coefficients of greatest positions
	sum := int64(0)
	var extent ugraph.Dim
	sameExtent, first := true, true
	for _, t := range d.terms {
		if real := u.s.real[t.axis]; first {
			extent, first = real, false
		} else {
			sameExtent = sameExtent && real == extent
		}
		if t.last {
			ends[t.axis] += t.coef
			continue
		}
		if t.coef != 1 && t.coef != -1 {
			u.number("a multiple of a position")
			return
		}
		m.axes = append(m.axes, t.axis)
		sum += t.coef
	}
	if len(m.axes) == 0 || len(m.axes) > 2 || len(m.axes) == 2 && sum != 0 {
		u.number("a comparison of %d positions that is no difference of two", len(m.axes))
		return
	}
	// The reach: d = P + lit changes its truth between two neighbouring values of P.
	low, high := -d.lit, -d.lit // P = low … high are the values beside a change
	switch op {
	case ugraph.OpLess, ugraph.OpGreaterEqual:
		low--
	case ugraph.OpLessEqual, ugraph.OpGreater:
		high++
	default:
		low, high = low-1, high+1
	}
	m.far = max(0, high-1, -low-1)
	net, paired := int64(0), true
	left := map[int]int64{}
	for q, k := range ends {
		net += k
		left[q] += k
	}
	for _, t := range d.terms {
		if !t.last {
			left[t.axis] += t.coef
		}
	}
	for _, k := range left {
		paired = paired && k == 0
	}
	none := true
	for _, k := range ends {
		none = none && k == 0
	}
	switch {
	case len(m.axes) == 2 && m.axes[0] == m.axes[1] && none:
		m.left, m.right = true, true
	case none:
		m.left = true
	case paired:
		m.right = true
	case sameExtent && (net == 0 || len(m.axes) == 1 && net == -sum):
		// The extents are one number: the axes have one size in the instance, too.
		for q := range ends {
			for _, p := range m.axes {
				u.s.equal = append(u.s.equal, [2]int{min(p, q), max(p, q)})
			}
		}
		m.left, m.right = net == 0, net != 0
	default:
		u.number("a comparison with the extent of another axis")
		return
	}
	m.fixed = len(m.axes) == 1
	u.masks = append(u.masks, m)
}

// causal is the mask of an attention: the last query sees every key.
func (u *placeUse) causal(g *ugraph.Graph, n *ugraph.Node) {
	qs, ks := g.Value(n.Args[0]), g.Value(n.Args[1])
	i, j := qs.Rank()-2, ks.Rank()-2
	if qs.Shape[i].Is(1) {
		return
	}
	q, k := u.axisOf(u.s.slot(g, n.Args[0], i)), u.axisOf(u.s.slot(g, n.Args[1], j))
	if qs.Cut(i).IsCut() || ks.Cut(j).IsCut() {
		u.number("causal attention of tiles")
		return
	}
	// key − last key ≤ query − last query
	u.mask(ugraph.OpLessEqual, affine{terms: []placeTerm{{axis: k, coef: 1}}}.plus(-1, affine{terms: []placeTerm{{axis: k, last: true, coef: 1}}}).
		plus(-1, affine{terms: []placeTerm{{axis: q, at: 1, coef: 1}}}).plus(1, affine{terms: []placeTerm{{axis: q, last: true, coef: 1}}}))
}

// onlyTimesZero tells whether every use of a value multiplies it by the literal 0.
func onlyTimesZero(g *ugraph.Graph, v ugraph.ValueID) bool {
	zero := func(w ugraph.ValueID) bool {
		d := g.Value(w).Node
		return d >= 0 && g.Nodes[d].Op == ugraph.OpConst && g.Nodes[d].Attrs.Num("value", ugraph.Int(1)).Cmp(ugraph.Int(0)) == 0
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, a := range n.Args {
			if a == v && (n.Op != ugraph.OpMul || !zero(n.Args[1-k])) {
				return false
			}
		}
	}
	for _, o := range g.Outputs {
		if o.Value == v {
			return false
		}
	}
	return true
}

// maskGroup is a set of axes whose positions are compared with each other.
type maskGroup struct {
	axes        []int
	far         int64
	left, right bool // every mask counts from the start, from the end
	start, end  bool // a mask compares positions with the start, with the end
	self        bool // positions of one axis are compared with each other
}

// groups joins the axes that masks compare, in order of their first mask.
func groups(masks []placeMask) []*maskGroup {
	of := map[int]*maskGroup{}
	var all []*maskGroup
	for _, m := range masks {
		g := of[m.axes[0]]
		if g == nil {
			g = &maskGroup{left: true, right: true, axes: []int{m.axes[0]}}
			of[m.axes[0]] = g
			all = append(all, g)
		}
		if len(m.axes) == 2 {
			g.join(of, m.axes[1])
			g.self = g.self || m.axes[0] == m.axes[1]
		}
		g.far = max(g.far, m.far)
		g.left, g.right = g.left && m.left, g.right && m.right
		g.start, g.end = g.start || m.fixed && m.left, g.end || m.fixed && m.right
	}
	var out []*maskGroup
	for _, g := range all {
		if len(g.axes) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// join takes an axis and its group into g.
func (g *maskGroup) join(of map[int]*maskGroup, q int) {
	h := of[q]
	switch {
	case h == g:
	case h == nil:
		of[q] = g
		g.axes = append(g.axes, q)
	default:
		for _, a := range h.axes {
			of[a] = g
		}
		g.axes = append(g.axes, h.axes...)
		g.far = max(g.far, h.far)
		g.left, g.right = g.left && h.left, g.right && h.right
		g.start, g.end, g.self = g.start || h.start, g.end || h.end, g.self || h.self
		h.axes = nil
	}
}

// placePositions makes the axes whose positions are used large enough for every mask, or keeps
// their real size where positions are numbers. out counts the indices of an output entry per axis,
// looped has the axes that a loop cuts, reduced those that a reduction takes.
func (c *check) placePositions(s *sizing, need, out map[int]int, looped, reduced map[int]bool, axisOf func(int) int) error {
	if len(s.iota) == 0 {
		return nil
	}
	u := &placeUse{s: s, axisOf: axisOf, highest: c.highest()}
	u.follow(c.a, nil)
	u.follow(c.b, nil)
	var all []*maskGroup
	if u.numbers == "" {
		all = groups(u.masks)
	}
	for _, g := range all {
		// Both ends of an axis are points that columns lie before or behind: the axes must have one extent.
		for _, q := range g.axes[1:] {
			if s.real[q] != s.real[g.axes[0]] {
				u.number("a comparison of positions along axes of different extents")
			}
			s.equal = append(s.equal, [2]int{g.axes[0], q})
		}
	}
	if u.numbers != "" {
		s.equal = nil
		for i := range s.iota {
			s.pin(i, "positions are used as numbers: "+u.numbers)
			s.pin(axisOf(i), "positions are used as numbers: "+u.numbers)
		}
		return nil
	}
	least := ugraph.Env{}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		for _, x := range g.Symbols {
			if n, ok := least[x.Name]; !ok || x.Lo < n {
				least[x.Name] = x.Lo
			}
		}
	}
	for _, g := range all {
		if err := g.place(s, need, out, looped, reduced, least); err != nil {
			return err
		}
	}
	return nil
}

// place makes the axes of a group large enough.
func (g *maskGroup) place(s *sizing, need, out map[int]int, looped, reduced map[int]bool, least ugraph.Env) error {
	if g.far > maxOffset {
		return &errUndecided{fmt.Sprintf("a mask with the number %d is beyond any small instance", g.far)}
	}
	points, loops, gap := 0, 0, int(g.far)+1
	columns := func(q int) int { return max(1, need[q], out[q]) }
	for _, q := range g.axes {
		points += columns(q)
		if looped[q] {
			loops++
		}
		if reduced[q] {
			gap = 2*int(g.far) + 2 // room for a column that is far from both ends of a gap
		}
	}
	const anchors = 2 // the start and the end
	size := (points-1+anchors)*gap + 1
	longest := 0
	for _, q := range g.axes {
		if looped[q] {
			longest = max(longest, 2*((points-columns(q)/2+anchors)*gap))
		}
	}
	size = max(size, longest)
	if size > maxMasked {
		return &errUndecided{fmt.Sprintf("a mask with the number %d needs an instance of %d positions", g.far, size)}
	}
	beyond := 0
	if loops > 0 && g.far > 0 {
		if loops > 1 || g.self {
			return &errUndecided{"a mask with a distance in a loop over the axis of its own rows"}
		}
		beyond = int(g.far) + 1
	}
	for _, q := range g.axes {
		need[q] = size
		if !looped[q] {
			need[q] += beyond
		}
		s.reach[q] = need[q]
		if _, number := s.number(q); number {
			continue
		}
		if short, err := s.real[q].Eval(least); err != nil || short < int64(need[q]) {
			return &errUndecided{fmt.Sprintf("an axis of extent %s may be as short as %d, where masks have outcomes that they do not have on %d positions", s.real[q], short, need[q])}
		}
	}
	return nil
}

// highest is the greatest value of an extent at the bounds of all symbols.
func (c *check) highest() func(ugraph.Dim) (int64, bool) {
	env := ugraph.Env{}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		for _, s := range g.Symbols {
			env[s.Name] = max(env[s.Name], s.At(s.Hi))
		}
	}
	return func(d ugraph.Dim) (int64, bool) {
		n, err := d.Eval(env)
		return n, err == nil
	}
}

// placed reports sizes of an instance for which the masks are not proved.
func (s *sizing) placed(in *instance) error {
	for _, p := range s.equal {
		if in.size[s.find(p[0])] != in.size[s.find(p[1])] {
			return &errUndecided{"two axes of one extent have different sizes in the small instance, and a mask compares their ends"}
		}
	}
	for q, n := range s.reach {
		if real, ok := s.number(q); ok {
			n = min(n, real)
		}
		if in.size[s.find(q)] < n {
			return &errUndecided{fmt.Sprintf("an axis of extent %s is shorter in the small instance than its masks reach", s.real[q])}
		}
	}
	return nil
}

const (
	maxOffset = 1024 // bounds the integer literals beside positions that an instance is enlarged for
	maxMasked = 4096 // bounds the positions of an axis with masks
)
