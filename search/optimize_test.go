package search

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// kernels counts the graph-defined kernels and the other operators that move data.
func kernels(g *ugraph.Graph) (defined, others int) {
	for i := range g.Nodes {
		switch g.Nodes[i].Op {
		case ugraph.OpKernel:
			defined++
		case ugraph.OpConst, ugraph.OpIota, ugraph.OpReshape:
		default:
			others++
		}
	}
	return defined, others
}

func TestBudgetAndInterruption(t *testing.T) {
	g := programtest.Program(t, "qknorm_gqa")
	r := optimize(t, g, Options{Budget: time.Millisecond})
	if r.Stop != "budget" || r.Best != r.Baseline || r.Reason == "" {
		t.Errorf("stop %q, reason %q", r.Stop, r.Reason)
	}
	last := 0.0
	optimize(t, g, Options{Budget: time.Millisecond, Progress: func(e Event) {
		if e.SoFar.Seconds < last {
			t.Errorf("%s: %v s so far, after %v s", e.Stage, e.SoFar.Seconds, last)
		}
		last = e.SoFar.Seconds
	}})
	if last == 0 {
		t.Error("no event says how long the search has run")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := Optimize(ctx, g, testRow(t), nil, lowered, Options{Seed: 1})
	if err != nil || r.Stop != "interrupted" || r.Best != r.Baseline {
		t.Errorf("interrupted: %v, %v", r, err)
	}
}

// TestSegments: operators that no axis form expresses stay, and the rest is searched around them.
func TestSegments(t *testing.T) {
	r := optimize(t, programtest.Parse(t, `program embed(I: i32[7], E: f32[100, 64], W: const f32[64, 32]) -> (Y) {
    Y = relu(gather(E, I) @ W)
}`), Options{})
	if fmt.Sprint(r.Kept) != "[gather]" {
		t.Errorf("kept %v", r.Kept)
	}
	if d, o := kernels(r.Best.Graph); d != 1 || o != 1 {
		t.Errorf("%d kernels beside %d operators, want 1 and 1\n%s", d, o, text.Print(r.Best.Graph))
	}
}

// TestShapesOfPrograms: outputs that are inputs, scalars, unit axes, several outputs, many inputs.
func TestShapesOfPrograms(t *testing.T) {
	for _, src := range []string{
		`program identity(X: f32[3, 5]) -> (Y) { Y = X }`,
		`program scalar(X: f32[7]) -> (Y) { Y = sum(X * X) }`,
		`program unit(X: f32[1, 1, 13], W: f32[13, 1]) -> (Y) { Y = X @ W }`,
		`program two(X: f32[11, 17]) -> (Y, L) { Y = softmax(X)  L = logsumexp(X) }`,
		`program twice(X: f32[11, 17]) -> (Y) { Y = X * X + X }`,
		`program many(A: f32[7], B: f32[7], C: f32[7], D: f32[7], E: f32[7], F: f32[7], G: f32[7], H: f32[7], I: f32[7], J: f32[7], K: f32[7], L: f32[7]) -> (Y) {
    Y = A + B * C + D * E + F * G + H * I + J * K + L
}`,
		`program gram(X: f32[19, 23]) -> (Y) { Y = softmax(X @ transpose(X)) }`,
		`program unused(X: f32[11, 19]) -> (Y) { D = X + X  G = matmul(X, X, transpose_b=true)  Y = tanh(G) }`,
		`program pick(X: f32[5, 64]) -> (V, I) { V, I = topk(X * 2, k=3) }`,
	} {
		g := programtest.Parse(t, src)
		t.Run(g.Name, func(t *testing.T) {
			r := optimize(t, g, Options{})
			if r.Best == r.Baseline && r.Reason == "" {
				t.Error("the program itself, without a reason")
			}
		})
	}
}

func TestSizes(t *testing.T) {
	g := programtest.Program(t, "attention_decode")
	if got := Sizes(g, nil); len(got) != 3 || got[0]["S"] != 16384 || got[1]["S"] != 2048 || got[2]["S"] != 131072 {
		t.Errorf("sizes %v", got)
	}
	if got := Sizes(g, map[string][]int64{"S": {16, 257}}); len(got) != 2 || got[1]["S"] != 257 {
		t.Errorf("sizes %v", got)
	}
}
