package cpu

import (
	"unsafe"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/runtime/memory"
	"github.com/morgana-ml/morgana/ugraph"
)

// packing says how a const operand of matrix products is packed: as a grid of tiles, each in panels
// (kernel.PackB), in the order in which blocks and trips read them: columns outside, rows inside.
type packing struct {
	arg        int // kernel argument
	trans      bool
	dtype      ugraph.DType
	rows, cols int // of one matrix: contracted extent and result columns
	count      int // matrices: product of the leading axes
	rowTile    int
	colTile    int
	rowAxis    int // axes of the operand, and the position of their cuts in valueInfo.cuts (-1: whole)
	colAxis    int
	rowCut     int
	colCut     int
	lead       [maxRank]int // cut of each leading axis, -1: whole
	rank       int
	dims       [maxRank]int
}

// packedFor returns how the tile v is packed if it is a load of a const argument whose every use is
// the right operand of a matrix product with the same transposition; nil otherwise.
//
// The operand may be converted to f32 on the way: the kernels read f16 and bf16 themselves.
func (b *block) packedFor(v int, trans bool) *packing {
	n := b.definition(v)
	if n != nil && n.op == ugraph.OpCast && b.values[v].dtype == ugraph.F32 {
		v = n.args[0]
		n = b.definition(v)
	}
	if n == nil || n.op != ugraph.OpLoad || b.values[v].kind != inF32 {
		return nil
	}
	arg := -1
	for i, in := range b.flat.inputs {
		if in == n.args[0] {
			arg = i
		}
	}
	if arg < 0 || !b.constArg[arg] {
		return nil
	}
	info := &b.values[v]
	if info.rank < 2 || info.dtype != ugraph.F32 && info.dtype != ugraph.F16 && info.dtype != ugraph.BF16 {
		return nil
	}
	p := &packing{arg: arg, trans: trans, dtype: info.dtype, rank: info.rank, rowAxis: info.rank - 2, colAxis: info.rank - 1, rowCut: -1, colCut: -1, count: 1}
	if trans {
		p.rowAxis, p.colAxis = p.colAxis, p.rowAxis
	}
	full := b.argDims[arg]
	p.dims = full
	p.rows, p.cols = full[p.rowAxis], full[p.colAxis]
	p.rowTile, p.colTile = p.rows, p.cols
	for a := range p.lead {
		p.lead[a] = -1
	}
	for a := 0; a < info.rank-2; a++ {
		p.count *= full[a]
	}
	for i := range info.cuts {
		c := &info.cuts[i]
		tile := c.gridTile
		if c.loop {
			if c.grid >= 0 && c.gridTile%c.loopTile != 0 {
				return nil
			}
			tile = c.loopTile
		}
		switch c.axis {
		case p.rowAxis:
			p.rowCut, p.rowTile = i, tile
		case p.colAxis:
			p.colCut, p.colTile = i, tile
		default:
			p.lead[c.axis] = i
		}
	}
	for _, q := range b.packings {
		if *q == *p {
			return q
		}
	}
	b.packings = append(b.packings, p)
	return p
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// size is the number of elements of the packed operand.
func (p *packing) size() int { return p.matrix() * p.count }

// matrix is the number of elements of one packed matrix.
func (p *packing) matrix() int {
	tile := max(p.colTile, 1)
	full, rest := p.cols/tile, p.cols%tile
	return (full*roundUp(p.colTile, kernel.PanelCols) + roundUp(rest, kernel.PanelCols)) * p.rows
}

// offset is where the tile of matrix m that begins at (row, col) begins.
func (p *packing) offset(m, row, col int) int {
	full := roundUp(p.colTile, kernel.PanelCols) * p.rows
	width := roundUp(min(p.colTile, p.cols-col), kernel.PanelCols)
	return m*p.matrix() + col/p.colTile*full + row*width
}

// pack packs the operand into new memory.
func (p *packing) pack(src unsafe.Pointer) (*memory.Buffer, error) {
	buf, err := memory.Alloc(p.size() * int(p.dtype.Size()))
	if err != nil {
		return nil, err
	}
	ld := p.cols
	if p.trans {
		ld = p.rows
	}
	per := p.rows * p.cols
	for m := 0; m < p.count; m++ {
		for c := 0; c < p.cols; c += p.colTile {
			for r := 0; r < p.rows; r += p.rowTile {
				k, n := min(p.rowTile, p.rows-r), min(p.colTile, p.cols-c)
				at, from := p.offset(m, r, c), m*per+r*ld+c
				if p.trans {
					from = m*per + c*ld + r
				}
				length := kernel.PackedLen(k, n)
				if p.dtype == ugraph.F32 {
					kernel.PackB(buf.Float32s()[at:at+length], unsafe.Slice((*float32)(src), per*p.count)[from:], k, n, ld, p.trans)
				} else {
					kernel.PackB16(buf.Uint16s()[at:at+length], unsafe.Slice((*uint16)(src), per*p.count)[from:], k, n, ld, p.trans)
				}
			}
		}
	}
	return buf, nil
}

// packedMatMul is matMul with the right operand packed; y is the value of its tile.
func (w *worker) packedMatMul(d, a *tile, p *packing, buf *memory.Buffer, ta, add bool, y int) {
	yt := w.shape(y)
	if d.elements() == 0 {
		return
	}
	ma := matrixOf(a, ta)
	n := yt.dims[p.colAxis]
	if ma.cols == 0 {
		if !add {
			clear(d.f[:d.elements()])
		}
		return
	}
	info := &w.blk.values[y]
	start := func(cut int) int {
		if cut < 0 {
			return 0
		}
		return info.cuts[cut].start(w.coord, w.trip)
	}
	row, col := start(p.rowCut), start(p.colCut)
	// The matrix index of the tile's first matrix, and the step of each leading axis.
	base, stride := 0, 1
	var lead batches
	b := tile{rank: p.rank}
	for a := p.rank - 3; a >= 0; a-- {
		base += start(p.lead[a]) * stride
		b.dims[a], b.str[a] = yt.dims[a], stride
		stride *= p.dims[a]
	}
	lead.start(d, a, &b)
	if ma.rows == 1 && lead.rank > 0 {
		ma.row = lead.a[lead.rank-1]
	}
	lead.foldRows(&ma)
	size := ma.rows * n
	oa, m := 0, 0
	s := scratch(&w.gemm, kernel.GemmScratch(ma.rows, n, ma.cols))
	for at, ok := 0, true; ok; at += size {
		x, lda := a.f[oa:], ma.row
		if ma.rows == 1 {
			lda = ma.cols
		}
		if ma.col != 1 && ma.cols > 1 {
			x, lda = gather(&w.gathA, x, ma), ma.cols
		}
		off := p.offset(base+m, row, col)
		c := d.f[at : at+size]
		switch p.dtype {
		case ugraph.F32:
			kernel.GemmPacked(c, n, x, lda, buf.Float32s()[off:off+kernel.PackedLen(ma.cols, n)], ma.rows, n, ma.cols, add, s)
		case ugraph.F16:
			kernel.GemmPackedF16(c, n, x, lda, buf.Uint16s()[off:off+kernel.PackedLen(ma.cols, n)], ma.rows, n, ma.cols, add, s)
		default:
			kernel.GemmPackedBF16(c, n, x, lda, buf.Uint16s()[off:off+kernel.PackedLen(ma.cols, n)], ma.rows, n, ma.cols, add, s)
		}
		oa, m, ok = lead.next(oa, m)
	}
}
