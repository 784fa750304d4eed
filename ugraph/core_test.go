package ugraph

import "testing"

// rmsnormLinear is rms_norm(X) @ W with the division after the product, tiled and ragged.
func rmsnormLinear(t *testing.T) *Graph {
	b := NewBuilder("rmsnorm_linear")
	x := b.Input("X", F32, Ds(4, 100))
	w := b.Weight("W", F32, Ds(100, 50))
	r := b.Kernel("k", func(k *BlockBuilder) {
		k.Grid("n", D(50), 16)
		k.Loop("k", D(100), 32)
		xt := k.Load(x, []int64{-1}, 1)
		wt := k.Load(w, []int64{1}, 0)
		acc := k.Accum("sum", k.Op(OpMatMul, nil, xt, wt))
		sq := k.Accum("sum", k.Op(OpSum, Attrs{IntsAttr("axis", 1), BoolAttr("keepdims", true)}, k.Op(OpSquare, nil, xt)))
		ms := k.Op(OpMul, nil, sq, k.Const(Number{}, F32))
		k.Store("Y", k.Op(OpDiv, nil, acc, k.Op(OpSqrt, nil, ms)), Store{Grid: []int{1}, Loop: -1})
	})
	b.Output("Y", r[0])
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestBuilderBlock(t *testing.T) {
	g := rmsnormLinear(t)
	if got := g.Values[g.Outputs[0].Value].Type.String(); got != "f32[4, 50]" {
		t.Errorf("output is %s, want f32[4, 50]", got)
	}
	if d := Diff(g, g.Clone()); d != "" {
		t.Errorf("clone differs: %s", d)
	}
	if len(Hash(g)) != 32 {
		t.Errorf("hash %q", Hash(g))
	}
}

func TestDim(t *testing.T) {
	s, u := Sym("S"), Sym("T")
	for _, c := range []struct {
		got  Dim
		want string
	}{
		{s.Add(D(1)).Mul(s.Add(D(-1))), "S*S - 1"},
		{s.Add(u).Sub(s), "T"},
		{s.Mul(D(4)).CeilDiv(2), "2*S"},
		{s.CeilDiv(64).Mul(D(2)), "2*ceil(S, 64)"},
		{D(1 << 62).Mul(D(2)), "overflow"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	square := s.Add(u).Add(D(1))
	for range 40 {
		square = square.Mul(square)
	}
	if square != Overflow {
		t.Errorf("(S + T + 1)^(2^40) is %.80s", square)
	}
	if s.Add(u) != u.Add(s) {
		t.Error("S + T and T + S are not ==")
	}
	if n, err := s.CeilDiv(64).Eval(Env{"S": 65}); n != 2 || err != nil {
		t.Errorf("ceil(65, 64) = %d, %v", n, err)
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{"0.5": "0.5", ".5": "0.5", "1e-5": "0.00001", "1e-7": "1e-7", "12": "12", "inf": "inf", "-inf": "-inf", "1.50e3": "1500", "1e30": "1e30"} {
		n, err := ParseNumber(in)
		if err != nil || n.String() != want {
			t.Errorf("%s: %s, %v; want %s", in, n, err, want)
		}
	}
	for _, in := range []string{"", ".", "1e999999999", "0x10", "1/3", "nan", "1_0"} {
		if n, err := ParseNumber(in); err == nil {
			t.Errorf("%q: no error, got %s", in, n)
		}
	}
}
