package kernel

import "unsafe"

// PanelCols is the width of a panel of packed B.
const PanelCols = 16

// PackedLen is the number of elements of a packed k×n matrix: its columns rounded up to whole
// panels.
func PackedLen(k, n int) int { return (n + PanelCols - 1) / PanelCols * PanelCols * k }

// PackB writes the k×n matrix B to dst in panels of PanelCols columns: panel p holds columns 16p …
// 16p+15 as k rows of 16, missing columns as zeros, and begins at dst[p·16·k]. A range of columns
// that begins at a multiple of 16 is therefore a range of the packed form. B is given as k rows of n
// elements ldb apart, or, with trans, as n rows of k elements. dst has PackedLen(k, n) elements.
func PackB(dst, b []float32, k, n, ldb int, trans bool) {
	if k <= 0 {
		return
	}
	for j := 0; j < n; j += PanelCols {
		packPanel(dst[j*k:(j+PanelCols)*k], b, 0, k, j, min(PanelCols, n-j), ldb, trans)
	}
}

// packPanel packs rows k0 … k0+k−1 of columns j … j+cols−1.
func packPanel(dst, b []float32, k0, k, j, cols, ldb int, trans bool) {
	if trans {
		packTransposed(dst, b[j*ldb+k0:], k, cols, ldb)
		return
	}
	if cols < PanelCols {
		clear(dst[:PanelCols*k])
	}
	copyPanel(dst, b[k0*ldb+j:], k, cols, ldb)
}

// packTransposed packs k terms of cols columns that are given as rows of b.
func packTransposed(dst, b []float32, k, cols, ldb int) {
	for c := 0; c < cols; c += PanelCols {
		panel := dst[c*k : (c+PanelCols)*k]
		if cols-c < PanelCols {
			clear(panel)
		}
		Transpose(panel, PanelCols, b[c*ldb:], ldb, min(PanelCols, cols-c), k)
	}
}

// packPanels packs k rows of cols columns, up to groupCols of them, a row at a time.
func packPanels(dst, b []float32, k, cols, ldb int) {
	if cols < groupCols {
		for c := 0; c < cols; c += PanelCols {
			packPanel(dst[c*k:], b, 0, k, c, min(PanelCols, cols-c), ldb, false)
		}
		return
	}
	_, _ = dst[groupCols*k-1], b[(k-1)*ldb+cols-1]
	active.packFour(&dst[0], &b[0], ldb, k)
}

func packFourGeneric(dst, src *float32, ld, k int) {
	b := unsafe.Slice(src, (k-1)*ld+groupCols)
	for c := 0; c < groupCols; c += PanelCols {
		copyPanel(unsafe.Slice(dst, groupCols*k)[c*k:], b[c:], k, PanelCols, ld)
	}
}

func copyPanel[T any](dst, b []T, k, cols, ldb int) {
	if cols < PanelCols {
		for p := range k {
			copy(dst[p*PanelCols:p*PanelCols+cols], b[p*ldb:])
		}
		return
	}
	for p := range k {
		*(*[PanelCols]T)(dst[p*PanelCols:]) = *(*[PanelCols]T)(b[p*ldb:])
	}
}

// PackB16 is PackB for elements of 16 bits (f16 or bf16).
func PackB16(dst, b []uint16, k, n, ldb int, trans bool) {
	if k <= 0 {
		return
	}
	for j := 0; j < n; j += PanelCols {
		panel, cols := dst[j*k:(j+PanelCols)*k], min(PanelCols, n-j)
		if cols < PanelCols {
			clear(panel)
		}
		if trans {
			transposeScalar(panel, PanelCols, b[j*ldb:], ldb, 0, cols, 0, k)
		} else {
			copyPanel(panel, b[j:], k, cols, ldb)
		}
	}
}

// packA copies rows i0 … i0+m−1, columns k0 … k0+k−1 of A, whose element (i,p) is a[i·ars+p·acs],
// to m rows of k elements: contiguous, so that rows a power of two apart do not fall on the same
// lines of the first-level cache.
func packA(dst, a []float32, ars, acs, i0, m, k0, k int) {
	if acs != 1 {
		Transpose(dst, k, a[k0*acs+i0:], acs, k, m)
		return
	}
	for i := range m {
		copy(dst[i*k:(i+1)*k], a[(i0+i)*ars+k0:])
	}
}

// groupRows is the number of rows of the group that begins at row i of m: the groups are as few as
// microRows allows and differ by at most one row, so that none is much slower than the others.
func groupRows(m, i int) int {
	groups := (m + microRows - 1) / microRows
	if large := m % groups; i >= large*(m/groups+1) {
		return m / groups
	}
	return m/groups + 1
}
