package shrink

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Class is a named axis of a program: everything that the operators force to be one axis.
type Class struct {
	Size       ugraph.Dim
	Fixed      bool // its extent cannot change: slices, concatenations, literals in shapes
	Folded     bool // something sums, averages or takes the extreme over it
	Contracted bool // a matmul sums over it
	Output     bool // an output has it
	Last       bool // it is in the last axis of an output
}

// Axes are the named axes of a program, and where they occur.
type Axes struct {
	g       *ugraph.Graph
	leaves  []leaf
	values  [][][]int // per value and axis: leaves, outermost first
	classes []int     // class -> its leaf
	classOf []int     // leaf -> class, -1 for a leaf that was split
}

// leaf is an element of the union-find: part of an axis. A split leaf stands for its children.
type leaf struct {
	Class
	parent int
	split  []int
}

// Analyse finds the named axes of a program of primitive operators. It fails for graphs with kernels
// or composite operators.
func Analyse(g *ugraph.Graph) (*Axes, error) {
	a := &Axes{g: g, values: make([][][]int, len(g.Values))}
	for _, in := range g.Inputs {
		a.values[in.Value] = a.fresh(g.Values[in.Value].Shape)
	}
	for i := range g.Nodes {
		if err := a.node(&g.Nodes[i]); err != nil {
			return nil, fmt.Errorf("%s: node %d (%s): %w", g.Name, i, g.Nodes[i].Op, err)
		}
	}
	for _, o := range g.Outputs {
		v := a.values[o.Value]
		for k, axis := range v {
			for _, l := range a.flat(axis) {
				a.leaves[l].Output = true
				a.leaves[l].Last = a.leaves[l].Last || k == len(v)-1
			}
		}
	}
	a.joinSymbols()
	a.classOf = make([]int, len(a.leaves))
	for i := range a.leaves {
		a.classOf[i] = -1
		if a.find(i) == i && a.leaves[i].split == nil {
			a.classOf[i] = len(a.classes)
			a.classes = append(a.classes, i)
		}
	}
	return a, nil
}

// joinSymbols makes all axes of one symbolic extent one class.
func (a *Axes) joinSymbols() {
	for i := range a.leaves {
		if _, ok := a.leaves[i].Size.Const(); ok || a.find(i) != i || a.leaves[i].split != nil {
			continue
		}
		for j := range i {
			if a.find(j) == j && a.leaves[j].split == nil && a.leaves[j].Size == a.leaves[i].Size {
				a.union(j, i)
				break
			}
		}
	}
}

// Classes lists the named axes in the order of their first appearance.
func (a *Axes) Classes() []Class {
	out := make([]Class, len(a.classes))
	for i, l := range a.classes {
		out[i] = a.leaves[l].Class
	}
	return out
}

// Input is an axis of an input as the classes that it is the product of, outermost first.
func (a *Axes) Input(i, axis int) []int { return a.classesOf(a.values[a.g.Inputs[i].Value][axis]) }

func (a *Axes) classesOf(axis []int) []int {
	var out []int
	for _, l := range a.flat(axis) {
		out = append(out, a.classOf[l])
	}
	return out
}

// Plan is the plan that gives the inputs these extents; Literal, Tile and Number are the caller's.
func (a *Axes) Plan(sizes []int64) Plan {
	p := Plan{Inputs: make([][]Axis, len(a.g.Inputs))}
	for i, in := range a.g.Inputs {
		for k := range a.values[in.Value] {
			var axis Axis
			for _, c := range a.Input(i, k) {
				axis = append(axis, Part{a.leaves[a.classes[c]].Size, ugraph.D(sizes[c])})
			}
			p.Inputs[i] = append(p.Inputs[i], axis)
		}
	}
	return p
}

func (a *Axes) fresh(shape []ugraph.Dim) [][]int {
	out := make([][]int, len(shape))
	for i, d := range shape {
		out[i] = a.leaf(d)
	}
	return out
}

// leaf makes an axis; one of extent 1 has no parts.
func (a *Axes) leaf(d ugraph.Dim) []int {
	if d.Is(1) {
		return nil
	}
	a.leaves = append(a.leaves, leaf{Class: Class{Size: d}, parent: len(a.leaves)})
	return []int{len(a.leaves) - 1}
}

func (a *Axes) find(i int) int {
	for a.leaves[i].parent != i {
		i = a.leaves[i].parent
	}
	return i
}

// flat resolves an axis to leaves that are not split.
func (a *Axes) flat(axis []int) []int {
	var out []int
	for _, l := range axis {
		l = a.find(l)
		if s := a.leaves[l].split; s != nil {
			out = append(out, a.flat(s)...)
		} else {
			out = append(out, l)
		}
	}
	return out
}

func (a *Axes) union(i, j int) {
	if i == j {
		return
	}
	a.leaves[j].parent = i
	x, y := &a.leaves[i].Class, &a.leaves[j].Class
	x.Fixed = x.Fixed || y.Fixed
	x.Folded = x.Folded || y.Folded
	x.Contracted = x.Contracted || y.Contracted
	x.Output = x.Output || y.Output
	x.Last = x.Last || y.Last
}

// divide splits leaf i into an outer part of extent outer and the rest.
func (a *Axes) divide(i int, outer int64) (int, int) {
	n, _ := a.leaves[i].Size.Const()
	c := a.leaves[i].Class
	var ids [2]int
	for k, size := range []int64{outer, n / outer} {
		ids[k] = len(a.leaves)
		c.Size = ugraph.D(size)
		a.leaves = append(a.leaves, leaf{Class: c, parent: ids[k]})
	}
	a.leaves[i].split = []int{ids[0], ids[1]}
	return ids[0], ids[1]
}

// unify makes two axes one.
func (a *Axes) unify(x, y []int) {
	x, y = a.flat(x), a.flat(y)
	for len(x) > 0 && len(y) > 0 {
		i, j := a.find(x[0]), a.find(y[0])
		p, q := a.leaves[i].Size, a.leaves[j].Size
		if p == q {
			a.union(i, j)
			x, y = x[1:], y[1:]
			continue
		}
		m, okM := p.Const()
		n, okN := q.Const()
		switch {
		case okM && okN && m > n && m%n == 0:
			first, rest := a.divide(i, n)
			a.union(first, j)
			x, y = append([]int{rest}, a.flat(x[1:])...), a.flat(y[1:])
		case okM && okN && m < n && n%m == 0:
			first, rest := a.divide(j, m)
			a.union(i, first)
			x, y = a.flat(x[1:]), append([]int{rest}, a.flat(y[1:])...)
		default:
			a.pin(x)
			a.pin(y)
			return
		}
	}
}

// pin keeps the extents of an axis.
func (a *Axes) pin(axis []int) {
	for _, l := range a.flat(axis) {
		a.leaves[l].Fixed = true
	}
}
