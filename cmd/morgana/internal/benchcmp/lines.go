package benchcmp

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
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

// Write writes lines in the Go benchmark format after the config lines, in order: benchstat reads
// them, and so does Compare if probes stand between the kernels. A name, unit or key that the format
// cannot hold (with white space, or empty) is an error.
func Write(w io.Writer, config []Config, lines []Line) error {
	var b strings.Builder
	for _, c := range config {
		if key, _, ok := parseConfig(c.Key + ": "); !ok || key != c.Key || strings.ContainsAny(c.Value, "\r\n") {
			return fmt.Errorf("the benchmark format has no line for %q: %q", c.Key, c.Value)
		}
		fmt.Fprintf(&b, "%s: %s\n", c.Key, c.Value)
	}
	for _, line := range lines {
		for _, word := range append([]Value{{Unit: line.Name}}, line.More...) {
			if len(strings.Fields(word.Unit)) != 1 || strings.TrimSpace(word.Unit) != word.Unit {
				return fmt.Errorf("the benchmark format has no place for the name or unit %q", word.Unit)
			}
		}
		fmt.Fprintf(&b, "Benchmark%s\t%d\t%s ns/op", line.Name, line.Iters, number(line.NsPerOp))
		for _, v := range line.More {
			fmt.Fprintf(&b, "\t%s %s", number(v.Value), v.Unit)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// number writes a measurement with six digits, without an exponent where that is readable.
func number(x float64) string {
	digits := strconv.FormatFloat(x, 'g', 6, 64)
	rounded, err := strconv.ParseFloat(digits, 64)
	if err == nil && (rounded == 0 || 1e-4 <= rounded && rounded < 1e15) {
		return strconv.FormatFloat(rounded, 'f', -1, 64)
	}
	return digits
}

// SyntaxError is a line that begins as a benchmark line and is none.
type SyntaxError struct {
	File string
	Line int
	Msg  string
}

// Error begins with file and line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

// parse reads lines in the Go benchmark format (golang.org/design/14313-benchmark-format): calls
// result for each benchmark line and config for each "key: value" line, in order. Other lines are
// skipped, as the format demands, and so is a name alone on its line, which `go test -v` prints
// when a benchmark starts. file names the input in errors, all of which are *SyntaxError.
func parse(data []byte, file string, result func(Line) error, config func(Config)) error {
	at := 0
	for text := range strings.Lines(string(data)) {
		at++
		text = strings.TrimRight(text, "\r\n")
		rest, ok := strings.CutPrefix(text, "Benchmark")
		if !ok {
			if key, value, ok := parseConfig(text); ok {
				config(Config{key, value})
			}
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) <= 1 && rest == strings.TrimSpace(rest) {
			continue
		}
		line, err := parseFields(fields)
		if err == nil {
			err = result(line)
		}
		if err != nil {
			return &SyntaxError{file, at, err.Error()}
		}
	}
	return nil
}

func parseFields(fields []string) (Line, error) {
	var line Line
	if len(fields) < 4 || len(fields)%2 != 0 {
		return line, errors.New("a benchmark line has a name, an iteration count, and pairs of value and unit")
	}
	iters, err := strconv.Atoi(fields[1])
	if err != nil {
		return line, fmt.Errorf("%q is no iteration count", fields[1])
	}
	line.Name, line.Iters = fields[0], iters
	timed := false
	for i := 2; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return line, fmt.Errorf("%q is no measurement", fields[i])
		}
		if fields[i+1] == "ns/op" {
			line.NsPerOp, timed = value, true
			continue
		}
		line.More = append(line.More, Value{value, fields[i+1]})
	}
	if !timed {
		return line, fmt.Errorf("Benchmark%s has no ns/op", line.Name)
	}
	return line, nil
}

// parseConfig reads "key: value"; a key begins with a lower-case letter and has no space or
// upper-case letter.
func parseConfig(text string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(text, ":")
	if !ok || key == "" || strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsUpper(r) }) {
		return "", "", false
	}
	if first := []rune(key)[0]; !unicode.IsLower(first) {
		return "", "", false
	}
	if value != "" && value[0] != ' ' && value[0] != '\t' {
		return "", "", false
	}
	return key, strings.TrimLeft(value, " \t"), true
}
