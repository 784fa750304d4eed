package stability

import (
	"context"
	"strings"
	"testing"
)

// domain are candidates that are equal where both are defined, but not defined where the program is.
var domain = []pair{
	{"x·(y/x) at zero", program(two, "Y = A * B"), program(two, "Y = A * (B * A / A)"), all},
	{"2·log|x| as a log of a negative", program(two, "Y = log(square(A) + 1e-3) + B"), program(two, "Y = 2 * log(A) + B"), all},
	{"a running maximum over masked first tiles", program("(X: T[128, 128], V: T[128, 8]) -> (Y)", `
		Y = softmax(where(reshape(iota(n=128), shape=[1, 128]) >= reshape(iota(n=128), shape=[128, 1]), X, -inf)) @ V`),
		"ugraph p for p(X: T[128, 128], V: T[128, 8]) -> (Y) {" + `
		Y = kernel k(X, V) loop(c: 128 by 32) {
			s = where(reshape(load(iota(n=128), loop=0), shape=[1, 32]) >= reshape(load(iota(n=128)), shape=[128, 1]), load(X, loop=1), -inf)
			m = accum(max(s, axis=1, keepdims=true), kind=max)
			e = exp(s - running(m))
			f = exp(previous(m) - running(m))
			store Y() = accum(e @ load(V, loop=0), f) / accum(sum(e, axis=1, keepdims=true), f)
		} }
	`, all},
}

func TestDomain(t *testing.T) { runTable(t, domain, 1) }

// Integer and bool inputs are drawn legal: indices of a gather, masks without empty rows. A candidate
// that is the program passes; one that is another program at any size is no business of the rule, and
// says so.
func TestInputsOfEveryKind(t *testing.T) {
	src := "program p(X: f32[300, 64], I: i32[40], M: bool[40, 64]) -> (Y, N) {\n" +
		"G = gather(X, I)\nY = softmax(where(M, G, -inf))\nN = argmax(G, axis=1)\n}\n"
	p := parse(t, src, "f32")
	s, err := Check(context.Background(), p, p, Options{})
	if err != nil || !s.OK {
		t.Fatal(s, err)
	}
	other := parse(t, strings.Replace(src, "softmax(where", "softmax(2 * where", 1), "f32")
	if s, err = Check(context.Background(), p, other, Options{}); err != nil || s.OK || !strings.Contains(s.Reason, "differs from the program") {
		t.Error(s, err)
	}
}

// A program that overflows on N(0,1) is judged on smaller inputs and the reason says so.
func TestOverflowingProgram(t *testing.T) {
	p := parse(t, program(rows, "Y = exp(X * 1000)"), "f16")
	s, err := Check(context.Background(), p, p, Options{})
	if err != nil || !s.OK || !strings.Contains(s.Reason, "inputs ×") {
		t.Error(s, err)
	}
}

func TestCancelled(t *testing.T) {
	p := parse(t, softmaxProgram, "f32")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, p, p, Options{}); err == nil {
		t.Error("no error")
	}
}

// Goroutines that share a judge get the answers that they would get alone, whether the program's side is being
// prepared beside them or not.
func TestSharedJudge(t *testing.T) {
	p := parse(t, softmaxProgram, "f32")
	want, err := Check(context.Background(), p, p, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	j, err := New(p, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan float64)
	go j.Prepare(context.Background())
	for range 3 {
		go func() {
			s, err := j.Check(context.Background(), p)
			if err != nil {
				t.Error(err)
				got <- -1
				return
			}
			got <- s.Ratios["f32"]
		}()
	}
	for range 3 {
		if r := <-got; r != want.Ratios["f32"] {
			t.Errorf("ratio %v, alone %v", r, want.Ratios["f32"])
		}
	}
}
