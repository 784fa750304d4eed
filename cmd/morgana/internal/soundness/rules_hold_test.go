package soundness

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// within draws a value of the interval of a number, its ends more often.
func within(r *rand.Rand, x number) float64 {
	return x.v + x.e*[]float64{-1, 1, 2*r.Float64() - 1}[r.IntN(3)]
}

func drawNumber(r *rand.Rand) number {
	return number{r.NormFloat64() * math.Exp(2*r.NormFloat64()), math.Exp(-1 - 20*r.Float64())}
}

// TestRulesHold: for operands within their bounds each function's value is within the bound of its result.
func TestRulesHold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := &bounded{wide: true}
	check := func(what string, y number, got float64) {
		t.Helper()
		if d := math.Abs(got - y.v); !(d <= y.e+1e-12*(1+math.Abs(y.v))) && !math.IsInf(y.e, 1) && !math.IsNaN(y.v) { // NaN: left out
			t.Errorf("%s gives %v, which is not %v ± %v", what, got, y.v, y.e)
		}
	}
	some := map[ugraph.Op]int{}
	for _, op := range ugraph.Ops() {
		attrs := ugraph.Attrs{ugraph.NumberAttr("exponent", ugraph.Int(3)), ugraph.NumberAttr("min", ugraph.Int(-1)), ugraph.NumberAttr("max", ugraph.Int(1))}
		if f, err := b.UnaryExact(op, attrs); err == nil {
			exact, _ := interp.Float64{}.Unary(op, attrs, ugraph.F64)
			for range 2000 {
				x := drawNumber(r)
				y := f(x)
				if !math.IsInf(y.e, 1) {
					some[op]++
				}
				check(op.String(), y, exact(within(r, x)))
			}
		}
		if f, err := binary(op); err == nil {
			exact, _ := interp.Float64{}.Binary(op, ugraph.F64)
			for range 2000 {
				x, z := drawNumber(r), drawNumber(r)
				y := f(x, z)
				if !math.IsInf(y.e, 1) {
					some[op]++
				}
				check(op.String(), y, exact(within(r, x), within(r, z)))
			}
		}
	}
	for _, op := range []ugraph.Op{ugraph.OpGelu, ugraph.OpDiv, ugraph.OpFloor, ugraph.OpLog, ugraph.OpPow, ugraph.OpSign} {
		if some[op] < 500 {
			t.Errorf("%s: only %d of 2000 draws had a bound", op, some[op])
		}
	}
	for _, op := range ugraph.Ops() {
		if _, err := (interp.Float64{}).Unary(op, nil, ugraph.F64); err == nil && some[op] == 0 {
			t.Errorf("%s has no rule", op)
		}
	}
}

// TestOrdersOfSums: sums in f32, forwards, backwards and by halves, are within the bound.
func TestOrdersOfSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := &bounded{}
	for range 200 {
		x := make([]number, 1+r.IntN(100))
		single := make([]float32, len(x))
		for i := range x {
			single[i] = float32(r.NormFloat64() * math.Exp(3*r.NormFloat64()))
			x[i].v = float64(single[i])
		}
		want := b.SumRow(ugraph.F32, x)
		forwards, backwards := float32(0), float32(0)
		for i := range single {
			forwards += single[i]
			backwards += single[len(x)-1-i]
		}
		for _, got := range []float32{forwards, backwards, halves(single)} {
			if d := math.Abs(float64(got) - want.v); d > want.e {
				t.Errorf("a sum of %d terms is %v, not %v ± %v", len(x), got, want.v, want.e)
			}
		}
	}
}

func halves(x []float32) float32 {
	if len(x) == 1 {
		return x[0]
	}
	return halves(x[:len(x)/2]) + halves(x[len(x)/2:])
}

// TestAnErrorIsFound: what is a few units in the last place beyond the bound is found, and a row near a comparison
// that could fall either way is left out.
func TestAnErrorIsFound(t *testing.T) {
	e := &expected{row: 2, group: 4, ref: []number{{1, 1e-7}, {-3, 2e-7}, {5, 0}, {0.25, 1e-9}}, open: make([]bool, 2), infinite: make([]bool, 2)}
	for _, c := range []struct {
		got   [4]float64
		found bool
	}{
		{[4]float64{1, -3, 5, 0.25}, false},
		{[4]float64{1 + 0.9e-7, -3 - 1.9e-7, 5, 0.25}, false},
		{[4]float64{1 + 1.2e-7, -3, 5, 0.25}, true},
		{[4]float64{1, -3, 5.000001, 0.25}, true},
		{[4]float64{1, math.NaN(), 5, 0.25}, true},
	} {
		got, err := tensor.FromFloat64(ugraph.F64, []int64{2, 2}, c.got[:])
		if err != nil {
			t.Fatal(err)
		}
		share, _ := e.compare(got, e.ref)
		if found := share > 1 || math.IsNaN(share); found != c.found {
			t.Errorf("%v: %v of what is allowed", c.got, share)
		}
	}
	b := &bounded{}
	less, err := b.Compare(ugraph.OpLess)
	if err != nil {
		t.Fatal(err)
	}
	if less(number{1, 0}, number{2, 0.5}); b.open != 0 {
		t.Error("1 < 2 ± 0.5 is left open")
	}
	if less(number{1, 0.6}, number{2, 0.5}); b.open != 1 {
		t.Error("1 ± 0.6 < 2 ± 0.5 is not left open")
	}
}
