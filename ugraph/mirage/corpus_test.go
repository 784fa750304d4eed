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

// tensors adds f16 inputs of the given shapes.
func tensors(b *ugraph.Builder, shapes ...[]int64) []ugraph.ValueID {
	out := make([]ugraph.ValueID, len(shapes))
	for i, s := range shapes {
		out[i] = b.Input(fmt.Sprintf("x%d", i), ugraph.F16, ugraph.Ds(s...))
	}
	return out
}

// attend is E = exp(Q@K); (E / sum(E, -1)) @ V.
func attend(b *ugraph.Builder, q, k, v ugraph.ValueID) ugraph.ValueID {
	e := b.Op(ugraph.OpExp, nil, b.Op(ugraph.OpMatMul, nil, q, k))
	return b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpDiv, nil, e, b.Op(ugraph.OpSum, keep(-1), e)), v)
}

func attention(h, rows int64) func(b *ugraph.Builder) ugraph.ValueID {
	return func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{h, rows, 64}, []int64{h, 64, 4096}, []int64{h, 4096, 64})
		return attend(b, x[0], x[1], x[2])
	}
}

// corpusFiles says of every file how many graphs it has and what they claim to compute.
var corpusFiles = []struct {
	name    string
	graphs  int
	right   bool
	program func(b *ugraph.Builder) ugraph.ValueID
}{
	{"rmsnorm_bs1", 5, true, func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{2, 4096}, []int64{4096, 6144})
		return b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpRMSNorm, nil, x[0]), x[1])
	}},
	{"gqa_bs1", 6, true, attention(2, 256)},
	{"mqa_bs1", 2, true, attention(1, 1024)},
	{"mha_bs1", 2, true, attention(32, 16)},
	{"lora", 2, true, func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{16, 256}, []int64{256, 4096}, []int64{256, 16}, []int64{16, 4096})
		low := b.Op(ugraph.OpMatMul, nil, b.Op(ugraph.OpMatMul, nil, x[0], x[2]), x[3])
		return b.Op(ugraph.OpAdd, nil, b.Op(ugraph.OpMatMul, nil, x[0], x[1]), low)
	}},
	{"gated_mlp", 3, true, func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{8, 4096}, []int64{4096, 4096}, []int64{4096, 4096})
		gate := b.Op(ugraph.OpSilu, nil, b.Op(ugraph.OpMatMul, nil, x[0], x[1]))
		return b.Op(ugraph.OpMul, nil, gate, b.Op(ugraph.OpMatMul, nil, x[0], x[2]))
	}},
	{"ntrans_bs1", 2, true, func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{8, 4096}, []int64{8, 4096}, []int64{8, 4096}) // H, X, alpha
		inner := b.Op(ugraph.OpAdd, nil, b.Op(ugraph.OpRMSNorm, nil, x[0]), x[1])
		return b.Op(ugraph.OpRMSNorm, nil, b.Op(ugraph.OpAdd, nil, x[1], b.Op(ugraph.OpMul, nil, x[2], inner)))
	}},
	{"qknorm_gqa_bs1", 19, false, func(b *ugraph.Builder) ugraph.ValueID {
		x := tensors(b, []int64{2, 256, 64}, []int64{2, 64, 4096}, []int64{2, 4096, 64})
		return attend(b, b.Op(ugraph.OpRMSNorm, nil, x[0]), x[1], b.Op(ugraph.OpRMSNorm, nil, x[2]))
	}},
}

func TestCorpusImports(t *testing.T) {
	dir, total := corpus(t), 0
	for _, f := range corpusFiles {
		gs := importFile(t, filepath.Join(dir, f.name+".json"))
		if len(gs) != f.graphs {
			t.Errorf("%s: %d graphs, want %d", f.name, len(gs), f.graphs)
		}
		for i, g := range gs {
			if err := ugraph.Validate(g); err != nil {
				t.Errorf("%s, graph %d: %v", f.name, i, err)
			}
		}
		total += len(gs)
	}
	if total != 41 {
		t.Errorf("%d graphs, want 41", total)
	}
}

// TestCorpusComputes runs graphs at full size in float64 against their programs: the first of each
// file with -short, all of them without. The graphs of qknorm_gqa_bs1 must differ.
func TestCorpusComputes(t *testing.T) {
	dir := corpus(t)
	for _, f := range corpusFiles {
		t.Run(f.name, func(t *testing.T) {
			b := ugraph.NewBuilder(f.name)
			b.Output("Y", f.program(b))
			program, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			inputs := normalInputs(t, program)
			want, err := interp.Run(interp.Float64{}, program, inputs, nil)
			if err != nil {
				t.Fatal(err)
			}
			graphs := importFile(t, filepath.Join(dir, f.name+".json"))
			if testing.Short() {
				graphs = graphs[:1]
			}
			for i, g := range graphs {
				got, err := interp.Run(interp.Float64{}, g, inputs, nil)
				if err != nil {
					t.Fatalf("graph %d: %v", i, err)
				}
				switch d := distance(got[0].Data, want[0].Data); {
				case f.right && !(d < 1e-12):
					t.Errorf("graph %d is off by %.3g relative L2", i, d)
				case !f.right && !(d > 0.5):
					t.Errorf("graph %d is off by %.3g relative L2, want more than a half", i, d)
				}
			}
		})
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
