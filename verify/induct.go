package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// errInduction reports a loop whose state after two trips is not that of one trip over both tiles.
type errInduction struct{ what string }

func (e *errInduction) Error() string { return "no induction over the loop: " + e.what }

// singleTrip is the same instance with every loop run in one trip over its whole extent.
func (in *instance) singleTrip() *instance {
	s := in.sizes
	one := *in
	one.size = append([]int(nil), in.size...)
	for _, g := range s.order {
		l, ok := s.loops[g]
		if !ok {
			continue
		}
		one.size[s.find(l.parts)] = 1
		for _, rel := range s.rels {
			switch {
			case rel.kind == product && len(rel.parts) == 2 && s.find(rel.parts[0]) == s.find(l.parts):
				one.size[s.find(rel.parts[1])] = in.size[s.find(rel.whole)]
			case rel.kind == tiled && s.find(rel.parts[1]) == s.find(l.parts):
				one.size[s.find(rel.parts[0])] = in.size[s.find(rel.whole)]
			}
		}
	}
	// What a tile is reshaped to follows.
	memory := s.inMemory()
	for range 4 {
		for _, rel := range s.rels {
			if rel.kind != product {
				continue
			}
			rest, free := 1, -1
			for _, q := range rel.parts {
				if r := s.find(q); memory[r] || free >= 0 {
					rest *= one.size[r]
				} else {
					free = r
				}
			}
			if w := one.size[s.find(rel.whole)]; free >= 0 && w != rest*one.size[free] && w != in.size[s.find(rel.whole)] && w%rest == 0 {
				one.size[free] = w / rest
			}
		}
	}
	return &one
}

// induction proves loops by induction on their trips (theory 4.3). The closed form of the
// accumulators over a set of columns is taken to be what one trip over all of them computes; then
// update(state(T), B) = state(T ∪ B) says that two trips over T and B leave the accumulators as one
// trip over both does. The instance has two trips; the same inputs and weights are evaluated again
// in one. ev's outputs are those of two trips.
func (c *check) induction(sp *field.Space, ev *pairOf[field.Value], in *instance, st setting) error {
	once, err := evaluateBoth[field.Value](c, fieldAlgebra{sp}, in.singleTrip(), st, &fieldSource{s: sp})
	if err != nil {
		return err
	}
	for k, twice := range []map[*ugraph.Graph][]*tensor[field.Value]{ev.accA, ev.accB} {
		single := []map[*ugraph.Graph][]*tensor[field.Value]{once.accA, once.accB}[k]
		for _, g := range in.sizes.order {
			if g.Loop == nil {
				continue
			}
			if err := sameStates(g, twice[g], single[g]); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameStates(g *ugraph.Graph, two, one []*tensor[field.Value]) error {
	if len(two) != len(one) {
		return &errInduction{"the number of accumulators depends on the trips"}
	}
	carried := false
	phases, _ := ugraph.Phases(g)
	for i := range g.Nodes {
		op := g.Nodes[i].Op
		carried = carried || op == ugraph.OpRunning || op == ugraph.OpPrevious || op == ugraph.OpAccum && len(g.Nodes[i].Args) == 2
		if op == ugraph.OpMax || op == ugraph.OpMin || op == ugraph.OpMean {
			// Not additive over tiles: a term of the sum may depend on what shares its tile.
			carried = carried || phases[g.Nodes[i].Results[0]] == ugraph.InLoop
		}
	}
	for k, x := range two {
		y := one[k]
		for _, a := range append(append([]axis(nil), x.axes...), y.axes...) {
			if a.part {
				if carried {
					return &errInduction{"a partial sum beside a state that the loop carries"}
				}
				// Every term has its weight and is only added: no induction is needed.
				x = nil
				break
			}
		}
		if x == nil {
			continue
		}
		if !equalInts(x.shape, y.shape) {
			return &errInduction{"an accumulator's extent depends on the tile"}
		}
		for i := range x.f {
			if x.f[i].Kind == field.Undef || y.f[i].Kind == field.Undef {
				return &errInduction{"an accumulator is undefined after some trips (a fully masked tile?)"}
			}
			if !x.f[i].Same(y.f[i]) {
				return &errInduction{"two trips do not leave an accumulator as one trip over both tiles does"}
			}
		}
		for i := range x.i {
			if x.i[i] != y.i[i] {
				return &errInduction{"two trips do not leave an accumulator as one trip over both tiles does"}
			}
		}
	}
	return nil
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
