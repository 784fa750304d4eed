package report

import (
	"math/rand/v2"
	"testing"
)

// TestPlace: in random layered graphs no two boxes of a layer touch, layers lie below each other, and
// everything is inside the drawing.
func TestPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(30)
		boxes := make([]box, n)
		var lines []line
		for i := range boxes {
			boxes[i] = box{w: 40 + float64(rng.IntN(160)), h: 20 + float64(rng.IntN(50))}
			slots := rng.IntN(3)
			for s := range min(slots, i) {
				from := rng.IntN(i)
				lines = append(lines, line{from: from, to: i, slot: s, slots: min(slots, i)})
				boxes[i].layer = max(boxes[i].layer, boxes[from].layer+1)
			}
		}
		out, w, h := place(boxes, lines)
		for i, a := range out {
			if a.x-a.w/2 < margin-0.01 || a.x+a.w/2 > w-margin+0.01 || a.y < margin-0.01 || a.y+a.h > h-margin+0.01 {
				t.Fatalf("box %d of %d is at %.0f, %.0f of a drawing of %.0f by %.0f", i, n, a.x, a.y, w, h)
			}
			for _, b := range out[i+1:] {
				if a.layer == b.layer && max(a.x-b.x, b.x-a.x) < (a.w+b.w)/2+gapX-0.01 {
					t.Fatal("two boxes of a layer touch")
				}
				if a.layer < b.layer && a.y+a.h > b.y {
					t.Fatal("a layer reaches into the next")
				}
			}
		}
		for _, l := range lines {
			for i := 1; i < len(l.path); i++ {
				if out[l.path[i]].layer != out[l.path[i-1]].layer+1 {
					t.Fatalf("a line skips a layer: %v", l.path)
				}
			}
		}
	}
}

// TestOperandOrder: operands stand in their order where nothing else decides.
func TestOperandOrder(t *testing.T) {
	boxes := []box{{w: 50, h: 20}, {w: 50, h: 20}, {w: 50, h: 20, layer: 1}}
	out, _, _ := place(boxes, []line{{from: 1, to: 2, slot: 0, slots: 2}, {from: 0, to: 2, slot: 1, slots: 2}})
	if out[1].x > out[0].x {
		t.Error("the first operand stands right of the second")
	}
	if mid := (out[0].x + out[1].x) / 2; out[2].x < mid-1 || out[2].x > mid+1 {
		t.Errorf("the user is at %g, not between its operands (%g)", out[2].x, mid)
	}
}

// TestLoopFrame: in the drawing of a block graph, what is before the loop lies above the frame, what is
// after it below.
func TestLoopFrame(t *testing.T) {
	for _, g := range graphs(t)[1:] {
		block := g.Node(0).Body
		d := draw(Picture{Graph: block})
		if d.frame[0] > d.frame[1] {
			t.Fatal("no frame")
		}
		for v, b := range d.of {
			if b < 0 {
				continue
			}
			at, name := d.boxes[b].layer, block.Values[v].Name
			switch name {
			case "Q", "K", "V", "q":
				if at >= d.frame[0] {
					t.Errorf("%s is not above the loop", name)
				}
			case "o":
				if at <= d.frame[1] {
					t.Errorf("%s is not below the loop", name)
				}
			default:
				if at < d.frame[0] || at > d.frame[1] {
					t.Errorf("%s is not in the loop", name)
				}
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{scaled(16.8e6, "B"), "16.8 MB"}, {scaled(999.6, "B"), "1.00 kB"}, {scaled(0, "B"), "–"}, {scaled(5e18, "B"), "5000 PB"},
		{micros(0.5), "0.50 µs"}, {micros(1305), "1.30 ms"}, {micros(2.5e6), "2.50 s"}, {micros(-1), "–"},
		{grouped(1234567), "1\u202f234\u202f567"}, {grouped(-1000), "-1\u202f000"}, {grouped(12), "12"},
		{superscript(-64.3), "⁻⁶⁴"}, {plain(128), "128"}, {plain(2.5), "2.50"}, {count(1, "test", "tests"), "1 test"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
