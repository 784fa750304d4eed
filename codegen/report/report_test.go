package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

func graphs(t testing.TB) []*ugraph.Graph {
	t.Helper()
	gs, err := text.ParseFile("testdata/attention.ug")
	if err != nil {
		t.Fatal(err)
	}
	return gs
}

// sample is a report with something in every part of the page.
func sample(t testing.TB, measured bool) Data {
	gs := graphs(t)
	d := Data{Program: gs[0], Version: "v0.1.0", Targets: []Target{{
		Name: "cpu:avx2", Doc: "x86-64 with AVX2, FMA and F16C, 2 cores", Sizes: "S = 16384",
		Stages: []Stage{
			{Name: "program", Note: "as it was written", Graph: gs[0]},
			{Name: "μGraph", Note: "one kernel; the scores never leave the cache", Graph: gs[1]},
			{Name: "lowered", Note: "elementwise chains fused, order with the fewest live tiles", Graph: gs[2]},
		},
		Baseline: Run{PredictedUS: 2890, Bytes: 23.1e6, Flops: 67.4e6, MinBytes: 16.8e6, Kernels: []Kernel{
			{Name: "matmul", PredictedUS: 1080, Bytes: 9.4e6, Flops: 33.5e6, Blocks: 256, Trips: 1, Bound: "memory"},
			{Name: "mul", PredictedUS: 160, Bytes: 2.1e6, Flops: 0.26e6, Blocks: 64, Trips: 1, Bound: "memory"},
			{Name: "softmax", PredictedUS: 420, Bytes: 2.1e6, Flops: 5.2e6, Blocks: 16, Trips: 1, Bound: "arithmetic"},
			{Name: "matmul", PredictedUS: 1230, Bytes: 9.4e6, Flops: 33.5e6, Blocks: 16, Trips: 1, Bound: "memory"},
		}},
		Best: Run{PredictedUS: 1240, Bytes: 16.8e6, Flops: 69.1e6, MinBytes: 16.8e6, Kernels: []Kernel{
			{Name: "online_softmax", PredictedUS: 1240, Bytes: 16.8e6, Flops: 69.1e6, Blocks: 2, Trips: 128, TileBytes: 77e3, Bound: "memory"},
		}},
		Machine: Machine{PeakGFlops: 140, Levels: []Bandwidth{{"L1", 400}, {"L2", 180}, {"L3", 60}, {"DRAM", 18}}},
		Search: Search{States: 15234, Pruned: 14810, Candidates: 312, Tested: 948, Verified: 6, Rejected: 2, Stop: "exhausted",
			Derivation: "v1 = Q * 0.125; O = v1 / sum(exp(v1), over d)",
			Counts:     []Count{{"algebra", "not part of the program", 1210}, {"schedule", "tiles do not fit", 4100}, {"schedule", "lower bound above the best", 9500}},
			Rejections: []Rejection{{"8f14e45fceea167a5a36dedd4bea2543", "less stable: exp of scores without their maximum overflows in f16"}, {"c9f0f895fb98ab9159f51fd0297e236d", "output O differs at [0 3 17]"}},
			Near:       []string{"45c48cce2e2d7fbdea1afc51c7c6ad26"}},
		Verification: Verification{ErrorLog2: -64.3, Tests: 4, Seed: 1, Model: "S", FloatMaxRelError: 3.1e-6,
			Checks:    []string{"direct: both graphs were evaluated as written, tile by tile, on a small instance with the same cuts", "loops: by induction on trips, two trips leave every accumulator as one trip over both tiles does"},
			Stability: []Ratio{{"f32", 0.31}}},
		Executed: true,
	}}}
	if measured {
		b, w := &d.Targets[0].Baseline, &d.Targets[0].Best
		b.MeasuredUS, w.MeasuredUS = 3120, 1305
		for i, us := range []float64{1150, 190, 450, 1330} {
			b.Kernels[i].MeasuredUS = us
		}
	}
	return d
}

