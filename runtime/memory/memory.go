package memory

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

const (
	// Alignment is the alignment of every buffer in bytes: a cache line.
	Alignment = 64
	// hugePage is the size of a huge page, and the least size of a buffer that is mapped.
	hugePage = 2 << 20
	// maxHeap is about what Go can address on the widest systems: beyond it, make panics.
	maxHeap = math.MaxInt >> 17
)

// Buffer is a block of zeroed memory. Its views share it; they are valid until Free, and only while
// the Buffer itself is reachable.
type Buffer struct {
	bytes   []byte
	mapping *mapping // nil: bytes is in the Go heap
}

// mapping is memory that the operating system gave; it is given back once.
type mapping struct {
	region   []byte
	released atomic.Bool
}

func (m *mapping) release() {
	if m.released.CompareAndSwap(false, true) {
		unmapRegion(m.region)
	}
}

// Alloc returns a zeroed buffer of size bytes, aligned to 64. It fails when size is negative or the
// system has no such memory.
func Alloc(size int) (*Buffer, error) {
	if size < 0 || size > math.MaxInt-hugePage {
		return nil, fmt.Errorf("memory: no buffer of %d bytes", size)
	}
	if size >= hugePage && canMap {
		region, err := mapRegion(size + hugePage)
		if err != nil {
			return nil, fmt.Errorf("memory: no buffer of %d bytes: %w", size, err)
		}
		return newMapped(region, size), nil
	}
	if size > maxHeap {
		return nil, fmt.Errorf("memory: no buffer of %d bytes: more than a process can address", size)
	}
	block := make([]byte, size+Alignment)
	skip := int(-uintptr(unsafe.Pointer(&block[0])) % Alignment)
	return &Buffer{bytes: block[skip : skip+size : skip+size]}, nil
}

// newMapped makes a buffer of the first size bytes of region that begin at a huge page.
func newMapped(region []byte, size int) *Buffer {
	skip := int(-uintptr(unsafe.Pointer(&region[0])) % hugePage)
	b := &Buffer{bytes: region[skip : skip+size : skip+size], mapping: &mapping{region: region}}
	adviseHuge(region[skip:])
	runtime.AddCleanup(b, func(m *mapping) { m.release() }, b.mapping)
	return b
}

// Free gives the memory back. No view may be used any more; freeing twice is harmless.
func (b *Buffer) Free() {
	if b.mapping != nil {
		b.mapping.release()
	}
	b.bytes = nil
}

// Len is the size of the buffer in bytes, 0 after Free.
func (b *Buffer) Len() int { return len(b.bytes) }

// Mapped tells whether the buffer is mapped apart from the Go heap, advised for huge pages.
func (b *Buffer) Mapped() bool { return b.mapping != nil }

// Bytes is the whole buffer.
func (b *Buffer) Bytes() []byte { return b.bytes }

// Element is a type of which a buffer can be viewed.
type Element interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// View is the buffer as a slice of T: as many elements as it holds whole.
func View[T Element](b *Buffer) []T {
	var zero T
	n := len(b.bytes) / int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b.bytes[0])), n)
}

// Float32s is the buffer as float32.
func (b *Buffer) Float32s() []float32 { return View[float32](b) }

// Uint16s is the buffer as elements of 16 bits: f16 and bf16.
func (b *Buffer) Uint16s() []uint16 { return View[uint16](b) }
