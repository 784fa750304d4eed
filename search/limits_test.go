package search

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// grace is how long after its end a search may take to return.
const grace = slowdown * 300 * time.Millisecond

// late tells by how much a result came after its due time, where the machine itself was not late: a busy
// machine is told by a timer that is late too.
func late(run func()) (took, machine time.Duration) {
	done := make(chan struct{})
	var worst time.Duration
	go func() {
		defer close(done)
		run()
	}()
	start := time.Now()
	for {
		before := time.Now()
		select {
		case <-done:
			return time.Since(start), worst
		case <-time.After(5 * time.Millisecond):
			worst = max(worst, time.Since(before)-5*time.Millisecond)
		}
	}
}

// everyStop are the moments at which a search is ended: in each stage of small and large programs.
func everyStop() []time.Duration {
	if !everything {
		return []time.Duration{time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond}
	}
	return []time.Duration{time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond, time.Second}
}

// TestBudgetIsObeyed: whatever runs when the budget ends, the answer comes soon after, and is verified or the
// program itself.
func TestBudgetIsObeyed(t *testing.T) {
	names := programtest.Names()
	if testing.Short() {
		names = []string{"lora", "qknorm_gqa"}
	}
	for _, name := range names {
		g := programtest.Program(t, name)
		for _, budget := range everyStop() {
			var r *Result
			took, machine := late(func() { r = optimize(t, g, Options{Budget: budget}) })
			if took > budget+grace+machine {
				t.Errorf("%s: a budget of %v took %v (timers were late by up to %v)", name, budget, took, machine)
			}
			checkAnswer(t, name, r, "budget")
			if r.Stop == "exhausted" {
				break
			}
		}
	}
}

// TestInterruptionIsObeyed: the same for a context that ends.
func TestInterruptionIsObeyed(t *testing.T) {
	names := []string{"decoder", "qvnorm_gqa", "mlp_decode"}
	if testing.Short() {
		names = names[1:]
	}
	for _, name := range names {
		g := programtest.Parse(t, decoder)
		if name != "decoder" {
			g = programtest.Program(t, name)
		}
		for _, after := range everyStop() {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			var r *Result
			var err error
			took, machine := late(func() { r, err = Optimize(ctx, g, testRow(t), nil, lowered, Options{Seed: 1, Measure: true}) })
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if took > after+grace+machine {
				t.Errorf("%s: interrupted after %v, returned after %v (timers were late by up to %v)", name, after, took, machine)
			}
			checkAnswer(t, name, r, "interrupted")
		}
	}
}

// checkAnswer: verified, or the program itself with a reason; stop is the way in which it may have ended early.
func checkAnswer(t *testing.T, name string, r *Result, stop string) {
	t.Helper()
	if r.Stop != stop && r.Stop != "exhausted" {
		t.Errorf("%s: stop %q", name, r.Stop)
	}
	if r.Best == r.Baseline && r.Reason == "" {
		t.Errorf("%s: the program itself, without a reason", name)
	}
	if r.Best != r.Baseline && (r.Best.Equal == nil || !r.Best.Equal.Equal || r.Best.Stable == nil || !r.Best.Stable.OK) {
		t.Errorf("%s: not verified", name)
	}
}

// stuckDevice is a target that hangs in its second execution or in measuring; the search is ended when it does. A deaf
// one does not hear of it.
type stuckDevice struct {
	inExecution bool
	deaf        bool
	end         context.CancelFunc
	mu          sync.Mutex
	executed    int
	ended       time.Time
}

func (d *stuckDevice) hang(ctx context.Context) error {
	d.mu.Lock()
	if d.ended.IsZero() {
		d.ended = time.Now()
	}
	d.mu.Unlock()
	d.end()
	<-ctx.Done()
	if d.deaf {
		time.Sleep(2 * time.Second)
	}
	return ctx.Err()
}

func (d *stuckDevice) Execute(ctx context.Context, g *ugraph.Graph) (float64, error) {
	d.mu.Lock()
	d.executed++
	first := d.executed == 1
	d.mu.Unlock()
	if first || !d.inExecution {
		return 0, nil
	}
	return 0, d.hang(ctx)
}

