package report

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/morgana-ml/morgana/ugraph"
)

// Text in boxes is monospaced, so that its width is known: pixels for a character, a line, and around.
const (
	charW = 6.65
	lineH = 14.0
	padX  = 9.0
	padY  = 7.0
)

// maxDrawn is how many operators a graph may have to be drawn: nobody reads a larger drawing.
const maxDrawn = 300

// shape is what a box shows.
type shape struct {
	class string   // CSS class
	lines []string // the first is bold
	tip   string   // the whole text, where lines are cut off
}

// drawing collects the boxes and lines of one graph.
type drawing struct {
	g      *ugraph.Graph
	boxes  []box
	shapes []shape
	lines  []line
	of     []int  // box of each value, -1: none (a literal inside its user's box)
	frame  [2]int // first and last layer inside the loop; first > last: none
}

// picture draws a graph of any level as SVG, operands above their users. Its title says what it is to readers
// that do not see it.
func picture(p Picture) string {
	if n := len(p.Graph.Nodes); n > maxDrawn {
		return fmt.Sprintf(`<p class="muted">%s operators are too many to draw; the text has them.</p>`, grouped(n))
	}
	d := draw(p)
	boxes, w, h := place(d.boxes, d.lines)
	return d.svg(boxes, w, h, p.Title)
}

// draw makes the boxes and lines of a graph and puts them into layers.
func draw(p Picture) *drawing {
	g := p.Graph
	d := &drawing{g: g, of: make([]int, len(g.Values)), frame: [2]int{1, 0}}
	for v := range d.of {
		d.of[v] = -1
	}
	for i, in := range g.Inputs {
		passed := ""
		if i < len(p.Inputs) {
			passed = p.Inputs[i]
		}
		d.of[in.Value] = d.add(d.inputShape(in, passed))
	}
	nodeBox := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		nodeBox[i] = -1
		if n.Op == ugraph.OpConst && !isOutput(g, n.Results[0]) {
			continue
		}
		b := d.add(nodeShape(g, n))
		nodeBox[i] = b
		for _, r := range n.Results {
			d.of[r] = b
		}
		d.connect(b, n.Args)
	}
	var outs []int
	for i, o := range g.Outputs {
		b := d.add(outputShape(g, i))
		d.connect(b, []ugraph.ValueID{o.Value})
		outs = append(outs, b)
	}
	d.layers(nodeBox, outs)
	return d
}

func isOutput(g *ugraph.Graph, v ugraph.ValueID) bool {
	for _, o := range g.Outputs {
		if o.Value == v {
			return true
		}
	}
	return false
}

// add adds a box that is as large as its text.
func (d *drawing) add(s shape) int {
	const longest = 28
	width := 4
	for i, l := range s.lines {
		if n := utf8.RuneCountInString(l); n > longest {
			s.tip += l + "\n"
			s.lines[i] = shorten(l, longest)
		}
		width = max(width, utf8.RuneCountInString(s.lines[i]))
	}
	d.boxes = append(d.boxes, box{w: float64(float64(width)*charW) + 2*padX, h: float64(len(s.lines))*lineH + 2*padY})
	d.shapes = append(d.shapes, s)
	return len(d.boxes) - 1
}

// connect draws lines from operands; literals have no box, and an operand used twice one line.
func (d *drawing) connect(to int, args []ugraph.ValueID) {
	var from []int
	for _, a := range args {
		b := d.of[a]
		twice := false
		for _, f := range from {
			twice = twice || f == b
		}
		if b >= 0 && !twice {
			from = append(from, b)
		}
	}
	for i, f := range from {
		d.lines = append(d.lines, line{from: f, to: to, slot: i, slots: len(from)})
	}
}

