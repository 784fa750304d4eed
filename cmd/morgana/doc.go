// Command morgana optimizes tensor programs into verified fused kernels, and runs, checks and measures
// them. It alone joins the packages of this module:
//
//	X: FILE.ug[#name], bundle folder, embedded name ──resolve──▶ subject: a verified graph with its program
//	                                                                │
//	optimize   search.Optimize (execute.CPU measures) ──▶ store, bundle, report, Go package
//	verify     verify.Equal, stability.Check          ──▶ answer with witness
//	run, bench execute.Session on runtime/cpu         ──▶ times, outputs, check against float64; benchcmp
//	show       cost.Graph, report                     ──▶ text, page
//	schedules  search.Sample, execute.Rounds          ──▶ how well the cost model ranks (internal/rank), plot (internal/scatter)
//	targets    internal/calibrate                     ──▶ coefficients of this machine, kept beside the store
//	import, fmt, list, version, table
//
// Exit codes: 0 done; 1 the answer is no; 2 bad usage or input, or something that the environment refuses;
// 3 an internal failure; 130 interrupted before there was a result. stdout carries the result, stderr
// everything else. With --json stdout is held back until the exit code is known.
//
// # Interruption
//
//	SIGINT, SIGTERM ─▶ ctx ends ─▶ work ends by itself ────────────────────────▶ its exit code
//	                        │ grace over ─▶ files are closed to changes ─────────▶ 130
//	                        └ optimize has read its program ─▶ the best of the last event is written ─▶ 0
//
// Why is work left behind, rather than every loop made to look at a context? A verification of ten
// thousand operators, an interpreter's product or a kernel's tile is not the place to ask, and the process
// ends anyway. What must not happen then is half a file: all changes of files go through one lock, which
// the end of the command takes for good.
//
// Why does optimize write the program itself when it is interrupted early? A caller finds a bundle that
// runs, and `stop` and `reason` say what it is.
//
// # Rationale
//
// Why is a bundle verified here, and not in package runtime? The runtime imports neither verify nor search:
// it takes a verifier, and this command gives it one.
//
// Why is an entry of the kernel store checked like a candidate, when this machine wrote it? The store is a
// folder that anyone may copy or edit, and an earlier build may have had a bug. A search takes far longer than
// the checks; what is taken from the entry without one (times, counts, the derivation) decides nothing. The
// marks of verified bundles in the same folder are trusted: they are bound to the content of the bundle, and
// whoever can write there can replace this command as well.
//
// Why are kernels timed one by one apart from the measurement? The callback after each kernel would be in
// the times that decide.
package main
