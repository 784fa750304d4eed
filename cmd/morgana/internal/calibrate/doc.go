// Package calibrate measures the coefficients of the cost model on the machine at hand.
//
//	probes (a table) ──rounds, interleaved──▶ lower quartile of each ──fit──▶ target.Measurements ──Save──▶ calibration.json
//	                                                                             │ machine's identity, hash
//	"cpu" + the file of this machine ──Load──▶ target.Calibrated ──▶ the row that optimize prices with
//
// # Rationale
//
// Why rounds over all probes, rather than one after the other? Other load comes and goes within seconds; a probe that
// had all its runs in one of them would be wrong beside the others. A round is about a fifth of a second.
//
// Why the lower quartile? Other load only ever slows a run down, and the least of many is a run that was lucky with
// the clock.
//
// Why are coefficients that are far from the row's not taken (target.Calibrated)? A machine is rarely six times as
// fast or slow as the row of its kind; a measurement on a busy one is.
//
// Why may a search do without? The ranks of schedules, which alone matter, hang on the ratios of coefficients, and
// those differ little among machines of a kind.
package calibrate
