package target

import (
	"math"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

func TestRows(t *testing.T) {
	for _, r := range All() {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		if r.Available == (r.Message != "") {
			t.Errorf("%s: a message says why a target is not available, and only then", r.Name)
		}
		for m := int64(1); m < 40; m++ {
			if e := r.Efficiency(m); e <= 0 || e > 1 {
				t.Errorf("%s: efficiency of %d rows is %g", r.Name, m, e)
			}
		}
		prev := 1e300
		for i := 0; i <= len(r.Levels); i++ {
			bw := r.Bandwidth(i, r.Units)
			if bw > prev {
				t.Errorf("%s: level %d is faster than the one before it", r.Name, i)
			}
			prev = bw
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     Features
		doc   string
		cores int
	}{
		{"cpu", Features{}, "this machine, as cpu:generic", 2},
		{"cpu", Features{AVX2: true, Cores: 8}, "this machine, as cpu:avx2", 8},
		{"cpu", Features{AVX2: true, AVX512: true}, "this machine, as cpu:avx512", 2},
		{"cpu:avx2", Features{Cores: 8}, "x86-64 with AVX2, FMA and F16C", 2},
	} {
		r, err := Resolve(c.name, c.f)
		if err != nil || r.Doc != c.doc || r.Units != c.cores || r.Name != c.name {
			t.Errorf("%s %+v: %s %q, %d units, %v", c.name, c.f, r.Name, r.Doc, r.Units, err)
		}
	}
	if _, err := Resolve("cpu:mmx", Features{}); err == nil {
		t.Error("an unknown target gave no error")
	}
}

func TestCalibrated(t *testing.T) {
	r, _ := ByName("cpu:avx2")
	c := Calibrated(r, Measurements{MatMulF32: 200, DRAM: 50, OpUS: 0.1, Casts: map[ugraph.DType]Cast{ugraph.F16: {20, 8}},
		RowEfficiency: []float64{0.3, 0.6, 0.5, 0.8, 0.9, 1.2}, LevelGBps: []float64{300, 150, 160}})
	if c.MatMulRate(ugraph.F32) != 200 || c.MatMulRate(ugraph.F64) != 24 || c.DRAM != 50 || c.OpUS != 0.1 || c.Simple != r.Simple {
		t.Errorf("calibrated row: %+v", c)
	}
	if c.CastRate(ugraph.F16) != (Cast{20, 8}) || c.CastRate(ugraph.F8E4M3) != r.CastRate(ugraph.F8E4M3) {
		t.Errorf("casts: %v", c.Casts)
	}
	if want := []float64{0.3, 0.6, 0.6, 0.8, 0.9, 1}; !slices.Equal(c.RowEfficiency, want) {
		t.Errorf("more rows are no less efficient: %v, want %v", c.RowEfficiency, want)
	}
	if c.Levels[1].GBps != 160 { // a farther level is not faster
		t.Errorf("levels: %v", c.Levels)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if again, _ := ByName("cpu:avx2"); again.MatMulRate(ugraph.F32) != 100 || again.CastRate(ugraph.F16).Widen == 20 || again.Levels[0].GBps == 300 {
		t.Error("calibrating changed the table")
	}
	if c.MatMulRate(ugraph.F16) != 200 {
		t.Error("an element type without a rate runs at that of f32")
	}
	if c := Calibrated(r, Measurements{MatMulF32: 1000, RowUS: 1e-9, DRAM: math.NaN()}); c.MatMulRate(ugraph.F32) != 100 || c.RowUS != r.RowUS || c.DRAM != r.DRAM {
		t.Errorf("what is not credible was taken: %+v", c)
	}
}

func TestLevelFor(t *testing.T) {
	r, _ := ByName("cpu:avx2")
	for bytes, want := range map[int64]int{1000: 0, 100 << 10: 1, 6 << 20: 2, 20 << 20: 3} {
		if got := r.LevelFor(bytes, 2); got != want {
			t.Errorf("%d bytes: level %d, want %d", bytes, got, want)
		}
	}
}
