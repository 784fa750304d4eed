package cpu

import (
	"fmt"
	"strings"
)

// drawSteps are the steps of a body, the frequent ones more than once. A step that finds no tiles that fit
// does nothing.
var drawSteps = []func(*graphDraw){
	(*graphDraw).unary, (*graphDraw).unary,
	(*graphDraw).binary, (*graphDraw).binary, (*graphDraw).binary,
	(*graphDraw).integers,
	(*graphDraw).comparison,
	(*graphDraw).selection,
	(*graphDraw).reduction, (*graphDraw).reduction, (*graphDraw).reduction, (*graphDraw).reduction,
	(*graphDraw).product, (*graphDraw).product,
	(*graphDraw).transposition,
	(*graphDraw).rotation,
	(*graphDraw).conversion,
	(*graphDraw).accumulation, (*graphDraw).accumulation, (*graphDraw).accumulation,
	(*graphDraw).argmax,
	(*graphDraw).gather,
	(*graphDraw).positions,
}

// Formulas keep their values small, so that one tolerance fits all.
var (
	unaryFormulas = []string{"tanh(%s)", "sigmoid(%s)", "silu(%s)", "relu(%s)", "-%s", "abs(%s)", "square(tanh(%s))",
		"exp(tanh(%s))", "%s * 0.5", "1 - %s", "sqrt(abs(%s) + 1)", "rsqrt(square(%s) + 0.5)", "clamp(%s, min=-1, max=0.75)",
		"erf(%s)", "gelu(%s)", "gelu(%s, approximate=tanh)", "log(abs(%s) + 1)", "reciprocal(square(%s) + 1)", "sin(%s)",
		"cos(%s)", "pow(abs(%s) + 1, exponent=-1.5)", "maximum(%s, 0.25)", "cast(%s, to=f32)"}
	binaryFormulas = []string{"%s + %s", "%s - %s", "tanh(%s) * tanh(%s)", "maximum(%s, %s)", "minimum(%s, %s)",
		"%s / (square(%s) + 1)", "exp(-abs(%s) - abs(%s))"}
	integerFormulas = []string{"%s + %s", "%s - %s", "%s * %s", "maximum(%s, %s)", "and(%s, %s)", "xor(%s, %s)",
		"shift_right(%s, and(%s, 15))", "shift_left(%s, and(%s, 15))", "popcount(%s) + %s", "abs(%s) - %s",
		"cast(cast(%s, to=i8), to=i32) + %s", "cast(cast(%s, to=u8), to=i32) + %s"}
	normFormulas = []string{"softmax(%s, axis=%d)", "log_softmax(%s, axis=%d)", "rms_norm(%s, eps=0.1, axis=%d)",
		"layer_norm(%s, eps=0.1, axis=%d)"}
)

func (g *graphDraw) unary() {
	if x, ok := g.pick(isFloat); ok {
		v := drawnTile{axes: x.axes, kind: 'f', phase: x.phase}
		g.emit(fmt.Sprintf(among(g.r, unaryFormulas...), x.name), v, x)
	}
}

func (g *graphDraw) binary()   { g.pairwise('f', isFloat, binaryFormulas) }
func (g *graphDraw) integers() { g.pairwise('i', isInt, integerFormulas) }

// pairwise draws a formula of two tiles of a kind.
func (g *graphDraw) pairwise(kind byte, fits func(drawnTile) bool, formulas []string) {
	x, ok := g.pick(fits)
	if !ok {
		return
	}
	if y, v, ok := g.partner(x, fits); ok {
		v.kind = kind
		g.emit(fmt.Sprintf(among(g.r, formulas...), x.name, y.name), v, x, y)
	}
}

// comparison compares values that no rounding changes.
func (g *graphDraw) comparison() {
	same := func(v drawnTile) bool { return isInt(v) || isFloat(v) && v.exact }
	x, ok := g.pick(same)
	if !ok {
		return
	}
	if y, v, ok := g.partner(x, func(v drawnTile) bool { return same(v) && v.kind == x.kind }); ok {
		v.kind = 'b'
		g.emit(x.name+among(g.r, " < ", " <= ", " == ", " >= ", " > ")+y.name, v, x, y)
	}
}

// selection draws where, with -inf for the masks of a softmax.
func (g *graphDraw) selection() {
	c, ok := g.pick(func(v drawnTile) bool { return v.kind == 'b' })
	if !ok {
		return
	}
	x, v, ok := g.partner(c, func(v drawnTile) bool { return v.kind != 'b' && !v.accum })
	if !ok {
		return
	}
	v.kind = x.kind
	formula := among(g.r, "where(%s, %s, 0)", "where(%s, %[2]s, -%[2]s)", "where(%s, 3, %s)")
	if x.kind == 'f' && g.r.IntN(2) == 0 {
		formula = "exp(where(%s, tanh(%s), -inf))"
	}
	g.emit(fmt.Sprintf(formula, c.name, x.name), v, c, x)
}

