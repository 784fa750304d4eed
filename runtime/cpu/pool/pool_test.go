package pool

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunCallsEachIndexOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := New(threads)
		for _, n := range []int{0, 1, 2, 7, 64, 1000} {
			calls := make([]atomic.Int32, n)
			busy := make([]atomic.Int32, threads)
			p.Run(n, func(worker, i int) {
				if busy[worker].Add(1) != 1 {
					t.Errorf("two tasks at once have worker id %d", worker)
				}
				calls[i].Add(1)
				busy[worker].Add(-1)
			})
			for i := range calls {
				if c := calls[i].Load(); c != 1 {
					t.Errorf("%d threads, n=%d: index %d called %d times", threads, n, i, c)
				}
			}
		}
		p.Close()
	}
}

func TestRunUsesAllThreads(t *testing.T) {
	p := New(2)
	defer p.Close()
	var met sync.WaitGroup
	met.Add(2)
	p.Run(2, func(_, _ int) { // returns only if both tasks run at once
		met.Done()
		met.Wait()
	})
}

func TestConcurrentCallers(t *testing.T) {
	p := New(3)
	defer p.Close()
	var callers sync.WaitGroup
	for c := range maxJobs + 4 {
		callers.Go(func() {
			sums := make([]int, p.Threads())
			for round := range 50 {
				n := 1 + (c*7+round)%97
				clear(sums)
				p.Run(n, func(worker, i int) { sums[worker] += i })
				total := 0
				for _, s := range sums {
					total += s
				}
				if total != n*(n-1)/2 {
					t.Errorf("caller %d, round %d: sum %d of 0…%d", c, round, total, n-1)
				}
			}
		})
	}
	callers.Wait()
}

func TestNestedRun(t *testing.T) {
	p := New(2)
	defer p.Close()
	var calls atomic.Int32
	p.Run(4, func(_, _ int) { p.Run(5, func(_, _ int) { calls.Add(1) }) })
	if calls.Load() != 20 {
		t.Errorf("%d calls, want 20", calls.Load())
	}
}

func TestPanicReachesCaller(t *testing.T) {
	failure := errors.New("task failed")
	for _, threads := range []int{1, 2, 4} {
		p := New(threads)
		for _, bad := range []int{0, 50, 99} {
			got := func() (value any) {
				defer func() { value = recover() }()
				p.Run(100, func(_, i int) {
					if i == bad {
						panic(failure)
					}
				})
				return nil
			}()
			if got != failure {
				t.Errorf("%d threads, panic at %d: recovered %v", threads, bad, got)
			}
		}
		var calls atomic.Int32
		p.Run(100, func(_, _ int) { calls.Add(1) })
		if calls.Load() != 100 {
			t.Errorf("%d threads: %d calls after panics, want 100", threads, calls.Load())
		}
		p.Close()
	}
}

func TestRunAfterClose(t *testing.T) {
	p := New(4)
	p.Close()
	p.Close()
	sum := 0
	p.Run(10, func(worker, i int) { sum += i + worker })
	if sum != 45 {
		t.Errorf("sum %d, want 45 by worker 0", sum)
	}
}

func TestParkedWorkersWake(t *testing.T) {
	p := New(2)
	defer p.Close()
	for range 20 {
		for p.parked.Load() == 0 {
			runtime.Gosched()
		}
		var met sync.WaitGroup
		met.Add(2)
		p.Run(2, func(_, _ int) { met.Done(); met.Wait() })
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(2)
	defer p.Close()
	var sum [2]int
	f := func(worker, i int) { sum[worker] += i }
	p.Run(100, f)
	if allocs := testing.AllocsPerRun(100, func() { p.Run(100, f) }); allocs > 0 {
		t.Errorf("%v allocations for each Run", allocs)
	}
}

// BenchmarkHandOff times a job of two tasks that wait for each other, so that each Run includes the
// time in which the worker notices the job.
func BenchmarkHandOff(b *testing.B) {
	for _, pause := range []time.Duration{0, 200 * time.Microsecond} {
		b.Run(fmt.Sprintf("pause=%v", pause), func(b *testing.B) {
			p := New(2)
			defer p.Close()
			var met atomic.Int64
			var inside time.Duration
			f := func(_, _ int) {
				target := (met.Add(1) + 1) / 2 * 2
				for met.Load() < target {
				}
			}
			for b.Loop() {
				time.Sleep(pause)
				begin := time.Now()
				p.Run(2, f)
				inside += time.Since(begin)
			}
			b.ReportMetric(float64(inside.Nanoseconds())/float64(b.N), "ns/handoff")
		})
	}
}
