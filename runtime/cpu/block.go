package cpu

import (
	"fmt"
	"unsafe"

	"github.com/morgana-ml/morgana/ugraph"
)

// step computes one node for the block and trip that a worker is at.
type step func(w *worker)

// output is where a kernel's tile goes.
type output struct {
	value   int
	buf     int // kernel-level buffer
	grid    []int
	stacked []bool // the blocks' tiles lie one after another along the axis
	loop    int
	reduce  string
	direct  bool
	partial int // buffer of partial results where reduce combines blocks; -1
	spread  []int
	once    []int // grid dimensions along which only the first block writes
}

// block is a kernel compiled for known sizes.
type block struct {
	name     string
	flat     *flat
	grid     []int // blocks per dimension
	blocks   int
	trips    int
	values   []valueInfo
	slot     []int
	args     []int // kernel-level buffer of each input
	argDims  [][maxRank]int
	constArg []bool
	outputs  []output
	packings []*packing

	before, trip, after []step
	loopLoads           []int // values whose emptiness makes a trip empty

	previousOf   []int // value that keeps an accumulator's previous value, -1
	fusedInto    []bool
	fusedProduct map[int]bool // nodes
	packedUses   []int
	steps        []step // of each node, for chains that run on demand
	need         [numStorages]int

	groups  [numPhases][][]int // nodes of a phase in the order of their steps; a chain's together
	inChain []bool             // values that exist a piece at a time only
	direct  []int              // output that a chain writes to the tensor itself, -1
	outs    []bool             // values that a chain writes whole
}

// Phases in the order in which a block runs them.
const numPhases = 3

var phaseOrder = [numPhases]ugraph.Phase{ugraph.Before, ugraph.InLoop, ugraph.After}

// definition returns the node that defines a value, nil for an input.
func (b *block) definition(v int) *flatNode {
	if d := b.flat.def[v]; d >= 0 {
		return &b.flat.nodes[d]
	}
	return nil
}

// chain returns the steps that compute a packed operand from its tensor: its load, and its cast.
func (b *block) chain(v int) []step {
	n := b.definition(v)
	if n.op == ugraph.OpCast {
		return append(b.chain(n.args[0]), b.steps[b.flat.def[v]])
	}
	return []step{b.steps[b.flat.def[v]]}
}

// compileBlock compiles a block graph for the sizes in env. args and constArg describe the kernel's
// operands: their kernel-level buffers' extents, and whether they are weights.
func compileBlock(g *ugraph.Graph, env ugraph.Env, argDims [][maxRank]int, constArg []bool) (*block, error) {
	f, err := flatten(g)
	if err != nil {
		return nil, err
	}
	n := len(f.types)
	b := &block{name: g.Name, flat: f, blocks: 1, trips: 1, argDims: argDims, constArg: constArg,
		values: make([]valueInfo, n), slot: make([]int, n), previousOf: make([]int, n), fusedInto: make([]bool, n),
		fusedProduct: map[int]bool{}, packedUses: make([]int, n), steps: make([]step, len(f.nodes)),
		inChain: make([]bool, n), outs: make([]bool, n), direct: make([]int, n)}
	for i := range b.previousOf {
		b.previousOf[i], b.direct[i] = -1, -1
	}
	for _, d := range g.Grid {
		c, err := d.Blocks().Eval(env)
		if err != nil {
			return nil, err
		}
		b.grid = append(b.grid, int(c))
		b.blocks *= int(c)
	}
	if g.Loop != nil {
		c, err := g.Loop.Blocks().Eval(env)
		if err != nil {
			return nil, err
		}
		b.trips = int(c)
	}
	for v, t := range f.types {
		info := &b.values[v]
		info.dtype, info.kind, info.rank, info.size = t.DType, storageOf(t.DType), len(t.Shape), 1
		for a, d := range t.Shape {
			e, err := d.Eval(env)
			if err != nil {
				return nil, err
			}
			info.dims[a] = int(e)
		}
		if info.cuts, err = f.cuts(t, env); err != nil {
			return nil, err
		}
		for _, c := range info.cuts {
			if c.loop { // a tile is no larger than its axis
				info.dims[c.axis] = min(info.dims[c.axis], c.loopTile)
			} else if c.grid >= 0 {
				info.dims[c.axis] = min(info.dims[c.axis], c.gridTile)
			}
		}
		for a := 0; a < info.rank; a++ {
			info.size *= info.dims[a]
		}
	}
	for i := range f.nodes {
		switch m := &f.nodes[i]; m.op {
		case ugraph.OpPrevious:
			b.previousOf[m.args[0]] = m.results[0]
		case ugraph.OpLoad:
			if m.phase == ugraph.InLoop {
				b.loopLoads = append(b.loopLoads, m.results[0])
			}
		}
	}
	b.fuseProducts()
	if err := b.compileSteps(); err != nil {
		return nil, err
	}
	b.place()
	return b, nil
}

