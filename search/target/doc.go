// Package target describes machines as data: what the cost model needs to know of them.
//
//	rows (cpu:generic, cpu:avx2, cpu:avx512, cuda:sm_80, cuda:sm_89, cuda:sm_90a) ──ByName──▶ Row
//	"cpu" + Features of this machine ──Native──▶ the best row that it can run, with its cores
//	Row + Measurements ──Calibrated──▶ Row
//
// A named row never depends on the machine that reads it, so that a search for a named target gives
// the same result everywhere. Only Native and Calibrated bring in the machine at hand.
//
// # Rationale
//
// Why is the rate of a matrix product a table over rows? A kernel with a row of A in each register
// row loads a panel of B once for all of them: with one row it is bound by those loads, with six by
// the multipliers. Decoding lives in the first entries of that table.
//
// Why two memory bandwidths? One core does not saturate memory, and the second adds less than the
// first; which limit holds depends on how many blocks a grid has.
package target
