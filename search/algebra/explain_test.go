package algebra

import (
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"Y = (X - max(X, axis=1, keepdims=true)) * 2", "v1 = max(X, over b); v2 = X - v1; Y = v2 * 2"},
		{"Y = X * 0.5 - (X - 1) / X", "v1 = X * 0.5; v2 = X - 1; v3 = v2 / X; Y = v1 - v3"},
	} {
		d := exprtest.Lift(t, programtest.Parse(t, "program p(X: f32[3, 5]) -> (Y) {\n"+c.body+"\n}"))
		var all, last []int
		for i, n := range d.Nodes {
			if len(n.Args) > 0 {
				all = append(all, i)
				last = []int{i}
			}
		}
		if got := strings.Join(explain(d, all), "; "); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
		// One alone is written out, with the parentheses that it needs.
		if got := explain(d, last); len(got) != 1 || strings.Contains(got[0], "v1") || !strings.HasPrefix(got[0], "Y = ") {
			t.Errorf("%s: %q", c.body, got)
		} else {
			t.Log(got[0])
		}
	}
}
