package benchcmp

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

// sample makes a benchmark output: count rounds of probe and kernels on a machine whose clock
// drifts by 20 % (which slows probe and kernels alike), with 2 % noise on each time and now and
// then an interruption. slow multiplies the time of the first kernel.
func sample(seed uint64, kernels, count int, slow float64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	noise := func() float64 {
		factor := math.Exp(0.02 * rng.NormFloat64())
		if rng.IntN(40) == 0 {
			factor *= 1.5
		}
		return factor
	}
	var lines []Line
	for round := range count {
		drift := 1 + 0.2*math.Sin(float64(seed)+float64(round))
		for k := range kernels {
			lines = append(lines, Line{Name: "Probe-2", Iters: 1, NsPerOp: 8e5 * drift * noise()})
			ns := 1e5 * float64(k+1) * drift * noise()
			if k == 0 {
				ns *= slow
			}
			lines = append(lines, Line{Name: fmt.Sprintf("Run/kernel%02d/cpu-2", k), Iters: 10, NsPerOp: ns, More: []Value{{2e13 / ns / 1e4, "MB/s"}}})
		}
	}
	var b bytes.Buffer
	if err := NewWriter(&b, Config{"goos", "linux"}, Config{"cpu", "Test CPU"}).Write(lines...); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// recorded reads a file of testdata; with -update it writes it first.
func recorded(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, data) {
		t.Fatalf("%s is not what its generator makes; run go test -update", path)
	}
	return have
}

func TestSlowdownIsARegression(t *testing.T) {
	baseline := recorded(t, "baseline.txt", sample(1, 4, 10, 1))
	current := recorded(t, "slower.txt", sample(2, 4, 10, 1.1))
	report, err := Compare("old.txt", baseline, current, 0.97)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range report.Rows {
		if row.Regression != (i == 0) {
			t.Errorf("%s: regression %v\n%v", row.Name, row.Regression, report)
		}
	}
	if speed := report.Rows[0].Speed; !report.Regressed() || speed.Low > 1/1.1 || speed.High < 1/1.1 {
		t.Errorf("the true ratio 1/1.1 lies outside:\n%v", report)
	}
	if text := report.String(); !strings.Contains(text, "slower than 0.97") || strings.Contains(text, "warning") {
		t.Error(text)
	}
}

// Twenty kernels measured twice, nothing changed, with no tolerance at all.
func TestTwentyNullPairs(t *testing.T) {
	baseline := recorded(t, "null_baseline.txt", sample(3, 20, 10, 1))
	current := recorded(t, "null_current.txt", sample(4, 20, 10, 1))
	report, err := Compare("old.txt", baseline, current, 1)
	if err != nil || report.Regressed() || len(report.Rows) != 20 || len(report.Warnings) > 0 {
		t.Errorf("%v\n%v", err, report)
	}
}

// Over many null comparisons the share of false alarms keeps within its bound, and the intervals
// are no wider than they must be: they miss the truth now and then.
func TestFalseAlarms(t *testing.T) {
	const trials = 400
	alarms, missed := 0, 0
	for seed := range uint64(trials) {
		report, err := Compare("old.txt", sample(2*seed+10, 4, 8, 1), sample(2*seed+11, 4, 8, 1), 1)
		if err != nil {
			t.Fatal(err)
		}
		if report.Regressed() {
			alarms++
		}
		for _, row := range report.Rows {
			if row.Speed.Low > 1 || row.Speed.High < 1 {
				missed++
			}
		}
	}
	t.Logf("%d of %d comparisons alarm; %d of %d intervals miss 1", alarms, trials, missed, 4*trials)
	if alarms > trials*familyError/2+10 || missed == 0 {
		t.Errorf("%d alarms, at most %g are expected; %d intervals miss", alarms, trials*familyError/2, missed)
	}
}

func TestTooFewSamplesConcludeNothing(t *testing.T) {
	report, err := Compare("old.txt", sample(1, 1, 3, 1), sample(2, 1, 3, 4), 0)
	if err != nil || report.Regressed() || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "--count 4") {
		t.Errorf("%v\n%v", err, report)
	}
	var few *TooFewError
	if _, err = Compare("old.txt", sample(1, 1, 3, 1), sample(2, 1, 3, 4), 0.9); !errors.As(err, &few) || few.Enough != 4 || !strings.Contains(err.Error(), "--count 4 > old.txt") {
		t.Errorf("a gate that cannot fail: %v", err)
	}
	report, err = Compare("old.txt", sample(1, 1, 4, 1), sample(2, 1, 4, 4), 0.9)
	if err != nil || !report.Regressed() {
		t.Errorf("four samples, said to be enough, show no slowdown by 4: %v\n%v", err, report)
	}
}

