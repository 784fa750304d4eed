package kernel

import (
	"math"
	"testing"
)

// unaryReference are the meanings of the unary operations in float64.
var unaryReference = [numUnary]func(float64) float64{
	Exp: math.Exp, Log: math.Log, Sqrt: math.Sqrt,
	Rsqrt:  func(x float64) float64 { return 1 / math.Sqrt(x) },
	Square: func(x float64) float64 { return x * x },
	Abs:    math.Abs, Neg: func(x float64) float64 { return -x },
	Sign: func(x float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	},
	Reciprocal: func(x float64) float64 { return 1 / x },
	Floor:      math.Floor, Sin: math.Sin, Cos: math.Cos, Tanh: math.Tanh, Erf: math.Erf,
	Sigmoid: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	Silu:    func(x float64) float64 { return x * (1 / (1 + math.Exp(-x))) },
	Relu: func(x float64) float64 {
		if x < 0 {
			return 0
		}
		return x
	},
	Gelu: func(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 },
	GeluTanh: func(x float64) float64 {
		u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
		return x * (1 / (1 + math.Exp(-2*u)))
	},
}

// ulpError is the distance of got from the exact result in units of the last place of float32
// there; 0 where both are the same infinity or NaN.
func ulpError(got float32, exact float64) float64 {
	g := float64(got)
	switch {
	case exact != exact || g != g:
		if exact != exact && g != g {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(exact, 0):
		if g == exact {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(g, 0): // overflow, as if the exponent went on
		g = math.Copysign(0x1p128, g)
		if math.Abs(exact) >= 0x1p128 && g*exact > 0 {
			return 0
		}
	}
	_, e := math.Frexp(exact)
	e = min(max(e, -125), 128)
	return math.Abs(g-exact) / math.Ldexp(1, e-24)
}

// sweep calls f with inputs that together are every stride-th float32 and the neighbourhoods of the
// specials and of the limits of exp.
func sweep(stride uint32, f func(x []float32)) {
	x := make([]float32, 0, 4096)
	add := func(v float32) {
		if x = append(x, v); len(x) == cap(x) {
			f(x)
			x = x[:0]
		}
	}
	limits := []float32{88.72284, 88.3762626, -87.3365448, -103.972084, -104, -120, 9.01, 0.625, 0.927734375, 3.92, 4, 16.6, 20}
	for _, v := range append(limits, specials...) {
		for d := range uint32(65) {
			bits := math.Float32bits(v) + d - 32
			add(math.Float32frombits(bits))
			add(math.Float32frombits(bits ^ 1<<31))
		}
	}
	for bits := uint64(0); bits < 1<<32; bits += uint64(stride) {
		add(math.Float32frombits(uint32(bits)))
	}
	f(x)
}

func TestUnaryError(t *testing.T) {
	stride := uint32(1021)
	if testing.Short() {
		stride = 65521
	}
	for _, op := range UnaryOps() {
		t.Run(op.String(), func(t *testing.T) {
			worst, at := map[string]float64{}, map[string]float32{}
			dst := make([]float32, 4096)
			exact := make([]float64, 4096)
			sweep(stride, func(x []float32) {
				for i, v := range x {
					exact[i] = unaryReference[op](float64(v))
				}
				for _, level := range levels {
					level.unary[op](dst[:len(x)], x)
					for i, got := range dst[:len(x)] {
						if e := ulpError(got, exact[i]); e > worst[level.name] {
							worst[level.name], at[level.name] = e, x[i]
						}
					}
				}
			})
			for _, level := range levels {
				bound := unaryRows[op].errorAt(level)
				t.Logf("%s: %.3f ulp at %v", level.name, worst[level.name], at[level.name])
				if worst[level.name] > bound {
					t.Errorf("%s: %.3f ulp at %v (%#08x), bound %v", level.name, worst[level.name], at[level.name],
						math.Float32bits(at[level.name]), bound)
				}
			}
		})
	}
}

// guarded returns a slice of n elements that is followed by a sentinel; check fails if it changed.
func guarded(t *testing.T, n int) (x []float32, check func()) {
	all := make([]float32, n+16)
	Fill(all, 12345)
	return all[:n], func() {
		t.Helper()
		for i, v := range all[n:] {
			if v != 12345 {
				t.Fatalf("wrote element %d of %d", n+i, n)
			}
		}
	}
}

// TestUnaryPlace checks that an element's result does not depend on its place in the run or on the
// run's length, in place or not.
func TestUnaryPlace(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := newRand(1)
		for _, op := range UnaryOps() {
			x := append(random(r, 70), specials...)
			want := make([]float32, len(x))
			for i := range x {
				Unary(op, want[i:i+1], x[i:i+1])
			}
			for n := range len(x) + 1 {
				dst, check := guarded(t, n)
				Unary(op, dst, x[len(x)-n:])
				check()
				in := append([]float32(nil), x[:n]...)
				Unary(op, in, in)
				for i := range n {
					if w := want[len(x)-n+i]; !same(dst[i], w) {
						t.Fatalf("%v(%v) is %v alone, %v at %d of %d", op, x[len(x)-n+i], w, dst[i], i, n)
					}
					if !same(in[i], want[i]) {
						t.Fatalf("%v(%v) is %v alone, %v in place at %d of %d", op, x[i], want[i], in[i], i, n)
					}
				}
			}
		}
	})
}

