package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

// question is what show --why-not and show --explain ask of: a program, and what is on record of its search.
type question struct {
	program *ugraph.Graph
	record  search.Record
}

// ask reads X: a bundle with its record for the target, a program, or a μGraph with the program that it is for.
func (c *showCmd) ask(a *app, row target.Row) (*question, error) {
	if info, err := os.Stat(c.X); err == nil && info.IsDir() {
		b, err := bundle.Open(c.X)
		if err != nil {
			return nil, err
		}
		t, err := b.Target(row.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w, or show with --target", c.X, err)
		}
		q := &question{b.Program, search.Record{Winner: t.Graph}}
		return q, q.read(b, row.Name)
	}
	s, err := one(a.ctx, c.X)
	if err != nil {
		return nil, err
	}
	if s.graph.IsProgram() {
		return &question{program: s.graph}, nil
	}
	p, err := programFor(a.ctx, s)
	if err != nil {
		return nil, err
	}
	return &question{p, search.Record{Winner: s.graph}}, nil
}

// read takes what was measured and rejected from a bundle.
func (q *question) read(b *bundle.Bundle, name string) error {
	var s struct{ Targets []searchJSON }
	var t struct{ Targets []timingJSON }
	if b.Search != nil {
		if err := json.Unmarshal(b.Search, &s); err != nil {
			return fmt.Errorf("search.json: %w", err)
		}
	}
	if b.Timing != nil {
		if err := json.Unmarshal(b.Timing, &t); err != nil {
			return fmt.Errorf("timing.json: %w", err)
		}
	}
	for _, x := range s.Targets {
		if x.Target == name {
			q.record.Rejections = x.Rejections
		}
	}
	for _, x := range t.Targets {
		if x.Target == name {
			q.record.MeasuredUS, q.record.Near = x.BestUS, x.Near
		}
	}
	return nil
}

// whyNot answers show --why-not.
func (c *showCmd) whyNot(a *app, dims map[string][]int64, row target.Row) error {
	g, err := suspect(a, c.WhyNot, row)
	if err != nil {
		return fmt.Errorf("--why-not: %w", err)
	}
	q, err := c.ask(a, row)
	if err != nil {
		return err
	}
	if err := checkDims(q.program, dims); err != nil {
		return err
	}
	r, err := search.WhyNot(a.ctx, q.program, g, row, q.record, search.Options{Seed: 1, Dims: dims})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", r.Stage, r.Reason)
	if r.Unjudged != "" {
		fmt.Fprintf(a.stdout, "  stability: %s\n", r.Unjudged)
	}
	return nil
}

// suspect reads the graph that is asked about; of a bundle it is the target's, as it was before it was lowered.
func suspect(a *app, x string, row target.Row) (*ugraph.Graph, error) {
	if info, err := os.Stat(x); err == nil && info.IsDir() {
		b, err := bundle.Open(x)
		if err != nil {
			return nil, err
		}
		t, err := b.Target(row.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		return t.Graph, nil
	}
	s, err := one(a.ctx, x)
	if err != nil {
		return nil, err
	}
	return s.graph, nil
}

// stepJSON is a step of show --explain --json.
type stepJSON struct {
	Law      string `json:"law"`
	Words    string `json:"words"`
	Text     string `json:"text,omitempty"`
	Graph    string `json:"graph"`
	Verified bool   `json:"verified"`
	Against  int    `json:"against"` // step, from 1; 0: the program
	Reason   string `json:"reason,omitempty"`
}

// explain answers show --explain.
func (c *showCmd) explain(a *app, dims map[string][]int64, row target.Row) error {
	q, err := c.ask(a, row)
	if err != nil {
		return err
	}
	if q.record.Winner == nil {
		return fmt.Errorf("--explain: %s is a program; morgana optimize finds the μGraph whose derivation can be shown", c.X)
	}
	if err := checkDims(q.program, dims); err != nil {
		return err
	}
	steps, err := search.Explain(a.ctx, q.program, q.record.Winner, row, search.Options{Seed: 1, Dims: dims})
	if err != nil {
		return err
	}
	ok, err := search.Replay(a.ctx, q.program, steps, verify.Options{Seed: 1})
	if err != nil {
		return err
	}
	if c.JSON {
		out := []stepJSON{}
		for _, s := range steps {
			out = append(out, stepJSON{s.Law, s.Words, s.Text, text.Print(s.Graph), s.Verified, s.Against, s.Reason})
		}
		if err := json.NewEncoder(a.stdout).Encode(map[string]any{"program": text.Print(q.program), "steps": out, "verified": ok}); err != nil {
			return err
		}
	} else {
		c.printSteps(a, q.program, steps)
	}
	if !ok {
		return no("the derivation is not verified to its end")
	}
	return nil
}

func (c *showCmd) printSteps(a *app, program *ugraph.Graph, steps []search.Step) {
	was := text.Print(program)
	fmt.Fprint(a.stdout, was)
	if len(steps) == 0 {
		fmt.Fprintln(a.stdout, "\n// the program itself is what runs: no law was used")
	}
	for i, s := range steps {
		fmt.Fprintf(a.stdout, "\n// %d. %s: %s\n", i+1, s.Law, s.Words)
		if s.Text != "" {
			fmt.Fprintf(a.stdout, "//    %s\n", s.Text)
		}
		is := text.Print(s.Graph)
		for _, l := range diffLines(strings.Split(was, "\n"), strings.Split(is, "\n")) {
			fmt.Fprintln(a.stdout, l)
		}
		was = is
		switch {
		case s.Verified && s.Against == i:
			fmt.Fprintln(a.stdout, "// verified")
		case s.Verified && s.Against == 0:
			fmt.Fprintln(a.stdout, "// verified against the program")
		case s.Verified:
			fmt.Fprintf(a.stdout, "// verified against step %d\n", s.Against)
		default:
			fmt.Fprintf(a.stdout, "// this step alone is not verified: %s\n", s.Reason)
		}
	}
}

// diffLines are the lines that go, after "-", and that come, after "+", by a longest common subsequence.
func diffLines(a, b []string) []string {
	long := make([][]int, len(a)+1) // of the rests from i and j
	for i := range long {
		long[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[i+1][j] >= long[i][j+1]:
			out = append(out, "-"+a[i])
			i++
		default:
			out = append(out, "+"+b[j])
			j++
		}
	}
	return out
}
