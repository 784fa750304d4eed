package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

// subject is what an argument X names: a program or μGraph, and where it came from.
type subject struct {
	name    string // as results call it
	source  string
	graph   *ugraph.Graph
	bundle  string        // the folder, if it came from a bundle
	program *ugraph.Graph // the program of a bundle
}

// importers are the commands that read files of other formats, by their ending.
var importers = map[string]string{".onnx": "onnx", ".json": "mirage"}

// resolve reads the programs and μGraphs that X names: an existing path (FILE.ug, FILE.ug#name, or a
// bundle folder) wins over the name of an embedded program.
func resolve(ctx context.Context, x string) ([]subject, error) {
	file, name := text.SplitName(x)
	info, err := os.Stat(x)
	if err != nil && file != x {
		info, err = os.Stat(file)
	}
	switch {
	case err == nil && info.IsDir():
		return resolveBundle(ctx, x)
	case err == nil && importers[strings.ToLower(filepath.Ext(file))] != "":
		return nil, fmt.Errorf("%s is no .ug file: make one with `morgana import %s %s -o NAME.ug`", file, importers[strings.ToLower(filepath.Ext(file))], file)
	case err == nil:
		gs, err := text.ParseFile(x)
		if err != nil {
			return nil, err
		}
		return subjects(gs, file), nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR): // morgana/adam beside a file morgana
		return nil, err
	case strings.HasSuffix(file, ".ug"):
		return nil, fmt.Errorf("%s: no such file", file)
	}
	src, err := programs.Source(x)
	if err != nil {
		return nil, fmt.Errorf("no file %q, and %w", x, err)
	}
	gs, err := text.Parse(x, []byte(src))
	if err != nil {
		return nil, err
	}
	if gs, err = text.Select(gs, name); err != nil {
		return nil, err
	}
	ss := subjects(gs, x)
	if len(ss) == 1 {
		ss[0].name = x
	}
	return ss, nil
}

// resolvePrograms reads the programs that X names or stands for: those of a .ug file, a bundle's, and for a
// μGraph the one that it is for, which it must be equal to.
func resolvePrograms(ctx context.Context, x string) ([]subject, error) {
	if info, err := os.Stat(x); err == nil && info.IsDir() {
		b, err := bundle.Open(x)
		if err != nil {
			return nil, err
		}
		return []subject{{name: b.Program.Name, source: x, graph: b.Program}}, nil
	}
	ss, err := resolve(ctx, x)
	if err != nil {
		return nil, err
	}
	var out []subject
	have := map[string]bool{}
	for _, s := range ss {
		if s.graph.IsProgram() {
			out = append(out, s)
			have[s.graph.Name] = true
		}
	}
	for _, s := range ss {
		if s.graph.IsProgram() || have[s.graph.For] {
			continue
		}
		p, err := programFor(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%w; optimize searches from a program", err)
		}
		r, err := verify.Equal(ctx, p, s.graph, verify.Options{Seed: 1})
		if err != nil {
			return nil, fmt.Errorf("μGraph %s and program %s: %w", s.name, p.Name, err)
		}
		if !r.Equal {
			return nil, fmt.Errorf("μGraph %s is not shown to be the program %s that it names: %s", s.name, p.Name, r.Reason)
		}
		have[p.Name] = true
		out = append(out, subject{name: s.graph.For, source: s.source, graph: p})
	}
	return out, nil
}

func subjects(gs []*ugraph.Graph, source string) []subject {
	out := make([]subject, len(gs))
	for i, g := range gs {
		out[i] = subject{name: g.Name, source: source, graph: g}
	}
	return out
}

// one is resolve where exactly one graph must come out.
func one(ctx context.Context, x string) (subject, error) {
	ss, err := resolve(ctx, x)
	if err != nil {
		return subject{}, err
	}
	if len(ss) != 1 {
		var names []string
		for _, s := range ss {
			names = append(names, s.graph.Name)
		}
		return subject{}, fmt.Errorf("%s holds %d graphs (%s): choose one with %s#NAME", x, len(ss), strings.Join(names, ", "), x)
	}
	return ss[0], nil
}

// bundleName is the default folder of a bundle.
func bundleName(name string) string {
	return strings.ReplaceAll(filepath.ToSlash(name), "/", "_") + ".morgana"
}

// parseDims reads --dim flags: S=16 or S=16,256.
func parseDims(flags []string) (map[string][]int64, error) {
	out := map[string][]int64{}
	for _, f := range flags {
		name, list, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--dim %s: want NAME=SIZE, e.g. --dim S=256", f)
		}
		for _, s := range strings.Split(list, ",") {
			var n int64
			if _, err := fmt.Sscanf(s, "%d", &n); err != nil || fmt.Sprint(n) != s || n < 1 {
				return nil, fmt.Errorf("--dim %s: %q is not a positive integer", f, s)
			}
			out[name] = append(out[name], n)
		}
	}
	return out, nil
}

// oneSize refuses a symbol with several sizes, where a thing is run once.
func oneSize(dims map[string][]int64) error {
	for _, name := range slices.Sorted(maps.Keys(dims)) {
		if len(dims[name]) > 1 {
			return fmt.Errorf("--dim %s: %d sizes are given; this command takes one", name, len(dims[name]))
		}
	}
	return nil
}

// checkDims checks that every dimension names a symbol of the graph and lies in its bounds.
func checkDims(g *ugraph.Graph, dims map[string][]int64) error {
	for _, name := range slices.Sorted(maps.Keys(dims)) {
		s, ok := g.Symbol(name)
		if !ok {
			var have []string
			for _, s := range g.Symbols {
				have = append(have, s.Name)
			}
			if len(have) == 0 {
				return fmt.Errorf("--dim %s: %s has no symbols", name, g.Name)
			}
			return fmt.Errorf("--dim %s: %s has no such symbol; it has %s", name, g.Name, strings.Join(have, ", "))
		}
		for _, n := range dims[name] {
			if err := s.Check(n); err != nil {
				return fmt.Errorf("--dim %s=%d: %w", name, n, err)
			}
		}
	}
	return nil
}

// envAt gives every symbol a size: the one in dims, else the given share of its bound.
func envAt(g *ugraph.Graph, dims map[string][]int64, share int64) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range g.Symbols {
		if d := dims[s.Name]; len(d) > 0 {
			env[s.Name] = d[0]
		} else {
			env[s.Name] = s.At(s.Hi / share)
		}
	}
	return env
}
