package verify

import (
	"context"
	"math/big"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/verify/field"
)

// refusal is a pair that must not be accepted: not equal with a witness of real values, or undecided.
type refusal struct {
	name, sig, a, b string
	undecided       bool
	reason          string // part of the reason
}

const xz = "X: f32[6, 8], Z: f32[6, 8]"

var domainRefusals = []refusal{
	{"x·(z/x) for z", xz, "Z + 0 * X", "X * (Z / X)", false, "divides by"},
	{"x/x for 1", xz, "X * 0 + 1", "X / X", false, "divides by"},
	{"exp of log", xz, "X + 0 * Z", "exp(log(X))", false, "the logarithm"},
	{"log of a square", xz, "log(square(X)) + 0 * Z", "2 * log(X)", false, "the logarithm"},
	{"square of a root", xz, "X + 0 * Z", "sqrt(X) * sqrt(X)", false, ""},
	{"a quotient of two factors of a divisor", xz, "Z / square(X)", "Z * X / (square(X) * X) + 0 * Z / Z", false, "divides by"},
	{"a divisor of another output", xz, "X + Z", "X + Z * (X / X)", false, "divides by"},
	{"a root is not positive", xz, "where(sqrt(abs(X)) > 0, Z, X)", "Z + 0 * X", false, ""},
	{"a root beside a maximum", xz, "where(maximum(X, sqrt(abs(Z))) > 0, Z, X)", "Z + 0 * X", false, ""},
	{"a root as a truth value", xz, "cast(cast(sqrt(abs(X)), to=bool), to=f32) * (Z + 1)", "Z + 1 + 0 * X", false, ""},
	{"a square is not positive", xz, "where(square(X) > 0, Z, X + 1)", "Z + 0 * X", false, ""},
	{"a comparison of undefined values", xz, "Z + 0 * X", "where(X / X == 1, Z, X)", false, "divides by"},
	// Equal over the reals, but not by laws that the models know.
	{"a cube in relu", xz, "relu(X * X * X) + 0 * Z", "relu(X) * X * X + 0 * Z", true, "undecided"},
	{"the maximum of multiples by a prime above 31", xz, "max(37 * X + 0 * Z, axis=1)", "37 * max(X + 0 * Z, axis=1)", true, "undecided"},
}

func TestDomainRefusals(t *testing.T) {
	for _, c := range domainRefusals {
		r, err := Equal(context.Background(), programtest.Parse(t, program(c.sig, c.a)), programtest.Parse(t, program(c.sig, c.b)), Options{Seed: 3})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Equal || (r.Witness == nil) != c.undecided || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%s: equal %v, witness %+v: %s", c.name, r.Equal, r.Witness, r.Reason)
		}
		t.Log(c.name, r.Witness, r.Reason)
	}
}

// TestDomainKept: what is defined wherever the program is stays accepted.
func TestDomainKept(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"less is asked", "X * (Z / X)", "Z + 0 * X"},
		{"a quotient of a product", "Z / (X * Z)", "Z / (Z * X)"},
		{"one divisor after the other", "Z / X / Z", "Z / (X * Z)"},
		{"a multiple of a divisor", "Z / X", "3 * Z / (3 * X)"},
		{"an opposite divisor", "Z / X", "-Z / (-X)"},
		{"a root for a divisor", "Z / sqrt(X)", "Z * rsqrt(X)"},
		{"a root of a product of squares", "Z / abs(X)", "Z * reciprocal(abs(X))"},
		{"moments without an epsilon", "Z / sqrt(mean(square(X - mean(X, axis=1, keepdims=true)), axis=1, keepdims=true))",
			"Z / sqrt(mean(square(X), axis=1, keepdims=true) - square(mean(X, axis=1, keepdims=true)))"},
		{"the square of a divisor", "Z / square(X)", "Z / X / X"},
		{"a branch that is not taken", "where(iota(n=8) < 8, Z, X)", "where(iota(n=8) < 8, Z, Z / X) + 0 * X"},
		{"a comparison that the program makes", "where(Z / X < 1, Z, X)", "where(Z / X < 1, Z, X + 0 * Z)"},
		{"a sum of exponentials", "exp(X) * Z / exp(X)", "Z + 0 * X"},
		{"1 beside squares", "Z * square(X) / (1 + square(X))", "Z - Z / (1 + square(X))"},
		{"log of a square with an epsilon", "2 * log(square(X) + 1)", "log((square(X) + 1) * (square(X) + 1))"},
		{"sigmoid", "sigmoid(X) * Z", "Z / (1 + exp(-X))"},
		{"log of softmax", "log_softmax(X) + 0 * Z", "log(softmax(X)) + 0 * Z"},
	} {
		r, err := Equal(context.Background(), programtest.Parse(t, program(xz, c.a)), programtest.Parse(t, program(xz, c.b)), Options{Seed: 3})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !r.Equal {
			t.Errorf("%s: %s; witness %+v", c.name, r.Reason, r.Witness)
		}
	}
}

// TestLiteralsAgainstThePool: literals that vanish modulo primes of the pool, which is public. One chain
// is one of 4096, and which one a test draws the literal's author does not know before he has written it.
func TestLiteralsAgainstThePool(t *testing.T) {
	product := func(chains ...int) string {
		n := big.NewInt(1)
		for _, c := range chains {
			chain := field.PoolChain(c, 3)
			for i := range 3 {
				n.Mul(n, new(big.Int).SetUint64(chain.Pr[i].P))
			}
		}
		return n.String()
	}
	sum := program("X: f64[64]", "X + "+product(0))
	r, err := Equal(context.Background(), programtest.Parse(t, program("X: f64[64]", "X * 1")), programtest.Parse(t, sum), Options{})
	if err != nil || r.Equal || r.Witness == nil {
		t.Errorf("a literal of one chain: %+v, %v", r, err)
	}
	same := program("X: f64[64]", "(X + "+product(0)+") * 1")
	if r, err = Equal(context.Background(), programtest.Parse(t, sum), programtest.Parse(t, same), Options{}); err != nil || !r.Equal || r.Tests < 6 {
		t.Errorf("a literal of %d bits needs more tests: %+v, %v", 183, r, err)
	}
	a, b := "X * 1", "X * 1"
	for c := range 6 {
		b += " + " + product(c)
	}
	if r, err = Equal(context.Background(), programtest.Parse(t, program("X: f64[64]", a)), programtest.Parse(t, program("X: f64[64]", b)), Options{}); err != nil || r.Equal {
		t.Errorf("literals of six chains: %+v, %v", r, err)
	}
}
