// Package library holds the composite operators as definitions over primitives, in one place: the
// table Definitions. Whatever sees through a composite (search, verification, the interpreter) gets
// it from here.
//
//	program with softmax, rms_norm, attention, …
//	   │ Expand: each composite node → Define's graph, spliced in
//	   ▼
//	program of primitives only; inputs, outputs, names and types are the same
//
// # Rationale
//
// Rounding: a composite computes inside in f32 (f64 for f64) and rounds once (ug.md, Rounding). The
// definition therefore casts narrower operands to f32 first and its result back last.
//
// Constants of a definition are exact. 1/√d is a literal where √d is rational (0.125 for d = 64) and
// rsqrt of the literal d elsewhere: no rounded number is written into a graph, and whoever compares
// two graphs at another size can tell which axis the number belongs to. The frequencies of rope are
// exp(i · log(theta) · (-2/d)) for the same reason: log(theta) is an operator, -2/d a rational.
//
// A row of attention that sees no key gives 0: the row's maximum is then -inf, and where(max == -inf,
// 0, ·) selects. It is left out where every row is known to see a key (no mask, and T ≤ S under
// causal). The softmax itself keeps its one definition.
//
// Inside block graphs a composite means its definition applied to the tile at hand. The tile's extents are
// nominal, so a definition that counts positions (rope, causal attention) or reshapes (grouped
// heads) stands for full tiles only; the interpreter, which sees each tile's real extents, expands
// every composite anew for them.
package library
