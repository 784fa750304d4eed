package programs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph/spell"
)

// unknown is the error for a name that no program has. A variant that its program lacks is
// answered with the nearest that it has, whatever the order of its parts; a family's program is also found
// without the family before its name, and a part of names by where they are listed.
func unknown(name string) error {
	first, last, _ := strings.Cut(name, "/")
	list, limit := All(), len(name)/3 // farther is no typing error
	if at := slices.IndexFunc(list, func(info Info) bool { return info.Name == first }); at >= 0 {
		list, limit = list[at:at+1], len(name) // one of its variants is meant
	} else if slices.Contains(Families(), first) {
		list, limit = Family(first), len(last)/3
	}
	best, least := "", max(1, limit)+1
	for _, info := range list {
		for _, known := range append([]string{info.Name}, info.Variants...) {
			d := min(spell.Distance(name, known), spell.Distance(sortedParts(name), sortedParts(known)))
			if family, rest, ok := strings.Cut(known, "/"); ok && slices.Contains(Families(), family) {
				d = min(d, spell.Distance(name, rest))
			}
			if d < least {
				best, least = known, d
			}
		}
	}
	where := "`morgana list` has all"
	if name != "" && slices.ContainsFunc(All(), func(info Info) bool { return strings.Contains(info.Name, name) }) {
		where = fmt.Sprintf("`morgana list %s` has those with this in their names", name)
	}
	if best != "" {
		return fmt.Errorf("no embedded program %q; did you mean %s? (%s)", name, best, where)
	}
	return fmt.Errorf("no embedded program %q; %s", name, where)
}

// sortedParts is a name with the parts of its variant in the order of the alphabet.
func sortedParts(name string) string {
	parts := strings.Split(name, "/")
	slices.Sort(parts[1:])
	return strings.Join(parts, "/")
}
