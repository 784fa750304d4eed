package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/codegen/gopkg"
	"github.com/morgana-ml/morgana/codegen/report"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// goFiles is the Go package that --go adds to a bundle.
func goFiles(b *bundle.Bundle, pkg string) (map[string][]byte, error) { return gopkg.Generate(b, pkg) }

// renderReport is report.html for what the searches of a program found; without results, for a graph
// alone as it is priced on this machine.
func renderReport(s subject, rs []*found) ([]byte, error) {
	d := report.Data{Program: s.graph, Version: version}
	if s.program != nil {
		d.Program = s.program
	}
	if len(rs) == 0 {
		t, err := graphTarget(d.Program, s.graph)
		if err != nil {
			return nil, err
		}
		d.Targets = []report.Target{t}
		return report.Render(d)
	}
	for _, r := range rs {
		t, err := resultTarget(r)
		if err != nil {
			return nil, err
		}
		d.Targets = append(d.Targets, t)
	}
	return report.Render(d)
}

// graphTarget is the page's part for a graph that no search of this run found.
func graphTarget(program, g *ugraph.Graph) (report.Target, error) {
	row := target.Native(features())
	env := envAt(g, nil, 8)
	base, err := runOf(program, env, &row)
	if err != nil {
		return report.Target{}, err
	}
	best, err := runOf(g, env, &row)
	if err != nil {
		return report.Target{}, err
	}
	t := report.Target{Name: row.Name, Doc: row.Doc, Sizes: sizesText(g, env), Baseline: base, Best: best, Machine: machineOf(&row),
		Stages: []report.Stage{{Name: "program", Note: "as written", Graph: program}}}
	if program != g {
		t.Stages = append(t.Stages, report.Stage{Name: "μGraph", Note: "as the file or bundle has it", Graph: g})
		return t, nil
	}
	t.Reason = "the page shows a graph as it is: no search has run"
	return t, nil
}

// resultTarget is the page's part for a search.
func resultTarget(r *found) (report.Target, error) {
	base, err := runOf(r.Baseline.Graph, r.Env, &r.Row)
	if err != nil {
		return report.Target{}, err
	}
	best, err := runOf(r.Best.Lowered, r.Env, &r.Row)
	if err != nil {
		return report.Target{}, err
	}
	base.MeasuredUS, best.MeasuredUS = r.Baseline.MeasuredUS, r.Best.MeasuredUS
	for i, us := range r.baselineUS {
		base.Kernels[i].MeasuredUS = us
	}
	for i, us := range r.bestUS {
		best.Kernels[i].MeasuredUS = us
	}
	t := report.Target{Name: r.Row.Name, Doc: r.Row.Doc, Sizes: sizesText(r.Program, r.Env), Reason: r.Reason, Baseline: base, Best: best,
		Machine: machineOf(&r.Row), Executed: r.Best.Executed,
		Stages: []report.Stage{{Name: "program", Note: "as written", Graph: r.Program}}}
	if r.Best != r.Baseline {
		t.Stages = append(t.Stages, report.Stage{Name: "μGraph", Note: foundBy(r.Best.Derivation), Graph: r.Best.Graph})
		if ugraph.Hash(r.Best.Lowered) != ugraph.Hash(r.Best.Graph) {
			note, err := loweringNote(r.Best.Graph)
			if err != nil {
				return report.Target{}, err
			}
			t.Stages = append(t.Stages, report.Stage{Name: "lowered", Note: note, Graph: r.Best.Lowered})
		}
	}
	st := r.Stats
	t.Search = report.Search{States: st.States, Pruned: st.Pruned, Candidates: st.Candidates, Tested: st.Tested, Verified: st.Verified, Rejected: st.Rejected,
		Stop: r.Stop, Derivation: r.Best.Derivation, Near: r.Near}
	for _, c := range st.Stages {
		t.Search.Counts = append(t.Search.Counts, report.Count{Stage: c.Stage, Rule: c.Rule, N: c.Count})
	}
	for _, x := range r.Rejections {
		t.Search.Rejections = append(t.Search.Rejections, report.Rejection{Hash: x.Hash, Reason: x.Reason})
	}
	t.Verification = verificationOf(r.Best.Equal, r.Best.Stable)
	if r.Best.MeasuredUS > 0 { // it depends on the machine's kernels, which only a measured bundle may
		t.Verification.FloatMaxRelError = r.Best.FloatError
	}
	return t, nil
}

