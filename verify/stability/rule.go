package stability

import (
	"fmt"
	"math"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

type tensors = []*interp.Tensor[float64]

// unusable is the relative error of the program beyond which a row says nothing.
const unusable = 1.0 / 8

// exact is the relative difference allowed between program and candidate in float64.
const exact = 1e-9

// limits are the three conditions on the quantiles of the rows' relative errors:
// c ≤ times·p + units·u + chain·√L·u_a.
var limits = []struct {
	name         string
	at           float64
	times, units float64
	chain        float64
}{
	{"median", 0.5, 3, 2, 4},
	{"90 % quantile", 0.9, 3, 3, 6},
	{"maximum", 1, 6, 4, 8},
}

// rowLength is the length of a row: the last axis. Each of a list of integers is a row.
func rowLength(t *interp.Tensor[float64]) int {
	if len(t.Shape) == 0 || t.Data == nil && len(t.Shape) == 1 {
		return 1
	}
	return int(t.Shape[len(t.Shape)-1])
}

// rowErrors is ‖x - r‖₂ / ‖r‖₂ for each row; NaN where r or x is not finite. A row of integers is
// wrong (1) or right (0).
func rowErrors(x, r *interp.Tensor[float64]) []float64 {
	cols := rowLength(r)
	if r.Data == nil {
		out := make([]float64, len(r.Ints)/cols)
		for i := range out {
			if !slices.Equal(x.Ints[i*cols:(i+1)*cols], r.Ints[i*cols:(i+1)*cols]) {
				out[i] = 1
			}
		}
		return out
	}
	out := make([]float64, len(r.Data)/cols)
	for i := range out {
		// Scaled by the largest, so that squares neither overflow nor vanish.
		top := 0.0
		for j := i * cols; j < (i+1)*cols; j++ {
			top = max(top, math.Abs(r.Data[j]), math.Abs(x.Data[j])) // NaN propagates
		}
		if math.IsNaN(top) || math.IsInf(top, 0) {
			out[i] = math.NaN()
			continue
		}
		if top == 0 {
			continue
		}
		diff, norm := 0.0, 0.0
		for j := i * cols; j < (i+1)*cols; j++ {
			v, w := x.Data[j]/top, r.Data[j]/top
			diff += (v - w) * (v - w)
			norm += w * w
		}
		if diff > 0 {
			out[i] = math.Sqrt(diff / norm) // +Inf where the row should be 0
		}
	}
	return out
}

// zeroRow tells whether row n should be exactly 0.
func zeroRow(r *interp.Tensor[float64], n int) bool {
	if r.Data == nil {
		return false
	}
	cols := rowLength(r)
	for _, v := range r.Data[n*cols : (n+1)*cols] {
		if v != 0 {
			return false
		}
	}
	return true
}

// underflow is the relative error of a row that gradual underflow alone makes: half the least
// subnormal in every element.
func underflow(r *interp.Tensor[float64]) []float64 {
	cols := rowLength(r)
	if r.Data == nil {
		return make([]float64, len(r.Ints)/cols)
	}
	least := r.DType.Min() * r.DType.Unit() // 2·unit is the distance of neighbours at 1
	out := make([]float64, len(r.Data)/cols)
	for i := range out {
		row := r.Data[i*cols : (i+1)*cols]
		top := 0.0
		for _, v := range row {
			top = max(top, math.Abs(v))
		}
		sum := 0.0
		for _, v := range row {
			sum += (v / top) * (v / top)
		}
		if top > 0 && !math.IsInf(top, 0) {
			out[i] = least * math.Sqrt(float64(cols)/sum) / top
		}
	}
	return out
}

// notFinite is the first element at which c is not finite although r fits the type and p is finite,
// or -1.
func notFinite(c, p, r *interp.Tensor[float64]) int {
	for i := range c.Data {
		bad := math.IsNaN(c.Data[i]) || math.IsInf(c.Data[i], 0)
		if bad && math.Abs(r.Data[i]) <= r.DType.Max() && !math.IsNaN(p.Data[i]) && !math.IsInf(p.Data[i], 0) {
			return i
		}
	}
	return -1
}

// verdict is the closest of the three conditions.
type verdict struct {
	rows         int
	ratio        float64 // c over its limit
	name         string
	c, p, limit  float64
	distribution string
	output       string
}

func (v verdict) String() string {
	return fmt.Sprintf("inputs %s: the %s of the relative errors of %d rows of %s is %.2g, the program's %.2g, the limit %.2g", v.distribution, v.name, v.rows, v.output, v.c, v.p, v.limit)
}

// judge compares the errors of the rows of one output; sens is the sensitivity of each row, nil for 0.
// chain is the longest chain of updates of an accumulator.
func judge(c, p, sens []float64, dt ugraph.DType, chain int64) verdict {
	var pk, ck []float64
	for i := range c {
		q := p[i]
		if sens != nil {
			q = max(q, sens[i])
		}
		if math.IsNaN(q) || math.IsNaN(c[i]) || q > unusable {
			continue
		}
		pk, ck = append(pk, q), append(ck, c[i])
	}
	out := verdict{rows: len(ck)}
	if len(ck) == 0 {
		return out
	}
	slices.Sort(pk)
	slices.Sort(ck)
	u, ua := 0.0, 0.0
	if dt.IsFloat() {
		u, ua = dt.Unit(), dt.Accumulator().Unit()
	}
	for _, l := range limits {
		if u == 0 && l.at == 1 {
			l.at, l.name = 0.99, "99 % quantile" // integers: a near tie may fall either way in a row or two
		}
		k := min(int(l.at*float64(len(ck))), len(ck)-1)
		limit := l.times*pk[k] + l.units*u + l.chain*math.Sqrt(float64(max(chain, 64)))*ua
		ratio := 0.0
		if ck[k] > 0 {
			ratio = ck[k] / limit
		}
		if out.name == "" || ratio > out.ratio {
			out.ratio, out.name, out.c, out.p, out.limit = ratio, l.name, ck[k], pk[k], limit
		}
	}
	return out
}
