package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/ugraph/text"
)

type showCmd struct {
	X      string   `arg:"" help:"A .ug file, bundle or embedded program."`
	Dim    []string `sep:"none" placeholder:"S=N" help:"Size of a symbol for the costs (absent: 1/8 of its bound)."`
	Target string   `default:"cpu" help:"Target whose costs are shown."`
	HTML   string   `name:"html" placeholder:"FILE" help:"Write the report page."`
	Source bool     `help:"Print the CUDA source."`

	Explain bool   `xor:"question" help:"Print the laws that lead from the program to the bundle's (or this) μGraph, each step verified."`
	WhyNot  string `xor:"question" placeholder:"GRAPH" help:"Tell at which stage the search for X left the μGraph GRAPH, and by which numbers."`
	JSON    bool   `name:"json" help:"With --explain or --why-not: one JSON object on one line."`
}

func (c *showCmd) Run(a *app) error {
	if c.Source {
		return fmt.Errorf("--source: CUDA targets come later; this version lowers to the CPU executor, which has no source")
	}
	dims, err := parseDims(c.Dim)
	if err != nil {
		return err
	}
	row, err := a.resolveTarget(c.Target)
	if err != nil {
		return err
	}
	switch {
	case c.WhyNot != "":
		return c.whyNot(a, dims, row)
	case c.Explain:
		return c.explain(a, dims, row)
	case c.JSON:
		return fmt.Errorf("--json goes with --explain or --why-not; costs are printed as text")
	}
	ss, err := resolve(a.ctx, c.X)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if len(ss) != 1 {
			return fmt.Errorf("--html takes one graph; %s holds %d", c.X, len(ss))
		}
		if err := checkPlace(c.HTML); err != nil {
			return fmt.Errorf("--html: %w", err)
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
		rows := [][]string{{"kernel", "µs", "MB", "MFLOP", "blocks", "trips", "tile KB"}}
		for _, k := range r.Kernels {
			rows = append(rows, []string{k.Name, fmt.Sprintf("%.1f", k.US), fmt.Sprintf("%.3f", k.Bytes/1e6), fmt.Sprintf("%.3f", k.Flops/1e6),
				fmt.Sprintf("%.0f", k.Blocks), fmt.Sprintf("%.0f", k.Trips), fmt.Sprintf("%.1f", k.TileBytes/1e3)})
		}
		rows = append(rows, []string{"total", fmt.Sprintf("%.1f", r.US), fmt.Sprintf("%.3f", r.Bytes/1e6), fmt.Sprintf("%.3f", r.Flops/1e6)})
		for _, line := range tableLines(rows) {
			fmt.Fprintf(a.stdout, "// %s\n", line)
		}
		fmt.Fprintf(a.stdout, "// least bytes (inputs and outputs once): %.3f MB\n", float64(least)/1e6)
	}
	return nil
}

// tableLines sets rows in columns, the first flush left and the others flush right, without blanks at the
// ends of lines.
func tableLines(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		lines[r] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
