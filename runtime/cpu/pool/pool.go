package pool

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// spinTime is how long a worker looks for the next job before it parks.
	spinTime = 50 * time.Microsecond
	// maxJobs is the number of jobs that workers help with at once; the callers of further ones do
	// them alone.
	maxJobs = 16
	// chunksPerThread is the number of chunks into which a job is cut for each thread: enough that
	// the last one to finish is not far behind, few enough that the counter is not fought over.
	chunksPerThread = 8
)

// Pool is a set of workers. Its methods may be called by several goroutines at once, Close excepted.
type Pool struct {
	threads int
	slots   [maxJobs]slot
	taken   atomic.Uint32 // bit i: slot i has a job
	version atomic.Uint32 // counts published jobs
	parked  atomic.Int32  // workers that wait for a token and have none promised
	wake    chan struct{}
	closed  atomic.Bool
	workers sync.WaitGroup
	shared  func() bool // more than one job is open
}

// New starts a pool of the given number of threads, the callers of Run among them; below 1 it is
// GOMAXPROCS.
func New(threads int) *Pool {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, wake: make(chan struct{}, threads)}
	p.shared = func() bool { return bits.OnesCount32(p.taken.Load()) > 1 }
	for i := range p.slots {
		p.slots[i].init()
	}
	for id := 1; id < threads; id++ {
		p.workers.Add(1)
		go p.worker(id)
	}
	return p
}

// Threads is the number of threads; worker ids are below it.
func (p *Pool) Threads() int { return p.threads }

// Run calls f(worker, i) for every i from 0 to n−1, on up to Threads threads, and returns when all
// calls have. worker is 0 … Threads()−1, and no two calls that belong to one Run and overlap in time
// have the same. If a call panics, Run panics with the same value after the calls under way have
// returned; the others may be left out. f must not call runtime.Goexit. Tasks may call Run. Run
// itself does not allocate: a caller that keeps f keeps its run free of allocation.
func (p *Pool) Run(n int, f func(worker, i int)) {
	index := -1
	if n > 1 && p.threads > 1 && !p.closed.Load() {
		index = p.take()
	}
	if index < 0 {
		for i := range n {
			f(0, i)
		}
		return
	}
	s := &p.slots[index]
	s.open(int64(n), max(1, int64(n/(p.threads*chunksPerThread))), f)
	p.version.Add(1)
	p.wakeWorkers(min(n, p.threads) - 1)
	s.work(0, nil)
	s.close(p.spins())
	panicked, value := s.panicked, s.value
	s.value = nil
	p.taken.And(^uint32(1 << index))
	if panicked {
		panic(value)
	}
}

// Close ends the workers and waits for them; no Run may be under way. A later Run does its tasks in
// the caller.
func (p *Pool) Close() {
	if !p.closed.CompareAndSwap(false, true) {
		return
	}
	p.version.Add(1)
	p.wakeWorkers(p.threads - 1)
	p.workers.Wait()
}

// take reserves a free slot; −1 if there is none.
func (p *Pool) take() int {
	for {
		taken := p.taken.Load()
		index := bits.TrailingZeros32(^taken)
		if index >= maxJobs {
			return -1
		}
		if p.taken.CompareAndSwap(taken, taken|1<<index) {
			return index
		}
	}
}

// wakeWorkers gives tokens to at most count parked workers.
func (p *Pool) wakeWorkers(count int) {
	for ; count > 0 && p.claimParked(); count-- {
		p.wake <- struct{}{} // never blocks: at most one token for each worker
	}
}

// claimParked takes one worker out of those that wait without a token.
func (p *Pool) claimParked() bool {
	for {
		v := p.parked.Load()
		if v == 0 {
			return false
		}
		if p.parked.CompareAndSwap(v, v-1) {
			return true
		}
	}
}

// spins tells whether waiting may use a processor.
func (p *Pool) spins() bool { return p.threads <= runtime.GOMAXPROCS(0) }

func (p *Pool) worker(id int) {
	defer p.workers.Done()
	for {
		seen := p.version.Load()
		for p.help(id) {
		}
		if p.closed.Load() {
			return
		}
		if p.spins() && spinUntil(func() bool { return p.version.Load() != seen }) {
			continue
		}
		p.parked.Add(1)
		// A job published since then has either seen this worker parked or is seen here; in the
		// second case the worker takes itself out again, or takes the token already promised to it.
		if p.version.Load() != seen && p.claimParked() {
			continue
		}
		<-p.wake
	}
}

// help works on each open job in turn and tells whether it did anything.
func (p *Pool) help(id int) bool {
	helped := false
	for i := range p.slots {
		s := &p.slots[(i+id)%maxJobs]
		if !s.enter() {
			continue
		}
		if s.next.Load() < s.n {
			s.work(id, p.shared)
			helped = true
		}
		s.leave()
	}
	return helped
}

// spinUntil waits for ready for at most spinTime and returns whether it came.
func spinUntil(ready func() bool) bool {
	begin := time.Now()
	for {
		for range 100 {
			if ready() {
				return true
			}
		}
		if time.Since(begin) > spinTime {
			return false
		}
	}
}
