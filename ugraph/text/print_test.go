package text

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// roundTrip checks that a graph's text is the graph.
func roundTrip(t interface{ Fatalf(string, ...any) }, g *ugraph.Graph) {
	s := Print(g)
	gs, err := Parse("printed.ug", []byte(s))
	if err != nil {
		t.Fatalf("%s\n%s", err, s)
	}
	if len(gs) != 1 {
		t.Fatalf("%d graphs in\n%s", len(gs), s)
	}
	if d := ugraph.Diff(g, gs[0]); d != "" {
		t.Fatalf("%s\n%s\nagain:\n%s", d, s, Print(gs[0]))
	}
}

// TestPrograms checks the round trip on the embedded programs.
func TestPrograms(t *testing.T) {
	files, err := filepath.Glob("../../models/programs/*.ug")
	if err != nil || len(files) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		gs, err := Parse(f, src)
		if err != nil {
			t.Errorf("%v", err)
		}
		for _, g := range gs {
			roundTrip(t, g)
		}
	}
}

const rmsnormLinear = `ugraph rmsnorm_linear for rmsnorm_linear(
    X: f32[8, 4096],
    W: const f32[4096, 6144],
) -> (Y) {
    Y = kernel norm_gemm(X, W) grid(n: 6144 by 96) loop(k: 4096 by 256) {
        x = load(X, loop=1)  // f32[8, 256]
        w = load(W, n=1, loop=0)  // f32[256, 96]
        acc = accum(x @ w)  // f32[8, 96]
        ss = accum(sum(square(x), axis=1, keepdims=true))  // f32[8, 1]
        y = thread scale(acc, ss) -> (out) {
            out = acc / sqrt(ss * 0.000244140625)
        }
        store Y(n=1) = y
    }
}
`

// TestUGraphText checks that the canonical text of a μGraph is a fixed point.
func TestUGraphText(t *testing.T) {
	gs, err := Parse("u.ug", []byte(rmsnormLinear))
	if err != nil {
		t.Fatal(err)
	}
	if got := Print(gs[0]); got != rmsnormLinear {
		t.Errorf("got\n%s\nwant\n%s", got, rmsnormLinear)
	}
	roundTrip(t, gs[0])
}
