package report

import (
	"math"
	"sort"
)

// box is a node of a drawing: its size is given, its layer and place are found. Coordinates are in
// pixels, x of the centre and y of the upper edge.
type box struct {
	w, h  float64
	layer int
	x, y  float64
	dummy bool // a bend of a line that passes a layer
}

// line is a line between boxes; it arrives at slot Slot of Slots along the upper edge of its end.
type line struct {
	from, to    int
	slot, slots int
	path        []int // boxes from from to to, bends included
}

// Distances of drawings, in pixels.
const (
	gapX   = 14.0
	gapY   = 34.0
	margin = 12.0
)

// place finds a place for every box by the layered method (Sugiyama, Tagawa and Toda, 1981): bends where
// a line passes layers, the order in each layer by barycentres, x by least squares under that order. All
// lines run to a later layer. It returns the boxes with the bends, and the drawing's width and height.
func place(boxes []box, lines []line) ([]box, float64, float64) {
	boxes = bends(boxes, lines)
	n := 0
	for _, b := range boxes {
		n = max(n, b.layer+1)
	}
	layers := make([][]int, n)
	for i, b := range boxes {
		layers[b.layer] = append(layers[b.layer], i)
	}
	up, down := neighbours(len(boxes), lines)
	order(boxes, layers, up, down)
	straighten(boxes, layers, up, down)
	left, right, y := math.Inf(1), math.Inf(-1), margin
	for _, l := range layers {
		h := 0.0
		for _, i := range l {
			boxes[i].y = y
			h = max(h, boxes[i].h)
			left, right = min(left, boxes[i].x-boxes[i].w/2), max(right, boxes[i].x+boxes[i].w/2)
		}
		for _, i := range l {
			if boxes[i].dummy {
				boxes[i].h = h // the line runs straight past the boxes of the layer
			}
		}
		y += h + gapY
	}
	for i := range boxes {
		boxes[i].x += margin - left
	}
	return boxes, right - left + 2*margin, y - gapY + margin
}

// bends adds a box without width for every layer that a line passes. Lines from one box share them.
func bends(boxes []box, lines []line) []box {
	chain := map[[2]int]int{} // source and layer → bend
	for i := range lines {
		l := &lines[i]
		l.path = []int{l.from}
		for at := boxes[l.from].layer + 1; at < boxes[l.to].layer; at++ {
			key := [2]int{l.from, at}
			d, ok := chain[key]
			if !ok {
				d = len(boxes)
				chain[key] = d
				boxes = append(boxes, box{w: 2, layer: at, dummy: true})
			}
			l.path = append(l.path, d)
		}
		l.path = append(l.path, l.to)
	}
	return boxes
}

// link is a neighbour in the next layer; port, between -1/4 and 1/4 of a position, is where the line
// meets it, so that operands come to stand in their order.
type link struct {
	box  int
	port float64
}

func neighbours(n int, lines []line) (up, down [][]link) {
	up, down = make([][]link, n), make([][]link, n)
	seen := map[[2]int]bool{}
	for _, l := range lines {
		for i := 1; i < len(l.path); i++ {
			a, b := l.path[i-1], l.path[i]
			if seen[[2]int{a, b}] {
				continue
			}
			seen[[2]int{a, b}] = true
			port := 0.0
			if i == len(l.path)-1 && l.slots > 1 {
				port = float64(l.slot)/float64(l.slots-1)/2 - 0.25
			}
			down[a], up[b] = append(down[a], link{b, port}), append(up[b], link{a, 0})
		}
	}
	return up, down
}

// order sorts each layer by the mean position of its neighbours, downwards and upwards in turn, and
// keeps the order with the fewest crossings.
func order(boxes []box, layers [][]int, up, down [][]link) {
	pos := make([]float64, len(boxes))
	number := func() {
		for _, l := range layers {
			for i, b := range l {
				pos[b] = float64(i)
			}
		}
	}
	number()
	best, fewest := copyLayers(layers), crossings(layers, down, pos)
	for sweep := range 12 {
		near := up
		if sweep%2 == 1 {
			near = down
		}
		for i := range layers {
			l := layers[i]
			if sweep%2 == 1 {
				l = layers[len(layers)-1-i]
			}
			want := map[int]float64{}
			for _, b := range l {
				want[b] = pos[b]
				if len(near[b]) > 0 {
					want[b] = mean(near[b], pos)
				}
			}
			sort.SliceStable(l, func(i, j int) bool { return want[l[i]] < want[l[j]] })
			for i, b := range l {
				pos[b] = float64(i)
			}
		}
		if c := crossings(layers, down, pos); c < fewest {
			best, fewest = copyLayers(layers), c
		}
	}
	copy(layers, best)
}

func copyLayers(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i, l := range layers {
		out[i] = append([]int(nil), l...)
	}
	return out
}

func mean(of []link, at []float64) float64 {
	s := 0.0
	for _, l := range of {
		s += at[l.box] + l.port
	}
	return s / float64(len(of))
}

func crossings(layers [][]int, down [][]link, pos []float64) int {
	n := 0
	for _, l := range layers {
		for i, a := range l {
			for _, b := range l[i+1:] {
				for _, x := range down[a] {
					for _, y := range down[b] {
						if pos[x.box]+x.port > pos[y.box]+y.port {
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// straighten moves the boxes of each layer to the mean of their neighbours as far as their widths let
// them; bends weigh more, so that long lines are straight.
func straighten(boxes []box, layers [][]int, up, down [][]link) {
	for _, l := range layers {
		x := 0.0
		for _, i := range l {
			boxes[i].x = x + boxes[i].w/2
			x += boxes[i].w + gapX
		}
		for _, i := range l {
			boxes[i].x -= (x - gapX) / 2
		}
	}
	xs := make([]float64, len(boxes))
	for sweep := range 24 {
		for i := range layers {
			l, near := layers[i], up
			if sweep%2 == 1 {
				l, near = layers[len(layers)-1-i], down
			}
			for i := range boxes {
				xs[i] = boxes[i].x
			}
			want, weight := make([]float64, len(l)), make([]float64, len(l))
			for k, b := range l {
				want[k], weight[k] = boxes[b].x, 0.1
				if n := near[b]; len(n) > 0 {
					want[k], weight[k] = mean(n, xs), 1
					if boxes[b].dummy {
						weight[k] = 8
					}
				}
			}
			separate(boxes, l, want, weight)
		}
	}
}

// separate gives the boxes of a layer the x nearest to want, in the weighted least squares sense, that
// keep their order and gaps: pool adjacent violators on want minus the widths so far.
func separate(boxes []box, l []int, want, weight []float64) {
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	offset := make([]float64, len(l))
	for k := range l {
		if k > 0 {
			offset[k] = offset[k-1] + boxes[l[k-1]].w/2 + gapX + boxes[l[k]].w/2
		}
		p := pool{float64((want[k] - offset[k]) * weight[k]), weight[k], 1} // rounded: no machine may fuse it
		for len(pools) > 0 {
			q := pools[len(pools)-1]
			if q.sum/q.weight <= p.sum/p.weight {
				break
			}
			p = pool{p.sum + q.sum, p.weight + q.weight, p.n + q.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	k := 0
	for _, p := range pools {
		for range p.n {
			boxes[l[k]].x = p.sum/p.weight + offset[k]
			k++
		}
	}
}