// reduction reduces some of the axes; bools are counted.
func (g *graphDraw) reduction() {
	x, ok := g.pick(isTile)
	if !ok {
		return
	}
	keep := g.r.IntN(2) == 0
	v := drawnTile{kind: x.kind, phase: x.phase}
	var reduced []string
	for i := range x.axes {
		if g.r.IntN(2) > 0 {
			v.axes += x.axes[i : i+1]
			continue
		}
		reduced = append(reduced, fmt.Sprint(i))
		if keep {
			v.axes += "1"
		}
	}
	if len(reduced) == 0 {
		return
	}
	op := among(g.r, "sum", "sum", "max", "min", "mean")
	switch {
	case x.kind == 'b':
		op, v.kind = "sum", 'i'
	case x.kind == 'i' && op == "mean":
		op = "sum"
	}
	v.exact = isFloat(x) && x.exact && (op == "max" || op == "min")
	formula := fmt.Sprintf("%s(%s, axis=[%s], keepdims=%v)", op, x.name, strings.Join(reduced, ", "), keep)
	if op == "sum" && v.kind == 'f' && g.r.IntN(2) == 0 {
		formula = "tanh(" + formula + " * 0.1)"
	}
	g.emit(formula, v, x)
}

// product draws a matmul, either operand transposed or not, the batch axes broadcast.
func (g *graphDraw) product() {
	x, ok := g.pick(func(v drawnTile) bool { return isFloat(v) && len(v.axes) >= 2 })
	if !ok {
		return
	}
	// ends splits the axes of an operand: batch, the row's and the column's.
	ends := func(axes string, transposed bool) (batch, row, column string) {
		n := len(axes)
		batch, row, column = axes[:n-2], axes[n-2:n-1], axes[n-1:]
		if transposed {
			row, column = column, row
		}
		return batch, row, column
	}
	ta, tb := g.r.IntN(2) == 0, g.r.IntN(2) == 0
	batchX, row, inner := ends(x.axes, ta)
	y, ok := g.pick(func(v drawnTile) bool {
		if !isFloat(v) || len(v.axes) < 2 {
			return false
		}
		_, phases := jointPhase(x.phase, v.phase)
		_, k, _ := ends(v.axes, tb)
		return phases && k == inner
	})
	if !ok {
		return
	}
	batchY, _, column := ends(y.axes, tb)
	batch, ok := broadcastAxes(batchX, batchY)
	v := drawnTile{axes: batch + row + column, kind: 'f'}
	if !ok || repeats(v.axes) {
		return
	}
	v.phase, _ = jointPhase(x.phase, y.phase)
	g.emit(fmt.Sprintf("matmul(%s, %s, transpose_a=%v, transpose_b=%v) * 0.1", x.name, y.name, ta, tb), v, x, y)
}

func (g *graphDraw) transposition() {
	x, ok := g.pick(func(v drawnTile) bool { return !v.accum && len(v.axes) >= 2 })
	if !ok {
		return
	}
	v := drawnTile{kind: x.kind, phase: x.phase, exact: x.exact}
	var perm []string
	for _, i := range g.r.Perm(len(x.axes)) {
		v.axes += x.axes[i : i+1]
		perm = append(perm, fmt.Sprint(i))
	}
	g.emit(fmt.Sprintf("transpose(%s, perm=[%s])", x.name, strings.Join(perm, ", ")), v, x)
}

// rotation joins two slices of the axis k in the other order.
func (g *graphDraw) rotation() {
	x, ok := g.pick(func(v drawnTile) bool { return !v.accum && strings.Contains(v.axes, "k") })
	if !ok {
		return
	}
	axis, at := strings.IndexByte(x.axes, 'k'), 1+g.r.IntN(min(4, g.whole-1))
	v := drawnTile{axes: x.axes, kind: x.kind, phase: x.phase, exact: x.exact}
	g.emit(fmt.Sprintf("concat(slice(%[1]s, axis=%[2]d, start=%[3]d, end=%[4]d), slice(%[1]s, axis=%[2]d, start=0, end=%[3]d), axis=%[2]d)",
		x.name, axis, at, g.whole), v, x)
}

// conversion makes a floating tile: of a bool or an integer by cast, else by a softmax or a norm.
func (g *graphDraw) conversion() {
	x, ok := g.pick(isTile)
	if !ok {
		return
	}
	v := drawnTile{axes: x.axes, kind: 'f', phase: x.phase, exact: x.kind != 'f'}
	switch {
	case x.kind == 'b':
		g.emit(fmt.Sprintf("cast(%s, to=f32)", x.name), v, x)
	case x.kind == 'i':
		g.emit(fmt.Sprintf("cast(and(%s, 255), to=f32) * 0.0078125", x.name), v, x)
	case len(x.axes) > 0:
		g.emit(fmt.Sprintf(among(g.r, normFormulas...), x.name, g.r.IntN(len(x.axes))), v, x)
	}
}

