package report

import (
	"fmt"
	"html"
	"strings"
)

// maxBars is how many kernels of a run have a bar of their own; the table has them all.
const maxBars = 16

// Geometry of the bars, in pixels. They are narrow, so that a phone's screen shrinks their texts little.
const (
	barsW     = 420.0
	barsName  = 120.0 // of the names
	barsValue = 66.0  // of the times
	barH      = 10.5
	barGap    = 15.0 // between kernels
)

// bars draws the time of each kernel, predicted and where it is known measured, of the winner and of the
// program operator by operator on one linear scale. Without times it is "".
func bars(t *Target) string {
	longest := 0.0
	for _, r := range []*Run{&t.Best, &t.Baseline} {
		for i := range r.Kernels {
			k := row(t, *r, r.Kernels[i])
			longest = max(longest, k.PredictedUS, k.MeasuredUS)
		}
	}
	if longest <= 0 {
		return ""
	}
	var s strings.Builder
	y := 4.0
	bar := func(class, name string, us float64) {
		w := max(float64(us/longest*(barsW-barsName-barsValue)), 1) // rounded: no machine may fuse it
		fmt.Fprintf(&s, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"><title>%s</title></rect>`,
			class, barsName, y, w, barH, html.EscapeString(name+": "+micros(us)))
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f">%s</text>`, barsName+w+6, y+barH, micros(us))
		y += barH + 2
	}
	group := func(title, class string, r *Run) {
		fmt.Fprintf(&s, `<text class="title" x="0" y="%.1f">%s</text>`, y+12, title)
		y += 22
		for i := range r.Kernels {
			if i == maxBars {
				fmt.Fprintf(&s, `<text x="0" y="%.1f">and %d more</text>`, y+barH, len(r.Kernels)-i)
				y += barH + barGap
				break
			}
			k := row(t, *r, r.Kernels[i])
			fmt.Fprintf(&s, `<text class="name" x="0" y="%.1f">%s</text>`, y+barH+1, html.EscapeString(shorten(k.Name, 18)))
			if k.MeasuredUS > 0 {
				bar(class, k.Name+", measured", k.MeasuredUS)
			}
			bar(class+" predicted", k.Name+", predicted", k.PredictedUS)
			y += barGap - 2
		}
		y += 6
	}
	group("winner", "winner", &t.Best)
	group("operator by operator", "plainbar", &t.Baseline)
	return fmt.Sprintf(`<svg class="bars" role="img" aria-label="time by kernel" viewBox="0 0 %.0f %.1f">%s</svg>`, barsW, y, s.String())
}
