package verify

import (
	"context"
	"fmt"
	"sync"

	"github.com/morgana-ml/morgana/ugraph"
)

// Memo keeps the verdicts on pieces, so that candidates with equal pieces share them: a verdict depends on the two
// graphs and the options alone. It may be used by several goroutines.
type Memo struct {
	mu       sync.Mutex
	verdicts map[string]*Result
}

// maxMemo bounds the verdicts that are kept.
const maxMemo = 1 << 14

// prove is the verdict on two graphs with the same inputs in the same order and one output.
func (m *Memo) prove(ctx context.Context, a, b *ugraph.Graph, opt Options, guess bool) (*Result, error) {
	key := fmt.Sprint(ugraph.Hash(a), ugraph.Hash(b), guess, opt.Seed, opt.ErrorLog2, opt.Candidates, opt.StrictNaN)
	m.mu.Lock()
	r, ok := m.verdicts[key]
	m.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := provePiece(ctx, a, b, opt, guess)
	if err != nil {
		return &Result{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.verdicts == nil || len(m.verdicts) >= maxMemo {
		m.verdicts = map[string]*Result{}
	}
	m.verdicts[key] = r
	return r, nil
}

// provePiece decides whether two graphs are equal at all inputs; no difference is shown. The error is not nil only
// where the context is done. A guess is a claim that need not hold.
func provePiece(ctx context.Context, a, b *ugraph.Graph, opt Options, guess bool) (*Result, error) {
	res := &Result{Seed: opt.Seed}
	for _, g := range []*ugraph.Graph{a, b} {
		if err := ugraph.Validate(g); err != nil {
			res.Reason = err.Error()
			return res, nil
		}
	}
	m, err := match(a, b)
	if err != nil {
		res.Reason = err.Error()
		return res, nil
	}
	if res.Reason = undefinedSizes(a, b); res.Reason != "" {
		return res, nil
	}
	c := &check{assignment: -1, sawDefined: map[int]bool{}, ctx: ctx, a: a, b: b, m: m, opt: opt, res: res, piece: true, guess: guess}
	if res.Reason = c.leavesRange(); res.Reason != "" {
		return res, nil
	}
	if ok, err := c.masksApart(); ok || err != nil {
		return res, err
	}
	why, err := c.read()
	switch {
	case err != nil:
		return nil, err
	case why == nil:
	case why.miss != nil:
		res.Reason = why.miss.what
	case why.domain != nil:
		res.Reason = why.domain.Error()
	default:
		res.Reason = fmt.Sprint(why.reasons)
	}
	return res, nil
}
