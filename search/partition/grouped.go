package partition

import (
	"context"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/target"
)

// Grouped is the plan of d whose groups are the given lists of nodes, in an order in which they can run, each
// with its best schedules: what Best would find if no other cut were to choose from. Errors are those of Best.
func Grouped(ctx context.Context, d *expr.DAG, groups [][]int, row *target.Row, opt Options) (*Plan, error) {
	s, err := newSearch(ctx, d, row, opt)
	if err != nil {
		return nil, err
	}
	p := s.plan()
	if p.Groups, err = s.choices(groups); err != nil {
		return nil, err
	}
	for _, g := range p.Groups {
		p.US += g.US()
	}
	p.Stats = s.stats
	return p, nil
}
