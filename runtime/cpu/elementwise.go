package cpu

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// run returns elements off… of an operand as a run of n elements with step 1, copying it to scratch
// row k where the step is another. A step of 0 is the caller's business.
func (w *worker) run(k int, s []float32, off, n, step int) []float32 {
	if step == 1 {
		return s[off : off+n]
	}
	r := scratch(&w.row[k], n)
	copyRun(r, s[off:], n, 1, step)
	return r
}

// unaryF32 computes dst = f(x) by runs.
func (w *worker) unaryF32(dst, x *tile, f func(w *worker, dst, x []float32)) {
	w.walk.start(dst.rank, &dst.dims, dst, x)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		d := dst.f[wk.off[0] : wk.off[0]+wk.n]
		if wk.step[1] == 0 {
			f(w, d[:1], x.f[wk.off[1]:wk.off[1]+1])
			kernel.Fill(d, d[0])
			continue
		}
		f(w, d, w.run(0, x.f, wk.off[1], wk.n, wk.step[1]))
	}
}

// binaryF32 computes dst = op(a, b) by runs.
func (w *worker) binaryF32(op kernel.BinaryOp, dst, a, b *tile) {
	w.walk.start(dst.rank, &dst.dims, dst, a, b)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		d := dst.f[wk.off[0] : wk.off[0]+wk.n]
		switch {
		case wk.n == 1:
			d[0] = binaryOne(op, a.f[wk.off[1]], b.f[wk.off[2]])
		case wk.step[1] == 0 && wk.step[2] == 0:
			kernel.Fill(d, binaryOne(op, a.f[wk.off[1]], b.f[wk.off[2]]))
		case wk.step[2] == 0:
			kernel.BinaryScalar(op, d, w.run(0, a.f, wk.off[1], wk.n, wk.step[1]), b.f[wk.off[2]])
		case wk.step[1] == 0:
			kernel.ScalarBinary(op, d, a.f[wk.off[1]], w.run(0, b.f, wk.off[2], wk.n, wk.step[2]))
		default:
			kernel.Binary(op, d, w.run(0, a.f, wk.off[1], wk.n, wk.step[1]), w.run(1, b.f, wk.off[2], wk.n, wk.step[2]))
		}
	}
}

// binaryOne is one element of kernel.Binary.
func binaryOne(op kernel.BinaryOp, a, b float32) float32 {
	switch op {
	case kernel.Add:
		return a + b
	case kernel.Sub:
		return a - b
	case kernel.Mul:
		return a * b
	case kernel.Div:
		return a / b
	case kernel.Maximum:
		return max(a, b)
	default:
		return min(a, b)
	}
}

// mapUnary computes dst = f(x) element by element.
func mapUnary[D, X number](w *worker, dst, x *tile, f func(X) D) {
	d, s := elems[D](dst), elems[X](x)
	w.walk.start(dst.rank, &dst.dims, dst, x)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		for i, p, q := 0, wk.off[0], wk.off[1]; i < wk.n; i, p, q = i+1, p+wk.step[0], q+wk.step[1] {
			d[p] = f(s[q])
		}
	}
}

// mapBinary computes dst = f(a, b) element by element.
func mapBinary[D, X number](w *worker, dst, a, b *tile, f func(x, y X) D) {
	d, s, r := elems[D](dst), elems[X](a), elems[X](b)
	w.walk.start(dst.rank, &dst.dims, dst, a, b)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		p, q, o := wk.off[0], wk.off[1], wk.off[2]
		for i := 0; i < wk.n; i++ {
			d[p] = f(s[q], r[o])
			p, q, o = p+wk.step[0], q+wk.step[1], o+wk.step[2]
		}
	}
}

// mapWhere computes dst = c ? a : b element by element.
func mapWhere[T number](w *worker, dst, c, a, b *tile) {
	d, s, r := elems[T](dst), elems[T](a), elems[T](b)
	w.walk.start(dst.rank, &dst.dims, dst, c, a, b)
	wk := &w.walk
	for ok := !wk.done; ok; ok = wk.next() {
		p, n, q, o := wk.off[0], wk.off[1], wk.off[2], wk.off[3]
		for i := 0; i < wk.n; i++ {
			if c.i[n] != 0 {
				d[p] = s[q]
			} else {
				d[p] = r[o]
			}
			p, n, q, o = p+wk.step[0], n+wk.step[1], q+wk.step[2], o+wk.step[3]
		}
	}
}

