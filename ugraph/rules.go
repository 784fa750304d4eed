package ugraph

// structural is the rule after which the ids and the nesting of a graph may be relied on.
const structural = "nesting"

// Rules is the table of legality. Every rule has a counterexample in rules_test.go that violates it and
// none before it.
//
// Legal means that a graph has one meaning, in the tiled reading too, on every size its symbols
// allow; not that it computes anything sensible. A partial result may be used, squared or stored if
// the store says how the blocks' tiles make up the output: whether that is the program it stands for is
// the question of package verify.
var Rules = []Rule{
	{Name: "ids", Why: "side tables are slices over dense ids; an edge must point to an earlier value", Check: checkIDs},
	{Name: "fields", Why: "grid, loop and stores belong to block graphs, symbols and const to the kernel level", Check: checkFields},
	{Name: structural, Why: "a kernel holds a block graph, a thread node a thread graph, and nothing is deeper", Check: checkNesting},
	{Name: "names", Why: "text and callers address values by name", Check: checkNames},
	{Name: "attributes", Why: "equal nodes must have equal attributes: sorted, defaults left out, integers where axes are meant", Check: checkAttributes},
	{Name: "outputs", Why: "a graph without outputs computes nothing", Check: checkOutputs},

	{Name: "symbols", Levels: kernelOnly, Why: "every size must be bound, and a range must hold a size", Check: checkSymbols},
	{Name: "inputs", Levels: kernelOnly, Why: "a symbol is bound by an input's shape, which must give it by one division", Check: checkInputs},

	{Name: "extents", Levels: blockOnly, Why: "a cut has tiles of an extent, or a number of parts, of at least 1", Check: checkExtents},
	{Name: "loads", Levels: blockOnly, Why: "a load says for each grid dimension which axis it cuts, in one way", Check: checkLoads},
	{Name: "whole", Levels: blockOnly, Why: "a block computes on tiles; a whole tensor is only loaded from", Check: checkWhole},

	{Name: "expanded", Levels: []Level{BlockLevel, ThreadLevel}, Why: "attention's axes have no cuts to follow; its definition has", Check: checkExpanded},

	{Name: "types", Why: "a value's recorded type must be what its node's rule infers", Check: checkTypes},
	{Name: "sizes", Levels: kernelOnly, Why: "no tensor may be empty or have 2^62 bytes at any size of the symbols", Check: checkSizes},

	{Name: "accumulators", Levels: blockOnly, Why: "an accumulator is updated in the loop, with numbers known by then", Check: checkAccumulators},
	{Name: "phases", Levels: blockOnly, Why: "an operator runs in the loop or after it, not both", Check: checkPhases},
	{Name: "parts", Levels: blockOnly, Why: "equal parts of a tile exist only where every tile has the same extent", Check: checkParts},
	{Name: "folded", Levels: kernelOnly, Why: "an accumulator that keeps the loop's axis has the extent of a whole tile, at every size", Check: checkFolded},
	{Name: "regular", Levels: kernelOnly, Why: "axes that are cut in different ways agree only if no tile is ragged", Check: checkRegular},

	{Name: "store-axes", Levels: blockOnly, Why: "a store places a tile's axis by at most one grid dimension", Check: checkStoreAxes},
	{Name: "store-phase", Levels: blockOnly, Why: "a tile that is written in each trip needs a place of its own", Check: checkStorePhase},
	{Name: "store-grid", Levels: blockOnly, Why: "blocks that hold different tiles must not write to the same place", Check: checkStoreGrid},
	{Name: "store-reduce", Levels: blockOnly, Why: "a reduction across blocks needs different tiles of numbers and a known kind", Check: checkStoreReduce},
	{Name: "store-once", Levels: blockOnly, Why: "equal tiles of several blocks are one term of a sum across blocks, or several: nothing says which", Check: checkStoreOnce},
	{Name: "store-ragged", Levels: kernelOnly, Why: "tiles that are stacked or combined must have the same extents in every block", Check: checkStoreRagged},

	{Name: "thread", Levels: []Level{ThreadLevel}, Why: "a thread graph is a producer and elementwise operators on its elements", Check: checkThread},
	{Name: "dead", Levels: []Level{BlockLevel, ThreadLevel}, Why: "what reaches no output would be loaded and computed for nothing", Check: checkDead},
}

var (
	kernelOnly = []Level{KernelLevel}
	blockOnly  = []Level{BlockLevel}
)
