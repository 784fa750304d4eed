package bundle

import (
	"errors"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// notes is a Memory.
type notes struct {
	known  []string
	broken error
}

func (n *notes) Verified(hash string) (bool, error) { return slices.Contains(n.known, hash), n.broken }
func (n *notes) MarkVerified(hash string) error {
	if n.broken == nil {
		n.known = append(n.known, hash)
	}
	return n.broken
}

func TestRunnable(t *testing.T) {
	b, calls := sample(t), 0
	b.Targets[1].Executed = true
	accept := func(program, graph *ugraph.Graph) error {
		calls++
		if !ugraph.Equal(program, b.Program) || !ugraph.Equal(graph, b.Targets[1].Lowered) {
			t.Error("another pair is verified than the program and what runs")
		}
		return nil
	}
	m := &notes{}
	r, err := b.Runnable("cpu:generic", accept, nil, m)
	if err != nil || calls != 1 || r.Recalled() || !ugraph.Equal(r.Graph(), b.Targets[1].Lowered) {
		t.Fatal(err, calls)
	}
	if r, err = b.Runnable("cpu:generic", nil, nil, m); err != nil || !r.Recalled() {
		t.Error(err)
	}
	// One changed number is another content: not remembered.
	changed := sample(t)
	changed.Targets[1].Executed = true
	changed.Targets[1].Lowered.Node(0).Body.Grid[0].Tile++
	if _, err := changed.Runnable("cpu:generic", nil, nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	// Neither is the other target, nor anything when the memory fails.
	if _, err := b.Runnable("cpu:avx2", nil, nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	m.broken = errors.New("unreadable")
	if _, err := b.Runnable("cpu:generic", nil, nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	if r, err := b.Runnable("cpu:generic", accept, nil, m); err != nil || r.Recalled() {
		t.Error(err)
	}
	wrong := errors.New("output Y differs")
	if _, err := b.Runnable("cpu:avx2", func(_, _ *ugraph.Graph) error { return wrong }, nil, &notes{}); !errors.Is(err, wrong) {
		t.Error(err)
	}
	var none *TargetError
	if _, err := b.Runnable("cuda:sm_80", accept, nil, nil); !errors.As(err, &none) || len(none.Have) != 2 {
		t.Error(err)
	}
}

// TestRunnableIsACopy: what is done to the bundle after verification does not reach what runs.
func TestRunnableIsACopy(t *testing.T) {
	b := sample(t)
	r, err := b.Runnable("cpu:avx2", func(_, _ *ugraph.Graph) error { return nil }, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Targets[0].Graph.Node(0).Body.Grid[0].Tile = 1
	if r.Graph().Node(0).Body.Grid[0].Tile != 8 {
		t.Error("the verified graph changed with the bundle")
	}
}

func TestProgramItselfNeedsNoVerifier(t *testing.T) {
	b := sample(t)
	b.Targets = []Target{{Name: "cpu:avx2", Graph: b.Program}}
	if _, err := b.Runnable("cpu:avx2", nil, nil, nil); err != nil {
		t.Error(err)
	}
}

// TestRunnableExecutes: a kernel that no record says has run is run before it is given out, whatever is known of its
// equality, or refused.
func TestRunnableExecutes(t *testing.T) {
	b, runs := sample(t), 0
	accept := func(_, _ *ugraph.Graph) error { return nil }
	run := func(g *ugraph.Graph) error {
		runs++
		if !ugraph.Equal(g, b.Targets[1].Lowered) {
			t.Error("another graph is run than the one that is given out")
		}
		return nil
	}
	wrong := errors.New("output Y is 1, float64 gives 2")
	fail := func(*ugraph.Graph) error { return wrong }
	hash, err := ContentHash(b, "cpu:generic")
	if err != nil {
		t.Fatal(err)
	}
	m := &notes{known: []string{hash}}
	if _, err := b.Runnable("cpu:generic", accept, nil, m); !errors.Is(err, ErrNotExecuted) {
		t.Error(err)
	}
	if _, err := b.Runnable("cpu:generic", accept, fail, m); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if _, err := b.Runnable("cpu:generic", nil, nil, m); !errors.Is(err, ErrNotExecuted) {
		t.Error("what failed is remembered as if it had run:", err)
	}
	if r, err := b.Runnable("cpu:generic", nil, run, m); err != nil || runs != 1 || r.Recalled() {
		t.Error(err, runs)
	}
	if r, err := b.Runnable("cpu:generic", nil, run, m); err != nil || runs != 1 || !r.Recalled() {
		t.Error("what has run is run again:", err, runs)
	}
	// A record of another machine: this one runs it too.
	b.Targets[1].Executed = true
	if _, err := b.Runnable("cpu:generic", accept, fail, &notes{}); !errors.Is(err, wrong) {
		t.Error(err)
	}
}
