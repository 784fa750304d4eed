package kernel

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/morgana-ml/morgana/runtime/memory"
)

// The benchmarks report, beside the mean time, the best of their rounds as GFLOP/s or GB/s and as a
// share of the peak or bandwidth that a probe measured in the same run: other load on the machine
// slows some rounds down, never speeds one up.

const probeTime = 30 * time.Millisecond

// best times f in rounds until b's time is over and returns the shortest round in seconds.
func best(b *testing.B, f func()) float64 {
	f()
	shortest := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		f()
		shortest = min(shortest, time.Since(start))
	}
	return max(shortest, 1).Seconds()
}

// alloc is a buffer of n float32 in huge pages, touched.
func alloc(b *testing.B, n int) []float32 {
	buf, err := memory.Alloc(n * 4)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(buf.Free)
	copy(buf.Float32s(), random(newRand(1), min(n, 1<<16)))
	for x := buf.Float32s(); len(x) > 1<<16; x = x[1<<16:] {
		copy(x[1<<16:], x[:1<<16])
	}
	return buf.Float32s()
}

func readBandwidth(b *testing.B, bytes int) float64 {
	buf, err := memory.Alloc(bytes)
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Free()
	for i := range buf.Bytes() {
		buf.Bytes()[i] = 1
	}
	return ReadBandwidth(buf.Bytes(), probeTime)
}

func copyBandwidth(b *testing.B, bytes int) float64 {
	dst, src := alloc(b, bytes/8), alloc(b, bytes/8)
	view := func(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }
	return CopyBandwidth(view(dst), view(src), probeTime)
}

// alloc16 is a buffer of n zeros of 16 bits in huge pages, touched.
func alloc16(b *testing.B, n int) []uint16 {
	buf, err := memory.Alloc(n * 2)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(buf.Free)
	clear(buf.Bytes())
	return buf.Uint16s()
}

func BenchmarkProbes(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(PeakGFLOPS(probeTime), "GFLOP/s")
	for _, kb := range []int{16, 256, 4 << 10, 128 << 10} {
		b.ReportMetric(readBandwidth(b, kb<<10), fmt.Sprintf("read-%dKiB-GB/s", kb))
		b.ReportMetric(copyBandwidth(b, kb<<10), fmt.Sprintf("copy-%dKiB-GB/s", kb))
	}
}

// BenchmarkGemm times square products from unpacked operands, packing included, and small tiles.
func BenchmarkGemm(b *testing.B) {
	for _, n := range []int{64, 512, 1024, 2048} {
		for _, trans := range []bool{false, true} {
			b.Run(fmt.Sprintf("n=%d/transB=%v", n, trans), func(b *testing.B) {
				x, y, z := alloc(b, n*n), alloc(b, n*n), alloc(b, n*n)
				scratch := alloc(b, GemmScratch(n, n, n))
				peak := PeakGFLOPS(probeTime)
				seconds := best(b, func() { Gemm(Form{TransB: trans}, z, n, x, n, y, n, n, n, n, scratch) })
				rate := 2 * float64(n) * float64(n) * float64(n) / seconds / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(rate/peak, "of-peak")
			})
		}
	}
}

// BenchmarkSkinny times products of few rows with packed 4096×4096 weights. The binding roof is the
// longer of the time that the arithmetic takes at peak and the time that reading the weights takes.
func BenchmarkSkinny(b *testing.B) {
	const n = 4096
	for _, weights := range []string{"f32", "bf16", "f16"} {
		size := 4
		if weights != "f32" {
			size = 2
		}
		for _, m := range []int{1, 2, 4, 8, 16} {
			b.Run(fmt.Sprintf("%s/m=%d", weights, m), func(b *testing.B) {
				x, y, w := alloc(b, m*n), alloc(b, m*n), alloc(b, n*n)
				w16 := alloc16(b, n*n)
				scratch := alloc(b, GemmScratch(m, n, n))
				seconds := best(b, func() {
					switch weights {
					case "f32":
						GemmPacked(y, n, x, n, w, m, n, n, false, scratch)
					case "f16":
						GemmPackedF16(y, n, x, n, w16, m, n, n, false, scratch)
					default:
						GemmPackedBF16(y, n, x, n, w16, m, n, n, false, scratch)
					}
				})
				flops, bytes := 2*float64(m)*n*n, float64(size*n*n)
				roof := max(flops/PeakGFLOPS(probeTime), bytes/readBandwidth(b, size*n*n)) / 1e9
				b.ReportMetric(bytes/seconds/1e9, "GB/s")
				b.ReportMetric(flops/seconds/1e9, "GFLOP/s")
				b.ReportMetric(roof/seconds, "of-roof")
			})
		}
	}
}

