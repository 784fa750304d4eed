package kernel

// Unary sets dst[i] = op(x[i]) for every i of x; dst may be x, but must not overlap it otherwise.
// dst is at least as long as x.
func Unary(op UnaryOp, dst, x []float32) {
	if len(x) == 0 {
		return
	}
	active.unary[op](dst[:len(x)], x)
}

// Binary sets dst[i] = op(a[i], b[i]) for every i of a; dst may be a or b. b and dst are at least
// as long as a.
func Binary(op BinaryOp, dst, a, b []float32) {
	if len(a) == 0 {
		return
	}
	active.binary[op](dst[:len(a)], a, b[:len(a)])
}

// BinaryScalar sets dst[i] = op(a[i], s) for every i of a; dst may be a.
func BinaryScalar(op BinaryOp, dst, a []float32, s float32) {
	if len(a) == 0 {
		return
	}
	active.vectorScalar[op](dst[:len(a)], a, s)
}

// ScalarBinary sets dst[i] = op(s, b[i]) for every i of b; dst may be b.
func ScalarBinary(op BinaryOp, dst []float32, s float32, b []float32) {
	switch op {
	case Sub, Div:
		if len(b) > 0 {
			active.scalarVector[op](dst[:len(b)], b, s)
		}
	default: // the others commute
		BinaryScalar(op, dst, b, s)
	}
}

// MulAdd sets dst[i] = a·x[i] + b for every i of x; dst may be x. The avx2 level rounds once, the
// generic level rounds the product to float64 first.
func MulAdd(dst, x []float32, a, b float32) {
	if len(x) == 0 {
		return
	}
	active.mulAdd(dst[:len(x)], x, a, b)
}

// Axpy sets dst[i] = a·x[i] + y[i] for every i of x; dst may be x or y. Rounded as MulAdd is.
func Axpy(dst, x, y []float32, a float32) {
	if len(x) == 0 {
		return
	}
	active.axpy(dst[:len(x)], x, y[:len(x)], a)
}

// FusedMulAdd sets dst[i] = a[i]·b[i] + c[i] for every i of a; dst may be any of them. Rounded as
// MulAdd is.
func FusedMulAdd(dst, a, b, c []float32) {
	if len(a) == 0 {
		return
	}
	active.fusedMulAdd(dst[:len(a)], a, b[:len(a)], c[:len(a)])
}

// Scale sets dst[i] = s·x[i] for every i of x; dst may be x.
func Scale(dst, x []float32, s float32) { BinaryScalar(Mul, dst, x, s) }

// ExpSum sets dst[i] = exp(x[i] − c) for every i of x and returns the sum of what it stored: the
// inner step of softmax, with c the row's maximum. dst may be x. The error of exp is that of Unary,
// of the rounded difference. exp(−∞) is 0; with c = −∞ and x[i] = −∞ the result is NaN.
func ExpSum(dst, x []float32, c float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return active.expSum(dst[:len(x)], x, c)
}

// Fill sets every element of dst to v.
func Fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}
