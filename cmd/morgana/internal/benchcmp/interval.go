package benchcmp

import (
	"math"
	"slices"
	"sort"

	"github.com/aclements/go-moremath/stats"
)

// Interval is a ratio with its confidence interval.
type Interval struct {
	Low, Median, High float64
}

// ratioInterval estimates by which factor current is larger than baseline, with a two-sided
// confidence interval of at least 1 − alpha: the Hodges-Lehmann estimate and the interval of Moses
// (Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", 3rd ed., §4.3). Where the
// samples are too few for that confidence it is (0, +Inf). Both must have a value, all positive.
func ratioInterval(baseline, current []float64, alpha float64) Interval {
	ratios := make([]float64, 0, len(baseline)*len(current))
	for _, c := range current {
		for _, b := range baseline {
			ratios = append(ratios, c/b)
		}
	}
	slices.Sort(ratios)
	n := len(ratios)
	out := Interval{Low: 0, Median: ratios[n/2], High: math.Inf(1)}
	if n%2 == 0 {
		out.Median = math.Sqrt(ratios[n/2-1] * ratios[n/2])
	}
	if k := tailCount(len(baseline), len(current), alpha/2); k > 0 {
		out.Low, out.High = ratios[k-1], ratios[n-k]
	}
	return out
}

// tailCount is the largest k with P(U < k) ≤ tail, where U is the Mann-Whitney statistic of samples
// of m and n values from one continuous distribution; 0 if there is none. Then the k-th least of the
// m·n pairwise ratios is a lower confidence bound of level 1 − tail.
func tailCount(m, n int, tail float64) int {
	if m > exactLimit || n > exactLimit {
		// The normal approximation with continuity correction, good to the third digit here.
		mean := float64(m) * float64(n) / 2
		deviation := math.Sqrt(mean * float64(m+n+1) / 6)
		z := math.Sqrt2 * math.Erfinv(1-2*tail)
		return max(0, int(math.Floor(mean-z*deviation+0.5)))
	}
	u := stats.UDist{N1: m, N2: n}
	return sort.Search(m*n/2, func(k int) bool { return u.CDF(float64(k)) > tail })
}

// exactLimit is the sample size up to which the exact distribution of U is computed, as it is in the
// test that benchmath applies.
const exactLimit = 50
