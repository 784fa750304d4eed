package programs

import (
	"fmt"
	"slices"
	"strings"
)

// unknown is the error for a name that no program has. A variant that its program lacks is
// answered with what that program has, and so is a family's; a family's program is also found without
// the family before its name.
func unknown(name string) error {
	first, _, _ := strings.Cut(name, "/")
	list := All()
	if at := slices.IndexFunc(list, func(info Info) bool { return info.Name == first }); at >= 0 {
		list = list[at : at+1]
	} else if slices.Contains(Families(), first) {
		list = Family(first)
	}
	best, least := "", len(name)/2+1 // farther than half the name is no typing error
	for _, info := range list {
		for _, known := range append([]string{info.Name}, info.Variants...) {
			d := distance(name, known)
			if family, rest, ok := strings.Cut(known, "/"); ok && slices.Contains(Families(), family) {
				d = min(d, distance(name, rest))
			}
			if d < least {
				best, least = known, d
			}
		}
	}
	if best != "" {
		return fmt.Errorf("no embedded program %q; did you mean %s? (`morgana list` has all)", name, best)
	}
	return fmt.Errorf("no embedded program %q; `morgana list` has all", name)
}

// distance is the Levenshtein distance of a and b, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of a[:i] to every b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
