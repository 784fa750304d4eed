// Package memory gives out the large, aligned blocks in which tensors and packed weights live.
//
//	Alloc ─► Buffer (64-byte aligned, zeroed) ─► Float32s, Uint16s, Bytes …: views ─► Free
//
// # Rationale
//
// On Linux a block of at least a huge page (2 MiB) is mapped apart from the Go heap, aligned to huge
// pages and advised for them: with transparent huge pages set to "madvise", as most distributions
// have it, reading weights is about one and a half times as fast as from the heap, where each 4 KiB
// needs its own entry of the TLB. Elsewhere, and for smaller blocks, memory comes from the heap.
//
// A mapped block is not known to the garbage collector. A Buffer that becomes unreachable without
// Free is unmapped by a cleanup, so views must not outlive their Buffer: whoever keeps a view keeps
// the Buffer.
package memory
