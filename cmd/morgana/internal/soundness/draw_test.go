package soundness

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// extent is one axis: how it is written, and how long it is where the program runs.
type extent struct {
	text string
	n    int
}

func ext(n int) extent { return extent{fmt.Sprint(n), n} }

// value is a tensor that a drawn program has, by name.
type value struct {
	name  string
	dtype string
	shape []extent
	exps  int // exponentials within each other
}

func (v value) float() bool {
	return strings.HasPrefix(v.dtype, "f") || strings.HasPrefix(v.dtype, "bf")
}
func (v value) integer() bool { return v.dtype[0] == 'i' || v.dtype[0] == 'u' }

func shapeText(shape []extent) string {
	var parts []string
	for _, e := range shape {
		parts = append(parts, e.text)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// program is a drawn program: its text, and the size of its symbol S, 0 where it has none.
type program struct {
	text string
	s    int64
}

// drawing is a program while it is drawn.
type drawing struct {
	rt     *rapid.T
	dtype  string // of most floats
	axes   []extent
	vals   []value
	inputs []string
	body   []string
}

func (d *drawing) n(hi int, label string) int { return rapid.IntRange(0, hi-1).Draw(d.rt, label) }

func pick[T any](d *drawing, from []T, label string) T { return from[d.n(len(from), label)] }

// input adds an input of a drawn shape.
func (d *drawing) input(dtype string, shape []extent) value {
	v := value{fmt.Sprintf("X%d", len(d.inputs)), dtype, shape, 0}
	weight := ""
	if strings.Contains(dtype, "f") && len(shape) == 2 && !strings.Contains(shapeText(shape), "S") && d.n(3, "const") == 0 {
		weight = "const "
	}
	d.inputs = append(d.inputs, fmt.Sprintf("%s: %s%s%s", v.name, weight, dtype, shapeText(shape)))
	d.vals = append(d.vals, v)
	return v
}

// add adds a statement.
func (d *drawing) add(dtype string, shape []extent, format string, args ...any) value {
	text := fmt.Sprintf(format, args...)
	v := value{fmt.Sprintf("v%d", len(d.body)), dtype, shape, d.nested(text)}
	d.body = append(d.body, fmt.Sprintf("    %s = %s", v.name, text))
	d.vals = append(d.vals, v)
	return v
}

// nested is how many exponentials are within each other in an expression.
func (d *drawing) nested(text string) int {
	depth := 0
	for _, v := range d.vals {
		if slices.Contains(words.FindAllString(text, -1), v.name) {
			depth = max(depth, v.exps)
		}
	}
	if exponential.MatchString(text) {
		depth++
	}
	return depth
}

var (
	symbol      = regexp.MustCompile(`\bS\b`)
	words       = regexp.MustCompile(`\w+`)
	exponential = regexp.MustCompile(`exp|softmax|attention|sigmoid|tanh|silu`)
)

// of is a drawn value that passes the test, the later ones more often; false if there is none.
func (d *drawing) of(label string, test func(value) bool) (value, bool) {
	var have []value
	for _, v := range d.vals {
		if test(v) {
			have = append(have, v)
		}
	}
	if len(have) == 0 {
		return value{}, false
	}
	i := max(d.n(len(have), label), d.n(len(have), label))
	return have[i], true
}

// broadcast is the shape of two operands together; false where they do not fit.
func broadcast(a, b []extent) ([]extent, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, e := range b {
		at := i + len(a) - len(b)
		switch {
		case out[at] == e || e.n == 1 && e.text == "1":
		case out[at].text == "1":
			out[at] = e
		default:
			return nil, false
		}
	}
	return out, true
}

// with is a value of the same type that broadcasts with v, another one if there is any.
func (d *drawing) with(v value, label string) value {
	w, ok := d.of(label, func(w value) bool {
		_, fits := broadcast(v.shape, w.shape)
		return w.dtype == v.dtype && w.name != v.name && fits
	})
	if !ok {
		return v
	}
	return w
}

// reduced is a shape without an axis, which stays with extent 1 where keep says so.
func reduced(shape []extent, axis int, keep bool) []extent {
	out := slices.Clone(shape)
	if keep {
		out[axis] = ext(1)
		return out
	}
	return slices.Delete(out, axis, axis+1)
}

// odd extents, a few even ones, and one.
var extents = []int{1, 2, 3, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 31, 32, 33, 37}

// draw draws a program of 1 to 8 operators on tensors of up to four axes: every kind of operator of the language.
func draw(rt *rapid.T) program {
	d := &drawing{rt: rt}
	d.dtype = pick(d, []string{"f32", "f32", "f32", "f32", "f32", "f16", "f16", "bf16", "bf16", "f64"}, "dtype")
	for range 3 {
		d.axes = append(d.axes, ext(pick(d, extents, "extent")))
	}
	p := program{}
	if d.n(8, "symbol") == 0 {
		p.s = int64(pick(d, extents, "S"))
		d.axes[0] = extent{"S", int(p.s)}
	}
	for range rapid.IntRange(1, 3).Draw(rt, "inputs") {
		var shape []extent
		for range pick(d, []int{1, 2, 2, 2, 2, 3}, "rank") {
			shape = append(shape, pick(d, d.axes, "axis"))
		}
		d.input(d.dtype, shape)
	}
	switch d.n(6, "other input") {
	case 0:
		d.input(pick(d, []string{"i32", "i32", "i8", "u8", "i64"}, "integer"), []extent{pick(d, d.axes, "axis"), pick(d, d.axes, "axis")})
	case 1:
		d.input("bool", []extent{pick(d, d.axes, "axis"), pick(d, d.axes, "axis")})
	}
	for operators := rapid.IntRange(1, 8).Draw(rt, "operators"); operators > 0; operators-- {
		for tries := 0; tries < 20; tries++ {
			kind := pick(d, kinds, "kind")
			if d.operator(kind) {
				break
			}
		}
	}
	if len(d.body) == 0 {
		v := d.vals[0]
		d.add(v.dtype, v.shape, "%s + %s", v.name, v.name)
	}
	outs := []string{d.vals[len(d.vals)-1].name}
	if n := len(d.body); n > 1 && d.n(3, "two outputs") == 0 {
		if second := fmt.Sprintf("v%d", d.n(n-1, "second")); second != outs[0] {
			outs = append(outs, second)
		}
	}
	where, body := "", strings.Join(d.body, "\n")
	if strings.Contains(strings.Join(d.inputs, ""), "S") {
		where = " where S <= 48"
	} else { // a symbol that no input has cannot be bound
		body = symbol.ReplaceAllString(body, fmt.Sprint(p.s))
		p.s = 0
	}
	p.text = fmt.Sprintf("program random(%s) -> (%s)%s {\n%s\n}\n", strings.Join(d.inputs, ", "), strings.Join(outs, ", "), where, body)
	return p
}
