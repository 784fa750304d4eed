package mirage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// corpus is the folder of Mirage's own μGraphs, which the project does not hold.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: the corpus of Mirage's μGraphs is not tested")
	}
	return filepath.Join(dir, "mirage")
}

func importFile(t *testing.T, path string) []*ugraph.Graph {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gs, err := Import(f)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return gs
}

// corpusGraphs are the numbers of graphs by file.
var corpusGraphs = map[string]int{"rmsnorm_bs1": 5, "gqa_bs1": 6, "mqa_bs1": 2, "mha_bs1": 2, "lora": 2, "gated_mlp": 3, "ntrans_bs1": 2, "qknorm_gqa_bs1": 19}

func TestCorpusImports(t *testing.T) {
	dir, total := corpus(t), 0
	for name, want := range corpusGraphs {
		gs := importFile(t, filepath.Join(dir, name+".json"))
		if len(gs) != want {
			t.Errorf("%s: %d graphs, want %d", name, len(gs), want)
		}
		for i, g := range gs {
			if err := ugraph.Validate(g); err != nil {
				t.Errorf("%s, graph %d: %v", name, i, err)
			}
		}
		total += len(gs)
	}
	if total != 41 {
		t.Errorf("%d graphs, want 41", total)
	}
}

// corpusPrograms are what the graphs of the cheap files claim to compute.
var corpusPrograms = map[string]func(b *ugraph.Builder){
	"lora": func(b *ugraph.Builder) {
		x, w := b.Input("X", ugraph.F16, ugraph.Ds(16, 256)), b.Input("W", ugraph.F16, ugraph.Ds(256, 4096))
		a, u := b.Input("A", ugraph.F16, ugraph.Ds(256, 16)), b.Input("B", ugraph.F16, ugraph.Ds(16, 4096))
		mm := func(p, q ugraph.ValueID) ugraph.ValueID { return b.Op(ugraph.OpMatMul, nil, p, q) }
		b.Output("Y", b.Op(ugraph.OpAdd, nil, mm(x, w), mm(mm(x, a), u)))
	},
	"ntrans_bs1": func(b *ugraph.Builder) {
		h, x, alpha := b.Input("H", ugraph.F16, ugraph.Ds(8, 4096)), b.Input("X", ugraph.F16, ugraph.Ds(8, 4096)), b.Input("alpha", ugraph.F16, ugraph.Ds(8, 4096))
		inner := b.Op(ugraph.OpAdd, nil, b.Op(ugraph.OpRMSNorm, nil, h), x)
		b.Output("Y", b.Op(ugraph.OpRMSNorm, nil, b.Op(ugraph.OpAdd, nil, x, b.Op(ugraph.OpMul, nil, alpha, inner))))
	},
	"rmsnorm_bs1": func(b *ugraph.Builder) {
		x, w := b.Input("X", ugraph.F16, ugraph.Ds(2, 4096)), b.Input("W", ugraph.F16, ugraph.Ds(4096, 6144))
		b.Output("Y", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpRMSNorm, nil, x), w))
	},
	"gqa_bs1": func(b *ugraph.Builder) {
		q, k, v := b.Input("Q", ugraph.F16, ugraph.Ds(2, 256, 64)), b.Input("K", ugraph.F16, ugraph.Ds(2, 64, 4096)), b.Input("V", ugraph.F16, ugraph.Ds(2, 4096, 64))
		e := b.Op(ugraph.OpExp, nil, b.Op(ugraph.OpMatMul, nil, q, k))
		b.Output("Y", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpDiv, nil, e, b.Op(ugraph.OpSum, keep(-1), e)), v))
	},
}

// TestCorpusComputes runs right graphs at full size in float64 against their programs.
func TestCorpusComputes(t *testing.T) {
	dir := corpus(t)
	for _, name := range []string{"lora", "ntrans_bs1", "rmsnorm_bs1", "gqa_bs1"} {
		t.Run(name, func(t *testing.T) {
			b := ugraph.NewBuilder(name)
			corpusPrograms[name](b)
			program, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			inputs := normalInputs(t, program)
			want, err := interp.Run(interp.Float64{}, program, inputs, nil)
			if err != nil {
				t.Fatal(err)
			}
			graphs := importFile(t, filepath.Join(dir, name+".json"))
			if name == "rmsnorm_bs1" || name == "gqa_bs1" {
				graphs = graphs[:2] // of one structure each; the others differ in their grids
			}
			for i, g := range graphs {
				got, err := interp.Run(interp.Float64{}, g, inputs, nil)
				if err != nil {
					t.Fatalf("graph %d: %v", i, err)
				}
				if d := distance(got[0].Data, want[0].Data); !(d < 1e-12) {
					t.Errorf("graph %d is off by %.3g relative L2", i, d)
				}
			}
		})
	}
}

// TestCorpusWrong: the graphs of qknorm_gqa_bs1 do not compute what their name says.
func TestCorpusWrong(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 300 million products")
	}
	b := ugraph.NewBuilder("qknorm_gqa")
	q, k, v := b.Input("Q", ugraph.F16, ugraph.Ds(2, 256, 64)), b.Input("K", ugraph.F16, ugraph.Ds(2, 64, 4096)), b.Input("V", ugraph.F16, ugraph.Ds(2, 4096, 64))
	e := b.Op(ugraph.OpExp, nil, b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpRMSNorm, nil, q), k))
	b.Output("Y", b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpDiv, nil, e, b.Op(ugraph.OpSum, keep(-1), e)), b.Op(ugraph.OpRMSNorm, nil, v)))
	program, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	inputs := normalInputs(t, program)
	want, err := interp.Run(interp.Float64{}, program, inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := interp.Run(interp.Float64{}, importFile(t, filepath.Join(corpus(t), "qknorm_gqa_bs1.json"))[0], inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(got[0].Data, want[0].Data); d < 0.5 {
		t.Errorf("off by %.3g relative L2, want more than a half", d)
	}
}

func normalInputs(t *testing.T, g *ugraph.Graph) []*interp.Tensor[float64] {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	var out []*interp.Tensor[float64]
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		shape, err := ugraph.EvalShape(v.Shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := interp.New[float64](v.DType, shape)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Data {
			x.Data[i] = r.NormFloat64()
		}
		out = append(out, x)
	}
	return out
}

// distance is the relative L2 distance.
func distance(got, want []float64) float64 {
	if len(got) != len(want) {
		panic(fmt.Sprintf("%d and %d values", len(got), len(want)))
	}
	diff, norm := 0.0, 0.0
	for i := range want {
		diff += (got[i] - want[i]) * (got[i] - want[i])
		norm += want[i] * want[i]
	}
	return math.Sqrt(diff / norm)
}
