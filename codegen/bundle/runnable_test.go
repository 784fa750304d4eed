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
	accept := func(program, graph *ugraph.Graph) error {
		calls++
		if !ugraph.Equal(program, b.Program) || !ugraph.Equal(graph, b.Targets[1].Lowered) {
			t.Error("another pair is verified than the program and what runs")
		}
		return nil
	}
	m := &notes{}
	r, err := b.Runnable("cpu:generic", accept, m)
	if err != nil || calls != 1 || r.Recalled() || !ugraph.Equal(r.Graph(), b.Targets[1].Lowered) {
		t.Fatal(err, calls)
	}
	if r, err = b.Runnable("cpu:generic", nil, m); err != nil || !r.Recalled() {
		t.Error(err)
	}
	// One changed number is another content: not remembered.
	changed := sample(t)
	changed.Targets[1].Lowered.Node(0).Body.Grid[0].Tile++
	if _, err := changed.Runnable("cpu:generic", nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	// Neither is the other target, nor anything when the memory fails.
	if _, err := b.Runnable("cpu:avx2", nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	m.broken = errors.New("unreadable")
	if _, err := b.Runnable("cpu:generic", nil, m); !errors.Is(err, ErrUnverified) {
		t.Error(err)
	}
	if r, err := b.Runnable("cpu:generic", accept, m); err != nil || r.Recalled() {
		t.Error(err)
	}
	wrong := errors.New("output Y differs")
	if _, err := b.Runnable("cpu:avx2", func(_, _ *ugraph.Graph) error { return wrong }, &notes{}); !errors.Is(err, wrong) {
		t.Error(err)
	}
	var none *TargetError
	if _, err := b.Runnable("cuda:sm_80", accept, nil); !errors.As(err, &none) || len(none.Have) != 2 {
		t.Error(err)
	}
}

// TestRunnableIsACopy: what is done to the bundle after verification does not reach what runs.
func TestRunnableIsACopy(t *testing.T) {
	b := sample(t)
	r, err := b.Runnable("cpu:avx2", func(_, _ *ugraph.Graph) error { return nil }, nil)
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
	if _, err := b.Runnable("cpu:avx2", nil, nil); err != nil {
		t.Error(err)
	}
}
