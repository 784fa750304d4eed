package kernel

import "unsafe"

// lineSize is the size of a line of the caches in bytes.
const lineSize = 64

// The element types in which packed B may be stored.
const (
	weightsF32 = iota
	weightsF16
	weightsBF16
	numWeights
)

var weightSize = [numWeights]uintptr{4, 2, 2}

// Sizes of the blocks of the matrix product (Goto and van de Geijn, Anatomy of High-Performance
// Matrix Multiplication, 2008): a panel of blockK×16 of B stays in the first-level cache, blockM×blockK
// of A in the second, blockK×blockN of B in the third.
const (
	microRows = 6
	blockM    = 96
	blockK    = 384
	blockN    = 1024

	// longK is the number of terms from which a group of rows takes long enough for its C to arrive.
	longK = 128
	// directK is the number of terms that the groups of few rows pass over in turn: the next as many
	// terms of a panel, which are prefetched meanwhile, fit in the first-level cache beside.
	directK = 256
	// directM is the number of rows up to which A is read where it lies: then its lines stay in the
	// first-level cache by themselves.
	directM = 32
	// groupCols is the number of columns of B that are packed together: four lines of each row, which
	// memory gives faster than one at a time.
	groupCols = 4 * PanelCols
	// closeLDB is the distance of B's rows up to which few rows of A read them where they lie: blockB
	// elements at a time, which stay in the first-level cache.
	closeLDB = 256
	blockB   = 4096
)

// GemmScratch is the number of elements of scratch that Gemm and GemmPacked need for an m×k by k×n
// product, whatever the form of the operands.
func GemmScratch(m, n, k int) int {
	return scratchA(m, k) + min(k, blockK)*((min(n, blockN)+PanelCols-1)/PanelCols*PanelCols)
}

func scratchA(m, k int) int {
	if m <= directM {
		return 0
	}
	return min(m, blockM) * min(k, blockK)
}

// Form says how the operands of Gemm are stored.
type Form struct {
	TransA     bool // A is given as k rows of m elements
	TransB     bool // B is given as n rows of k elements
	Accumulate bool // C += A·B instead of C = A·B
}

// Gemm computes C[m×n] = A[m×k]·B[k×n], or C += A·B, in float32. The rows of each matrix, as stored
// (form says how), are ldc, lda and ldb elements apart. C must not overlap A, B or scratch, which
// has GemmScratch(m, n, k) elements. With k = 0, C is zero or left as it is.
func Gemm(form Form, c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, scratch []float32) {
	p, ok := newProduct(c, ldc, a, lda, form.TransA, m, n, k, form.Accumulate)
	if !ok {
		return
	}
	bRows, bCols := k, n
	if form.TransB {
		bRows, bCols = n, k
	}
	_ = b[(bRows-1)*ldb+bCols-1]
	if form.TransB && !form.TransA && m < packTransM {
		p.dotRows(b, ldb)
		return
	}
	p.b, p.ldb, p.transB = b, ldb, form.TransB
	switch {
	case form.TransB:
		p.blocked(scratch)
	case m <= directM && ldb <= closeLDB && 2*n >= ldb:
		p.closeRows()
	case m <= microRows: // each element is read once
		p.direct(weightsF32, unsafe.Pointer(&b[0]), PanelCols, ldb)
	default:
		p.blocked(scratch)
	}
}

// GemmPacked is Gemm of a B that PackB has packed. To compute a range of columns that begins at a
// multiple j of 16, pass packed[j·k:], c[j:] and the range's width as n.
func GemmPacked(c []float32, ldc int, a []float32, lda int, packed []float32, m, n, k int, accumulate bool, scratch []float32) {
	p, ok := newProduct(c, ldc, a, lda, false, m, n, k, accumulate)
	if !ok {
		return
	}
	_ = packed[PackedLen(k, n)-1]
	if m <= directM {
		p.direct(weightsF32, unsafe.Pointer(&packed[0]), PanelCols*k, PanelCols)
		return
	}
	p.packed = packed
	p.blocked(scratch)
}

// GemmPackedF16 is GemmPacked of a B of f16 elements, packed by PackB16; it computes in float32.
func GemmPackedF16(c []float32, ldc int, a []float32, lda int, packed []uint16, m, n, k int, accumulate bool, scratch []float32) {
	gemmPacked16(weightsF16, c, ldc, a, lda, packed, m, n, k, accumulate, scratch)
}

// GemmPackedBF16 is GemmPacked of a B of bf16 elements, packed by PackB16; it computes in float32.
func GemmPackedBF16(c []float32, ldc int, a []float32, lda int, packed []uint16, m, n, k int, accumulate bool, scratch []float32) {
	gemmPacked16(weightsBF16, c, ldc, a, lda, packed, m, n, k, accumulate, scratch)
}

func gemmPacked16(weights int, c []float32, ldc int, a []float32, lda int, packed []uint16, m, n, k int, accumulate bool, scratch []float32) {
	p, ok := newProduct(c, ldc, a, lda, false, m, n, k, accumulate)
	if !ok {
		return
	}
	_ = packed[PackedLen(k, n)-1]
	if m <= directM {
		p.direct(weights, unsafe.Pointer(&packed[0]), PanelCols*k, PanelCols)
		return
	}
	p.packed16, p.widen = packed, active.fromBF16
	if weights == weightsF16 {
		p.widen = active.fromF16
	}
	p.blocked(scratch)
}
