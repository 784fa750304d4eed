package bundle

import (
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Verifier decides whether graph is the same program as program; nil means that it is. Package verify
// has the one of this project; this package does not import it.
type Verifier func(program, graph *ugraph.Graph) error

// Memory remembers content hashes that were verified on this machine; the kernel store is one.
type Memory interface {
	Verified(hash string) (bool, error)
	MarkVerified(hash string) error
}

// Runnable is a graph of a bundle that may be run. Only Bundle.Runnable makes one.
type Runnable struct {
	target   string
	graph    *ugraph.Graph
	hash     string
	recalled bool
}

// Target is the target that the graph was made for.
func (r *Runnable) Target() string { return r.target }

// Graph is the verified graph, a copy of the bundle's.
func (r *Runnable) Graph() *ugraph.Graph { return r.graph }

// ContentHash is what the verification was remembered by.
func (r *Runnable) ContentHash() string { return r.hash }

// Recalled tells whether the memory vouched for the graph, so that it was not verified again.
func (r *Runnable) Recalled() bool { return r.recalled }

// Runnable gives out what a target runs, after the memory vouched for its content hash or the verifier
// accepted it now; then it is remembered. A memory that fails counts as one that does not know. memory
// may be nil; without a verifier only what the memory knows is given out. A target's graph that is the
// program itself needs neither.
func (b *Bundle) Runnable(target string, v Verifier, memory Memory) (*Runnable, error) {
	t, err := b.Target(target)
	if err != nil {
		return nil, err
	}
	hash, err := ContentHash(b, target)
	if err != nil {
		return nil, err
	}
	// Copies: what the caller does to the bundle afterwards must not reach what was verified.
	program, r := b.Program.Clone(), &Runnable{target: target, graph: t.Run().Clone(), hash: hash}
	if err := sameInterface(program, r.graph); err != nil {
		return nil, fmt.Errorf("target %s: %w", target, err)
	}
	if ugraph.Equal(program, r.graph) {
		return r, nil
	}
	if memory != nil {
		if known, err := memory.Verified(hash); err == nil && known {
			r.recalled = true
			return r, nil
		}
	}
	if v == nil {
		return nil, fmt.Errorf("target %s: %w", target, ErrUnverified)
	}
	if err := v(program, r.graph); err != nil {
		return nil, fmt.Errorf("target %s: its μGraph is not shown to be the program: %w", target, err)
	}
	if memory != nil {
		// A memory that cannot be written costs a verification next time, nothing else.
		_ = memory.MarkVerified(hash)
	}
	return r, nil
}

// ErrUnverified is in the chain of the error for a graph that nobody vouches for.
var ErrUnverified = errors.New("this machine has not verified the bundle, and no verifier was given")
