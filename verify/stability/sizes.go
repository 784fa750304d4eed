package stability

import (
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
}

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

// smallLayout chooses the extents of an instance with wantRows rows, as far as that can be.
func smallLayout(g *ugraph.Graph, axes *shrink.Axes, want goal, wantRows int64) layout {
	classes := axes.Classes()
	env := symbolValues(g, want.folded)
	sizes := make([]int64, len(classes))
	var rows []int
	for i, c := range classes {
		full, isConst := c.Size.Const()
		if !isConst {
			full, _ = c.Size.Eval(env)
		}
		sizes[i] = full
		switch {
		case !isConst || c.Fixed:
		case c.Folded:
			sizes[i] = min(full, want.folded)
		case c.Contracted:
			sizes[i] = min(full, want.contracted)
		case c.Last:
			sizes[i] = min(full, want.last)
		case c.Output:
			sizes[i] = min(full, 2)
			rows = append(rows, i)
		default:
			sizes[i] = min(full, want.last)
		}
	}
	growRows(g, axes, classes, sizes, rows, wantRows)
	p := axes.Plan(sizes)
	p.Env = env
	p.Tile = tileOf
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

// growRows makes the axes of rows longer until every output has wantRows of them: first those that the
// fewest inputs have, within their extents; then the longest beyond.
func growRows(g *ugraph.Graph, axes *shrink.Axes, classes []shrink.Class, sizes []int64, rows []int, wantRows int64) {
	uses := make([]int, len(classes))
	for i, in := range g.Inputs {
		for k := range g.Values[in.Value].Shape {
			for _, c := range axes.Input(i, k) {
				uses[c]++
			}
		}
	}
	full := func(c int) int64 { n, _ := classes[c].Size.Const(); return n }
	slices.SortStableFunc(rows, func(a, b int) int {
		if uses[a] != uses[b] {
			return uses[a] - uses[b]
		}
		return int(full(b) - full(a))
	})
	have := int64(1)
	for _, c := range rows {
		have *= sizes[c]
	}
	for _, beyond := range []bool{false, true} {
		for _, c := range rows {
			for have < wantRows && (beyond || sizes[c]*2 <= full(c)) {
				sizes[c] *= 2
				have *= 2
			}
		}
	}
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
		largest := 0.0
		for _, v := range append(append([]ugraph.ValueID{}, n.Args...), n.Results...) {
			largest = max(largest, elements(v))
		}
		total += largest * weight
	}
	return total * times
}
