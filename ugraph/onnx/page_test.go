package onnx

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write operators.md")

// operators.md is the operator table: go test ./ugraph/onnx -run Page -update writes it.
func TestPage(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "# The operators of ONNX that become programs\n\nOf ai.onnx, operator sets %d to %d. Any other operator is refused and named, or, with `--partial`, stands\nbetween programs. What a row cannot express (a mode, a computed bound) is refused with its reason.\n\n", minOpset, maxOpset)
	b.WriteString("| operator | from set | inputs | in the language |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		o := operators[name]
		inputs := fmt.Sprintf("%d to %d", o.min, o.max)
		switch {
		case o.max < 0:
			inputs = fmt.Sprintf("%d and more", o.min)
		case o.min == o.max:
			inputs = fmt.Sprint(o.min)
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", name, max(o.since, minOpset), inputs, strings.ReplaceAll(o.doc, "|", `\|`))
	}
	if *update {
		if err := os.WriteFile("operators.md", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("operators.md")
	if err != nil || string(have) != b.String() {
		t.Errorf("operators.md is not the operator table (-update writes it): %v", err)
	}
}
