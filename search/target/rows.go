package target

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

const cudaLater = "CUDA kernels come in a later version; this target is known to the cost model only"

// rows is the table of named targets, in the order in which they are listed.
//
// CPU rows stand for two cores of a server of 2021 (Zen 3, 3.2 GHz under AVX2 load: 2 FMA of 8 floats
// a cycle). Rates of cpu:avx2 are what the benchmarks of runtime/cpu/kernel measured there: 104 GFLOP/s
// peak, 27, 52, 84 and 91 GFLOP/s with 1, 2, 4 and 16 rows; add 18, exp 2.8 (times 8 operations), tanh
// 1.5 (times 12), max 25 elements/ns; reads of 200, 103, 81 and 17 GB/s;
// Pack from attention through the executor. L3 is half of the chip's 32 MiB,
// which other tenants use too. CUDA rows are
// NVIDIA's data sheets (A100 SXM 40 GB, L40S, H100 SXM) at dense rates, divided by the number of SMs. Products in f32 are
// three products in TF32 of numbers split in two (CUTLASS's 3xTF32), those of an f32 and a narrow operand, which
// TF32 holds exactly, two.
var rows = []Row{
	{
		Name: "cpu:generic", Kind: CPU, Available: true, Doc: "any processor, kernels in plain Go",
		Units:         2,
		MatMul:        map[ugraph.DType]float64{ugraph.F32: 6, ugraph.F64: 4},
		RowEfficiency: []float64{0.6, 0.8, 0.9, 1}, ColumnGroup: 4, DepthOverhead: 2, PackedGain: 1.1,
		Pack: 0.5, Strided: 0.5, CloseRows: 32, CloseColumns: 256, CopyColumns: 1024,
		Simple: 0.8, Transcend: 1, Reduce: 0.9, Move: 0.6,
		Levels: []Level{{"L1", 32 << 10, false, 60}, {"L2", 512 << 10, false, 40}, {"L3", 16 << 20, true, 25}},
		DRAM:   26, DRAMUnit: 16, Gap: 128,
		LaunchUS: 3, BlockUS: 0.3, OpUS: 0.05, RowUS: 0.035, TileBudget: 4 << 20,
	},
	{
		Name: "cpu:avx2", Kind: CPU, Available: true, Doc: "x86-64 with AVX2, FMA and F16C",
		Units:         2,
		MatMul:        map[ugraph.DType]float64{ugraph.F32: 100, ugraph.F64: 12},
		RowEfficiency: []float64{0.28, 0.54, 0.72, 0.84, 0.88, 0.93}, ColumnGroup: 16, DepthOverhead: 8, PackedGain: 1.15,
		Pack: 5, Strided: 2.5, CloseRows: 32, CloseColumns: 256, CopyColumns: 1024,
		Simple: 18, Transcend: 21, Reduce: 24, Move: 4, Casts: castsAVX2,
		Levels: []Level{{"L1", 32 << 10, false, 200}, {"L2", 512 << 10, false, 100}, {"L3", 16 << 20, true, 60}},
		DRAM:   26, DRAMUnit: 17, Gap: 128,
		LaunchUS: 3, BlockUS: 0.3, OpUS: 0.05, RowUS: 0.02, TileBudget: 4 << 20,
	},
	{
		Name: "cpu:avx512", Kind: CPU, Available: true, Doc: "x86-64 with AVX-512 (F, BW, DQ, VL); run by the AVX2 kernels",
		Units:         2,
		MatMul:        map[ugraph.DType]float64{ugraph.F32: 105, ugraph.F64: 12},
		RowEfficiency: []float64{0.28, 0.54, 0.72, 0.84, 0.88, 0.93}, ColumnGroup: 16, DepthOverhead: 8, PackedGain: 1.15,
		Pack: 5, Strided: 2.5, CloseRows: 32, CloseColumns: 256, CopyColumns: 1024,
		Simple: 18, Transcend: 21, Reduce: 24, Move: 4, Casts: castsAVX2,
		Levels: []Level{{"L1", 48 << 10, false, 220}, {"L2", 2 << 20, false, 100}, {"L3", 16 << 20, true, 40}},
		DRAM:   30, DRAMUnit: 13, Gap: 128,
		LaunchUS: 3, BlockUS: 0.3, OpUS: 0.05, RowUS: 0.02, TileBudget: 8 << 20,
	},
	{
		Name: "cuda:sm_80", Kind: CUDA, Message: cudaLater, Doc: "NVIDIA A100",
		Units: 108,
		MatMul: map[ugraph.DType]float64{
			ugraph.F64: 180, ugraph.F32: 481, ugraph.F16: 2890, ugraph.BF16: 2890, ugraph.I8: 5780, ugraph.U8: 5780},
		Mixed: 722, RowEfficiency: tensorRows(), ColumnGroup: 8, DepthOverhead: 16, PackedGain: 1,
		Simple: 90, Transcend: 180, Reduce: 60, Move: 60, Casts: castsCUDA,
		Levels: []Level{{"registers", 256 << 10, false, 6000}, {"shared", 163 << 10, false, 180}, {"L2", 40 << 20, true, 45}},
		DRAM:   1400, DRAMUnit: 40,
		LaunchUS: 4, BlockUS: 0.5, OpUS: 0.1, TileBudget: 163 << 10,
	},
	{
		Name: "cuda:sm_89", Kind: CUDA, Message: cudaLater, Doc: "NVIDIA L40S",
		Units: 142,
		MatMul: map[ugraph.DType]float64{
			ugraph.F64: 10, ugraph.F32: 430, ugraph.F16: 2550, ugraph.BF16: 2550, ugraph.F8E4M3: 5160, ugraph.I8: 5160, ugraph.U8: 5160},
		Mixed: 645, RowEfficiency: tensorRows(), ColumnGroup: 8, DepthOverhead: 16, PackedGain: 1,
		Simple: 322, Transcend: 322, Reduce: 215, Move: 215, Casts: castsCUDA,
		Levels: []Level{{"registers", 256 << 10, false, 10700}, {"shared", 99 << 10, false, 322}, {"L2", 48 << 20, true, 35}},
		DRAM:   780, DRAMUnit: 30,
		LaunchUS: 4, BlockUS: 0.4, OpUS: 0.08, TileBudget: 99 << 10,
	},
	{
		Name: "cuda:sm_90a", Kind: CUDA, Message: cudaLater, Doc: "NVIDIA H100",
		Units: 132,
		MatMul: map[ugraph.DType]float64{
			ugraph.F64: 500, ugraph.F32: 1250, ugraph.F16: 7490, ugraph.BF16: 7490, ugraph.F8E4M3: 14900, ugraph.I8: 14900, ugraph.U8: 14900},
		Mixed: 1875, RowEfficiency: tensorRows(), ColumnGroup: 8, DepthOverhead: 16, PackedGain: 1,
		Simple: 150, Transcend: 300, Reduce: 100, Move: 100, Casts: castsCUDA,
		Levels: []Level{{"registers", 256 << 10, false, 8000}, {"shared", 227 << 10, false, 220}, {"L2", 50 << 20, true, 55}},
		DRAM:   3000, DRAMUnit: 60,
		LaunchUS: 3.5, BlockUS: 0.4, OpUS: 0.08, TileBudget: 227 << 10,
	},
}

// tensorRows is the efficiency of a tensor core: 16 rows at once, however many are used.
func tensorRows() []float64 {
	e := make([]float64, 16)
	for i := range e {
		e[i] = float64(i+1) / 16
	}
	return e
}

// castsAVX2 are conversions of a tile, measured through the executor: f8e4m3 is rounded element by element.
var castsAVX2 = map[ugraph.DType]Cast{ugraph.F16: {10, 4}, ugraph.BF16: {10, 4}, ugraph.F8E4M3: {2.8, 0.12}}

// castsCUDA are conversions in registers, two numbers an instruction.
var castsCUDA = map[ugraph.DType]Cast{ugraph.F16: {240, 240}, ugraph.BF16: {240, 240}, ugraph.F8E4M3: {240, 240}}

// Names lists the named rows.
func Names() []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = rows[i].Name
	}
	return out
}

// All returns the named rows in order.
func All() []Row { return append([]Row(nil), rows...) }

// ByName returns a named row. "cpu" is not one: see Native.
func ByName(name string) (Row, error) {
	for _, r := range rows {
		if r.Name == name {
			return r, nil
		}
	}
	return Row{}, fmt.Errorf("unknown target %q; have cpu, %s", name, strings.Join(Names(), ", "))
}
