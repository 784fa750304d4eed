package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// executions is a device whose small instances agree with float64, or not.
type executions struct {
	err error
	ran int
}

func (e *executions) Execute(context.Context, *ugraph.Graph) (float64, error) {
	e.ran++
	return 1e-7, e.err
}

func (e *executions) Measure(context.Context, []*ugraph.Graph, ugraph.Env) ([]float64, error) {
	return nil, errors.New("nothing is timed when an entry is read")
}

// What an entry of the store holds has to pass every check of a candidate, whatever it says of itself.
func TestRestoreChecks(t *testing.T) {
	program := programtest.Parse(t, "program p(X: f16[8, 256]) -> (Y) {\n    Y = softmax(X * 64)\n}\n")
	graph := func(body string) string {
		return "ugraph g for p(X: f16[8, 256]) -> (Y) {\n    Y = kernel(X) grid(a: 8 by 4) {\n        x = load(X, a=0) * 64\n" + body + "    }\n}\n"
	}
	good := graph("        e = exp(x - max(x, axis=1, keepdims=true))\n        store Y(a=0) = e / sum(e, axis=1, keepdims=true)\n")
	unstable := graph("        e = exp(x)\n        store Y(a=0) = e / sum(e, axis=1, keepdims=true)\n")
	wrong := graph("        e = exp(x - max(x, axis=1, keepdims=true))\n        store Y(a=0) = e / mean(e, axis=1, keepdims=true)\n")
	row, err := target.ByName("cpu:generic")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, graph, lowered string
		device               error
		want                 string // "" for no error
	}{
		{"good", good, good, nil, ""},
		{"not equal", wrong, wrong, nil, "not equal to the program"},
		{"lowered to another program", good, wrong, nil, "lowered: not equal"},
		{"unstable", unstable, unstable, nil, "less stable"},
		{"runs wrongly", good, good, errors.New("output Y differs"), "run on seeded inputs: output Y differs"},
		{"no graph", "X", good, nil, "unexpected"},
	} {
		data, err := json.Marshal(stored{Graph: c.graph, Lowered: c.lowered, Predicted: 1, Baseline: 2})
		if err != nil {
			t.Fatal(err)
		}
		m := &executions{err: c.device}
		f, err := restore(t.Context(), data, program, row, m, search.Options{Top: 6, Seed: 1})
		switch {
		case c.want == "" && (err != nil || !f.Best.Executed || f.Best.Stable == nil || f.Best.Equal == nil || m.ran != 1):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
