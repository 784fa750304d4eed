// Package field is the arithmetic in which verify compares programs.
//
//	Key ──Label──▶ streams of inputs      Prime: Montgomery arithmetic modulo p < 2^64
//	 │                                      │
//	 └─NewSpace──▶ Space ◀── Chain: p_{i+1} = 2·p_i + 1
//	                 │
//	   Value ──Add Mul Exp Log Sqrt Max Opaque …──▶ Value
//
// A value has a residue in each field of a chain, as far as they are known. exp sends the residue
// modulo p_i to a power of ω_{i+1}, an element of order p_i modulo p_{i+1}: so exp(a+b) =
// exp(a)·exp(b) holds exactly, and exponentials nest as deep as the chain is long. Logarithms are
// kept as the number whose logarithm they are, maxima as sets of their arguments, −∞ as a tag, and
// functions without laws as keyed hashes of their argument.
//
// # Rationale
//
// Why is an absent component not 0? exp x is unknown modulo p_0, and 0 would be a claim about it: two
// exponentials would agree there.
//
// Why does a value know its sign? Only for what is positive for every input (literals,
// exponentials, sums and products of them): it decides guards such as l > 0 of a sum of
// exponentials, and −∞ times such a value, without an order on the field.
//
// Why may a maximum be found by its value? Two formally different values agree with probability
// 1/q, which is part of every error bound, and equal ones must be treated alike whichever way
// they were computed: max(max(a,b),c) after any moves is the set {a,b,c}.
//
// Why is everything random access? A single output entry of a full-size program must be evaluated
// without making the inputs that it does not read.
package field
