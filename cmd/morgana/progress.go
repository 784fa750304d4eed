package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/morgana-ml/morgana/search"
)

// progress shows a search on stderr: a bar on a terminal, a plain line per stage otherwise. It also
// keeps what the search has found so far. It may be told of events after it is closed, by a search that
// was left behind.
type progress struct {
	a    *app
	name string
	bars *mpb.Progress
	bar  *mpb.Bar

	mu     sync.Mutex
	closed bool
	told   bool // of an event
	last   search.Event
	at     int64 // percent of the bar
}

func newProgress(a *app, name, target string) *progress {
	p := &progress{a: a, name: name + " on " + target}
	f, ok := a.stderr.(*os.File)
	if a.quiet || !ok || !isTerminal(f) || os.Getenv("NO_COLOR") != "" {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(24))
	p.bar = p.bars.AddBar(100,
		mpb.PrependDecorators(decor.Name(p.name+" ")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.Any(func(decor.Statistics) string { return p.text() }),
			decor.Name(", ETA "), decor.AverageETA(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	return p
}

// stages is the share of the work that is done when a stage begins and the share that it is, in percent.
var stages = map[string]struct{ at, span int64 }{
	"read": {0, 5}, "algebra": {5, 15}, "schedule": {20, 20}, "verify": {40, 30}, "measure": {70, 30},
}

func (p *progress) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return eventText(p.last)
}

// eventText is the stage, how many candidates it has seen, and the best so far against the program.
func eventText(e search.Event) string {
	s := e.Stage
	if st := e.SoFar.Stats; st.Candidates > 0 {
		s += fmt.Sprintf(", %d candidates", st.Candidates)
		if st.Verified > 0 {
			s += fmt.Sprintf(", %d verified", st.Verified)
		}
	}
	if e.BaselineUS > 0 {
		s += fmt.Sprintf(", best %.1f of %.1f µs", e.BestUS, e.BaselineUS)
	}
	return s
}

func (p *progress) event(e search.Event) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	next := !p.told || e.Stage != p.last.Stage
	p.last, p.told = e, true
	stage := stages[e.Stage]
	at := stage.at
	if e.Of > 0 {
		at += stage.span * int64(e.Done) / int64(e.Of)
	}
	p.at = max(p.at, at) // a program in segments goes through its stages several times
	at = p.at
	p.mu.Unlock()
	p.a.debug(debugPhases, "%s: %s %d of %d", p.name, eventText(e), e.Done, e.Of)
	if p.bar != nil {
		p.bar.SetCurrent(min(at, 99)) // at 100 the bar would be gone
	} else if next {
		p.a.say("%s: %s", p.name, eventText(e))
	}
}

// soFar is what the search would have returned at its last event, nil if there was none.
func (p *progress) soFar() *search.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.told {
		return nil
	}
	r := p.last.SoFar
	return &r
}

func (p *progress) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.bars == nil {
		return
	}
	p.bar.SetCurrent(100)
	p.bars.Wait()
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
