// Package text is the .ug language: programs and μGraphs as text.
//
//	source ── lexer ──▶ tokens ── split at top-level words ──▶ units ── participle ──▶ syntax tree
//	                                                                                     │      │
//	                                                             Format (with comments) ◀┘      │ build
//	                                                                                            ▼
//	                                          canonical text ◀────────── Print ───────── ugraph.Graph
//
// # The order of nodes
//
// Parse(Print(g)) is g, node by node. So the text fixes the order of nodes: statements from top to
// bottom; in an expression the operands that are not bare numbers from left to right, then the bare
// numbers, then the operator itself. Print nests an unnamed value into its only use where this order
// gives the graph back, and otherwise defines it by a statement of its own.
//
// # Names
//
// A statement's name becomes the name of the value. Names of an underscore and digits (_1, _2, …) stand
// for values without a name: Print makes them up and Parse drops them, unless the signature uses the
// name. A statement whose right side is only a name gives a second name to the same value; an output
// may be such a name. An output with ": dtype" is cast where it is defined, and its name means the
// cast value from there on. Symbols and tensors are named apart.
//
// # μGraphs
//
//	ugraph rmsnorm_linear for rmsnorm_linear(X: f32[8, 4096], W: const f32[4096, 6144]) -> (Y) {
//	    Y = kernel norm_gemm(X, W) grid(n: 6144 by 96) loop(k: 4096 by 256) {
//	        x = load(X, loop=1)               // f32[8, 256]: axis 1 is cut by the loop
//	        w = load(W, n=1, loop=0)          // axis 1 by the grid dimension n, axis 0 by the loop
//	        acc = accum(x @ w)
//	        ss = accum(sum(square(x), axis=1, keepdims=true))
//	        y = thread scale(acc, ss) -> (out) {
//	            out = acc / sqrt(ss * 0.000244140625)
//	        }
//	        store Y(n=1) = y                  // the tiles lie side by side along axis 1
//	    }
//	}
//
// A kernel's parenthesis lists the tensors it may read: NAME, or INNER=OUTER where it is called otherwise
// inside. grid and loop say name: extent by tile, or name: N parts. A store may have loop=axis (a tile
// written in each trip) and reduce=sum, max or min (blocks combined); a grid dimension that it does not
// name is one along which all blocks hold the same tile or are reduced. accum(x, kind=max),
// accum(x, factor), running(acc) and previous(acc) are those of package ugraph. const(value=, dtype=) is
// a literal of a stated type, and 1/3 an attribute's number without a decimal form.
//
// # Rationale
//
// Why are stores statements and not results? Reading downwards, a block loads, computes, and stores; the
// store's parenthesis then mirrors the load's.
//
// Why a depth limit? participle descends recursively; 200 nested brackets are more than any program
// needs, and the check runs on the tokens before the parser does.
package text
