// Package interp is the reference interpreter: it runs programs and μGraphs exactly as written, over
// any number type.
//
//	Run(arithmetic, graph, inputs, symbols)
//	   │ kernel level: operators on whole tensors (elementwise.go, reduce.go, matmul.go, movement.go)
//	   ├─ composite  → its definition from package library, for the operands at hand
//	   ├─ kernel     → block.go: for each block, for each trip: load, operators, accumulate, store
//	   └─ thread     → its graph, on the tiles
//
// An Arith is the number type: Float64 (the reference R: nothing is rounded), Rounded (each operator
// rounds to its element type, sums are kept in f32 or f64: a program "run plain"), Field (a prime
// field, for tests). Integers and bool are exact and the same under every Arith: the interpreter keeps
// them in int64 and wraps them to their type.
//
// # Rationale
//
// An Arith gives a function per operator and element type, not a method per element: the choice is
// made once per tensor. Where even that is too slow there are fast paths: products (MatMuler), rows of elements
// (RowArith), equal to the functions bit for bit.
//
// The limits (MaxElements, MaxWork) exist because a graph is data: a program of a few lines can ask for
// years of work, and an allocation that fails cannot be recovered from.
//
// Under Float64 a cast to f8e4m3 or to an integer does round: it is part of what the program says
// (ug.md, Rounding), where casts between the other floats only say how exactly it is computed. So does an
// operator whose result is of type f8e4m3 and computed (ugraph.Op.Rounds): Y = X @ W is then the cast of a product.
//
// NaN is greater than every number for argmax and topk, so that a NaN is seen and the order is total.
package interp
