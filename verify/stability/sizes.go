package stability

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/shrink"
)

// The extents of the small instance: what a class of axes is cut down to, if it is longer. The steps
// are taken in turn until a run of the program costs no more than runBudget.
type goal struct {
	folded     int64 // axes that are summed, averaged or searched for an extreme by themselves
	contracted int64 // axes that only matmuls sum over
	last       int64 // the outputs' last axis, where nothing sums over it
}

var goals = []goal{
	{512, 256, 16},
	{512, 256, 8},
	{512, 128, 8},
	{512, 64, 8},
	{512, 32, 8},
	{256, 32, 8},
	{256, 16, 4},
	{128, 16, 4},
	{64, 8, 2},
	{32, 8, 2},
}

// usualGoals are those that are tried for runBudget; the others are for programs that cost more than patience with them.
const usualGoals = 7

// longGoals are those of the long instance: reduced axes keep their real extents, up to 2^17, and
// everything else is as short as it can be.
var longGoals = []goal{
	{1 << 17, 4096, 4},
	{1 << 17, 512, 4},
	{1 << 17, 64, 2},
	{1 << 16, 64, 2},
	{1 << 15, 64, 2},
	{1 << 14, 64, 2},
	{1 << 13, 64, 2},
	{1 << 12, 32, 2},
}

const (
	longBudget = 24e6  // ns for a run of the long instance
	runBudget  = 5e6   // ns for a run at small sizes
	patience   = 20e6  // the same where the usual sizes cost more than runBudget
	fullBudget = 150e6 // ns for a run at the program's own sizes
	symbolSize = 512   // for a symbol that is no axis by itself
	mostBlocks = 4     // of a grid dimension
	mostTrips  = 8     // of a loop
	fewTrips   = 3
)

// layout is how graphs are rebuilt: the program's extents, and the plan that gives a candidate the same.
type layout struct {
	plan shrink.Plan
}

// symbolValues gives each symbol a value near n.
func symbolValues(g *ugraph.Graph, n int64) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range g.Symbols {
		env[s.Name] = s.At(n)
	}
	return env
}

// fullLayout keeps every extent; symbols get a value.
func fullLayout(g *ugraph.Graph) layout {
	env := symbolValues(g, symbolSize)
	eval := func(d ugraph.Dim) (ugraph.Dim, error) {
		n, err := d.Eval(env)
		return ugraph.D(n), err
	}
	p := shrink.Plan{Env: env, Number: eval}
	for _, in := range g.Inputs {
		var axes []shrink.Axis
		for _, d := range g.Values[in.Value].Shape {
			to, err := eval(d)
			if err != nil {
				to = d
			}
			axes = append(axes, shrink.Axis{{Old: d, New: to}})
		}
		p.Inputs = append(p.Inputs, axes)
	}
	return layout{p}
}

// role is what decides the extent of the axes of one class, or of all classes of one extent.
type role struct {
	shrink.Class
	size  int64
	whole bool // nothing is left to choose
	uses  int  // axes of inputs that have it
}

// target is the extent of an axis in the small instance; an axis of rows begins with few.
func (r *role) target(want goal) int64 {
	switch {
	case r.Folded:
		return want.folded
	case r.Contracted:
		return want.contracted
	case r.Last || !r.Output:
		return want.last
	}
	return 2
}

func (r *role) isRow() bool { return r.Output && !r.Last && !r.Folded && !r.Contracted }

// smallLayout chooses the extents of an instance with wantRows rows, as far as that can be. Uniform: axes of one
// extent keep one extent, so that a number in the graph can be told.
func smallLayout(g *ugraph.Graph, axes *shrink.Axes, want goal, wantRows int64, uniform bool) layout {
	classes := axes.Classes()
	symbols := map[ugraph.Dim]ugraph.Symbol{}
	for _, s := range g.Symbols {
		symbols[ugraph.Sym(s.Name)] = s
	}
	env := symbolValues(g, want.folded)
	roles := make([]*role, len(classes))
	var own []*role
	same := map[ugraph.Dim]*role{}
	for i, c := range classes {
		if r := same[c.Size]; r != nil {
			r.Fixed, r.Folded, r.Contracted = r.Fixed || c.Fixed, r.Folded || c.Folded, r.Contracted || c.Contracted
			r.Output, r.Last = r.Output || c.Output, r.Last || c.Last
			roles[i] = r
			continue
		}
		roles[i] = &role{Class: c}
		own = append(own, roles[i])
		if uniform {
			same[c.Size] = roles[i]
		}
	}
	for i, in := range g.Inputs {
		for k := range g.Values[in.Value].Shape {
			for _, c := range axes.Input(i, k) {
				roles[c].uses++
			}
		}
	}
	var rows []*role
	for _, r := range own {
		full, isConst := r.Size.Const()
		sym, isSymbol := symbols[r.Size]
		if isSymbol {
			full = sym.Hi
		}
		if r.whole = r.Fixed || !isConst && !isSymbol; !r.whole {
			r.size = min(full, r.target(want))
			if isSymbol {
				r.size = sym.At(r.size)
			}
			if r.isRow() {
				rows = append(rows, r)
			}
		} else if r.size = full; !isConst {
			r.size = 1
		}
	}
	have := int64(1)
	for i, c := range classes {
		if c.Output && !c.Last {
			have *= roles[i].size
		}
	}
	growRows(rows, symbols, have, wantRows)
	for _, r := range own {
		if s, ok := symbols[r.Size]; ok && !r.whole {
			env[s.Name] = r.size
		}
	}
	sizes := make([]int64, len(classes))
	for i, r := range roles {
		if sizes[i] = r.size; r.whole {
			sizes[i], _ = r.Size.Eval(env)
		}
	}
	p := axes.Plan(sizes)
	p.Env = env
	p.Tile = tilings[0]
	p.Literal = func(n ugraph.Number) ugraph.Number { return literal(n, classes, sizes) }
	p.Number = func(d ugraph.Dim) (ugraph.Dim, error) {
		to := int64(0)
		for i, c := range classes {
			if c.Size == d {
				if to != 0 && to != sizes[i] {
					return d, fmt.Errorf("extent %s is that of several axes, which shrink to %d and %d", d, to, sizes[i])
				}
				to = sizes[i]
			}
		}
		if to != 0 {
			return ugraph.D(to), nil
		}
		n, err := d.Eval(env)
		return ugraph.D(n), err
	}
	return layout{p}
}