func TestBinary(t *testing.T) {
	var a, b []float32
	for _, x := range specials {
		for _, y := range specials {
			a, b = append(a, x), append(b, y)
		}
	}
	r := newRand(2)
	a, b = append(a, random(r, 100)...), append(b, random(r, 100)...)
	reference := [numBinary]func(a, b float64) float64{
		Add: func(a, b float64) float64 { return a + b }, Sub: func(a, b float64) float64 { return a - b },
		Mul: func(a, b float64) float64 { return a * b }, Div: func(a, b float64) float64 { return a / b },
		Maximum: func(a, b float64) float64 { return max(a, b) }, // unlike math.Max, NaN wins over infinity
		Minimum: func(a, b float64) float64 { return min(a, b) },
	}
	eachLevel(t, func(t *testing.T) {
		for _, op := range BinaryOps() {
			for _, n := range []int{0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 33, 40, 71, len(a)} {
				at := len(a) - n
				dst, check := guarded(t, n)
				verify := func(form string, left, right func(i int) float32) {
					t.Helper()
					check()
					for i, got := range dst {
						if want := float32(reference[op](float64(left(i)), float64(right(i)))); !same(got, want) {
							t.Fatalf("%s %v(%v, %v) = %v, want %v", form, op, left(i), right(i), got, want)
						}
					}
				}
				x := func(i int) float32 { return a[at+i] }
				Binary(op, dst, a[at:], b[at:])
				verify("vector-vector", x, func(i int) float32 { return b[at+i] })
				for _, s := range specials {
					scalar := func(int) float32 { return s }
					BinaryScalar(op, dst, a[at:], s)
					verify("vector-scalar", x, scalar)
					ScalarBinary(op, dst, s, a[at:])
					verify("scalar-vector", scalar, x)
				}
			}
		}
	})
}

func TestMultiplyAdd(t *testing.T) {
	r := newRand(3)
	eachLevel(t, func(t *testing.T) {
		for n := range 80 {
			x, y, z := random(r, n), random(r, n), random(r, n)
			near := func(name string, i int, got float32, product, sum float64) {
				t.Helper()
				if bound := 0x1p-23 * (math.Abs(product) + math.Abs(sum)); math.Abs(float64(got)-sum) > bound {
					t.Fatalf("%s: element %d of %d is %v, want %v", name, i, n, got, sum)
				}
			}
			dst, check := guarded(t, n)
			MulAdd(dst, x, 1.5, -0.25)
			check()
			for i, v := range x {
				near("MulAdd", i, dst[i], 1.5*float64(v), 1.5*float64(v)-0.25)
			}
			Axpy(dst, x, y, 1.1)
			check()
			for i, v := range x {
				p := float64(float32(1.1)) * float64(v)
				near("Axpy", i, dst[i], p, p+float64(y[i]))
			}
			FusedMulAdd(dst, x, z, y)
			inPlace := append([]float32(nil), y...)
			FusedMulAdd(inPlace, x, z, inPlace)
			check()
			for i, v := range x {
				p := float64(v) * float64(z[i])
				near("FusedMulAdd", i, dst[i], p, p+float64(y[i]))
				near("FusedMulAdd in place", i, inPlace[i], p, p+float64(y[i]))
			}
		}
	})
}

func TestExpSum(t *testing.T) {
	r := newRand(4)
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 5, 8, 23, 24, 25, 64, 1000} {
			x := random(r, n)
			if n > 5 {
				x[3], x[4] = float32(math.Inf(-1)), -200
			}
			c := Max(x)
			dst, check := guarded(t, n)
			got := ExpSum(dst, x, c)
			check()
			sum := 0.0
			for i, v := range x {
				if e := ulpError(dst[i], math.Exp(float64(v-c))); e > unaryRows[Exp].ulpAVX2 {
					t.Errorf("n=%d: exp(%v−%v) = %v, %.2f ulp off", n, v, c, dst[i], e)
				}
				sum += float64(dst[i])
			}
			if math.Abs(float64(got)-sum) > 1e-6*sum {
				t.Errorf("n=%d: sum %v, want %v", n, got, sum)
			}
		}
		inf := float32(math.Inf(-1))
		if dst := []float32{0}; ExpSum(dst, []float32{inf}, inf) == 0 || dst[0] == dst[0] {
			t.Errorf("exp(−∞ − −∞) = %v, want NaN", dst[0])
		}
	})
}
