package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

//go:embed page.html
var pageSource string

//go:embed style.css
var style string

// longText is how many characters of a note are shown at once; what is longer folds.
const longText = 160

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"us":       micros,
	"bytes":    func(x float64) string { return scaled(x, "B") },
	"flops":    func(x float64) string { return scaled(x, "flop") },
	"plain":    plain,
	"grouped":  grouped,
	"words":    verificationText,
	"stops":    func(s string) string { return stops[s] },
	"short":    func(s string) string { return s[:min(len(s), 12)] },
	"roofline": func(t *Target) template.HTML { return template.HTML(roofline(t)) },
	"bars":     func(t *Target) template.HTML { return template.HTML(bars(t)) },
	"picture":  func(p Picture) template.HTML { return template.HTML(picture(p)) },
	"source":   func(g *ugraph.Graph) string { return strings.TrimSpace(text.Print(g)) },
	"style":    func() template.CSS { return template.CSS(style) },
	"legend":   func() any { return legend },
	"long":     func(s string) bool { return utf8.RuneCountInString(s) > longText },
	"clip":     func(s string) string { return string([]rune(s)[:longText/2]) },
	"row":      row,
	"model":    func(name string) string { return models[name] },
	"steps":    func(s string) string { return strings.ReplaceAll(s, "; ", "\n") },
}).Parse(pageSource))

// kernelRow is a row of the table; Timed says whether it has a column for measured times.
type kernelRow struct {
	Kernel
	Timed bool
}

// row is a kernel of a run; the time of a run with one kernel is that kernel's.
func row(t *Target, r Run, k Kernel) kernelRow {
	if k.MeasuredUS <= 0 && len(r.Kernels) == 1 {
		k.MeasuredUS = r.MeasuredUS
	}
	return kernelRow{k, t.Measured()}
}

// Picture is one drawing of a stage.
type Picture struct {
	Title  string // what is drawn
	Note   string // grid and loop
	Graph  *ugraph.Graph
	Inputs []string // what is passed to inputs that have no name: a thread graph's
}

// Pictures are the drawings of a stage: the kernel level, each kernel's block graph, and below each
// its thread graphs; of a program with composite operators also its primitives.
func (s Stage) Pictures() []Picture {
	ps := []Picture{{Title: "kernels", Graph: s.Graph}}
	if s.Graph.IsProgram() {
		ps[0].Title = "operators"
		if library.HasComposite(s.Graph) {
			if p, err := library.Expand(s.Graph); err == nil {
				ps = append(ps, Picture{Title: "primitives", Note: "composite operators written out: what the search works on", Graph: p})
			}
		}
	}
	n := 0
	for i := range s.Graph.Nodes {
		b := s.Graph.Nodes[i].Body
		if b == nil {
			continue
		}
		n++
		ps = append(ps, Picture{Title: strings.TrimSpace(fmt.Sprintf("kernel %d %s", n, b.Name)), Note: blockNote(b), Graph: b})
		for j := range b.Nodes {
			if th := b.Nodes[j].Body; th != nil {
				ps = append(ps, Picture{Title: strings.TrimSpace("thread " + bodyName(b, &b.Nodes[j])), Note: "element by element", Graph: th, Inputs: passedTo(b, &b.Nodes[j])})
			}
		}
	}
	return ps
}

// passedTo names the operands of a node: values by their name, tiles by their input, others by what computes
// them.
func passedTo(g *ugraph.Graph, n *ugraph.Node) []string {
	names := make([]string, len(n.Args))
	for i, a := range n.Args {
		v := g.Value(a)
		switch {
		case v.Name != "":
			names[i] = v.Name
		case v.Node >= 0:
			from := g.Node(v.Node)
			names[i] = from.Op.String()
			if from.Op == ugraph.OpLoad {
				names[i] = g.Value(from.Args[0]).Name
			}
		}
	}
	return names
}

// widest is the width of the widest drawing, in pixels.
func (s Stage) widest() float64 {
	w := 0.0
	for _, p := range s.Pictures() {
		if len(p.Graph.Nodes) > maxDrawn {
			continue
		}
		d := draw(p)
		_, x, _ := place(d.boxes, d.lines)
		w = max(w, x)
	}
	return w
}

// Basis and Grow share a wide screen between the stages by what they have to show.
func (s Stage) Basis() int { return int(min(max(0.6*s.widest(), 260), 620)) }

// Grow is the flex-grow of the stage.
func (s Stage) Grow() int { return int(max(s.widest(), 300)) }

func blockNote(b *ugraph.Graph) string {
	var s []string
	for _, d := range b.Grid {
		s = append(s, gridText(d))
	}
	note := "one block"
	if len(s) > 0 {
		note = "grid " + strings.Join(s, "; ")
	}
	if b.Loop != nil {
		note += " · loop " + gridText(*b.Loop)
	}
	return note
}

// Speedup is how many times faster the winner is than the baseline, measured if both were, else
// predicted; 0 where unknown.
func (t *Target) Speedup() float64 {
	switch {
	case t.Best.MeasuredUS > 0 && t.Baseline.MeasuredUS > 0:
		return t.Baseline.MeasuredUS / t.Best.MeasuredUS
	case t.Best.MeasuredUS <= 0 && t.Best.PredictedUS > 0:
		return t.Baseline.PredictedUS / t.Best.PredictedUS
	}
	return 0
}

// Measured tells whether the winner was timed.
func (t *Target) Measured() bool { return t.Best.MeasuredUS > 0 }

// Render returns the page. It depends on d alone. It is an error if there is no program, no target, or a
// stage without a graph.
func Render(d Data) ([]byte, error) {
	if d.Program == nil || len(d.Targets) == 0 {
		return nil, errors.New("report: no program or no target")
	}
	view := struct {
		Data
		Targets []*Target
	}{Data: d}
	for i := range d.Targets {
		t := &d.Targets[i]
		for _, s := range t.Stages {
			if s.Graph == nil {
				return nil, fmt.Errorf("report: target %s: stage %s has no graph", t.Name, s.Name)
			}
		}
		view.Targets = append(view.Targets, t)
	}
	var buf bytes.Buffer
	if err := page.Execute(&buf, view); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return buf.Bytes(), nil
}
