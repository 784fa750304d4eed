package schedule

import (
	"context"
	"math"
	"reflect"
	"testing"

	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// Samples are the same for a seed, ordered, spread over the range, priced as anywhere else, and fit.
func TestSample(t *testing.T) {
	row := avx2(t)
	ps := programs(t)
	for _, name := range []string{"gqa", "rmsnorm_linear", "lora", "attention_decode"} {
		d := ps[name]
		forms := loop.Forms(d)
		sizes := exprtest.Sizes(d)[:1]
		opt := Options{Row: row, Sizes: sizes}
		draw := func(seed uint64) []Choice {
			cs, err := Sample(context.Background(), forms, opt, Draw{Count: 20, Spread: 16, Seed: seed})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return cs
		}
		cs := draw(1)
		best, _, err := Best(context.Background(), forms, Options{Row: row, Sizes: sizes})
		if err != nil {
			t.Fatal(err)
		}
		if len(cs) < 10 || cs[0].US > best[0].US*(1+1e-9) {
			t.Fatalf("%s: %d tilings, the first at %g µs, the best at %g", name, len(cs), cs[0].US, best[0].US)
		}
		if last := cs[len(cs)-1].US / cs[0].US; last < 8 || last > 16 {
			t.Errorf("%s: the slowest of 16 times the best is %.1f times as slow", name, last)
		}
		for i, c := range cs {
			if i > 0 && c.US < cs[i-1].US {
				t.Errorf("%s: tiling %d is faster than the one before it", name, i)
			}
			if c.TileBytes > float64(row.TileBudget) {
				t.Errorf("%s: tiling %d needs %g bytes", name, i, c.TileBytes)
			}
			e, err := Estimate(c.Form, c.Tiling, sizes[0], opt)
			if err != nil || math.Abs(e.US-c.US) > 1e-6*c.US {
				t.Errorf("%s: tiling %d is priced at %g µs, and %g µs by itself (%v)", name, i, c.US, e.US, err)
			}
		}
		if again := draw(1); !reflect.DeepEqual(cs, again) {
			t.Errorf("%s: two samples of one seed differ", name)
		}
		if other := draw(2); reflect.DeepEqual(cs, other) {
			t.Errorf("%s: two seeds give one sample", name)
		}
	}
}

func TestSampleRefuses(t *testing.T) {
	row := avx2(t)
	forms := loop.Forms(programs(t)["gqa"])
	if _, err := Sample(context.Background(), forms, Options{Row: row, Sizes: []ugraph.Env{{}}}, Draw{Count: 3, Spread: 1}); err == nil {
		t.Error("a range without width gave no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if cs, err := Sample(ctx, forms, Options{Row: row}, Draw{Count: 3, Spread: 4}); err == nil && len(cs) > 0 {
		t.Error("a cancelled context gave a sample")
	}
}