// What Needed asks for is enough to find a slowdown by 4, and one less is not.
func TestNeeded(t *testing.T) {
	names := []string{"Run/kernel00/cpu-2", "Run/kernel01/cpu-2"}
	for _, have := range []int{3, 4, 5, 10} {
		old := sample(1, 2, have, 1)
		need, got, err := Needed("old.txt", old, names)
		if err != nil || got != have {
			t.Fatalf("%d samples: need %d, have %d, %v", have, need, got, err)
		}
		if report, err := Compare("old.txt", old, sample(2, 2, need, 4), 0.9); err != nil || !report.Regressed() {
			t.Errorf("%d samples against %d: %v\n%v", need, have, err, report)
		}
		var few *TooFewError
		if _, err := Compare("old.txt", old, sample(2, 2, need-1, 4), 0.9); !errors.As(err, &few) {
			t.Errorf("%d samples against %d: %v", need-1, have, err)
		}
	}
	var few *TooFewError
	if _, _, err := Needed("old.txt", sample(1, 2, 1, 1), names); !errors.As(err, &few) || few.Baseline != 1 || few.Enough != 5 {
		t.Errorf("one sample: %v", err)
	}
	var missing *MissingError
	if _, _, err := Needed("old.txt", sample(1, 1, 8, 1), names); !errors.As(err, &missing) || len(missing.Names) != 1 {
		t.Error(err)
	}
}

