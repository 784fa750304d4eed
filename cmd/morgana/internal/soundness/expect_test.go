package soundness

import (
	"math"
	"math/rand/v2"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// expected is an output of a program in float64, with its bound, and which of its rows are compared.
type expected struct {
	name     string
	row      int // elements of a row
	group    int // elements of as few trailing axes as hold 32, as tensor.Compare has them
	ref      []number
	open     []bool // by row: depends on a decision that the bound leaves open
	infinite []bool // by row: not finite when run plain
}

// expect computes a program's outputs with their bounds.
func expect(g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) ([]*expected, error) {
	b := &bounded{wide: wide(g)}
	first, err := runBounded(b, g, env, in)
	if err != nil {
		return nil, err
	}
	plain, err := runPlain(g, env, in)
	if err != nil {
		return nil, err
	}
	out := make([]*expected, len(g.Outputs))
	for i, o := range g.Outputs {
		x := first[i]
		e := &expected{name: o.Name, row: 1, ref: elements(x)}
		if n := len(x.Shape); n > 0 {
			e.row = int(x.Shape[n-1])
		}
		e.group = 1
		for a := len(x.Shape) - 1; a >= 0 && e.group < 32; a-- {
			e.group *= int(x.Shape[a])
		}
		rows, rounded := len(e.ref)/e.row, interp.Floats(plain[i])
		e.open, e.infinite = make([]bool, rows), make([]bool, rows)
		for j, v := range e.ref {
			p := rounded[j]
			e.infinite[j/e.row] = e.infinite[j/e.row] || !finite(v.v) || !finite(p)
			e.open[j/e.row] = e.open[j/e.row] || !finite(v.e)
		}
		out[i] = e
	}
	if b.open == 0 {
		return out, nil
	}
	r := rand.New(rand.NewPCG(1, uint64(b.open)))
	moved := make([][]float64, len(out)) // by how much the decisions move an element, all runs together
	for i, e := range out {
		moved[i] = make([]float64, len(e.ref))
	}
	for again := range 5 {
		flip := &bounded{wide: b.wide, flip: func() bool { return again == 0 || r.IntN(2) == 0 }}
		other, err := runBounded(flip, g, env, in)
		if err != nil {
			return nil, err
		}
		for i, e := range out {
			for j, v := range elements(other[i]) {
				d := math.Abs(v.v - e.ref[j].v)
				moved[i][j] += d
				if !(d <= e.ref[j].e) {
					e.open[j/e.row] = true
				}
			}
		}
	}
	for i, e := range out {
		for j := range e.ref {
			e.ref[j].e += moved[i][j]
		}
	}
	return out, nil
}

// wide tells whether a program has no floats but f64.
func wide(g *ugraph.Graph) bool {
	for _, v := range g.Values {
		if v.DType.IsFloat() && v.DType != ugraph.F64 {
			return false
		}
	}
	return true
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// elements are those of a tensor; integers are exact.
func elements(t *interp.Tensor[number]) []number {
	if t.Data != nil {
		return t.Data
	}
	out := make([]number, len(t.Ints))
	for i, v := range t.Ints {
		out[i].v = float64(v)
	}
	return out
}

func runBounded(b *bounded, g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) ([]*interp.Tensor[number], error) {
	args := make([]*interp.Tensor[number], len(g.Inputs))
	for i, x := range g.Inputs {
		v := g.Values[x.Value]
		t := in[v.Name]
		var err error
		if args[i], err = interp.New[number](v.DType, t.Shape); err != nil {
			return nil, err
		}
		for j, x := range floats(t) {
			if args[i].Data != nil {
				args[i].Data[j].v = x
			} else {
				args[i].Ints[j] = int64(x)
			}
		}
	}
	return interp.Run[number](b, g, args, env)
}

// runPlain runs the program as it is written, rounded operator by operator.
func runPlain(g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) ([]*interp.Tensor[float64], error) {
	args := make([]*interp.Tensor[float64], len(g.Inputs))
	for i, x := range g.Inputs {
		v := g.Values[x.Value]
		t := in[v.Name]
		var err error
		if args[i], err = interp.FromFloats(v.DType, t.Shape, floats(t)); err != nil {
			return nil, err
		}
	}
	return interp.Run[float64](interp.Rounded{}, g, args, env)
}

// count adds the output's rows to a tally.
func (e *expected) count(t *tally) {
	for r := range e.open {
		t.Rows++
		switch {
		case e.infinite[r]:
			t.Infinite++
		case e.open[r]:
			t.Open++
		default:
			t.Kept += e.row
			size, bound := 0.0, 0.0
			for _, x := range e.ref[r*e.row : (r+1)*e.row] {
				size, bound = max(size, math.Abs(x.v)), max(bound, x.e)
			}
			if bound > size/8 {
				t.Wide++
			}
		}
	}
}

// compare is the greatest distance of a graph's result from float64 as a share of what is allowed, and where. Allowed is,
// for each element, its bound in the program or that in the graph itself (own), whichever is more, and for each
// group of elements the greatest bound of one of them in the program: a sum that is distributed over may cancel in an
// element as the program's did not, but never more than its row shows. What has no error has to be equal.
func (e *expected) compare(got *tensor.Tensor, own []number) (worst float64, at int) {
	values := floats(got)
	for start := 0; start < len(values); start += e.group {
		most := 0.0
		for _, x := range e.ref[start : start+e.group] {
			if finite(x.e) {
				most = max(most, x.e)
			}
		}
		for i := start; i < start+e.group; i++ {
			x := e.ref[i]
			if r := i / e.row; e.open[r] || e.infinite[r] {
				continue
			}
			share := 0.0
			if d := math.Abs(values[i] - x.v); d != 0 {
				share = d / min(most, max(x.e, own[i].e))
			}
			if share > worst || math.IsNaN(share) {
				worst, at = share, i
			}
			if math.IsNaN(share) {
				return worst, at
			}
		}
	}
	return worst, at
}

// floats are the elements of a tensor, integers among them: drawn programs have none beyond 2^53.
func floats(t *tensor.Tensor) []float64 {
	if t.DType.IsFloat() {
		return t.Float64s()
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = float64(t.Int64At(i))
	}
	return out
}
