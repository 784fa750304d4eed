package verify

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/verify/field"
)

// rateCases have one output entry, so that a wrong program is accepted at the rate of one entry.
// hand is bound 3.1 or 3.2 times q as worked out by hand, without the slack of the computed one,
// which counts degrees without cancellation and every hashed pair; 0: not worked out.
var rateCases = []struct {
	name, sig, a, b string
	equal           bool
	hand            float64
}{
	{"scale missing", "Q: f32[1, 4], K: f32[4, 4], V: f32[4, 1]", "softmax(Q @ K * 0.125) @ V", "softmax(Q @ K) @ V", false, 35.5},
	{"mean for sum", "X: f32[1, 6]", "sum(square(X), axis=-1)", "mean(square(X), axis=-1)", false, 2},
	{"maximum missing in the denominator", "X: f32[1, 4], V: f32[4, 1]", "softmax(X) @ V",
		"(exp(X - max(X, axis=-1, keepdims=true)) @ V) / sum(exp(X), axis=-1, keepdims=true)", false, 16.5},
	{"exchanged weights", "X: f32[1, 4], A: f32[4, 4], B: f32[4, 1]", "exp(X @ A) @ B", "exp(matmul(X, A, transpose_b=true)) @ B", false, 0},
	{"product of exponents for a sum", "X: f32[1, 3], Y: f32[1, 3]", "sum(exp(X) * exp(Y), axis=-1)", "sum(exp(X * Y), axis=-1)", false, 3},
	{"logsumexp without its shift", "X: f32[1, 4]", "logsumexp(X)", "log(sum(exp(X - max(X, axis=-1, keepdims=true)), axis=-1))", false, 12.5},
	{"division after the product", "Q: f32[1, 4], K: f32[4, 4], V: f32[4, 1]", "softmax(Q @ K) @ V",
		"(exp(Q @ K) @ V) / sum(exp(Q @ K), axis=-1, keepdims=true)", true, 0},
	{"logsumexp with another shift", "X: f32[1, 4]", "logsumexp(X)", "log(sum(exp(X), axis=-1))", true, 0},
}

// TestFalseAcceptRates measures how often one test accepts, over deliberately small primes, and
// compares the rate with the bounds, that of bound.go and that by hand. The rates scale as 1/q; right programs
// are accepted by every draw. MORGANA_FULL=1 draws 50 times as often.
func TestFalseAcceptRates(t *testing.T) {
	t.Parallel()
	draws := 4000
	switch {
	case os.Getenv("MORGANA_FULL") == "1":
		draws *= 50
	case testing.Short():
		draws /= 8
	}
	for _, rc := range rateCases {
		t.Run(rc.name, func(t *testing.T) {
			c, in := rateCheck(t, program(rc.sig, rc.a), program(rc.sig, rc.b))
			st := setting{model: field.S, roots: field.OpaqueRoots, weighted: true, comps: 2}
			// Every term of the bound is a multiple of 1/q.
			scaled := math.Inf(1)
			var void *errUndecided
			switch b, err := c.bound(in, st); {
			case err == nil:
				scaled = math.Exp2(b.log2 + field.PoolLogQ(st.comps))
			case !errors.As(err, &void) || rc.hand == 0:
				t.Fatal(err)
			}
			limit := scaled
			if rc.hand > 0 {
				limit = min(limit, rc.hand)
			}
			for _, q := range []uint64{251, 1019, 4019} {
				accepted, rejected, redrawn := c.acceptance(t, in, st, q, draws)
				n := float64(accepted + rejected)
				rate := float64(accepted) / n * float64(q)
				t.Logf("q = %d: accepted %d of %.0f (redrawn %d), rate·q = %.2f, bound·q = %.1f, by hand %.1f", q, accepted, n, redrawn, rate, scaled, rc.hand)
				if rc.equal && rejected > 0 {
					t.Errorf("q = %d: %d draws reject a right program", q, rejected)
				}
				// Three standard deviations of the count allow for chance.
				most := n * limit / float64(q)
				if most += 3 * math.Sqrt(most); !rc.equal && float64(accepted) > most {
					t.Errorf("q = %d: accepted %d of %.0f draws, the bound allows %.0f", q, accepted, n, most)
				}
			}
		})
	}
}

// rateCheck prepares a check and its smallest instance.
func rateCheck(t *testing.T, a, b string) (*check, *instance) {
	t.Helper()
	p, g := programtest.Parse(t, a), programtest.Parse(t, b)
	m, err := match(p, g)
	if err != nil {
		t.Fatal(err)
	}
	c := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: context.Background(), a: p, b: g, m: m, res: &Result{}}
	c.key, c.env = c.streamKey(), c.realEnv()
	s := c.analyse()
	need, _, single, _, err := c.needs(s)
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.solve(plan{trips: 2, blocks: 2, env: c.env, need: need, single: single, weigh: true})
	if err != nil {
		t.Fatal(err)
	}
	return c, in
}

// acceptance counts how single tests over the chain of the small prime q end.
func (c *check) acceptance(t *testing.T, in *instance, st setting, q uint64, draws int) (accepted, rejected, redrawn int) {
	t.Helper()
	chain, err := field.NewChain(q, st.comps)
	if err != nil {
		t.Fatal(err)
	}
	for i := range draws {
		c.work = 0 // the limit is one of a verification's few draws
		sp := field.NewSpace(chain, st.comps, c.key.Derive(q, uint64(i)), st.model, st.roots)
		ev, err := evaluateBoth[field.Value](c, fieldAlgebra{sp}, in, st, &fieldSource{s: sp})
		var re *field.Redraw
		if errors.As(err, &re) {
			redrawn++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		miss, err := c.compare(&evaluation{space: sp, outA: ev.outA, outB: ev.outB})
		switch {
		case err != nil:
			redrawn++ // the only output entry is undefined in this draw
		case miss == nil:
			accepted++
		default:
			rejected++
		}
	}
	return accepted, rejected, redrawn
}