func TestMissingAndForeign(t *testing.T) {
	one, two := sample(1, 1, 8, 1), sample(2, 2, 8, 1)
	var missing *MissingError
	if _, err := Compare("old.txt", one, two, 0.9); !errors.As(err, &missing) || missing.Names[0] != "Run/kernel01/cpu-2" {
		t.Error(err)
	}
	report, err := Compare("old.txt", two, bytes.Replace(one, []byte("Test CPU"), []byte("Other CPU"), 1), 0.9)
	if err != nil || len(report.Warnings) != 2 {
		t.Errorf("%v\n%v", err, report)
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := Compare("old.txt", one, one, bad); err == nil {
			t.Errorf("fail below %v is no error", bad)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := sample(1, 1, 8, 1)
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "no benchmark lines"},
		{"binary", "\x7fELF\x00\x01\xff\n\x00", "no benchmark lines"},
		{"probes only", "BenchmarkProbe-2 1 5 ns/op\n", "no benchmark lines of kernels"},
		{"no probe", "BenchmarkRun/a-2 1 5 ns/op\n", "no BenchmarkProbe line"},
		{"no iterations", "ok\nBenchmarkRun/a-2 x 5 ns/op\n", "old.txt:2: parsing iteration count"},
		{"no number", "BenchmarkRun/a-2 1 fast ns/op\n", "old.txt:1: parsing measurement"},
		{"cut off", "BenchmarkProbe-2 1 5 ns/op\nBenchmarkRun/a-2 1 5", "old.txt:2: missing units"},
		{"a line without end", "BenchmarkRun/a-2 1 5 " + strings.Repeat("x", 1<<17), "old.txt:0: bufio.Scanner: token too long"},
		{"other unit", "BenchmarkRun/a-2 1 5 MB/s\n", "has no ns/op"},
		{"zero", "BenchmarkRun/a-2 1 0 ns/op\n", "no time"},
		{"NaN", "BenchmarkRun/a-2 1 NaN ns/op\n", "no time"},
		{"infinite", "BenchmarkRun/a-2 1 +Inf ns/op\n", "no time"},
	} {
		if _, err := Compare("old.txt", []byte(c.data), good, 0.9); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Compare("old.txt", good, []byte("x"), 0.9); err == nil || !strings.HasPrefix(err.Error(), "current run") {
		t.Error(err)
	}
	// A name alone is what go test -v prints before the line itself.
	chatty := bytes.Replace(good, []byte("BenchmarkProbe"), []byte("BenchmarkProbe-2\nPASS\nBenchmarkProbe"), 1)
	if _, err := Compare("old.txt", chatty, good, 0.9); err != nil {
		t.Error(err)
	}
}

func TestWriteRefusesWhatTheFormatCannotHold(t *testing.T) {
	for _, c := range []struct {
		config []Config
		lines  []Line
	}{
		{[]Config{{"CPU", "x"}}, nil},
		{[]Config{{"two words", "x"}}, nil},
		{[]Config{{"a:b", "x"}}, nil},
		{[]Config{{"cpu", "x\ny"}}, nil},
		{[]Config{{"cpu", ""}}, nil},
		{nil, []Line{{Name: "two words"}}},
		{nil, []Line{{Name: ""}}},
		{nil, []Line{{Name: "x", More: []Value{{1, "GB per s"}}}}},
	} {
		var b bytes.Buffer
		lines := append([]Line{{Name: "Probe-2", Iters: 1, NsPerOp: 5}}, c.lines...)
		if err := NewWriter(&b, c.config...).Write(lines...); err == nil {
			t.Errorf("wrote %q", b.String())
		}
	}
}

// The published critical value of the two-sided 5 % test for 8 and 8 is 13 (Mann and Whitney's U), so
// that k is 14; for 4 and 4 it is 0.
func TestTailCount(t *testing.T) {
	if k := tailCount(8, 8, 0.025); k != 14 {
		t.Errorf("k = %d for 8 and 8", k)
	}
	if a, b := tailCount(4, 4, 0.025), tailCount(3, 3, 0.025); a != 1 || b != 0 {
		t.Errorf("k = %d for 4 and 4, %d for 3 and 3", a, b)
	}
	exact, approximate := tailCount(50, 50, 0.025), tailCount(51, 51, 0.025)
	if approximate <= exact || approximate > exact+60 {
		t.Errorf("%d at 50 and 50, exact; %d at 51 and 51, approximate", exact, approximate)
	}
}

func FuzzCompare(f *testing.F) {
	good := sample(1, 1, 4, 1)
	f.Add(good)
	f.Add([]byte("BenchmarkProbe-2 1 5 ns/op\nBenchmarkRun/a-2 1 5 ns/op 3 MB/s\n"))
	f.Add([]byte("cpu: x\nBenchmarkRun/a-2 x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := Compare("old.txt", data, data, 0.9)
		if err == nil && (len(report.Rows) == 0 || report.Regressed()) {
			t.Fatalf("a run against itself: %v", report)
		}
	})
}

// recording reads what `morgana bench` printed on a shared machine under other load.
func recording(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Twenty pairs of successive recordings in which nothing changed: no regression. Two recordings with
// each run prolonged by 10 %, each against the recordings before it: a regression.
func TestRecordings(t *testing.T) {
	for i := range 20 {
		report, err := Compare("old.txt", recording(t, fmt.Sprintf("null_%d.txt", i)), recording(t, fmt.Sprintf("null_%d.txt", i+1)), 0.95)
		if err != nil || len(report.Rows) != 2 || report.Regressed() {
			t.Errorf("null pair %d: %v\n%v", i, err, report)
		}
	}
	for i, before := range []int{20, 21} {
		report, err := Compare("old.txt", recording(t, fmt.Sprintf("null_%d.txt", before)), recording(t, fmt.Sprintf("slower_%d.txt", i)), 0.95)
		if err != nil || !report.Regressed() {
			t.Errorf("10 %% slower, %d: %v\n%v", i, err, report)
		}
	}
}

// What the null pairs do not find is there to be found: the same pairs with one kernel slower by 10 %
// are a regression of that kernel alone, but for the few whose samples were interrupted too often.
func TestNullPairsHavePower(t *testing.T) {
	baseline, current := sample(3, 20, 10, 1), string(sample(4, 20, 10, 1))
	found := 0
	for k := range 20 {
		name := fmt.Sprintf("BenchmarkRun/kernel%02d/cpu-2", k)
		var b strings.Builder
		for _, line := range strings.SplitAfter(current, "\n") {
			var iters int
			var ns float64
			if n, _ := fmt.Sscanf(line, name+" %d %g", &iters, &ns); n == 2 {
				line = fmt.Sprintf("%s %d %g ns/op\n", name, iters, ns*1.1)
			}
			b.WriteString(line)
		}
		report, err := Compare("old.txt", baseline, []byte(b.String()), 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range report.Rows {
			if row.Regression && i != k {
				t.Errorf("kernel %d is slower, and %s is found\n%v", k, row.Name, report)
			}
			if row.Regression {
				found++
			}
		}
	}
	if found < 17 {
		t.Errorf("%d of 20 are found", found)
	}
}
