package text

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/morgana-ml/morgana/ugraph"
)

// unwritable are the rules that no text can break, since the parser makes what they ask for.
var unwritable = map[string]string{
	"ids":        "values are numbered in the order of the text",
	"fields":     "the grammar has no place for them",
	"nesting":    "the grammar nests graphs in one way",
	"attributes": "the parser writes them in canonical form",
}

// TestValidate shows, for every rule of legality that a text can break, what its reader is told: the place
// in the text, the graph, the rule and the defect.
func TestValidate(t *testing.T) {
	told := map[string]bool{}
	datadriven.RunTest(t, "testdata/validate", func(t *testing.T, d *datadriven.TestData) string {
		var name string
		d.ScanArgs(t, "name", &name)
		told[name] = true
		_, err := Parse("t.ug", []byte(d.Input))
		if err == nil {
			d.Fatalf(t, "rule %s is not broken", name)
		}
		if named := strings.Contains(err.Error(), ": "+name+": "); named != (d.Cmd == "rule") {
			return fmt.Sprintf("the rule is named: %t, the case says %s: %v\n", named, d.Cmd, err)
		}
		if !strings.HasPrefix(err.Error(), "t.ug:") {
			return fmt.Sprintf("no place in the text: %v\n", err)
		}
		return err.Error() + "\n"
	})
	for _, r := range ugraph.Rules {
		if told[r.Name] == (unwritable[r.Name] != "") {
			t.Errorf("rule %s: in the text file: %t, no text can break it: %q", r.Name, told[r.Name], unwritable[r.Name])
		}
	}
}
