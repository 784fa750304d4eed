package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/store"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// searchJSON is search.json of a bundle, an entry per target: what the search did, without times.
type searchJSON struct {
	Target     string             `json:"target"`
	Dim        ugraph.Env         `json:"dim,omitempty"` // the sizes of symbols that the predictions are for
	Stop       string             `json:"stop"`
	Stats      search.Stats       `json:"search"`
	Derivation string             `json:"derivation,omitempty"`
	Predicted  float64            `json:"predicted_us"`
	Baseline   float64            `json:"baseline_predicted_us"`
	Reads      string             `json:"reads"` // how often the best reads the inputs, and why
	Rejections []search.Rejection `json:"rejections,omitempty"`
	Reason     string             `json:"reason,omitempty"`
}

// verifyJSON is verification.json of a bundle, an entry per target.
type verifyJSON struct {
	Target    string            `json:"target"`
	Hash      string            `json:"hash"`
	Equal     *verify.Result    `json:"equal,omitempty"` // absent where the program itself is run
	Stability *verify.Stability `json:"stability,omitempty"`
	Executed  bool              `json:"executed"`
}

// timingJSON is timing.json of a bundle, an entry per target.
type timingJSON struct {
	Target     string  `json:"target"`
	Seconds    float64 `json:"seconds"`
	MeasureS   float64 `json:"measure_seconds,omitempty"` // of seconds
	BestUS     float64 `json:"best_us,omitempty"`
	BaselineUS float64 `json:"baseline_us,omitempty"`

	KernelsUS         []float64 `json:"kernels_us,omitempty"` // of the best, in their order
	BaselineKernelsUS []float64 `json:"baseline_kernels_us,omitempty"`

	FloatError float64  `json:"float_max_rel_error,omitempty"` // of the executed instance on this machine
	Near       []string `json:"near,omitempty"`
}

// writeBundle writes what the searches of a program found.
func writeBundle(a *app, dir string, s subject, rs []*found, goPackage string) error {
	b := &bundle.Bundle{Program: s.graph}
	var ss []searchJSON
	var vs []verifyJSON
	var ts []timingJSON
	for _, r := range rs {
		b.Targets = append(b.Targets, bundle.Target{Name: r.Row.Name, Graph: r.Best.Graph, Lowered: r.Best.Lowered, Executed: r.Best.Executed})
		reads, err := cost.Passes(r.Best.Graph, r.Env, &r.Row)
		if err != nil {
			return err
		}
		ss = append(ss, searchJSON{r.Row.Name, r.Env, r.Stop, r.Stats, r.Best.Derivation, r.Best.Cost.US, r.Baseline.Cost.US, reads, r.Rejections, r.Reason})
		vs = append(vs, verifyJSON{r.Row.Name, ugraph.Hash(r.Best.Graph), r.Best.Equal, r.Best.Stable, r.Best.Executed})
		ts = append(ts, timingJSON{r.Row.Name, r.Seconds, r.MeasureSeconds, r.Best.MeasuredUS, r.Baseline.MeasuredUS, r.bestUS, r.baselineUS, r.Best.FloatError, r.Near})
	}
	var err error
	put := func(dst *json.RawMessage, key string, v any) {
		if err == nil {
			*dst, err = json.MarshalIndent(map[string]any{key: v}, "", "  ")
		}
	}
	put(&b.Search, "targets", ss)
	put(&b.Verification, "targets", vs)
	put(&b.Timing, "targets", ts)
	if err != nil {
		return err
	}
	if b.Report, err = renderReport(s, rs); err != nil {
		return err
	}
	if goPackage != "" {
		if b.GoFiles, err = goFiles(b, goPackage); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(b.GoFiles)) {
			a.debug(debugSource, "%s\n%s", name, b.GoFiles[name])
		}
	}
	if err := a.files.change(func() error { return bundle.Write(dir, b) }); err != nil {
		return err
	}
	// What this machine just verified need not be verified again before it is run.
	if st, err := store.Open(""); err == nil {
		for _, t := range b.TargetNames() {
			if h, err := bundle.ContentHash(b, t); err == nil {
				if err := st.MarkVerified(h); err != nil {
					a.warn("%v; the bundle will be verified again before its first run", err)
				}
			}
		}
	}
	return nil
}