func render(t testing.TB, d Data) string {
	t.Helper()
	data, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	// For looking at it in a browser.
	if dir := os.Getenv("MORGANA_REPORT_DIR"); dir != "" {
		if err := os.WriteFile(dir+"/"+t.Name()+".html", data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return string(data)
}

func TestRender(t *testing.T) {
	page := render(t, sample(t, true))
	for _, want := range []string{"attention_decode", "online_softmax", "2.39×", "3.12 ms → 1.30 ms", "2⁻⁶⁴", "8f14e45fceea", "thread rescale", "S = 16384", "the set of its arguments"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, ">input 0<") {
		t.Error("a thread graph's input has no name, though what is passed to it has")
	}
	if !strings.Contains(page, "v1 = Q * 0.125\nO = v1") {
		t.Error("the steps to the winner do not stand one a line")
	}
	// The time of the only kernel is that of the run.
	if !strings.Contains(page, "<td>online_softmax</td><td>1.24 ms</td><td>1.30 ms</td>") {
		t.Error("the winner's kernel has no measured time")
	}
	if n := strings.Count(page, `<svg class="graph" `); n != 2+2+4 {
		t.Errorf("%d drawings; want the program and its primitives, a kernel level and a block, and both with two threads", n)
	}
}

// TestLabels: wherever the points of a roofline stand, no label covers a point or another label.
func TestLabels(t *testing.T) {
	number := regexp.MustCompile(`<circle class="[a-z]+" cx="([0-9.]+)" cy="([0-9.]+)"|<text class="label" x="([0-9.-]+)" y="([0-9.-]+)">([^<]*)<`)
	d := sample(t, true)
	target := d.Targets[0]
	for _, us := range []float64{100, 900, 1200, 1500, 3000, 3200, 20000} {
		for _, bytes := range []float64{1e5, 14e6, 22e6, 23.1e6, 60e6} {
			target.Best.MeasuredUS, target.Best.Bytes = us, bytes
			var marks []rect
			f := func(s string) float64 {
				x, err := strconv.ParseFloat(s, 64)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			for _, m := range number.FindAllStringSubmatch(roofline(&target), -1) {
				r := rect{}
				if m[1] != "" {
					r = rect{f(m[1]) - markR, f(m[2]) - markR, f(m[1]) + markR, f(m[2]) + markR}
				} else {
					w := 7 * float64(utf8.RuneCountInString(m[5]))
					r = rect{f(m[3]), f(m[4]) - 10, f(m[3]) + w, f(m[4]) + 2}
				}
				for _, o := range marks {
					if r.meets(o) && !(m[1] != "" && len(marks) == 1) { // the points themselves may coincide
						t.Errorf("%v µs, %v bytes: %v meets %v", us, bytes, r, o)
					}
				}
				marks = append(marks, r)
			}
			if len(marks) != 4 {
				t.Fatalf("%d marks, want two points with their labels", len(marks))
			}
		}
	}
}

// TestBars: a bar for each time that is known, as long as the time, by kernel.
func TestBars(t *testing.T) {
	for _, measured := range []bool{true, false} {
		d := sample(t, measured)
		times := 0
		longest := 0.0
		for _, r := range []*Run{&d.Targets[0].Best, &d.Targets[0].Baseline} {
			for _, k := range r.Kernels {
				k := row(&d.Targets[0], *r, k)
				longest = max(longest, k.PredictedUS, k.MeasuredUS)
				times++
				if k.MeasuredUS > 0 {
					times++
				}
			}
		}
		svg := bars(&d.Targets[0])
		rects := regexp.MustCompile(`<rect[^>]* width="([0-9.]+)"[^>]*><title>([^<]*)</title>`).FindAllStringSubmatch(svg, -1)
		if len(rects) != times {
			t.Errorf("measured %v: %d bars for %d times\n%s", measured, len(rects), times, svg)
		}
		full := 0
		for _, r := range rects {
			if strings.HasSuffix(r[2], micros(longest)) && r[1] == fmt.Sprintf("%.1f", barsW-barsName-barsValue) {
				full++
			}
			if !measured && !strings.Contains(r[2], "predicted") {
				t.Errorf("a measured bar: %v", r)
			}
		}
		if full != 1 {
			t.Errorf("measured %v: %d bars of full length: %v", measured, full, rects)
		}
	}
	many := sample(t, false)
	k := many.Targets[0].Baseline.Kernels[0]
	for range 100 {
		many.Targets[0].Baseline.Kernels = append(many.Targets[0].Baseline.Kernels, k)
	}
	if svg := bars(&many.Targets[0]); strings.Count(svg, "<rect") != maxBars+1 || !strings.Contains(svg, "more</text>") {
		t.Error("a program of many operators has too many bars")
	}
	if svg := bars(&Target{}); svg != "" {
		t.Errorf("bars of nothing: %s", svg)
	}
}

func TestNotMeasured(t *testing.T) {
	page := render(t, sample(t, false))
	if strings.Contains(page, "<th>measured</th>") || !strings.Contains(page, "predicted, not measured") || !strings.Contains(page, "Times are predicted") {
		t.Error("the page speaks of measured times")
	}
}

// TestSelfContained: nothing is fetched, nothing is run.
func TestSelfContained(t *testing.T) {
	page := render(t, sample(t, true))
	if m := regexp.MustCompile(`(?i)https?:|//[a-z]|<script|src=|@import|url\(|javascript:| on[a-z]+=`).FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
	for _, m := range regexp.MustCompile(`href="[^"]*"`).FindAllString(page, -1) {
		if m != `href="data:,"` {
			t.Errorf("the page links to %s", m)
		}
	}
}

func TestDeterministic(t *testing.T) {
	a := render(t, sample(t, false))
	for range 5 {
		if render(t, sample(t, false)) != a {
			t.Fatal("two renderings differ")
		}
	}
}

func TestEscapes(t *testing.T) {
	d := sample(t, true)
	d.Targets[0].Reason = `<script>alert("x")</script>`
	d.Targets[0].Name, d.Targets[0].Machine.Levels[0].Name = `cpu"><b`, `<L1>`
	d.Targets[0].Search.Rejections[0] = Rejection{"<h>", "a & b"}
	page := render(t, d)
	for _, bad := range []string{"<script", "<b", "<L1", "<h>"} {
		if i := strings.Index(page, bad+">"); i >= 0 && bad != "<b" {
			t.Errorf("%s is not escaped", bad)
		}
	}
	if strings.Contains(page, `cpu"><b`) {
		t.Error("the target's name is not escaped")
	}
}

// TestDrawingsAreXML: every drawing parses.
func TestDrawingsAreXML(t *testing.T) {
	page := render(t, sample(t, true))
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		dec := xml.NewDecoder(bytes.NewReader([]byte(svg)))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
	}
}

func TestEmptyParts(t *testing.T) {
	gs := graphs(t)
	page := render(t, Data{Program: gs[0], Targets: []Target{{Name: "cpu:generic", Reason: "no rule applies", Stages: []Stage{{Name: "program", Graph: gs[0]}}}}})
	for _, want := range []string{"no rule applies", "there was nothing to verify", "No finished candidate was refused"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || strings.Contains(page, "roofline\"") {
		t.Error("numbers that are not there are shown")
	}
	for _, d := range []Data{{}, {Program: gs[0]}, {Program: gs[0], Targets: []Target{{Stages: []Stage{{}}}}}} {
		if _, err := Render(d); err == nil {
			t.Error("rendered without a graph")
		}
	}
}

// TestLargeProgram: a program of thousands of operators is not drawn.
func TestLargeProgram(t *testing.T) {
	b := ugraph.NewBuilder("large")
	x := b.Input("X", ugraph.F32, ugraph.Ds(4))
	for range 5000 {
		x = b.Op(ugraph.OpAdd, nil, x, x)
	}
	b.Output("Y", x)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	page := render(t, Data{Program: g, Targets: []Target{{Name: "cpu", Stages: []Stage{{Name: "program", Graph: g}}}}})
	if !strings.Contains(page, "5\u202f000 operators are too many to draw") {
		t.Error("the page does not say so")
	}
	if n := strings.Count(page, "<path") + strings.Count(page, "<rect"); n > 100 {
		t.Errorf("%d shapes are drawn", n)
	}
}

// A cache's roof that is shorter than its name is left out: nearly all of it lies left of the plot.
func TestShortRoofs(t *testing.T) {
	d := sample(t, true)
	target := &d.Targets[0]
	for _, c := range []struct {
		gbs  float64
		want bool
	}{{30, true}, {60, true}, {100_000, false}} {
		target.Machine.Levels = []Bandwidth{{"L3", c.gbs}, {"DRAM", 18}}
		if got := strings.Contains(roofline(target), ">L3 "); got != c.want {
			t.Errorf("L3 of %g GB/s is drawn: %v, want %v", c.gbs, got, c.want)
		}
		if !strings.Contains(roofline(target), ">DRAM 18.0 GB/s") {
			t.Error("the memory's roof is not there")
		}
	}
}

// Thread graphs without a name are told apart by their number, in the kernel and above their own drawings.
func TestNumberedThreads(t *testing.T) {
	gs, err := text.Parse("u.ug", []byte(`ugraph u(X: f32[8, 4]) -> (Y) {
    Y = kernel (X) grid(a: 8 by 2) {
        _1 = load(X, a=0)
        _2 = thread(_1) -> (e) {
            e = exp(_1)
        }
        _3 = sum(_2, axis=1, keepdims=true)
        _4 = thread(_2, _3) -> (d) {
            d = _2 / _3
        }
        store Y(a=0) = _4
    }
}`))
	if err != nil {
		t.Fatal(err)
	}
	page := render(t, Data{Program: gs[0], Targets: []Target{{Name: "cpu", Stages: []Stage{{Name: "lowered", Graph: gs[0]}}}}})
	for want, times := range map[string]int{">thread 1<": 2, ">thread 2<": 2, "<b>thread 1</b> element by element": 1, "<b>thread 2</b> element by element": 1, "<b>kernel 1</b>": 1} {
		if n := strings.Count(page, want); n != times {
			t.Errorf("%d times %q, want %d", n, want, times)
		}
	}
}
