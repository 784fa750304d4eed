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
// trip over both does, and what the trips store is compared in the same way. The instance has two
// trips; the same inputs and weights are evaluated again in one. ev's outputs are those of two trips.
func (c *check) induction(sp *field.Space, ev *pairOf[field.Value], in *instance, st setting) error {
	once, err := evaluateBoth[field.Value](c, fieldAlgebra{sp}, in.singleTrip(), st, &fieldSource{s: sp})
	if err != nil {
		return err
	}
	for _, g := range in.sizes.order {
		if g.Loop == nil {
			continue
		}
		for _, k := range [][2]map[*ugraph.Graph][]*tensor[field.Value]{{ev.accA, once.accA}, {ev.accB, once.accB}} {
			if err := sameStates(fieldAlgebra{sp}, g, k[0][g], k[1][g]); err != nil {
				return err
			}
		}
		for _, k := range [][2]map[*ugraph.Graph][]*tensor[field.Value]{{ev.tripA, once.tripA}, {ev.tripB, once.tripB}} {
			for i, x := range k[0][g] {
				if err := sameTensor(x, k[1][g][i], "what the loop stores", true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func sameStates(alg algebra[field.Value], g *ugraph.Graph, two, one []*tensor[field.Value]) error {
	if len(two) != len(one) {
		return &errInduction{"the number of accumulators depends on the trips"}
	}
	carried := false
	for i := range g.Nodes {
		op := g.Nodes[i].Op
		carried = carried || op == ugraph.OpRunning || op == ugraph.OpPrevious || op == ugraph.OpAccum && len(g.Nodes[i].Args) == 2
	}
	for k, x := range two {
		x, partial := finished(alg, x)
		y, also := finished(alg, one[k])
		if (partial || also) && carried {
			// The state of a sum that is not finished is more than its total.
			return &errInduction{"a partial sum beside a state that the loop carries"}
		}
		if err := sameTensor(x, y, "an accumulator", false); err != nil {
			return err
		}
	}
	return nil
}

// finished adds up the partial sums along the axes that a loop folded: each trip adds its own total to
// theirs, so that the totals are the state of a loop that carries nothing else.
func finished(alg algebra[field.Value], t *tensor[field.Value]) (*tensor[field.Value], bool) {
	partial := false
	for ax := range t.axes {
		if !t.axes[ax].part {
			continue
		}
		partial = true
		sum := t.slice(ax, 0, 1)
		for p := 1; p < t.shape[ax]; p++ {
			next := t.slice(ax, p, p+1)
			out := like(sum, sum.dt)
			for i := range out.f {
				out.f[i] = alg.add(sum.f[i], next.f[i])
			}
			for i := range out.i {
				out.i[i] = wrapInt(out.dt, sum.i[i]+next.i[i])
			}
			sum = out
		}
		t = sum
	}
	return t, partial
}

// sameTensor compares what two trips leave with what one trip leaves. An output may be undefined, after
// both; a state may not, since what is made of it later need not be.
func sameTensor(x, y *tensor[field.Value], what string, output bool) error {
	if !equalInts(x.shape, y.shape) {
		return &errInduction{"the extent of " + what + " depends on the tile"}
	}
	for i := range x.f {
		if output && x.f[i].Kind == field.Undef && y.f[i].Kind == field.Undef {
			continue
		}
		if x.f[i].Kind == field.Undef || y.f[i].Kind == field.Undef {
			return &errInduction{what + " is undefined after some trips (a fully masked tile?)"}
		}
		if !x.f[i].Same(y.f[i]) {
			return &errInduction{what + " is not the same after two trips as after one trip over both tiles"}
		}
	}
	for i := range x.i {
		if x.i[i] != y.i[i] {
			return &errInduction{what + " is not the same after two trips as after one trip over both tiles"}
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
