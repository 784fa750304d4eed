package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/onnx"
)

type importOnnxCmd struct {
	File    string   `arg:"" help:"An ONNX model (.onnx); data that lie in other files are read below its folder."`
	Out     string   `short:"o" help:"Write to a file, or one file each into a folder (default: stdout)."`
	Weights string   `placeholder:"FILE" help:"Write the model's weights to a .safetensors file, for --input NAME=FILE#NAME."`
	Bound   []string `sep:"none" placeholder:"N=4096" help:"Upper bound of a dynamic dimension; a bare number is that of all others (default: 4096)."`
	Dim     []string `sep:"none" placeholder:"N=1" help:"Make a dynamic dimension a number."`
	Partial bool     `help:"Cut the model around operators that cannot be expressed, instead of refusing it."`
}

func (c *importOnnxCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
	}
	if c.Weights != "" {
		if err := checkPlace(c.Weights); err != nil {
			return fmt.Errorf("--weights: %w", err)
		}
	}
	base := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	opts := onnx.Options{Name: identifier(base), Partial: c.Partial}
	if !ugraph.IsIdentifier(opts.Name) {
		opts.Name = "model"
	}
	var err error
	if opts.Bounds, err = sizes("bound", c.Bound, true); err != nil {
		return err
	}
	if opts.Dims, err = sizes("dim", c.Dim, false); err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name an ONNX file", c.File)
	case info.Size() > onnx.MaxBytes:
		return fmt.Errorf("%s: %d bytes; a model file has at most %d, and larger weights lie in other files", c.File, info.Size(), onnx.MaxBytes)
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	folder, err := os.OpenRoot(filepath.Dir(c.File))
	if err != nil {
		return err
	}
	defer folder.Close()
	opts.Folder = folder.FS()
	r, err := onnx.Import(data, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := checkUsed(r, opts); err != nil {
		return err
	}
	if len(r.Defaulted) > 0 {
		a.say("dynamic dimensions without --bound, at most %d: %s", onnx.DefaultBound, strings.Join(r.Defaulted, ", "))
	}
	for _, u := range r.Unsupported {
		a.say("left out: %s", u)
	}
	if c.Weights != "" {
		err := a.replaceFile(c.Weights, func(w io.Writer) error { return onnx.WriteWeights(w, r.Weights) })
		if err != nil {
			return fmt.Errorf("--weights: %w", err)
		}
	}
	names := make([]string, len(r.Programs))
	for i, g := range r.Programs {
		names[i] = g.Name
	}
	return a.writeGraphs(c.Out, "programs", r.Programs, names)
}

// sizes reads NAME=N flags; where bare is true a number alone stands for the name "".
func sizes(flag string, list []string, bare bool) (map[string]int64, error) {
	out := map[string]int64{}
	for _, s := range list {
		name, number, ok := strings.Cut(s, "=")
		if !ok && bare {
			name, number = "", s
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > 1<<40 || name == "" && (ok || !bare) {
			return nil, fmt.Errorf("--%s %s: want NAME=N with N from 1 to 2^40", flag, s)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("--%s %s: given twice", flag, s)
		}
		out[name] = n
	}
	return out, nil
}

// checkUsed refuses --bound and --dim of dimensions that the model does not have.
func checkUsed(r *onnx.Result, opts onnx.Options) error {
	known := map[string]bool{"": true}
	var have []string
	for _, s := range r.Symbols {
		known[s.Name] = true
		have = append(have, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Dims)) {
		if !r.Fixed[name] {
			return fmt.Errorf("--dim %s: the model has no such dynamic dimension; it has %s", name, strings.Join(have, ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Bounds)) {
		if !known[name] {
			return fmt.Errorf("--bound %s: the model has no such dynamic dimension; it has %s", name, strings.Join(have, ", "))
		}
	}
	return nil
}
