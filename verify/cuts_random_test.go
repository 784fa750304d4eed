package verify

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// cutWriter writes random graphs of X f32[2, 24] → Y f32[2, 24] or f32[2, 1] that divide the axis of 24.
// Two writers with bodies of one seed write graphs that differ in their cuts, mostly.
type cutWriter struct {
	*rand.Rand            // what is computed
	cuts       *rand.Rand // how the axis is divided
	wide       bool       // Y has the axis
}

var divisors = []int{1, 2, 3, 4, 6, 8, 12, 24}

func pick[T any](w cutWriter, of ...T) T { return of[w.IntN(len(of))] }

// tileBody is what a tile x becomes, with its own extent.
func (w cutWriter) tileBody(x string) string {
	op := pick(w, "sum", "max", "sum", "max", "mean")
	r := fmt.Sprintf("%s(%s, axis=1, keepdims=true)", op, pick(w, x, x, "square("+x+")"))
	return pick(w, x+" - "+r, x+" * "+r, x+" + "+r, "exp("+x+")", x+" * "+x)
}

// tileScalar is a number of a tile.
func (w cutWriter) tileScalar(x string) string {
	op := pick(w, "sum", "max", "min", "sum", "mean")
	r := fmt.Sprintf("%s(%s, axis=1, keepdims=true)", op, pick(w, x, x, "square("+x+")"))
	return pick(w, r, r, "square("+r+")", "exp("+r+")")
}

// graph is the body of one graph.
func (w cutWriter) graph() string {
	const head = "ugraph p for p(X: f32[2, 24]) -> (Y) { "
	c := cutWriter{Rand: w.cuts}
	d := pick(c, divisors...)
	by := pick(c, fmt.Sprintf("24 by %d", d), fmt.Sprintf("24 by %d", d), fmt.Sprintf("%d parts", d), fmt.Sprintf("24 by %d", pick(c, 5, 7, 9, 10, 16)))
	form := c.IntN(6)
	if w.wide {
		switch form {
		case 0, 1:
			return head + fmt.Sprintf("Y = kernel k(X) grid(a: %s) { x = load(X, a=1)\n store Y(a=1) = %s } }", by, w.tileBody("x"))
		case 2:
			return head + fmt.Sprintf("Y = kernel k(X) loop(a: %s) { x = load(X, loop=1)\n store Y(loop=1) = %s } }", by, w.tileBody("x"))
		case 3:
			return head + fmt.Sprintf("Y = kernel k(X) loop(a: %s) { x = load(X, loop=1)\n c = accum(%s, kind=%s)\n store Y(loop=1) = x + running(c) } }", by, w.tileScalar("x"), pick(w, "sum", "max"))
		case 4:
			if d > 1 && d < 24 {
				var parts, outs []string
				for i := range d {
					parts = append(parts, fmt.Sprintf("P%d", i))
					outs = append(outs, w.sameBody("x", parts[i]))
				}
				return head + fmt.Sprintf("%s = split(X, parts=%d, axis=1)\n Y = concat(%s, axis=1) }", strings.Join(parts, ", "), d, strings.Join(outs, ", "))
			}
		}
		x3 := fmt.Sprintf("R = reshape(X, shape=[2, %d, %d])\n ", 24/d, d)
		axis := pick(w, 2, 2, 1)
		op := pick(w, "sum", "max", "mean")
		return head + x3 + fmt.Sprintf("Y = reshape(R %s %s(R, axis=%d, keepdims=true), shape=[2, 24]) }", pick(w, "-", "*", "+"), op, axis)
	}
	switch form {
	case 0:
		return head + fmt.Sprintf("Y = kernel k(X) grid(a: %s) { store Y(reduce=%s) = %s } }", by, pick(w, "sum", "max", "sum"), w.tileScalar("load(X, a=1)"))
	case 1:
		return head + fmt.Sprintf("P = kernel k(X) grid(a: %s) { store P(a=1) = %s }\n Y = %s(P, axis=1, keepdims=true) }", by, w.tileScalar("load(X, a=1)"), pick(w, "sum", "max"))
	case 2:
		return head + fmt.Sprintf("Y = kernel k(X) loop(a: %s) { x = load(X, loop=1)\n store Y() = accum(%s, kind=%s) } }", by, w.tileScalar("x"), pick(w, "sum", "max"))
	case 3:
		return head + fmt.Sprintf("Y = kernel k(X) loop(a: %s) { x = load(X, loop=1)\n store Y() = sum(accum(%s), axis=1, keepdims=true) } }", by, w.tileBody("x"))
	case 4:
		return head + fmt.Sprintf("R = reshape(X, shape=[2, %d, %d])\n Y = %s(%s(%s, axis=%d), axis=1, keepdims=true) }", 24/d, d, pick(w, "sum", "max"), pick(w, "sum", "max"), pick(w, "R", "square(R)"), pick(w, 1, 2))
	}
	return head + fmt.Sprintf("Y = %s }", w.tileScalar("X"))
}

