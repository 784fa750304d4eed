package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph/text"
)

type showCmd struct {
	X      string   `arg:"" help:"A .ug file, bundle or embedded program."`
	Dim    []string `sep:"none" placeholder:"S=N" help:"Size of a symbol for the costs (absent: 1/8 of its bound)."`
	Target string   `default:"cpu" help:"Target whose costs are shown."`
	HTML   string   `name:"html" placeholder:"FILE" help:"Write the report page."`
	Source bool     `help:"Print the CUDA source."`
}

func (c *showCmd) Run(a *app) error {
	if c.Source {
		return fmt.Errorf("--source: CUDA targets come later; this version lowers to the CPU executor, which has no source")
	}
	dims, err := parseDims(c.Dim)
	if err != nil {
		return err
	}
	row, err := target.Resolve(c.Target, features())
	if err != nil {
		return err
	}
	ss, err := resolve(a.ctx, c.X)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if len(ss) != 1 {
			return fmt.Errorf("--html takes one graph; %s holds %d", c.X, len(ss))
		}
		page, err := reportPage(ss[0])
		if err != nil {
			return err
		}
		return a.writeFile(c.HTML, page)
	}
	for i, s := range ss {
		if err := checkDims(s.graph, dims); err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		fmt.Fprint(a.stdout, text.Print(s.graph))
		env := envAt(s.graph, dims, 8)
		r, err := cost.Graph(s.graph, env, &row)
		if err != nil {
			return err
		}
		least, err := cost.MinBytes(s.graph, env)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "\n// predicted on %s", row.Name)
		for _, sym := range s.graph.Symbols {
			fmt.Fprintf(a.stdout, ", %s = %d", sym.Name, env[sym.Name])
		}
		fmt.Fprintln(a.stdout)
		w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(w, "// kernel\tµs\tMB\tMFLOP\tblocks\ttrips\ttile KB\t\n")
		for _, k := range r.Kernels {
			fmt.Fprintf(w, "// %s\t%.1f\t%.3f\t%.3f\t%.0f\t%.0f\t%.1f\t\n", k.Name, k.US, k.Bytes/1e6, k.Flops/1e6, k.Blocks, k.Trips, k.TileBytes/1e3)
		}
		fmt.Fprintf(w, "// total\t%.1f\t%.3f\t%.3f\t\t\t\t\n", r.US, r.Bytes/1e6, r.Flops/1e6)
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "// least bytes (inputs and outputs once): %.3f MB\n", float64(least)/1e6)
	}
	return nil
}
