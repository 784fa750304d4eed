package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/mirage"
	"github.com/morgana-ml/morgana/ugraph/text"
)

type importCmd struct {
	Mirage importMirageCmd `cmd:"" help:"Mirage's saved μGraphs (JSON)."`
	Onnx   importOnnxCmd   `cmd:"" help:"ONNX models (operator sets 13 to 23)."`
}

type importMirageCmd struct {
	File  string `arg:"" help:"A JSON file of Mirage's saved μGraphs."`
	Index int    `default:"-1" help:"Only the graph with this index (default: all)."`
	Out   string `short:"o" help:"Write to a file, or one file each into a folder (default: stdout)."`
}

func (c *importMirageCmd) Run(a *app) error {
	if err := checkOut(c.Out); err != nil {
		return err
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
	names := make([]string, len(gs))
	for i := range gs {
		names[i] = fmt.Sprintf("%s_%d", base, first+i)
	}
	return a.writeGraphs(c.Out, "μGraphs", gs, names)
}

// checkOut tells, before the work is done, whether -o names a folder or a file that can be written.
func checkOut(out string) error {
	if out == "" || isFolder(out) {
		return nil
	}
	if err := checkPlace(out); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// writeGraphs writes graphs to stdout, to one file, or each to a file of its name in a folder.
func (a *app) writeGraphs(out, what string, gs []*ugraph.Graph, names []string) error {
	switch {
	case out == "":
		_, err := fmt.Fprint(a.stdout, text.PrintAll(gs))
		return err
	case !isFolder(out):
		return a.writeFile(out, []byte(text.PrintAll(gs)))
	}
	for i, g := range gs {
		if err := a.writeFile(filepath.Join(out, names[i]+".ug"), []byte(text.Print(g))); err != nil {
			return err
		}
	}
	a.say("%d %s written to %s", len(gs), what, out)
	return nil
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