// wrapInt wraps an integer to the range of a narrow type.
func wrapInt(t ugraph.DType, v int64) int64 {
	switch t {
	case ugraph.I32:
		return int64(int32(v))
	case ugraph.I8:
		return int64(int8(v))
	case ugraph.U8:
		return int64(uint8(v))
	case ugraph.Bool:
		return v & 1
	}
	return v
}

// float64Unary is the float64 form of a unary operator; the float32 forms stand in package kernel.
func float64Unary(n *flatNode) (func(float64) float64, error) {
	switch n.op {
	case ugraph.OpExp:
		return math.Exp, nil
	case ugraph.OpLog:
		return math.Log, nil
	case ugraph.OpSqrt:
		return math.Sqrt, nil
	case ugraph.OpRsqrt:
		return func(x float64) float64 { return 1 / math.Sqrt(x) }, nil
	case ugraph.OpSquare:
		return func(x float64) float64 { return x * x }, nil
	case ugraph.OpAbs:
		return math.Abs, nil
	case ugraph.OpNeg:
		return func(x float64) float64 { return -x }, nil
	case ugraph.OpSign:
		return func(x float64) float64 {
			if x == 0 || math.IsNaN(x) {
				return x
			}
			return math.Copysign(1, x)
		}, nil
	case ugraph.OpReciprocal:
		return func(x float64) float64 { return 1 / x }, nil
	case ugraph.OpFloor:
		return math.Floor, nil
	case ugraph.OpSin:
		return math.Sin, nil
	case ugraph.OpCos:
		return math.Cos, nil
	case ugraph.OpTanh:
		return math.Tanh, nil
	case ugraph.OpErf:
		return math.Erf, nil
	case ugraph.OpSigmoid:
		return func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, nil
	case ugraph.OpSilu:
		return func(x float64) float64 { return x / (1 + math.Exp(-x)) }, nil
	case ugraph.OpRelu:
		return func(x float64) float64 { return max(x, 0) }, nil
	case ugraph.OpGelu:
		if n.attrs.Word("approximate", "none") == "tanh" {
			return func(x float64) float64 {
				return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
			}, nil
		}
		return func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, nil // 1 + erf cancels on the left, as 1 + tanh does
	case ugraph.OpPow:
		e := n.attrs.Num("exponent", ugraph.Int(1)).Float64()
		return func(x float64) float64 { return math.Pow(x, e) }, nil
	case ugraph.OpClamp:
		lo := n.attrs.Num("min", ugraph.Inf(-1)).Float64()
		hi := n.attrs.Num("max", ugraph.Inf(1)).Float64()
		return func(x float64) float64 { return min(max(x, lo), hi) }, nil
	}
	f, err := interp.Float64{}.Unary(n.op, n.attrs, ugraph.F64) // one that has no form of its own here
	if err != nil {
		return nil, fmt.Errorf("the CPU executor has no unary operator %s", n.op)
	}
	return f, nil
}

// compileUnary makes the step of a unary elementwise operator.
func (b *block) compileUnary(n *flatNode) (step, error) {
	dst, x := n.results[0], n.args[0]
	dt := b.values[dst].dtype
	if !dt.IsFloat() {
		return b.compileIntUnary(n)
	}
	if b.values[dst].kind == inF32 {
		f, err := b.unaryRun(n)
		if err != nil {
			return nil, err
		}
		return func(w *worker) { w.unaryF32(w.own(dst), &w.tiles[x], f) }, nil
	}
	f64, err := float64Unary(n)
	if err != nil {
		return nil, err
	}
	return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], f64) }, nil
}

