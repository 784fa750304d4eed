package rank

import (
	"math"
	"testing"
)

func TestSpearman(t *testing.T) {
	for _, c := range []struct {
		name                string
		predicted, measured []float64
		noise, want         float64
	}{
		{"same order", []float64{1, 2, 3, 4}, []float64{10, 20, 30, 90}, 0, 1},
		{"opposite order", []float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, 0, -1},
		{"one pair exchanged", []float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 0, 0.8}, // 1 - 6·2/(4·15)
		{"exchanged within noise", []float64{1, 2, 3, 4}, []float64{10, 20.2, 20, 40}, 0.02, 1},
		{"exchanged beyond noise", []float64{1, 2, 3, 4}, []float64{10, 20.5, 20, 40}, 0.02, 0.8},
		{"a chain lends no more than the noise", []float64{3, 2, 1}, []float64{1, 1.015, 1.03}, 0.02, -0.5},
		{"equal predictions share a rank", []float64{1, 1}, []float64{1, 2}, 0, 1},
	} {
		if got := Spearman(c.predicted, c.measured, c.noise); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}
