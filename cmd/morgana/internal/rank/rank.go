package rank

import (
	"math"
	"slices"
)

// Spearman is the rank correlation of predicted and measured times, from -1 to 1, where measured times that differ by
// less than the part noise of them may be in either order. Fewer than two things are in order: 1.
func Spearman(predicted, measured []float64, noise float64) float64 {
	n := len(predicted)
	order := make([]int, n) // by measured time
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case measured[a] < measured[b]:
			return -1
		case measured[a] > measured[b]:
			return 1
		}
		return 0
	})
	// Insertion: each moves before those that are predicted to be slower, as long as it is as fast as they are.
	for i := 1; i < n; i++ {
		for k := i; k > 0; k-- {
			a, b := order[k-1], order[k]
			if predicted[b] >= predicted[a] || measured[b] > measured[a]*(1+noise) {
				break
			}
			order[k-1], order[k] = b, a
		}
	}
	y := make([]float64, n)
	for r, i := range order {
		y[i] = float64(r)
	}
	return pearson(ranks(predicted), y)
}

// ranks numbers values by their order; equal ones have the mean of their numbers.
func ranks(xs []float64) []float64 {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case xs[a] < xs[b]:
			return -1
		case xs[a] > xs[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(xs))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && xs[order[j]] == xs[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

// pearson is the correlation of two lists of numbers; 1 where one of them is constant.
func pearson(x, y []float64) float64 {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 1
	}
	return xy / math.Sqrt(xx*yy)
}
