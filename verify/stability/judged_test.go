package stability_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/target"
)

// bodies are programs of every kind that is embedded. Capitals in braces are sizes, each drawn anew for a program; S
// is a symbol or a size.
var bodies = []string{
	"(X: f32[{R}, {N}]) -> (Y) { Y = layer_norm(X, eps=1e-5) }",
	"(X: f32[{B}, {R}, {N}]) -> (Y, L) { Y = softmax(X)  L = logsumexp(X) }",
	"(X: f32[{R}, {N}], G: f32[{N}], E: f32[{R}, {N}]) -> (H, Y) { H = X + E  Y = rms_norm(H, G, eps=1e-6) }",
	"(X: f32[{R}, {N}], W: const f32[{N}, {M}]) -> (Y) { Y = rms_norm(X) @ W }",
	"(X: f32[{R}, {N}], W: const f32[{N}, {M}], U: const f32[{N}, {M}], V: const f32[{M}, {N}]) -> (Y) { Y = silu(X @ W) * (X @ U) @ V }",
	"(X: f32[{R}, {N}], W: const f32[{N}, {M}], A: const f32[{N}, {K}], B: const f32[{K}, {M}]) -> (Y) { Y = X @ W + X @ A @ B }",
	"(Q: f32[{B}, {H}, {R}, {D}], K: f32[{B}, {H}, {S}, {D}], V: f32[{B}, {H}, {S}, {D}]) -> (O) { O = attention(Q, K, V) }",
	"(Q: f32[{H}, {D}], K: f32[{H}, {S}, {D}], V: f32[{H}, {S}, {D}]) -> (O) { O = reshape(softmax(matmul(reshape(Q, shape=[{H}, 1, {D}]), K, transpose_b=true)) @ V, shape=[{H}, {D}]) }",
	"(Q: f32[{H}, {R}, {D}], K: f32[{H}, {R}, {D}], V: f32[{H}, {R}, {D}]) -> (O) { O = softmax(where(reshape(iota(n={R}), shape=[{R}, 1]) >= iota(n={R}), matmul(Q, K, transpose_b=true) * 0.125, -inf)) @ V }",
	"(X: f32[{R}, {N}], B: f32[1, {N}], C: f32[{R}, 1]) -> (Y) { Y = tanh(X * C + B) - mean(X, axis=0, keepdims=true) }",
	"(X: f32[{R}, {N}], W: const f32[{N}, {M}]) -> (I) { I = argmax(X @ W, axis=1) }",
	"(X: f32[{R}, {N}]) -> (Y) { A = slice(X, axis=1, start=0, end=1)  Y = exp(X - max(X, axis=1, keepdims=true)) * A }",
	"(X: f32[{R}, {N}], E: f32[{R}, {N}]) -> (Y) { Y = rms_norm(concat(X, E, axis=1)) }",
	"(X: f32[{R}, {N}], W: f32[{N}, {R}]) -> (Y) { Y = transpose(softmax(X @ W)) + sum(X, axis=1) }",
}

var (
	rowSizes  = []int{1, 1, 2, 3, 7, 16, 64, 127}
	longSizes = []int{1, 13, 64, 127, 509, 1021, 2048, 4099, 32769}
	headSizes = []int{1, 3, 4, 7}
	dimSizes  = []int{1, 5, 37, 64, 128}
)

// drawn is a program of random sizes.
func drawn(r *rand.Rand, k int) string {
	body := bodies[k%len(bodies)]
	pick := func(from []int) string { return fmt.Sprint(from[r.IntN(len(from))]) }
	sizes := []string{"{R}", pick(rowSizes), "{N}", pick(longSizes), "{M}", pick(longSizes[:6]), "{K}", pick(dimSizes), "{D}", pick(dimSizes), "{B}", pick(headSizes), "{H}", pick(headSizes)}
	where := ""
	if strings.Contains(body, "{S}") {
		if s := pick(longSizes); r.IntN(2) == 0 {
			sizes, where = append(sizes, "{S}", "S"), " where S <= 65536"
		} else {
			sizes = append(sizes, "{S}", s)
		}
	} else if r.IntN(4) == 0 && !strings.Contains(body, "n={R}") {
		sizes[1], where = "T", " where T <= 4096"
	}
	signature, rest, _ := strings.Cut(strings.NewReplacer(sizes...).Replace(body), " {")
	return "program drawn" + signature + where + " {" + rest
}

// Whatever its sizes, a program that is merely large is judged: no candidate of the search is refused because
// judging gave up. MORGANA_FULL=1 draws 200 programs.
func TestLargeIsJudged(t *testing.T) {
	count := len(bodies)
	switch {
	case os.Getenv("MORGANA_FULL") == "1":
		count = 200
	case testing.Short():
		count = 4
	}
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for k := range count {
		src := drawn(rand.New(rand.NewPCG(7, uint64(k))), k)
		r, err := search.Optimize(context.Background(), programtest.Parse(t, src), row.WithUnits(2), nil, nil, search.Options{Seed: 1, Budget: 20 * time.Second})
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		for _, x := range r.Rejections {
			if strings.Contains(x.Reason, "not judged") {
				t.Errorf("%s: %s", src, x.Reason)
			}
		}
		if s := r.Best.Stable; s != nil {
			judged++
			if strings.Contains(s.Reason, "not judged") || strings.Contains(s.Reason, "full size") {
				t.Logf("%s: %s", src, s.Reason)
			}
		} else {
			t.Logf("%s: the program itself, %s: %s", src, r.Stop, r.Reason)
		}
	}
	if judged < count/2 {
		t.Errorf("only %d of %d programs had a candidate", judged, count)
	}
}
