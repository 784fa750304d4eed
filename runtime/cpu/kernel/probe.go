package kernel

import (
	"encoding/binary"
	"runtime"
	"time"
)

// The probes measure what the machine can do at the level in use, to which kernels are compared.
// Machines vary and are shared, so probe in the same run as the kernel; each probe returns the best
// of many short rounds, because other load only ever slows a round down.

// roundTime is about how long one round of a probe takes: long against the clock's resolution,
// short against the time slices of the scheduler.
const roundTime = 200 * time.Microsecond

// bestRate calls round for about d, at least three times, and returns the highest amount per
// nanosecond; amount is what one round does.
func bestRate(d time.Duration, amount float64, round func()) float64 {
	best := 0.0
	for begin, rounds := time.Now(), 0; rounds < 3 || time.Since(begin) < d; rounds++ {
		start := time.Now()
		round()
		best = max(best, amount/float64(max(1, time.Since(start).Nanoseconds())))
	}
	return best
}

// PeakGFLOPS measures for about d the rate of float32 arithmetic of one thread in GFLOP/s:
// independent fused multiply-adds in registers, each counted as two operations.
func PeakGFLOPS(d time.Duration) float64 {
	const n, flops = 4096, 2 * 96
	return bestRate(d, n*flops, func() { active.fmaLoop(n) })
}

// ReadBandwidth measures for about d the rate at which one thread reads a buffer over and over, in
// GB/s (10⁹ bytes per second). The buffer's size decides which cache or memory answers, its kind of
// pages counts too: use memory.Alloc.
func ReadBandwidth(buf []byte, d time.Duration) float64 {
	buf = buf[:len(buf)&^255]
	if len(buf) == 0 {
		return 0
	}
	repeats := repeatsFor(len(buf))
	return bestRate(d, float64(repeats)*float64(len(buf)), func() {
		for range repeats {
			active.readLoop(buf)
		}
	})
}

// CopyBandwidth measures for about d the rate at which one thread copies src to dst, in GB/s, bytes
// read and bytes written both counted.
func CopyBandwidth(dst, src []byte, d time.Duration) float64 {
	n := min(len(dst), len(src)) &^ 3
	if n == 0 {
		return 0
	}
	repeats := repeatsFor(2 * n)
	return bestRate(d, 2*float64(repeats)*float64(n), func() {
		for range repeats {
			copy(dst[:n], src[:n])
		}
	})
}

// repeatsFor is how often n bytes are passed over in one round, at about 32 bytes a nanosecond.
func repeatsFor(n int) int { return max(1, int(roundTime.Nanoseconds())*32/n) }

// fmaLoopGeneric does the arithmetic that Go's compiler makes of multiply and add.
func fmaLoopGeneric(n int) {
	var a, b, c, d, e, f, g, h float32
	x := 1 - float32(n)*0x1p-30
	for range n * 96 / 8 {
		a, b, c, d = a*x+x, b*x+x, c*x+x, d*x+x
		e, f, g, h = e*x+x, f*x+x, g*x+x, h*x+x
	}
	runtime.KeepAlive(a + b + c + d + e + f + g + h) // or the loop would be removed
}

func readLoopGeneric(x []byte) {
	var or uint64
	for ; len(x) >= 32; x = x[32:] {
		or |= binary.NativeEndian.Uint64(x) | binary.NativeEndian.Uint64(x[8:]) |
			binary.NativeEndian.Uint64(x[16:]) | binary.NativeEndian.Uint64(x[24:])
	}
	runtime.KeepAlive(or)
}
