// Package exprtest makes the DAGs over named axes that tests of the search start from.
//
//	*ugraph.Graph ─library.Expand─▶ primitives ─expr.Lift─▶ DAG, or the test ends
//	DAG ─▶ sizes of its symbols
package exprtest
