package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// plan says how large an instance is to be.
type plan struct {
	trips  int          // trips of a loop, at most the real number; 0: all of them
	blocks int          // blocks of a grid dimension whose blocks do not combine
	need   map[int]int  // variable → the least number of columns
	env    ugraph.Env   // sizes of symbols, where a real size is needed
	real   bool         // every axis has its real size
	bind   bool         // symbols have the sizes of env: to show values, not to prove
	single map[int]bool // variables of grid counts that may be 1: blocks that do not meet
	free   map[int]bool // variables of axes that may have one position
	weigh  bool         // blocks that combine get weights instead of their real number
	loose  bool         // nothing is proved: cuts need not stand to each other as in reality
	wide   bool         // tiles of bound cuts have two positions or more, as in reality
}

// maxCombined bounds the number of blocks that an instance combines: up to it the real number is used.
const maxCombined = 64

func (s *sizing) realSize(i int, env ugraph.Env) (int, bool) {
	n, err := s.real[i].Eval(env)
	if err != nil || n < 1 || n > 1<<31 {
		return 0, false
	}
	return int(n), true
}

// number is the extent of a variable where it is one at every size of the symbols. (A symbolic extent
// must not limit an instance: at the size that happens to be bound there may be a single trip.)
func (s *sizing) number(i int) (int, bool) {
	n, ok := s.real[i].Const()
	if !ok || n < 1 || n > 1<<31 {
		return 0, false
	}
	return int(n), true
}

// widen gives the tiles of bound cuts that have several positions as many as the axis needs, and two at least.
func (s *sizing) widen(size []int, need map[int]int) {
	owners := s.owners()
	for i := range s.rels {
		rel := &s.rels[i]
		if rel.kind != tiled || rel.stacked {
			continue
		}
		o, ok := owners[rel.parts[1]]
		tile, blocks := s.find(rel.parts[0]), size[s.find(rel.parts[1])]
		if !ok || o.grid < 0 || !s.boundGrid(o) || size[tile] != 0 || blocks < 1 {
			continue
		}
		if real, ok := s.number(rel.parts[0]); ok {
			size[tile] = min(real, max(2, (need[s.find(rel.whole)]+blocks-1)/blocks))
		}
	}
}

