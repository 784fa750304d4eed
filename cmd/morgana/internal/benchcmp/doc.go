// Package benchcmp writes and reads Go benchmark lines and decides whether kernels became slower
// than in an earlier run, perhaps on another day or another machine of the same kind.
//
//	BenchmarkProbe-2 1 812345 ns/op ──┐
//	BenchmarkRun/gqa/cpu-2 1 1.9e6 … ─┴─ benchfmt ──▶ speed = t(probe) / t(kernel)
//
//	speeds of the baseline, speeds of the current run
//	   ├─ all ratios current/baseline: median (Hodges and Lehmann), interval (Moses)
//	   └─ benchmath.AssumeNothing.Compare: p of the Mann-Whitney test
//	regression: interval wholly under R, and p ≤ α
//
// # Rationale
//
// The probe. Times on a shared machine drift by tens of per cent with clock rate, neighbours and
// which machine it is; what a kernel can be held to is its share of the roofline at that moment. So
// `bench` measures a probe (a fixed piece of work at the roofline, on as many threads) in turns with
// each kernel and divides by it, which cancels whatever slows both down.
//
// The two conditions. Whether a difference is there at all is benchmath's to say, so that this
// command and benchstat never contradict each other on the same samples; whether it is larger than
// what `--fail-below` tolerates is a question about the ratio, for which benchmath has no interval:
// it gives one for each median, and two of them compared for overlap are far too timid. The interval
// here is the one that belongs to the same test: of the m·n ratios current/baseline the k-th least
// and k-th greatest, k from the null distribution of the rank sum. It assumes only that the two
// samples differ by a factor. A bootstrap of medians would need random numbers, and with 5 to 10
// samples, the usual count, its interval is too narrow (a median of so few values takes few values).
//
// What that is worth. testdata/recorded is what `bench` printed on a shared machine with two cores and a
// load of eight: of twenty pairs of successive runs in which nothing changed none is a regression at
// --fail-below 0.95, and two are at 0.97, where the load changed between the two runs; both runs
// prolonged by 10 % are found. So 0.95 and not less tolerance is what a gate on a shared machine can ask.
//
// Many benchmarks. With n benchmarks in a file each test has α = 0.05/n and each interval confidence
// 1 − α (Bonferroni), so that one run in forty, at most, reports a regression by chance however many
// kernels it times, even when `--fail-below 1`. The price is samples: where there are too few for
// that confidence the interval is unbounded and nothing can be concluded. Then a gate (`--fail-below`)
// is an error that says how many would do, because one that cannot fail is worse than none; `bench`
// asks Needed before it measures, and takes as many as that where no --count is given.
//
// Lines that do not read back. benchfmt writes whatever it is given, and a name with a space becomes
// another line; so each line is read again before it goes out.
package benchcmp
