package cpu

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// TestChainsInAnyOrder runs kernels of elementwise operators and reductions in random order, where
// values are read again after a reduction of theirs, against the reference interpreter.
func TestChainsInAnyOrder(t *testing.T) {
	devices := []*Device{New(1), New(2)}
	for _, d := range devices {
		defer d.Close()
	}
	n := 300
	if testing.Short() {
		n = 60
	}
	for seed := range n {
		src := randomChain(rand.New(rand.NewPCG(uint64(seed), 2)))
		gs, err := text.Parse("case", []byte(src))
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		g := gs[0]
		in := map[string]*tensor.Tensor{"X": random(t, uint64(seed), 6, 1300), "Z": random(t, uint64(seed)+1, 6, 1300), "R": random(t, 5, 1300)}
		want := reference(t, g, nil, in)
		for _, d := range devices {
			p, err := d.Load(g, nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, src)
			}
			got, err := p.OutputTensors(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(t.Context(), in, got); err != nil {
				t.Fatal(err)
			}
			for _, o := range g.Outputs {
				diff, err := tensor.Compare(got[o.Name], want[o.Name])
				if err != nil {
					t.Fatal(err)
				}
				if !(diff.Max <= bound(got[o.Name].DType)) {
					t.Fatalf("%s at %v is %g, want %g in\n%s", o.Name, diff.Index, diff.Got, diff.Want, src)
				}
			}
		}
	}
}

// randomChain is the text of a kernel over rows of 1300 elements. What nothing else reads is added up
// in the outputs.
func randomChain(r *rand.Rand) string {
	full, rows := []string{"x", "z", "w"}, []string{"x"}
	read := map[string]bool{"x": true}
	var body strings.Builder
	pick := func(s []string) string {
		v := s[r.IntN(len(s))]
		read[v] = true
		return v
	}
	word := func(s ...string) string { return s[r.IntN(len(s))] }
	for i := range 3 + r.IntN(9) {
		v := fmt.Sprint("v", i)
		switch k := r.IntN(10); {
		case k < 3:
			fmt.Fprintf(&body, "    %s = %s(clamp(%s, min=-3, max=3))\n", v, word("tanh", "sigmoid", "abs", "neg", "square"), pick(full))
		case k < 4:
			fmt.Fprintf(&body, "    %s = exp(clamp(%s, min=-4, max=2) - clamp(%s, min=-1, max=1))\n", v, pick(full), pick(rows))
		case k < 6:
			fmt.Fprintf(&body, "    %s = clamp(%s, min=-3, max=3) %s clamp(%s, min=-3, max=3)\n", v, pick(full), word("+", "-", "*"), pick(append(rows, full...)))
		default:
			fmt.Fprintf(&body, "    %s = %s(%s, axis=1, keepdims=true)\n", v, word("mean", "max", "min"), pick(full))
			rows = append(rows, v)
			continue
		}
		full = append(full, v)
	}
	unread := func(s []string, first string) string {
		for _, v := range s {
			if !read[v] {
				first += " + " + v
			}
		}
		return first
	}
	return fmt.Sprintf(`ugraph p for p(X: f32[6, 1300], Z: f32[6, 1300], R: f32[1300]) -> (A, B, C) {
  A, B, C = kernel k(X, Z, R) grid(a: 6 by 4) {
    x = load(X, a=0)
    z = load(Z, a=0)
    w = x * load(R)
%s    store A(a=0) = %s
    store B(a=0) = %s
    store C(a=0) = %s
  }
}
`, body.String(), unread(rows[1:], "mean(w, axis=1, keepdims=true)"), "sum(square(z), axis=1, keepdims=true)", unread(full, full[len(full)-1]))
}
