package execute

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/algebra"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"github.com/morgana-ml/morgana/verify"
)

var update = flag.Bool("update", false, "rewrite the blocks of search/EXAMPLE.md")

const examplePage = "../../../../search/EXAMPLE.md"

// exampleBlock is a fenced block of the page, after a comment that names it.
var exampleBlock = regexp.MustCompile("(?s)<!-- example: ([a-z-]+) -->\n```text\n(.*?)```\n")

// namedAxiom is an axiom that the page uses, by its name in the table and its law.
var namedAxiom = regexp.MustCompile("\\* `([a-z-]+)`: (.+)\n")

// TestExample keeps search/EXAMPLE.md true: every named block is what the stage prints today. With
// -update the blocks are rewritten.
func TestExample(t *testing.T) {
	page, err := os.ReadFile(examplePage)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range namedAxiom.FindAllStringSubmatch(string(page), -1) {
		if !slices.ContainsFunc(algebra.Axioms, func(a algebra.Axiom) bool { return a.Name == m[1] && a.Law == m[2] }) {
			t.Errorf("the page names an axiom %s, %s, which the table has not so", m[1], m[2])
		}
	}
	blocks := exampleStages(t)
	seen := map[string]bool{}
	out := exampleBlock.ReplaceAllStringFunc(string(page), func(block string) string {
		m := exampleBlock.FindStringSubmatch(block)
		want, ok := blocks[m[1]]
		if !ok {
			t.Errorf("no stage prints the block %s", m[1])
			return block
		}
		seen[m[1]] = true
		if m[2] != want && !*update {
			t.Errorf("%s has changed (-update rewrites the page). The page:\n%s\nnow:\n%s", m[1], m[2], want)
		}
		return "<!-- example: " + m[1] + " -->\n```text\n" + want + "```\n"
	})
	for name := range blocks {
		if !seen[name] {
			t.Errorf("the page lacks the block %s", name)
		}
	}
	if *update {
		if err := os.WriteFile(examplePage, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// exampleStages follows rmsnorm_linear through all stages, for the described AVX2 processor with two cores.
func exampleStages(t *testing.T) map[string]string {
	ctx := context.Background()
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	row = row.WithUnits(2)
	blocks := map[string]string{}
	put := func(name, format string, args ...any) { blocks[name] += fmt.Sprintf(format, args...) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	src, err := programs.Source("rmsnorm_linear")
	check(err)
	program := programtest.Parse(t, src)
	put("program", "%s", text.Print(program))
	put("primitives", "%s", text.Print(programtest.Expanded(t, program)))
	d := exprtest.Lift(t, program)
	put("dag", "%s", d)

	found, err := algebra.Explore(ctx, d, algebra.Options{})
	check(err)
	s := found.Stats
	put("closure", "%d values, %d abstraction tests, %d evaluations of which %d met a value; ended by: %s\n", s.Values, s.Tests, s.Evals, s.Merged, s.Stop)
	for _, p := range s.Pruned {
		put("closure", "pruned by %s: %d\n", p.Rule, p.Count)
	}
	for i, c := range found.DAGs {
		put("closure", "\nprogram %d: %d operators, stable: %t\n", i, c.Operators, c.Stable)
		for _, x := range c.Derivation {
			put("closure", "  computes %s\n", x)
		}
	}
	if len(found.DAGs) != 2 {
		t.Fatalf("%d programs; the page speaks of two", len(found.DAGs))
	}
	variant := found.DAGs[1].DAG
	put("variant", "%s", variant)

	exampleLaw(t, d, variant, put)
	for i, g := range []*expr.DAG{d, variant} {
		choices, st, err := schedule.Best(ctx, loop.Forms(g), schedule.Options{Row: &row, Top: 3})
		check(err)
		put("schedule", "program %d: %d points bounded, %d priced, %d cut off by their bound, %d by memory\n", i, st.States, st.Priced, st.PrunedBound, st.PrunedMemory)
		for _, c := range choices {
			put("schedule", "%9.1f µs predicted, tiles of %.0f bytes: %s\n", c.US, c.TileBytes, tilingText(c))
		}
	}
	result, err := search.Optimize(ctx, program, row, nil, func(g *ugraph.Graph) (*ugraph.Graph, error) {
		out, _, err := lower.Run(g)
		return out, err
	}, search.Options{Seed: 1, Jobs: 1})
	check(err)
	g := result.Best.Graph
	put("mugraph", "computes otherwise: %s\n\n%s", result.Best.Derivation, text.Print(g))
	for _, x := range []struct {
		name string
		g    *ugraph.Graph
	}{{"operator by operator", program}, {"as one kernel", g}} {
		r, err := cost.Graph(x.g, nil, &row)
		check(err)
		put("price", "%s: %d launches, %.0f bytes, %.0f flops, %.1f µs predicted\n", x.name, r.Launches, r.Bytes, r.Flops, r.US)
	}
	least, err := cost.MinBytes(program, nil)
	check(err)
	put("price", "every input and output once: %d bytes\n", least)

	eq := result.Best.Equal
	put("verify", "equal: %t, after %d tests; error at most 2^-64: %t\n", eq.Equal, eq.Tests, eq.ErrorLog2 <= -64)
	for _, c := range eq.Checks {
		if !strings.HasPrefix(c, "error of one test") { // a number that moves with every sharper bound
			put("verify", "%s\n", c)
		}
	}
	before := text.Print(g)
	lowered, side, err := lower.Traced(g, func(p lower.Pass, after *ugraph.Graph) {
		now := text.Print(after)
		if now == before {
			put("lowered", "%s: nothing to do\n", p.Name)
			return
		}
		put("lowered", "%s:\n%s", p.Name, now)
		before = now
	})
	check(err)
	for _, k := range side.Kernels {
		put("lowered", "prefetch: %d loads ahead\nmemory: an arena of %d bytes, %d live at most\n", len(k.Prefetch), k.Bytes, k.Peak)
	}
	again, err := verify.Equal(ctx, program, lowered, verify.Options{Seed: 2})
	check(err)
	put("lowered", "verified again: %t, error at most 2^-64: %t\n", again.Equal, again.ErrorLog2 <= -64)

	dev := cpu.New(2)
	defer dev.Close()
	put("executed", "%s", text.Print(Shrink(lowered)))
	_, err = (&CPU{Device: dev, Inputs: randomInputs}).Execute(ctx, lowered)
	check(err)
	put("executed", "every output is within %g of float64's\n", Bound(ugraph.F32))
	return blocks
}

// exampleLaw prints which loops the program allows, the loop over its reduced axis, and that the variant
// comes to the same one.
func exampleLaw(t *testing.T, d, variant *expr.DAG, put func(string, string, ...any)) {
	t.Helper()
	reduced := func(fs []*loop.Form) *loop.Form {
		for _, f := range fs {
			if f.Loop >= 0 && d.Axes[f.Loop].Name == "b" {
				return f
			}
		}
		t.Fatal("no loop over b")
		return nil
	}
	forms, refused := loop.FormsAndRefusals(d)
	for _, f := range forms {
		if f.Loop < 0 {
			put("law", "legal: no loop\n")
		} else {
			put("law", "legal: a loop over %s\n", d.Axes[f.Loop].Name)
		}
	}
	for _, r := range refused {
		put("law", "refused: a loop over %s: %s\n", d.Axes[r.Axis].Name, r.Reason)
	}
	f := reduced(forms)
	for v, n := range d.Nodes {
		if n.Over.Has(f.Loop) {
			put("law", "rank of what v%d sums: %d\n", v, loop.Rank(d, v, f.Loop, loop.RankSamples, 1))
		}
	}
	put("law", "\n%s\n", f)
	same := reduced(loop.Forms(variant)).String() == f.String()
	put("law", "program 1 gives the same steps: %t\n", same)
}

// tilingText names a tiling's cuts.
func tilingText(c schedule.Choice) string {
	axes := c.Form.DAG.Axes
	var parts []string
	for _, a := range c.Tiling.Grid {
		parts = append(parts, fmt.Sprintf("grid %s: %s by %d", axes[a.Axis].Name, axes[a.Axis].Extent, a.Tile))
	}
	if c.Tiling.Split != nil {
		parts = append(parts, fmt.Sprintf("split %s by %d", axes[c.Tiling.Split.Axis].Name, c.Tiling.Split.Tile))
	}
	if c.Form.Loop >= 0 {
		parts = append(parts, fmt.Sprintf("loop %s: %s by %d", axes[c.Form.Loop].Name, axes[c.Form.Loop].Extent, c.Tiling.LoopTile))
	}
	return strings.Join(parts, ", ")
}
