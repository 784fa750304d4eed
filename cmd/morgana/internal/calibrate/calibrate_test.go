package calibrate

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

func row(t *testing.T) *target.Row {
	t.Helper()
	r, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// From the times that the model itself gives the probes, the row's coefficients come back.
func TestFitIsTheModelsInverse(t *testing.T) {
	r := row(t)
	r.PackedGain = 1 // with it, six rows reach the peak
	us := map[string]float64{}
	flops := func(m, n float64) float64 { return 2 * m * n * (depth + r.DepthOverhead) * 1e-3 }
	us["matmul peak"] = flops(96, 4*columns) / 100
	for i, e := range r.RowEfficiency {
		us["matmul rows "+string(rune('1'+i))] = flops(float64(i+1), columns) / (100 * e)
	}
	us["panels"] = 50
	b := float64(depth * wide)
	us["laid out"], us["laid out transposed"] = 50+b/r.Pack*1e-3, 50+b/r.Pack*1e-3
	us["add"], us["sum"], us["max"], us["transpose"] = run/r.Simple*1e-3, run/r.Reduce*1e-3, run/r.Reduce*1e-3, depth*96/(r.Move*cost.Transposed)*1e-3
	us["exp"], us["tanh"] = run*ugraph.OpExp.Info().Flops/r.Transcend*1e-3, run*ugraph.OpTanh.Info().Flops/r.Transcend*1e-3
	for _, c := range casts {
		us["widen "+c.String()], us["round "+c.String()] = run/r.CastRate(c).Widen*1e-3, 4*run/r.CastRate(c).Round*1e-3
	}
	us["operators"] = 2048 * 2 * r.OpUS
	us["rows"], us["rows of chains"] = 64*(2*r.OpUS+256*r.RowUS), 64*(3*r.OpUS+512*r.RowUS)
	us["blocks"], us["launch"] = 4096*r.BlockUS, r.LaunchUS+r.BlockUS
	got := target.Calibrated(*r, fit(r, us))
	near := func(name string, a, b float64) {
		if math.Abs(a-b) > 1e-9*b {
			t.Errorf("%s is %g, was %g", name, a, b)
		}
	}
	a, o := reflect.ValueOf(got), reflect.ValueOf(*r)
	for i := range a.NumField() {
		if a.Field(i).Kind() == reflect.Float64 {
			near(a.Type().Field(i).Name, a.Field(i).Float(), o.Field(i).Float())
		}
	}
	for i := range r.RowEfficiency {
		near("RowEfficiency", got.RowEfficiency[i], r.RowEfficiency[i])
	}
	for _, c := range casts {
		near("widen "+c.String(), got.CastRate(c).Widen, r.CastRate(c).Widen)
		near("round "+c.String(), got.CastRate(c).Round, r.CastRate(c).Round)
	}
}

// Every probe runs, and what they give makes a row.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	r := row(t)
	m, err := Measure(context.Background(), r, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := target.Calibrated(*r, m)
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Measure(ctx, r, 0, nil); err == nil {
		t.Error("an interrupted measurement gave no error")
	}
}

func TestFile(t *testing.T) {
	r := row(t)
	here := Here(r)
	want := target.Measurements{MatMulF32: 90, RowEfficiency: []float64{0.3, 0.5}, LevelGBps: []float64{200, 100, 60}, Casts: map[ugraph.DType]target.Cast{ugraph.F16: {Widen: 9, Round: 3}}}
	path := Path(t.TempDir())
	if c, hash, err := Load(path, here); c != nil || hash != "" || err != nil {
		t.Errorf("without a file: %v %q %v", c, hash, err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Encode(here, want)
	if err != nil {
		t.Fatal(err)
	}
	write(b)
	got, hash, err := Load(path, here)
	if err != nil || got == nil || !reflect.DeepEqual(*got, want) || len(hash) != 16 {
		t.Errorf("read back: %+v %q %v", got, hash, err)
	}
	other := here
	other.Cores++
	if c, _, err := Load(path, other); c != nil || err != nil {
		t.Errorf("of another machine: %v %v", c, err)
	}
	for _, bad := range []string{"", "{", `{"format": 1, "unknown": 2}`, strings.Replace(string(b), `"f16"`, `"f17"`, 1)} {
		write([]byte(bad))
		if c, _, err := Load(path, here); c != nil || err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%q: %v, %v", bad, c, err)
		}
	}
}
