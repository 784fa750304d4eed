package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Axes of drawn tiles, one letter each: r and n are cut by the grid, c by the loop, k and j are whole, and
// '1' is an axis of extent 1.
const drawnAxes = "rnckj"

// Where a drawn tile may be read: operands of one formula must agree, a constant of the loop goes with both.
const (
	beforeLoop = iota
	inLoop
	afterLoop
)

// drawnTile is a named value of a drawn body.
type drawnTile struct {
	id    int
	name  string
	axes  string // a letter of drawnAxes or '1' for each axis
	kind  byte   // f, i or b: floating, integer, bool
	phase int
	// exact: of the bits of an input, so that a comparison of it or its argmax doesn't hang on rounding.
	exact bool
	// accum: an accumulator, which a body reads only through running, previous or after the loop.
	accum  bool
	blocks string // the grid axes whose block it depends on
}

// drawnLine is the statement that makes the tile of the same index.
type drawnLine struct {
	name, formula string
	operands      []int
	param         int // the parameter that it loads, or -1
}

// graphDraw draws the text of a µGraph of one kernel, or of a program (no grid and no loop), from a seed:
// loads of every rank and cut, then steps of drawSteps on whichever tiles fit, then stores of some of them.
// It knows shapes and phases but not every rule, so that some texts are not legal.
type graphDraw struct {
	r             *rand.Rand
	tiles         []drawnTile
	lines         []drawnLine
	params        []string
	extent        map[byte]string
	whole         int // the extent of k, at least 2
	storage       string
	program       bool
	hasLoop, hasN bool
}

