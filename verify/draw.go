package verify

import (
	"sort"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file draws the inputs of both graphs and the weights of the columns of their axes.

// drawWeights draws the weights of all columns so that those of an axis add up to its extent, a
// number or, for a symbol, a random value of the symbol.
func drawWeights[V any](alg algebra[V], in *instance, src source[V], uniform bool, env ugraph.Env) []V {
	ws := make([]V, in.columns+1)
	for i := range ws {
		ws[i] = alg.integer(1)
	}
	for _, u := range in.blockColumns() {
		if !uniform {
			ws[u] = src.input("weights of blocks", int(u))
		}
	}
	for _, s := range in.sums {
		if uniform { // every column repeated as often: the real size over the columns
			n, err := s.real.Eval(env)
			if err != nil {
				n = int64(len(s.cols))
			}
			for _, c := range s.cols {
				ws[c] = alg.div(alg.integer(n), alg.integer(int64(len(s.cols))))
			}
			continue
		}
		rest := dimValue(alg, s.real, src)
		last := len(s.cols) - 1
		for i, c := range s.cols[:last] {
			w := src.input("weights of axes", int(c))
			ws[c] = w
			if s.blocks != nil {
				w = alg.mul(w, ws[s.blocks[i]])
			}
			rest = alg.sub(rest, w)
		}
		if s.blocks != nil {
			rest = alg.div(rest, ws[s.blocks[last]])
		}
		ws[s.cols[last]] = rest
	}
	// Merged columns were numbered after their parts.
	type merged struct{ id, a, b int32 }
	var ms []merged
	for k, id := range in.pairs {
		ms = append(ms, merged{id, k[0], k[1]})
	}
	sort.Slice(ms, func(i, j int) bool { return ms[i].id < ms[j].id })
	at := func(c int32) V {
		if c == 0 {
			return alg.integer(1)
		}
		return ws[c]
	}
	for _, m := range ms {
		ws[m.id] = alg.mul(at(m.a), at(m.b))
	}
	for i := range ws {
		ws[i] = positive(alg, ws[i])
	}
	return ws
}

// dimValue is the value of an extent: a number, or a random value per symbolic extent, which stands
// for every size at once.
func dimValue[V any](alg algebra[V], d ugraph.Dim, src source[V]) V {
	if n, ok := d.Const(); ok {
		return alg.integer(n)
	}
	return positive(alg, src.input("extent "+d.String(), 0))
}

// drawInput makes input i of the program.
func drawInput[V any](c *check, e *engine[V], i int, src source[V]) (*tensor[V], error) {
	v := c.a.Inputs[i].Value
	val := c.a.Value(v)
	shape := make([]int, val.Rank())
	axes := make([]axis, val.Rank())
	for ax := range shape {
		n, cols, err := e.inst.extent(c.a, v, ax)
		if err != nil {
			return nil, err
		}
		shape[ax], axes[ax] = n, axis{cols: cols}
	}
	t := newTensor[V](val.DType, shape)
	t.axes = axes
	if err := e.tick(elements(shape)); err != nil {
		return nil, err
	}
	name := inputName(i)
	for k := range t.f {
		t.f[k] = src.input(name, k)
	}
	if t.i != nil {
		one := c.integerSource(e.inst, i, shape, func(k int) uint64 { return src.word(name, k) })
		for k := range t.i {
			t.i[k] = one(k)
		}
	}
	return t, nil
}

func inputName(i int) string { return inputPrefix + strconv.Itoa(i) }

const inputPrefix = "input "

// inputNumber is the input that a stream of random values belongs to; leafOther for other streams.
func inputNumber(name string) int32 {
	if digits, ok := strings.CutPrefix(name, inputPrefix); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			return int32(n)
		}
	}
	return leafOther
}