// solve finds sizes for all variables, or says which relation cannot be met.
func (s *sizing) solve(p plan) (*instance, error) {
	in := &instance{sizes: s, size: make([]int, len(s.parent)), cols: make([][]int32, len(s.parent)), pairs: map[[2]int32]int32{},
		blocks: map[int][]int32{}, inner: map[int32]int32{}, outer: map[int32]int32{}}
	size := in.size
	pinned := map[int]bool{}
	for i := range s.parent {
		r := s.find(i)
		n, ok := s.realSize(i, p.env)
		why, pin := s.pinned[i]
		_, isNumber := s.number(i)
		if ok && (p.real || pin || n == 1 && isNumber) {
			if size[r] != 0 && size[r] != n {
				return nil, fmt.Errorf("an axis would need the sizes %d and %d at once", size[r], n)
			}
			if !isNumber && !p.bind {
				if why == "" {
					why = "no smaller instance exists"
				}
				return nil, &errUndecided{fmt.Sprintf("an axis of extent %s would need one fixed size: %s", s.real[i], why)}
			}
			size[r] = n
			pinned[r] = true
		}
	}
	needOf := func(r int) int { return max(2, p.need[r]) }
	isParts := map[int]bool{}
	symbolic, crowd := false, false
	whole := map[int]bool{} // counts of parts of which all are evaluated
	set := func(cs cutVars, o cutOwner) {
		loop := o.grid < 0
		r := s.find(cs.parts)
		isParts[r] = true
		if size[r] != 0 {
			return
		}
		n, ok := s.number(cs.parts)
		want := p.blocks
		switch {
		case loop && p.trips == 0 && ok:
			want = n
			whole[r] = true
		case loop && p.trips == 0:
			symbolic = true
		case loop:
			want = p.trips
		case s.reduced[cs.parts] && p.weigh && !s.unweighed[cs.parts]:
			want = 3
			for _, w := range append(s.combined(o, cs.parts), s.stacks[cs.parts]...) {
				want = max(want, p.need[s.find(w)])
			}
			in.blocks[r] = nil
		case (s.reduced[cs.parts] || s.boundGrid(o)) && ok && n <= maxCombined:
			want = n
			whole[r] = true
		case s.reduced[cs.parts] || s.boundGrid(o):
			crowd = true
		case p.single[r]:
			want = 1
		}
		if ok {
			want = min(want, n)
		}
		size[r] = want
	}
	for _, g := range s.order {
		for i, c := range s.grids[g] {
			set(c, cutOwner{g, i})
		}
		if c, ok := s.loops[g]; ok {
			set(c, cutOwner{g, -1})
		}
	}
	if crowd {
		return nil, &errUndecided{"the results depend on the number of blocks, and there are too many to evaluate all of them"}
	}
	s.weighBlocks(in, &p)
	if !p.real {
		s.fillParts(whole, size, &p)
	}
	if p.wide {
		s.widen(size, p.need)
	}
	if symbolic {
		return nil, &errUndecided{"the number of trips is not a number, and induction over the loop failed"}
	}
	for changed := true; changed; {
		changed = s.propagate(size, isParts)
		if changed {
			continue
		}
		if r := s.pick(size); r >= 0 {
			n := needOf(r)
			if real, ok := s.number(r); ok && s.mult(r, size, 0) == 1 {
				n = min(n, real)
			}
			if f := s.leastOf(r); n < f {
				n = f
			}
			if s.isTile(r) {
				n = 2
				for _, rel := range s.rels {
					if rel.kind == tiled && s.find(rel.parts[0]) == r {
						w := s.find(rel.whole)
						n = max(n, (p.need[w]+size[s.find(rel.parts[1])]-1)/max(1, size[s.find(rel.parts[1])]))
					}
				}
				if real, ok := s.number(r); ok {
					n = min(n, real)
				}
			}
			if p.free[r] {
				n = 1
			} else {
				n = max(n, s.least(r, size, 0))
			}
			m := s.mult(r, size, 0)
			size[r] = (n + m - 1) / m * m
			changed = true
		}
	}
	for _, rel := range s.rels {
		w := size[s.find(rel.whole)]
		acc := 1
		if rel.kind == total {
			acc = 0
		}
		for _, q := range rel.parts {
			switch rel.kind {
			case product:
				acc *= size[s.find(q)]
			case total:
				acc += size[s.find(q)]
			case tiled:
				acc = w
			}
		}
		if t := size[s.find(rel.parts[0])]; rel.kind == tiled && rel.ragged && !p.real && p.single == nil && t > 0 && w%t == 0 {
			return nil, &errUndecided{fmt.Sprintf("no small instance has the ragged tiles that the real one has: %s by %s, here %d by %d", s.real[rel.whole], s.real[rel.parts[0]], w, t)}
		}
		if acc != w {
			return nil, fmt.Errorf("no small sizes meet all reshapes and cuts")
		}
		if rel.kind == tiled {
			t, b := size[s.find(rel.parts[0])], s.find(rel.parts[1])
			if _, weighed := in.blocks[b]; weighed && t > 0 && (w+t-1)/t != size[b] {
				return nil, fmt.Errorf("no small sizes meet all reshapes and cuts: %d by %d are not %d blocks", w, t, size[b])
			}
		}
	}
	if !p.real && p.single == nil && !p.loose {
		if err := s.faithful(size, p.trips == 0); err != nil {
			if !p.wide { // parts of one position may be why
				p.wide = true
				if in, err := s.solve(p); err == nil {
					return in, nil
				}
			}
			return nil, err
		}
	}
	in.label(p, pinned, isParts)
	return in, nil
}

func (s *sizing) leastOf(r int) int {
	n := 0
	for i, f := range s.fixed {
		if s.find(i) == r {
			n = max(n, f)
		}
	}
	return n
}

// fillParts makes every part of an axis as long as its columns need: where all parts are evaluated no
// induction moves the columns that theorem 4.2 retains to a few of them, and all may lie in one.
func (s *sizing) fillParts(whole map[int]bool, size []int, p *plan) {
	need := map[int]int{}
	for k, v := range p.need {
		need[k] = v
	}
	for _, rel := range s.rels {
		parts := -1
		switch {
		case rel.stacked:
		case rel.kind == tiled:
			parts = s.find(rel.parts[1])
		case rel.kind == product && len(rel.parts) == 2:
			parts = s.find(rel.parts[0])
		}
		if parts < 0 || !whole[parts] {
			continue
		}
		w := s.find(rel.whole)
		need[w] = max(need[w], max(2, p.need[w])*size[parts])
	}
	p.need = need
}

func (s *sizing) isTile(r int) bool {
	for _, rel := range s.rels {
		if rel.kind == tiled && s.find(rel.parts[0]) == r {
			for _, other := range s.rels {
				if s.find(other.whole) == r {
					return false
				}
			}
			return true
		}
	}
	return false
}

