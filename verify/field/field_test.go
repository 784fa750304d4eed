package field

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func testKey(s string) Key { return NewKey(sha256.Sum256([]byte(s))) }

func space(t testing.TB, test, n int, model Model, roots Roots) *Space {
	t.Helper()
	return NewSpace(PoolChain(test, n), n, testKey(fmt.Sprint("test ", test)), model, roots)
}

func TestPools(t *testing.T) {
	period := new(big.Int).SetUint64(802241960520)
	check := func(p0 uint64, n int, limit uint) {
		p := new(big.Int).SetUint64(p0)
		if r := new(big.Int).Mod(new(big.Int).Add(p, big.NewInt(1)), period); r.Sign() != 0 {
			t.Errorf("%d is not -1 modulo 4·31#", p0)
		}
		for i := range n {
			if !p.ProbablyPrime(0) { // exact below 2^64
				t.Errorf("component %d of the chain of %d is not prime", i, p0)
			}
			if p.BitLen() > int(limit) {
				t.Errorf("component %d of the chain of %d has %d bits", i, p0, p.BitLen())
			}
			m := NewPrime(p.Uint64())
			if m.P%4 != 3 || m.IsSquare(m.Neg(m.one)) {
				t.Errorf("-1 is a square modulo %s", p)
			}
			for _, q := range []uint64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31} {
				if !m.IsSquare(m.In(q)) {
					t.Errorf("%d is no square modulo %s", q, p)
				}
			}
			p = new(big.Int).Add(new(big.Int).Lsh(p, 1), big.NewInt(1))
		}
	}
	step := 1
	if testing.Short() {
		step = 16
	}
	for i := 0; i < PoolSize(3); i += step {
		check(PoolChain(i, 3).Pr[0].P, 3, 63)
	}
	for i := 0; i < PoolSize(4); i += step {
		check(PoolChain(i, 4).Pr[0].P, 4, 64)
	}
	for _, n := range []int{1, 3, 4} {
		seen := map[uint64]bool{}
		for i := range PoolSize(n) {
			p := PoolChain(i, n).Pr[0].P
			if seen[p] || log2u(p) < PoolLogQ(n) {
				t.Errorf("chain %d of %d components: %d is there twice, or smaller than the last", i, n, p)
			}
			seen[p] = true
		}
	}
}

// TestPrimeAgainstBig compares the arithmetic with math/big over narrow and wide primes.
func TestPrimeAgainstBig(t *testing.T) {
	primes := []uint64{251, 4019, PoolChain(0, 1).Pr[0].P, PoolChain(1, 3).Pr[2].P, PoolChain(0, 4).Pr[3].P, 18446744073709551557}
	rapid.Check(t, func(t *rapid.T) {
		m := NewPrime(rapid.SampledFrom(primes).Draw(t, "p"))
		a, b := rapid.Uint64().Draw(t, "a")%m.P, rapid.Uint64().Draw(t, "b")%m.P
		p, ba, bb := new(big.Int).SetUint64(m.P), new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)
		mod := func(x *big.Int) uint64 { return new(big.Int).Mod(x, p).Uint64() }
		for name, c := range map[string][2]uint64{
			"add": {m.Out(m.Add(m.In(a), m.In(b))), mod(new(big.Int).Add(ba, bb))},
			"sub": {m.Out(m.Sub(m.In(a), m.In(b))), mod(new(big.Int).Sub(ba, bb))},
			"mul": {m.Out(m.Mul(m.In(a), m.In(b))), mod(new(big.Int).Mul(ba, bb))},
			"pow": {m.Out(m.Pow(m.In(a), b)), new(big.Int).Exp(ba, bb, p).Uint64()},
		} {
			if c[0] != c[1] {
				t.Fatalf("%s(%d, %d) mod %d = %d, want %d", name, a, b, m.P, c[0], c[1])
			}
		}
		var s acc
		want := new(big.Int)
		n := rapid.IntRange(1, 40).Draw(t, "n")
		for i := range n {
			x, y := m.Sub(m.P-1, uint64(i)%m.P), m.Add(a, uint64(i)%m.P)
			s.add(x, y)
			bx, by := new(big.Int).SetUint64(m.Out(x)), new(big.Int).SetUint64(m.Out(y))
			want.Add(want, bx.Mul(bx, by))
		}
		if got := m.Out(m.reduce(s)); got != mod(want) {
			t.Fatalf("dot of %d terms mod %d = %d, want %d", n, m.P, got, mod(want))
		}
	})
}