// layers puts inputs first, then each box after its operands; in a block graph with a loop, everything
// before the loop, in it, and after it in layers of their own; outputs last.
func (d *drawing) layers(nodeBox []int, outs []int) {
	depth := func(b, least int) int {
		at := least
		for _, l := range d.lines {
			if l.to == b {
				at = max(at, d.boxes[l.from].layer+1)
			}
		}
		return at
	}
	first := 0
	if len(d.g.Inputs) > 0 {
		first = 1
	}
	last := first - 1
	pass := func(in func(i int) bool) {
		least := last + 1
		for i, b := range nodeBox {
			if b >= 0 && in(i) {
				d.boxes[b].layer = depth(b, least)
				last = max(last, d.boxes[b].layer)
			}
		}
	}
	if d.g.Level == ugraph.BlockLevel && d.g.Loop != nil {
		phases, _ := ugraph.Phases(d.g)
		phase := func(i int) ugraph.Phase {
			if n := &d.g.Nodes[i]; n.Op != ugraph.OpAccum {
				return phases[n.Results[0]]
			}
			return ugraph.InLoop // its value is final after the loop, its work is in it
		}
		pass(func(i int) bool { return phase(i) < ugraph.InLoop })
		d.frame[0] = last + 1
		pass(func(i int) bool { return phase(i) == ugraph.InLoop })
		d.frame[1] = last
		pass(func(i int) bool { return phase(i) == ugraph.After })
	} else {
		pass(func(int) bool { return true })
	}
	for _, b := range outs {
		d.boxes[b].layer = last + 1
	}
	// An input moves down to just above its first user where no loop is in between.
	for _, in := range d.g.Inputs {
		b := d.of[in.Value]
		top := -1
		for _, l := range d.lines {
			if l.from == b && (top < 0 || d.boxes[l.to].layer < top) {
				top = d.boxes[l.to].layer
			}
		}
		if top > 0 && (d.frame[0] > d.frame[1] || top <= d.frame[0]) {
			d.boxes[b].layer = top - 1
		}
	}
}

// svg writes the drawing. Coordinates have one decimal, so that its bytes do not depend on the machine.
func (d *drawing) svg(boxes []box, w, h float64, label string) string {
	var s strings.Builder
	frame := d.frame[0] <= d.frame[1]
	if frame {
		w += 2 * margin
	}
	fmt.Fprintf(&s, `<svg class="graph" role="img" aria-label="%s" viewBox="0 0 %.1f %.1f" width="%.0f" height="%.0f" style="min-width:%.0fpx">`,
		html.EscapeString(label), w, h, w, h, min(w, 0.62*w+20))
	shift, caption := 0.0, ""
	if frame {
		shift = margin
		top, bottom := h, 0.0
		for _, b := range boxes {
			if b.layer >= d.frame[0] && b.layer <= d.frame[1] {
				top, bottom = min(top, b.y), max(bottom, b.y+b.h)
			}
		}
		fmt.Fprintf(&s, `<rect class="loop" x="3" y="%.1f" width="%.1f" height="%.1f" rx="10"/>`, top-gapY/2-3, w-6, bottom-top+gapY-4)
		caption = fmt.Sprintf(`<text class="looplabel" x="12" y="%.1f">%s</text>`, top-gapY/2+10, html.EscapeString("loop "+gridText(*d.g.Loop)))
	}
	for _, l := range d.lines {
		d.curve(&s, boxes, l, shift)
	}
	s.WriteString(caption) // over the lines, which it may meet
	for i, b := range boxes {
		if b.dummy {
			continue
		}
		sh := d.shapes[i]
		rx := 4.0
		if strings.HasPrefix(sh.class, "io") {
			rx = b.h / 2
		}
		fmt.Fprintf(&s, `<g class="box %s">`, sh.class)
		if sh.tip != "" {
			fmt.Fprintf(&s, `<title>%s</title>`, html.EscapeString(strings.TrimSpace(sh.tip)))
		}
		fmt.Fprintf(&s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.1f"/>`, b.x-b.w/2+shift, b.y, b.w, b.h, rx)
		for k, t := range sh.lines {
			class := ""
			if k == 0 {
				class = ` class="op"`
			}
			fmt.Fprintf(&s, `<text%s x="%.1f" y="%.1f">%s</text>`, class, b.x+shift, b.y+padY+float64(k)*lineH+10.5, html.EscapeString(t))
		}
		s.WriteString(`</g>`)
	}
	s.WriteString(`</svg>`)
	return s.String()
}

// curve draws a line through its bends, with an arrow at its end.
func (d *drawing) curve(s *strings.Builder, boxes []box, l line, shift float64) {
	a := boxes[l.from]
	x, y := a.x+shift, a.y+a.h
	fmt.Fprintf(s, `<path class="edge" d="M%.1f %.1f`, x, y)
	for _, i := range l.path[1:] {
		b := boxes[i]
		bx, by := b.x+shift, b.y
		if !b.dummy {
			by -= 5
			if l.slots > 1 {
				bx += float64((float64(l.slot)/float64(l.slots-1) - 0.5) * min(b.w*0.6, float64(l.slots-1)*26))
			}
		}
		mid := (y + by) / 2
		fmt.Fprintf(s, ` C%.1f %.1f %.1f %.1f %.1f %.1f`, x, mid, bx, mid, bx, by)
		if b.dummy {
			fmt.Fprintf(s, ` V%.1f`, by+b.h)
			by += b.h
		}
		x, y = bx, by
	}
	fmt.Fprintf(s, `"/><path class="head" d="M%.1f %.1fl-3.5 -6h7z"/>`, x, y+5)
}
