package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// checkSizes tells, before a value is drawn, whether what a run needs fits this machine: every tensor by
// itself, and inputs, outputs and the intermediates that are alive at once together. checked adds the
// float64 copies of inputs and outputs that a comparison needs.
func checkSizes(g *ugraph.Graph, env ugraph.Env, checked bool) error {
	need, err := footprint(g, env)
	if err != nil {
		return fmt.Errorf("%s: %w", g.Name, err)
	}
	if checked {
		for _, id := range interfaceOf(g) {
			n, err := bytesOf(g, id, env)
			if err != nil {
				return fmt.Errorf("%s: %w", g.Name, err)
			}
			need += n / float64(g.Values[id].DType.Size()) * 8
		}
	}
	if have := memoryOf(os.ReadFile); need > have {
		return fmt.Errorf("%s: inputs, outputs and intermediates take %.3g GB at once; this machine has %.3g GB", g.Name, need/1e9, have/1e9)
	}
	return nil
}

// interfaceOf are the values of inputs and outputs.
func interfaceOf(g *ugraph.Graph) []ugraph.ValueID {
	var ids []ugraph.ValueID
	for _, in := range g.Inputs {
		ids = append(ids, in.Value)
	}
	for _, o := range g.Outputs {
		ids = append(ids, o.Value)
	}
	return ids
}

// footprint is how many bytes a run holds at most: inputs and outputs all the time, another value from the
// kernel that makes it to the last one that reads it. A reshape shares its operand's memory. It is an error
// where one tensor alone is beyond what may be allocated.
func footprint(g *ugraph.Graph, env ugraph.Env) (float64, error) {
	lasting, last := map[ugraph.ValueID]bool{}, map[ugraph.ValueID]int{}
	now := 0.0
	for _, id := range interfaceOf(g) {
		n, err := bytesOf(g, id, env)
		if err != nil {
			return 0, err
		}
		if !lasting[id] {
			now += n
		}
		lasting[id] = true
	}
	for i := range g.Nodes {
		for _, a := range g.Nodes[i].Args {
			last[a] = i
		}
	}
	peak := now
	for i := range g.Nodes {
		n := &g.Nodes[i]
		shares := n.Op == ugraph.OpReshape
		for _, r := range n.Results {
			size, err := bytesOf(g, r, env)
			if err != nil {
				return 0, err
			}
			if !lasting[r] && !shares {
				now += size
			}
		}
		peak = max(peak, now)
		seen := map[ugraph.ValueID]bool{}
		for _, a := range n.Args {
			made := g.Values[a].Node
			if seen[a] || lasting[a] || last[a] != i || made < 0 || g.Nodes[made].Op == ugraph.OpReshape {
				continue
			}
			seen[a] = true
			size, err := bytesOf(g, a, env)
			if err != nil {
				return 0, err
			}
			now -= size
		}
	}
	return peak, nil
}

// bytesOf is the size of a value.
func bytesOf(g *ugraph.Graph, id ugraph.ValueID, env ugraph.Env) (float64, error) {
	v := g.Values[id]
	name := v.Name
	if name == "" {
		name = "a value of type " + v.Type.String()
	}
	shape, err := ugraph.EvalShape(v.Shape, env)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	n, err := tensor.Elements(v.DType, shape)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	bytes := n * v.DType.Size()
	if bytes > tensor.MaxBytes {
		return 0, fmt.Errorf("%s, %v%v, takes %d bytes; the limit is %d", name, v.DType, shape, bytes, int64(tensor.MaxBytes))
	}
	return float64(bytes), nil
}

// memoryOf is how many bytes the machine, or the container that this process runs in, has; +Inf where the
// system does not say so in a file.
func memoryOf(readFile func(name string) ([]byte, error)) float64 {
	have := math.Inf(1)
	if text, err := readFile("/proc/meminfo"); err == nil {
		total := 0.0
		for _, line := range bytes.Split(text, []byte("\n")) {
			f := bytes.Fields(line)
			if len(f) == 3 && (string(f[0]) == "MemTotal:" || string(f[0]) == "SwapTotal:") && string(f[2]) == "kB" {
				if kb, err := strconv.ParseFloat(string(f[1]), 64); err == nil {
					total += kb * 1024
				}
			}
		}
		if total > 0 {
			have = total
		}
	}
	if text, err := readFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64); err == nil && n > 0 { // else "max"
			have = min(have, n)
		}
	}
	return have
}
