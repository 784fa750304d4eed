package schedule

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/loop"
)

// A kernel whose grid is turned is that of the point with its grid in the opposite order.
func TestTurn(t *testing.T) {
	row := avx2(t)
	rng := rand.New(rand.NewPCG(3, 4))
	turned := 0
	ps := programs(t)
	for _, name := range names(ps) {
		d := ps[name]
		for _, f := range loop.Forms(d) {
			s := &search{ctx: context.Background(), opt: Options{Row: row, Sizes: exprtest.Sizes(d)}, limit: math.Inf(1)}
			if err := s.prepare(f); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				drawn := s.sp.draw(rng)
				p := s.point(&drawn)
				a, b := s.pricers[0], newPricer(s.m, &s.sizes[0])
				a.kernel(&p)
				a.turn(len(p.grid))
				q := p
				q.grid = slices.Clone(p.grid)
				slices.Reverse(q.grid)
				if got, want := fmt.Sprintf("%+v", a.k), fmt.Sprintf("%+v", *b.kernel(&q)); got != want {
					t.Fatalf("%s, loop %d, %+v: turned %s, want %s", name, f.Loop, p, got, want)
				}
				if len(p.grid) > 1 {
					turned++
				}
			}
		}
	}
	if turned < 50 {
		t.Errorf("only %d grids had two dimensions", turned)
	}
}
