package target

import (
	"maps"

	"github.com/morgana-ml/morgana/ugraph"
)

// Features is what the caller has found out about this machine.
type Features struct {
	AVX2, AVX512 bool // with everything that the rows' docs name
	Cores        int  // that may be used; 0: as the row says
}

// Native is the row called "cpu": the best named CPU row that the machine can run, with its number of
// cores.
func Native(f Features) Row {
	name := "cpu:generic"
	switch {
	case f.AVX512:
		name = "cpu:avx512"
	case f.AVX2:
		name = "cpu:avx2"
	}
	r, err := ByName(name)
	if err != nil {
		panic("target: the table lacks " + name)
	}
	r.Name, r.Doc = "cpu", "this machine, as "+name
	if f.Cores > 0 {
		r = r.WithUnits(f.Cores)
	}
	return r
}

// Resolve returns the row of a target's name, "cpu" among them.
func Resolve(name string, f Features) (Row, error) {
	if name == "cpu" {
		return Native(f), nil
	}
	return ByName(name)
}

// Measurements are coefficients that probes found on a machine; fields that are 0 were not measured. Rates
// are those of one unit, in 10⁹ a second.
type Measurements struct {
	MatMulF32     float64               `json:"matmul_f32,omitempty"`
	RowEfficiency []float64             `json:"row_efficiency,omitempty"` // of MatMulF32
	Pack          float64               `json:"pack,omitempty"`
	Simple        float64               `json:"simple,omitempty"`
	Transcend     float64               `json:"transcend,omitempty"`
	Reduce        float64               `json:"reduce,omitempty"`
	Move          float64               `json:"move,omitempty"`
	Casts         map[ugraph.DType]Cast `json:"-"`                    // by type: a file names them
	LevelGBps     []float64             `json:"level_gbps,omitempty"` // of the row's levels
	DRAM          float64               `json:"dram,omitempty"`       // all units together
	DRAMUnit      float64               `json:"dram_unit,omitempty"`
	LaunchUS      float64               `json:"launch_us,omitempty"`
	BlockUS       float64               `json:"block_us,omitempty"`
	OpUS          float64               `json:"op_us,omitempty"`
	RowUS         float64               `json:"row_us,omitempty"`
}

// credible is how far a measured coefficient may be from the row's, either way: beyond that the measurement is more
// likely wrong than the machine that different.
const credible = 6

// Calibrated is the row with the measured coefficients in the place of its own, as far as they are credible: within
// a factor of 6 of them, rates falling from level to level, more rows no less efficient.
func Calibrated(r Row, m Measurements) Row {
	set := func(dst *float64, v float64) {
		if v > 0 && v < *dst*credible && v > *dst/credible {
			*dst = v
		}
	}
	peak := r.MatMul[ugraph.F32]
	set(&peak, m.MatMulF32)
	scale := peak / r.MatMul[ugraph.F32]
	r.MatMul = maps.Clone(r.MatMul)
	for t := range r.MatMul {
		r.MatMul[t] *= scale
	}
	if len(m.RowEfficiency) == len(r.RowEfficiency) {
		r.RowEfficiency = append([]float64(nil), r.RowEfficiency...)
		last := 0.0
		for i := range r.RowEfficiency {
			set(&r.RowEfficiency[i], min(m.RowEfficiency[i], 1))
			last = max(last, r.RowEfficiency[i])
			r.RowEfficiency[i] = last
		}
	}
	pack := r.Pack
	set(&r.Pack, m.Pack)
	if pack > 0 {
		r.Strided *= r.Pack / pack
	}
	set(&r.Simple, m.Simple)
	set(&r.Transcend, m.Transcend)
	set(&r.Reduce, m.Reduce)
	set(&r.Move, m.Move)
	r.Casts = maps.Clone(r.Casts)
	for t, c := range m.Casts {
		own := r.CastRate(t)
		set(&own.Widen, c.Widen)
		set(&own.Round, c.Round)
		if r.Casts == nil {
			r.Casts = map[ugraph.DType]Cast{}
		}
		r.Casts[t] = own
	}
	set(&r.DRAM, m.DRAM)
	set(&r.DRAMUnit, m.DRAMUnit)
	r.DRAMUnit = min(r.DRAMUnit, r.DRAM)
	if len(m.LevelGBps) == len(r.Levels) {
		r.Levels = append([]Level(nil), r.Levels...)
		for i := len(r.Levels) - 1; i >= 0; i-- {
			set(&r.Levels[i].GBps, m.LevelGBps[i])
			slower := r.DRAMUnit
			if i < len(r.Levels)-1 {
				slower = r.Levels[i+1].GBps
			}
			r.Levels[i].GBps = max(r.Levels[i].GBps, slower)
		}
	}
	set(&r.LaunchUS, m.LaunchUS)
	set(&r.BlockUS, m.BlockUS)
	set(&r.OpUS, m.OpUS)
	set(&r.RowUS, m.RowUS)
	return r
}
