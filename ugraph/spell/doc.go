// Package spell finds what was meant by a mistyped word: a name of a program, an operator, a flag.
//
//	word ──▶ distance to each candidate ──▶ near enough? ──▶ the nearest
//	         (typing errors between them)   one in three letters
//
// A suggestion that is wrong is worse than none, since it hides what is to be done: words of three or
// four letters may differ in one of them, words of five in two, and words of one letter only in its case.
package spell