// among draws one of the choices.
func among[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

// drawGraph draws a text, "" where it came to no output. Symbolic ones have the symbols R and C, each ≤ 64.
func drawGraph(r *rand.Rand, symbolic bool) string {
	g := &graphDraw{r: r, extent: map[byte]string{'1': "1"}}
	g.storage = among(r, "f32", "f32", "f16", "bf16")
	g.hasLoop, g.hasN = r.IntN(4) > 0, r.IntN(2) == 0
	if r.IntN(3) == 0 {
		g.program, g.hasLoop, g.hasN = true, false, true
	}
	size := func() int { return among(r, 1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 40) }
	for _, c := range []byte(drawnAxes) {
		g.extent[c] = fmt.Sprint(size())
	}
	g.whole = max(2, size())
	g.extent['k'] = fmt.Sprint(g.whole)
	if symbolic {
		g.extent['r'], g.extent['c'] = "R", among(r, "C", "C", "2 * C")
	}
	for range 3 + r.IntN(3) {
		g.load(among(r, byte('f'), 'f', 'f', 'i', 'b'))
	}
	for range 6 + r.IntN(22) {
		among(r, drawSteps...)(g)
	}
	return g.text()
}

// emit appends a statement; the tile depends on the blocks of its operands and on v's own.
func (g *graphDraw) emit(formula string, v drawnTile, operands ...drawnTile) drawnTile {
	v.id, v.name = len(g.tiles), fmt.Sprintf("v%d", len(g.tiles))
	line := drawnLine{name: v.name, formula: formula, param: -1}
	for _, o := range operands {
		line.operands = append(line.operands, o.id)
		v.blocks += o.blocks
	}
	g.tiles, g.lines = append(g.tiles, v), append(g.lines, line)
	return v
}

// pick draws one of the tiles that fit, the last four as often as all.
func (g *graphDraw) pick(fits func(drawnTile) bool) (drawnTile, bool) {
	var found []drawnTile
	for _, v := range g.tiles {
		if fits(v) {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		return drawnTile{}, false
	}
	if len(found) > 4 && g.r.IntN(2) == 0 {
		found = found[len(found)-4:]
	}
	return among(g.r, found...), true
}

// partner draws a second operand for x; the tile that it returns last has the axes and phase of the two.
func (g *graphDraw) partner(x drawnTile, fits func(drawnTile) bool) (y, both drawnTile, ok bool) {
	y, ok = g.pick(func(v drawnTile) bool {
		_, shapes := broadcastAxes(x.axes, v.axes)
		_, phases := jointPhase(x.phase, v.phase)
		return fits(v) && shapes && phases
	})
	both.axes, _ = broadcastAxes(x.axes, y.axes)
	both.phase, _ = jointPhase(x.phase, y.phase)
	return y, both, ok
}

func isFloat(v drawnTile) bool { return v.kind == 'f' && !v.accum }
func isInt(v drawnTile) bool   { return v.kind == 'i' && !v.accum }
func isTile(v drawnTile) bool  { return !v.accum }

// repeats reports an axis that the letters hold twice, of which no tile is made.
func repeats(axes string) bool {
	return slices.ContainsFunc([]byte(drawnAxes), func(c byte) bool { return strings.Count(axes, string(c)) > 1 })
}

// broadcastAxes aligns the axes at the last.
func broadcastAxes(a, b string) (string, bool) {
	n := max(len(a), len(b))
	a, b = strings.Repeat("1", n-len(a))+a, strings.Repeat("1", n-len(b))+b
	out := []byte(a)
	for i := range out {
		switch {
		case a[i] == '1':
			out[i] = b[i]
		case b[i] != '1' && a[i] != b[i]:
			return "", false
		}
	}
	return string(out), !repeats(string(out))
}

// jointPhase is the phase of a formula of both.
func jointPhase(a, b int) (int, bool) {
	return max(a, b), a == b || min(a, b) == beforeLoop
}

// load draws an input and the load of its tile; floating tiles become f32 and integers i32.
func (g *graphDraw) load(kind byte) {
	pool := "rnkj1"
	if g.hasLoop {
		pool = "rccnkj1"
	}
	if !g.hasN {
		pool = strings.ReplaceAll(pool, "n", "k")
	}
	rank, axes := 1+g.r.IntN(3), ""
	for len(axes) < rank {
		if c := pool[g.r.IntN(len(pool))]; c == '1' || strings.IndexByte(axes, c) < 0 {
			axes += string(c)
		}
	}
	v := drawnTile{axes: axes, kind: kind, exact: true}
	name := fmt.Sprintf("X%d", len(g.params))
	parts, dims := []string{name}, []string{}
	for i, c := range []byte(axes) {
		dims = append(dims, g.extent[c])
		if g.program {
			continue
		}
		switch c {
		case 'r', 'n':
			parts = append(parts, fmt.Sprintf("%c=%d", c, i))
			v.blocks += string(c)
		case 'c':
			parts = append(parts, fmt.Sprintf("loop=%d", i))
			v.phase = inLoop
		}
	}
	shape := strings.Join(dims, ", ")
	formula := "load(" + strings.Join(parts, ", ") + ")"
	if g.program {
		formula = fmt.Sprintf("reshape(%s, shape=[%s])", name, shape)
	}
	dtype := "bool"
	switch kind {
	case 'f':
		if dtype = among(g.r, g.storage, g.storage, g.storage, "f32"); dtype != "f32" {
			formula = "cast(" + formula + ", to=f32)"
		}
	case 'i':
		if dtype = among(g.r, "i32", "i8", "u8", "i64"); dtype != "i32" {
			formula = "cast(" + formula + among(g.r, " + 100", "") + ", to=i32)"
		}
	}
	v = g.emit(formula, v)
	g.lines[v.id].param = len(g.params)
	g.params = append(g.params, fmt.Sprintf("%s: %s[%s]", name, dtype, shape))
}

// stores draws up to four outputs and returns their statements, the dtypes narrowed in some.
func (g *graphDraw) stores() (stores []string, stored []int) {
	for range 1 + g.r.IntN(4) {
		v, ok := g.pick(func(v drawnTile) bool {
			// A tile of the loop is written in each trip, where it lies along the loop's axis, no other is.
			trips := strings.Contains(v.axes, "c")
			return !v.accum && !slices.Contains(stored, v.id) && (v.phase == beforeLoop || trips == (v.phase == inLoop))
		})
		if !ok {
			continue
		}
		var cuts []string
		for i, c := range []byte(v.axes) {
			switch c {
			case 'r', 'n':
				cuts = append(cuts, fmt.Sprintf("%c=%d", c, i))
			case 'c':
				cuts = append(cuts, fmt.Sprintf("loop=%d", i))
			}
		}
		combined := strings.Trim(v.blocks, v.axes) != ""
		if combined {
			if v.kind == 'b' {
				continue
			}
			cuts = append(cuts, "reduce="+among(g.r, "sum", "max", "min"))
		}
		value := v.name
		switch {
		case v.kind == 'f' && g.storage != "f32" && !combined && g.r.IntN(2) == 0:
			value = fmt.Sprintf("cast(%s, to=%s)", value, g.storage)
		case v.kind == 'i' && g.r.IntN(4) == 0:
			value = fmt.Sprintf("cast(%s, to=i8)", value)
		}
		target := fmt.Sprintf("Y%d", len(stores))
		if !g.program {
			target = fmt.Sprintf("store %s(%s)", target, strings.Join(cuts, ", "))
		}
		stores, stored = append(stores, target+" = "+value), append(stored, v.id)
	}
	return stores, stored
}

// text writes what the outputs need of the body.
func (g *graphDraw) text() string {
	stores, stored := g.stores()
	if len(stores) == 0 {
		return ""
	}
	live := map[int]bool{}
	for _, id := range stored {
		live[id] = true
	}
	var body, params, names, outs []string
	for id := len(g.lines) - 1; id >= 0; id-- {
		line := g.lines[id]
		if !live[id] {
			continue
		}
		for _, o := range line.operands {
			live[o] = true
		}
		body = append(body, line.name+" = "+line.formula)
		if line.param >= 0 {
			params = append(params, g.params[line.param])
			names = append(names, fmt.Sprintf("X%d", line.param))
		}
	}
	slices.Reverse(body)
	for i := range stores {
		outs = append(outs, fmt.Sprintf("Y%d", i))
	}
	out, ins := strings.Join(outs, ", "), strings.Join(params, ", ")
	lines := strings.Join(append(body, stores...), "\n        ")
	tile := func() int { return among(g.r, 1, 2, 3, 4, 5, 8, 16, 64) }
	grid := fmt.Sprintf("grid(r: %s by %d", g.extent['r'], tile())
	if g.hasN {
		grid += fmt.Sprintf(", n: %s by %d", g.extent['n'], tile())
	}
	grid += ")"
	if g.hasLoop {
		grid += fmt.Sprintf(" loop(c: %s by %d)", g.extent['c'], tile())
	}
	if g.program {
		grid = ""
	}
	var bounds []string
	for _, c := range []byte("rc") {
		e := g.extent[c]
		symbol := e[len(e)-1:]
		if strings.Contains("RC", symbol) && strings.Contains(ins+lines+grid, symbol) {
			bounds = append(bounds, fmt.Sprintf("1 <= %s <= 64", symbol))
		}
	}
	where := ""
	if len(bounds) > 0 {
		where = " where " + strings.Join(bounds, ", ")
	}
	if g.program {
		return fmt.Sprintf("program g(%s) -> (%s)%s {\n        %s\n}\n", ins, out, where, lines)
	}
	return fmt.Sprintf("ugraph g(%s) -> (%s)%s {\n    %s = kernel k(%s) %s {\n        %s\n    }\n}\n",
		ins, out, where, out, strings.Join(names, ", "), grid, lines)
}
