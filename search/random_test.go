package search

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/text"
	"pgregory.net/rapid"
)

// drawProgram draws the text of a program of 1 to 8 operators on matrices of odd sizes: arithmetic, products,
// norms, reductions, movement, masks and positions.
func drawProgram(rt *rapid.T) string {
	sizes := []int{rapid.SampledFrom([]int{1, 3, 5, 17}).Draw(rt, "m"), rapid.SampledFrom([]int{7, 11, 33}).Draw(rt, "n"), rapid.SampledFrom([]int{13, 19}).Draw(rt, "k")}
	type value struct {
		name       string
		rows, cols int
	}
	var vals []value
	var inputs, body []string
	for i := range rapid.IntRange(1, 4).Draw(rt, "inputs") {
		v := value{fmt.Sprintf("X%d", i), rapid.SampledFrom(sizes).Draw(rt, "rows"), rapid.SampledFrom(sizes).Draw(rt, "cols")}
		vals = append(vals, v)
		inputs = append(inputs, fmt.Sprintf("%s: f32[%d, %d]", v.name, v.rows, v.cols))
	}
	add := func(rows, cols int, format string, args ...any) {
		v := value{fmt.Sprintf("v%d", len(body)), rows, cols}
		body = append(body, fmt.Sprintf("    %s = %s", v.name, fmt.Sprintf(format, args...)))
		vals = append(vals, v)
	}
	for range rapid.IntRange(1, 8).Draw(rt, "operators") {
		x, y := rapid.SampledFrom(vals).Draw(rt, "x"), rapid.SampledFrom(vals).Draw(rt, "y")
		fits := (x.rows == y.rows || y.rows == 1) && (x.cols == y.cols || y.cols == 1)
		switch kind := rapid.IntRange(0, 15).Draw(rt, "kind"); {
		case kind == 0 && fits:
			add(x.rows, x.cols, "%s + %s", x.name, y.name)
		case kind == 1 && fits:
			add(x.rows, x.cols, "%s * %s", x.name, y.name)
		case kind == 2 && fits: // a divisor that is not near 0
			add(x.rows, x.cols, "%s / (square(%s) + 1)", x.name, y.name)
		case kind <= 4 && x.cols == y.rows:
			add(x.rows, y.cols, "%s @ %s * 0.25", x.name, y.name)
		case kind <= 4 && x.cols == y.cols:
			add(x.rows, y.rows, "matmul(%s, %s, transpose_b=true) * 0.25", x.name, y.name)
		case kind == 5:
			add(x.rows, x.cols, "softmax(%s)", x.name)
		case kind == 6:
			add(x.rows, x.cols, "rms_norm(%s)", x.name)
		case kind == 7:
			add(x.rows, 1, "sum(%s, axis=1, keepdims=true)", x.name)
		case kind == 8:
			add(1, x.cols, "max(%s, axis=0, keepdims=true)", x.name)
		case kind == 9:
			add(x.cols, x.rows, "transpose(%s)", x.name)
		case kind == 10 && x.rows == y.rows:
			add(x.rows, x.cols+y.cols, "concat(%s, %s, axis=1)", x.name, y.name)
		case kind == 11 && x.cols > 2:
			add(x.rows, x.cols-2, "slice(%s, axis=1, start=1, end=%d)", x.name, x.cols-1)
		case kind == 12 && fits:
			add(x.rows, x.cols, "where(%s < %s, %s, %s * 2)", x.name, y.name, x.name, y.name)
		case kind == 13:
			add(x.rows, x.cols, "%s + cast(iota(n=%d), to=f32) * 0.125", x.name, x.cols)
		case kind == 14:
			add(x.rows, 1, "logsumexp(%s, axis=1, keepdims=true)", x.name)
		case kind == 15: // a causal mask: the last row sees every column
			add(x.rows, x.cols, "softmax(where(reshape(iota(n=%d), shape=[%d, 1]) + %d >= iota(n=%d), %s, -inf))", x.rows, x.rows, x.cols, x.cols, x.name)
		default:
			add(x.rows, x.cols, "tanh(%s)", x.name)
		}
	}
	outs := []string{vals[len(vals)-1].name}
	if n := len(body); n > 1 && rapid.Bool().Draw(rt, "two outputs") {
		outs = append(outs, fmt.Sprintf("v%d", rapid.IntRange(0, n-2).Draw(rt, "second")))
	}
	return fmt.Sprintf("program random(%s) -> (%s) {\n%s\n}\n", strings.Join(inputs, ", "), strings.Join(outs, ", "), strings.Join(body, "\n"))
}

// TestRandomPrograms runs what the search finds for drawn programs against the programs, in float64.
// MORGANA_FULL=1 draws 500 of them; package soundness runs 2,000 as the command does.
func TestRandomPrograms(t *testing.T) {
	count := 50
	switch {
	case everything:
		count = 500
	case testing.Short():
		count = 10
	}
	row := testRow(t)
	better := 0
	// Programs of fixed seeds, so that a run says as much about today as about yesterday.
	source := rapid.Custom(drawProgram)
	for seed := range count {
		g := programtest.Parse(t, source.Example(seed))
		r, err := Optimize(context.Background(), g, row, nil, lowered, Options{Top: 2, Seed: 1})
		if err != nil {
			t.Fatalf("%v\n%s", err, text.Print(g))
		}
		if r.Best != r.Baseline {
			better++
			sameFloats(t, g, r.Best.Lowered)
		} else {
			t.Logf("seed %d: %s", seed, r.Reason)
		}
	}
	if better < count/2 {
		t.Errorf("only %d of %d programs became faster", better, count)
	}
}

// sameFloats compares two graphs of one interface on normal-looking inputs.
func sameFloats(t testing.TB, a, b *ugraph.Graph) {
	run := func(g *ugraph.Graph) map[string][]float64 {
		var in []*interp.Tensor[float64]
		for i := range g.Inputs {
			v := g.Value(g.Inputs[i].Value)
			shape := make([]int64, len(v.Shape))
			n := int64(1)
			for j, d := range v.Shape {
				shape[j], _ = d.Const()
				n *= shape[j]
			}
			x := make([]float64, n)
			for j := range x {
				x[j] = math.Sin(float64(j)*1.7+float64(len(v.Name))) + 0.3*math.Cos(float64(j*j%101)+float64(v.Name[len(v.Name)-1]))
			}
			tensor, err := interp.FromFloats(v.DType, shape, x)
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, tensor)
		}
		res, err := interp.Run[float64](interp.Float64{}, g, in, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text.Print(g))
		}
		out := map[string][]float64{}
		for i, o := range g.Outputs {
			out[o.Name] = interp.Floats(res[i])
		}
		return out
	}
	want, got := run(a), run(b)
	for name, w := range want {
		scale := 1e-300
		for _, x := range w {
			scale = math.Max(scale, math.Abs(x))
		}
		for i, x := range w {
			if d := math.Abs(got[name][i] - x); !(d <= 1e-9*scale) {
				t.Fatalf("%s[%d] is %g, want %g\n%s\n%s", name, i, got[name][i], x, text.Print(a), text.Print(b))
			}
		}
	}
}
