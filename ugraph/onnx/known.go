package onnx

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxKnown is the greatest number of elements that an import looks at one by one.
const maxKnown = 1 << 16

// known are the elements of a tensor, where the import knows them: sizes are polynomials in the symbols,
// so that the arithmetic on shapes that exporters write is done here and not by the program. Either ints
// (integers and bool) or floats is used; with fill one element stands for all.
type known struct {
	ints   []ugraph.Dim
	floats []float64
	fill   bool
}

// tensor is what is known of one tensor of the model.
type tensor struct {
	name   string // in the model
	ident  string // in the program
	typ    ugraph.Type
	known  *known  // its elements, or nil
	weight *Weight // where it comes from the file, or from the elements that a fold found
	given  bool    // an input of the model
	fault  string  // why nothing is known of it: what made it has no form in the language

	level int // the program that computes it; -1: the caller gives it
	ids   map[int]ugraph.ValueID
}

// elements is the number of elements, where that is a number.
func (t *tensor) elements() (int64, bool) { return elements(t.typ) }

func elements(t ugraph.Type) (int64, bool) { return ugraph.Elements(t.Shape).Const() }

// knownTensor returns a tensor of known elements.
func knownTensor(dt ugraph.DType, shape []ugraph.Dim, k *known) *tensor {
	return &tensor{typ: ugraph.Type{DType: dt, Shape: shape}, known: k, level: -1}
}

// sizes returns a known i64 tensor with one axis.
func sizes(ds []ugraph.Dim) *tensor {
	return knownTensor(ugraph.I64, ugraph.Ds(int64(len(ds))), &known{ints: ds})
}

// dims returns the elements of a known integer tensor, repeated where one stands for all.
func (t *tensor) dims() ([]ugraph.Dim, error) {
	n, ok := t.elements()
	switch {
	case t.known == nil:
		return nil, fmt.Errorf("%s must be known when the model is imported; it is computed", t.label())
	case t.typ.DType.IsFloat():
		return nil, fmt.Errorf("%s must hold integers, it is %s", t.label(), t.typ)
	case !ok || n > maxKnown:
		return nil, fmt.Errorf("%s has more elements than an import looks at (%d)", t.label(), maxKnown)
	case !t.known.fill:
		return t.known.ints, nil
	}
	out := make([]ugraph.Dim, n)
	for i := range out {
		out[i] = t.known.ints[0]
	}
	return out, nil
}

// numbers returns the elements of a known integer tensor, which must be numbers.
func (t *tensor) numbers() ([]int64, error) {
	ds, err := t.dims()
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(ds))
	for i, d := range ds {
		n, ok := d.Const()
		if !ok {
			return nil, fmt.Errorf("%s must be a number, it is %s", t.label(), d)
		}
		out[i] = n
	}
	return out, nil
}

// number returns the one value of a known tensor whose elements are all that value.
func (t *tensor) number() (ugraph.Number, error) {
	switch k := t.known; {
	case k == nil:
		return ugraph.Number{}, fmt.Errorf("%s must be known when the model is imported; it is computed", t.label())
	case len(k.floats) == 1:
		return ugraph.Float(k.floats[0])
	case len(k.ints) == 1:
		if n, ok := k.ints[0].Const(); ok {
			return ugraph.Int(n), nil
		}
		return ugraph.Number{}, fmt.Errorf("%s must be a number, it is %s", t.label(), k.ints[0])
	}
	return ugraph.Number{}, fmt.Errorf("%s must have one element, it is %s", t.label(), t.typ)
}

// label is how messages call a tensor.
func (t *tensor) label() string {
	if t.name == "" {
		return "an intermediate tensor"
	}
	return fmt.Sprintf("tensor %q", t.name)
}

// uniform tells whether one known number or size stands for all elements.
func (t *tensor) uniform() bool {
	return t.known != nil && len(t.known.ints)+len(t.known.floats) == 1
}

// counts tells whether the elements are integers that a program can count.
func (t *tensor) counts() bool {
	_, step, ok := t.known.progression()
	return ok && (t.typ.DType == ugraph.I64 || t.typ.DType == ugraph.I32) && step > -1<<30 && step < 1<<30
}

// progression tells whether known integers are start, start + step, …: then a program counts them.
func (k *known) progression() (start, step int64, ok bool) {
	if k.fill || len(k.ints) < 2 {
		return 0, 0, false
	}
	a, okA := k.ints[0].Const()
	b, okB := k.ints[1].Const()
	if !okA || !okB || a > math.MaxInt32 || a < math.MinInt32 || b > math.MaxInt32 || b < math.MinInt32 {
		return 0, 0, false
	}
	for i, d := range k.ints {
		n, isNumber := d.Const()
		if !isNumber || n-a != int64(i)*(b-a) {
			return 0, 0, false
		}
	}
	return a, b - a, true
}
