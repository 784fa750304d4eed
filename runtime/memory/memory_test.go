package memory

import (
	"math"
	"runtime"
	"testing"
	"unsafe"
)

func TestAllocAlignsAndZeroes(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 4096, hugePage - 1, hugePage, 3*hugePage + 5} {
		b, err := Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != size {
			t.Errorf("Alloc(%d): %d bytes", size, b.Len())
		}
		if want := size >= hugePage && runtime.GOOS == "linux"; b.Mapped() != want {
			t.Errorf("Alloc(%d): mapped %v, want %v", size, b.Mapped(), want)
		}
		for i, v := range b.Bytes() {
			if v != 0 {
				t.Fatalf("Alloc(%d): byte %d is %d", size, i, v)
			}
			b.Bytes()[i] = byte(i)
		}
		if size > 0 {
			if p := uintptr(unsafe.Pointer(&b.Bytes()[0])); p%Alignment != 0 {
				t.Errorf("Alloc(%d): address %#x", size, p)
			}
		}
		b.Free()
		b.Free()
		if b.Len() != 0 {
			t.Errorf("Alloc(%d): %d bytes after Free", size, b.Len())
		}
	}
}

func TestAllocErrors(t *testing.T) {
	for _, size := range []int{-1, math.MaxInt, math.MaxInt - hugePage, math.MaxInt / 2} {
		if b, err := Alloc(size); err == nil {
			t.Errorf("Alloc(%d) gave %d bytes", size, b.Len())
		}
	}
}

func TestViewsShareMemory(t *testing.T) {
	b, err := Alloc(4*hugePage + 7)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	f := b.Float32s()
	if len(f) != hugePage+1 || len(b.Uint16s()) != 2*hugePage+3 || len(View[int64](b)) != hugePage/2 {
		t.Fatalf("views of %d, %d, %d elements", len(f), len(b.Uint16s()), len(View[int64](b)))
	}
	f[hugePage] = 1
	if got := View[uint32](b)[hugePage]; got != math.Float32bits(1) {
		t.Errorf("bits %#x", got)
	}
	small, err := Alloc(3)
	if err != nil {
		t.Fatal(err)
	}
	if v := small.Float32s(); len(v) != 0 {
		t.Errorf("%d elements of 4 bytes in 3 bytes", len(v))
	}
}

// TestUnreachableBufferIsUnmapped drops a buffer without Free: the collector must give it back.
func TestUnreachableBufferIsUnmapped(t *testing.T) {
	if !canMap {
		t.Skip("no mapping on this system")
	}
	b, err := Alloc(hugePage)
	if err != nil {
		t.Fatal(err)
	}
	m := b.mapping
	runtime.KeepAlive(b)
	for range 100 {
		runtime.GC()
		if m.released.Load() {
			return
		}
		runtime.Gosched()
	}
	t.Error("still mapped after 100 collections")
}
