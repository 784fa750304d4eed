// Package programtest reads programs for tests: the embedded ones, and texts.
//
//	name ──programs.Source──┐
//	                        ├─ text.Parse ─▶ the one graph in it, or the test ends
//	.ug text ───────────────┘
//
// # Rationale
//
// Why a package of its own? Tests of every stage start from a program, and a test file cannot be imported.
// Package programs itself has nothing for tests.
package programtest