func (d *stuckDevice) Measure(ctx context.Context, gs []*ugraph.Graph, env ugraph.Env) ([]float64, error) {
	return nil, d.hang(ctx)
}

// TestEndWhileExecuting: what had passed when execution or measuring is cut off is the answer.
func TestEndWhileExecuting(t *testing.T) {
	g := programtest.Program(t, "lora")
	for k := range 4 {
		if testing.Short() && k%3 != 0 {
			continue // one of each
		}
		inExecution, deaf := k%2 == 0, k >= 2
		ctx, cancel := context.WithCancel(context.Background())
		d := &stuckDevice{inExecution: inExecution, deaf: deaf, end: cancel}
		var r *Result
		var err error
		var took time.Duration
		_, machine := late(func() {
			r, err = Optimize(ctx, g, testRow(t), d, lowered, Options{Seed: 1, Measure: true})
			took = time.Since(d.ended)
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Stop != "interrupted" || r.Best == r.Baseline || !r.Best.Executed || r.Best.Equal == nil {
			t.Errorf("in execution %v, deaf %v: stop %q, the program itself: %v; reason %q", inExecution, deaf, r.Stop, r.Best == r.Baseline, r.Reason)
		}
		if took > grace+machine {
			t.Errorf("in execution %v, deaf %v: returned %v after the end (timers were late by up to %v)", inExecution, deaf, took, machine)
		}
		if r.Stats.Rejected != 0 {
			t.Errorf("%d candidates count as rejected because they were cut off", r.Stats.Rejected)
		}
	}
}

// TestMemory samples the heap while every embedded program is searched: under 1 GiB. MORGANA_FULL=1 looks at all;
// else the ones with the largest closures.
func TestMemory(t *testing.T) {
	if slowdown > 1 {
		t.Skip("the race detector takes memory of its own")
	}
	names := []string{"qvnorm_gqa", "mlp_decode"}
	if everything {
		names = programtest.Names()
	}
	for _, name := range names {
		g := programtest.Program(t, name)
		runtime.GC()
		stop, done := make(chan struct{}), make(chan uint64)
		go func() {
			var most uint64
			sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
			for {
				metrics.Read(sample)
				most = max(most, sample[0].Value.Uint64()+sample[1].Value.Uint64())
				select {
				case <-stop:
					done <- most
					return
				case <-time.After(2 * time.Millisecond):
				}
			}
		}()
		optimize(t, g, Options{})
		close(stop)
		most := <-done
		t.Logf("%s: %d MiB", name, most>>20)
		if most > 1<<30 {
			t.Errorf("%s: the heap grew to %d MiB", name, most>>20)
		}
	}
}

// TestJobs: no count, no order and no graph depends on the number of cores, nor on the run.
func TestJobs(t *testing.T) {
	names, times := []string{"tiny", "lora", "gqa"}, 2
	switch {
	case everything:
		names, times = programtest.Names(), 5
	case testing.Short():
		names, times = names[:2], 1
	}
	for _, name := range names {
		want := ""
		for range times {
			for _, jobs := range []int{1, 2, 8} {
				r := optimize(t, programtest.Program(t, name), Options{Jobs: jobs})
				got := fmt.Sprintf("%s %+v %v %v", ugraph.Hash(r.Best.Lowered), r.Stats, r.Rejections, r.Best.Equal)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s with %d jobs:\n%s\nwant\n%s", name, jobs, got, want)
				}
			}
		}
	}
}

// BenchmarkJobs prints how much faster two jobs are than one, interleaved, on the same program.
func BenchmarkJobs(b *testing.B) {
	for _, name := range []string{"qknorm_gqa", "mlp_decode", "lora"} {
		g := programtest.Program(b, name)
		b.Run(name, func(b *testing.B) {
			var took [3]time.Duration
			for b.Loop() {
				for _, jobs := range []int{1, 2} {
					start := time.Now()
					optimize(b, g, Options{Jobs: jobs})
					took[jobs] += time.Since(start)
				}
			}
			b.ReportMetric(took[1].Seconds()/took[2].Seconds(), "gain/2jobs")
		})
	}
}
