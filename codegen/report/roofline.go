package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// point is a run in the roofline plot.
type point struct {
	class, name string
	intensity   float64 // flop a byte
	gflops      float64
}

// points are the baseline and the winner where they are known, by the measured time if there is one.
// The program itself is a vertical line: the intensity of a run that moves inputs and outputs once.
func (t *Target) points() []point {
	var ps []point
	for _, r := range []struct {
		class, name string
		run         *Run
	}{{"baseline", "operator by operator", &t.Baseline}, {"winner", "winner", &t.Best}} {
		us := r.run.MeasuredUS
		if us <= 0 {
			us = r.run.PredictedUS
		}
		if us > 0 && r.run.Bytes > 0 && r.run.Flops > 0 {
			ps = append(ps, point{r.class, r.name, r.run.Flops / r.run.Bytes, r.run.Flops / us / 1000})
		}
	}
	return ps
}

// plot is a square in log-log coordinates.
type plot struct{ x0, x1, y0, y1 float64 } // decimal logarithms at the edges

const (
	plotW, plotH           = 460.0, 330.0 // narrow, so that a phone's screen shrinks the texts little
	plotL, plotR           = 52.0, 12.0
	plotTop, plotBottom    = 14.0, 44.0
	plotInnerW, plotInnerH = plotW - plotL - plotR, plotH - plotTop - plotBottom
)

func (p plot) at(x, y float64) (float64, float64) {
	fx := (math.Log10(x) - p.x0) / (p.x1 - p.x0)
	fy := (math.Log10(y) - p.y0) / (p.y1 - p.y0)
	return plotL + float64(fx*plotInnerW), plotH - plotBottom - float64(fy*plotInnerH)
}

// roofline draws the machine's roofs and where the program, the baseline and the winner stand under
// them. Without a machine or points it is "".
func roofline(t *Target) string {
	ps, m := t.points(), t.Machine
	if m.PeakGFlops <= 0 || len(m.Levels) == 0 || len(ps) == 0 {
		return ""
	}
	memory := m.Levels[len(m.Levels)-1].GBs
	xs, ys := []float64{m.PeakGFlops / memory}, []float64{m.PeakGFlops}
	for _, q := range ps {
		xs, ys = append(xs, q.intensity), append(ys, q.gflops)
	}
	ideal := 0.0
	if r := t.Best; r.MinBytes > 0 && t.Baseline.Flops > 0 {
		ideal = t.Baseline.Flops / r.MinBytes
		xs = append(xs, ideal)
	}
	var p plot
	p.x0, p.x1 = span(xs)
	p.y0, p.y1 = span(ys)
	p.y0 = min(p.y0, p.y1-1.8)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="roofline" role="img" aria-label="roofline of %s" viewBox="0 0 %.0f %.0f">`, html.EscapeString(t.Name), plotW, plotH)
	p.axes(&s)
	for i, l := range m.Levels {
		class := "roof cache"
		if i == len(m.Levels)-1 {
			class = "roof"
		}
		p.slope(&s, class, l, m.PeakGFlops)
	}
	if ideal > 0 {
		x, _ := p.at(ideal, 1)
		anchor, dx := beside(x)
		fmt.Fprintf(&s, `<path class="ideal" d="M%.1f %.1fV%.1f"/>`, x, plotTop, plotH-plotBottom)
		fmt.Fprintf(&s, `<text class="note halo" text-anchor="%s" x="%.1f" y="%.1f">program, each byte moved once</text>`, anchor, x+dx/2, plotTop+12)
	}
	p.marks(&s, ps)
	s.WriteString(`</svg>`)
	return s.String()
}

// rect is what a mark or a text covers.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) meets(o rect) bool { return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1 }

// labelW is a character's width in a label, at most, noteW in a note; labelH a line.
const labelW, noteW, labelH, markR = 7.4, 6.4, 15.0, 6.0

// marks draws the points, each with its label where that covers no point, no other label and no edge: beside
// it, above or below, and ever farther off.
func (p plot) marks(s *strings.Builder, ps []point) {
	var taken []rect
	for _, q := range ps {
		x, y := p.at(q.intensity, q.gflops)
		fmt.Fprintf(s, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.0f"/>`, q.class, x, y, markR)
		taken = append(taken, rect{x - markR - 2, y - markR - 2, x + markR + 2, y + markR + 2})
	}
	for _, q := range ps {
		x, y := p.at(q.intensity, q.gflops)
		text := q.name + ", " + scaled(q.gflops*1e9, "flop/s")
		at := p.labelPlace(x, y, float64(float64(utf8.RuneCountInString(text))*labelW), taken)
		taken = append(taken, at)
		fmt.Fprintf(s, `<text class="label" x="%.1f" y="%.1f">%s</text>`, at.x0, at.y1-4, html.EscapeString(text))
	}
}

