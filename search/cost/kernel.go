package cost

import (
	"math"

	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Kind is a kind of arithmetic with a rate of its own.
type Kind uint8

// The kinds.
const (
	Free      Kind = iota // views, constants
	MatMul                // products
	Simple                // add, mul, compare …
	Transcend             // exp, tanh, sqrt, division …
	Reduce                // sum, max … of a tile
	Move                  // gather, scatter, conversion of storage types
	numKinds
)

var kindNames = [...]string{"free", "matmul", "simple", "transcendental", "reduce", "move"}

func (k Kind) String() string { return kindNames[k] }

// KindOf is the kind of an operator's arithmetic.
func KindOf(op ugraph.Op) Kind {
	info := op.Info()
	switch info.Class {
	case ugraph.Contraction:
		return MatMul
	case ugraph.Reduction:
		return Reduce
	case ugraph.Selection:
		return Transcend
	case ugraph.Composite:
		return Transcend
	case ugraph.Movement:
		switch op {
		case ugraph.OpTranspose, ugraph.OpReshape, ugraph.OpBroadcast, ugraph.OpSlice, ugraph.OpSplit:
			return Free
		}
		return Move
	case ugraph.Elementwise:
		switch {
		case op == ugraph.OpCast:
			return Free
		case info.Flops >= 4:
			return Transcend
		}
		return Simple
	case ugraph.BlockOnly:
		if op == ugraph.OpAccum {
			return Simple
		}
	}
	return Free
}

// Work is one operator on tiles. Extents are those of full tiles.
type Work struct {
	Kind     Kind
	Phase    ugraph.Phase
	DType    ugraph.DType
	Elements float64 // of the result; of the operand for reductions; not read for products
	Flops    float64 // for one element
	Bytes    float64 // of tiles read and written
	Rows     float64 // contiguous runs that it is called for; 1 where its tiles have no gaps
	Rate     float64 // of Move: elements a second, 10⁹, of MatMul the peak; 0: the target's

	Folded bool // computed by its reader: only the flops count

	// Of products: Batch times M×K by K×N.
	Batch, M, N, K float64
	Packed         bool    // B is a weight
	TransB         bool    // B lies as N×K
	Apart          float64 // elements between rows of B
	Accumulates    bool    // it is added to an accumulator in place
	OpenRows       bool    // for lower bounds: M may still be cut to its best
	OpenColumns    bool    // for lower bounds: N may still be cut, of which a ragged last tile counts in part
}

// Load is what the kernel reads of one tensor.
type Load struct {
	Bytes   float64 // of one block, in all its trips
	Cut     uint64  // bit g: grid dimension g cuts it
	Cached  bool    // the tensor is in the last cache when the kernel starts
	Convert float64 // elements of one block that are converted from their storage type
	DType   ugraph.DType
	Run     float64 // bytes that follow each other; 0: all
}

// Store is what the kernel writes of one tensor.
type Store struct {
	Bytes   float64 // of the tensor
	Again   float64 // times that blocks combine into it: 1 without a reduction over blocks
	Cached  bool
	Convert float64 // elements of the tensor that are rounded to its storage type
	Runs    float64 // in which its tiles are written, each without gaps
	DType   ugraph.DType
}

// Dim is a grid dimension: the number of blocks, and the extent over the tile, which is less where the
// last tile is ragged. Padded is Whole for products that compute the axis in groups of columns: a ragged
// tile is as much as its last group is whole; 0: Whole.
type Dim struct{ Blocks, Whole, Padded float64 }

// Kernel is a kernel as numbers.
type Kernel struct {
	Grid      []Dim // the last runs fastest
	Trips     Dim
	Works     []Work
	Loads     []Load
	Stores    []Store
	TileBytes float64 // live at once in a block

	// Bound makes the estimate a lower bound for all kernels whose grid cuts further, into up to Open
	// times as many blocks, and whose loop has more trips: units are shared perfectly, tiles are in
	// the fastest level, and what blocks read again comes from the second.
	Bound bool
	Open  float64
}

// Estimate is the predicted cost of a kernel, or a sum of such.
type Estimate struct {
	US         float64
	ComputeUS  float64 // arithmetic and tile traffic
	LoadUS     float64
	StoreUS    float64
	OverheadUS float64 // launches and fixed costs of blocks
	Bytes      float64 // moved to and from memory
	LevelBytes []float64
	Flops      float64
	FlopsBy    [numKinds]float64
	Launches   int
	Blocks     float64
	Waves      float64
	Trips      float64
	TileBytes  float64 // the most of any kernel
}

// overlap is the part of the lesser of arithmetic's and loads' time that is not hidden.
const overlap = 0.1

// lineBytes is the length of a cache's line: the rest of one of which less is read is there for who reads it next.
const lineBytes = 64

// allocate is how many bytes are moved to write one: a cache reads the line that it is to change.
const allocate = 2

// Direct is what reading an element of B where it lies costs, as a part of laying it out anew.
const Direct = 0.25

// copyRow is what copying a row of A costs beside its elements, as a part of a row's fixed cost.
const copyRow = 0.5

// Transposed is the rate of a transposition as a part of that of other moves.
const Transposed = 0.5

// dotRows is what a dot product with one row of B costs beside its terms, as a part of a row's fixed cost.
const dotRows = 0.3

// workUS is the time of one operator on full tiles, in microseconds, what of it is fixed, and its flops.
func (k *Kernel) workUS(w *Work, row *target.Row, tileBW float64) (us, fixed, flops float64) {
	if w.Folded {
		return 0, 0, w.Elements * w.Flops
	}
	fixed = row.OpUS
	switch w.Kind {
	case Free:
		return 0, 0, 0
	case MatMul:
		flops = 2 * w.Batch * w.M * w.N * w.K
		us = productUS(w, row)
		if w.Accumulates { // what is added to is read and written after each term's turn
			us += 2 * 4 * w.Batch * w.M * w.N / tileBW * 1e-3
		}
		fixed *= 1 + w.Batch
		us += k.operandsUS(w, row)
	case Simple:
		flops = w.Elements * w.Flops
		us = flops / row.Simple * 1e-3
	case Transcend:
		flops = w.Elements * w.Flops
		us = flops / row.Transcend * 1e-3
	case Reduce:
		flops = w.Elements * w.Flops
		us = w.Elements / row.Reduce * 1e-3
	case Move:
		flops = w.Elements * w.Flops
		rate := w.Rate
		if rate == 0 {
			rate = row.Move
		}
		us = w.Elements / rate * 1e-3
	}
	return max(us, w.Bytes/tileBW*1e-3) + fixed + w.Rows*row.RowUS, fixed, flops
}

// productUS is the arithmetic of a product with both operands at hand.
func productUS(w *Work, row *target.Row) float64 {
	cols, eff := w.N, 1.0
	if !w.OpenRows {
		eff = row.Efficiency(int64(w.M))
	}
	if g := float64(row.ColumnGroup); !w.OpenColumns {
		cols = math.Ceil(w.N/g) * g
	}
	peak := w.Rate
	if peak == 0 {
		peak = row.MatMulRate(w.DType)
	}
	rate := peak * eff
	if w.Packed {
		rate = min(rate*row.PackedGain, peak)
	}
	return 2 * w.Batch * w.M * cols * (w.K + row.DepthOverhead) / rate * 1e-3
}

// operandsUS is what a product spends on bringing its operands into the order in which it reads them. Of a
// lower bound it is the least over all ways to cut its axes further.
func (k *Kernel) operandsUS(w *Work, row *target.Row) float64 {
	if row.Pack <= 0 {
		return 0
	}
	us := 0.0
	if !w.OpenRows && w.M > row.CloseRows { // A is copied
		times := 1.0
		if !w.OpenColumns {
			times = math.Ceil(w.N / row.CopyColumns)
		}
		us += w.Batch * w.M * times * (w.K/row.Move*1e-3 + copyRow*row.RowUS)
	}
	if w.Packed {
		return us
	}
	each := w.Batch * w.K / row.Pack * 1e-3 // a column of B
	group := float64(len(row.RowEfficiency))
	near := w.Apart <= row.CloseColumns
	switch {
	case w.OpenRows, !w.TransB && near && (w.M <= group || w.M <= row.CloseRows && (k.Bound || 2*w.N >= w.Apart)):
		return us + each*w.N*Direct
	case w.TransB && w.M <= 1:
		return us + each*w.N*Direct + w.Batch*w.M*w.N*dotRows*row.RowUS
	case !w.TransB && w.M <= group:
		return us + each*w.N*row.Pack/row.Strided
	case w.OpenColumns:
		return us + each*w.N
	}
	g := float64(row.ColumnGroup)
	return us + each*math.Ceil(w.N/g)*g
}

// US is the predicted time alone, in microseconds: what the scheduler compares.
func (k *Kernel) US(row *target.Row) float64 {
	var e Estimate
	k.estimate(row, &e, nil)
	return e.US
}

// Estimate prices the kernel.
func (k *Kernel) Estimate(row *target.Row) Estimate {
	e := Estimate{LevelBytes: make([]float64, len(row.Levels))}
	k.estimate(row, &e, e.LevelBytes)
	return e
}

func (k *Kernel) estimate(row *target.Row, e *Estimate, levels []float64) {
	blocks, whole, padded := 1.0, 1.0, 1.0
	for _, d := range k.Grid {
		blocks *= d.Blocks
		whole *= d.Whole
		padded *= d.padded()
	}
	units := float64(row.Units)
	used := min(units, blocks)
	// share is the number of full block times that the busiest unit works.
	share := padded / units
	switch {
	case k.Bound:
		used = min(units, blocks*max(k.Open, 1))
		share = padded / used
	case units > 1:
		share = max(share, math.Ceil(blocks/units))
	default:
		share = padded
	}

	tileLevel := 0
	if !k.Bound {
		tileLevel = row.LevelFor(int64(k.TileBytes), int(used))
	}
	tileBW := row.Bandwidth(tileLevel, int(used))
	var us, flops float64
	for i := range k.Works {
		w := &k.Works[i]
		t, fixed, f := k.workUS(w, row, tileBW)
		n := 1.0
		if w.Phase == ugraph.InLoop {
			// Fixed costs are per trip; the rest shrinks with a ragged last trip.
			n = k.Trips.Whole
			us += fixed * (k.Trips.Blocks - n)
			us += (t - fixed) * (k.Trips.padded() - n)
		}
		us += t * n
		f *= n * whole
		flops += f
		e.FlopsBy[w.Kind] += f
		if levels != nil && tileLevel < len(levels) {
			levels[tileLevel] += w.Bytes * n * whole
		}
	}
	for i := range k.Loads {
		if l := &k.Loads[i]; l.Convert > 0 {
			us += l.Convert / row.CastRate(l.DType).Widen * 1e-3
		}
	}
	for i := range k.Stores {
		s := &k.Stores[i]
		us += s.Runs / whole * row.RowUS
		if s.Convert > 0 {
			us += s.Convert / whole / row.CastRate(s.DType).Round * 1e-3
		}
	}
	compute := us * share

	loads, stores, dram := k.traffic(row, used, whole, share, levels)

	overhead := row.LaunchUS + row.BlockUS*share
	e.ComputeUS, e.LoadUS, e.StoreUS, e.OverheadUS = compute, loads, stores, overhead
	e.US = overhead + max(compute, loads) + overlap*min(compute, loads) + stores
	e.Bytes, e.Flops = dram, flops
	e.Launches, e.Blocks, e.Trips, e.TileBytes = 1, blocks, k.Trips.Blocks, k.TileBytes
	e.Waves = math.Ceil(blocks / units)
}

// traffic returns the times of loads and of stores in microseconds, and the bytes moved to and from memory.
func (k *Kernel) traffic(row *target.Row, used, whole, share float64, levels []float64) (loads, stores, dram float64) {
	last := len(row.Levels) - 1
	var cold, coldAgain, warm, near float64 // bytes from memory, read again from it, from the last cache, from those nearer
	// touched[i] is what blocks of the inner dimensions read of load i; one block at first.
	var buf [16]float64
	touched := buf[:0]
	var all float64
	for i := range k.Loads {
		touched = append(touched, k.Loads[i].Bytes)
		all += k.Loads[i].Bytes
	}
	for g := len(k.Grid) - 1; g >= 0; g-- {
		d := k.Grid[g]
		between := all
		all = 0
		for i := range k.Loads {
			if k.Loads[i].Cut>>g&1 == 1 {
				touched[i] *= d.Whole
				all += touched[i]
				continue
			}
			all += touched[i]
			again := touched[i] * (d.Blocks - 1)
			for o := g - 1; o >= 0; o-- { // outer dimensions repeat all of this
				if k.Loads[i].Cut>>o&1 == 1 {
					again *= k.Grid[o].Whole
				} else {
					again *= k.Grid[o].Blocks
				}
			}
			if again <= 0 {
				continue
			}
			level := 1
			if !k.Bound {
				level = max(1, row.LevelFor(int64(between), int(used)))
			}
			switch {
			case level > last:
				coldAgain += again
			case level == last:
				warm += again
			default:
				near += again
			}
			if levels != nil && level <= last {
				levels[level] += again
			}
		}
	}
	dram = coldAgain
	cold = coldAgain
	for i := range k.Loads {
		dram += touched[i]
		switch l := &k.Loads[i]; {
		case l.Cached:
			warm += touched[i]
		case l.Run > 0:
			cold += touched[i] * (1 + row.Gap/max(l.Run, lineBytes))
		default:
			cold += touched[i]
		}
	}
	var out, outWarm float64
	for i := range k.Stores {
		s := &k.Stores[i]
		dram += s.Bytes
		if s.Cached {
			outWarm += allocate * s.Bytes * s.Again
		} else {
			out += allocate * s.Bytes
			outWarm += allocate * s.Bytes * (s.Again - 1)
		}
	}
	imbalance := share / whole // of a unit's part in the bytes
	us := func(cold, warm, near float64) float64 {
		return (max(cold/row.DRAM, cold*imbalance/row.DRAMUnit) + (warm/row.Levels[last].GBps+near/row.Levels[1].GBps)*imbalance) * 1e-3
	}
	return us(cold, warm, near), us(out, outWarm, 0), dram
}

func (d Dim) padded() float64 { return max(d.Whole, d.Padded) }

// add sums estimates of kernels that run one after the other.
func (e *Estimate) add(o Estimate) {
	e.US += o.US
	e.ComputeUS += o.ComputeUS
	e.LoadUS += o.LoadUS
	e.StoreUS += o.StoreUS
	e.OverheadUS += o.OverheadUS
	e.Bytes += o.Bytes
	e.Flops += o.Flops
	for i := range e.FlopsBy {
		e.FlopsBy[i] += o.FlopsBy[i]
	}
	for len(e.LevelBytes) < len(o.LevelBytes) {
		e.LevelBytes = append(e.LevelBytes, 0)
	}
	for i, b := range o.LevelBytes {
		e.LevelBytes[i] += b
	}
	e.Launches += o.Launches
	e.Blocks += o.Blocks
	e.Waves += o.Waves
	e.Trips = max(e.Trips, o.Trips)
	e.TileBytes = max(e.TileBytes, o.TileBytes)
}

// Sum is the cost of kernels that run one after the other.
func Sum(es ...Estimate) Estimate {
	var s Estimate
	for _, e := range es {
		s.add(e)
	}
	return s
}
