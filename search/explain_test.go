package search

import (
	"context"
	"os"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
)

// everything is set where tests look at all programs, not at a part of them.
var everything = os.Getenv("MORGANA_FULL") == "1"

// The way from every embedded program to its winner is replayed: package verify holds each step for equal to the
// one before, or, where it does not decide a step alone, the next, and the last step is the winner.
func TestExplanationsAreReplayed(t *testing.T) {
	alone, steps, nameless := 0, 0, 0
	for _, info := range every() {
		t.Run(info.Name, func(t *testing.T) {
			ctx := context.Background()
			r := best(t, info.Name)
			path, err := r.Explain(ctx, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Best == r.Baseline {
				if len(path) > 0 {
					t.Errorf("%d steps to the program itself", len(path))
				}
				return
			}
			if len(path) == 0 || !ugraph.Equal(path[len(path)-1].Graph, r.Best.Graph) {
				t.Fatalf("%d steps, and the last is not the winner", len(path))
			}
			ok, err := Replay(ctx, r.Program, path, verify.Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				t.Errorf("the last step is not verified: %s", path[len(path)-1].Reason)
			}
			for i, s := range path {
				steps++
				if s.Law == "equal-values" {
					nameless++
				}
				if !s.Verified {
					alone++
				}
				if s.Words == "" || s.Verified == (s.Reason != "") {
					t.Errorf("step %d: %+v", i, s)
				}
				t.Logf("%-18s verified %v against %d  %.300s", s.Law, s.Verified, s.Against, s.Text)
			}
		})
	}
	t.Logf("%d steps, %d of them undecided alone, %d without a chain of named laws", steps, alone, nameless)
	if alone*20 > steps || nameless*20 > steps {
		t.Errorf("of %d steps %d are undecided alone and %d have no chain of named laws", steps, alone, nameless)
	}
}

// A graph that the search does not propose is explained in one step, which is refused where it is another program.
func TestExplainOfAStranger(t *testing.T) {
	p := programtest.Parse(t, "program p(X: f32[4, 6]) -> (Y) {\nY = exp(X) * 2\n}")
	row := testRow(t)
	for _, c := range []struct {
		body string
		ok   bool
	}{{"Y = 2 * exp(X)", true}, {"Y = exp(X) * 3", false}} {
		g := programtest.Parse(t, "program p(X: f32[4, 6]) -> (Y) {\n"+c.body+"\n}")
		path, err := Explain(context.Background(), p, g, row, Options{Seed: 1})
		if err != nil || len(path) != 1 || path[0].Law != LawRecalled {
			t.Fatalf("%v: %+v", err, path)
		}
		if ok, err := Replay(context.Background(), p, path, verify.Options{Seed: 1}); err != nil || ok != c.ok {
			t.Errorf("%s: replayed %v, %v", c.body, ok, err)
		}
	}
	if path, err := Explain(context.Background(), p, p, row, Options{}); err != nil || len(path) != 0 {
		t.Errorf("the program itself: %v, %v", path, err)
	}
}

// every lists the programs whose winners are explained: all base programs, with MORGANA_FULL=1 each fourth of the families too
// (all of them take half an hour), with -short or the race detector three.
func every() []programs.Info {
	list := programs.List()
	if testing.Short() || slowdown > 1 {
		return slices.DeleteFunc(list, func(i programs.Info) bool { return !short[i.Name] })
	}
	if everything {
		for i, p := range programs.All() {
			if i%4 == 0 && !slices.ContainsFunc(list, func(q programs.Info) bool { return q.Name == p.Name }) {
				list = append(list, p)
			}
		}
	}
	return list
}
