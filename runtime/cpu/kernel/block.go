package kernel

import "unsafe"

// packTransM is the number of rows of A from which packing a transposed B pays.
const packTransM = 2

// product is a matrix product whose B is still to be given: C[m×n] (+)= A·B with element (i,p) of A
// at a[i·ars+p·acs].
type product struct {
	c          []float32
	ldc        int
	a          []float32
	ars, acs   int
	m, n, k    int
	accumulate bool

	// B in one of three forms: rows ldb elements apart, packed, or packed with 16 bits an element.
	b        []float32
	ldb      int
	transB   bool
	packed   []float32
	packed16 []uint16
	widen    func(dst []float32, src []uint16)
}

// newProduct checks the sizes of C and A; it settles products without elements or terms and then
// returns false.
func newProduct(c []float32, ldc int, a []float32, lda int, transA bool, m, n, k int, accumulate bool) (product, bool) {
	if m <= 0 || n <= 0 {
		return product{}, false
	}
	_ = c[(m-1)*ldc+n-1]
	if k <= 0 {
		if !accumulate {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		}
		return product{}, false
	}
	p := product{c: c, ldc: ldc, a: a, ars: lda, acs: 1, m: m, n: n, k: k, accumulate: accumulate}
	if transA {
		p.ars, p.acs = 1, lda
	}
	_ = a[(m-1)*p.ars+(k-1)*p.acs]
	return p, true
}

// direct computes the product reading A and B where they lie: panel j/16 of B begins panelStride
// elements after the one before, rows within it are ldb apart. Each panel is read once from memory:
// while several groups of rows of A pass over directK rows of it, the next ones are prefetched; one
// group alone, a little before it needs them.
func (p *product) direct(weights int, b unsafe.Pointer, panelStride, ldb int) {
	size := weightSize[weights]
	groups := (p.m + microRows - 1) / microRows
	lineStep := 0
	if ldb == PanelCols {
		lineStep = int(PanelCols*size) / groups
	}
	for j := 0; j < p.n; j += PanelCols {
		cols := min(PanelCols, p.n-j)
		panel := unsafe.Add(b, uintptr(j/PanelCols*panelStride)*size)
		for k0 := 0; k0 < p.k; k0 += directK {
			kb := min(directK, p.k-k0)
			block := unsafe.Add(panel, uintptr(k0*ldb)*size)
			ahead := 0
			switch {
			case ldb != PanelCols:
			case groups == 1:
				ahead = nearAhead(p.m, weights)
			default:
				ahead = kb * PanelCols * int(size)
			}
			for i, rows := 0, 0; i < p.m; i += rows {
				rows = groupRows(p.m, i)
				active.tile(weights, &p.c[i*p.ldc+j], p.ldc, &p.a[i*p.ars+k0*p.acs], p.ars, p.acs,
					block, ldb, kb, rows, cols, p.accumulate || k0 > 0, ahead, lineStep)
				ahead += kb * lineStep
			}
		}
	}
}

// nearAhead is how many bytes before their use one group of rows prefetches packed weights. The fewer
// the rows the more the processor's own prefetching is enough, which a far distance disturbs.
func nearAhead(rows, weights int) int {
	switch {
	case weights != weightsF32 && rows > 2:
		return directK * PanelCols * int(weightSize[weights])
	case weights != weightsF32 || rows > 4:
		return 2048
	case rows > 2:
		return 1024
	}
	return 512
}

// tile computes rows×cols of C, cols at most one panel.
func (t *table) tile(weights int, c *float32, ldc int, a *float32, ars, acs int, b unsafe.Pointer, ldb, k, rows, cols int,
	accumulate bool, ahead, pfStep int) {
	if cols == PanelCols {
		t.micro[weights][rows](c, ldc, a, ars, acs, (*byte)(b), ldb, k, cols, accumulate, ahead, pfStep)
		return
	}
	const half = PanelCols / 2
	t.edge[weights][rows](c, ldc, a, ars, acs, (*byte)(b), ldb, k, min(cols, half), accumulate, ahead, pfStep)
	if cols > half {
		c = (*float32)(unsafe.Add(unsafe.Pointer(c), half*4))
		b = unsafe.Add(b, half*weightSize[weights])
		t.edge[weights][rows](c, ldc, a, ars, acs, (*byte)(b), ldb, k, cols-half, accumulate, 0, 0)
	}
}

// closeRows computes a product of few rows whose B is read where it lies, a block of terms at a time:
// between the row groups, the next block is prefetched.
func (p *product) closeRows() {
	const size = 4
	terms := max(blockB/p.ldb&^7, 16)
	groups := (p.m + microRows - 1) / microRows * ((p.n + PanelCols - 1) / PanelCols)
	for k0 := 0; k0 < p.k; k0 += terms {
		kb := min(terms, p.k-k0)
		ahead := stream{stride: lineSize}
		ahead.at = uintptr(unsafe.Pointer(&p.b[0])) + uintptr((k0+kb)*p.ldb*size)
		ahead.lines = kb*p.ldb*size/lineSize/groups + 1
		for j := 0; j < p.n; j += PanelCols {
			b := unsafe.Add(unsafe.Pointer(&p.b[0]), (k0*p.ldb+j)*size)
			p.column(nil, b, p.ldb, 0, p.m, j, min(PanelCols, p.n-j), k0, kb, &ahead)
		}
	}
}

