package calibrate

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
)

// probe is something whose time is measured: run does it once.
type probe struct {
	name string
	run  func() error
}

// Sizes of the products that are timed: B is 64 columns of 256 terms, which stays in a near cache.
const (
	depth, columns = 256, 64
	// wide is the distance of the rows of a B that does not lie in panels.
	wide = 1024
	run  = 4096 // elements of a run of elementwise probes: 16 KiB
)

// kernels are the probes that call the loops of package kernel, on one thread, by name.
func kernels(rows int) []probe {
	const most = 96
	a, b, c := numbers(most*depth), numbers(depth*wide), make([]float32, most*wide)
	packed := make([]float32, kernel.PackedLen(depth, wide))
	kernel.PackB(packed, b, depth, wide, wide, false)
	scratch := make([]float32, kernel.GemmScratch(most, wide, depth))
	out := []probe{{"matmul peak", func() error {
		kernel.GemmPacked(c, columns*4, a, depth, packed[:kernel.PackedLen(depth, columns*4)], most, columns*4, depth, false, scratch)
		return nil
	}}}
	for m := 1; m <= rows; m++ {
		out = append(out, probe{fmt.Sprintf("matmul rows %d", m), func() error {
			kernel.GemmPacked(c, columns, a, depth, packed[:kernel.PackedLen(depth, columns)], m, columns, depth, false, scratch)
			return nil
		}})
	}
	product := func(name string, form kernel.Form, ldb int) probe {
		return probe{name, func() error {
			kernel.Gemm(form, c, wide, a, depth, b, ldb, 16, wide, depth, scratch)
			return nil
		}}
	}
	out = append(out, product("laid out", kernel.Form{}, wide), product("laid out transposed", kernel.Form{TransB: true}, depth),
		probe{"panels", func() error {
			kernel.GemmPacked(c, wide, a, depth, packed, 16, wide, depth, false, scratch)
			return nil
		}})
	x, y := numbers(run), make([]float32, run)
	unary := func(name string) probe {
		op, _ := kernel.UnaryOpByName(name)
		return probe{name, func() error {
			kernel.Unary(op, y, x)
			return nil
		}}
	}
	out = append(out, unary("exp"), unary("tanh"),
		probe{"add", func() error { kernel.Binary(kernel.Add, y, x, x); return nil }},
		probe{"sum", func() error { kernel.Sum(x); return nil }},
		probe{"max", func() error { kernel.Max(x); return nil }},
		probe{"transpose", func() error { kernel.Transpose(c, depth, b, wide, depth, most); return nil }})
	for _, t := range casts {
		bits := make([]uint32, run) // room for any narrow type
		at := unsafe.Pointer(&bits[0])
		kernel.Store(at, x, t)
		out = append(out, probe{"widen " + t.String(), func() error { kernel.Load(y, at, t); return nil }})
	}
	return out
}

// casts are the narrow types whose conversions are timed.
var casts = []ugraph.DType{ugraph.F16, ugraph.BF16, ugraph.F8E4M3}

// numbers are n numbers between -1 and 1.
func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*37%201-100) / 100
	}
	return x
}

// graphs are the probes that run a kernel of the executor, by name: what a launch, a block, an operator and a row cost
// beside their arithmetic, and a cast with the store after it.
var graphs = []struct {
	name, text string
	threads    bool // on all threads
}{
	{"launch", `ugraph g(X: f32[UNITS, 16]) -> (Y) { Y = kernel k(X) grid(a: UNITS by 1) { store Y(a=0) = -load(X, a=0) } }`, true},
	{"blocks", `ugraph g(X: f32[4096, 16]) -> (Y) { Y = kernel k(X) grid(a: 4096 by 1) { store Y(a=0) = -load(X, a=0) } }`, false},
	{"operators", `ugraph g(X: f32[1, 8192]) -> (Y) { Y = kernel k(X) loop(b: 8192 by 4) { store Y = accum(max(load(X, loop=1), axis=1), kind=max) } }`, false},
	{"rows", `ugraph g(X: f32[256, 256]) -> (Y) { Y = kernel k(X) loop(b: 256 by 4) { store Y = accum(max(load(X, loop=1), axis=1), kind=max) } }`, false},
	{"rows of chains", `ugraph g(X: f32[256, 256]) -> (Y) { Y = kernel k(X) loop(b: 256 by 4) { store Y = accum(sum(exp(load(X, loop=1)), axis=1)) } }`, false},
	{"round f16", `ugraph g(X: f32[2, 4096]) -> (Y) { Y = kernel k(X) { store Y = cast(load(X), to=f16) } }`, false},
	{"round bf16", `ugraph g(X: f32[2, 4096]) -> (Y) { Y = kernel k(X) { store Y = cast(load(X), to=bf16) } }`, false},
	{"round f8e4m3", `ugraph g(X: f32[2, 4096]) -> (Y) { Y = kernel k(X) { store Y = cast(load(X), to=f8e4m3) } }`, false},
}

// timed is how long a probe takes once, in microseconds: it is repeated for about the given time.
func timed(p *probe, repeats int) (float64, error) {
	start := time.Now()
	for range repeats {
		if err := p.run(); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start).Nanoseconds()) / 1e3 / float64(repeats), nil
}