// unaryRun is a unary operator on float32 as a function of runs; dst may be x.
func (b *block) unaryRun(n *flatNode) (func(w *worker, dst, x []float32), error) {
	name := n.op.String()
	switch {
	case n.op == ugraph.OpCast:
		return narrow(b.values[n.results[0]].dtype), nil
	case n.op == ugraph.OpClamp:
		lo := float32(n.attrs.Num("min", ugraph.Inf(-1)).Float64())
		hi := float32(n.attrs.Num("max", ugraph.Inf(1)).Float64())
		return func(_ *worker, d, s []float32) {
			kernel.BinaryScalar(kernel.Maximum, d, s, lo)
			kernel.BinaryScalar(kernel.Minimum, d, d, hi)
		}, nil
	case n.op == ugraph.OpGelu && n.attrs.Word("approximate", "none") == "tanh":
		name = "gelu_tanh"
	}
	if op, ok := kernel.UnaryOpByName(name); ok {
		return func(_ *worker, d, s []float32) { kernel.Unary(op, d, s) }, nil
	}
	f, err := float64Unary(n)
	if err != nil {
		return nil, err
	}
	return func(_ *worker, d, s []float32) {
		for i, v := range s {
			d[i] = float32(f(float64(v)))
		}
	}, nil
}

// compileIntUnary makes the step of a unary operator on integers or bool.
func (b *block) compileIntUnary(n *flatNode) (step, error) {
	dst, x := n.results[0], n.args[0]
	dt := b.values[dst].dtype
	i64, err := intUnary(n, dt)
	if err != nil {
		return nil, err
	}
	if b.values[dst].kind == inI64 {
		return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], i64) }, nil
	}
	f := func(s int32) int32 { return int32(wrapInt(dt, i64(int64(s)))) }
	return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], f) }, nil
}

// intUnary is a unary operator on integers and bool, before wrapping.
func intUnary(n *flatNode, dt ugraph.DType) (func(int64) int64, error) {
	switch n.op {
	case ugraph.OpSquare:
		return func(x int64) int64 { return x * x }, nil
	case ugraph.OpAbs:
		return func(x int64) int64 { return max(x, -x) }, nil
	case ugraph.OpNeg:
		return func(x int64) int64 { return -x }, nil
	case ugraph.OpSign:
		return func(x int64) int64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return 0
		}, nil
	case ugraph.OpRelu:
		return func(x int64) int64 { return max(x, 0) }, nil
	case ugraph.OpClamp:
		lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
		if a, ok := n.attrs.Get("min"); ok {
			lo, _ = a.Number.IsInt()
		}
		if a, ok := n.attrs.Get("max"); ok {
			hi, _ = a.Number.IsInt()
		}
		return func(x int64) int64 { return min(max(x, lo), hi) }, nil
	case ugraph.OpNot:
		if dt == ugraph.Bool {
			return func(x int64) int64 { return 1 - x }, nil
		}
		return func(x int64) int64 { return ^x }, nil
	case ugraph.OpPopcount:
		mask := ^uint64(0) >> (64 - 8*uint(dt.Size()))
		return func(x int64) int64 { return int64(bits.OnesCount64(uint64(x) & mask)) }, nil
	}
	return nil, fmt.Errorf("%s of %s is not an operation of integers", n.op, dt)
}

// compileBinary makes the step of a binary arithmetic or bitwise operator.
func (b *block) compileBinary(n *flatNode) (step, error) {
	dst, x, y := n.results[0], n.args[0], n.args[1]
	dt := b.values[dst].dtype
	switch b.values[dst].kind {
	case inF32:
		op, ok := kernel.BinaryOpByName(n.op.String())
		if !ok {
			return nil, fmt.Errorf("the CPU executor has no binary operator %s", n.op)
		}
		return func(w *worker) { w.binaryF32(op, w.own(dst), &w.tiles[x], &w.tiles[y]) }, nil
	case inF64:
		f, err := floatBinary(n.op)
		if err != nil {
			return nil, err
		}
		return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
	}
	f, err := intBinary(n.op, dt)
	if err != nil {
		return nil, err
	}
	if b.values[dst].kind == inI64 {
		return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
	}
	g := func(p, q int32) int32 { return int32(wrapInt(dt, f(int64(p), int64(q)))) }
	return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], g) }, nil
}

