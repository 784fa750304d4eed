package shrink

import (
	"errors"
	"math"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func parse(t *testing.T, src string) *ugraph.Graph {
	t.Helper()
	gs, err := text.Parse("test.ug", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	g, err := library.Expand(gs[0])
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const decode = `program p(Q: f32[2, 8, 64], K: f32[2, S, 64], V: f32[2, S, 64]) -> (O) where S <= 131072 {
	O = softmax(matmul(Q, K, transpose_b=true) * 0.125) @ V
}`

const split = `ugraph p for p(Q: f32[2, 8, 64], K: f32[2, S, 64], V: f32[2, S, 64]) -> (O) where 1 <= S <= 131072 {
    p0, p1, p2 = kernel k(V, K, Q) grid(d: S by 1024) loop(d: 1024 by 256) {
        v = load(V, d=1, loop=1)
        s = matmul(load(Q) * 0.125, load(K, d=1, loop=1), transpose_b=true)
        m = accum(max(s, axis=2, keepdims=true), kind=max)
        e = exp(s - running(m))
        f = exp(previous(m) - running(m))
        o = accum(e @ v, f)
        t = accum(sum(e, axis=2, keepdims=true), f)
        store p0(d=0) = reshape(m, shape=[1, 2, 8])
        store p1(d=0) = reshape(o, shape=[1, 2, 8, 64])
        store p2(d=0) = reshape(t, shape=[1, 2, 8])
    }
    O = kernel merge(p1, p0, p2) grid(a: 2 by 1) {
        y = load(p0, a=1)
        w = exp(y - max(y, axis=0, keepdims=true))
        n = sum(load(p1, a=1) * reshape(w, shape=[ceil(S, 1024), 1, 8, 1]), axis=0, keepdims=true)
        l = sum(load(p2, a=1) * w, axis=0, keepdims=true)
        store O(a=0) = sum(n, axis=0) / transpose(l, perm=[1, 2, 0])
    }
}`

const grouped = `program p(Q: f32[2, 24, 64], K: f32[2, 6, 512, 64]) -> (O) {
	O = reshape(reshape(Q, shape=[2, 6, 4, 64]) @ transpose(K, perm=[0, 1, 3, 2]), shape=[48, 512])
}`

// sizesBy gives each class an extent by its size.
func sizesBy(a *Axes, to map[string]int64) []int64 {
	var out []int64
	for _, c := range a.Classes() {
		n, ok := to[c.Size.String()]
		if !ok {
			n, _ = c.Size.Const()
		}
		out = append(out, n)
	}
	return out
}

func TestClasses(t *testing.T) {
	a, err := Analyse(parse(t, grouped))
	if err != nil {
		t.Fatal(err)
	}
	// 2, 6 heads, 4 in a group, 64 contracted, 512 keys: the 24 is divided as the reshape says.
	want := map[string]bool{"2": false, "6": false, "4": false, "64": true, "512": false}
	if len(a.Classes()) != len(want) {
		t.Errorf("%d classes: %+v", len(a.Classes()), a.Classes())
	}
	for _, c := range a.Classes() {
		if contracted, ok := want[c.Size.String()]; !ok || contracted != c.Contracted || c.Folded || c.Fixed {
			t.Errorf("class %+v", c)
		}
	}
	if got := a.Input(0, 1); len(got) != 2 {
		t.Errorf("axis 1 of Q has classes %v", got)
	}
}

// The rebuilt μGraph computes the rebuilt program.
func TestRebuild(t *testing.T) {
	p, c := parse(t, decode), parse(t, split)
	a, err := Analyse(p)
	if err != nil {
		t.Fatal(err)
	}
	plan := a.Plan(sizesBy(a, map[string]int64{"S": 50, "64": 6}))
	plan.Env = ugraph.Env{"S": 50}
	plan.Number = func(d ugraph.Dim) (ugraph.Dim, error) { n, err := d.Eval(plan.Env); return ugraph.D(n), err }
	plan.Tile = func(_, to ugraph.Dim, tile int64, _ bool) int64 {
		if n, _ := to.Const(); n > 2 {
			return (n + 2) / 3
		}
		return tile
	}
	small, err := Rebuild(p, plan)
	if err != nil {
		t.Fatal(err)
	}
	tiled, err := Rebuild(c, plan)
	if err != nil {
		t.Fatal(err)
	}
	body := tiled.Nodes[0].Body
	if g, l := body.Grid[0], *body.Loop; !g.Extent.Is(50) || g.Tile != 17 || !l.Extent.Is(17) || l.Tile != 6 {
		t.Errorf("cuts %+v and %+v", g, l)
	}
	var in []*interp.Tensor[float64]
	for k, x := range small.Inputs {
		shape, _ := ugraph.EvalShape(small.Values[x.Value].Shape, nil)
		n, _ := interp.Elements(shape)
		data := make([]float64, n)
		for i := range data {
			data[i] = math.Sin(float64((k + 1) * (i + 3)))
		}
		tensor, err := interp.FromFloats(ugraph.F32, shape, data)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, tensor)
	}
	x, err := interp.Run(interp.Float64{}, small, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := interp.Run(interp.Float64{}, tiled, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x[0].Data {
		if math.Abs(x[0].Data[i]-y[0].Data[i]) > 1e-12 {
			t.Fatalf("element %d: %v and %v", i, x[0].Data[i], y[0].Data[i])
		}
	}
}

// A plan that gives every axis its own extent gives the graph back.
func TestSame(t *testing.T) {
	for _, src := range []string{decode, split, grouped} {
		g := parse(t, src)
		plan := Plan{}
		for _, in := range g.Inputs {
			var axes []Axis
			for _, d := range g.Values[in.Value].Shape {
				axes = append(axes, single(d, d))
			}
			plan.Inputs = append(plan.Inputs, axes)
		}
		out, err := Rebuild(g, plan)
		if err != nil {
			t.Fatal(err)
		}
		if ugraph.Hash(out) != ugraph.Hash(g) {
			t.Errorf("%s became %s", text.Print(g), text.Print(out))
		}
	}
}

// What the plan cannot give is an error, not another program.
func TestCannot(t *testing.T) {
	ambiguous := errors.New("ambiguous")
	for _, c := range []struct{ name, src string }{
		{"a reshape across borders", "program p(X: f32[6, 10]) -> (Y) { Y = reshape(X, shape=[4, 15]) }"},
		{"a split axis", "program p(X: f32[6, 10]) -> (Y) { A, Y = split(X, parts=2, axis=1)\n }"},
		{"a number without an operand", "program p(X: f32[6, 10]) -> (Y) { Y = X + cast(iota(n=10), to=f32) }"},
	} {
		gs, err := text.Parse("test.ug", []byte(c.src))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		plan := Plan{
			Inputs: [][]Axis{{single(ugraph.D(6), ugraph.D(3)), single(ugraph.D(10), ugraph.D(5))}},
			Number: func(d ugraph.Dim) (ugraph.Dim, error) { return d, ambiguous },
		}
		if g, err := Rebuild(gs[0], plan); err == nil {
			t.Errorf("%s: %s", c.name, text.Print(g))
		}
	}
}
