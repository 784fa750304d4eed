package soundness

import (
	"fmt"
	"slices"
	"strings"
)

// kinds are the kinds of operators that a program is drawn from; those that programs have more often are there more
// often.
var kinds = strings.Fields(`
	add add mul mul extreme quotient matmul matmul matmul matmul unary unary unary unary softmax softmax logsumexp
	norm norm reduce reduce reduce argmax transpose reshape concat slice split where where mask causal position
	attention rope cast round bits compare gather scatter topk uniform broadcast`)

// exponentials are the kinds that may have one.
var exponentials = []string{"unary", "softmax", "logsumexp", "causal", "mask", "attention"}

// unaries are the elementwise functions, each where it is defined.
var unaries = []string{
	"exp(%s * 0.5)", "tanh(%s)", "sigmoid(%s)", "silu(%s)", "gelu(%s)", "gelu(%s, approximate=tanh)", "relu(%s)", "square(%s)",
	"abs(%s)", "-%s", "erf(%s)", "sin(%s)", "cos(%s)", "sqrt(abs(%s))", "rsqrt(square(%s) + 1)", "reciprocal(abs(%s) + 0.5)",
	"log(square(%s) + 0.5)", "pow(%s, exponent=2)", "pow(abs(%s) + 1, exponent=-1.5)", "clamp(%s, min=-1, max=1.5)", "sign(%s)",
	"floor(%s * 4)", "%s - 0.375", "%s * 0.3",
}

var kindsOfInteger = []string{"and(%s, 5)", "%s + 3", "%s * 3", "shift_left(%s, 1)", "shift_right(%s, 1)", "popcount(%s)", "not(%s)", "abs(%s)", "maximum(%s, 2)"}

// operator adds an operator of a kind; false where the values at hand do not fit it.
func (d *drawing) operator(kind string) bool {
	if kind == "bits" {
		return d.bits()
	}
	x, ok := d.of("x", func(v value) bool {
		// Deeper nests, which no proof reaches, cost a search its whole budget.
		return v.float() && (v.exps < 2 || !slices.Contains(exponentials, kind))
	})
	if !ok {
		return false
	}
	rank := len(x.shape)
	axis := 0
	if rank > 0 {
		axis = d.n(rank, "axis")
	}
	switch kind {
	case "add", "mul", "extreme", "quotient", "where", "compare":
		return d.pair(kind, x)
	case "matmul":
		return d.matmul(x)
	case "unary":
		d.add(x.dtype, x.shape, pick(d, unaries, "function"), x.name)
		return true
	case "mask", "causal", "attention", "gather", "scatter", "rope":
		return d.indexed(kind, x)
	case "cast":
		to := pick(d, []string{"f32", "f16", "bf16", "f64", "i32"}, "to")
		if to == "i32" {
			d.add(to, x.shape, "cast(%s * 3, to=i32)", x.name)
			return true
		}
		d.add(to, x.shape, "cast(%s, to=%s)", x.name, to)
		return to != x.dtype
	case "round": // a number of eight bits and back
		d.add(x.dtype, x.shape, "cast(cast(%s, to=f8e4m3), to=%s)", x.name, x.dtype)
		return true
	case "uniform":
		n := pick(d, d.axes, "n")
		d.add("f32", []extent{n}, "uniform(%d, iota(n=%s))", d.n(9, "seed"), n.text)
		return true
	}
	if rank == 0 {
		return false
	}
	if strings.Contains("concat slice split topk", kind) {
		return d.part(kind, x, axis)
	}
	switch kind {
	case "softmax":
		d.add(x.dtype, x.shape, "%s(%s, axis=%d)", pick(d, []string{"softmax", "softmax", "log_softmax"}, "form"), x.name, axis)
	case "logsumexp":
		keep := d.n(2, "keepdims") == 1
		d.add(x.dtype, reduced(x.shape, axis, keep), "logsumexp(%s, axis=%d, keepdims=%v)", x.name, axis, keep)
	case "norm":
		eps := pick(d, []string{"1e-5", "1e-3", "0.25"}, "eps")
		w, weighted := d.of("weight", func(w value) bool {
			return w.dtype == x.dtype && len(w.shape) == 1 && w.shape[0] == x.shape[rank-1] && w.name != x.name
		})
		form := pick(d, []string{"rms_norm", "rms_norm", "layer_norm"}, "form")
		if weighted {
			d.add(x.dtype, x.shape, "%s(%s, %s, eps=%s)", form, x.name, w.name, eps)
		} else {
			d.add(x.dtype, x.shape, "%s(%s, eps=%s)", form, x.name, eps)
		}
	case "reduce":
		form, keep := pick(d, []string{"sum", "sum", "mean", "max", "min"}, "form"), d.n(3, "keepdims") > 0
		if rank > 1 && d.n(5, "all") == 0 {
			d.add(x.dtype, nil, "%s(%s)", form, x.name)
		} else {
			d.add(x.dtype, reduced(x.shape, axis, keep), "%s(%s, axis=%d, keepdims=%v)", form, x.name, axis, keep)
		}
	case "argmax":
		d.add("i32", reduced(x.shape, axis, false), "argmax(%s, axis=%d)", x.name, axis)
	case "transpose":
		perm := make([]int, rank)
		var shape []extent
		for i := range perm {
			perm[i] = (i + 1 + axis) % rank
		}
		for _, p := range perm {
			shape = append(shape, x.shape[p])
		}
		d.add(x.dtype, shape, "transpose(%s, perm=%s)", x.name, strings.ReplaceAll(fmt.Sprint(perm), " ", ", "))
	case "reshape":
		if rank == 2 && !strings.Contains(shapeText(x.shape), "S") && d.n(2, "flat") == 0 {
			d.add(x.dtype, []extent{ext(x.shape[0].n * x.shape[1].n)}, "reshape(%s, shape=[-1])", x.name)
			return true
		}
		shape := slices.Insert(slices.Clone(x.shape), axis, ext(1))
		d.add(x.dtype, shape, "reshape(%s, shape=%s)", x.name, shapeText(shape))
	case "broadcast":
		shape := append([]extent{pick(d, d.axes, "copies")}, x.shape...)
		if rank > 3 {
			return false
		}
		d.add(x.dtype, shape, "broadcast(%s, shape=%s)", x.name, shapeText(shape))
	case "position":
		n := x.shape[rank-1]
		d.add(x.dtype, x.shape, "%s + cast(iota(n=%s), to=%s) * 0.125", x.name, n.text, x.dtype)
	}
	return true
}

