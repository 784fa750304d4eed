package benchcmp

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrNoProbe is the error of a run whose kernels cannot be set against the roofline.
var ErrNoProbe = errors.New("no Benchmark" + ProbeName + " line beside the kernels: is it an output of `morgana bench`?")

// run is a benchmark output as Compare needs it.
type run struct {
	order  []string             // names, by first appearance
	speed  map[string][]float64 // name → t(probe)/t(kernel) of each sample, in order
	config map[string]string    // last value of each configuration key
}

// measurement is a line with its place among the probes.
type measurement struct {
	name string
	ns   float64
}

// readRun parses a benchmark output; file names it in errors.
func readRun(data []byte, file string) (*run, error) {
	out := &run{speed: map[string][]float64{}, config: map[string]string{}}
	var all []measurement
	err := parse(data, file, func(line Line) error {
		if !(line.NsPerOp > 0) || math.IsInf(line.NsPerOp, 1) {
			return fmt.Errorf("Benchmark%s took %g ns, which is no time", line.Name, line.NsPerOp)
		}
		all = append(all, measurement{line.Name, line.NsPerOp})
		return nil
	}, func(c Config) { out.config[c.Key] = c.Value })
	if err != nil {
		return nil, err
	}
	if err := out.divide(all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// divide sets each kernel's time against the geometric mean of the probe before and the probe after
// it (the one there is, at either end).
func (r *run) divide(all []measurement) error {
	before := make([]float64, len(all)) // time of the last probe up to here, 0 if none
	after := make([]float64, len(all))
	var last float64
	for i, m := range all {
		if isProbe(m.name) {
			last = m.ns
		}
		before[i] = last
	}
	last = 0
	for i := len(all) - 1; i >= 0; i-- {
		if isProbe(all[i].name) {
			last = all[i].ns
		}
		after[i] = last
	}
	for i, m := range all {
		if isProbe(m.name) {
			continue
		}
		var probe float64
		switch {
		case before[i] > 0 && after[i] > 0:
			probe = math.Sqrt(before[i]) * math.Sqrt(after[i])
		case before[i] > 0 || after[i] > 0:
			probe = before[i] + after[i]
		default:
			return ErrNoProbe
		}
		if _, known := r.speed[m.name]; !known {
			r.order = append(r.order, m.name)
		}
		r.speed[m.name] = append(r.speed[m.name], probe/m.ns)
	}
	if len(r.order) == 0 {
		return errors.New("no benchmark lines of kernels")
	}
	return nil
}

// isProbe tells whether a full name, with or without processor count, is the probe's.
func isProbe(name string) bool {
	return name == ProbeName || strings.HasPrefix(name, ProbeName+"-")
}
