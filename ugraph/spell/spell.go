package spell

import (
	"strings"
	"unicode/utf8"
)

// longest bounds the words that are compared, in characters: the time is the product of their lengths.
const longest = 64

// Distance is the number of typing errors between two words: characters that are left out, added, changed,
// or exchanged with the next one (the optimal string alignment distance).
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	var before []int
	row := make([]int, len(t)+1) // distances of s[:i] to every t[:j]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		next := make([]int, len(t)+1)
		next[0] = i
		for j := 1; j <= len(t); j++ {
			change := row[j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			next[j] = min(change, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(t)]
}

// errors is the distance of two words, in which letters of another case count for nothing; ok is false where
// they are too far apart for one to be meant by the other, or the same.
func errors(word, known string) (n int, ok bool) {
	a, b := utf8.RuneCountInString(word), utf8.RuneCountInString(known)
	least := min(a, b)
	limit := max(1, (least+1)/3)
	if word == known || max(a, b) > longest || max(a, b)-least > limit {
		return 0, false
	}
	n = Distance(strings.ToLower(word), strings.ToLower(known))
	return n, n == 0 || n < least && n <= limit
}

// Near tells whether a known word may be meant by another one.
func Near(word, known string) bool {
	_, ok := errors(word, known)
	return ok
}

// Nearest returns the known word with the fewest typing errors, the first of equals; "" where none is near.
func Nearest(word string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if n, ok := errors(word, k); ok && (best == "" || n < least) {
			best, least = k, n
		}
	}
	return best
}