// pair adds an elementwise operator of two operands.
func (d *drawing) pair(kind string, x value) bool {
	y := d.with(x, "y")
	shape, _ := broadcast(x.shape, y.shape)
	if x.name == y.name && kind != "add" && kind != "mul" && kind != "quotient" { // no choice at all
		return false
	}
	switch kind {
	case "add":
		sign := pick(d, []string{"+", "-"}, "sign")
		if x.name == y.name {
			sign = "+"
		}
		d.add(x.dtype, shape, "%s %s %s", x.name, sign, y.name)
	case "mul":
		d.add(x.dtype, shape, "%s * %s", x.name, y.name)
	case "extreme":
		d.add(x.dtype, shape, "%s(%s, %s)", pick(d, []string{"maximum", "minimum"}, "extreme"), x.name, y.name)
	case "quotient": // a divisor that is not near 0
		d.add(x.dtype, shape, "%s / (square(%s) + 1)", x.name, y.name)
	case "where":
		d.add(x.dtype, shape, "where(%s %s %s, %s, %s * 2)", x.name, pick(d, []string{"<", "<=", ">", "=="}, "compare"), y.name, x.name, y.name)
	case "compare":
		d.add("bool", shape, "%s %s %s", x.name, pick(d, []string{"<", ">="}, "compare"), y.name)
	}
	return true
}

// matmul adds a product, with a weight of its own where nothing fits.
func (d *drawing) matmul(x value) bool {
	rank := len(x.shape)
	if rank < 2 {
		return false
	}
	k := x.shape[rank-1]
	scale := pick(d, []string{"", " * 0.25"}, "scale")
	fits := func(row int) func(value) bool {
		return func(w value) bool {
			r := len(w.shape)
			if w.dtype != x.dtype || r < 2 || w.shape[r-2+row] != k {
				return false
			}
			_, ok := broadcast(x.shape[:rank-2], w.shape[:r-2])
			return ok
		}
	}
	transposed := d.n(2, "transpose_b")
	y, ok := d.of("y", fits(transposed))
	if !ok {
		shape := []extent{k, pick(d, d.axes, "columns")}
		if transposed == 1 {
			shape[0], shape[1] = shape[1], shape[0]
		}
		y = d.input(x.dtype, shape)
	}
	r := len(y.shape)
	batch, _ := broadcast(x.shape[:rank-2], y.shape[:r-2])
	shape := append(slices.Clone(batch), x.shape[rank-2], y.shape[r-1-transposed])
	if transposed == 1 {
		d.add(x.dtype, shape, "matmul(%s, %s, transpose_b=true)%s", x.name, y.name, scale)
	} else {
		d.add(x.dtype, shape, "%s @ %s%s", x.name, y.name, scale)
	}
	return true
}

