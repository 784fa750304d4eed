package benchcmp

import (
	"math"
	"slices"
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
	below, k := 0.0, 0
	for _, p := range rankSum(m, n) {
		if below += p; below > tail {
			break
		}
		k++
	}
	return k
}

// exactLimit is the sample size up to which the exact distribution of U is computed.
const exactLimit = 50

// rankSum returns P(U = u) for u = 0 … m·n: the number of ways in which i values lie among j others
// with u inversions obeys count(i, j, u) = count(i−1, j, u−j) + count(i, j−1, u) (Mann and Whitney
// 1947), here as probabilities, which do not overflow.
func rankSum(m, n int) []float64 {
	// row[j] is the distribution for (i, j); it moves from i−1 to i in place, j rising.
	row := make([][]float64, n+1)
	for j := range row {
		row[j] = []float64{1} // i = 0: nothing to invert
	}
	for i := 1; i <= m; i++ {
		for j := 1; j <= n; j++ {
			next := make([]float64, i*j+1)
			// The largest of all i+j values is one of the i with probability i/(i+j).
			first := float64(i) / float64(i+j)
			for u, p := range row[j] {
				next[u+j] += first * p
			}
			for u, p := range row[j-1] {
				next[u] += (1 - first) * p
			}
			row[j] = next
		}
	}
	return row[n]
}
