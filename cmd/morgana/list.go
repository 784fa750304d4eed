package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// version is what bundles and the kernel store record.
const version = "0.1.0"

type versionCmd struct{}

func (c *versionCmd) Run(a *app) error {
	rev := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				rev = " " + s.Value[:12]
			}
		}
	}
	fmt.Fprintf(a.stdout, "morgana %s%s %s %s/%s\n", version, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

type listCmd struct {
	Part string `arg:"" optional:"" help:"Only those with this in their name or summary: mirage, attention, ..."`
	JSON bool   `name:"json" help:"One JSON object a line."`
}

// Run lists the programs, the base programs and each family in columns of their own.
func (c *listCmd) Run(a *app) error {
	groups := [][]programs.Info{programs.List()}
	for _, f := range programs.Families() {
		groups = append(groups, programs.Family(f))
	}
	found := false
	for _, group := range groups {
		group = slices.DeleteFunc(group, func(p programs.Info) bool {
			return !strings.Contains(p.Name, c.Part) && !strings.Contains(p.Summary, c.Part)
		})
		if len(group) == 0 {
			continue
		}
		if found && !c.JSON {
			fmt.Fprintln(a.stdout)
		}
		found = true
		if err := c.write(a.stdout, group); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("no embedded program has %q in its name or summary; `morgana list` has all", c.Part)
	}
	return nil
}

func (c *listCmd) write(out io.Writer, group []programs.Info) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, p := range group {
		if c.JSON {
			if err := json.NewEncoder(out).Encode(map[string]any{"name": p.Name, "summary": p.Summary, "variants": p.Variants}); err != nil {
				return err
			}
			continue
		}
		line := p.Name + "\t" + p.Summary
		if len(p.Variants) > 0 {
			line += "\t" + strings.Join(p.Variants, " ")
		}
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

type fmtCmd struct {
	Files []string `arg:"" name:"file" help:".ug files."`
	Write bool     `short:"w" help:"Rewrite the files in place."`
	Check bool     `help:"Exit 1 where a file would change; name it."`
}

func (c *fmtCmd) Run(a *app) error {
	if c.Write && c.Check {
		return fmt.Errorf("-w rewrites and --check only looks: one of them")
	}
	changed := 0
	for _, f := range c.Files {
		src, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		out, err := text.Format(f, src)
		if err != nil {
			return err
		}
		switch {
		case c.Check:
			if string(out) != string(src) {
				changed++
				fmt.Fprintln(a.stdout, f)
			}
		case c.Write:
			if string(out) != string(src) {
				if err := a.writeFile(f, out); err != nil {
					return err
				}
			}
		default:
			if _, err := a.stdout.Write(out); err != nil {
				return err
			}
		}
	}
	if changed > 0 {
		return no("%d of %d files are not in canonical form; morgana fmt -w rewrites them", changed, len(c.Files))
	}
	return nil
}
