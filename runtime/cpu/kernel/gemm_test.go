package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// problem is a matrix product with its exact result.
type problem struct {
	m, n, k   int
	a, b, c   []float32 // a: m×k, b: k×n, c: m×n, without gaps
	exact     []float64 // a·b
	magnitude []float64 // |a|·|b|
}

func newProblem(r *rand.Rand, m, n, k int) *problem {
	p := &problem{m: m, n: n, k: k, a: random(r, m*k), b: random(r, k*n), c: random(r, m*n)}
	p.multiply()
	return p
}

func (p *problem) multiply() {
	p.exact, p.magnitude = make([]float64, p.m*p.n), make([]float64, p.m*p.n)
	for i := range p.m {
		for q := range p.k {
			f := float64(p.a[i*p.k+q])
			row, mag := p.exact[i*p.n:(i+1)*p.n], p.magnitude[i*p.n:(i+1)*p.n]
			for j, v := range p.b[q*p.n : (q+1)*p.n] {
				row[j] += f * float64(v)
				mag[j] += math.Abs(f * float64(v))
			}
		}
	}
}

// check runs f on a C whose rows are ldc apart and compares it; what lies between the rows must
// stay.
func (p *problem) check(t *testing.T, name string, accumulate bool, f func(c []float32, ldc int)) {
	t.Helper()
	ldc := p.n + 5
	c := make([]float32, p.m*ldc)
	Fill(c, 12345)
	for i := range p.m {
		copy(c[i*ldc:], p.c[i*p.n:(i+1)*p.n])
	}
	f(c, ldc)
	for i := range p.m {
		for j := range ldc {
			got, want, bound := float64(c[i*ldc+j]), 12345.0, 0.0
			if j < p.n {
				want = p.exact[i*p.n+j]
				bound = float64(p.k+2) * 0x1p-24 * p.magnitude[i*p.n+j]
				if accumulate {
					want += float64(p.c[i*p.n+j])
					bound += 0x1p-23 * (math.Abs(want) + math.Abs(float64(p.c[i*p.n+j])))
				}
			}
			if !(math.Abs(got-want) <= bound) {
				t.Fatalf("%s %d×%d×%d accumulate=%v: c[%d,%d] = %v, want %v ± %v", name, p.m, p.n, p.k, accumulate, i, j, got, want, bound)
			}
		}
	}
}

// padded returns the rows×cols matrix x with rows ld apart.
func padded(x []float32, rows, cols, ld int) []float32 {
	y := make([]float32, max(0, (rows-1)*ld+cols)) // nothing after the last element: reads past it fail
	for i := range rows {
		copy(y[i*ld:], x[i*cols:(i+1)*cols])
	}
	return y
}

func transposed(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	transposeScalar(y, rows, x, cols, 0, rows, 0, cols)
	return y
}

// gemmSizes cover each number of rows and of columns of the micro-kernels, every block's edge, and
// each path.
func gemmSizes(short bool) [][3]int {
	sizes := [][3]int{
		{1, 1, 0}, {3, 20, 0}, {1, 1, 1}, {64, 64, 64}, {16, 64, 64}, {256, 32, 64},
		{8, 40, 700}, {16, 33, 513}, {33, 130, 300}, {150, 50, 270}, {40, 1030, 40}, {7, 1100, 20}, {300, 17, 257},
	}
	for m := 1; m <= 13; m++ {
		sizes = append(sizes, [3]int{m, 1 + 7*m%33, 5 * m}, [3]int{m, 48, 9}, [3]int{m, m, 260})
	}
	for n := 1; n <= 34; n++ {
		sizes = append(sizes, [3]int{6, n, 10}, [3]int{35, n, 13})
	}
	if short {
		sizes = sizes[:30]
	}
	return sizes
}

func TestGemm(t *testing.T) {
	r := newRand(10)
	var problems []*problem
	for _, s := range gemmSizes(testing.Short()) {
		problems = append(problems, newProblem(r, s[0], s[1], s[2]))
	}
	eachLevel(t, func(t *testing.T) {
		for _, p := range problems {
			scratch := make([]float32, GemmScratch(p.m, p.n, p.k))
			for form := range 8 {
				f := Form{TransA: form&1 != 0, TransB: form&2 != 0, Accumulate: form&4 != 0}
				lda, ldb := p.k+3, p.n+2
				a, b := padded(p.a, p.m, p.k, lda), padded(p.b, p.k, p.n, ldb)
				if f.TransA {
					lda = p.m + 1
					a = padded(transposed(p.a, p.m, p.k), p.k, p.m, lda)
				}
				if f.TransB {
					ldb = p.k + 1
					b = padded(transposed(p.b, p.k, p.n), p.n, p.k, ldb)
				}
				Fill(scratch, float32(math.NaN()))
				p.check(t, fmt.Sprintf("%+v", f), f.Accumulate, func(c []float32, ldc int) {
					Gemm(f, c, ldc, a, lda, b, ldb, p.m, p.n, p.k, scratch)
				})
			}
		}
	})
}

