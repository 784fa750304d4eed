package benchcmp

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"
)

// familyError is the probability, over all benchmarks of a comparison, that some interval misses
// its true ratio.
const familyError = 0.05

// Row is the comparison of one benchmark.
type Row struct {
	Name       string
	Baseline   int // samples
	Current    int
	Speed      Interval // current speed over baseline speed, both relative to the probe; < 1 is slower
	P          float64  // of the Mann-Whitney test that the two are equally fast
	Regression bool
}

// Report is the comparison of two runs.
type Report struct {
	Rows       []Row // in the order of the current run
	FailBelow  float64
	Confidence float64  // of each interval
	Warnings   []string // what makes the comparison weak: too few samples, another processor
}

// Regressed tells whether any benchmark became slower: the command's exit 1.
func (r Report) Regressed() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Regression })
}

// String is the report as a table, with the warnings below it.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "benchmark\tspeed\t%.4g %% interval\tp\tsamples\t\n", 100*r.Confidence)
	for _, row := range r.Rows {
		verdict := ""
		if row.Regression {
			verdict = fmt.Sprintf("slower than %.3g", r.FailBelow)
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f to %.3f\t%.2g\t%d / %d\t%s\n",
			row.Name, row.Speed.Median, row.Speed.Low, row.Speed.High, row.P, row.Current, row.Baseline, verdict)
	}
	w.Flush()
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String()
}

// MissingError says that the current run has benchmarks which the baseline lacks.
type MissingError struct {
	File  string
	Names []string
}

// Error names them.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%[1]s has no benchmark %[2]s; record it again with `morgana bench … --count N > %[1]s`",
		e.File, strings.Join(e.Names, ", "))
}

// TooFewError says that a comparison which is to decide something cannot: whatever is measured, the
// interval of a benchmark would have no upper end.
type TooFewError struct {
	File              string // of the baseline
	Name              string // of the benchmark
	Baseline, Current int    // samples
	Enough            int    // on both sides
}

// Error says how many are needed, on both sides.
func (e *TooFewError) Error() string {
	return fmt.Sprintf("%[1]s: %[2]s has %[3]d measurements there and %[4]d here, too few to tell one speed from another: record the baseline with `morgana bench … --count %[5]d > %[1]s`, and compare with --count %[5]d or without --count",
		e.File, e.Name, e.Baseline, e.Current, e.Enough)
}

// maxCount bounds the samples that Needed asks for to make up for a baseline that has few.
const maxCount = 20

// Needed is the least number of samples of each of the named benchmarks with which Compare can find any of
// them slower than in the baseline, and the number that the baseline has of the one with the fewest. Errors
// are those of Compare for the baseline, *MissingError and *TooFewError among them.
func Needed(file string, baseline []byte, names []string) (need, have int, err error) {
	old, err := readRun(baseline, file)
	if err != nil {
		return 0, 0, err
	}
	if err := missingIn(old, file, names); err != nil {
		return 0, 0, err
	}
	alpha := familyError / float64(len(names))
	for i, name := range names {
		n := len(old.speed[name])
		c := 1
		for c <= maxCount && tailCount(n, c, alpha/2) == 0 {
			c++
		}
		if c > maxCount {
			return 0, 0, &TooFewError{file, name, n, maxCount, enough(alpha)}
		}
		need = max(need, c)
		if i == 0 || n < have {
			have = n
		}
	}
	return need, have, nil
}

// missingIn is the *MissingError of the names that a baseline lacks.
func missingIn(old *run, file string, names []string) error {
	var missing []string
	for _, name := range names {
		if len(old.speed[name]) == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return &MissingError{file, missing}
	}
	return nil
}

// Compare compares two outputs of `morgana bench`; file names the baseline's in errors. A benchmark is
// a regression if the confidence interval of its speed over the baseline's, each relative to its
// probe, lies wholly under failBelow (0.95 tolerates 5 %, 0 everything) and the two differ
// significantly. Errors: a line of either that is no benchmark line where it should be (with its
// number), no kernels, no probe (ErrNoProbe), benchmarks that the baseline lacks (*MissingError), and,
// where failBelow is to decide, too few samples for that (*TooFewError; else that is a warning). What only the baseline has is a warning.
func Compare(file string, baseline, current []byte, failBelow float64) (Report, error) {
	if !(failBelow >= 0) || math.IsInf(failBelow, 1) {
		return Report{}, fmt.Errorf("a speed ratio to fail below must be a number from 0 on, not %g", failBelow)
	}
	old, err := readRun(baseline, file)
	if err != nil {
		return Report{}, err
	}
	now, err := readRun(current, "current run")
	if err != nil {
		return Report{}, err
	}
	if err := missingIn(old, file, now.order); err != nil {
		return Report{}, err
	}
	alpha := familyError / float64(len(now.order))
	thresholds := benchmath.DefaultThresholds
	thresholds.CompareAlpha = alpha
	report := Report{FailBelow: failBelow, Confidence: 1 - alpha}
	for _, key := range []string{"cpu", "goos", "goarch"} {
		if a, b := old.config[key], now.config[key]; a != "" && b != "" && a != b {
			report.warn("%s is %q now and was %q in the baseline", key, b, a)
		}
	}
	for _, name := range now.order {
		b, c := old.speed[name], now.speed[name]
		row := Row{Name: name, Baseline: len(b), Current: len(c), Speed: ratioInterval(b, c, alpha)}
		test := benchmath.AssumeNothing.Compare(benchmath.NewSample(b, &thresholds), benchmath.NewSample(c, &thresholds))
		row.P = test.P
		row.Regression = row.Speed.High < failBelow && test.P <= test.Alpha
		if math.IsInf(row.Speed.High, 1) {
			if failBelow > 0 { // a gate that cannot close is none
				return Report{}, &TooFewError{file, name, len(b), len(c), enough(alpha)}
			}
			report.warn("%s: %d and %d samples are too few to tell; --count %d on both sides is enough",
				name, len(c), len(b), enough(alpha))
		}
		report.Rows = append(report.Rows, row)
	}
	for _, name := range old.order {
		if len(now.speed[name]) == 0 {
			report.warn("%s is in the baseline only", name)
		}
	}
	return report, nil
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// enough is the least number of samples on both sides that bounds an interval.
func enough(alpha float64) int {
	n := 2
	for n < exactLimit && tailCount(n, n, alpha/2) == 0 {
		n++
	}
	return n
}