// compileSteps makes the steps of all nodes and puts those that are not left out in their phase.
func (b *block) compileSteps() error {
	for i := range b.flat.nodes {
		n := &b.flat.nodes[i]
		s, err := b.compileNode(n)
		if err != nil {
			return fmt.Errorf("kernel %s: %w", b.name, err)
		}
		b.steps[i] = s
	}
	lists := [numPhases]*[]step{&b.before, &b.trip, &b.after}
	for p, phase := range phaseOrder {
		var nodes []int
		for i := range b.flat.nodes {
			if b.runsIn(&b.flat.nodes[i]) == phase {
				nodes = append(nodes, i)
			}
		}
		b.groups[p] = b.group(nodes)
		for _, g := range b.groups[p] {
			s, err := b.groupStep(g)
			if err != nil {
				return fmt.Errorf("kernel %s: %w", b.name, err)
			}
			if s != nil {
				*lists[p] = append(*lists[p], s)
			}
		}
	}
	for i, o := range b.flat.graph.Outputs {
		if b.flat.phases[b.flat.outputs[i]] == ugraph.InLoop && o.Store.Loop < 0 {
			return fmt.Errorf("kernel %s: output %s is stored in each trip to the same place", b.name, o.Name)
		}
	}
	return nil
}

// runsIn is the phase in which a node is computed: an accumulator is updated in the loop.
func (b *block) runsIn(n *flatNode) ugraph.Phase {
	if n.op == ugraph.OpAccum {
		return ugraph.InLoop
	}
	return n.phase
}

// groupStep is the step of a node or chain; nil for a node that has none.
func (b *block) groupStep(g []int) (step, error) {
	n := &b.flat.nodes[g[0]]
	switch {
	case b.chainable(n) && (len(g) > 1 || b.flat.uses[n.results[0]] == 1):
		c, err := b.compileChain(g)
		if err != nil {
			return nil, err
		}
		for _, v := range c.outs {
			b.outs[v] = true
		}
		return func(w *worker) { w.runChain(b, c) }, nil
	case n.op == ugraph.OpIota || b.fusedProduct[g[0]] || b.onlyPacked(g[0]):
		return nil, nil
	case n.op == ugraph.OpAccum && b.fusedInto[n.results[0]]:
		return b.steps[b.flat.def[n.args[0]]], nil
	}
	return b.steps[g[0]], nil
}

// onlyPacked tells whether a load, or a cast of a load, is read only by products that read the packed
// weight in its place.
func (b *block) onlyPacked(node int) bool {
	n := &b.flat.nodes[node]
	if n.op != ugraph.OpLoad && n.op != ugraph.OpCast {
		return false
	}
	v := n.results[0]
	if b.packedUses[v] > 0 {
		return b.packedUses[v] == b.flat.uses[v]
	}
	if n.op != ugraph.OpLoad || b.flat.uses[v] != 1 {
		return false
	}
	for i := range b.flat.nodes {
		if m := &b.flat.nodes[i]; m.op == ugraph.OpCast && m.args[0] == v {
			return b.onlyPacked(i)
		}
	}
	return false
}