// law is an identity of two values over three random inputs; holds says whether it must.
type law struct {
	name  string
	model Model
	roots Roots
	holds bool
	lhs   func(s *Space, a, b, c Value) Value
	rhs   func(s *Space, a, b, c Value) Value
}

func lit(s *Space, num, den int64) Value { return s.Lit(big.NewRat(num, den)) }

var laws = []law{
	{"exp of a sum", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Exp(s.Add(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Mul(s.Exp(a), s.Exp(b)) }},
	{"exp of a product", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Exp(s.Mul(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Mul(s.Exp(a), s.Exp(b)) }},
	{"nested exp", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Exp(s.Add(s.Exp(s.Sub(a, b)), c)) },
		func(s *Space, a, b, c Value) Value { return s.Mul(s.Exp(s.Div(s.Exp(a), s.Exp(b))), s.Exp(c)) }},
	{"log of exp", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Exp(s.Sub(a, s.Log(s.Mul(b, b)))) },
		func(s *Space, a, b, c Value) Value { return s.Div(s.Exp(a), s.Mul(b, b)) }},
	{"logsumexp with another shift", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value {
			return s.Add(c, s.Log(s.Add(s.Exp(s.Sub(a, c)), s.Exp(s.Sub(b, c)))))
		},
		func(s *Space, a, b, c Value) Value { return s.Log(s.Add(s.Exp(a), s.Exp(b))) }},
	{"logsumexp without its shift", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value {
			return s.Log(s.Add(s.Exp(s.Sub(a, c)), s.Exp(s.Sub(b, c))))
		},
		func(s *Space, a, b, c Value) Value { return s.Log(s.Add(s.Exp(a), s.Exp(b))) }},
	{"twice a log", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Mul(s.Int(2), s.Log(a)) },
		func(s *Space, a, b, c Value) Value { return s.Log(s.Mul(a, a)) }},
	{"log of a sum", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Log(s.Add(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Add(s.Log(a), s.Log(b)) }},
	{"root of a product", S, AlgebraicRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Sqrt(s.Mul(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Mul(s.Sqrt(a), s.Sqrt(b)) }},
	{"root of a sum", S, AlgebraicRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Sqrt(s.Add(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Add(s.Sqrt(a), s.Sqrt(b)) }},
	{"square of a root", S, AlgebraicRoots, true,
		func(s *Space, a, b, c Value) Value { r := s.Sqrt(a); return s.Mul(r, r) },
		func(s *Space, a, b, c Value) Value { return a }},
	{"root of a literal", S, AlgebraicRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Mul(a, s.Sqrt(s.Int(64))) },
		func(s *Space, a, b, c Value) Value { return s.Mul(a, s.Int(8)) }},
	{"opaque root", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Div(s.Mul(a, b), s.Sqrt(c)) },
		func(s *Space, a, b, c Value) Value { return s.Mul(a, s.Div(b, s.Sqrt(c))) }},
	{"max is associative", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Max(a, s.Max(b, c)) },
		func(s *Space, a, b, c Value) Value { return s.Max(s.Max(c, a), b, a) }},
	{"max forgets one", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Max(a, b, c) },
		func(s *Space, a, b, c Value) Value { return s.Max(a, b) }},
	{"max of equals", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Max(s.Add(a, b), s.Add(b, a)) },
		func(s *Space, a, b, c Value) Value { return s.Add(a, b) }},
	{"nested minima", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value {
			m := s.Neg(s.Max(s.Neg(a), s.Neg(b)))
			return s.Neg(s.Max(s.Neg(m), s.Neg(c)))
		},
		func(s *Space, a, b, c Value) Value { return s.Neg(s.Max(s.Neg(a), s.Neg(b), s.Neg(c))) }},
	{"minimum is no maximum", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Neg(s.Max(s.Neg(a), s.Neg(b))) },
		func(s *Space, a, b, c Value) Value { return s.Max(a, b) }},
	{"the shift of a softmax cancels", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value {
			m := s.Max(a, b)
			ea, eb := s.Exp(s.Sub(a, m)), s.Exp(s.Sub(b, m))
			return s.Div(ea, s.Add(ea, eb))
		},
		func(s *Space, a, b, c Value) Value { return s.Div(s.Exp(a), s.Add(s.Exp(a), s.Exp(b))) }},
	{"the shift in the numerator only", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value {
			return s.Div(s.Exp(s.Sub(a, s.Max(a, b))), s.Add(s.Exp(a), s.Exp(b)))
		},
		func(s *Space, a, b, c Value) Value { return s.Div(s.Exp(a), s.Add(s.Exp(a), s.Exp(b))) }},
	{"max plus a constant, in the square order", Q, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Max(s.Add(a, c), s.Add(b, c)) },
		func(s *Space, a, b, c Value) Value { return s.Add(s.Max(a, b), c) }},
	{"max times a positive number, in the square order", Q, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.Mul(lit(s, 3, 8), s.Max(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Max(s.Mul(lit(s, 3, 8), a), s.Mul(lit(s, 3, 8), b)) }},
	{"max plus a constant, without order laws", H, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Max(s.Add(a, c), s.Add(b, c)) },
		func(s *Space, a, b, c Value) Value { return s.Add(s.Max(a, b), c) }},
	{"sin² + cos²", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value {
			sin, cos := s.SinCos(a)
			return s.Add(s.Mul(sin, sin), s.Mul(cos, cos))
		},
		func(s *Space, a, b, c Value) Value { return s.Int(1) }},
	{"sine is odd", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { v, _ := s.SinCos(s.Neg(a)); return v },
		func(s *Space, a, b, c Value) Value { v, _ := s.SinCos(a); return s.Neg(v) }},
	{"erf is odd", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.OpaqueOdd("erf", s.Sub(a, b)) },
		func(s *Space, a, b, c Value) Value { return s.Neg(s.OpaqueOdd("erf", s.Sub(b, a))) }},
	{"functions differ by name", S, OpaqueRoots, false,
		func(s *Space, a, b, c Value) Value { return s.Opaque("floor", a) },
		func(s *Space, a, b, c Value) Value { return s.Opaque("erf", a) }},
	{"integer powers", S, OpaqueRoots, true,
		func(s *Space, a, b, c Value) Value { return s.PowInt(a, -3) },
		func(s *Space, a, b, c Value) Value { return s.Div(s.Int(1), s.Mul(a, s.Mul(a, a))) }},
}