func verificationOf(e *verify.Result, s *verify.Stability) report.Verification {
	var v report.Verification
	if e != nil {
		v = report.Verification{ErrorLog2: e.ErrorLog2, Tests: e.Tests, Seed: e.Seed, Model: e.Model, Checks: e.Checks}
	}
	if s != nil {
		var names []string
		for t := range s.Ratios {
			names = append(names, t)
		}
		sort.Strings(names)
		for _, t := range names {
			v.Stability = append(v.Stability, report.Ratio{DType: t, Ratio: s.Ratios[t]})
		}
	}
	return v
}

// loweringNote says which passes changed a graph.
func loweringNote(g *ugraph.Graph) (string, error) {
	changed := map[string]bool{}
	before := ugraph.Hash(g)
	_, _, err := lower.Traced(g, func(p lower.Pass, g *ugraph.Graph) {
		after := ugraph.Hash(g)
		changed[p.Name] = changed[p.Name] || after != before
		before = after
	})
	var did, idle, planned []string
	for _, p := range lower.Passes {
		switch {
		case p.Annotate != nil:
			planned = append(planned, p.Name)
		case changed[p.Name]:
			did = append(did, p.Name)
		default:
			idle = append(idle, p.Name)
		}
	}
	note := "changed by the passes " + strings.Join(did, ", ")
	if len(idle) > 0 {
		note += "; nothing to do for " + strings.Join(idle, ", ")
	}
	return note + "; planned beside the graph: " + strings.Join(planned, ", "), err
}

// runOf prices a graph for the page.
func runOf(g *ugraph.Graph, env ugraph.Env, row *target.Row) (report.Run, error) {
	c, err := cost.Graph(g, env, row)
	if err != nil {
		return report.Run{}, err
	}
	least, err := cost.MinBytes(g, env)
	if err != nil {
		return report.Run{}, err
	}
	r := report.Run{PredictedUS: c.US, Bytes: c.Bytes, Flops: c.Flops, MinBytes: float64(least)}
	for _, k := range c.Kernels {
		bound := "arithmetic"
		switch {
		case k.OverheadUS > max(k.ComputeUS, k.LoadUS+k.StoreUS):
			bound = "launch"
		case k.LoadUS+k.StoreUS > k.ComputeUS:
			bound = "memory"
		}
		r.Kernels = append(r.Kernels, report.Kernel{Name: k.Name, PredictedUS: k.US, Bytes: k.Bytes, Flops: k.Flops, Blocks: k.Blocks, Trips: k.Trips, TileBytes: k.TileBytes, Bound: bound})
	}
	return r, nil
}

// machineOf is the roofline of a target's row.
func machineOf(row *target.Row) report.Machine {
	n := float64(row.Units)
	peak, memory := rooflineOf(row)
	m := report.Machine{PeakGFlops: peak}
	for _, l := range row.Levels {
		m.Levels = append(m.Levels, report.Bandwidth{Name: l.Name, GBs: l.GBps * n})
	}
	m.Levels = append(m.Levels, report.Bandwidth{Name: "memory", GBs: memory})
	return m
}

func sizesText(g *ugraph.Graph, env ugraph.Env) string {
	var s []string
	for _, sym := range g.Symbols {
		s = append(s, fmt.Sprintf("%s = %d", sym.Name, env[sym.Name]))
	}
	return strings.Join(s, ", ")
}

// dimText is sizesText without a graph to say the order: sorted by name.
func dimText(env ugraph.Env) string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		s = append(s, fmt.Sprintf("%s = %d", name, env[name]))
	}
	return strings.Join(s, ", ")
}

// foundBy says in a line how a winner came about; the search's part of the page has its steps.
func foundBy(derivation string) string {
	if strings.Contains(derivation, " = ") {
		return "found by the search, from another form of the program: what it computes otherwise stands below"
	}
	return "found by the search: the program's own algebra, in loops and tiles"
}
