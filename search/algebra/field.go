package algebra

import (
	"math/big"
	"math/bits"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// The field of fingerprints: pairs (Z_p, Z_q) with p = 2q + 1, both prime and ≡ 3 mod 4, so that
// exp: Z_q → Z_p, x ↦ root^x, turns sums into products. An exponential has no Z_q part.
const (
	fieldP  = 2305843009213690799
	fieldQ  = 1152921504606845399
	expRoot = 4 // a square, hence of order q
	noQ     = ^uint64(0)
)

// elem is an element of a value: residues modulo p and q, or noQ where the latter does not exist.
type elem struct{ p, q uint64 }

func mulMod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi, lo, m)
	return r
}

func addMod(a, b, m uint64) uint64 {
	if s := a + b; s >= m {
		return s - m
	}
	return a + b
}

func powMod(a, e, m uint64) uint64 {
	r := uint64(1)
	for ; e > 0; e >>= 1 {
		if e&1 != 0 {
			r = mulMod(r, a, m)
		}
		a = mulMod(a, a, m)
	}
	return r
}

// pair applies a binary operation in both components.
func (a elem) pair(b elem, f func(x, y, m uint64) uint64) elem {
	r := elem{f(a.p, b.p, fieldP), noQ}
	if a.q != noQ && b.q != noQ {
		r.q = f(a.q, b.q, fieldQ)
	}
	return r
}

func (a elem) each(f func(x, m uint64) uint64) elem {
	r := elem{f(a.p, fieldP), noQ}
	if a.q != noQ {
		r.q = f(a.q, fieldQ)
	}
	return r
}

func (a elem) add(b elem) elem { return a.pair(b, addMod) }
func (a elem) mul(b elem) elem { return a.pair(b, mulMod) }
func (a elem) neg() elem {
	return a.each(func(x, m uint64) uint64 {
		if x == 0 {
			return 0
		}
		return m - x
	})
}

// inv is 1/a, and 0 for 0.
func (a elem) inv() elem { return a.each(func(x, m uint64) uint64 { return powMod(x, m-2, m) }) }

// root is x^((m+1)/4): multiplicative, and a square root of x or of -x.
func (a elem) root() elem { return a.each(func(x, m uint64) uint64 { return powMod(x, (m+1)/4, m) }) }

// expTable[i][j] is root^(j·16^i).
var expTable = func() (t [15][16]uint64) {
	base := uint64(expRoot)
	for i := range t {
		t[i][0] = 1
		for j := 1; j < 16; j++ {
			t[i][j] = mulMod(t[i][j-1], base, fieldP)
		}
		base = mulMod(t[i][15], base, fieldP)
	}
	return
}()

// exp is root^q; of an element without a Z_q part it is an opaque function.
func (a elem) exp() elem {
	if a.q == noQ {
		return elem{hashWords(uint64(ugraph.OpExp), a.p) % fieldP, noQ}
	}
	r := uint64(1)
	for i, x := 0, a.q; x > 0; i, x = i+1, x>>4 {
		r = mulMod(r, expTable[i][x&15], fieldP)
	}
	return elem{r, noQ}
}

// mix is the finaliser of splitmix64, a permutation of the words.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hashWords is a keyed hash of a sequence of words.
func hashWords(words ...uint64) uint64 {
	h := uint64(0x6d6f7267616e6121) // the key of this package's streams
	for _, w := range words {
		h = mix(h+0x9e3779b97f4a7c15) ^ mix(w+0xd1b54a32d192ed03)
		h = mix(h)
	}
	return h
}

// draw is the i-th element of a stream.
func draw(stream, i uint64) elem {
	return elem{hashWords(stream, i, 1) % fieldP, hashWords(stream, i, 2) % fieldQ}
}

// opaque is a keyed hash of an operator and its operands: a function of which no law is known.
func opaque(key uint64, args ...elem) elem {
	h1, h2 := hashWords(key, 1), hashWords(key, 2)
	for _, a := range args {
		h1, h2 = hashWords(h1, a.p), hashWords(h2, a.p)
	}
	return elem{h1 % fieldP, h2 % fieldQ}
}

// fromNumber is the residue of a literal; infinities are opaque numbers.
func fromNumber(n ugraph.Number) elem {
	if s := n.IsInf(); s != 0 {
		return draw(0x1f, uint64(s+2))
	}
	residue := func(m uint64) uint64 {
		b := new(big.Int).SetUint64(m)
		num := new(big.Int).Mod(n.Rat().Num(), b).Uint64()
		den := new(big.Int).Mod(n.Rat().Denom(), b).Uint64()
		return mulMod(num, powMod(den, m-2, m), m)
	}
	return elem{residue(fieldP), residue(fieldQ)}
}

