package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/morgana-ml/morgana/ugraph/mirage"
	"github.com/morgana-ml/morgana/ugraph/text"
)

type importCmd struct {
	Mirage importMirageCmd `cmd:"" help:"Mirage's saved μGraphs (JSON)."`
	Onnx   importOnnxCmd   `cmd:"" help:"ONNX models (later)."`
}

type importMirageCmd struct {
	File  string `arg:"" help:"A JSON file of Mirage's saved μGraphs."`
	Index int    `default:"-1" help:"Only the graph with this index (default: all)."`
	Out   string `short:"o" help:"Write to a file, or one file each into a folder (default: stdout)."`
}

func (c *importMirageCmd) Run(a *app) error {
	info, err := os.Stat(c.Out)
	folder := c.Out != "" && err == nil && info.IsDir()
	if c.Out != "" && !folder {
		if err := checkPlace(c.Out); err != nil {
			return fmt.Errorf("-o: %w", err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	gs, err := mirage.Import(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.Index >= len(gs) || c.Index < -1 {
		return fmt.Errorf("--index %d: %s holds %d graphs, numbered from 0", c.Index, c.File, len(gs))
	}
	base := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	for i, g := range gs {
		g.Name = fmt.Sprintf("%s_%d", identifier(base), i)
	}
	first := 0
	if c.Index >= 0 {
		gs, first = gs[c.Index:c.Index+1], c.Index
	}
	if folder {
		for i, g := range gs {
			name := filepath.Join(c.Out, fmt.Sprintf("%s_%d.ug", base, first+i))
			if err := a.writeFile(name, []byte(text.Print(g))); err != nil {
				return err
			}
		}
		a.say("%d μGraphs written to %s", len(gs), c.Out)
		return nil
	}
	out := text.PrintAll(gs)
	if c.Out != "" {
		return a.writeFile(c.Out, []byte(out))
	}
	_, err = fmt.Fprint(a.stdout, out)
	return err
}

// identifier makes a name of the .ug language from a file name.
func identifier(s string) string {
	out := []rune{}
	for i, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z', i > 0 && r >= '0' && r <= '9':
			out = append(out, r)
		default:
			out = append(out, '_')
		}
	}
	return string(out)
}

type importOnnxCmd struct {
	File string `arg:"" optional:"" help:"An ONNX model."`
}

func (c *importOnnxCmd) Run(*app) error {
	return fmt.Errorf("import onnx: this version reads .ug and Mirage's JSON only; ONNX comes later")
}
