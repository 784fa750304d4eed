//go:build !race

package search

// slowdown is how many times slower code runs under the race detector.
const slowdown = 1
