package main

import (
	"fmt"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/morgana-ml/morgana/search"
)

// progress shows a search on stderr: a bar on a terminal, a plain line per stage otherwise.
type progress struct {
	a     *app
	name  string
	bars  *mpb.Progress
	bar   *mpb.Bar
	last  search.Event
	stage string
}

func newProgress(a *app, name, target string) *progress {
	p := &progress{a: a, name: name + " on " + target}
	f, ok := a.stderr.(*os.File)
	if a.quiet || !ok || !isTerminal(f) || os.Getenv("NO_COLOR") != "" {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(30))
	p.bar = p.bars.AddBar(100,
		mpb.PrependDecorators(decor.Name(p.name+" "), decor.Any(func(decor.Statistics) string { return p.text() })),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" ETA "), decor.AverageETA(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	return p
}

// stages is the share of the work that is done when a stage begins, in percent.
var stages = map[string]int64{"read": 0, "algebra": 5, "schedule": 20, "verify": 40, "lower": 60, "measure": 70}

// spans is the share that a stage is.
var spans = map[string]int64{"read": 5, "algebra": 15, "schedule": 20, "verify": 20, "lower": 10, "measure": 30}

func (p *progress) text() string {
	if p.last.BestUS == 0 {
		return p.last.Stage
	}
	return fmt.Sprintf("%s, best %.1f of %.1f µs", p.last.Stage, p.last.BestUS, p.last.BaselineUS)
}

func (p *progress) event(e search.Event) {
	p.last = e
	if p.bar != nil {
		at := stages[e.Stage]
		if e.Of > 0 {
			at += spans[e.Stage] * int64(e.Done) / int64(e.Of)
		}
		p.bar.SetCurrent(at)
		return
	}
	if e.Stage != p.stage {
		p.stage = e.Stage
		p.a.say("%s: %s", p.name, p.text())
	}
}

func (p *progress) close() {
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
