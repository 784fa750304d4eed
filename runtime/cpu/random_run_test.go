package cpu

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// TestRandomGraphs runs drawn graphs on devices of 1, 2 and 3 threads, each twice with the same inputs and
// then at other sizes of its symbols, into outputs that lie at odd offsets and hold the bytes of another
// result: every run must give the same bytes, and values near the interpreter's in float64.
func TestRandomGraphs(t *testing.T) {
	draws := uint64(600)
	if testing.Short() {
		draws /= 10
	}
	devices := []*Device{New(1), New(2), New(3)}
	for _, d := range devices {
		defer d.Close()
	}
	legal := uint64(0)
	for seed := range draws {
		r := rand.New(rand.NewPCG(seed, 7))
		src := drawGraph(r, r.IntN(2) == 0)
		ran, err := runDrawn(src, r, devices)
		if err != nil {
			t.Errorf("seed %d: %v\n%s", seed, err, src)
		}
		if ran {
			legal++
		}
	}
	if 2*legal < draws {
		t.Errorf("of %d drawn graphs %d are legal, want half of them at least", draws, legal)
	}
}

// runDrawn checks one text on every device. It reports false for one that is no legal graph, and for one
// whose symbols no input shows, which Run cannot bind.
func runDrawn(src string, r *rand.Rand, devices []*Device) (ran bool, err error) {
	gs, err := text.Parse("drawn.ug", []byte(src))
	if err != nil {
		return false, nil
	}
	g := gs[0]
	envs := []ugraph.Env{{}}
	if len(g.Symbols) > 0 {
		envs = []ugraph.Env{{}, {}, {}, {}}
		for _, s := range g.Symbols {
			if !shown(g, s.Name) {
				return false, nil
			}
			first := 1 + r.Int64N(40)
			for i, n := range []int64{first, 1 + r.Int64N(40), 1, first} {
				envs[i][s.Name] = n
			}
		}
	}
	var programs []*Program
	for _, env := range envs {
		in, values, err := drawInputs(g, env, r)
		if err != nil {
			return true, err
		}
		want, err := interp.Run(interp.Float64{}, g, values, env)
		if err != nil {
			return false, nil // a rule that only sizes break
		}
		if programs == nil {
			for _, d := range devices {
				p, err := d.Load(g, nil)
				if err != nil {
					return true, fmt.Errorf("load: %w", err)
				}
				programs = append(programs, p)
			}
		}
		var first map[string]*tensor.Tensor
		for i, p := range programs {
			for run := range 2 {
				where := fmt.Sprintf("sizes %v, %d threads, run %d", env, devices[i].Threads(), run)
				out, err := offsetOutputs(p, env, r)
				if err != nil {
					return true, fmt.Errorf("%s: %w", where, err)
				}
				if err := p.Run(context.Background(), in, out); err != nil {
					return true, fmt.Errorf("%s: %w", where, err)
				}
				if first == nil {
					first = out
				}
				for o, output := range g.Outputs {
					got := out[output.Name]
					if !bytes.Equal(got.Data, first[output.Name].Data) {
						return true, fmt.Errorf("%s: output %s: not the bytes of the first run", where, output.Name)
					}
					if err := nearDrawn(got, want[o]); err != nil {
						return true, fmt.Errorf("%s: output %s: %w", where, output.Name, err)
					}
				}
			}
		}
	}
	return true, nil
}

// shown reports whether an input has the symbol in its shape.
func shown(g *ugraph.Graph, symbol string) bool {
	for _, x := range g.Inputs {
		if strings.Contains(fmt.Sprint(g.Value(x.Value).Shape), symbol) {
			return true
		}
	}
	return false
}

// drawInputs draws every input at an offset of some elements, N(0,1) or integers with both ends of their
// dtype in reach, and the same values for the interpreter.
func drawInputs(g *ugraph.Graph, env ugraph.Env, r *rand.Rand) (map[string]*tensor.Tensor, []*interp.Tensor[float64], error) {
	in := map[string]*tensor.Tensor{}
	var values []*interp.Tensor[float64]
	for _, x := range g.Inputs {
		v := g.Value(x.Value)
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			return nil, nil, err
		}
		n := 1
		for _, e := range shape {
			n *= int(e)
		}
		offset := int(v.DType.Size()) * r.IntN(5)
		d, err := tensor.Wrap(v.DType, shape, make([]byte, n*int(v.DType.Size())+offset)[offset:])
		if err != nil {
			return nil, nil, err
		}
		floats, ints := make([]float64, n), make([]int64, n)
		for i := range n {
			d.SetFloat64(i, drawElement(v.DType, r))
			floats[i] = d.Float64At(i)
			ints[i] = int64(floats[i])
		}
		in[v.Name] = d
		var value *interp.Tensor[float64]
		if v.DType.IsFloat() {
			value, err = interp.FromFloats(v.DType, shape, floats)
		} else {
			value, err = interp.FromInts[float64](v.DType, shape, ints)
		}
		if err != nil {
			return nil, nil, err
		}
		values = append(values, value)
	}
	return in, values, nil
}

func drawElement(t ugraph.DType, r *rand.Rand) float64 {
	switch {
	case t == ugraph.Bool:
		return float64(r.IntN(2))
	case t == ugraph.I8:
		return float64(r.IntN(256) - 128)
	case t == ugraph.U8:
		return float64(r.IntN(256))
	case t.IsInt() && r.IntN(4) == 0:
		return float64(int32(r.Uint32()))
	case t.IsInt():
		return float64(r.IntN(256))
	}
	return r.NormFloat64()
}

// offsetOutputs makes outputs one to three elements into their memory, all bits set (1 for bools).
func offsetOutputs(p *Program, env ugraph.Env, r *rand.Rand) (map[string]*tensor.Tensor, error) {
	out, err := p.OutputTensors(env)
	if err != nil {
		return nil, err
	}
	for _, o := range p.graph.Outputs {
		x, fill := out[o.Name], byte(0xff)
		if x.DType == ugraph.Bool {
			fill = 1
		}
		offset := int(x.DType.Size()) * (1 + r.IntN(3))
		memory := bytes.Repeat([]byte{fill}, len(x.Data)+offset)
		if out[o.Name], err = tensor.Wrap(x.DType, x.Shape, memory[offset:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nearDrawn compares an output with the interpreter's: integers and bools must be equal, and floats within a
// few units of their storage, |got - want| ≤ tol (1 + |want|).
func nearDrawn(got *tensor.Tensor, want *interp.Tensor[float64]) error {
	tol, most := 3e-4, math.Inf(1)
	switch got.DType {
	case ugraph.F16:
		tol, most = 4e-3, 6e4 // beyond it rounding may overflow
	case ugraph.BF16:
		tol = 2e-2
	}
	for i := range got.Len() {
		g := got.Float64At(i)
		if !got.DType.IsFloat() {
			if g != float64(want.Ints[i]) {
				return fmt.Errorf("element %d is %g, want %d", i, g, want.Ints[i])
			}
			continue
		}
		w := want.Data[i]
		same := g == w || math.IsNaN(g) && math.IsNaN(w) || math.Abs(w) > most
		if !same && !(math.Abs(g-w) <= tol*(1+math.Abs(w))) {
			return fmt.Errorf("element %d is %g, want %g", i, g, w)
		}
	}
	return nil
}
