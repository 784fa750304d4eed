package expr

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// axisTable is the union-find of Lift: a class is a set of tensor dimensions that run together. A class
// may be bound to the row-major product of others, where a reshape splits or merges it.
type axisTable struct {
	parent []int
	extent []ugraph.Dim
	parts  [][]int // of a root: what it is the product of; nil: a leaf
	merged bool    // two classes have met since this was last cleared
}

func (t *axisTable) fresh(extent ugraph.Dim) int {
	t.parent = append(t.parent, len(t.parent))
	t.extent = append(t.extent, extent)
	t.parts = append(t.parts, nil)
	return len(t.parent) - 1
}

func (t *axisTable) root(v int) int {
	for t.parent[v] != v {
		t.parent[v] = t.parent[t.parent[v]]
		v = t.parent[v]
	}
	return v
}

// leaves appends the leaf classes that v is the product of, outermost first.
func (t *axisTable) leaves(v int, out []int) []int {
	v = t.root(v)
	if t.parts[v] == nil {
		return append(out, v)
	}
	for _, p := range t.parts[v] {
		out = t.leaves(p, out)
	}
	return out
}

func (t *axisTable) list(vs []int) []int {
	var out []int
	for _, v := range vs {
		out = t.leaves(v, out)
	}
	return out
}

// unify makes two classes of the same extent one.
func (t *axisTable) unify(a, b int) error {
	a, b = t.root(a), t.root(b)
	if a == b {
		return nil
	}
	t.merged = true
	switch {
	case t.parts[a] == nil && t.parts[b] == nil:
		t.parent[max(a, b)] = min(a, b)
		return nil
	case t.parts[a] == nil:
		return t.bind(a, b)
	case t.parts[b] == nil:
		return t.bind(b, a)
	}
	return t.unifyLists(t.leaves(a, nil), t.leaves(b, nil))
}

// bind makes the leaf a the same class as the product b, unless a is a factor of b.
func (t *axisTable) bind(a, b int) error {
	for _, l := range t.leaves(b, nil) {
		if l == a {
			return fmt.Errorf("an axis would be a factor of itself")
		}
	}
	t.parent[a] = b
	return nil
}

// unifyLists makes two row-major products of equal size one, splitting leaves where their
// boundaries differ but divide one another.
func (t *axisTable) unifyLists(a, b []int) error {
	for len(a) > 0 && len(b) > 0 {
		x, y := t.leaves(a[0], nil), t.leaves(b[0], nil)
		if len(x) > 1 || len(y) > 1 { // bound meanwhile
			a, b = append(x, a[1:]...), append(y, b[1:]...)
			continue
		}
		ex, ey := t.extent[x[0]], t.extent[y[0]]
		if ex == ey {
			if err := t.unify(x[0], y[0]); err != nil {
				return err
			}
			a, b = a[1:], b[1:]
			continue
		}
		// A lone rest on one side is the product of everything on the other.
		switch {
		case len(a) == 1 && t.product(b) == ex:
			return t.bindList(x[0], b)
		case len(b) == 1 && t.product(a) == ey:
			return t.bindList(y[0], a)
		}
		if outer, inner, ok := quotient(ex, ey); ok { // x = y's extent times an inner rest
			rest := t.fresh(inner)
			if err := t.bindList(x[0], []int{t.fresh(outer), rest}); err != nil {
				return err
			}
			continue
		}
		if outer, inner, ok := quotient(ey, ex); ok {
			rest := t.fresh(inner)
			if err := t.bindList(y[0], []int{t.fresh(outer), rest}); err != nil {
				return err
			}
			continue
		}
		return fmt.Errorf("an axis of extent %s and one of extent %s start at the same place and neither divides the other", ex, ey)
	}
	if len(a)+len(b) > 0 {
		return fmt.Errorf("shapes of different size")
	}
	return nil
}

// quotient splits whole into part (outer) times an integer.
func quotient(whole, part ugraph.Dim) (outer, inner ugraph.Dim, ok bool) {
	if p, isNumber := part.Const(); isNumber && p > 0 {
		if q, divides := whole.Div(p); divides {
			return part, q, true
		}
		return
	}
	for _, n := range []int64{2, 3, 4, 5, 6, 7, 8, 16, 32, 64} { // integer·symbol over symbol
		if q, divides := whole.Div(n); divides && q == part {
			return part, ugraph.D(n), true
		}
	}
	return
}

func (t *axisTable) product(vs []int) ugraph.Dim {
	n := ugraph.D(1)
	for _, v := range vs {
		n = n.Mul(t.extent[t.root(v)])
	}
	return n
}

// bindList makes the leaf a the product of vs.
func (t *axisTable) bindList(a int, vs []int) error {
	if len(vs) == 1 {
		return t.unify(a, vs[0])
	}
	for _, l := range t.list(vs) {
		if l == a {
			return fmt.Errorf("an axis would be a factor of itself")
		}
	}
	t.parts[a] = append([]int(nil), vs...)
	return nil
}