// greater is the order by which a maximum selects: fixed, total and without meaning.
func greater(a, b elem) bool { return mix(a.p) > mix(b.p) }

// tensor is a value on one instance, row-major over its axes ascending.
type tensor []elem

// instance is a choice of axis sizes on which values are evaluated. Every position of an axis stands for as
// many equal ones as its weight says, a number drawn by axis: a sum counts each of them. So the number of
// elements is a value of its own for each axis, although axes of different extents have one size here.
type instance struct {
	id      uint64
	sizes   []int  // by axis of the DAG
	weights []elem // by axis
}

func newInstance(id uint64, axes int, sizes []int) *instance {
	in := &instance{id: hashWords(0x696e7374, id)}
	for a := range axes {
		in.sizes = append(in.sizes, sizes[a%len(sizes)])
		in.weights = append(in.weights, draw(hashWords(in.id, 0x77656967), uint64(a)))
	}
	return in
}

func (in *instance) count(s expr.AxisSet) int {
	n := 1
	for _, a := range s.List() {
		n *= in.sizes[a]
	}
	return n
}

// strides are the steps in a tensor with axes own for each of the listed axes; 0 where it repeats.
func (in *instance) strides(own expr.AxisSet, axes []int) []int {
	at := map[int]int{}
	step := 1
	list := own.List()
	for i := len(list) - 1; i >= 0; i-- {
		at[list[i]] = step
		step *= in.sizes[list[i]]
	}
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = at[a]
	}
	return out
}

// walk visits the indices of axes row-major, giving the offset into each operand.
func (in *instance) walk(axes []int, owns []expr.AxisSet, visit func(off []int)) {
	strides := make([][]int, len(owns))
	for i, o := range owns {
		strides[i] = in.strides(o, axes)
	}
	off, at := make([]int, len(owns)), make([]int, len(axes))
	total := 1
	for _, a := range axes {
		total *= in.sizes[a]
	}
	for n := total; n > 0; n-- {
		visit(off)
		for i := len(axes) - 1; i >= 0; i-- {
			if at[i]++; at[i] < in.sizes[axes[i]] {
				for k := range off {
					off[k] += strides[k][i]
				}
				break
			}
			for k := range off {
				off[k] -= strides[k][i] * (at[i] - 1)
			}
			at[i] = 0
		}
	}
}

// leaf evaluates an input, constant or iota. Positions are drawn by axis: axes of different extents have one
// size in an instance, where the differences between their positions, such as the offset of a causal mask, would be 0.
func (in *instance) leaf(n expr.Node) tensor {
	t := make(tensor, in.count(n.Axes))
	for i := range t {
		switch n.Op {
		case ugraph.OpConst:
			t[i] = fromNumber(n.Value)
		case ugraph.OpIota:
			t[i] = draw(hashWords(in.id, 0x696f7461, uint64(n.Axes)), uint64(i))
		default:
			t[i] = draw(hashWords(in.id, uint64(n.Input)), uint64(i))
		}
	}
	return t
}

// apply evaluates an operator on values with the given axes; n.Axes are the result's.
func (in *instance) apply(n expr.Node, args []tensor, owns []expr.AxisSet) tensor {
	out := make(tensor, 0, in.count(n.Axes))
	if n.Op == ugraph.OpDiv && n.Over == 0 { // invert before repeating
		args = []tensor{args[0], invert(args[1])}
	}
	f := elementFunc(n)
	if n.Over == 0 {
		xs := make([]elem, len(args))
		in.walk(n.Axes.List(), owns, func(off []int) {
			for i := range xs {
				xs[i] = args[i][off[i]]
			}
			out = append(out, f(xs))
		})
		return out
	}
	inner := n.Over.List()
	count := in.count(n.Over)
	scale := elem{1, 1}
	switch n.Op {
	case ugraph.OpMean:
		scale = elem{uint64(count), uint64(count)}.inv()
	case ugraph.OpSum, ugraph.OpMatMul:
		for _, a := range inner {
			scale = scale.mul(in.weights[a])
		}
	}
	var acc elem
	steps := 0
	in.walk(append(n.Axes.List(), inner...), owns, func(off []int) {
		x := args[0][off[0]]
		if n.Op == ugraph.OpMatMul {
			x = x.mul(args[1][off[1]])
		}
		switch {
		case steps == 0:
			acc = x
		case n.Op == ugraph.OpMax:
			if greater(x, acc) {
				acc = x
			}
		case n.Op == ugraph.OpMin:
			if greater(acc, x) {
				acc = x
			}
		default:
			acc = acc.add(x)
		}
		if steps++; steps == count {
			out = append(out, acc.mul(scale))
			steps = 0
		}
	})
	return out
}

