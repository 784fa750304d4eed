package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// arg is an operand of a case: computed (an input of the program), or fixed in the file.
type arg struct {
	elem  int64
	dims  []int
	vals  []float64
	fixed bool
}

// in is a float input of the values 0.5 apart around 0, in an order that is neither rising nor falling.
func in(dims ...int) arg { return arg{elem: tFloat, dims: dims, vals: spread(dims)} }

// of is a float input of given values.
func of(dims []int, vals ...float64) arg { return arg{elem: tFloat, dims: dims, vals: vals} }

// index is an i64 input, fixed an operand in the file.
func index(dims []int, vals ...float64) arg { return arg{elem: tI64, dims: dims, vals: vals} }

func fixed(a arg) arg { a.fixed = true; return a }

// list is a list of i64 in the file, scalar one float there.
func list(vals ...float64) arg { return fixed(index([]int{len(vals)}, vals...)) }

func scalar(x float64) arg { return fixed(of([]int{}, x)) }

// none is an absent optional input.
var none = arg{elem: -1}

func count(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func spread(dims []int) []float64 {
	n := count(dims)
	out := make([]float64, n)
	for i := range out {
		out[i] = 0.5*float64(i*7%n) - 0.25*float64(n) + 0.125
	}
	return out
}

// opCase is one node: its operands, and what its outputs must be by ONNX's definition.
type opCase struct {
	typ   string
	opset int64
	attrs attrs
	args  []arg
	want  func(a [][]float64) [][]float64
}

func (c opCase) model() []byte {
	g := graph{nodes: []op{{typ: c.typ, attrs: c.attrs, name: "node"}}}
	n := &g.nodes[0]
	var vals [][]float64
	for i, a := range c.args {
		name := fmt.Sprintf("a%d", i)
		vals = append(vals, a.vals)
		switch {
		case a.elem < 0:
			name = ""
		case a.fixed:
			g.inits = append(g.inits, a.tensor(name))
		default:
			dims := make([]any, len(a.dims))
			for j, d := range a.dims {
				dims[j] = d
			}
			g.inputs = append(g.inputs, value(name, a.elem, dims...))
		}
		n.in = append(n.in, name)
	}
	for i := range c.want(vals) {
		name := fmt.Sprintf("y%d", i)
		n.out = append(n.out, name)
		g.outputs = append(g.outputs, value(name, 0))
	}
	return g.model(c.opset)
}

// tensor encodes a fixed operand, floats in typed fields and the others raw.
func (a arg) tensor(name string) []byte {
	dims := make([]int64, len(a.dims))
	for i, d := range a.dims {
		dims[i] = int64(d)
	}
	var raw []byte
	for _, v := range a.vals {
		switch a.elem {
		case tFloat:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		case tI64:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v)))
		case tI32:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(int32(v)))
		default:
			raw = append(raw, byte(int64(v)))
		}
	}
	return rawTensor(name, a.elem, dims, raw)
}

func (c opCase) check(t *testing.T) {
	t.Helper()
	r := imported(t, c.model(), Options{})
	if len(r.Programs) != 1 {
		t.Fatalf("%d programs", len(r.Programs))
	}
	inputs, vals := map[string][]float64{}, [][]float64{}
	for i, a := range c.args {
		inputs[fmt.Sprintf("a%d", i)] = a.vals
		vals = append(vals, a.vals)
	}
	out := run(t, r, r.Programs[0], nil, inputs)
	for i, want := range c.want(vals) {
		name := fmt.Sprintf("y%d", i)
		compare(t, name, out[name], want)
	}
}

// each applies a function of one number, both one of two numbers of equal or scalar operands.
func mapped(f func(x float64) float64) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		out := make([]float64, len(a[0]))
		for i, x := range a[0] {
			out[i] = f(x)
		}
		return [][]float64{out}
	}
}

func zipped(f func(x, y float64) float64) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		out := make([]float64, len(a[0]))
		for i, x := range a[0] {
			out[i] = f(x, a[1][i%len(a[1])])
		}
		return [][]float64{out}
	}
}

// is gives the values themselves.
func is(want ...[]float64) func([][]float64) [][]float64 {
	return func([][]float64) [][]float64 { return want }
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Every operator of the table has a case, and each case's numbers come out.
func TestOperators(t *testing.T) {
	tested := map[string]bool{}
	for i, c := range allCases() {
		tested[c.typ] = true
		t.Run(fmt.Sprintf("%s_%d", c.typ, i), func(t *testing.T) { c.check(t) })
	}
	for name, row := range operators {
		if row.doc == "" {
			t.Errorf("%s has no doc", name)
		}
		if !tested[name] {
			t.Errorf("%s has no case", name)
		}
	}
}
