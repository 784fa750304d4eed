package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Whatever a result says of a program with symbols, it says of one size: the first that was tuned at. The
// search orders by a mean over all sizes, which nobody can set beside bytes or a measured time.
func TestResultIsOfOneSize(t *testing.T) {
	t.Setenv("MORGANA_CACHE", t.TempDir())
	dir := filepath.Join(t.TempDir(), "b")
	file := filepath.Join(t.TempDir(), "p.ug")
	src := "program p(X: f32[S, 64]) -> (Y) where S <= 65536 {\n    A = exp(X)\n    B = A + 1\n    Y = B * A\n}\n"
	if err := os.WriteFile(file, []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := Main([]string{"optimize", file, "--target", "cpu:generic", "--measure=false", "--dim", "S=64,65536", "--out", dir, "--json", "-q"}, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got optimizeJSON
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	row, err := target.ByName("cpu:generic")
	if err != nil {
		t.Fatal(err)
	}
	price := func(g *ugraph.Graph) *cost.Report {
		r, err := cost.Graph(g, ugraph.Env{"S": 64}, &row)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	base, best := price(b.Program), price(b.Targets[0].Run())
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-9*want {
			t.Errorf("%s is %g; at S = 64 it is %g", what, got, want)
		}
	}
	if len(got.Dim) != 1 || got.Dim["S"] != 64 {
		t.Errorf("dim is %v", got.Dim)
	}
	near("the program's time", got.Baseline.PredictedUS, base.US)
	near("the program's traffic", got.Baseline.Bytes, base.Bytes)
	near("the winner's time", got.Best.PredictedUS, best.US)
	near("the winner's traffic", got.Best.Bytes, best.Bytes)
	near("the speed-up", got.Speedup, base.US/best.US)
	var record struct{ Targets []searchJSON }
	if err := json.Unmarshal(b.Search, &record); err != nil {
		t.Fatal(err)
	}
	near("the time in search.json", record.Targets[0].Predicted, best.US)
	near("the program's time in search.json", record.Targets[0].Baseline, base.US)
	if record.Targets[0].Dim["S"] != 64 {
		t.Errorf("dim in search.json is %v", record.Targets[0].Dim)
	}
}