// invert inverts the elements of a tensor, by one inversion for all that are not 0.
func invert(t tensor) tensor {
	out := make(tensor, len(t))
	part := func(get func(*elem) *uint64, m uint64) {
		prefix := make([]uint64, len(t))
		run := uint64(1)
		for i := range t {
			prefix[i] = run
			if x := *get(&t[i]); x != 0 && x != noQ {
				run = mulMod(run, x, m)
			}
		}
		run = powMod(run, m-2, m)
		for i := len(t) - 1; i >= 0; i-- {
			x := *get(&t[i])
			if x == 0 || x == noQ {
				*get(&out[i]) = x
				continue
			}
			*get(&out[i]) = mulMod(run, prefix[i], m)
			run = mulMod(run, x, m)
		}
	}
	part(func(e *elem) *uint64 { return &e.p }, fieldP)
	part(func(e *elem) *uint64 { return &e.q }, fieldQ)
	return out
}

var fieldOne = elem{1, 1}

// elementFunc is an elementwise operator on elements. div takes its second operand inverted. Operators
// without a law in the field are opaque functions of their operands.
func elementFunc(n expr.Node) func(x []elem) elem {
	sigmoid := func(x elem) elem { return fieldOne.add(x.neg().exp()).inv() }
	switch n.Op {
	case ugraph.OpAdd:
		return func(x []elem) elem { return x[0].add(x[1]) }
	case ugraph.OpSub:
		return func(x []elem) elem { return x[0].add(x[1].neg()) }
	case ugraph.OpMul, ugraph.OpDiv, ugraph.OpMatMul:
		return func(x []elem) elem { return x[0].mul(x[1]) }
	case ugraph.OpNeg:
		return func(x []elem) elem { return x[0].neg() }
	case ugraph.OpSquare:
		return func(x []elem) elem { return x[0].mul(x[0]) }
	case ugraph.OpReciprocal:
		return func(x []elem) elem { return x[0].inv() }
	case ugraph.OpSqrt:
		return func(x []elem) elem { return x[0].root() }
	case ugraph.OpRsqrt:
		return func(x []elem) elem { return x[0].root().inv() }
	case ugraph.OpExp:
		return func(x []elem) elem { return x[0].exp() }
	case ugraph.OpSigmoid:
		return func(x []elem) elem { return sigmoid(x[0]) }
	case ugraph.OpSilu:
		return func(x []elem) elem { return x[0].mul(sigmoid(x[0])) }
	case ugraph.OpMaximum, ugraph.OpRelu:
		return func(x []elem) elem {
			y := elem{}
			if len(x) == 2 {
				y = x[1]
			}
			if greater(y, x[0]) {
				return y
			}
			return x[0]
		}
	case ugraph.OpMinimum:
		return func(x []elem) elem {
			if greater(x[0], x[1]) {
				return x[1]
			}
			return x[0]
		}
	case ugraph.OpPow:
		if e, ok := n.Attrs.Num("exponent", ugraph.Int(1)).IsInt(); ok && e > 0 && e < 64 {
			return func(x []elem) elem {
				return x[0].each(func(v, m uint64) uint64 { return powMod(v, uint64(e), m) })
			}
		}
	case ugraph.OpCast:
		if n.DType.IsFloat() && n.DType != ugraph.F8E4M3 {
			return func(x []elem) elem { return x[0] }
		}
	}
	key := hashWords(uint64(n.Op), hashString(n.Attrs.String()))
	return func(x []elem) elem { return opaque(key, x...) }
}

func hashString(s string) uint64 {
	h := uint64(len(s))
	for i := 0; i < len(s); i++ {
		h = hashWords(h, uint64(s[i]))
	}
	return h
}

// digest is the fingerprint of a value: its axes and its Z_p parts on the instances.
type digest [2]uint64

func fingerprint(axes expr.AxisSet, ts []tensor) digest {
	a, b := uint64(axes), uint64(axes)+1
	for _, t := range ts {
		for _, e := range t {
			a = mix(a ^ e.p + 0x9e3779b97f4a7c15)
			b = mix(b + e.p*0x2545f4914f6cdd1d)
		}
	}
	return digest{a, b}
}

// isZero tells whether a value is 0 everywhere.
func isZero(ts []tensor) bool {
	for _, t := range ts {
		for _, e := range t {
			if e.p != 0 {
				return false
			}
		}
	}
	return true
}