func floatBinary(op ugraph.Op) (func(x, y float64) float64, error) {
	switch op {
	case ugraph.OpAdd:
		return func(x, y float64) float64 { return x + y }, nil
	case ugraph.OpSub:
		return func(x, y float64) float64 { return x - y }, nil
	case ugraph.OpMul:
		return func(x, y float64) float64 { return x * y }, nil
	case ugraph.OpDiv:
		return func(x, y float64) float64 { return x / y }, nil
	case ugraph.OpMaximum:
		return func(x, y float64) float64 { return max(x, y) }, nil
	case ugraph.OpMinimum:
		return func(x, y float64) float64 { return min(x, y) }, nil
	}
	return nil, fmt.Errorf("%s is not an operation of floating-point numbers", op)
}

// intBinary is a binary operator on integers and bool, before wrapping.
func intBinary(op ugraph.Op, dt ugraph.DType) (func(x, y int64) int64, error) {
	width := int64(8 * dt.Size())
	switch op {
	case ugraph.OpAdd:
		return func(x, y int64) int64 { return x + y }, nil
	case ugraph.OpSub:
		return func(x, y int64) int64 { return x - y }, nil
	case ugraph.OpMul:
		return func(x, y int64) int64 { return x * y }, nil
	case ugraph.OpMaximum:
		return func(x, y int64) int64 { return max(x, y) }, nil
	case ugraph.OpMinimum:
		return func(x, y int64) int64 { return min(x, y) }, nil
	case ugraph.OpAnd:
		return func(x, y int64) int64 { return x & y }, nil
	case ugraph.OpOr:
		return func(x, y int64) int64 { return x | y }, nil
	case ugraph.OpXor:
		return func(x, y int64) int64 { return x ^ y }, nil
	case ugraph.OpShiftLeft:
		return func(x, y int64) int64 {
			if y < 0 || y >= width {
				return 0
			}
			return x << uint(y)
		}, nil
	case ugraph.OpShiftRight:
		return func(x, y int64) int64 {
			if y < 0 || y >= width {
				y = width - 1
				if x >= 0 {
					return 0
				}
			}
			return x >> uint(y)
		}, nil
	}
	return nil, fmt.Errorf("%s is not an operation of integers", op)
}

func compareFunc[T number](op ugraph.Op) func(x, y T) int32 {
	bit := func(b bool) int32 {
		if b {
			return 1
		}
		return 0
	}
	switch op {
	case ugraph.OpLess:
		return func(x, y T) int32 { return bit(x < y) }
	case ugraph.OpLessEqual:
		return func(x, y T) int32 { return bit(x <= y) }
	case ugraph.OpEqual:
		return func(x, y T) int32 { return bit(x == y) }
	case ugraph.OpGreater:
		return func(x, y T) int32 { return bit(x > y) }
	default:
		return func(x, y T) int32 { return bit(x >= y) }
	}
}

// compileCompare makes the step of a comparison.
func (b *block) compileCompare(n *flatNode) (step, error) {
	dst, x, y := n.results[0], n.args[0], n.args[1]
	switch b.values[x].kind {
	case inF32:
		f := compareFunc[float32](n.op)
		return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
	case inF64:
		f := compareFunc[float64](n.op)
		return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
	case inI32:
		f := compareFunc[int32](n.op)
		return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
	}
	f := compareFunc[int64](n.op)
	return func(w *worker) { mapBinary(w, w.own(dst), &w.tiles[x], &w.tiles[y], f) }, nil
}

// compileWhere makes the step of a choice.
func (b *block) compileWhere(n *flatNode) (step, error) {
	dst, c, x, y := n.results[0], n.args[0], n.args[1], n.args[2]
	switch b.values[dst].kind {
	case inF32:
		return func(w *worker) { mapWhere[float32](w, w.own(dst), &w.tiles[c], &w.tiles[x], &w.tiles[y]) }, nil
	case inF64:
		return func(w *worker) { mapWhere[float64](w, w.own(dst), &w.tiles[c], &w.tiles[x], &w.tiles[y]) }, nil
	case inI32:
		return func(w *worker) { mapWhere[int32](w, w.own(dst), &w.tiles[c], &w.tiles[x], &w.tiles[y]) }, nil
	}
	return func(w *worker) { mapWhere[int64](w, w.own(dst), &w.tiles[c], &w.tiles[x], &w.tiles[y]) }, nil
}

