package tensor

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/morgana-ml/morgana/ugraph"
)

// FillKind says how Random fills a tensor.
type FillKind uint8

// The kinds of random inputs (the command's `run` without --input).
const (
	// Normal: floats N(0, 1); i8 and u8 uniform over the type, i32 and i64 uniform in [−128, 127];
	// bool a fair coin.
	Normal FillKind = iota
	// Weight: as Normal, floats N(0, 1/fan_in), so that a product with it keeps its input's scale;
	// fan_in is the second to last extent, or the only one of a vector, or 1.
	Weight
	// Index: integers uniform in [0, Limit).
	Index
	// Position: 0 … n−1 along the last axis, the same in every row.
	Position
)

// Fill is a kind of random input with its parameter.
type Fill struct {
	Kind  FillKind
	Limit int64 // of Index
}

// Inputs makes the inputs of a graph by Random, under their names and of the shapes that they have in env; those in
// given are kept. Errors: those of fill and Random, and of a symbol without a value.
func Inputs(g *ugraph.Graph, env ugraph.Env, seed int64, given map[string]*Tensor, fill func(input int) (Fill, error)) (map[string]*Tensor, error) {
	out := map[string]*Tensor{}
	for i, in := range g.Inputs {
		v := g.Values[in.Value]
		if t := given[v.Name]; t != nil {
			out[v.Name] = t
			continue
		}
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			return nil, err
		}
		f, err := fill(i)
		if err != nil {
			return nil, err
		}
		if out[v.Name], err = Random(v.DType, shape, seed, v.Name, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Random returns a tensor of seeded values, each rounded once to dtype. They depend on nothing but
// the arguments: not on other tensors, the number of threads, or the order of calls. Between
// processor architectures a normal variate may differ in its last float64 bit (math.Log).
// Errors: those of New; Index for a type that is not an integer, or with a Limit below 1 or beyond
// the type; Position beyond the type.
func Random(dtype ugraph.DType, shape []int64, seed int64, name string, fill Fill) (*Tensor, error) {
	t, err := New(dtype, shape...)
	if err != nil {
		return nil, err
	}
	rng := stream(seed, name)
	switch fill.Kind {
	case Normal, Weight:
		t.fillNormal(rng, fill.Kind == Weight)
	case Index:
		if !dtype.IsInt() {
			return nil, fmt.Errorf("input %s: an index must be an integer, not %v", name, dtype)
		}
		if fill.Limit < 1 || float64(fill.Limit-1) > dtype.Max() {
			return nil, fmt.Errorf("input %s: an index below %d does not fit %v", name, fill.Limit, dtype)
		}
		for i := range t.Len() {
			t.SetInt64(i, rng.Int64N(fill.Limit))
		}
	case Position:
		last := int64(1)
		if len(shape) > 0 {
			last = shape[len(shape)-1]
		}
		if dtype.IsInt() && float64(last-1) > dtype.Max() {
			return nil, fmt.Errorf("input %s: %d positions do not fit %v", name, last, dtype)
		}
		for i := range t.Len() {
			t.SetInt64(i, int64(i)%last)
		}
	default:
		return nil, fmt.Errorf("input %s: unknown kind of fill %d", name, fill.Kind)
	}
	return t, nil
}

func (t *Tensor) fillNormal(rng *rand.Rand, weight bool) {
	switch {
	case t.DType.IsFloat():
		scale := 1.0
		if weight {
			scale = 1 / math.Sqrt(float64(fanIn(t.Shape)))
		}
		for i := range t.Len() {
			storeFloat(t.DType, t.Data, i, rng.NormFloat64()*scale)
		}
	case t.DType.IsBool():
		for i := range t.Data {
			t.Data[i] = byte(rng.Uint64() & 1)
		}
	default:
		low := int64(-128)
		if t.DType == ugraph.U8 {
			low = 0
		}
		for i := range t.Len() {
			t.SetInt64(i, low+rng.Int64N(256))
		}
	}
}

// fanIn is the number of terms of a dot product with a weight of this shape: x @ W contracts the
// second to last axis of W.
func fanIn(shape []int64) int64 {
	switch n := len(shape); {
	case n >= 2:
		return max(1, shape[n-2])
	case n == 1:
		return max(1, shape[0])
	}
	return 1
}

// stream returns the generator of one tensor: PCG keyed by a hash of seed and name, so that names
// give independent streams.
func stream(seed int64, name string) *rand.Rand {
	key := binary.LittleEndian.AppendUint64([]byte("morgana input\x00"), uint64(seed))
	sum := sha256.Sum256(append(key, name...))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}