// BenchmarkRows times elementwise operations and reductions over working sets in each cache and in
// memory. Reductions are compared with reading, operations that write with copying.
func BenchmarkRows(b *testing.B) {
	ops := []struct {
		name   string
		arrays int // read and written
		f      func(x, y, z []float32)
	}{
		{"sum", 1, func(x, _, _ []float32) { Sum(x) }},
		{"sumsquares", 1, func(x, _, _ []float32) { SumSquares(x) }},
		{"max", 1, func(x, _, _ []float32) { Max(x) }},
		{"dot", 2, func(x, y, _ []float32) { Dot(x, y) }},
		{"add", 3, func(x, y, z []float32) { Binary(Add, z, x, y) }},
		{"scale", 2, func(x, y, _ []float32) { Scale(y, x, 1.5) }},
		{"exp", 2, func(x, y, _ []float32) { Unary(Exp, y, x) }},
		{"expsum", 2, func(x, y, _ []float32) { ExpSum(y, x, 3) }},
		{"sigmoid", 2, func(x, y, _ []float32) { Unary(Sigmoid, y, x) }},
		{"silu", 2, func(x, y, _ []float32) { Unary(Silu, y, x) }},
		{"tanh", 2, func(x, y, _ []float32) { Unary(Tanh, y, x) }},
		{"erf", 2, func(x, y, _ []float32) { Unary(Erf, y, x) }},
	}
	for _, op := range ops {
		for _, kb := range []int{16, 256, 4 << 10, 128 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", op.name, kb), func(b *testing.B) {
				n := kb << 10 / 4 / op.arrays
				x, y, z := alloc(b, n), alloc(b, n), alloc(b, n)
				repeats := max(1, 1<<18/n)
				seconds := best(b, func() {
					for range repeats {
						op.f(x, y, z)
					}
				})
				rate := float64(repeats) * float64(n*op.arrays*4) / seconds / 1e9
				roof := readBandwidth(b, kb<<10)
				b.ReportMetric(rate, "GB/s")
				b.ReportMetric(rate/roof, "of-read")
				if op.name != "dot" && op.arrays > 1 {
					b.ReportMetric(rate/copyBandwidth(b, kb<<10), "of-copy")
				}
			})
		}
	}
}

// BenchmarkStrided times the products of attention over keys and values that lie in large tensors:
// scores of m queries with 256 keys, whose 64 elements are 4096 apart, and m rows of weights by 256
// values of 64.
func BenchmarkStrided(b *testing.B) {
	const heads, size = 32, 64 * 4096
	for _, m := range []int{1, 16, 64} {
		for _, c := range []struct {
			name            string
			n, k, ldb, step int
		}{{"qk", 256, 64, 4096, 256}, {"pv", 64, 256, 64, 256 * 64}} {
			b.Run(fmt.Sprintf("%s/m=%d", c.name, m), func(b *testing.B) {
				x, y, z := alloc(b, m*c.k), alloc(b, heads*size), alloc(b, m*c.n)
				scratch := alloc(b, GemmScratch(m, c.n, c.k))
				peak := PeakGFLOPS(probeTime)
				at := 0
				seconds := best(b, func() { // one head a round, the next one in the next
					for j := range 16 {
						Gemm(Form{}, z, c.n, x, c.k, y[at+j*c.step:], c.ldb, m, c.n, c.k, scratch)
					}
					at = (at + size) % len(y)
				})
				rate := 16 * 2 * float64(m*c.n*c.k) / seconds / 1e9
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(rate/peak, "of-peak")
			})
		}
	}
}

// BenchmarkSmall times the tiles of attention: scores of m queries with 64 keys of 64 elements.
func BenchmarkSmall(b *testing.B) {
	for _, m := range []int{1, 2, 4, 8, 16, 64} {
		b.Run(fmt.Sprintf("qk/m=%d", m), func(b *testing.B) {
			q, k, s := alloc(b, m*64), alloc(b, 64*64), alloc(b, m*64)
			scratch := alloc(b, GemmScratch(m, 64, 64))
			peak := PeakGFLOPS(probeTime)
			const repeats = 1000
			seconds := best(b, func() {
				for range repeats {
					Gemm(Form{TransB: true}, s, 64, q, 64, k, 64, m, 64, 64, scratch)
				}
			})
			rate := repeats * 2 * 64 * 64 * float64(m) / seconds / 1e9
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(rate/peak, "of-peak")
		})
	}
}