// resolveBundle opens a bundle folder and takes out the graph of this machine's best target, verified.
func resolveBundle(ctx context.Context, dir string) ([]subject, error) {
	b, err := bundle.Open(dir)
	if err != nil {
		return nil, err
	}
	name, err := pickTarget(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var memory bundle.Memory
	if st, err := store.Open(""); err == nil {
		memory = st
	}
	r, err := b.Runnable(name, verifier(ctx), executor(ctx), memory)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return []subject{{name: b.Program.Name, source: dir, graph: r.Graph(), bundle: dir, program: b.Program}}, nil
}

// verifier is package verify as a bundle's.
func verifier(ctx context.Context) bundle.Verifier {
	return func(program, graph *ugraph.Graph) error {
		r, err := verify.Equal(ctx, program, graph, verify.Options{Seed: 1})
		if err != nil {
			return err
		}
		if !r.Equal {
			return errors.New(r.Reason)
		}
		return nil
	}
}

// executor runs a bundle's graph once on a small ragged instance, as a search does with every candidate.
func executor(ctx context.Context) bundle.Executor {
	return func(g *ugraph.Graph) error {
		d := cpu.New(0)
		defer d.Close()
		m := &execute.CPU{Device: d, Inputs: func(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
			return seededInputs(g, env, 1, nil)
		}}
		_, err := m.Execute(ctx, g)
		return err
	}
}

// pickTarget is the first target of a bundle that this machine can run, from the best row down.
func pickTarget(b *bundle.Bundle) (string, error) {
	f := features()
	names := []string{"cpu"}
	if f.AVX512 {
		names = append(names, "cpu:avx512")
	}
	if f.AVX2 {
		names = append(names, "cpu:avx2")
	}
	names = append(names, "cpu:generic")
	for _, n := range names {
		for _, have := range b.TargetNames() {
			if have == n {
				return n, nil
			}
		}
	}
	_, err := b.Target(names[0])
	return "", err
}

// plainForm is the program that a subject stands for, to be run operator by operator.
func plainForm(ctx context.Context, s subject) (*ugraph.Graph, error) {
	switch {
	case s.program != nil:
		return s.program, nil
	case s.graph.IsProgram():
		return s.graph, nil
	}
	p, err := programFor(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("--plain: %w", err)
	}
	return p, nil
}

// programFor is the program that a μGraph names: one of its file, the program.ug beside it (of the bundle that
// it lies in), or an embedded one.
func programFor(ctx context.Context, s subject) (*ugraph.Graph, error) {
	if s.graph.For == "" {
		return nil, fmt.Errorf("μGraph %s names no program that it stands for", s.name)
	}
	places := []string{s.graph.For}
	if s.source != "" {
		beside := filepath.Join(filepath.Dir(s.source), "program.ug")
		places = []string{s.source + "#" + s.graph.For, beside + "#" + s.graph.For, s.graph.For}
	}
	for _, x := range places {
		if ss, err := resolve(ctx, x); err == nil && len(ss) == 1 && ss[0].graph.IsProgram() {
			return ss[0].graph, nil
		}
	}
	return nil, fmt.Errorf("μGraph %s stands for program %s, which is neither beside it nor embedded", s.name, s.graph.For)
}

// checkAgainst is the specification that --check compares with: the program where it is at hand, else
// the graph as it is written.
func checkAgainst(s subject) *ugraph.Graph {
	if s.program != nil {
		return s.program
	}
	return s.graph
}

// reportPage is the page that show --html writes: the bundle's own, or one made for a graph.
func reportPage(s subject) ([]byte, error) {
	if s.bundle != "" {
		page, err := os.ReadFile(filepath.Join(s.bundle, "report.html"))
		if err == nil {
			return page, nil
		}
	}
	return renderReport(s, nil)
}