// compileCast makes the step of a conversion. Between floats of at most 32 bits the value passes
// through the narrower type, so that it has that type's precision.
func (b *block) compileCast(n *flatNode) (step, error) {
	dst, x := n.results[0], n.args[0]
	from, to := b.values[x], b.values[dst]
	round := to.dtype.Round
	switch {
	case from.kind == inF32 && to.kind == inF32:
		if to.dtype == ugraph.F32 {
			return func(w *worker) {
				w.shape(dst)
				t := w.view(dst, &w.tiles[x])
				t.str = w.tiles[x].str
			}, nil
		}
		f := narrow(to.dtype)
		return func(w *worker) { w.unaryF32(w.own(dst), &w.tiles[x], f) }, nil
	case from.kind == inF32 && to.kind == inF64:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v float32) float64 { return float64(v) })
		}, nil
	case from.kind == inF32 && to.kind == inI32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v float32) int32 { return int32(round(float64(v))) })
		}, nil
	case from.kind == inF32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v float32) int64 { return floatToInt64(float64(v)) })
		}, nil
	case from.kind == inF64 && to.kind == inF32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v float64) float32 { return float32(round(v)) })
		}, nil
	case from.kind == inF64 && to.kind == inF64:
		return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], func(v float64) float64 { return v }) }, nil
	case from.kind == inF64 && to.kind == inI32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v float64) int32 { return int32(round(v)) })
		}, nil
	case from.kind == inF64:
		return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], floatToInt64) }, nil
	case from.kind == inI32 && to.kind == inF32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int32) float32 { return float32(round(float64(v))) })
		}, nil
	case from.kind == inI32 && to.kind == inF64:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int32) float64 { return float64(v) })
		}, nil
	case from.kind == inI32 && to.kind == inI32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int32) int32 { return int32(saturate(to.dtype, int64(v))) })
		}, nil
	case from.kind == inI32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int32) int64 { return int64(v) })
		}, nil
	case to.kind == inF32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int64) float32 { return float32(round(float64(v))) })
		}, nil
	case to.kind == inF64:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int64) float64 { return float64(v) })
		}, nil
	case to.kind == inI32:
		return func(w *worker) {
			mapUnary(w, w.own(dst), &w.tiles[x], func(v int64) int32 { return int32(saturate(to.dtype, v)) })
		}, nil
	}
	return func(w *worker) { mapUnary(w, w.own(dst), &w.tiles[x], func(v int64) int64 { return v }) }, nil
}

func floatToInt64(v float64) int64 {
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

// saturate brings an integer into the range of an integer type; bool is v != 0.
func saturate(t ugraph.DType, v int64) int64 {
	switch t {
	case ugraph.I32:
		return max(math.MinInt32, min(math.MaxInt32, v))
	case ugraph.I8:
		return max(math.MinInt8, min(math.MaxInt8, v))
	case ugraph.U8:
		return max(0, min(math.MaxUint8, v))
	case ugraph.Bool:
		if v != 0 {
			return 1
		}
	}
	return v
}

// narrow rounds runs to a narrow float type and back, in pieces that fit the first-level cache.
func narrow(t ugraph.DType) func(w *worker, dst, x []float32) {
	switch t {
	case ugraph.F16:
		return func(w *worker, dst, x []float32) {
			bits := &w.bits
			for len(x) > 0 {
				n := min(len(x), len(bits))
				kernel.F32ToF16(bits[:n], x[:n])
				kernel.F16ToF32(dst[:n], bits[:n])
				dst, x = dst[n:], x[n:]
			}
		}
	case ugraph.BF16:
		return func(w *worker, dst, x []float32) {
			bits := &w.bits
			for len(x) > 0 {
				n := min(len(x), len(bits))
				kernel.F32ToBF16(bits[:n], x[:n])
				kernel.BF16ToF32(dst[:n], bits[:n])
				dst, x = dst[n:], x[n:]
			}
		}
	}
	return func(_ *worker, dst, x []float32) {
		for i, v := range x {
			dst[i] = float32(t.Round(float64(v)))
		}
	}
}