// least is the smallest size of a variable that leaves two positions or more to every tile that is cut
// from it, where the real tile has two, and fewer to the last one, where the real one has fewer.
func (s *sizing) least(r int, size []int, depth int) int {
	n := 2
	if real, ok := s.number(r); ok && real == 1 {
		n = 1
	}
	if depth > 20 {
		return n
	}
	for _, rel := range s.rels {
		if rel.kind == tiled && rel.ragged && s.find(rel.whole) == r {
			n = max(n, 2*size[s.find(rel.parts[1])]-1)
		}
		if rel.kind != product || s.find(rel.whole) != r {
			continue
		}
		k := 1
		for _, q := range rel.parts {
			if d := size[s.find(q)]; d != 0 {
				k *= d
			} else {
				k *= s.least(s.find(q), size, depth+1)
			}
		}
		n = max(n, k)
	}
	return n
}

// mult is a number that a variable's size must be a multiple of, so that its cuts come out even.
func (s *sizing) mult(r int, size []int, depth int) int {
	m := 1
	if depth > 20 {
		return m
	}
	for _, rel := range s.rels {
		if rel.kind != product || s.find(rel.whole) != r {
			continue
		}
		k := 1
		for _, q := range rel.parts {
			if n := size[s.find(q)]; n != 0 {
				k *= n
			} else {
				k *= s.mult(s.find(q), size, depth+1)
			}
		}
		m = lcm(m, k)
	}
	return m
}

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// propagate derives sizes that follow from others.
func (s *sizing) propagate(size []int, isParts map[int]bool) bool {
	changed := false
	for _, rel := range s.rels {
		w := s.find(rel.whole)
		if rel.kind == tiled {
			t, b := s.find(rel.parts[0]), s.find(rel.parts[1])
			switch {
			case size[w] == 0 && size[t] != 0 && size[b] != 0 && s.mult(w, size, 0) == 1:
				size[w] = size[t] * size[b]
				if rel.ragged && size[t] > 1 && size[b] > 1 {
					size[w]--
				}
				changed = true
			case size[w] != 0 && size[t] == 0:
				n := max(1, (size[w]+size[b]-1)/max(1, size[b]))
				for rel.ragged && n > 1 && n < size[w]-1 && size[w]%n == 0 {
					n++ // what can be ragged at the real size must be so here
				}
				size[t] = n
				changed = true
			}
			continue
		}
		unknown, last := 0, -1
		acc := 1
		if rel.kind == total {
			acc = 0
		}
		for _, q := range rel.parts {
			r := s.find(q)
			if size[r] == 0 {
				if r != last {
					unknown++
				}
				last = r
				continue
			}
			if rel.kind == product {
				acc *= size[r]
			} else {
				acc += size[r]
			}
		}
		switch {
		case unknown == 0 && size[w] == 0:
			size[w] = acc
			changed = true
		case unknown == 1 && size[w] != 0 && rel.kind == product && acc > 0 && size[w]%acc == 0:
			size[last] = size[w] / acc
			changed = true
		case unknown == 1 && size[w] != 0 && rel.kind == total:
			n := 0
			for _, q := range rel.parts {
				if s.find(q) == last {
					n++
				}
			}
			if size[w] > acc && (size[w]-acc)%n == 0 {
				size[last] = (size[w] - acc) / n
				changed = true
			}
		}
	}
	return changed
}

// inMemory are the variables of axes of tensors in memory.
func (s *sizing) inMemory() map[int]bool {
	memory := map[int]bool{}
	for i := range s.parent {
		if s.kernel[i] {
			memory[s.find(i)] = true
		}
	}
	return memory
}

// pick chooses the next variable to decide: none that follows from another one still open.
func (s *sizing) pick(size []int) int {
	fallback := -1
	memory := s.inMemory()
	// Axes of tensors in memory first: the sizes of tiles follow from them.
	order := make([]int, 0, 2*len(s.parent))
	for i := range s.parent {
		if s.find(i) == i && memory[i] {
			order = append(order, i)
		}
	}
	for i := range s.parent {
		if s.find(i) == i && !memory[i] {
			order = append(order, i)
		}
	}
	for _, r := range order {
		if size[r] != 0 {
			continue
		}
		if fallback < 0 {
			fallback = r
		}
		ok := true
		for _, rel := range s.rels {
			open := map[int]bool{}
			isPart := false
			for _, q := range rel.parts {
				qr := s.find(q)
				if size[qr] == 0 {
					open[qr] = true
				}
				isPart = isPart || qr == r
			}
			w := s.find(rel.whole)
			switch {
			case w == r && rel.kind == tiled && open[s.find(rel.parts[0])]:
				ok = false // the tile first
			case w == r && rel.kind != tiled && len(open) > 1, w == r && rel.kind == total && len(open) > 0:
				ok = false // its parts first
			case isPart && rel.kind == product && size[w] == 0 && len(open) == 1 && !memory[r]:
				ok = false // follows from the whole
			}
		}
		if ok {
			return r
		}
	}
	return fallback
}