func TestGemmPacked(t *testing.T) {
	r := newRand(11)
	type weights struct {
		name    string
		dtype   ugraph.DType
		product func(c []float32, ldc int, a []float32, lda int, packed []uint16, m, n, k int, accumulate bool, scratch []float32)
		narrow  func(dst []uint16, src []float32)
	}
	for _, s := range gemmSizes(testing.Short()) {
		p := newProblem(r, s[0], s[1], s[2])
		lda := p.k + 3
		a := padded(p.a, p.m, p.k, lda)
		scratch := make([]float32, GemmScratch(p.m, p.n, p.k))
		eachLevel(t, func(t *testing.T) {
			for form := range 4 {
				trans, accumulate := form&1 != 0, form&2 != 0
				b, ldb := padded(p.b, p.k, p.n, p.n+2), p.n+2
				if trans {
					b, ldb = padded(transposed(p.b, p.k, p.n), p.n, p.k, p.k+1), p.k+1
				}
				packed := make([]float32, PackedLen(p.k, p.n))
				Fill(packed, float32(math.NaN()))
				PackB(packed, b, p.k, p.n, ldb, trans)
				p.check(t, "packed", accumulate, func(c []float32, ldc int) {
					GemmPacked(c, ldc, a, lda, packed, p.m, p.n, p.k, accumulate, scratch)
				})
				p.check(t, "packed in two ranges", accumulate, func(c []float32, ldc int) {
					j := p.n / 2 / PanelCols * PanelCols
					GemmPacked(c, ldc, a, lda, packed, p.m, j, p.k, accumulate, scratch)
					GemmPacked(c[j:], ldc, a, lda, packed[j*p.k:], p.m, p.n-j, p.k, accumulate, scratch)
				})
			}
			for _, w := range []weights{
				{"f16", ugraph.F16, GemmPackedF16, F32ToF16},
				{"bf16", ugraph.BF16, GemmPackedBF16, F32ToBF16},
			} {
				q := *p
				q.b = make([]float32, len(p.b))
				for i, v := range p.b {
					q.b[i] = float32(w.dtype.Round(float64(v)))
				}
				q.multiply()
				for form := range 4 {
					trans, accumulate := form&1 != 0, form&2 != 0
					b, ldb := padded(q.b, p.k, p.n, p.n+2), p.n+2
					if trans {
						b, ldb = padded(transposed(q.b, p.k, p.n), p.n, p.k, p.k+1), p.k+1
					}
					narrow, packed := make([]uint16, len(b)), make([]uint16, PackedLen(p.k, p.n))
					w.narrow(narrow, b)
					PackB16(packed, narrow, p.k, p.n, ldb, trans)
					q.check(t, w.name, accumulate, func(c []float32, ldc int) {
						w.product(c, ldc, a, lda, packed, p.m, p.n, p.k, accumulate, scratch)
					})
				}
			}
		})
	}
}

// TestNoAllocation checks the promise of the package.
func TestNoAllocation(t *testing.T) {
	r := newRand(12)
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{1, 16, 40} {
			p := newProblem(r, m, 40, 30)
			scratch := make([]float32, GemmScratch(m, 40, 30))
			packed := make([]float32, PackedLen(30, 40))
			packed16 := make([]uint16, PackedLen(30, 40))
			allocs := testing.AllocsPerRun(10, func() {
				PackB(packed, p.b, 30, 40, 40, false)
				Gemm(Form{}, p.c, 40, p.a, 30, p.b, 40, m, 40, 30, scratch)
				Gemm(Form{TransB: true}, p.c, 40, p.a, 30, p.b, 30, m, 40, 30, scratch)
				GemmPacked(p.c, 40, p.a, 30, packed, m, 40, 30, false, scratch)
				GemmPackedF16(p.c, 40, p.a, 30, packed16, m, 40, 30, false, scratch)
				Unary(Exp, p.c, p.c)
				Binary(Add, p.c, p.c, p.c)
				ExpSum(p.c, p.c, Max(p.c))
			})
			if allocs != 0 {
				t.Errorf("m=%d: %v allocations", m, allocs)
			}
		}
	})
}