func (b *block) compileNode(n *flatNode) (step, error) {
	switch n.op {
	case ugraph.OpConst:
		return b.compileConst(n), nil
	case ugraph.OpIota:
		return nil, nil
	case ugraph.OpLoad:
		return b.compileLoad(n)
	case ugraph.OpMatMul:
		into, factor := -1, -1
		if b.fusedProduct[b.flat.def[n.results[0]]] {
			for i := range b.flat.nodes {
				if m := &b.flat.nodes[i]; m.op == ugraph.OpAccum && m.args[0] == n.results[0] {
					into = m.results[0]
					if len(m.args) == 2 {
						factor = m.args[1]
					}
				}
			}
		}
		return b.compileMatMul(n, into, factor)
	case ugraph.OpAccum:
		return b.compileAccum(n)
	case ugraph.OpRunning:
		dst, acc := n.results[0], n.args[0]
		return func(w *worker) {
			w.shape(dst)
			w.view(dst, w.accumulator(acc)).pack()
		}, nil
	case ugraph.OpPrevious:
		// The accumulator's update has kept the value; one result serves every reader.
		dst, kept := n.results[0], b.previousOf[n.args[0]]
		return func(w *worker) {
			if dst != kept {
				w.shape(dst)
				w.view(dst, &w.tiles[kept]).pack()
			}
		}, nil
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		return b.compileReduce(n)
	case ugraph.OpArgmax, ugraph.OpTopK:
		return b.compileSelect(n)
	case ugraph.OpLess, ugraph.OpLessEqual, ugraph.OpEqual, ugraph.OpGreater, ugraph.OpGreaterEqual:
		return b.compileCompare(n)
	case ugraph.OpWhere:
		return b.compileWhere(n)
	case ugraph.OpCast:
		return b.compileCast(n)
	case ugraph.OpUniform:
		return b.compileUniform(n)
	}
	switch n.op.Info().Class {
	case ugraph.Elementwise:
		if len(n.args) == 1 {
			return b.compileUnary(n)
		}
		return b.compileBinary(n)
	case ugraph.Movement:
		return b.compileMove(n)
	}
	return nil, unsupported(n.op)
}

func (b *block) compileConst(n *flatNode) step {
	dst := n.results[0]
	v := n.attrs.Num("value", ugraph.Int(0))
	f := b.values[dst].dtype.Round(v.Float64())
	i, _ := v.IsInt()
	return func(w *worker) {
		t := w.own(dst)
		switch t.kind {
		case inF32:
			t.f[0] = float32(f)
		case inF64:
			t.d[0] = f
		case inI32:
			t.i[0] = int32(i)
		default:
			t.l[0] = i
		}
	}
}

// place gives every value that owns its elements a place in the arena of its storage. Values that are
// alive at the same time do not overlap; a view keeps the value alive whose elements it shares.
func (b *block) place() {
	f := b.flat
	n := len(f.nodes)
	// Time: before nodes, then the trip's, then after; the nodes of a chain have one time.
	when := make([]int, n)
	tripStart, tripEnd, now := 0, 0, 0
	for p, phase := range phaseOrder {
		if phase == ugraph.InLoop {
			tripStart = now
		}
		for _, g := range b.groups[p] {
			for _, i := range g {
				when[i] = now
			}
			now++
		}
		if phase == ugraph.InLoop {
			tripEnd = now
		}
	}
	// parent is the value whose elements a view shares: it lives as long as the view.
	parent := make([]int, len(f.types))
	from, to := make([]int, len(f.types)), make([]int, len(f.types))
	for v := range parent {
		parent[v] = -1
		if d := f.def[v]; d >= 0 {
			from[v], to[v] = when[d], when[d]
			if mayView(f.nodes[d].op) {
				parent[v] = f.nodes[d].args[0]
			}
		}
	}
	for i := range f.nodes {
		m := &f.nodes[i]
		switch m.op {
		case ugraph.OpAccum:
			from[m.results[0]], to[m.results[0]] = tripStart, tripEnd
			if p := b.previousOf[m.results[0]]; p >= 0 {
				from[p] = when[i] // the update keeps it
			}
		case ugraph.OpPrevious:
			if p := b.previousOf[m.args[0]]; p != m.results[0] {
				parent[m.results[0]] = p
			}
		}
	}
	use := func(v, t int) {
		for ; v >= 0; v = parent[v] {
			to[v] = max(to[v], t)
			if f.phases[v] == ugraph.Before && t >= tripStart && t < tripEnd {
				to[v] = max(to[v], tripEnd) // every trip reads it
			}
		}
	}
	for i := range f.nodes {
		m := &f.nodes[i]
		for _, a := range m.args {
			use(a, when[i])
		}
		if m.op == ugraph.OpAccum && b.fusedInto[m.results[0]] { // the product runs here
			for _, a := range f.nodes[f.def[m.args[0]]].args {
				use(a, when[i])
			}
		}
	}
	for _, v := range f.outputs {
		use(v, n+1)
	}
	type span struct{ at, size, to int }
	var alive [numStorages][]span
	// In order of birth; accumulators at the trips' start.
	births := make([]int, 0, len(f.types))
	for v := range f.types {
		if f.def[v] >= 0 && f.phases[v] != ugraph.Whole && !b.inChain[v] {
			births = append(births, v)
		}
	}
	for t := 0; t <= n; t++ {
		for _, v := range births {
			if from[v] != t {
				continue
			}
			k := b.values[v].kind
			live := alive[k][:0]
			for _, s := range alive[k] {
				if s.to >= t {
					live = append(live, s)
				}
			}
			size := roundUp(max(b.values[v].size, 1), 16)
			at := 0
			for moved := true; moved; {
				moved = false
				for _, s := range live {
					if at < s.at+s.size && s.at < at+size {
						at, moved = s.at+s.size, true
					}
				}
			}
			b.slot[v] = at
			alive[k] = append(live, span{at, size, to[v]})
			b.need[k] = max(b.need[k], at+size)
		}
	}
}

