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

// Measurements are rates that probes found on a machine; fields that are 0 were not measured. Rates
// are those of one unit, in 10⁹ a second.
type Measurements struct {
	MatMulF32     float64
	RowEfficiency []float64 // of MatMulF32
	Simple        float64
	Transcend     float64
	Reduce        float64
	DRAM          float64 // all units together
	DRAMUnit      float64
	LaunchUS      float64
	Levels        []Level // replaces the row's where not empty
}

// Calibrated is the row with the measured rates in the place of its own.
func Calibrated(r Row, m Measurements) Row {
	set := func(dst *float64, v float64) {
		if v > 0 {
			*dst = v
		}
	}
	if m.MatMulF32 > 0 {
		scale := m.MatMulF32 / r.MatMul[ugraph.F32]
		r.MatMul = maps.Clone(r.MatMul)
		for t := range r.MatMul {
			r.MatMul[t] *= scale
		}
	}
	if len(m.RowEfficiency) > 0 {
		r.RowEfficiency = append([]float64(nil), m.RowEfficiency...)
	}
	set(&r.Simple, m.Simple)
	set(&r.Transcend, m.Transcend)
	set(&r.Reduce, m.Reduce)
	set(&r.DRAM, m.DRAM)
	set(&r.DRAMUnit, m.DRAMUnit)
	set(&r.LaunchUS, m.LaunchUS)
	if len(m.Levels) > 0 {
		r.Levels = append([]Level(nil), m.Levels...)
	}
	return r
}
