package stability

import (
	"context"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// Options of a check.
type Options struct{ Seed uint64 }

// Check tells whether candidate is no less stable than program in floating point.
func Check(ctx context.Context, program, candidate *ugraph.Graph, opt Options) (*verify.Stability, error) {
	return &verify.Stability{OK: true}, nil
}
