package algebra

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/mirage"
)

// named is a tile of a μGraph read over the axes of its program: the abstract expression and the axis of each
// dimension, -1 where it has none (extent 1, or the parts of a split).
type named struct {
	form polyID
	axes []int
	unit bool // 1, or the difference that exp makes 1: no part of the program
}

// reader reads the values of a μGraph that its outputs need, as with one block and one trip: a load, store or
// accumulator is what it holds, a running maximum the final one, a rescaled sum the sum, and the factor that
// merges parts, exp(m - m), is 1. The number of elements that a mean divides by is the mean's, and reads as 1.
type reader struct {
	t      *testing.T
	a      *abstraction
	counts []int64 // extents of the program's axes
	values int
	lost   []string // values that the pruner would not have let in
}

func (r *reader) set(v named) (s expr.AxisSet) {
	for _, x := range v.axes {
		if x >= 0 {
			s |= expr.Set(x)
		}
	}
	return s
}

// graph returns the outputs for the values of the inputs.
func (r *reader) graph(g *ugraph.Graph, in []named) []named {
	memo := map[ugraph.ValueID]named{}
	for i, x := range g.Inputs {
		memo[x.Value] = in[i]
	}
	var value func(v ugraph.ValueID) named
	value = func(v ugraph.ValueID) named {
		if x, ok := memo[v]; ok {
			return x
		}
		n := &g.Nodes[g.Values[v].Node]
		var args []named
		used := n.Args
		if n.Op == ugraph.OpAccum {
			used = used[:1]
		}
		for _, a := range used {
			args = append(args, value(a))
		}
		if n.Body != nil {
			for i, x := range r.graph(n.Body, args) {
				memo[n.Results[i]] = x
			}
			return memo[v]
		}
		x := r.apply(g, n, args)
		if x.unit {
			memo[v] = x
			return x
		}
		r.values++
		if !r.a.admits(x.form) {
			r.lost = append(r.lost, fmt.Sprintf("%s of %s", n.Op, g.Name))
		}
		memo[v] = x
		return x
	}
	var out []named
	for _, o := range g.Outputs {
		out = append(out, value(o.Value))
	}
	return out
}

func (r *reader) apply(g *ugraph.Graph, n *ugraph.Node, args []named) named {
	attrs := n.Attrs
	reduced := func(axis []int64) named {
		x := args[0]
		y := named{axes: slices.Clone(x.axes)}
		var over expr.AxisSet
		var at []int
		for _, i := range axis {
			if i < 0 {
				i += int64(len(x.axes))
			}
			at = append(at, int(i))
			if x.axes[i] >= 0 {
				over |= expr.Set(x.axes[i])
			}
			y.axes[i] = -1
		}
		slices.Sort(at)
		slices.Reverse(at)
		if !attrs.Flag("keepdims") {
			for _, i := range at {
				y.axes = slices.Delete(y.axes, i, i+1)
			}
		}
		y.form = x.form
		if over != 0 {
			y.form = r.a.form(expr.Node{Op: n.Op, Over: over, Args: []int{0}}, []polyID{x.form})
		}
		return y
	}
	switch n.Op {
	case ugraph.OpLoad, ugraph.OpAccum, ugraph.OpRunning, ugraph.OpCast:
		return args[0]
	case ugraph.OpConst:
		v, _ := attrs.Get("value")
		for _, n := range r.counts {
			if v.Number.Cmp(ugraph.Int(n)) == 0 {
				return named{unit: true}
			}
		}
		return named{form: r.a.leafForm(expr.Node{Op: ugraph.OpConst, Value: v.Number, DType: g.Values[n.Results[0]].DType})}
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		axis, ok := attrs.Get("axis")
		list := axis.Ints
		if !ok {
			for i := range args[0].axes {
				list = append(list, int64(i))
			}
		} else if axis.Kind == ugraph.AttrNumber {
			list = []int64{attrs.Int("axis", -1)}
		}
		return reduced(list)
	case ugraph.OpTranspose:
		perm, _ := attrs.Get("perm")
		y := named{form: args[0].form}
		for i := range args[0].axes {
			p := len(args[0].axes) - 1 - i
			if perm.Ints != nil {
				p = int(perm.Ints[i])
			}
			y.axes = append(y.axes, args[0].axes[p])
		}
		return y
	case ugraph.OpReshape:
		return named{args[0].form, r.reshape(g.Values[n.Args[0]].Shape, g.Values[n.Results[0]].Shape, args[0].axes), args[0].unit}
	case ugraph.OpMatMul:
		x, y := args[0], args[1]
		a, b := slices.Clone(x.axes), slices.Clone(y.axes)
		swap := func(l []int) { l[len(l)-1], l[len(l)-2] = l[len(l)-2], l[len(l)-1] }
		if attrs.Flag("transpose_a") {
			swap(a)
		}
		if attrs.Flag("transpose_b") {
			swap(b)
		}
		var over expr.AxisSet
		if k := max(a[len(a)-1], b[len(b)-2]); k >= 0 {
			over = expr.Set(k)
		}
		z := named{axes: r.broadcast(a[:len(a)-2], b[:len(b)-2])}
		z.axes = append(z.axes, a[len(a)-2], b[len(b)-1])
		z.form = r.a.form(expr.Node{Op: ugraph.OpMatMul, Over: over, Args: []int{0, 1}}, []polyID{x.form, y.form})
		return z
	}
	if info := n.Op.Info(); info.Class == ugraph.Composite || len(args) == 0 {
		r.t.Fatalf("%s is not read", n.Op)
	}
	switch unit := func(i int) bool { return i < len(args) && args[i].unit }; {
	case n.Op == ugraph.OpSub && r.a.strip(args[0].form) == r.a.strip(args[1].form), n.Op == ugraph.OpExp && unit(0):
		return named{axes: r.broadcast(args[0].axes, args[len(args)-1].axes), unit: true}
	case (n.Op == ugraph.OpMul || n.Op == ugraph.OpDiv) && unit(1):
		return named{form: args[0].form, axes: r.broadcast(args[0].axes, args[1].axes)}
	case n.Op == ugraph.OpMul && unit(0):
		return named{form: args[1].form, axes: r.broadcast(args[0].axes, args[1].axes)}
	}
	var fs []polyID
	var z named
	e := expr.Node{Op: n.Op}
	for i, x := range args {
		fs = append(fs, x.form)
		e.Args = append(e.Args, i)
		z.axes = r.broadcast(z.axes, x.axes)
	}
	z.form = r.a.form(e, fs)
	return z
}