// sameBody is one body for all parts of a split: its choice depends on the writer's width alone.
func (w cutWriter) sameBody(_, part string) string {
	return fmt.Sprintf("%s - max(%s, axis=1, keepdims=true)", part, part)
}

// TestCutsAgainstInterpreter compares verdicts on random pairs that divide one axis in different ways
// with values in float64 at the real size. No pair that differs may be accepted.
func TestCutsAgainstInterpreter(t *testing.T) {
	t.Parallel()
	count := 300
	if os.Getenv("MORGANA_FULL") == "1" {
		count = 6000
	}
	if testing.Short() {
		count = 150
	}
	rng := rand.New(rand.NewPCG(11, 7))
	values := make([]float64, 48)
	for i := range values {
		values[i] = rng.NormFloat64()
	}
	x, err := interp.FromFloats(ugraph.F32, []int64{2, 24}, values)
	if err != nil {
		t.Fatal(err)
	}
	run := func(g *ugraph.Graph) []float64 {
		out, err := interp.Run(interp.Float64{}, g, []*interp.Tensor[float64]{x}, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, g.Name)
		}
		return interp.Floats(out[0])
	}
	equal, same := 0, 0
	for i := 0; i < count; {
		seed, wide := rng.Uint64(), i%2 == 0
		var src [2]string
		var gs [2]*ugraph.Graph
		legal := true
		for k := range src {
			src[k] = cutWriter{rand.New(rand.NewPCG(seed, 1)), rng, wide}.graph()
			if gs[k], err = tryParse(src[k]); err != nil {
				legal = false
			}
		}
		if !legal || src[0] == src[1] {
			continue
		}
		i++
		y, z := run(gs[0]), run(gs[1])
		agree := true
		for k := range y {
			agree = agree && math.Abs(y[k]-z[k]) <= 1e-9*(1+math.Abs(y[k]))
		}
		r, err := Equal(context.Background(), gs[0], gs[1], Options{Seed: uint64(i)})
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, src[0], src[1])
		}
		if agree {
			same++
		}
		if r.Equal {
			equal++
		}
		if r.Equal && !agree {
			t.Errorf("accepted, and differs:\n%s\n%s", src[0], src[1])
		}
	}
	t.Logf("%d pairs: %d agree in float64, %d accepted", count, same, equal)
	if equal < same/3 {
		t.Errorf("only %d of %d pairs that agree are accepted", equal, same)
	}
}

// TestEngineAgainstInterpreter evaluates random graphs with this package's engine, over float64 at the
// real size and with weights 1, and with the interpreter: two readings of tiles, loops and stores that
// share no code.
func TestEngineAgainstInterpreter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 3))
	values := make([]float64, 48)
	for i := range values {
		values[i] = rng.NormFloat64()
	}
	x, err := interp.FromFloats(ugraph.F32, []int64{2, 24}, values)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 1000; {
		src := cutWriter{rng, rng, n%2 == 0}.graph()
		g, err := tryParse(src)
		if err != nil {
			continue
		}
		n++
		want, err := interp.Run(interp.Float64{}, g, []*interp.Tensor[float64]{x}, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		c := &check{ctx: context.Background(), a: g, b: g, m: &matching{inputs: []int{0}, outputs: []int{0}}}
		in, err := c.analyse().solve(plan{blocks: 2, real: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		e := &engine[float64]{alg: floatAlgebra{}, inst: in, ctx: c.ctx, accums: map[*ugraph.Graph][]*tensor[float64]{}}
		input := newTensor[float64](ugraph.F32, []int{2, 24})
		copy(input.f, interp.Floats(x))
		got, err := e.run(g, []*tensor[float64]{input})
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		for k, w := range interp.Floats(want[0]) {
			if len(got[0].f) <= k || !(math.Abs(got[0].f[k]-w) <= 1e-6*(1+math.Abs(w))) {
				t.Errorf("entry %d: the interpreter has %g, the engine %v\n%s", k, w, got[0].f, src)
				break
			}
		}
	}
}
