// Package tensor holds tensors in host memory: what a user hands to a kernel and gets back, what
// the float64 reference computes on, and what stands in files.
//
//	FILE.npy ──────────────┐                                      ┌── View: typed slices
//	FILE.safetensors#name ─┼─ Tensor{DType, Shape, Data} ─────────┼── Convert: another element type
//	Random(seed, name) ────┘  row-major, little-endian            ├── Compare: max relative error
//	                                                              └── WriteNpy
//
// Every conversion between element types rounds once, from the exact value: an i64 goes to bf16
// through a float64 that is rounded to odd, since rounding to nearest twice is not rounding once.
//
// # Rationale
//
// Own .npy code. github.com/sbinet/npyio knows neither f2 nor a bound on what it allocates from a
// header, and decodes by reflection. The format is a short header before plain memory, so that the
// code here is about as long as an adapter would be, and it is fuzzed.
//
// Own .safetensors code, for the same reasons: the format is a length, a JSON object and plain
// memory. The rules that the format's own reader enforces (no overlap, no hole, offsets inside the
// file) are enforced here before any tensor is allocated.
//
// The memory is little-endian by definition and View hands it out unchanged: all machines that
// Morgana builds for (amd64, arm64) are little-endian.
//
// Random does not follow the order of calls: each tensor's stream is keyed by (seed, name), so that
// a program with one input more leaves the others' values as they were.
package tensor
