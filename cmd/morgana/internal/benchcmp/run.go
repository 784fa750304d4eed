package benchcmp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// ErrNoProbe is the error of a run whose kernels cannot be set against the roofline.
var ErrNoProbe = errors.New("no Benchmark" + ProbeName + " line before the kernels: is it an output of `morgana bench`?")

// run is a benchmark output as Compare needs it.
type run struct {
	order  []string             // names, by first appearance
	speed  map[string][]float64 // name → t(probe)/t(kernel) of each sample, in order
	config map[string]string    // last value of each configuration key
}

// readRun reads a benchmark output; file names it in errors. A kernel's speed is set against the last
// probe before it, which was measured in turns with it.
func readRun(data []byte, file string) (*run, error) {
	out := &run{speed: map[string][]float64{}, config: map[string]string{}}
	probe := 0.0
	reader := benchfmt.NewReader(bytes.NewReader(data), file)
	for reader.Scan() {
		var result *benchfmt.Result
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, record
		case *benchfmt.Result:
			result = record
		default:
			continue // metadata of a unit
		}
		_, at := result.Pos()
		name := result.Name.String()
		ns, ok := nanoseconds(result)
		if !ok {
			return nil, fmt.Errorf("%s:%d: Benchmark%s has no ns/op", file, at, name)
		}
		if !(ns > 0) || math.IsInf(ns, 1) {
			return nil, fmt.Errorf("%s:%d: Benchmark%s took %g ns, which is no time", file, at, name, ns)
		}
		for _, c := range result.Config {
			out.config[c.Key] = string(c.Value)
		}
		switch {
		case isProbe(name):
			probe = ns
		case probe == 0:
			return nil, fmt.Errorf("%s:%d: %w", file, at, ErrNoProbe)
		default:
			if out.speed[name] == nil {
				out.order = append(out.order, name)
			}
			out.speed[name] = append(out.speed[name], probe/ns)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(out.order) == 0 {
		return nil, fmt.Errorf("%s: no benchmark lines of kernels", file)
	}
	return out, nil
}

// isProbe tells whether a full name, with or without processor count, is the probe's.
func isProbe(name string) bool {
	return name == ProbeName || strings.HasPrefix(name, ProbeName+"-")
}