// labelPlace is where a text of a width goes that belongs to a point.
func (p plot) labelPlace(x, y, w float64, taken []rect) rect {
	first := rect{}
	for i, step := range []float64{0, 16, 32, 48} {
		for j, c := range [][2]float64{
			{x + 11, y - labelH/2 + step}, {x - 11 - w, y - labelH/2 + step}, // beside
			{x + 11, y - labelH/2 - step}, {x - 11 - w, y - labelH/2 - step},
			{x - w/2, y + markR + 3 + step}, {x - w/2, y - markR - 3 - labelH - step}, // below, above
		} {
			r := rect{c[0], c[1], c[0] + w, c[1] + labelH}
			if i+j == 0 {
				first = r
			}
			free := r.x0 >= plotL && r.x1 <= plotW-plotR && r.y0 >= plotTop && r.y1 <= plotH-plotBottom
			for _, o := range taken {
				free = free && !r.meets(o)
			}
			if free {
				return r
			}
		}
	}
	return first
}

// beside says on which side of a mark its text has room.
func beside(x float64) (anchor string, dx float64) {
	if x > plotW-240 {
		return "end", -11
	}
	return "start", 11
}

// span is the range of values as decimal logarithms, with half a decade around them.
func span(xs []float64) (float64, float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range xs {
		lo, hi = min(lo, x), max(hi, x)
	}
	return math.Log10(lo) - 0.5, math.Log10(hi) + 0.5
}

// ticks are the marks of an axis: every decade, and 2 and 5 times it where there are few.
func ticks(lo, hi float64) []float64 {
	steps := []float64{1}
	if hi-lo < 2.5 {
		steps = []float64{1, 2, 5}
	}
	var out []float64
	for e := math.Floor(lo); e <= hi; e++ {
		for _, s := range steps {
			if x := s * math.Pow(10, e); math.Log10(x) >= lo && math.Log10(x) <= hi {
				out = append(out, x)
			}
		}
	}
	return out
}

// axes draws the grid.
func (p plot) axes(s *strings.Builder) {
	for _, v := range ticks(p.x0, p.x1) {
		x, _ := p.at(v, 1)
		fmt.Fprintf(s, `<path class="grid" d="M%.1f %.1fV%.1f"/><text class="tick" text-anchor="middle" x="%.1f" y="%.1f">%s</text>`, x, plotTop, plotH-plotBottom, x, plotH-plotBottom+16, tick(v))
	}
	for _, v := range ticks(p.y0, p.y1) {
		_, y := p.at(1, v)
		fmt.Fprintf(s, `<path class="grid" d="M%.1f %.1fH%.1f"/><text class="tick" text-anchor="end" x="%.1f" y="%.1f">%s</text>`, plotL, y, plotW-plotR, plotL-6, y+4, tick(v))
	}
	fmt.Fprintf(s, `<text class="tick" text-anchor="middle" x="%.1f" y="%.1f">flop for each byte of memory traffic</text>`, plotL+plotInnerW/2, plotH-8)
	fmt.Fprintf(s, `<text class="tick" text-anchor="middle" transform="translate(13 %.1f) rotate(-90)">Gflop/s</text>`, plotTop+plotInnerH/2)
}

func tick(v float64) string {
	if v >= 0.001 && v < 99_999 {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return "10" + superscript(math.Log10(v))
}

// slope draws one memory level's bandwidth up to the peak, and for main memory the peak itself.
func (p plot) slope(s *strings.Builder, class string, l Bandwidth, peak float64) {
	ridge := math.Log10(peak / l.GBs)
	// From the left edge, or from the lower one where the line meets that first.
	from := max(p.x0, p.y0-math.Log10(l.GBs))
	to := min(p.x1, ridge)
	if from >= to {
		return
	}
	x0, y0 := p.at(math.Pow(10, from), math.Pow(10, from)*l.GBs)
	x1, y1 := p.at(math.Pow(10, to), math.Pow(10, to)*l.GBs)
	name := l.Name + " " + scaled(l.GBs*1e9, "B/s")
	if class != "roof" && math.Hypot(x1-x0, y1-y0) < 6+float64(noteW*float64(utf8.RuneCountInString(name))) {
		return // so little of the line is in the plot that its name would be longer
	}
	fmt.Fprintf(s, `<path class="%s" d="M%.1f %.1fL%.1f %.1f`, class, x0, y0, x1, y1)
	if class == "roof" {
		fmt.Fprintf(s, `H%.1f`, plotW-plotR)
	}
	s.WriteString(`"/>`)
	angle := math.Atan2(y1-y0, x1-x0) * 180 / math.Pi
	fmt.Fprintf(s, `<text class="note" transform="translate(%.1f %.1f) rotate(%.1f)" dx="6" dy="-5">%s</text>`, x0, y0, angle, html.EscapeString(name))
	if class == "roof" {
		fmt.Fprintf(s, `<text class="note" text-anchor="end" x="%.1f" y="%.1f">peak %s</text>`, plotW-plotR-4, y1-6, scaled(peak*1e9, "flop/s"))
	}
}
