package search

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/mirage"
)

// Every right graph of Mirage's corpus gets an answer that names a stage and both predictions.
func TestWhyNotMiragesGraphs(t *testing.T) {
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: Mirage's saved graphs are not at hand")
	}
	stages := map[string]int{}
	graphs := 0
	for _, c := range programtest.Corpus {
		if !c.Right {
			continue
		}
		f, err := os.ReadFile(filepath.Join(dir, "mirage", c.File+".json"))
		if err != nil {
			t.Fatal(err)
		}
		gs, err := mirage.Import(bytes.NewReader(f))
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range gs {
			t.Run(fmt.Sprintf("%s/%d", c.File, i), func(t *testing.T) {
				a, err := WhyNot(context.Background(), programtest.Parse(t, c.Source), g, testRow(t), Record{}, Options{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %s", a.Stage, a.Reason)
				stages[a.Stage]++
				graphs++
				if a.Stage == "" || a.Reason == "" || a.Stage != StageUnequal && a.Stage != StageUnstable && (a.PredictedUS == 0 || a.WinnerUS == 0) {
					t.Errorf("%+v", a)
				}
			})
		}
	}
	t.Logf("%d graphs: %v", graphs, stages)
	if graphs < 20 {
		t.Errorf("%d graphs", graphs)
	}
}

// asking is a question of the test: a program, a graph, and what is on record.
type asking struct {
	program, graph string
	record         Record
	limits         limits
	stage          string
	says           []string // parts of the reason
}

// Each stage of the search has a hand-made graph that is left there.
func TestWhyNotNamesTheStage(t *testing.T) {
	const head = "program p(X: f32[64, 96], Z: f32[64, 96], V: f32[64, 96], U: f32[64, 96], T: f32[64, 96], W: const f32[96, 80]) -> (Y) {\n"
	few := usual
	few.variants = 1
	for name, c := range map[string]asking{
		"another program":     {head + "Y = X @ W", head + "Y = X @ W * 2", Record{}, limits{}, StageUnequal, []string{"not equal", "Y["}},
		"less stable":         {head + "Y = softmax(X) @ W", head + "E = exp(X)\nY = (E / sum(E, axis=-1, keepdims=true)) @ W", Record{}, limits{}, StageUnstable, []string{"predicted"}},
		"the program":         {head + "Y = silu(X @ W) + 1", head + "Y = silu(X @ W) + 1", Record{}, limits{}, StageProgram, []string{"µs"}},
		"abstraction":         {head + "Y = X @ W", head + "Y = (X + X) @ W * 0.5", Record{}, limits{}, StagePruned, []string{"X + X", "targets"}},
		"operator":            {head + "Y = (Z - X) @ W", head + "Y = (Z + -X) @ W", Record{}, limits{}, StageLanguage, []string{"no neg"}},
		"reciprocal":          {head + "Y = rms_norm(X) @ W", head + "Y = (X @ W) * reciprocal(sqrt(mean(square(X), axis=1, keepdims=true)))", Record{}, limits{}, StagePartition, []string{"{square} {mean} {sqrt} {div}"}},
		"too many operators":  {head + "Y = (X * (Z + V + U + T)) @ W", head + "Y = (X * Z + X * V + X * U + X * T) @ W", Record{}, limits{}, StageMerged, []string{"operators", "at most"}},
		"beyond the variants": {head + "Y = (X / (mean(square(X), axis=1, keepdims=true) + 1)) @ W", head + "Y = (X @ W) / (mean(square(X), axis=1, keepdims=true) + 1)", Record{}, few, StageVariants, []string{"number", "first 1"}},
		"no reading":          {head + "Y = X @ W", head + "Y = concat(slice(X, axis=0, end=32) @ W, slice(X, axis=0, start=32) @ W, axis=0)", Record{}, limits{}, StageUnread, []string{"predicted"}},
		"cut otherwise": {"program p(A: f32[8, 1024], B: f32[1024, 1024], C: f32[1024, 8]) -> (Y) {\nY = (A @ B) @ C", "program p(A: f32[8, 1024], B: f32[1024, 1024], C: f32[1024, 8]) -> (Y) {\nY = A @ (B @ C)",
			Record{}, limits{}, StagePartition, []string{"{matmul} {matmul}", "takes at least"}},
		"bound": {"program p(A: f32[512, 8], B: f32[8, 512], C: f32[512, 8]) -> (Y) {\nY = A @ (B @ C)", "program p(A: f32[512, 8], B: f32[8, 512], C: f32[512, 8]) -> (Y) {\nY = (A @ B) @ C",
			Record{}, limits{}, StageBound, []string{"no plan of its form takes less than"}},
		"fused": {"program p(X: f32[8, 4096], W: const f32[4096, 6144]) -> (Y) {\nY = rms_norm(X) @ W", "program p(X: f32[8, 4096], W: const f32[4096, 6144]) -> (Y) {\nN = X / sqrt(mean(square(X), axis=1, keepdims=true))\nY = N @ W",
			Record{}, limits{}, StagePartition, []string{"{square} {mean} {sqrt} {div}"}},
		"kept": {"program p(X: f32[64, 64]) -> (Y) {\nY = exp(X @ transpose(X))", "program p(X: f32[64, 64]) -> (Y) {\nY = exp(X @ transpose(X)) + 0", Record{}, limits{}, StageKept, []string{"carry one axis twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			ask(t, programtest.Parse(t, c.program+"\n}"), programtest.Parse(t, c.graph+"\n}"), c)
		})
	}
}

