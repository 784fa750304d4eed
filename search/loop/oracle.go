package loop

import (
	"encoding/binary"
	"hash/fnv"
	"math/big"
	"math/bits"
	"math/rand/v2"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// The oracle knows no rule of separation. For an accumulator with body f(x, r) it evaluates f at
// several x and r in a finite field and takes the rank of the matrix: that is the least number of
// terms Σ g_i(r)·h_i(x) that f can have. A value is a pair in Z_p × Z_q with p = 2q + 1, so that
// exp maps the second component to an element of order q in the first. Functions without an
// algebraic law are keyed hashes. Every axis has extent 1, which the rank does not depend on.
const (
	fieldQ = 1152921504606845789
	fieldP = 2*fieldQ + 1
)

// element is a field value; only p is known behind an exponential.
type element struct {
	p, q  uint64
	noExp bool // q is not known
}

func mulMod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi%m, lo, m)
	return r
}

func powMod(a, e, m uint64) uint64 {
	r := uint64(1)
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			r = mulMod(r, a, m)
		}
		a = mulMod(a, a, m)
	}
	return r
}

func addMod(a, b, m uint64) uint64 {
	s, c := bits.Add64(a, b, 0)
	if c == 1 || s >= m {
		s -= m
	}
	return s
}

func subMod(a, b, m uint64) uint64 {
	if a >= b {
		return a - b
	}
	return a + (m - b)
}

func both(a, b element, f func(a, b, m uint64) uint64) element {
	return element{f(a.p, b.p, fieldP), f(a.q, b.q, fieldQ), a.noExp || b.noExp}
}

func inverse(a element) element {
	return element{powMod(a.p, fieldP-2, fieldP), powMod(a.q, fieldQ-2, fieldQ), a.noExp}
}

func hashed(name string, args ...element) element {
	h := fnv.New64a()
	h.Write([]byte(name))
	for _, a := range args {
		h.Write(binary.LittleEndian.AppendUint64(nil, a.p))
	}
	r := rand.New(rand.NewPCG(h.Sum64(), 0x6f7261636c65))
	return element{p: r.Uint64N(fieldP), q: r.Uint64N(fieldQ)}
}

func residue(v ugraph.Number, m uint64) uint64 {
	if v.IsInf() != 0 {
		return 0 // replaced by a hash
	}
	mod := new(big.Int).SetUint64(m)
	n := new(big.Int).Mod(v.Rat().Num(), mod)
	d := new(big.Int).Mod(v.Rat().Denom(), mod)
	return mulMod(n.Uint64(), powMod(d.Uint64(), m-2, m), m)
}

// Rank is the separation rank over the given number of samples of the body of node v, a reduction
// over the axis: samples if the body does not separate.
func Rank(d *expr.DAG, v, axis, samples int, seed uint64) int {
	l := newLaw(d, axis)
	m := make([][]uint64, samples)
	for i := range m {
		m[i] = make([]uint64, samples)
		for j := range m[i] {
			e := &oracle{l: l, seed: seed, row: uint64(i), col: uint64(j), memo: map[int]element{}}
			x := element{p: 1, q: 1}
			n := d.Nodes[v]
			for _, a := range n.Args {
				x = both(x, e.value(a), mulMod)
			}
			m[i][j] = x.p
		}
	}
	return matrixRank(m)
}

func matrixRank(m [][]uint64) int {
	rank := 0
	for c := range m {
		pivot := -1
		for r := rank; r < len(m); r++ {
			if m[r][c] != 0 {
				pivot = r
				break
			}
		}
		if pivot < 0 {
			continue
		}
		m[rank], m[pivot] = m[pivot], m[rank]
		inv := powMod(m[rank][c], fieldP-2, fieldP)
		for r := rank + 1; r < len(m); r++ {
			f := mulMod(m[r][c], inv, fieldP)
			for k := c; k < len(m); k++ {
				m[r][k] = subMod(m[r][k], mulMod(f, m[rank][k], fieldP), fieldP)
			}
		}
		rank++
	}
	return rank
}

// oracle evaluates a body at one x (row) and one r (column).
type oracle struct {
	l        *law
	seed     uint64
	row, col uint64
	memo     map[int]element
}

func (e *oracle) value(v int) element {
	if x, ok := e.memo[v]; ok {
		return x
	}
	x := e.eval(v)
	e.memo[v] = x
	return x
}

// draw is a random element that depends on the node, and on the row or the column.
func (e *oracle) draw(v int, which, at uint64) element {
	r := rand.New(rand.NewPCG(e.seed^uint64(v)<<32, which<<32|at))
	return element{p: r.Uint64N(fieldP), q: r.Uint64N(fieldQ)}
}

func (e *oracle) eval(v int) element {
	n := e.l.d.Nodes[v]
	switch {
	case e.l.on(n.Over):
		return e.draw(v, 2, e.col) // an earlier reduction over the loop axis
	case n.Op == ugraph.OpInvalid || n.Op == ugraph.OpIota:
		if e.l.on(n.Axes) {
			return e.draw(v, 1, e.row)
		}
		return e.draw(v, 0, 0)
	case n.Op == ugraph.OpConst:
		if n.Value.IsInf() != 0 {
			return hashed(n.Value.String())
		}
		return element{p: residue(n.Value, fieldP), q: residue(n.Value, fieldQ)}
	}
	args := make([]element, len(n.Args))
	for i, a := range n.Args {
		args[i] = e.value(a)
	}
	zero := element{}
	switch n.Op {
	case ugraph.OpAdd:
		return both(args[0], args[1], addMod)
	case ugraph.OpSub:
		return both(args[0], args[1], subMod)
	case ugraph.OpNeg:
		return both(zero, args[0], subMod)
	case ugraph.OpMul, ugraph.OpMatMul:
		return both(args[0], args[1], mulMod)
	case ugraph.OpSquare:
		return both(args[0], args[0], mulMod)
	case ugraph.OpDiv:
		return both(args[0], inverse(args[1]), mulMod)
	case ugraph.OpReciprocal:
		return inverse(args[0])
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		return args[0]
	case ugraph.OpCast:
		if n.DType.IsFloat() && !narrows(n) {
			return args[0]
		}
	case ugraph.OpExp:
		if args[0].noExp {
			return hashed("exp", args...)
		}
		return element{p: powMod(4, args[0].q, fieldP), noExp: true} // 4 is a square, so of order q
	case ugraph.OpWhere:
		if args[0].p&1 == 0 {
			return args[1]
		}
		return args[2]
	}
	return hashed(n.Op.String()+n.Attrs.String(), args...)
}
