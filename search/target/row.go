package target

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// Kind is the family of a target: which executor or code generator serves it.
type Kind uint8

// The families.
const (
	CPU Kind = iota + 1
	CUDA
)

// Level is a level of cache or on-chip memory.
type Level struct {
	Name   string
	Bytes  int64   // of one unit; of the whole chip where Shared
	Shared bool    // by all units
	GBps   float64 // read bandwidth of one unit, 10⁹ bytes a second
}

// Cast is how many elements a second of a storage type are widened where they are loaded, and rounded to it.
type Cast struct{ Widen, Round float64 }

// Row describes a target. Rates are those of one unit (a core, a streaming multiprocessor), in 10⁹ a
// second, unless a field says otherwise.
type Row struct {
	Name      string
	Kind      Kind
	Doc       string
	Available bool   // whether kernels for it can be made
	Message   string // why not, and when

	Calibration string // what tells measured coefficients from others; "": those of the table

	Units int // cores, or streaming multiprocessors

	// MatMul is the peak rate of multiply-add operations (2 a term) by element type of the operands;
	// types that are not listed run at F32's.
	MatMul map[ugraph.DType]float64
	// Mixed is the rate of products of an f32 operand and one that was only widened from f16 or bf16; 0: F32's.
	Mixed float64
	// RowEfficiency[i] is the share of the peak that a product with i+1 rows of A reaches with operands
	// in cache; more rows are cut into groups of len(RowEfficiency).
	RowEfficiency []float64
	ColumnGroup   int64   // columns are computed in groups of so many; a partial group costs a whole one
	DepthOverhead float64 // terms of depth that starting and finishing a group of columns is worth
	PackedGain    float64 // by how much reading B from packed panels is faster than from a tensor

	// Pack is how many elements of B a product lays out anew a second, where B is no weight; 0: it never
	// does. It reads B where it lies for a single row of A, for up to CloseRows rows where the rows of B are at
	// most CloseColumns elements apart, and for one group of rows (len(RowEfficiency)) where they are further apart: then
	// Strided elements a second. B that lies as N×K is laid out anew for two rows and more. More than CloseRows rows of A are
	// copied, once for each CopyColumns columns.
	Pack         float64
	Strided      float64
	CloseRows    float64
	CloseColumns float64
	CopyColumns  float64

	Simple    float64 // elements of add, mul, compare … a second
	Transcend float64 // operations of exp, tanh, sqrt, division … as counted by the operator table
	Reduce    float64 // elements of sum, max … along contiguous rows
	Move      float64 // elements transposed, gathered or converted
	// Casts are the rates of conversion by storage type, in elements; types that are not listed convert at Move.
	Casts map[ugraph.DType]Cast

	Levels   []Level // from the fastest to the largest
	DRAM     float64 // bandwidth of all units together, 10⁹ bytes a second
	DRAMUnit float64 // bandwidth that one unit can draw
	Gap      float64 // reading begins anew after each run of bytes that follow each other: as if so many more were read

	LaunchUS   float64 // start and join of a kernel, microseconds
	BlockUS    float64 // fixed cost of a block
	OpUS       float64 // fixed cost of an operator on a tile
	RowUS      float64 // fixed cost of a row of a tile of an operator that works row by row
	TileBudget int64   // bytes of tiles and accumulators that a block may hold
}

// MatMulRate is the peak rate of products of that element type. Numbers of eight bits without a rate of their own
// are multiplied as f16, in which they are exact.
func (r *Row) MatMulRate(t ugraph.DType) float64 {
	if v, ok := r.MatMul[t]; ok {
		return v
	}
	if v, ok := r.MatMul[ugraph.F16]; ok && t == ugraph.F8E4M3 {
		return v
	}
	return r.MatMul[ugraph.F32]
}

// Efficiency is the share of the peak that a product with m rows of A reaches. The rows are cut into as few
// groups as can be, which differ by at most one row.
func (r *Row) Efficiency(m int64) float64 {
	if m <= 0 {
		return r.RowEfficiency[0]
	}
	g := int64(len(r.RowEfficiency))
	groups := (m + g - 1) / g
	few, more := m/groups, m%groups // more groups have one row more
	time := float64((groups-more)*few) / r.RowEfficiency[few-1]
	if more > 0 {
		time += float64(more*(few+1)) / r.RowEfficiency[few]
	}
	return float64(m) / time
}

// ProductRate is the peak rate of products of operands that are stored in those types and computed with in a third: a
// product of narrow numbers with sums in f32 has the same value as that of the widened ones.
func (r *Row) ProductRate(a, b, computed ugraph.DType) float64 {
	narrow := func(t ugraph.DType) bool { return t == ugraph.F16 || t == ugraph.BF16 }
	switch {
	case a == b:
		return r.MatMulRate(a)
	case r.Mixed > 0 && (narrow(a) && b == ugraph.F32 || narrow(b) && a == ugraph.F32):
		return r.Mixed
	}
	return r.MatMulRate(computed)
}

// CastRate is how many elements of a storage type are widened and rounded a second.
func (r *Row) CastRate(t ugraph.DType) Cast {
	if c, ok := r.Casts[t]; ok {
		return c
	}
	return Cast{r.Move, r.Move}
}

// LevelFor is the index of the fastest level that holds that many bytes of one unit; len(r.Levels)
// means memory.
func (r *Row) LevelFor(bytes int64, units int) int {
	for i, l := range r.Levels {
		have := l.Bytes
		if l.Shared {
			have /= int64(max(units, 1))
		}
		if bytes <= have {
			return i
		}
	}
	return len(r.Levels)
}

// Bandwidth is the read bandwidth of one unit from a level, of which len(r.Levels) is memory, while
// that many units draw from it.
func (r *Row) Bandwidth(level, units int) float64 {
	if level < len(r.Levels) {
		return r.Levels[level].GBps
	}
	return min(r.DRAMUnit, r.DRAM/float64(max(units, 1)))
}

// LastLevel is the size of the largest cache.
func (r *Row) LastLevel() int64 {
	if len(r.Levels) == 0 {
		return 0
	}
	return r.Levels[len(r.Levels)-1].Bytes
}

// WithUnits is the row with another number of units in use, at least 1: the threads of the kernels.
func (r Row) WithUnits(n int) Row {
	r.Units = max(n, 1)
	return r
}

// Check reports fields without which costs are not numbers.
func (r *Row) Check() error {
	var bad []string
	need := func(name string, v float64) {
		if !(v > 0) {
			bad = append(bad, name)
		}
	}
	need("Units", float64(r.Units))
	need("MatMul[f32]", r.MatMul[ugraph.F32])
	need("RowEfficiency", float64(len(r.RowEfficiency)))
	for _, e := range r.RowEfficiency {
		need("RowEfficiency", e)
	}
	need("ColumnGroup", float64(r.ColumnGroup))
	need("PackedGain", r.PackedGain)
	need("Simple", r.Simple)
	need("Transcend", r.Transcend)
	need("Reduce", r.Reduce)
	need("Move", r.Move)
	if r.Pack > 0 {
		need("Strided", r.Strided)
		need("CopyColumns", r.CopyColumns)
	}
	need("Levels beyond the first", float64(len(r.Levels)-1))
	for _, l := range r.Levels {
		need(l.Name, l.GBps*float64(l.Bytes))
	}
	need("DRAM", r.DRAM)
	need("DRAMUnit", r.DRAMUnit)
	need("TileBudget", float64(r.TileBudget))
	if len(bad) > 0 {
		return fmt.Errorf("target %s: %s must be positive", r.Name, strings.Join(bad, ", "))
	}
	return nil
}
