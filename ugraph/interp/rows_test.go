package interp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// byElement hides the fast paths of an Arith.
type byElement struct{ Arith[float64] }

// The fast paths give what single elements do, bit for bit.
func TestRowsAreElements(t *testing.T) {
	const body = `(X: %[1]s[3, 37], Y: %[1]s[3, 37], R: %[1]s[3, 1], C: %[1]s[37]) -> (A, B) {
    P = maximum(X * C - R, minimum(Y / X, C)) + exp(X)
    Q = kernel k(P, Y, R) grid(g: 3 by 2) loop(c: 37 by 8) {
        y = load(Y, g=0, loop=1)
        m = accum(max(y, axis=1, keepdims=true), kind=max)
        s = accum(y * load(P, g=0, loop=1), load(R, g=0))
        store Q(g=0) = sum(s, axis=1, keepdims=true) + m
    }
    A = Q * mean(P, axis=1, keepdims=true) + min(Y, axis=1, keepdims=true) + max(P, axis=1, keepdims=true)
    B = cast(cast(relu(P), to=f16), to=%[1]s) @ reshape(C, shape=[37, 1])
}
`
	specials := []float64{0, math.Copysign(0, -1), 1, math.NaN(), math.Inf(1), math.Inf(-1), 0x1p-149, 0x1p-20, 448, 464, 65519, 65520, 3e38}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dt := range []ugraph.DType{ugraph.F64, ugraph.F32, ugraph.F16, ugraph.BF16, ugraph.F8E4M3} {
		gs, err := text.Parse("test.ug", fmt.Appendf(nil, "ugraph u for u"+body, dt))
		if err != nil {
			t.Fatal(err)
		}
		for round := range 40 {
			var in []*Tensor[float64]
			for _, x := range gs[0].Inputs {
				shape, _ := ugraph.EvalShape(gs[0].Values[x.Value].Shape, nil)
				n, _ := Elements(shape)
				data := make([]float64, n)
				for i := range data {
					data[i] = math.Ldexp(rng.NormFloat64(), rng.IntN(round+1)-round/2)
					if round%2 == 1 && rng.IntN(8) == 0 {
						data[i] = specials[rng.IntN(len(specials))]
					}
					data[i] = dt.Round(data[i])
				}
				tensor, err := FromFloats(dt, shape, data)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, tensor)
			}
			for _, ar := range []Arith[float64]{Float64{}, Rounded{}} {
				got, err := Run(ar, gs[0], in, nil)
				if err != nil {
					t.Fatal(err)
				}
				want, err := Run[float64](byElement{ar}, gs[0], in, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := range got {
					for k, w := range want[i].Data {
						g := got[i].Data[k]
						if math.Float64bits(g) != math.Float64bits(w) && !(math.IsNaN(g) && math.IsNaN(w)) && !(i == 1 && math.Abs(g-w) <= 1e-15*math.Abs(w)) {
							t.Fatalf("%s, %T, round %d: output %d[%d] is %g, element by element %g", dt, ar, round, i, k, g, w)
						}
					}
				}
			}
		}
	}
}

func TestRoundRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, dt := range []ugraph.DType{ugraph.F64, ugraph.F32, ugraph.F16, ugraph.BF16, ugraph.F8E4M3} {
		x := make([]float64, 20000)
		for i := range x {
			x[i] = math.Ldexp(rng.NormFloat64(), rng.IntN(300)-150)
			if i%2 == 0 { // ties and their neighbours
				x[i] = math.Nextafter(float64(rng.IntN(1<<13))*math.Ldexp(1, rng.IntN(20)-12), float64(rng.IntN(3)-1)*math.Inf(1))
			}
			if i%5 == 0 {
				x[i] = float64(rng.IntN(1<<13)) * math.Ldexp(1, rng.IntN(40)-30)
			}
		}
		y := append([]float64{}, x...)
		Rounded{}.RoundRow(dt, y)
		for i := range x {
			if w := dt.Round(x[i]); math.Float64bits(w) != math.Float64bits(y[i]) && !math.IsNaN(w) {
				t.Fatalf("%s: %g becomes %g, not %g", dt, x[i], y[i], w)
			}
		}
	}
}

// A transposed operand gives what the same numbers give that are packed.
func TestDots(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, m := range []int64{1, 2, 7, 8} {
		for _, n := range []int64{1, 3, 4, 9} {
			const k = 53
			a, b, packed := make([]float64, m*k), make([]float64, n*k), make([]float64, k*n)
			for i := range a {
				a[i] = rng.NormFloat64()
			}
			for i := range b {
				b[i] = rng.NormFloat64()
				packed[int64(i)%k*n+int64(i)/k] = b[i]
			}
			for _, dt := range []ugraph.DType{ugraph.F64, ugraph.F32, ugraph.BF16} {
				for _, ar := range []MatMuler[float64]{Float64{}, Rounded{}} {
					x, y := make([]float64, m*n), make([]float64, m*n)
					ar.MatMul(x, Matrix[float64]{a, 0, k, 1}, Matrix[float64]{b, 0, 1, k}, m, n, k, dt)
					ar.MatMul(y, Matrix[float64]{a, 0, k, 1}, Matrix[float64]{packed, 0, n, 1}, m, n, k, dt)
					if !slices.Equal(x, y) {
						t.Fatalf("%T, %s, %d×%d: %v and %v", ar, dt, m, n, x, y)
					}
				}
			}
		}
	}
}
