package search

import (
	"fmt"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// links are the operators of a chain like an RMS norm and what follows it in a transformer; a chain is the first
// so many of them.
var links = []string{
	"a = square(X)", "b = mean(a, axis=1, keepdims=true)", "c = sqrt(b)", "d = X / c", "e = d @ W",
	"f = e * G", "g = silu(f)", "h = g + R", "i = square(h)", "j = mean(i, axis=1, keepdims=true)", "k = sqrt(j)", "l = h / k", "m = l @ U", "n = m + R",
}

// chain is the program of the first n links.
func chain(t testing.TB, n int) *ugraph.Graph {
	body := strings.Join(links[:n], "\n    ")
	inputs := "X: f32[16, 1024], W: const f32[1024, 1024]"
	for _, in := range [][2]string{{"* G", "G: f32[1024]"}, {"+ R", "R: f32[16, 1024]"}, {"@ U", "U: const f32[1024, 1024]"}} {
		if strings.Contains(body, in[0]) {
			inputs += ", " + in[1]
		}
	}
	return programtest.Parse(t, fmt.Sprintf("program chain(%s) -> (%c) {\n    %s\n}", inputs, 'a'+n-1, body))
}

// terms are programs of n inputs: a sum of products of neighbours, elementwise, and one of matrices, of which every
// second is a weight.
func terms(t testing.TB, n int, matrices bool) *ugraph.Graph {
	var inputs, sum []string
	for i := range n {
		switch {
		case !matrices:
			inputs = append(inputs, fmt.Sprintf("X%d: f32[127, 509]", i))
			if sum = append(sum, fmt.Sprintf("X%d", i)); i > 0 {
				sum[i] = fmt.Sprintf("X%d * X%d", i-1, i)
			}
		case i%2 == 0:
			inputs = append(inputs, fmt.Sprintf("X%d: f32[16, 509]", i))
		default:
			inputs = append(inputs, fmt.Sprintf("W%d: const f32[509, 256]", i))
			sum = append(sum, fmt.Sprintf("X%d @ W%d", i-1, i))
		}
	}
	return programtest.Parse(t, fmt.Sprintf("program terms(%s) -> (Y) { Y = relu(%s) }", strings.Join(inputs, ", "), strings.Join(sum, " + ")))
}

// grown is a line of a table: what the search of a program took and how its closure ended.
func grown(b *testing.B, n int, g *ugraph.Graph) string {
	s := timed(b, g)
	end, values := "not begun: too many operators", 0
	for _, x := range s.r.Stats.Stages {
		if how, ok := strings.CutPrefix(x.Rule, "values, until "); ok && values < x.Count {
			end, values = how, x.Count
		}
	}
	kernels := 0
	if s.r.Best.Cost != nil {
		kernels = len(s.r.Best.Cost.Kernels)
	}
	return fmt.Sprintf("%4d %8.0f %9.0f %9.0f %9.0f %8d %9d %8d  %s, %s\n", n, 1e3*s.r.Seconds, 1e3*s.algebra, 1e3*s.schedule, 1e3*s.verify, values, s.r.Stats.States, kernels, end, s.r.Stop)
}

const grownHead = "         ms   algebra  schedule    verify   values    states  kernels  closure's end, search's end\n"

// BenchmarkOperators prints the search time against the number of operators.
func BenchmarkOperators(b *testing.B) {
	for b.Loop() {
		t := grownHead
		for n := 5; n <= len(links); n++ {
			t += grown(b, n, chain(b, n))
		}
		fmt.Printf("\noperators of a chain\n%s", t)
	}
}

// BenchmarkInputs prints the search time against the number of inputs.
func BenchmarkInputs(b *testing.B) {
	for b.Loop() {
		t := grownHead
		for n := 1; n <= 12; n++ {
			t += grown(b, n, terms(b, n, false))
		}
		t += "of matrices\n"
		for n := 2; n <= 12; n += 2 {
			t += grown(b, n, terms(b, n, true))
		}
		fmt.Printf("\ninputs of a sum of products\n%s", t)
	}
}
