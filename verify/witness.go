package verify

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/verify/field"
)

// family is one way to draw real inputs that may show a difference. N(0,1) shows most; zeros and
// negative numbers show where one graph divides by what the other does not, or takes its root or
// logarithm; small integers show ties.
type family struct {
	name string
	of   func(normal float64, coin uint64) float64
}

var families = []family{
	{"N(0,1)", func(x float64, _ uint64) float64 { return x }},
	{"N(0,1), every other entry 0", func(x float64, coin uint64) float64 { return x * float64(coin&1) }},
	{"small integers", func(x float64, _ uint64) float64 { return math.RoundToEven(x) }},
	{"N(0,1)", func(x float64, _ uint64) float64 { return x }},
	{"4 · N(0,1)", func(x float64, _ uint64) float64 { return 4 * x }},
	{"zeros", func(float64, uint64) float64 { return 0 }},
	{"10^10 · N(0,1)", func(x float64, _ uint64) float64 { return 1e10 * x }}, // beyond finite masks
	{"-|N(0,1)|", func(x float64, _ uint64) float64 { return -math.Abs(x) }},
}

// familySource draws inputs of a family.
type familySource struct {
	key field.Key
	family
}

func (s familySource) input(name string, index int) float64 {
	k := s.key.Label(name)
	unit := func(j uint64) float64 { return (float64(k.Word(uint64(index), j)>>11) + 0.5) / (1 << 53) }
	return s.of(math.Sqrt(-2*math.Log(unit(0)))*math.Cos(2*math.Pi*unit(1)), k.Word(uint64(index), 3))
}

func (s familySource) word(name string, index int) uint64 {
	k := s.key.Label(name)
	return k.Word(uint64(index), 2)
}

// floatWitness looks for an entry in which the graphs differ clearly in float64, at the real size: first
// at the entry of hint, if there is one, else at other entries. Where the real size is too large, all entries
// of a small instance are looked at, whose columns are repeated to the real extents. Both graphs are evaluated again with every
// result jittered by a few roundings: a difference counts if it is far above what that changes.
// Infinities and NaN of the candidate count only where special says so: they may be overflow. how
// says which inputs showed it, or what kept it from being found.
func (c *check) floatWitness(hint *Witness, special bool) (found *Witness, how string) {
	defer func(limit int) { c.limit = limit }(c.limit)
	how = "there is no real size to evaluate in float64"
	in, err := c.analyse().solve(plan{blocks: 2, env: c.env, real: true, bind: true})
	if err == nil {
		groups := c.witnessPlaces(hint)
		found, how = c.tryFamilies(hint, special, len(groups), func(alg floatAlgebra, src familySource, group int) (*pairOf[float64], [][]int, error) {
			c.limit = maxWitness >> (2 * group) // one entry may cost more than several
			ev, err := evaluatePlaces[float64](c, alg, in, groups[group], src)
			return ev, groups[group], err
		})
	}
	if how != tooLarge && err == nil {
		return found, how
	}
	if in, err = c.analyse().solve(plan{blocks: 2, trips: 2, env: c.env, weigh: true}); err != nil {
		return nil, how
	}
	st := setting{weighted: true, lenient: true}
	found, small := c.tryFamilies(hint, special, 1, func(alg floatAlgebra, src familySource, _ int) (*pairOf[float64], [][]int, error) {
		ev, err := evaluateBoth[float64](c, alg, in, st, src)
		return ev, nil, err
	})
	if small == tooLarge {
		return nil, how
	}
	return found, small + ", on a small instance of repeated columns"
}

const tooLarge = "an entry of the real size is too large to evaluate in float64"

// tryFamilies evaluates both graphs on the families of inputs by eval, at each of some groups of entries.
func (c *check) tryFamilies(hint *Witness, special bool, groups int, eval func(floatAlgebra, familySource, int) (*pairOf[float64], [][]int, error)) (*Witness, string) {
	tryOut := families
	if hint == nil {
		tryOut = families[:3] // there is no sign of a difference
	}
	tried := false
	for draw, f := range tryOut {
		src := familySource{c.key.Label(fmt.Sprint("witness ", draw)), f}
		for group := range groups {
			ev, places, err := eval(floatAlgebra{}, src, group)
			if c.ctx.Err() != nil {
				return nil, c.ctx.Err().Error()
			}
			if err != nil {
				continue
			}
			tried = true
			if c.farthest(ev, nil, places, special) == nil {
				continue
			}
			var jittered []*pairOf[float64]
			for k := range uint64(2) {
				if again, _, err := eval(floatAlgebra{jitter: &jitter{key: src.key, at: k << 32}}, src, group); err == nil {
					jittered = append(jittered, again)
				}
			}
			if len(jittered) < 2 {
				continue
			}
			if w := c.farthest(ev, jittered, places, special); w != nil {
				return w, "for inputs " + f.name
			}
		}
		if !tried {
			return nil, tooLarge
		}
	}
	return nil, "in float64 the values agree at the entries and inputs that were tried"
}

