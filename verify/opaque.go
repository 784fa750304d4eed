package verify

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// Integers that are computed from integer inputs cannot be exhausted by random values. Where both graphs
// apply the same operators to them, they need not: an elementwise integer operator of data is an opaque
// function, one fresh value per operator and operands (theory 1.3). What is equal so is equal for every
// meaning of the operators, and for theirs. Only laws of integers are lost.

// dataKind says how an integer or boolean value depends on integer inputs.
type dataKind uint8

const (
	noData  dataKind = iota
	moved            // entries of inputs
	drawn            // results of opaque functions, or picked by them
	refused          // no meaning here
)

// opaqueInts are the integer operators of both graphs that are opaque functions.
type opaqueInts struct {
	names map[*ugraph.Node]string // of functions
	rows  map[*ugraph.Node]bool   // operators whose index is a result of one: any row
	bits  float64                 // of the assignments of opaque values that decide, as log2
	seen  map[string]bool         // signatures that are counted

	alike map[*ugraph.Node]bool // lookups of the program, and those of the candidate whose index it reads an axis by that is no longer
}

// errIntegers reports integers that random values do not exhaust.
type errIntegers struct{ what string }

func (e *errIntegers) Error() string { return "not verifiable: " + e.what }

// findOpaque makes the integer operators of both graphs opaque functions. count is the number of positions of an
// axis that one output entry sees.
func (c *check) findOpaque(count func(g *ugraph.Graph, v ugraph.ValueID, ax int) float64) (*opaqueInts, error) {
	o := &opaqueInts{names: map[*ugraph.Node]string{}, rows: map[*ugraph.Node]bool{}, seen: map[string]bool{}, alike: map[*ugraph.Node]bool{}}
	for side, g := range []*ugraph.Graph{c.a, c.b} {
		for _, k := range c.lookups(side) {
			o.alike[k.node] = side == 0 || c.alike(&k)
		}
		kinds := make([]dataKind, len(g.Inputs))
		sigs := make([]string, len(g.Inputs))
		for k, in := range g.Inputs {
			if g.Value(in.Value).DType.IsInt() {
				kinds[k] = moved
			}
			sigs[k] = inputName(k)
			if side == 1 {
				sigs[k] = inputName(c.m.inputs[k])
			}
		}
		if _, err := o.follow(g, kinds, sigs, count); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *opaqueInts) follow(g *ugraph.Graph, inputs []dataKind, sigs []string, count func(*ugraph.Graph, ugraph.ValueID, int) float64) ([]dataKind, error) {
	kind := make([]dataKind, len(g.Values))
	for i, in := range g.Inputs {
		kind[in.Value] = inputs[i]
	}
	sig := signatures(g, sigs)
	seen := func(v ugraph.ValueID) float64 {
		n := 1.0
		for ax := range g.Value(v).Shape {
			n *= count(g, v, ax)
		}
		return n
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args, text := make([]dataKind, len(n.Args)), make([]string, len(n.Args))
		for k, a := range n.Args {
			args[k], text[k] = kind[a], sig[a]
		}
		if n.Body != nil {
			outs, err := o.follow(n.Body, args, text, count)
			if err != nil {
				return nil, err
			}
			for k, r := range n.Results {
				kind[r] = outs[k]
			}
			continue
		}
		k, name := integerData(g, n, args)
		if k == refused {
			return nil, &errIntegers{fmt.Sprintf("%s of integers that depend on an input", n.Op)}
		}
		for _, r := range n.Results {
			if kind[r] = k; g.Value(r).DType.IsFloat() {
				kind[r] = noData
			}
		}
		if name != "" {
			o.names[n] = name
			if r := n.Results[0]; g.Value(r).DType.IsBool() && !o.seen[sig[r]] {
				o.seen[sig[r]] = true
				o.bits += seen(r)
			}
		}
		if (n.Op == ugraph.OpGather || n.Op == ugraph.OpScatterAdd) && args[1] == drawn {
			o.rows[n] = true
			ax, _ := ugraph.NormalAxis(n.Attrs.Int("axis", 0), g.Value(n.Args[0]).Rank())
			if !o.alike[n] {
				return nil, &errIntegers{fmt.Sprintf("%s: the candidate computes an index of an axis of extent %s in a way that the program does not; whether it stays in range wherever the program's indices do is not decided", n.Op, g.Value(n.Args[0]).Shape[ax])}
			}
			if o.seen["rows "+sig[n.Args[1]]] {
				continue
			}
			o.seen["rows "+sig[n.Args[1]]] = true
			o.bits += seen(n.Args[1]) * math.Log2(count(g, n.Args[0], ax))
		}
	}
	out := make([]dataKind, len(g.Outputs))
	for i, q := range g.Outputs {
		if out[i] = kind[q.Value]; out[i] != noData && q.Store != nil && q.Store.Reduce != "" {
			return nil, &errIntegers{"blocks combine integers that depend on an input"}
		}
	}
	return out, nil
}

// integerData is what becomes of integers of inputs in one operator, and the name of the opaque function
// that it is, if it is one.
func integerData(g *ugraph.Graph, n *ugraph.Node, args []dataKind) (dataKind, string) {
	joint := slices.Max(append(slices.Clone(args), noData))
	if joint == noData {
		return noData, ""
	}
	to := g.Value(n.Results[0]).DType
	from := g.Value(n.Args[0]).DType
	switch n.Op {
	case ugraph.OpLoad, ugraph.OpReshape, ugraph.OpTranspose, ugraph.OpBroadcast, ugraph.OpSlice, ugraph.OpSplit, ugraph.OpConcat, ugraph.OpWhere:
		return joint, ""
	case ugraph.OpGather:
		if args[0] != noData && args[1] != noData {
			return drawn, ""
		}
		return joint, ""
	case ugraph.OpScatterAdd:
		if to.IsFloat() {
			return noData, ""
		}
		return refused, ""
	case ugraph.OpRope, ugraph.OpUniform, ugraph.OpAttention:
		return noData, ""
	case ugraph.OpCast:
		if to.IsFloat() || from.IsBool() || to.IsInt() && to.Size() > from.Size() {
			return joint, ""
		}
	}
	if n.Op.Info().Class != ugraph.Elementwise || n.Op == ugraph.OpCast && !to.IsInt() && !to.IsBool() {
		return refused, ""
	}
	logical := true // operators on bits mean what they are
	for _, a := range n.Args {
		logical = logical && g.Value(a).DType.IsBool()
	}
	if logical {
		return joint, ""
	}
	op := n.Op.String()
	switch n.Op {
	case ugraph.OpGreater:
		op = ugraph.OpLess.String()
	case ugraph.OpGreaterEqual:
		op = ugraph.OpLessEqual.String()
	}
	types := make([]string, len(n.Args))
	for k, a := range n.Args {
		types[k] = g.Value(a).DType.String()
	}
	return drawn, fmt.Sprintf("opaque %s{%s}(%s) %s", op, n.Attrs, strings.Join(types, ","), to)
}

// symmetric are the integer operators whose operands may change places.
var symmetric = map[ugraph.Op]bool{
	ugraph.OpAdd: true, ugraph.OpMul: true, ugraph.OpMaximum: true, ugraph.OpMinimum: true, ugraph.OpEqual: true,
	ugraph.OpAnd: true, ugraph.OpOr: true, ugraph.OpXor: true,
}

// opaqueElementwise is an elementwise integer operator as an opaque function.
func (e *engine[V]) opaqueElementwise(name string, op ugraph.Op, dt ugraph.DType, args []*tensor[V]) (*tensor[V], error) {
	shape, axes, err := joined(notLinear, e.lenient, args)
	if err != nil {
		return nil, err
	}
	t := newTensor[V](dt, shape)
	t.axes = axes
	sts := make([][]int, len(args))
	for i, a := range args {
		sts[i] = broadcastStrides(a.shape, shape)
	}
	at := 0
	xs := make([]int64, len(args))
	walk(shape, sts, func(o []int) {
		for k, a := range args {
			xs[k] = a.i[o[k]]
		}
		switch {
		case symmetric[op]:
			slices.Sort(xs)
		case op == ugraph.OpGreater, op == ugraph.OpGreaterEqual:
			slices.Reverse(xs)
		}
		h := uint64(len(xs))
		for _, x := range xs {
			h = mix64(h ^ mix64(uint64(x)))
		}
		w := e.word(name, int(h>>1))
		if dt == ugraph.Bool {
			t.i[at] = int64(w & 1)
		} else {
			t.i[at] = int64(w%maxPosition) - maxPosition/2
		}
		at++
	})
	return t, nil
}

// mix64 is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
func mix64(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return bits.RotateLeft64(x^x>>31, 7)
}

// row is the row, of rows, that an index of an operator means: an opaque one has no range of its own.
func (e *engine[V]) row(n *ugraph.Node, j int64, rows int) int64 {
	if e.opaque == nil || !e.opaque.rows[n] {
		return j
	}
	return (j%int64(rows) + int64(rows)) % int64(rows)
}
