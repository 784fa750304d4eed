package field

import (
	"slices"
)

// Max is the maximum of the values under the space's model; −∞ for none.
//
// Model S: the sorted set of the arguments' keys, nested maxima flattened; one element is itself.
// The set of a maximum is found again by its value, so moves and double negation keep it.
func (s *Space) Max(vs ...Value) Value {
	var few [64]Value
	live := few[:0]
	for _, v := range vs {
		switch v.Kind {
		case Undef:
			return v
		case PosInf:
			return s.infiniteMax(vs)
		case NegInf:
		default:
			live = append(live, v)
		}
	}
	domain := int32(0)
	for i := range vs { // a maximum is undefined where any argument is
		domain = s.join(domain, vs[i].Domain)
	}
	if len(live) == 0 {
		v := Infinity(-1)
		v.Domain = domain
		return v
	}
	live = greatestNumber(live)
	switch s.Model {
	case H:
		best := live[0]
		for _, v := range live[1:] {
			if s.rankOf(best) < s.rankOf(v) {
				best = v
			}
		}
		best.Domain = domain
		return best
	case Q:
		live = s.distinct(live)
		if len(live) > 2 && !s.Transitive(live) {
			return s.fail(&Redraw{"an order by squares that is not transitive"})
		}
		best := live[0]
		for _, v := range live[1:] {
			if s.squareLess(best, v) {
				best = v
			}
		}
		if len(live) > 1 {
			best.Sign = s.signOfMax(live)
		}
		best.Domain = domain
		return best
	}
	if len(live) == 1 {
		live[0].Domain = domain
		return live[0]
	}
	keys := make([]uint64, 0, len(live)+8)
	for i := range live {
		k := s.key(&live[i])
		if set, ok := s.sets[k]; ok {
			keys = append(keys, set...)
		} else {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 1 {
		best := live[0]
		for i := range live { // the one with most components
			if live[i].Mask == s.full {
				best = live[i]
				break
			}
		}
		best.Domain = domain
		return best
	}
	s.Lossy = true
	k := s.opaque.Label("max")
	for _, x := range keys[:len(keys)-1] {
		k = k.Derive(x, uint64(len(keys)))
	}
	s.Applications += len(live) + 1
	v := Value{Mask: s.full}
	k.residues(s.Chain, s.N, keys[len(keys)-1], uint64(len(keys)), &v.C)
	v.Sign, v.Domain = s.signOfMax(live), domain
	s.sets[s.key(&v)] = keys
	return v
}

// distinct drops values that are equal to earlier ones.
func (s *Space) distinct(live []Value) []Value {
	out := live[:0]
	for _, v := range live {
		if !slices.ContainsFunc(out, v.Same) {
			out = append(out, v)
		}
	}
	return out
}

// greatestNumber drops all numbers but the greatest.
func greatestNumber(live []Value) []Value {
	best := -1
	out := live[:0]
	for _, v := range live {
		switch {
		case !v.Number:
			out = append(out, v)
		case best < 0:
			best = len(out)
			out = append(out, v)
		case v.N > out[best].N:
			out[best] = v
		}
	}
	return out
}

// infiniteMax is a maximum in which +∞ occurs.
func (s *Space) infiniteMax(vs []Value) Value {
	top := Infinity(1)
	for _, v := range vs {
		if v.Kind == Undef {
			return v
		}
		top.Domain = s.join(top.Domain, v.Domain)
	}
	return top
}

// rankOf is the place of an element in model H's weak order.
func (s *Space) rankOf(v Value) uint64 {
	k := s.key(&v)
	s.rank[k] = struct{}{}
	s.Lossy = true
	s.Applications++
	return s.order.Word(k, 0) % s.OrderLevels
}

// squareLess is model Q's a < b: b−a has a positive sign for every input, or a square in the top component.
func (s *Space) squareLess(a, b Value) bool {
	d := s.Sub(b, a)
	s.Lossy = true
	if d.Kind != Ord || d.IsTag() {
		s.fail(&Unsupported{"the square order of infinities or logarithms"})
		return false
	}
	t := s.N - 1
	if d.Mask>>t&1 == 0 {
		s.noComponent()
		return false
	}
	if d.Sign != Unsigned {
		return d.Sign > 0
	}
	if d.C[t] == 0 {
		if !d.zero() {
			s.fail(&Redraw{"a tie of two values that differ"})
		}
		return false
	}
	return s.Chain.Pr[t].IsSquare(d.C[t])
}

// Transitive tells whether model Q's order was transitive on the elements of a reduced set.
func (s *Space) Transitive(vs []Value) bool {
	wins := make([]bool, len(vs)+1)
	for i := range vs {
		n := 0
		for j := range vs {
			if i != j && s.squareLess(vs[j], vs[i]) {
				n++
			}
		}
		if wins[n] { // a tournament is transitive iff its scores are 0, 1, …, n−1
			return false
		}
		wins[n] = true
	}
	return true
}

// Cmp is −1, 0 or +1 for a < b, a = b, a > b. ok is false where either is undefined (every
// comparison with NaN is false). Tags, equal values and differences of known sign are decided in
// every model; the rest by H's or Q's order.
func (s *Space) Cmp(a, b Value) (c int, ok bool) {
	if a.Domain|b.Domain != 0 { // the truth value does not carry it
		d := &s.Decided[s.Side]
		*d = s.join(*d, s.join(a.Domain, b.Domain))
	}
	switch {
	case a.Kind == Undef || b.Kind == Undef:
		return 0, false
	case a.IsTag() || b.IsTag():
		return level(a) - level(b), true
	case a.Same(b):
		return 0, true
	case a.Number && b.Number:
		if a.N < b.N {
			return -1, true
		}
		return 1, true
	}
	if s.Model == S {
		if a.Kind == Ord && b.Kind == Ord {
			if d := s.Sub(a, b); d.Sign.Strict() {
				return int(d.Sign) / 2, true
			}
		}
		s.fail(&NeedOrder{"a comparison of two values"})
		return 0, true
	}
	if s.Model == Q {
		if s.squareLess(a, b) {
			return -1, true
		}
		return 1, true
	}
	ra, rb := s.rankOf(a), s.rankOf(b)
	switch {
	case ra < rb:
		return -1, true
	case ra > rb:
		return 1, true
	}
	return 0, true
}

func level(v Value) int {
	switch v.Kind {
	case NegInf:
		return -1
	case PosInf:
		return 1
	}
	return 0
}
