package soundness

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
	"pgregory.net/rapid"
)

// budget ends the search for a program that no proof reaches: what is verified until then is run.
const budget = 2 * time.Second

// tally counts over programs. Wide are rows whose bound is beyond 1/8 of their greatest element: there it says little.
type tally struct {
	Programs, Fused, Late      int
	Rows, Open, Infinite, Wide int // Open, Infinite: rows left out for a discontinuity, as not finite
	Kept                       int // elements compared
	Worst                      float64
	WorstSeed                  int
	Found                      []string // programs that fail, with their seeds
}

func (t *tally) add(o tally) {
	t.Programs += o.Programs
	t.Fused += o.Fused
	t.Late += o.Late
	t.Rows += o.Rows
	t.Open += o.Open
	t.Infinite += o.Infinite
	t.Wide += o.Wide
	t.Kept += o.Kept
	if o.Worst > t.Worst {
		t.Worst, t.WorstSeed = o.Worst, o.WorstSeed
	}
	t.Found = append(t.Found, o.Found...)
}

// left is the share of rows that are left out.
func (t *tally) left() float64 { return float64(t.Open+t.Infinite) / float64(max(t.Rows, 1)) }

// row is a line of SEEDS.md.
func (t *tally) row(from, to int) string {
	return fmt.Sprintf("| %d–%d | %d | %d | %d | %.2f %% (%d; %d) | %d | %.2f (seed %d) | %d |",
		from, to-1, t.Fused, t.Late, t.Rows, 100*t.left(), t.Open, t.Infinite, t.Kept, t.Worst, t.WorstSeed, len(t.Found))
}

// TestRandomPrograms optimizes and runs drawn programs. MORGANA_SEEDS=FROM:TO takes other seeds than the first 40
// (20 with -short); MORGANA_FOUND=DIR writes programs that fail there.
func TestRandomPrograms(t *testing.T) {
	from, to := 0, 40
	switch {
	case os.Getenv("MORGANA_SEEDS") != "":
		if _, err := fmt.Sscanf(os.Getenv("MORGANA_SEEDS"), "%d:%d", &from, &to); err != nil {
			t.Fatalf("MORGANA_SEEDS=%s: want FROM:TO", os.Getenv("MORGANA_SEEDS"))
		}
	case testing.Short():
		to = 20
	}
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	row = row.WithUnits(2)
	var all tally
	var mu sync.Mutex
	var next atomic.Int64
	next.Store(int64(from))
	start := time.Now()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			dev := cpu.New(1)
			defer dev.Close()
			for {
				seed := int(next.Add(1)) - 1
				if seed >= to {
					return
				}
				one := checkSeed(dev, row, seed)
				mu.Lock()
				all.add(one)
				for _, f := range one.Found {
					t.Error(f)
					if dir := os.Getenv("MORGANA_FOUND"); dir != "" {
						if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("seed%d.txt", seed)), []byte(f), 0o666); err != nil {
							t.Error(err)
						}
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%.0f s, %d rows with a bound beyond 1/8 of their greatest element\n%s", time.Since(start).Seconds(), all.Wide, all.row(from, to))
	if all.left() > 0.02 {
		t.Errorf("%.2f %% of the rows were left out, more than 2 %%", 100*all.left())
	}
	if all.Fused < (all.Programs-all.Late)/3 { // under the race detector the budget may end many
		t.Errorf("only %d of %d programs became a fused kernel", all.Fused, all.Programs)
	}
}

// checkSeed is one program from its seed to its verdict; a panic is one.
func checkSeed(dev *cpu.Device, row target.Row, seed int) (out tally) {
	out = tally{Programs: 1, WorstSeed: seed}
	var p program
	fail := func(format string, args ...any) {
		out.Found = append(out.Found, fmt.Sprintf("seed %d: %s\n%s(S = %d)", seed, fmt.Sprintf(format, args...), p.text, p.s))
	}
	defer func() {
		if r := recover(); r != nil {
			fail("panic: %v\n%s", r, debug.Stack())
		}
	}()
	p = rapid.Custom(draw).Example(seed)
	gs, err := text.Parse("random.ug", []byte(p.text))
	if err != nil {
		fail("%v", err)
		return out
	}
	g, env := gs[0], ugraph.Env{}
	if p.s > 0 {
		env["S"] = p.s
	}
	r, err := search.Optimize(context.Background(), g, row, nil, func(g *ugraph.Graph) (*ugraph.Graph, error) {
		low, _, err := lower.Run(g)
		return low, err
	}, search.Options{Jobs: 1, Top: 1, Seed: 1, Budget: budget})
	if err != nil {
		fail("the search: %v", err)
		return out
	}
	if r.Stop == "budget" {
		out.Late = 1
	}
	in, err := inputs(g, env, int64(seed))
	if err != nil {
		fail("inputs: %v", err)
		return out
	}
	want, err := expect(g, env, in)
	if err != nil {
		fail("the bound: %v", err)
		return out
	}
	for _, o := range want {
		o.count(&out)
	}
	graphs := []*ugraph.Graph{g}
	if r.Best != r.Baseline {
		out.Fused = 1
		graphs = append(graphs, r.Best.Lowered)
	}
	for i, k := range graphs {
		form := []string{"run plain", "optimized"}[i]
		own, err := runBounded(&bounded{wide: wide(k)}, k, env, in)
		if err != nil {
			fail("%s: its bound: %v\n%s", form, err, text.Print(k))
			continue
		}
		s, err := execute.Open(dev, k, env, in)
		if err == nil {
			err = s.Run(context.Background())
		}
		if err != nil {
			fail("%s: %v\n%s", form, err, text.Print(k))
			continue
		}
		for j, o := range want {
			share, at := o.compare(s.Out[o.name], elements(own[j]))
			if share > out.Worst {
				out.Worst = share
			}
			if share > 1 || math.IsNaN(share) {
				fail("%s: %s[%d] is %v, float64 gives %v ± %.3g\n%s", form, o.name, at, floats(s.Out[o.name])[at], o.ref[at].v, o.ref[at].e, text.Print(k))
				break
			}
		}
	}
	return out
}

// inputs are seeded: floats N(0, 1), weights with their operand's scale, small integers, coins.
func inputs(g *ugraph.Graph, env ugraph.Env, seed int64) (map[string]*tensor.Tensor, error) {
	return tensor.Inputs(g, env, seed, nil, func(i int) (tensor.Fill, error) {
		switch in := g.Inputs[i]; {
		case in.Const:
			return tensor.Fill{Kind: tensor.Weight}, nil
		case g.Values[in.Value].DType.IsInt():
			return tensor.Fill{Kind: tensor.Index, Limit: 16}, nil
		}
		return tensor.Fill{Kind: tensor.Normal}, nil
	})
}

// TestSeedsAreRecorded keeps SEEDS.md in step with what draws programs: the page has the program of seed 0.
func TestSeedsAreRecorded(t *testing.T) {
	page, err := os.ReadFile("SEEDS.md")
	if err != nil {
		t.Fatal(err)
	}
	if first := rapid.Custom(draw).Example(0).text; !strings.Contains(string(page), first) {
		t.Errorf("the program of seed 0 is now another than in SEEDS.md, whose runs are those of other programs:\n%s", first)
	}
}
