// Package pool runs the tasks of a kernel on a fixed set of workers that stay alive between runs.
//
//	Run(n, f): publish the job in a slot ─► wake parked workers ─► caller and workers take chunks of
//	           0 … n−1 from one counter ─► caller waits for the last chunk ─► re-raises a task's panic
//
// # Rationale
//
// The caller works too: it begins at once, so that a short job is done before a parked worker wakes,
// and one thread needs no goroutine at all.
//
// Between runs a worker spins for at most 50 µs and then parks on a channel. The kernels of one run
// follow each other within a few microseconds, and handing work to a spinning worker takes well
// under two; waking a parked one takes several. Spinning uses a processor, so it is bounded, and a
// pool of more threads than GOMAXPROCS does not spin.
//
// Several callers may run jobs at once: each job has a slot, and a free worker takes chunks from all
// open slots in turn. Worker ids are dense, and exclusive within one job: the caller is 0, the
// workers 1 … Threads()−1. Arenas are therefore kept per worker and per caller of Run, and need no
// locks.
//
// A slot is closed by its caller and left by its workers through one counter (slot.users), which is
// why a slot can be used again without allocation and without a worker seeing the next job's
// function with the last job's range.
package pool
