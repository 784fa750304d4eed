package partition

import "slices"

// This file lists the groups of operators that one kernel may hold.

func (s *search) within(set cellSet) bool {
	ops, dots := 0, 0
	for c := range s.cells {
		if set.has(c) {
			ops += s.cells[c].operators
			dots += s.cells[c].contractions
		}
	}
	return ops <= s.opt.MaxOperators && dots <= s.opt.MaxContractions
}

// groups calls f with every ideal that a group within the limits leads to from an ideal. A single cell
// is a group whatever its size. The members of a group hang together by what they read and write.
// It gives up, returning false, where there are more sets than maxIdeals.
func (s *search) groups(from cellSet, f func(to cellSet)) bool {
	seen := map[cellSet]bool{from: true}
	var visit func(at cellSet)
	visit = func(at cellSet) {
		for c := range s.cells {
			to := at | 1<<c
			if len(seen) > maxIdeals || len(seen)&63 == 0 && s.ctx.Err() != nil || at.has(c) || s.cells[c].needs&^at != 0 || seen[to] {
				continue
			}
			group := to &^ from
			if group.len() > 1 && !s.within(group) {
				continue
			}
			seen[to] = true
			if s.connected(group) {
				f(to)
			}
			visit(to)
		}
	}
	visit(from)
	return len(seen) <= maxIdeals
}

// connected tells whether the cells are linked by results and by inputs that they share.
func (s *search) connected(set cellSet) bool {
	var list []int
	for c := range s.cells {
		if set.has(c) {
			list = append(list, c)
		}
	}
	reached := cellSet(1) << list[0]
	for grown := true; grown; {
		grown = false
		for _, c := range list {
			if reached.has(c) {
				continue
			}
			for _, o := range list {
				if reached.has(o) && s.linked(c, o) {
					reached |= 1 << c
					grown = true
					break
				}
			}
		}
	}
	return reached == set
}

func (s *search) linked(a, b int) bool {
	x, y := &s.cells[a], &s.cells[b]
	if x.needs.has(b) || y.needs.has(a) {
		return true
	}
	for _, n := range x.reads {
		if _, ok := slices.BinarySearch(y.reads, n); ok {
			return true
		}
	}
	return false
}
