package verify

import (
	"errors"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/verify/field"
)

// normalSource draws inputs from N(0, scale²).
type normalSource struct {
	key   field.Key
	scale float64
}

func (s normalSource) input(name string, index int) float64 {
	k := s.key.Label(name)
	unit := func(j uint64) float64 { return (float64(k.Word(uint64(index), j)>>11) + 0.5) / (1 << 53) }
	return s.scale * math.Sqrt(-2*math.Log(unit(0))) * math.Cos(2*math.Pi*unit(1))
}

func (s normalSource) word(name string, index int) uint64 {
	k := s.key.Label(name)
	return k.Word(uint64(index), 2)
}

// showWitness replaces the residues of a witness, which say little to a reader, by values of both
// graphs in float64 at the real size, for inputs from N(0,1): at the entry of the witness, else at
// other entries. The residues stay in the reason; where the values agree the reason says so.
func (c *check) showWitness() {
	w := c.res.Witness
	if _, isInt := w.A.(int64); isInt {
		return
	}
	c.res.Reason += fmt.Sprintf(" (in the field: %v against %v)", w.A, w.B)
	in, err := c.analyse().solve(plan{blocks: 2, env: c.env, real: true, bind: true})
	if err != nil {
		c.res.Reason += "; no real size to show values of"
		return
	}
	c.limit = maxWitness
	tried := false
	for draw, scale := range []float64{1, 1, 4} {
		for _, places := range c.witnessPlaces(w) {
			src := normalSource{c.key.Label(fmt.Sprint("witness ", draw)), scale}
			ev, err := evaluatePlaces[float64](c, floatAlgebra{}, in, places, src)
			var large *errTooLarge
			switch {
			case errors.As(err, &large) && !tried:
				c.res.Reason += "; an entry of the real size is too large to show its values"
				return
			case err != nil:
				continue
			}
			tried = true
			if best := c.farthest(ev, places); best != nil {
				*w = *best
				return
			}
		}
	}
	c.res.Reason += "; in float64 the values agree at the entries that were tried, so the difference is one of special points, or smaller than float64 shows"
}

// maxWitness bounds the entries and terms that an evaluation for a witness may ask for.
const maxWitness = 1 << 21

// witnessPlaces is first the entry of the witness, then a few of all outputs.
func (c *check) witnessPlaces(w *Witness) [][][]int {
	one, many := make([][]int, len(c.a.Outputs)), make([][]int, len(c.a.Outputs))
	found := false
	for i, o := range c.a.Outputs {
		shape := c.realShape(c.a, o.Value)
		if o.Name == w.Output && len(shape) == len(w.Index) {
			at, inside := 0, true
			for ax, p := range w.Index {
				at, inside = at*shape[ax]+p, inside && p < shape[ax]
			}
			if inside {
				one[i], found = []int{at}, true
			}
		}
	}
	nums, err := c.numbersOf()
	if err != nil {
		nums = &numbers{sums: []int64{0}}
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

// farthest is the entry in which two evaluations differ most, relative to their size; nil: none does.
func (c *check) farthest(ev *pairOf[float64], places [][]int) *Witness {
	var best *Witness
	most := 0.0
	for i, a := range ev.outA {
		b := ev.outB[c.m.outputs[i]]
		for k, at := range places[i] {
			w := &Witness{Output: c.a.Outputs[i].Name, Index: index(at, c.realShape(c.a, c.a.Outputs[i].Value))}
			far := 0.0
			switch {
			case a.f == nil && a.i[k] != b.i[k]:
				far, w.A, w.B = math.Inf(1), a.i[k], b.i[k]
			case a.f == nil, !apart(a.f[k], b.f[k]), math.IsNaN(a.f[k]) && !c.opt.StrictNaN:
				continue
			default:
				w.A, w.B = printable(a.f[k]), printable(b.f[k])
				if far = math.Abs(a.f[k]-b.f[k]) / max(math.Abs(a.f[k]), math.Abs(b.f[k])); math.IsNaN(far) {
					far = math.Inf(1)
				}
			}
			if far > most {
				most, best = far, w
			}
		}
	}
	return best
}

// printable is a value as JSON has it: numbers that JSON has no form for are words.
func printable(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	return x
}
