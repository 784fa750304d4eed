package kernel

import (
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/morgana-ml/morgana/ugraph"
)

// TestWiden converts all 65536 codes.
func TestWiden(t *testing.T) {
	codes := make([]uint16, 1<<16)
	for i := range codes {
		codes[i] = uint16(i)
	}
	eachLevel(t, func(t *testing.T) {
		f16, bf16 := make([]float32, len(codes)), make([]float32, len(codes))
		F16ToF32(f16, codes)
		BF16ToF32(bf16, codes)
		for i, c := range codes {
			if want := float32(ugraph.F16Value(c)); !same(f16[i], want) || math.Signbit(float64(f16[i])) != (c>>15 == 1) {
				t.Fatalf("f16 %#04x is %v, want %v", c, f16[i], want)
			}
			if want := float32(ugraph.BF16Value(c)); !same(bf16[i], want) {
				t.Fatalf("bf16 %#04x is %v, want %v", c, bf16[i], want)
			}
		}
		f8 := make([]float32, 256)
		for i := range 256 {
			F8ToF32(f8[i:i+1], []uint8{uint8(i)})
			if want := float32(ugraph.F8Value(uint8(i))); !same(f8[i], want) {
				t.Fatalf("f8e4m3 %#02x is %v, want %v", i, f8[i], want)
			}
		}
	})
}

// TestNarrow rounds every 100003rd float32, and the numbers halfway between two codes with their
// neighbours.
func TestNarrow(t *testing.T) {
	var x []float32
	sweep(100003, func(part []float32) { x = append(x, part...) })
	for c := range 1 << 15 {
		for _, bits := range []uint32{
			math.Float32bits(float32((ugraph.F16Value(uint16(c)) + ugraph.F16Value(uint16(c+1))) / 2)),
			uint32(c)<<16 + 0x8000,
			math.Float32bits(float32((ugraph.F8Value(uint8(c)) + ugraph.F8Value(uint8(c+1))) / 2)),
		} {
			x = append(x, math.Float32frombits(bits-1), math.Float32frombits(bits), math.Float32frombits(bits+1))
		}
	}
	isNaN := func(v float64) bool { return v != v }
	eachLevel(t, func(t *testing.T) {
		f16, bf16, f8 := make([]uint16, len(x)), make([]uint16, len(x)), make([]uint8, len(x))
		F32ToF16(f16, x)
		F32ToBF16(bf16, x)
		F32ToF8(f8, x)
		for i, v := range x {
			if want := ugraph.F16Bits(float64(v)); f16[i] != want && !(v != v && isNaN(ugraph.F16Value(f16[i]))) {
				t.Fatalf("f16 of %v (%#x) is %#04x, want %#04x", v, math.Float32bits(v), f16[i], want)
			}
			if want := ugraph.BF16Bits(float64(v)); bf16[i] != want {
				t.Fatalf("bf16 of %v (%#x) is %#04x, want %#04x", v, math.Float32bits(v), bf16[i], want)
			}
			if want := ugraph.F8Bits(float64(v)); f8[i] != want {
				t.Fatalf("f8e4m3 of %v (%#x) is %#02x, want %#02x", v, math.Float32bits(v), f8[i], want)
			}
		}
		for n := range 40 {
			short := make([]uint16, n+1)
			short[n] = 77
			F32ToBF16(short, x[:n])
			if !slices.Equal(short[:n], bf16[:n]) || short[n] != 77 {
				t.Fatalf("run of %d: %v", n, short)
			}
			F32ToF16(short, x[:n])
			if !slices.Equal(short[:n], f16[:n]) || short[n] != 77 {
				t.Fatalf("run of %d: %v", n, short)
			}
		}
	})
}

// TestLoadStore compares Store with the rounding rule of ugraph and Load with what was stored.
func TestLoadStore(t *testing.T) {
	x := append(random(newRand(8), 100), specials...)
	x = append(x, 127, 128, -128, -129, 255, 256, 2.5, -2.5, 0x1p31, -0x1p31, 0x1p63, -0x1p63)
	eachLevel(t, func(t *testing.T) {
		for _, dt := range ugraph.DTypes() {
			store := make([]float64, len(x)) // aligned, and room enough for the widest type
			got := make([]float32, len(x))
			Store(unsafe.Pointer(&store[0]), x, dt)
			Load(got, unsafe.Pointer(&store[0]), dt)
			for i, v := range x {
				if want := float32(dt.Round(float64(v))); !same(got[i], want) {
					t.Errorf("%v: %v came back as %v, want %v", dt, v, got[i], want)
				}
			}
		}
	})
}

func TestTranspose(t *testing.T) {
	r := newRand(9)
	eachLevel(t, func(t *testing.T) {
		for _, rows := range []int{0, 1, 5, 7, 8, 9, 16, 23, 64} {
			for _, cols := range []int{0, 1, 6, 8, 15, 16, 17, 40} {
				lds, ldd := cols+3, rows+2
				src := random(r, (rows+1)*lds)
				dst := make([]float32, (cols+1)*ldd)
				Fill(dst, 12345)
				Transpose(dst, ldd, src, lds, rows, cols)
				for j := range cols + 1 {
					for i := range ldd {
						want := float32(12345)
						if i < rows && j < cols {
							want = src[i*lds+j]
						}
						if got := dst[j*ldd+i]; got != want {
							t.Fatalf("%d×%d: element %d,%d is %v, want %v", rows, cols, j, i, got, want)
						}
					}
				}
			}
		}
	})
}
