package verify

import (
	"context"
	"fmt"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
)

// TestUnionBound: the error that is allowed is that of all candidates of a run and of the up to eight readings
// that may be tried, so a record states at most the eighth part of it, also where one test more or less decides.
func TestUnionBound(t *testing.T) {
	for name, src := range map[string]string{
		"index": "program p(X: f32[64, 32], I: i32[8]) -> (Y) {\n    Y = exp(gather(X, I)) * %s\n}",
		"order": "program p(X: f32[64, 32]) -> (Y) {\n    Y = where(exp(X) < 1, X, X * %s)\n}",
		"norm":  "program p(X: f32[64, 32]) -> (Y) {\n    Y = rms_norm(X) * %s\n}",
	} {
		for _, candidates := range []int{0, 1, 14, 1000} {
			for _, allowed := range []float64{-1, -20, -63.5, -64, -100} {
				a, b := programtest.Parse(t, fmt.Sprintf(src, "2")), programtest.Parse(t, fmt.Sprintf(src, "(1 + 1)"))
				r, err := Equal(context.Background(), a, b, Options{Seed: 1, ErrorLog2: allowed, Candidates: candidates})
				if err != nil || !r.Equal {
					t.Fatalf("%s: %+v, %v", name, r, err)
				}
				if r.ErrorLog2 > allowed-3 {
					t.Errorf("%s, one of %d candidates, at most 2^%g: the record says 2^%.2f after %d tests", name, candidates, allowed, r.ErrorLog2, r.Tests)
				}
			}
		}
	}
}