// maxWitness bounds the entries and terms that an evaluation for a witness may ask for.
const maxWitness = 1 << 20

// witnessPlaces is first the entry of the hint, then a few of all outputs.
func (c *check) witnessPlaces(w *Witness) [][][]int {
	one, many := make([][]int, len(c.a.Outputs)), make([][]int, len(c.a.Outputs))
	found := false
	for i, o := range c.a.Outputs {
		shape := c.realShape(c.a, o.Value)
		if w != nil && o.Name == w.Output && len(shape) == len(w.Index) {
			at, inside := 0, true
			for ax, p := range w.Index {
				at, inside = at*shape[ax]+p, inside && p < shape[ax]
			}
			if inside {
				one[i], found = []int{at}, true
			}
		}
	}
	nums, err := c.numbersOf(c.analyse())
	if err != nil {
		nums = &numbers{single: []int64{0}, sums: []int64{0}}
	}
	sm, err := c.sampled(nums)
	if err != nil {
		return nil
	}
	for i, ps := range sm.places {
		for k := 0; k < len(ps); k += max(1, len(ps)/16) {
			many[i] = append(many[i], ps[k])
		}
	}
	if !found {
		return [][][]int{many}
	}
	return [][][]int{one, many}
}

// clear is how many times as large as its noise a difference must be, leastFar the least relative
// difference that is looked at.
const (
	clear    = 1024
	leastFar = 1e-13
)

// farthest is the entry in which two evaluations differ most, relative to their size; nil: none does
// clearly. again are evaluations with jitter; none: any difference will do. places are the entries that were
// evaluated; nil: all of an instance.
func (c *check) farthest(ev *pairOf[float64], again []*pairOf[float64], places [][]int, special bool) *Witness {
	var best *Witness
	most := leastFar
	for i, a := range ev.outA {
		j := c.m.outputs[i]
		b := ev.outB[j]
		for k := range elements(a.shape) {
			far := 0.0
			w := &Witness{Output: c.a.Outputs[i].Name, Index: index(k, a.shape)}
			if places != nil {
				w.Index = index(places[i][k], c.realShape(c.a, c.a.Outputs[i].Value))
			}
			if a.f == nil {
				w.A, w.B = a.i[k], b.i[k]
				if a.i[k] != b.i[k] {
					far = math.Inf(1)
				}
				for _, p := range again {
					if p.outA[i].i[k] != a.i[k] || p.outB[j].i[k] != b.i[k] {
						far = 0
					}
				}
			} else {
				w.A, w.B = printable(a.f[k]), printable(b.f[k])
				if far = c.apart(a.f[k], b.f[k], special); far > most && len(again) > 0 && far <= clear*noise(again, i, j, k, a.f[k], b.f[k]) {
					far = 0
				}
			}
			if far > most {
				most, best = far, w
			}
		}
	}
	return best
}

// apart is the relative difference of two values, +Inf where one of them is special and that counts.
func (c *check) apart(x, y float64, special bool) float64 {
	switch {
	case x == y:
		return 0
	case finite(x) && finite(y):
		return math.Abs(x-y) / max(math.Abs(x), math.Abs(y))
	case math.IsNaN(x): // where the program is undefined nothing is asked of the candidate
		if c.opt.StrictNaN && !math.IsNaN(y) {
			return math.Inf(1)
		}
	case special:
		return math.Inf(1)
	}
	return 0
}

// noise is how far jitter moves the two values of an entry, relative to them.
func noise(again []*pairOf[float64], i, j, k int, x, y float64) float64 {
	most := 0.0
	for _, p := range again {
		u, v := p.outA[i].f[k], p.outB[j].f[k]
		switch {
		case finite(x) != finite(u) || finite(y) != finite(v):
			return math.Inf(1)
		case finite(x) && finite(y):
			most = max(most, (math.Abs(x-u)+math.Abs(y-v))/max(math.Abs(x), math.Abs(y)))
		}
	}
	return most
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// printable is a value as JSON has it: numbers that JSON has no form for are words.
func printable(x float64) any {
	if !finite(x) {
		return fmt.Sprint(x)
	}
	return x
}
