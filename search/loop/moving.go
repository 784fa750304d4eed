package loop

import (
	"fmt"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// moving marks a reduction that is accumulated in a basis around the running mean (Chan, Golub and
// LeVeque 1979): in the power basis Σx², Σx the central moment cancels catastrophically.
//
//	n' = n + |tile|;  mean' = mean·n/n' + Σ_tile x / n'
//	M' = M + Σ_tile (x - mean')² + n·(mean - mean')²
//
// Nothing is divided by n, which is 0 before the first trip.
type moving struct {
	x       int // the averaged node
	mean    int // the node that is its mean
	central bool
}

// findMoving marks every central second moment over the loop axis and its mean.
func (l *law) findMoving() {
	if l.set == 0 {
		return
	}
	for v := range l.d.Nodes {
		n := l.d.Nodes[v]
		if n.Op != ugraph.OpMean && n.Op != ugraph.OpSum || n.Over != l.set {
			continue
		}
		b := l.d.Nodes[n.Args[0]]
		var diff int
		switch {
		case b.Op == ugraph.OpSquare:
			diff = b.Args[0]
		case b.Op == ugraph.OpMul && b.Args[0] == b.Args[1]:
			diff = b.Args[0]
		default:
			continue
		}
		s := l.d.Nodes[diff]
		if s.Op != ugraph.OpSub {
			continue
		}
		for i := range 2 {
			x, mu := s.Args[i], s.Args[1-i]
			m := l.d.Nodes[mu]
			if m.Op == ugraph.OpMean && m.Over == n.Over && m.Args[0] == x && !l.taint[x] && l.on(l.d.Nodes[x].Axes) {
				l.moving[v] = moving{x: x, mean: mu, central: true}
				l.moving[mu] = moving{x: x, mean: mu}
			}
		}
	}
}

// count is the accumulator of the number of columns seen, Σ1 over the loop axis.
func (p *plan) count(dt ugraph.DType) (int, error) {
	return p.accumulator(part{h: p.l.add(expr.Node{Op: ugraph.OpSum, Args: []int{p.l.ones(p.l.axis, dt)}, Over: p.l.set, DType: dt})})
}

// movingReduction is the value at mode m of a reduction in a moving basis; ok is false for others.
func (p *plan) movingReduction(v int, m mode) (s int, ok bool, err error) {
	mv, ok := p.l.moving[v]
	if !ok {
		return 0, false, nil
	}
	n := p.l.d.Nodes[v]
	if !mv.central {
		acc, err := p.movingMean(mv)
		if err != nil {
			return 0, false, err
		}
		return p.read(acc, m), true, nil
	}
	acc, err := p.centralMoment(mv)
	if err != nil {
		return 0, false, err
	}
	s = p.read(acc, m)
	if n.Op == ugraph.OpMean {
		c, err := p.count(n.DType)
		if err != nil {
			return 0, false, err
		}
		c = p.read(c, m)
		if e, ok := p.l.d.Axes[p.l.axis].Extent.Const(); ok && m == final {
			c = p.number(ugraph.Int(e), p.f.Steps[s].DType)
		}
		s = p.divided(s, c)
	}
	return s, true, nil
}

func (p *plan) movingAccum(key, role string, tile, factor int) int {
	args := []int{tile}
	if factor >= 0 {
		args = append(args, factor)
	}
	p.f.Roles[role]++
	s := p.step(Step{Op: ugraph.OpAccum, Args: args, Over: p.l.set, DType: p.f.Steps[tile].DType, Kind: "sum", Input: -1})
	p.accs[key] = s
	return s
}

func (p *plan) movingMean(mv moving) (int, error) {
	key := fmt.Sprintf("mean %d", mv.mean)
	if s, ok := p.accs[key]; ok {
		return s, nil
	}
	n := p.l.d.Nodes[mv.mean]
	c, err := p.count(n.DType)
	if err != nil {
		return 0, err
	}
	x, err := p.value(mv.x, running)
	if err != nil {
		return 0, err
	}
	sum := p.step(Step{Op: ugraph.OpSum, Args: []int{x}, Over: n.Over, DType: p.f.Steps[x].DType, Input: -1})
	now := p.read(c, running)
	factor := p.op(ugraph.OpDiv, p.read(c, previous), now)
	return p.movingAccum(key, "moving", p.divided(sum, now), factor), nil
}

func (p *plan) centralMoment(mv moving) (int, error) {
	key := fmt.Sprintf("central %d", mv.mean)
	if s, ok := p.accs[key]; ok {
		return s, nil
	}
	n := p.l.d.Nodes[mv.mean]
	mean, err := p.movingMean(mv)
	if err != nil {
		return 0, err
	}
	c, err := p.count(n.DType)
	if err != nil {
		return 0, err
	}
	x, err := p.value(mv.x, running)
	if err != nil {
		return 0, err
	}
	now := p.read(mean, running)
	around := p.op(ugraph.OpSquare, p.op(ugraph.OpSub, x, now))
	sum := p.step(Step{Op: ugraph.OpSum, Args: []int{around}, Over: n.Over, DType: p.f.Steps[x].DType, Input: -1})
	moved := p.op(ugraph.OpSquare, p.op(ugraph.OpSub, p.read(mean, previous), now))
	shift := p.op(ugraph.OpMul, moved, p.read(c, previous))
	return p.movingAccum(key, "moving", p.op(ugraph.OpAdd, sum, shift), -1), nil
}
