package loop

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

func TestFieldPrimes(t *testing.T) {
	for _, p := range []uint64{fieldP, fieldQ} {
		if !new(big.Int).SetUint64(p).ProbablyPrime(20) {
			t.Errorf("%d is not prime", p)
		}
	}
	if powMod(4, fieldQ, fieldP) != 1 {
		t.Error("4 has not order q")
	}
	a := residue(must(ugraph.ParseNumber("0.375")), fieldP)
	if mulMod(a, 8, fieldP) != 3 {
		t.Error("0.375 · 8 is not 3")
	}
}

func must(n ugraph.Number, err error) ugraph.Number {
	if err != nil {
		panic(err)
	}
	return n
}

func axisOf(d *expr.DAG, name string) int {
	return slices.IndexFunc(d.Axes, func(a expr.Axis) bool { return a.Name == name })
}

// TestRankOracle compares the law with the rank of the matrix of field evaluations: the law may not
// claim fewer accumulators than the rank, and refuses what has full rank.
func TestRankOracle(t *testing.T) {
	ranks := map[string][]int{ // of the reductions whose body reads earlier ones, in their order
		"attention j":        {1, 1},
		"attention_causal j": {1, 1},
		"attention_qknorm j": {1, 1},
		"attention_lse j":    {1, 1, 1}, // the softmax that the logsumexp replaces is still there
		"logsumexp j":        {1},
		"entropy j":          {1, 2},
		"rmsnorm_linear k":   {1},
		"layer_norm_lin k":   {3, 2},
		"ntrans k":           {3},
		"normed_softmax j":   {1, 8, 8},
	}
	for key, want := range ranks {
		name, axis, _ := strings.Cut(key, " ")
		d := contract(programs[name]())
		l := newLaw(d, axisOf(d, axis))
		var got []int
		for v, n := range d.Nodes {
			tainted := false
			for _, a := range n.Args {
				tainted = tainted || l.taint[a]
			}
			if !l.on(n.Over) || !tainted {
				continue
			}
			r := Rank(d, v, l.axis, RankSamples, 1)
			if r2 := Rank(d, v, l.axis, RankSamples, 2); r2 != r {
				t.Errorf("%s: rank of node %d is %d and %d", key, v, r, r2)
			}
			if n.Op == ugraph.OpMax { // the law for maxima is additive; its rank says nothing
				got = append(got, r)
				continue
			}
			got = append(got, r)
			parts, err := l.accumulate(v)
			accs := map[string]bool{}
			for _, p := range parts {
				accs[accKey(p)] = true
			}
			switch {
			case err == nil && r > len(accs):
				t.Errorf("%s: node %d has rank %d, the law gives %d accumulators", key, v, r, len(accs))
			case err == nil && r < len(accs):
				t.Errorf("%s: node %d has rank %d, the law needs %d accumulators", key, v, r, len(accs))
			case err != nil && r == 1:
				t.Errorf("%s: node %d has rank 1, the law refuses: %v", key, v, err)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: ranks %v, want %v", key, got, want)
		}
	}
}

// TestForms says which loops over a reduced axis must come out, and with which accumulators.
func TestForms(t *testing.T) {
	for _, c := range []struct{ program, axis, roles string }{
		{"attention", "j", "max:1 rescaled:2"},
		{"attention_scaled", "j", "max:1 rescaled:2"},
		{"attention_masked", "j", "max:1 rescaled:2"},
		{"attention_causal", "j", "max:1 rescaled:2"},
		{"attention_qknorm", "j", "max:1 rescaled:2"},
		{"attention_lse", "j", "max:1 rescaled:2"},
		{"attention_S", "j", "max:1 rescaled:2"},
		{"grouped", "j", "max:1 rescaled:2"},
		{"logsumexp", "j", "max:1 rescaled:1"},
		{"entropy", "j", "max:1 rescaled:2"},
		{"rmsnorm_linear", "k", "sum:2"},
		{"rmsnorm_K", "k", "sum:3"},
		{"gated_mlp", "k", "sum:2"},
		{"lora", "k", "sum:2"},
		{"moe", "h", "sum:1"},
		{"layer_norm_lin", "k", "moving:2 sum:3"},
		{"softmax", "j", "refused"},
		{"layer_norm", "k", "refused"},
		{"ntrans", "k", "refused"},
		{"normed_softmax", "j", "refused"},
	} {
		d := programs[c.program]()
		axis := axisOf(d, c.axis)
		got := "absent"
		fs, no := FormsAndRefusals(d)
		if fs[0].Loop != -1 {
			t.Errorf("%s: no form without a loop", c.program)
		}
		for _, r := range no {
			if r.Axis == axis {
				got = "refused"
			}
		}
		for _, f := range fs {
			if f.Loop == axis {
				var roles []string
				for _, k := range slices.Sorted(maps.Keys(f.Roles)) {
					roles = append(roles, fmt.Sprintf("%s:%d", k, f.Roles[k]))
				}
				got = strings.Join(roles, " ")
			}
		}
		if got != c.roles {
			t.Errorf("%s over %s: %s, want %s", c.program, c.axis, got, c.roles)
		}
	}
}

// TestRefusalRank: a second pass that no rule could save has full rank.
func TestRefusalRank(t *testing.T) {
	_, no := FormsAndRefusals(normedSoftmax())
	if len(no) != 1 || no[0].Rank != RankSamples {
		t.Errorf("refusals %+v, want one of rank %d", no, RankSamples)
	}
	_, no = FormsAndRefusals(softmaxProgram("ij"))
	if len(no) != 1 || no[0].Rank != 0 {
		t.Errorf("refusals %+v, want one that is no accumulator's", no)
	}
}

// loadsOf counts how often the kernels of a graph load each input.
func loadsOf(g *ugraph.Graph) map[string]int {
	out := map[string]int{}
	for i := range g.Nodes {
		b := g.Nodes[i].Body
		for j := range b.Nodes {
			if n := &b.Nodes[j]; n.Op == ugraph.OpLoad && b.Values[n.Args[0]].Node < 0 {
				out[b.Values[n.Args[0]].Name]++
			}
		}
	}
	return out
}

func formOver(t *testing.T, d *expr.DAG, axis string) *Form {
	t.Helper()
	for _, f := range Forms(d) {
		if f.Loop == axisOf(d, axis) {
			return f
		}
	}
	t.Fatalf("%s has no loop over %s", d.Name, axis)
	return nil
}

// TestOneLoad checks that a fused kernel reads every input once, and where the division by the norm stands.
func TestOneLoad(t *testing.T) {
	for _, c := range []struct{ program, axis string }{{"gated_mlp", "k"}, {"rmsnorm_linear", "k"}, {"lora", "k"}, {"attention", "j"}, {"attention_qknorm", "j"}} {
		f := formOver(t, programs[c.program](), c.axis)
		g, err := emitGraph(f, Tiling{LoopTile: 4})
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Nodes) != 1 {
			t.Errorf("%s: %d kernels, want 1", c.program, len(g.Nodes))
		}
		for name, n := range loadsOf(g) {
			if n != 1 {
				t.Errorf("%s: %s is loaded %d times", c.program, name, n)
			}
		}
	}
	f := formOver(t, rmsnormLinear(), "k")
	last := f.Steps[f.Outputs[0]]
	by := f.Steps[last.Args[len(last.Args)-1]]
	if last.Op != ugraph.OpMul || last.Phase != ugraph.After || by.Op != ugraph.OpReciprocal || by.Phase != ugraph.After {
		t.Errorf("rmsnorm_linear ends with %s %s by %s %s, want a product with a reciprocal after the loop", last.Phase, last.Op, by.Phase, by.Op)
	}
}

