package benchcmp

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/perf/benchfmt"
)

// ProbeName is the name of the roofline probe's benchmark, without prefix and processor count.
const ProbeName = "Probe"

// Value is one more column of a benchmark line.
type Value struct {
	Value float64
	Unit  string // such as GB/s, GFLOP/s, B/op
}

// Line is one measurement.
type Line struct {
	Name    string // without "Benchmark", with the processor count: "Run/gqa/cpu-2"
	Iters   int
	NsPerOp float64
	More    []Value
}

// Config is a "key: value" line that holds for all lines after it, such as goos, goarch and cpu.
type Config struct{ Key, Value string }

// Writer writes lines in the Go benchmark format, which benchstat reads, and Compare if a probe stands
// before each kernel.
type Writer struct {
	to     io.Writer
	text   bytes.Buffer
	format *benchfmt.Writer // into text; knows which configuration is written already
	config []benchfmt.Config
}

// NewWriter returns a writer whose first line brings the configuration.
func NewWriter(to io.Writer, config ...Config) *Writer {
	w := &Writer{to: to}
	w.format = benchfmt.NewWriter(&w.text)
	for _, c := range config {
		w.config = append(w.config, benchfmt.Config{Key: c.Key, Value: []byte(c.Value), File: true})
	}
	return w
}

// Write writes lines in order. A name, unit or configuration that the format cannot hold (with white
// space, or empty) is an error, and then nothing of that line is written.
func (w *Writer) Write(lines ...Line) error {
	for _, line := range lines {
		result := &benchfmt.Result{Config: w.config, Name: benchfmt.Name(line.Name), Iters: line.Iters}
		for _, v := range append([]Value{{line.NsPerOp, "ns/op"}}, line.More...) {
			result.Values = append(result.Values, benchfmt.Value{Value: sixDigits(v.Value), Unit: v.Unit})
		}
		w.text.Reset()
		if err := w.format.Write(result); err != nil {
			return err
		}
		if !readsBack(w.text.Bytes(), result) {
			return fmt.Errorf("the benchmark format cannot hold %q", w.text.Bytes())
		}
		if _, err := w.to.Write(w.text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// readsBack tells whether text is one result, with the name, the units and, where the text has any,
// the configuration of want.
func readsBack(text []byte, want *benchfmt.Result) bool {
	r := benchfmt.NewReader(bytes.NewReader(text), "")
	if len(want.Name) == 0 || !r.Scan() {
		return false
	}
	got, ok := r.Result().(*benchfmt.Result)
	if !ok || !bytes.Equal(got.Name, want.Name) || len(got.Values) != len(want.Values) {
		return false
	}
	for i, v := range got.Values {
		if unit := want.Values[i].Unit; v.Unit != unit && v.OrigUnit != unit {
			return false
		}
	}
	if !bytes.HasPrefix(text, []byte("Benchmark")) {
		for _, c := range want.Config {
			if len(c.Value) == 0 || got.GetConfig(c.Key) != string(c.Value) {
				return false
			}
		}
	}
	return !r.Scan()
}

// sixDigits rounds a measurement to six significant digits, more than any of them has.
func sixDigits(x float64) float64 {
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64); err == nil {
		return rounded
	}
	return x
}

// nanoseconds is the time of a result. The reader turns ns/op into sec/op, but leaves 0 and infinity
// as they are.
func nanoseconds(r *benchfmt.Result) (float64, bool) {
	for _, v := range r.Values {
		switch {
		case v.OrigUnit == "ns/op":
			return v.OrigValue, true
		case v.OrigUnit != "":
		case v.Unit == "ns/op":
			return v.Value, true
		case v.Unit == "sec/op":
			return 1e9 * v.Value, true
		}
	}
	return 0, false
}