func (r *reader) broadcast(x, y []int) []int {
	if len(x) < len(y) {
		x, y = y, x
	}
	z := slices.Clone(x)
	for i, a := range y {
		z[len(x)-len(y)+i] = max(z[len(x)-len(y)+i], a)
	}
	return z
}

// reshape follows axes through a reshape that puts in or takes out dimensions of extent 1, or splits off parts.
func (r *reader) reshape(from, to []ugraph.Dim, axes []int) []int {
	type dim struct {
		n    ugraph.Dim
		axis int
	}
	var rest []dim
	for i, n := range from {
		if !n.Is(1) {
			rest = append(rest, dim{n, axes[i]})
		}
	}
	var out []int
	for i := 0; i < len(to); i++ {
		switch {
		case to[i].Is(1):
			out = append(out, -1)
		case len(rest) > 0 && to[i] == rest[0].n:
			out = append(out, rest[0].axis)
			rest = rest[1:]
		case len(rest) > 0 && i+1 < len(to) && to[i].Mul(to[i+1]) == rest[0].n:
			out = append(out, -1, rest[0].axis)
			rest = rest[1:]
			i++
		default:
			r.t.Fatalf("a reshape from %s to %s is not read", ugraph.ShapeString(from), ugraph.ShapeString(to))
		}
	}
	return out
}

// checkPrefixes reports every value of a μGraph that is not admitted as a part of the program's outputs.
func checkPrefixes(t *testing.T, program, g *ugraph.Graph) int {
	t.Helper()
	d := exprtest.Lift(t, program)
	full := d
	if s := Stabilise(d); s != nil {
		full = s
	}
	a := newAbstraction()
	for i := range full.Outputs {
		one := full.Clone()
		one.Outputs = full.Outputs[i : i+1]
		a.target(formOf(a, one))
	}
	r := &reader{t: t, a: a}
	for _, x := range d.Axes {
		if n, ok := x.Extent.Const(); ok {
			r.counts = append(r.counts, n)
		}
	}
	var in []named
	for i, x := range d.Inputs {
		v := named{form: a.leafForm(expr.Node{Op: ugraph.OpInvalid, Input: i, Axes: expr.Set(x.Axes...)})}
		next := 0
		for _, n := range d.InputShape(i) { // axes of extent 1 are left out
			axis := -1
			if !n.Is(1) {
				axis = x.Axes[next]
				next++
			}
			v.axes = append(v.axes, axis)
		}
		in = append(in, v)
	}
	r.graph(programtest.Expanded(t, g), in)
	if len(r.lost) > 0 {
		t.Errorf("not admitted: %s", strings.Join(r.lost, ", "))
	}
	return r.values
}

// TestNoKnownGoodGraphIsPruned: every value of every right graph of Mirage's is admitted by the pruner for its
// program, with an empty table.
func TestNoKnownGoodGraphIsPruned(t *testing.T) {
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: Mirage's saved graphs are not at hand")
	}
	graphs, values := 0, 0
	for _, c := range programtest.Corpus {
		if !c.Right {
			continue
		}
		f, err := os.ReadFile(filepath.Join(dir, "mirage", c.File+".json"))
		if err != nil {
			t.Fatal(err)
		}
		gs, err := mirage.Import(bytes.NewReader(f))
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range gs {
			t.Run(fmt.Sprintf("%s/%d", c.File, i), func(t *testing.T) {
				values += checkPrefixes(t, programtest.Parse(t, c.Source), g)
				graphs++
			})
		}
	}
	t.Logf("%d values of %d graphs", values, graphs)
	if graphs < 20 || values < 100 {
		t.Errorf("%d values of %d graphs", values, graphs)
	}
}

// TestNoResultIsPruned: the same for the μGraphs on record for the embedded programs.
func TestNoResultIsPruned(t *testing.T) {
	values := 0
	for _, name := range programtest.Names() {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", "testdata", "golden", name+".ug"))
			if err != nil {
				t.Fatal(err)
			}
			values += checkPrefixes(t, programtest.Program(t, name), programtest.Parse(t, string(src)))
		})
	}
	if values < 100 {
		t.Errorf("only %d values", values)
	}
}
