package pool

import (
	"sync"
	"sync/atomic"
)

// closedBias is what slot.users holds when the slot is closed and empty: far below any number of
// workers, so that the sign tells whether workers may enter.
const closedBias = -1 << 30

// slot holds one job. Its caller alone opens and closes it; workers enter while it is open.
type slot struct {
	users atomic.Int32  // workers inside, plus closedBias while closed
	next  atomic.Int64  // first index that nobody has taken
	done  chan struct{} // one token when the last worker leaves a closed slot
	n     int64
	chunk int64
	f     func(worker, i int)

	panicOnce sync.Mutex
	panicked  bool
	value     any
	_         [64]byte // slots next to each other in memory share no cache line
}

func (s *slot) init() {
	s.users.Store(closedBias)
	s.done = make(chan struct{}, 1)
}

// open publishes the job: fields first, then the counter that workers look at.
func (s *slot) open(n, chunk int64, f func(worker, i int)) {
	s.n, s.chunk, s.f, s.panicked, s.value = n, chunk, f, false, nil
	s.next.Store(0)
	s.users.Store(0)
}

// enter lets a worker in unless the slot is closed or has nothing left.
func (s *slot) enter() bool {
	for {
		v := s.users.Load()
		if v < 0 {
			return false
		}
		if s.users.CompareAndSwap(v, v+1) {
			return true
		}
	}
}

// leave is called by a worker that entered.
func (s *slot) leave() {
	if s.users.Add(-1) == closedBias {
		s.done <- struct{}{}
	}
}

// close keeps further workers out and waits until those inside have left.
func (s *slot) close(spin bool) {
	if s.users.Add(closedBias) != closedBias {
		if spin {
			spinUntil(func() bool { return s.users.Load() == closedBias })
		}
		<-s.done
	}
	s.f = nil
}

// work takes chunks until none is left, or until another job waits as well and yield asks to look
// at it. A panic of a task ends the job; the first one is kept for the caller.
func (s *slot) work(worker int, yield func() bool) {
	finished := false
	defer func() {
		if !finished {
			s.fail(recover())
		}
	}()
	for {
		end := s.next.Add(s.chunk)
		begin := end - s.chunk
		if begin >= s.n {
			break
		}
		for i := begin; i < min(end, s.n); i++ {
			s.f(worker, int(i))
		}
		if yield != nil && yield() {
			break
		}
	}
	finished = true
}

func (s *slot) fail(value any) {
	s.next.Store(s.n)
	s.panicOnce.Lock()
	defer s.panicOnce.Unlock()
	if !s.panicked {
		s.panicked, s.value = true, value
	}
}
