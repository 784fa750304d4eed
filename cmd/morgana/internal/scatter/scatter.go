package scatter

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Point is one point; both numbers are positive.
type Point struct{ X, Y float64 }

// Series is a list of points with one colour and shape.
type Series struct {
	Name   string
	Points []Point
}

// Plot is what Write draws: both axes logarithmic and in the same unit, with the diagonal on which they are equal.
type Plot struct {
	Title, X, Y string
	Series      []Series
}

// Sizes of the picture, in its own unit.
const (
	side                     = 560.0
	left, top, bottom, right = 62.0, 40.0, 48.0, 250.0
)

// colours are as far apart as eight can be on light and dark ground.
var colours = [][2]string{
	{"#2f6f8f", "#78bcdb"}, {"#b4532a", "#f0986c"}, {"#4f8a3c", "#8fcf78"}, {"#7b56a8", "#b795e0"},
	{"#a8822a", "#e0bf62"}, {"#b23a6b", "#ee86b0"}, {"#20847c", "#5fcfc4"}, {"#6b6f78", "#a9afba"},
}

// Write draws the plot. Errors: a plot without points, a number that is not positive, those of the writer.
func Write(w io.Writer, p Plot) error {
	lo, hi := math.Inf(1), 0.0
	for _, s := range p.Series {
		for _, q := range s.Points {
			if !(q.X > 0) || !(q.Y > 0) || math.IsInf(q.X, 1) || math.IsInf(q.Y, 1) {
				return fmt.Errorf("scatter: %s has a point at %g, %g, which logarithmic axes cannot show", s.Name, q.X, q.Y)
			}
			lo, hi = min(lo, q.X, q.Y), max(hi, q.X, q.Y)
		}
	}
	if hi == 0 {
		return fmt.Errorf("scatter: there are no points")
	}
	a, b := math.Log10(lo)-0.05, math.Log10(hi)+0.05
	at := func(v float64) float64 { return (math.Log10(v) - a) / (b - a) * side }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n", left+side+right, top+side+bottom, html.EscapeString(p.Title))
	s.WriteString("<style>\n")
	s.WriteString("svg{--bg:#fbfaf8;--ink:#1c1f26;--muted:#646b78;--rule:#e3e0da;background:var(--bg);font:12px system-ui,sans-serif}\n")
	for i, c := range colours {
		fmt.Fprintf(&s, ".c%d{fill:%s}", i, c[0])
	}
	s.WriteString("\n@media (prefers-color-scheme:dark){svg{--bg:#13151a;--ink:#e7e6e2;--muted:#9aa1ae;--rule:#31353e}\n")
	for i, c := range colours {
		fmt.Fprintf(&s, ".c%d{fill:%s}", i, c[1])
	}
	s.WriteString("}\ntext{fill:var(--ink)}.m{fill:var(--muted)}line{stroke:var(--rule)}.d{stroke:var(--muted);stroke-dasharray:4 4}path{fill-opacity:.75}\n</style>\n")
	fmt.Fprintf(&s, `<rect width="%.0f" height="%.0f" style="fill:var(--bg)"/><text x="%.0f" y="22" font-size="15">%s</text>`+"\n", left+side+right, top+side+bottom, left, html.EscapeString(p.Title))
	fmt.Fprintf(&s, `<g transform="translate(%.0f,%.0f)">`+"\n", left, top)
	for e := math.Ceil(a); e <= b; e++ {
		v := at(math.Pow(10, e))
		label := fmt.Sprintf("%g", math.Pow(10, e))
		fmt.Fprintf(&s, `<line x1="%.1f" y1="0" x2="%.1f" y2="%.0f"/><line x1="0" y1="%.1f" x2="%.0f" y2="%.1f"/>`, v, v, side, side-v, side, side-v)
		fmt.Fprintf(&s, `<text class="m" x="%.1f" y="%.0f" text-anchor="middle">%s</text><text class="m" x="-6" y="%.1f" text-anchor="end">%s</text>`+"\n", v, side+16, label, side-v+4, label)
	}
	fmt.Fprintf(&s, `<line class="d" x1="0" y1="%.0f" x2="%.0f" y2="0"/>`+"\n", side, side)
	fmt.Fprintf(&s, `<text x="%.0f" y="%.0f" text-anchor="middle">%s</text><text transform="translate(-46,%.0f) rotate(-90)" text-anchor="middle">%s</text>`+"\n", side/2, side+36, html.EscapeString(p.X), side/2, html.EscapeString(p.Y))
	for i, series := range p.Series {
		fmt.Fprintf(&s, `<path class="c%d" d="`, i%len(colours))
		for _, q := range series.Points {
			mark(&s, i, at(q.X), side-at(q.Y))
		}
		fmt.Fprintf(&s, `"><title>%s</title></path>`, html.EscapeString(series.Name))
		y := float64(i)*20 + 10
		fmt.Fprintf(&s, `<path class="c%d" d="`, i%len(colours))
		mark(&s, i, side+20, y)
		fmt.Fprintf(&s, `"/><text x="%.0f" y="%.1f">%s</text>`+"\n", side+32, y+4, html.EscapeString(series.Name))
	}
	s.WriteString("</g>\n</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}

// mark adds the outline of a series' mark to a path: a circle, square, triangle or diamond.
func mark(s *strings.Builder, series int, x, y float64) {
	switch series / len(colours) % 4 {
	case 0:
		fmt.Fprintf(s, "M%.1f %.1fa3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", x-3.5, y)
	case 1:
		fmt.Fprintf(s, "M%.1f %.1fh6.4v6.4h-6.4z", x-3.2, y-3.2)
	case 2:
		fmt.Fprintf(s, "M%.1f %.1fl4 7h-8z", x, y-4)
	default:
		fmt.Fprintf(s, "M%.1f %.1fl4 4.5l-4 4.5l-4 -4.5z", x, y-4.5)
	}
}