// stream is memory that will be read soon: lines of it are prefetched at a time.
type stream struct {
	at     uintptr
	stride int
	lines  int
}

func (s *stream) prefetch() {
	if s.lines > 0 {
		active.prefetch(s.at, s.stride, s.lines)
		s.at += uintptr(s.lines * s.stride)
	}
}

// pack writes rows k0 … k0+k−1 of columns j … j+cols−1 of B as panels to dst.
func (p *product) pack(dst []float32, k0, k, j, cols int) {
	switch {
	case p.packed16 != nil:
		for c := 0; c < cols; c += PanelCols {
			p.widen(dst[c*k:(c+PanelCols)*k], p.packed16[(j+c)*p.k+k0*PanelCols:][:k*PanelCols])
		}
	case p.transB:
		packTransposed(dst, p.b[j*p.ldb+k0:], k, cols, p.ldb)
	default:
		packPanels(dst, p.b[k0*p.ldb+j:], k, cols, p.ldb)
	}
}

// blocked computes the product by blocks that stay in the caches. While the first rows of A pass over
// a panel, what will be packed after it is prefetched from where it lies.
func (p *product) blocked(scratch []float32) {
	packedA, packedB := scratch[:scratchA(p.m, p.k)], scratch[scratchA(p.m, p.k):]
	for j0 := 0; j0 < p.n; j0 += blockN {
		nb := min(blockN, p.n-j0)
		for k0 := 0; k0 < p.k; k0 += blockK {
			kb := min(blockK, p.k-k0)
			for i0 := 0; i0 < p.m; i0 += blockM {
				mb := min(blockM, p.m-i0)
				if len(packedA) > 0 {
					packA(packedA, p.a, p.ars, p.acs, i0, mb, k0, kb)
				}
				for j := 0; j < nb; j += groupCols {
					cols := min(groupCols, nb-j)
					at := j * kb
					if p.m <= blockM { // used once: the same place each time, which stays in the nearest caches
						at = 0
					}
					if p.packed == nil && i0 == 0 {
						p.pack(packedB[at:], k0, kb, j0+j, cols)
					}
					for c := 0; c < cols; c += PanelCols {
						var b unsafe.Pointer
						if p.packed != nil {
							b = unsafe.Pointer(&p.packed[(j0+j+c)*p.k+k0*PanelCols])
						} else {
							b = unsafe.Pointer(&packedB[at+c*kb])
						}
						ahead := stream{stride: 4 * p.ldb}
						if p.b != nil && !p.transB && i0 == 0 {
							ahead.at = uintptr(unsafe.Pointer(&p.b[0])) + uintptr(k0*p.ldb+j0+j+c+groupCols)*4
							ahead.lines = kb/((mb+microRows-1)/microRows) + 1
						}
						p.column(packedA, b, PanelCols, i0, mb, j0+j+c, min(PanelCols, cols-c), k0, kb, &ahead)
					}
				}
			}
		}
	}
}

// column computes one panel's columns of mb rows of C for one block of terms. Before each group of
// rows it prefetches from ahead, and their C, where it is needed long after.
func (p *product) column(packedA []float32, b unsafe.Pointer, ldb, i0, mb, j, cols, k0, kb int, ahead *stream) {
	accumulate := p.accumulate || k0 > 0
	for i, rows := 0, 0; i < mb; i += rows {
		rows = groupRows(mb, i)
		a, ars, acs := &p.a[(i0+i)*p.ars+k0*p.acs], p.ars, p.acs
		if len(packedA) > 0 {
			a, ars, acs = &packedA[i*kb], kb, 1
		}
		ahead.prefetch()
		if kb >= longK {
			active.prefetch(uintptr(unsafe.Pointer(&p.c[(i0+i)*p.ldc+j])), p.ldc*4, rows)
		}
		active.tile(weightsF32, &p.c[(i0+i)*p.ldc+j], p.ldc, a, ars, acs, b, ldb, kb, rows, cols, accumulate, 0, 0)
	}
}

// dotRows computes the product of few rows with a transposed B, whose rows are ldb apart, as dot
// products: packing B would cost more than the product.
func (p *product) dotRows(b []float32, ldb int) {
	for i := range p.m {
		a, c := p.a[i*p.ars:i*p.ars+p.k], p.c[i*p.ldc:i*p.ldc+p.n]
		for j := range c {
			d := Dot(a, b[j*ldb:])
			if p.accumulate {
				d += c[j]
			}
			c[j] = d
		}
	}
}