func TestLaws(t *testing.T) {
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			seen, same := 0, 0
			for test := 0; seen < 40 && test < 4000; test++ {
				s := space(t, test, 3, l.model, l.roots)
				s.OrderLevels = 7
				k := s.Stream("x")
				a, b, c := s.Input(&k, 0), s.Input(&k, 1), s.Input(&k, 2)
				x, y := l.lhs(s, a, b, c), l.rhs(s, a, b, c)
				if _, ok := s.Err().(*Redraw); ok {
					continue
				}
				if s.Err() != nil {
					t.Fatal(s.Err())
				}
				seen++
				if x.Same(y) {
					same++
				}
			}
			if seen == 0 || l.holds && same != seen || !l.holds && same == seen {
				t.Errorf("equal in %d of %d draws", same, seen)
			}
			if !l.holds && l.model == S && same != 0 {
				t.Errorf("model S has no cells, yet %d of %d draws agree", same, seen)
			}
		})
	}
}

func TestTags(t *testing.T) {
	s := space(t, 0, 2, S, OpaqueRoots)
	k := s.Stream("x")
	x := s.Input(&k, 0)
	ninf, pinf := Infinity(-1), Infinity(1)
	half := lit(s, -1, 2)
	for _, c := range []struct {
		name string
		got  Value
		want Value
	}{
		{"-inf + x", s.Add(ninf, x), ninf},
		{"-inf + -inf", s.Add(ninf, ninf), ninf},
		{"-inf - -inf", s.Sub(ninf, ninf), Value{Kind: Undef}},
		{"x - -inf", s.Sub(x, ninf), pinf},
		{"-1/2 · -inf", s.Mul(half, ninf), pinf},
		{"0 · -inf", s.Mul(s.Int(0), ninf), Value{Kind: Undef}},
		{"exp(x) · -inf", s.Mul(s.Exp(x), ninf), ninf},
		{"exp -inf", s.Exp(ninf), s.Int(0)},
		{"exp inf", s.Exp(pinf), pinf},
		{"log 0", s.Log(s.Sub(x, x)), ninf},
		{"x / -inf", s.Div(x, ninf), s.Int(0)},
		{"inf / inf", s.Div(pinf, pinf), Value{Kind: Undef}},
		{"max(-inf, x)", s.Max(ninf, x), x},
		{"max of nothing", s.Max(), ninf},
		{"0 / 0", s.Div(s.Int(0), s.Int(0)), Value{Kind: Undef}},
	} {
		if !c.got.Same(c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	if s.Mul(x, ninf); s.Err() == nil {
		t.Error("x · -inf, x of unknown sign, has no meaning but gave no error")
	}
	s2 := space(t, 0, 2, S, OpaqueRoots)
	if s2.Exp(s2.Exp(x)); s2.Err() == nil {
		t.Error("two nested exponentials in a chain of two gave no error")
	}
}

// TestStreams checks that streams differ by label, index, component and key, and that access in
// any order gives the same entries.
func TestStreams(t *testing.T) {
	s := space(t, 3, 3, S, OpaqueRoots)
	seen := map[uint64]string{}
	for _, name := range []string{"X", "W", "W1", "a name longer than one word"} {
		k := s.Stream(name)
		for i := range uint64(50) {
			v := s.Input(&k, i)
			for c := range 3 {
				at := fmt.Sprint(name, i, c)
				if was, ok := seen[v.C[c]]; ok {
					t.Fatalf("%s and %s are the same draw", was, at)
				}
				seen[v.C[c]] = at
			}
			if again := s.Input(&k, i); again != v {
				t.Fatalf("entry %d of %s changed", i, name)
			}
		}
	}
}

// TestUniform draws residues of a tiny prime and checks their frequencies (χ² with p−1 degrees of
// freedom, beyond 6 standard deviations).
func TestUniform(t *testing.T) {
	c, err := NewChain(11, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSpace(c, 2, testKey("uniform"), S, OpaqueRoots)
	k := s.Stream("x")
	const n = 46000
	count := make([]float64, 23)
	for i := range uint64(n) {
		count[s.Input(&k, i).C[1]]++
	}
	chi := 0.0
	for _, o := range count {
		chi += (o - n/23.) * (o - n/23.) / (n / 23.)
	}
	if chi > 22+6*6.6 {
		t.Errorf("χ² = %.1f for 22 degrees of freedom", chi)
	}
}

func BenchmarkDot(b *testing.B) {
	s := space(b, 0, 2, S, OpaqueRoots)
	k := s.Stream("x")
	x := make([]Value, 4096)
	for i := range x {
		x[i] = s.Input(&k, uint64(i))
	}
	b.SetBytes(int64(len(x)))
	for b.Loop() {
		s.Dot(x, 1, x, 1, len(x))
	}
}

func BenchmarkExp(b *testing.B) {
	s := space(b, 0, 2, S, OpaqueRoots)
	k := s.Stream("x")
	x := s.Input(&k, 0)
	for b.Loop() {
		x.C[0] = s.Exp(x).C[1] >> 3
	}
}

func BenchmarkInput(b *testing.B) {
	s := space(b, 0, 2, S, OpaqueRoots)
	k := s.Stream("x")
	for i := uint64(0); b.Loop(); i++ {
		s.Input(&k, i)
	}
}

func BenchmarkNewSpace(b *testing.B) {
	for b.Loop() {
		space(b, 0, 2, S, OpaqueRoots)
	}
}
