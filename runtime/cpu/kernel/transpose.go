package kernel

// Transpose copies the transpose of the rows×cols tile src, whose rows are lds apart, to the
// cols×rows tile dst, whose rows are ldd apart: dst[j·ldd+i] = src[i·lds+j]. The tiles must not
// overlap.
func Transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	_ = dst[(cols-1)*ldd+rows-1]
	_ = src[(rows-1)*lds+cols-1]
	r8, c8 := 0, 0
	if active.transpose8 != nil {
		r8, c8 = rows&^7, cols&^7
		for i := 0; i < r8 && c8 > 0; i += 8 {
			active.transpose8(&dst[i], ldd, &src[i*lds], lds, c8)
		}
	}
	transposeScalar(dst, ldd, src, lds, 0, r8, c8, cols)
	transposeScalar(dst, ldd, src, lds, r8, rows, 0, cols)
}

// transposeScalar copies rows r0 … r1−1 and columns c0 … c1−1 element by element.
func transposeScalar[T any](dst []T, ldd int, src []T, lds, r0, r1, c0, c1 int) {
	for i := r0; i < r1; i++ {
		for j := c0; j < c1; j++ {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}
