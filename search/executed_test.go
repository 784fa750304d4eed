package search

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// refusing is a device on which every graph, or none, fails its run against float64; it counts the runs.
type refusing struct {
	err  error
	runs *int
}

func (d refusing) Execute(context.Context, *ugraph.Graph) (float64, error) {
	*d.runs++
	return 0.5, d.err
}

func (d refusing) Measure(context.Context, []*ugraph.Graph, ugraph.Env) ([]float64, error) {
	return nil, errors.New("not measured")
}

// A program that is returned as its own best is executed like a candidate, and recorded as executed only then.
func TestProgramExecuted(t *testing.T) {
	bad := errors.New("a relative error of 1")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name     string
		ctx      context.Context
		err      error
		executed bool
		reason   string
	}{
		{"agrees", t.Context(), nil, true, ""},
		{"differs", t.Context(), bad, false, bad.Error()},
		{"interrupted", stopped, nil, false, ""},
	} {
		g, runs := programtest.Program(t, "tiny"), 0
		base := &Choice{Graph: g, Lowered: g}
		s := &state{r: &Result{Program: g, Best: base, Baseline: base, Reason: "nothing is better"}, m: refusing{c.err, &runs}}
		s.executeProgram(c.ctx)
		if base.Executed != c.executed || !strings.HasSuffix(s.r.Reason, c.reason) || (runs == 1) != (c.ctx.Err() == nil) {
			t.Errorf("%s: executed %v after %d runs, reason %q", c.name, base.Executed, runs, s.r.Reason)
		}
	}
}