// growRows makes the axes of rows longer until there are wantRows of them with the have others: first
// those axes that the fewest inputs have, within their extents; then the longest beyond.
func growRows(rows []*role, symbols map[ugraph.Dim]ugraph.Symbol, have, wantRows int64) {
	full := func(r *role) int64 {
		if s, ok := symbols[r.Size]; ok {
			return s.Hi
		}
		n, _ := r.Size.Const()
		return n
	}
	slices.SortStableFunc(rows, func(a, b *role) int {
		if a.uses != b.uses {
			return a.uses - b.uses
		}
		return cmp.Compare(full(b), full(a))
	})
	for _, beyond := range []bool{false, true} {
		for _, r := range rows {
			_, bounded := symbols[r.Size]
			for have < wantRows && (beyond && !bounded || r.size*2 <= full(r)) {
				r.size *= 2
				have *= 2
			}
		}
	}
}

// tilings are the ways in which the tiles of a candidate follow the extents, in the order in which they are
// tried: few blocks; few, but blocks of one element stay such; as they are.
var tilings = []func(from, to ugraph.Dim, tile int64, loop bool) int64{
	tileOf,
	func(from, to ugraph.Dim, tile int64, loop bool) int64 {
		if tile == 1 {
			return 1
		}
		return tileOf(from, to, tile, loop)
	},
	func(_, _ ugraph.Dim, tile int64, _ bool) int64 { return tile },
}

// tileOf is the tile in the copy of an axis that shrank: one tile stays one, several stay several, a
// ragged cut stays ragged, and the real tile is kept where the copy then has a few of them.
func tileOf(from, to ugraph.Dim, tile int64, loop bool) int64 {
	n, ok := to.Const()
	if !ok || from == to {
		return tile
	}
	most, few := int64(mostBlocks), int64(2)
	if loop {
		most, few = mostTrips, fewTrips
	}
	parts, ragged := most, true
	if e, ok := from.Const(); ok {
		parts, ragged = (e+tile-1)/tile, e%tile != 0
	}
	if parts == 1 {
		return n
	}
	most = min(most, parts)
	if now := (n + tile - 1) / tile; now >= min(few, parts) && now <= most && (n%tile != 0) == ragged {
		return tile
	}
	for k := most; k >= 2; k-- {
		t := (n + k - 1) / k
		if (n%t != 0) == ragged {
			return t
		}
	}
	return max(1, (n+most-1)/most)
}

// literal follows the extents of the axes that are summed over: n, n-1 and their inverses.
func literal(v ugraph.Number, classes []shrink.Class, sizes []int64) ugraph.Number {
	if v.IsInf() != 0 || v.Rat().Sign() == 0 {
		return v
	}
	for i, c := range classes {
		e, ok := c.Size.Const()
		if !ok || !c.Folded || sizes[i] == e {
			continue
		}
		for _, less := range []int64{0, 1} {
			from, to := big.NewRat(e-less, 1), big.NewRat(sizes[i]-less, 1)
			if v.Rat().Cmp(from) == 0 {
				return ugraph.Rat(to)
			}
			if v.Rat().Cmp(new(big.Rat).Inv(from)) == 0 {
				return ugraph.Rat(to.Inv(to))
			}
		}
	}
	return v
}

// Nanoseconds of an element in the interpreter, measured; only their proportions matter much.
const (
	nsMAC  = 3.0
	nsElem = 9.0
	nsExp  = 30.0
)

// work estimates a run in the interpreter, ns. The graph has no symbols.
func work(g *ugraph.Graph) float64 {
	total, times := 0.0, 1.0
	for _, d := range g.Grid {
		n, _ := d.Blocks().Const()
		times *= float64(n)
	}
	if g.Loop != nil {
		n, _ := g.Loop.Blocks().Const()
		times *= float64(n)
	}
	elements := func(v ugraph.ValueID) float64 {
		n, _ := ugraph.Elements(g.Values[v].Shape).Const()
		return float64(n)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch {
		case n.Body != nil:
			total += work(n.Body)
			continue
		case n.Op == ugraph.OpMatMul:
			x := g.Values[n.Args[0]].Shape
			k := x[len(x)-1]
			if n.Attrs.Flag("transpose_a") {
				k = x[len(x)-2]
			}
			inner, _ := k.Const()
			total += elements(n.Results[0]) * float64(inner) * nsMAC
			continue
		}
		weight := nsElem
		if n.Op.Info().Flops >= 8 {
			weight = nsExp
		}
		touched := append([]ugraph.ValueID{}, n.Results...)
		if n.Op != ugraph.OpLoad { // which reads no more than its tile
			touched = append(touched, n.Args...)
		}
		largest := 0.0
		for _, v := range touched {
			largest = max(largest, elements(v))
		}
		total += largest * weight
	}
	return total * times
}