// mayView tells whether an operator's result may be a view of its first operand.
func mayView(op ugraph.Op) bool {
	switch op {
	case ugraph.OpRunning, ugraph.OpTranspose, ugraph.OpReshape, ugraph.OpBroadcast, ugraph.OpSlice, ugraph.OpSplit, ugraph.OpCast:
		return true
	}
	return false
}

// runBlock computes one block.
func (b *block) runBlock(w *worker, index int) {
	for d := len(b.grid) - 1; d >= 0; d-- {
		w.coord[d] = index % b.grid[d]
		index /= b.grid[d]
	}
	w.trip, w.first = 0, true
	for _, s := range b.before {
		s(w)
	}
	for trip := 0; trip < b.trips; trip++ {
		w.trip = trip
		if b.emptyTrip(w) {
			continue
		}
		for _, s := range b.trip {
			s(w)
		}
		w.first = false
		for i := range b.outputs {
			if b.outputs[i].loop >= 0 {
				b.storeTile(w, &b.outputs[i])
			}
		}
	}
	if w.first {
		for i := range b.flat.nodes {
			if n := &b.flat.nodes[i]; n.op == ugraph.OpAccum {
				w.fillInitial(w.accumulator(n.results[0]), b.values[n.results[0]].dtype, n.attrs.Word("kind", "sum"))
			}
		}
	}
	for _, s := range b.after {
		s(w)
	}
	for i := range b.outputs {
		if b.outputs[i].loop < 0 {
			b.storeTile(w, &b.outputs[i])
		}
	}
}

func (b *block) emptyTrip(w *worker) bool {
	for _, v := range b.loopLoads {
		cuts := b.values[v].cuts
		for i := range cuts {
			if cuts[i].size(w.coord, w.trip) == 0 {
				return true
			}
		}
	}
	return false
}

// storeTile writes a block's tile of an output, unless a chain has written it in place.
func (b *block) storeTile(w *worker, o *output) {
	if o.direct {
		return
	}
	for _, d := range o.once {
		if w.coord[d] != 0 {
			return
		}
	}
	view, off := b.placeOf(w, o)
	w.store(&w.tiles[o.value], &view, off)
}

// target points a value's tile at its place in an output.
func (w *worker) target(v int, o *output) {
	t := w.shape(v)
	view, off := w.blk.placeOf(w, o)
	t.str = view.str
	if t.elements() > 0 {
		t.f = unsafe.Slice((*float32)(view.ptr), view.size)[off:]
	}
}

// placeOf is the tensor of an output and where the block's tile begins in it.
func (b *block) placeOf(w *worker, o *output) (buffer, int) {
	view := w.inst.bufs[o.buf]
	off := 0
	if o.partial >= 0 {
		view = w.inst.bufs[o.partial]
		part := 0
		for _, d := range o.spread {
			part = part*b.grid[d] + w.coord[d]
		}
		off = part * view.str[0]
		copy(view.str[:], view.str[1:])
	}
	for d, a := range o.grid {
		if a >= 0 && o.stacked[d] {
			off += w.coord[d] * b.values[o.value].dims[a] * view.str[a]
		}
	}
	for i := range b.values[o.value].cuts {
		c := b.values[o.value].cuts[i]
		if c.grid >= 0 && o.grid[c.grid] != c.axis { // blocks that are combined have one place
			c.grid = -1
		}
		off += c.start(w.coord, w.trip) * view.str[c.axis]
	}
	return view, off
}
