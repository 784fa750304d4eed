package stability

import (
	"context"
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/verify"
)

// Options of a check.
type Options struct{ Seed uint64 }

// Check tells whether candidate is no less stable than program in floating point: the rule of the
// package's documentation, in the element types that the two graphs say. It supposes that the two are
// equal. Several candidates of one program are cheaper by New and Judge.Check.
func Check(ctx context.Context, program, candidate *ugraph.Graph, opt Options) (*verify.Stability, error) {
	j, err := New(program, opt)
	if err != nil {
		return nil, err
	}
	return j.Check(ctx, candidate)
}

// check judges a candidate that was rebuilt over the instance's sizes.
func (x *instance) check(ctx context.Context, c *ugraph.Graph, m matching) (*verify.Stability, error) {
	out := &verify.Stability{OK: true, Ratios: map[string]float64{}}
	judged := make([]bool, len(x.graph.Outputs))
	for d := range x.dists {
		s, err := x.at(ctx, d)
		if err != nil {
			return nil, err
		}
		if d == 0 {
			if err := x.exactly(s, c, m); err != nil {
				return nil, err
			}
			if s.scale != 1 {
				out.Reason = fmt.Sprintf("the program itself is not finite on N(0,1): inputs × %g", s.scale)
			}
		}
		errs := make([][][]float64, len(x.graph.Outputs)) // by output and draw
		for k := range s.draws {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			dr := &s.draws[k]
			res, err := interp.Run(interp.Rounded{}, c, m.inputs(dr.inputs), nil)
			if err != nil {
				return nil, &errRun{"candidate", err}
			}
			for i, o := range x.graph.Outputs {
				y := res[m.out[i]]
				if y.DType != dr.r[i].DType || y.Len() != dr.r[i].Len() {
					return nil, fmt.Errorf("output %s is %s%v in the program and %s%v in the candidate", o.Name, dr.r[i].DType, dr.r[i].Shape, y.DType, y.Shape)
				}
				if at := notFinite(y, dr.p[i], dr.r[i]); at >= 0 {
					return &verify.Stability{Ratios: out.Ratios, Reason: fmt.Sprintf("inputs %s: an element of %s (%s) is %g, the program's %g", x.dists[d].name, o.Name, y.DType, y.Data[at], dr.p[i].Data[at])}, nil
				}
				errs[i] = append(errs[i], rowErrors(y, dr.r[i]))
			}
		}
		for i := range errs {
			v, err := x.judged(s, d, i, errs[i])
			if err != nil {
				return nil, err
			}
			judged[i] = judged[i] || v.rows > 0
			dt := x.graph.Values[x.graph.Outputs[i].Value].DType.String()
			out.Ratios[dt] = max(out.Ratios[dt], v.ratio)
			if v.ratio > 1 {
				out.OK, out.Reason = false, v.String()
				return out, nil
			}
		}
	}
	for i, ok := range judged {
		if !ok {
			out.OK = false
			out.Reason = fmt.Sprintf("not judged: the program's own output %s is not accurate on any inputs tried", x.graph.Outputs[i].Name)
		}
	}
	return out, nil
}

// judged applies the limits to one output: with the program's error alone, which is the stricter, with the
// sensitivity only where that does not pass, and without the rows near a discontinuity only where that does not.
func (x *instance) judged(s *sample, d, output int, errs [][]float64) (verdict, error) {
	gather := func(pick func(*draw) [][]float64) (all []float64) {
		for k := range s.draws {
			all = append(all, pick(&s.draws[k])[output]...)
		}
		return all
	}
	var c []float64
	for _, e := range errs {
		c = append(c, e...)
	}
	p := gather(func(d *draw) [][]float64 { return d.rows })
	dt := x.graph.Values[x.graph.Outputs[output].Value].DType
	v := judge(c, p, nil, dt, x.chain)
	if v.ratio > 1 {
		if err := x.sensitivities(s, d); err != nil {
			return v, err
		}
		v = judge(c, p, gather(func(d *draw) [][]float64 { return d.sens }), dt, x.chain)
	}
	if v.ratio > 1 {
		if err := x.discontinuities(s, d); err != nil {
			return v, err
		}
		at := 0
		for k := range s.draws {
			for _, steep := range s.draws[k].steep[output] {
				if steep {
					c[at] = math.NaN()
				}
				at++
			}
		}
		v = judge(c, p, gather(func(d *draw) [][]float64 { return d.sens }), dt, x.chain)
	}
	v.distribution, v.output = x.dists[d].name, x.graph.Outputs[output].Name
	return v, nil
}

// exactly compares candidate and program in float64 on the first distribution. The rows' relative
// difference may be exact·max(1, ρ_p/u); where the output is f8e4m3, to which the reference rounds too, two sums of
// one value may fall to neighbours.
func (x *instance) exactly(s *sample, c *ugraph.Graph, m matching) error {
	dr := &s.draws[0]
	res, err := interp.Run(interp.Float64{}, c, m.inputs(dr.inputs), nil)
	if err != nil {
		return &errRun{"candidate", err}
	}
	for i := range x.graph.Outputs {
		y, r := res[m.out[i]], dr.r[i]
		if y.DType != r.DType || y.Len() != r.Len() {
			return fmt.Errorf("output %s: %w", x.graph.Outputs[i].Name, errDiffers)
		}
		for n, e := range rowErrors(y, r) {
			bound := exact
			if p := dr.rows[i][n]; r.DType.IsFloat() && p > r.DType.Unit() {
				bound *= p / r.DType.Unit()
			}
			if r.DType == ugraph.F8E4M3 {
				bound = max(bound, r.DType.Unit())
			}
			if e > bound && dr.rows[i][n] <= unusable {
				return fmt.Errorf("row %d of output %s: a relative difference of %.2g; the candidate %w", n, x.graph.Outputs[i].Name, e, errDiffers)
			}
		}
	}
	return nil
}