// part adds an operator that takes parts of an axis of constant extent.
func (d *drawing) part(kind string, x value, axis int) bool {
	n := x.shape[axis]
	if n.text == "S" {
		return false
	}
	shape := slices.Clone(x.shape)
	switch kind {
	case "concat":
		shape[axis] = ext(2 * n.n)
		y, ok := d.of("y", func(y value) bool { return y.dtype == x.dtype && slices.Equal(y.shape, x.shape) })
		if !ok || n.n > 40 {
			return false
		}
		d.add(x.dtype, shape, "concat(%s, %s, axis=%d)", x.name, y.name, axis)
	case "slice":
		if n.n < 3 {
			return false
		}
		shape[axis] = ext(n.n - 2)
		d.add(x.dtype, shape, "slice(%s, axis=%d, start=1, end=%d)", x.name, axis, n.n-1)
	case "split":
		parts := 2
		if n.n%3 == 0 {
			parts = 3
		}
		if n.n%parts != 0 {
			return false
		}
		shape[axis] = ext(n.n / parts)
		first := value{fmt.Sprintf("v%d", len(d.body)), x.dtype, shape, x.exps}
		second := value{first.name + "b", x.dtype, shape, x.exps}
		names := first.name + ", " + second.name
		if parts == 3 {
			names += ", " + first.name + "c"
		}
		d.body = append(d.body, fmt.Sprintf("    %s = split(%s, parts=%d, axis=%d)", names, x.name, parts, axis))
		d.vals = append(d.vals, second, first)
	case "topk":
		k := min(n.n, 1+d.n(3, "k"))
		shape[axis] = ext(k)
		name := fmt.Sprintf("v%d", len(d.body))
		d.body = append(d.body, fmt.Sprintf("    %s, %si = topk(%s, k=%d, axis=%d)", name, name, x.name, k, axis))
		d.vals = append(d.vals, value{name + "i", "i32", shape, x.exps}, value{name, x.dtype, shape, x.exps})
	}
	return true
}

// indexed adds an operator with positions, indices or a mask.
func (d *drawing) indexed(kind string, x value) bool {
	rank := len(x.shape)
	if rank < 1 {
		return false
	}
	last := x.shape[rank-1]
	switch kind {
	case "mask": // of booleans
		m, ok := d.of("mask", func(m value) bool {
			_, fits := broadcast(m.shape, x.shape)
			return m.dtype == "bool" && fits
		})
		if !ok {
			m = d.input("bool", x.shape[max(0, rank-2):])
		}
		shape, _ := broadcast(m.shape, x.shape)
		other := pick(d, []string{"-inf", "0", x.name + " * 0.5"}, "other")
		if other == "-inf" {
			d.add(x.dtype, shape, "softmax(where(%s, %s, -inf))", m.name, x.name)
		} else {
			d.add(x.dtype, shape, "where(%s, %s, %s)", m.name, x.name, other)
		}
	case "causal": // the last row sees every column
		if rank < 2 || x.shape[rank-2].n > last.n && last.text == "S" || strings.Contains(shapeText(x.shape[rank-2:]), "S") {
			return false
		}
		rows := x.shape[rank-2].n
		d.add(x.dtype, x.shape, "softmax(where(reshape(iota(n=%d), shape=[%d, 1]) + %d >= iota(n=%d), %s, -inf))", rows, rows, max(last.n-rows, 0), last.n, x.name)
	case "attention":
		if rank < 2 {
			return false
		}
		rows := pick(d, d.axes, "keys")
		shape := slices.Clone(x.shape[rank-2:])
		q := x.name
		if rank > 2 {
			return false
		}
		k := d.input(x.dtype, []extent{ext(1), rows, shape[1]})
		v := d.input(x.dtype, []extent{ext(1), rows, shape[1]})
		out := append([]extent{ext(1)}, shape...)
		causal := ""
		if d.n(2, "causal") == 1 && rows.text != "S" && shape[0].text != "S" && shape[0].n <= rows.n {
			causal = ", causal=true"
		}
		d.add(x.dtype, out, "attention(reshape(%s, shape=%s), %s, %s%s)", q, shapeText(out), k.name, v.name, causal)
	case "rope":
		if rank < 2 || last.text == "S" || last.n%2 != 0 {
			return false
		}
		d.add(x.dtype, x.shape, "rope(%s, iota(n=%s), style=%s)", x.name, x.shape[rank-2].text, pick(d, []string{"half", "interleaved"}, "style"))
	case "gather", "scatter":
		n := x.shape[0]
		if n.text == "S" || n.n < 4 {
			return false
		}
		count := 2 + d.n(5, "count")
		index := fmt.Sprintf("and(iota(n=%d) * %d, 3)", count, 1+d.n(3, "step"))
		if kind == "gather" {
			d.add(x.dtype, append([]extent{ext(count)}, x.shape[1:]...), "gather(%s, %s, axis=0)", x.name, index)
			return true
		}
		y := d.input(x.dtype, append([]extent{ext(count)}, x.shape[1:]...))
		d.add(x.dtype, x.shape, "scatter_add(%s, %s, %s, axis=0)", x.name, index, y.name)
	}
	return true
}

// bits adds an operator on integers, or a cast of integers or booleans to floats.
func (d *drawing) bits() bool {
	x, ok := d.of("x", func(v value) bool { return !v.float() })
	switch {
	case !ok:
		return false
	case x.integer() && d.n(2, "stay") == 0:
		f := pick(d, kindsOfInteger, "function")
		if strings.HasPrefix(f, "abs") && x.dtype == "u8" {
			return false
		}
		d.add(x.dtype, x.shape, strings.Replace(f, "and(%s, 5)", "and(%s, 5)", 1), x.name)
	case !x.integer() && d.n(2, "sum") == 0 && len(x.shape) > 0:
		d.add("i32", reduced(x.shape, len(x.shape)-1, false), "sum(%s, axis=-1)", x.name)
	default:
		d.add(d.dtype, x.shape, "cast(%s, to=%s)", x.name, d.dtype)
	}
	return true
}
