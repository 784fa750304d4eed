package kernel

import "unsafe"

// setGemmGeneric fills in the micro-kernels of the generic level.
func (t *table) setGemmGeneric() {
	for rows := 1; rows <= microRows; rows++ {
		t.micro[weightsF32][rows] = microGeneric(rows, func(v float32) float32 { return v })
		t.micro[weightsF16][rows] = microGeneric(rows, f16Value)
		t.micro[weightsBF16][rows] = microGeneric(rows, bf16Value)
	}
	t.edge = t.micro
}

// microGeneric makes the micro-kernel of rows rows, for any number of columns up to a panel's, out
// of the function that reads an element of B.
func microGeneric[T float32 | uint16](rows int, value func(T) float32) microFunc {
	return func(c *float32, ldc int, a *float32, ars, acs int, b *byte, ldb, k, cols int,
		accumulate bool, _, _ int) {
		var sums [microRows][PanelCols]float32
		var line [PanelCols]float32
		as := unsafe.Slice(a, (rows-1)*ars+(k-1)*acs+1)
		bs := unsafe.Slice((*T)(unsafe.Pointer(b)), (k-1)*ldb+cols)
		for p := range k {
			for j, v := range bs[p*ldb : p*ldb+cols] {
				line[j] = value(v)
			}
			for i := range rows {
				f, sum := as[i*ars+p*acs], &sums[i]
				for j := range sum {
					sum[j] += f * line[j]
				}
			}
		}
		for i := range rows {
			row := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(c), i*ldc*4)), cols)
			for j := range row {
				if accumulate {
					row[j] += sums[i][j]
				} else {
					row[j] = sums[i][j]
				}
			}
		}
	}
}
