package scatter

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// The picture is well-formed, names every series, and has each of its points once.
func TestWrite(t *testing.T) {
	p := Plot{Title: "a < b", X: "x", Y: "y"}
	for i := range 15 {
		p.Series = append(p.Series, Series{Name: fmt.Sprintf("series %d", i), Points: []Point{{10, 20}, {1000, 700}, {3e4, 1e5}}})
	}
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	text := b.String()
	for _, s := range p.Series {
		if strings.Count(text, s.Name+"<") != 2 { // title and legend
			t.Errorf("%s is not named twice", s.Name)
		}
	}
	if n := strings.Count(text, "z"); strings.Count(text, "zM") != 15*2 || n == 0 {
		t.Errorf("%d marks follow another one, want 30", strings.Count(text, "zM"))
	}
	if !strings.Contains(text, "prefers-color-scheme:dark") || strings.Contains(text, "http://www.w3.org/1999") {
		t.Error("no dark colours, or something from elsewhere")
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, q := range []Point{{0, 1}, {1, -2}, {math.NaN(), 1}, {1, math.Inf(1)}} {
		if err := Write(io.Discard, Plot{Series: []Series{{Name: "s", Points: []Point{q}}}}); err == nil {
			t.Errorf("%v gave no error", q)
		}
	}
	if err := Write(io.Discard, Plot{}); err == nil {
		t.Error("a plot without points gave no error")
	}
}