func ask(t *testing.T, p, g *ugraph.Graph, c asking) *Answer {
	t.Helper()
	a, err := WhyNot(context.Background(), p, g, testRow(t), c.record, Options{Seed: 1, limits: c.limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", a.Stage, a.Reason)
	if c.stage != "" && a.Stage != c.stage {
		t.Errorf("the stage is %s, want %s", a.Stage, c.stage)
	}
	for _, s := range c.says {
		if !strings.Contains(a.Reason, s) {
			t.Errorf("the reason does not say %q", s)
		}
	}
	return a
}

// The plan of a form, cut and tiled by hand, is left where the search chose otherwise.
func TestWhyNotOfPlans(t *testing.T) {
	p := programtest.Parse(t, "program p(X: f32[64, 512], W: const f32[512, 320], U: const f32[320, 64]) -> (Y) {\nY = silu(X @ W) @ U\n}")
	row := testRow(t)
	s, err := newState(p, row, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	cs, err := s.proposed(context.Background())
	if err != nil || len(cs) < 2 {
		t.Fatalf("%d candidates, %v", len(cs), err)
	}
	d, plan := cs[0].plan.DAG, cs[0].plan
	emit := func(p *partition.Plan) *ugraph.Graph {
		g, err := p.Emit(nil)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	// tiled is the best plan with the first group's tiling changed.
	tiled := func(change func(t *loop.Tiling)) *ugraph.Graph {
		q := *plan
		q.Groups = slices.Clone(plan.Groups)
		c := q.Groups[0].Choices[0]
		c.Tiling.Grid = slices.Clone(c.Tiling.Grid)
		change(&c.Tiling)
		q.Groups[0].Choices = []schedule.Choice{c}
		return emit(&q)
	}
	t.Logf("%s", planText(plan))
	var each [][]int
	for i, n := range d.Nodes {
		if len(n.Args) > 0 {
			each = append(each, []int{i})
		}
	}
	apart, err := partition.Grouped(context.Background(), d, each, &row, partition.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first, second := ugraph.Hash(cs[0].graph), ugraph.Hash(cs[1].graph)
	for _, c := range []struct {
		name string
		g    *ugraph.Graph
		asking
	}{
		{"winner", cs[0].graph, asking{stage: StageWinner}},
		{"candidate", cs[1].graph, asking{stage: StageCandidate, says: []string{"number 2 of", "nothing was measured"}}},
		{"measured", cs[1].graph, asking{record: Record{MeasuredUS: 17}, stage: StageCandidate, says: []string{"measured at 17.0 µs"}}},
		{"near", cs[1].graph, asking{record: Record{Winner: cs[0].graph, MeasuredUS: 17, Near: []string{second}}, stage: StageNear, says: []string{"3 %", "17.0 µs"}}},
		{"rejected", cs[0].graph, asking{record: Record{Winner: cs[1].graph, Rejections: []Rejection{{first, "it fell"}}}, stage: StageRejected, says: []string{"it fell"}}},
		{"cut", emit(apart), asking{stage: StagePartition, says: []string{"{matmul} {silu} {matmul}", "takes at least"}}},
		{"grid tile", tiled(func(t *loop.Tiling) { t.Grid[0].Tile = 7 }), asking{stage: StageOutside, says: []string{"tile 7 of axis"}}},
		{"tile", tiled(func(t *loop.Tiling) { t.Grid[0].Tile = 1 }), asking{stage: StageSchedule, says: []string{"/1", "the best ("}}},
	} {
		t.Run(c.name, func(t *testing.T) { ask(t, p, c.g, c.asking) })
	}
	other := programtest.Parse(t, "program p(X: f32[64, 512]) -> (Y) {\nY = silu(X)\n}")
	ask(t, p, other, asking{stage: StageInterface, says: []string{"1 inputs"}})
}
