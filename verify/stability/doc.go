// Package stability tells whether a candidate that is equal to a program in exact arithmetic is also no
// less stable than it in floating point.
package stability
