// Package benchcmp writes and reads Go benchmark lines and decides whether kernels became slower
// than in an earlier run, perhaps on another day or another machine of the same kind.
//
//	BenchmarkProbe-2  1  812345 ns/op ─┐
//	BenchmarkRun/gqa/cpu-2 1 1.9e6 …  ─┼─ Read: in the order of time ──▶ speed = t(probe) / t(kernel),
//	BenchmarkProbe-2  1  809876 ns/op ─┘   probe = geometric mean of the two neighbours
//
//	speeds of the baseline, speeds of the current run ──▶ all ratios current/baseline, sorted
//	   ├─ median: the estimate (Hodges and Lehmann)
//	   └─ two order statistics: the confidence interval (Moses) ──▶ regression if it lies under R
//
// # Rationale
//
// The probe. Times on a shared machine drift by tens of per cent with clock rate, neighbours and
// which machine it is; what a kernel can be held to is its share of the roofline at that moment. So
// `bench` interleaves a probe (a fixed piece of work at the roofline) with the kernels, and every
// sample is divided by the probes next to it, which cancels whatever slows both down.
//
// The interval. The ratio of two speeds gets the distribution-free interval that belongs to the
// Mann-Whitney test (which golang.org/x/perf uses to call a difference significant): of the m·n
// ratios current/baseline the k-th least and k-th greatest, k from the exact null distribution
// of the rank sum. It assumes only that the two samples differ by a factor. The alternatives are
// worse here: benchmath gives an interval for each median but none for their ratio, and two
// intervals that are compared for overlap are far too timid; a bootstrap of medians needs random
// numbers, and with 5 to 10 samples, the usual count, its interval is too narrow (a median of so
// few values takes few values).
//
// Many benchmarks. With n benchmarks in a file each interval has confidence 1 − 0.05/n
// (Bonferroni), so that one run in forty, at most, reports a regression by chance however many
// kernels it times, even when `--fail-below 1`. The price is samples: where there are too few for
// that confidence the interval is unbounded, nothing is concluded, and a warning says how many
// would do.
//
// Own reading and writing of lines. golang.org/x/perf/benchfmt draws in benchmath and, through it,
// a statistics module, for a format of two kinds of lines; the rules here are its rules.
package benchcmp