// TestUnbounded: exponentials count as bounded only under a maximum over one of their axes.
func TestUnbounded(t *testing.T) {
	for name, want := range map[string]int{"attention": 0, "attention_causal": 0, "attention_lse": 0, "entropy": 0, "softmax": 0, "moe": 1} {
		if got := Unbounded(programs[name]()); got != want {
			t.Errorf("%s: %d unbounded exponentials, want %d", name, got, want)
		}
	}
	d := newDAG("no_max")
	d.axis("i", n(5))
	d.axis("j", n(7))
	x := d.in("X", "ij")
	e := d.op(ugraph.OpExp, d.op(ugraph.OpSub, x, d.red(ugraph.OpMean, "j", x)))
	d.out("Y", "i", d.red(ugraph.OpSum, "j", e))
	if Unbounded(d.DAG) != 1 {
		t.Error("a shift by the mean bounds nothing")
	}
	for _, f := range Forms(d.DAG) {
		if f.Loop == axisOf(d.DAG, "j") {
			t.Error("an online sum of exponentials shifted by a mean came out")
		}
	}
}

// TestBadTilings: each is an error, not a panic.
func TestBadTilings(t *testing.T) {
	f := formOver(t, rmsnormLinear(), "k")
	k, m := axisOf(f.DAG, "k"), axisOf(f.DAG, "m")
	for name, tl := range map[string]Tiling{
		"grid over a reduced axis": {Grid: []AxisTile{{k, 4}}, LoopTile: 4},
		"no such axis":             {Grid: []AxisTile{{99, 4}}, LoopTile: 4},
		"an axis twice":            {Grid: []AxisTile{{m, 4}, {m, 2}}, LoopTile: 4},
		"tile 0":                   {Grid: []AxisTile{{m, 0}}, LoopTile: 4},
		"loop tile 0":              {},
		"split of another axis":    {LoopTile: 4, Split: &AxisTile{m, 4}},
	} {
		if _, err := emitGraph(f, tl); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b := ugraph.NewBuilder("x")
	if _, err := Emit(b, f, Tiling{LoopTile: 4}, nil); err == nil {
		t.Error("no inputs: no error")
	}
}

func BenchmarkForms(b *testing.B) {
	for _, name := range []string{"attention", "attention_qknorm", "rmsnorm_linear", "gated_mlp"} {
		d := programs[name]()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Forms(d)
			}
		})
	}
}