// accumulation draws an accumulator, with a factor in some, and what reads it: after the loop, and in it
// the values of this trip and of the last.
func (g *graphDraw) accumulation() {
	x, ok := g.pick(func(v drawnTile) bool {
		return v.phase == inLoop && v.kind != 'b' && !v.accum && !strings.Contains(v.axes, "c")
	})
	if !ok {
		return
	}
	kind, operands := among(g.r, "sum", "sum", "max", "min"), []drawnTile{x}
	formula := fmt.Sprintf("accum(%s, kind=%s)", x.name, kind)
	if kind == "sum" && x.kind == 'f' && g.r.IntN(2) == 0 {
		f, ok := g.pick(func(v drawnTile) bool {
			axes, fits := broadcastAxes(x.axes, v.axes)
			return isFloat(v) && v.phase == inLoop && fits && axes == x.axes
		})
		if ok {
			f = g.emit("sigmoid("+f.name+")", drawnTile{axes: f.axes, kind: 'f', phase: inLoop}, f)
			formula, operands = fmt.Sprintf("accum(%s, %s)", x.name, f.name), append(operands, f)
		}
	}
	v := drawnTile{axes: x.axes, kind: x.kind, phase: inLoop}
	of := v
	of.accum = true
	a := g.emit(formula, of, operands...)
	after := v
	after.phase = afterLoop
	if x.kind == 'f' && kind == "sum" {
		g.emit("tanh("+a.name+" * 0.1)", after, a)
	} else {
		g.emit(a.name+" + 0", after, a)
	}
	if g.r.IntN(2) == 0 {
		g.emit("running("+a.name+") * 1", v, a)
	}
	if g.r.IntN(3) == 0 {
		// Before the first trip a maximum or a minimum is infinite.
		formula := "previous(%s) * 1"
		if kind != "sum" && x.kind == 'f' {
			formula = "clamp(previous(%s), min=-4, max=4)"
		}
		g.emit(fmt.Sprintf(formula, a.name), v, a)
	}
}

func (g *graphDraw) argmax() {
	x, ok := g.pick(func(v drawnTile) bool { return isFloat(v) && v.exact && len(v.axes) > 0 })
	if !ok {
		return
	}
	i := g.r.IntN(len(x.axes))
	if strings.IndexByte("rnc", x.axes[i]) >= 0 {
		return // a block sees a part of the axis
	}
	g.emit(fmt.Sprintf("argmax(%s, axis=%d)", x.name, i), drawnTile{axes: x.axes[:i] + x.axes[i+1:], kind: 'i', phase: x.phase}, x)
}

// gather takes elements 0 and 1 of the axis k by integers of any shape.
func (g *graphDraw) gather() {
	x, ok := g.pick(func(v drawnTile) bool { return v.kind != 'b' && !v.accum && strings.Contains(v.axes, "k") })
	if !ok {
		return
	}
	y, ok := g.pick(func(v drawnTile) bool {
		_, phases := jointPhase(x.phase, v.phase)
		return isInt(v) && phases && len(v.axes) <= 2
	})
	if !ok {
		return
	}
	before, after, _ := strings.Cut(x.axes, "k")
	v := drawnTile{axes: before + y.axes + after, kind: x.kind, exact: x.exact && x.kind == 'f'}
	if repeats(v.axes) || len(v.axes) > 5 {
		return
	}
	v.phase, _ = jointPhase(x.phase, y.phase)
	g.emit(fmt.Sprintf("gather(%s, and(%s, 1), axis=%d)", x.name, y.name, len(before)), v, x, y)
}

// positions draws an iota, whole or cut, as a row, a column or a mask.
func (g *graphDraw) positions() {
	c := drawnAxes[g.r.IntN(len(drawnAxes))]
	if c == 'n' && !g.hasN || c == 'c' && !g.hasLoop {
		return
	}
	v := drawnTile{axes: string(c), kind: 'i'}
	formula := fmt.Sprintf("iota(n=%s)", g.extent[c])
	if !g.program {
		cut := ""
		switch c {
		case 'r', 'n':
			cut, v.blocks = fmt.Sprintf(", %c=0", c), string(c)
		case 'c':
			cut, v.phase = ", loop=0", inLoop
		}
		formula = "load(" + formula + cut + ")"
	}
	row := g.emit(formula, v)
	if g.r.IntN(2) == 0 {
		g.emit("reshape("+row.name+", shape=[-1, 1])", drawnTile{axes: string(c) + "1", kind: 'i', phase: v.phase}, row)
	}
	if g.r.IntN(2) == 0 {
		g.emit(fmt.Sprintf("%s >= %d", row.name, g.r.IntN(9)), drawnTile{axes: string(c), kind: 'b', phase: v.phase}, row)
	}
}
