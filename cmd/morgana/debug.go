package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// The levels of MORGANA_DEBUG. Each prints on stderr what it names and what the lower ones do.
const (
	debugDevice  = 1 + iota // the device
	debugKernels            // a line for each kernel: time, rates, share of the roofline
	debugPlan               // what the search counted, what kernels are predicted to cost, how tiles lie in memory
	debugSource             // the text of what runs
	debugPhases             // every step of the search, and the graph before and after every pass
)

// checkEnvironment tells which environment variable holds what this machine does not have or what
// is no value for it. (MORGANA_THREADS is checked as the flag that it stands for.)
func checkEnvironment() error {
	if err := kernel.EnvError(); err != nil {
		return err
	}
	if text := os.Getenv("MORGANA_DEBUG"); text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 0 {
			return fmt.Errorf("MORGANA_DEBUG is %q; want a level: 0 nothing, 1 the device, 2 each kernel that runs, 3 plans, 4 source, 5 every phase", text)
		}
	}
	return nil
}

// debugs tells whether MORGANA_DEBUG, which checkEnvironment has seen, asks for a level.
func debugs(level int) bool {
	n, _ := strconv.Atoi(os.Getenv("MORGANA_DEBUG"))
	return n >= level
}

// debug prints lines at a level; text of several lines is printed as it is.
func (a *app) debug(level int, format string, args ...any) {
	if debugs(level) {
		fmt.Fprintln(a.stderr, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	}
}

func (a *app) debugDevice(d *cpu.Device) {
	row := target.Native(features())
	a.debug(debugDevice, "cpu: %d threads, kernels at level %s, priced as %s", d.Threads(), kernel.Level(), row.Name)
}

// debugGraph prints how a graph that is run is planned, and its text.
func (a *app) debugGraph(what string, g *ugraph.Graph, r *cost.Report) {
	if debugs(debugPlan) {
		for _, k := range r.Kernels {
			a.debug(debugPlan, "%s: plan of %s: %.1f µs predicted; launch %.1f, arithmetic %.1f, loads %.1f, stores %.1f; %.0f blocks of %.0f trips",
				what, k.Name, k.US, k.OverheadUS, k.ComputeUS, k.LoadUS, k.StoreUS, k.Blocks, k.Trips)
		}
		if !g.IsProgram() {
			a.debugMemory(what, g)
		}
	}
	a.debug(debugSource, "%s: source\n%s", what, text.Print(g))
}

// debugMemory prints where the tiles of each block graph lie.
func (a *app) debugMemory(what string, g *ugraph.Graph) {
	out, plan, err := lower.Run(g)
	if err != nil {
		a.debug(debugPlan, "%s: %v", what, err)
		return
	}
	for _, k := range plan.Kernels {
		body := out.Nodes[k.Node].Body
		a.debug(debugPlan, "%s: memory of %s: an arena of %d bytes, %d live at most, %d loads ahead", what, body.Name, k.Bytes, k.Peak, len(k.Prefetch))
		for _, t := range k.Tiles {
			v := body.Values[t.Value]
			a.debug(debugPlan, "%s:   %-8s at %8d: %8d bytes in %d buffers, live from %d to %d", what, v.Type, t.Offset, t.Bytes, t.Buffers, t.First, t.Last)
		}
	}
}

// debugResult prints what a search found and how it came to it.
func (a *app) debugResult(s subject, r *search.Result) {
	what := s.name + " on " + r.Row.Name
	st := r.Stats
	a.debug(debugPlan, "%s: search: %d states, %d pruned, %d priced, %d tested, %d verified, %d rejected; %s after %.3f s",
		what, st.States, st.Pruned, st.Candidates, st.Tested, st.Verified, st.Rejected, r.Stop, r.Seconds)
	for _, c := range st.Stages {
		a.debug(debugPlan, "%s: search: %s: %s: %d", what, c.Stage, c.Rule, c.Count)
	}
	for _, x := range r.Rejections {
		a.debug(debugPlan, "%s: rejected %s: %s", what, x.Hash, x.Reason)
	}
	if r.Best != r.Baseline {
		a.debug(debugPlan, "%s: derivation: %s", what, r.Best.Derivation)
	}
	a.debugGraph(what, r.Best.Lowered, r.Best.Cost)
	if !debugs(debugPhases) {
		return
	}
	a.debug(debugPhases, "%s: phase program\n%s", what, text.Print(r.Program))
	if p, err := library.Expand(r.Program); err == nil {
		a.debug(debugPhases, "%s: phase primitives\n%s", what, text.Print(p))
	}
	if r.Best == r.Baseline {
		return
	}
	a.debug(debugPhases, "%s: phase μGraph\n%s", what, text.Print(r.Best.Graph))
	before := text.Print(r.Best.Graph)
	_, _, err := lower.Traced(r.Best.Graph, func(p lower.Pass, g *ugraph.Graph) {
		after := text.Print(g)
		if after == before {
			a.debug(debugPhases, "%s: phase %s: nothing to do", what, p.Name)
			return
		}
		a.debug(debugPhases, "%s: phase %s, before\n%s%s: phase %s, after\n%s", what, p.Name, before, what, p.Name, after)
		before = after
	})
	if err != nil {
		a.debug(debugPhases, "%s: %v", what, err)
	}
}
