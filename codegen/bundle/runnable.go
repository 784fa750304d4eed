package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// Verifier decides whether graph is the same program as program; nil means that it is. Package verify
// has the one of this project; this package does not import it.
type Verifier func(program, graph *ugraph.Graph) error

// Executor runs a graph once on a small ragged instance and compares it with float64; nil means that it agrees. The
// command has one; this package knows no device.
type Executor func(graph *ugraph.Graph) error

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
// may be nil; without a verifier only what the memory knows is given out.
//
// A kernel that is not recorded as executed is run by the executor first, whatever the memory says of its equality,
// and refused without one (ErrNotExecuted). Where there is an executor it also runs what the memory does not know:
// another machine's record says nothing of this one's kernels. A target's graph that is the program itself needs
// nothing of this.
func (b *Bundle) Runnable(target string, v Verifier, x Executor, memory Memory) (*Runnable, error) {
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
	knows := func(hash string) bool {
		if memory == nil {
			return false
		}
		known, err := memory.Verified(hash)
		return err == nil && known
	}
	equal, ran := knows(hash), t.Executed || knows(executedHash(hash))
	if equal && ran {
		r.recalled = true
		return r, nil
	}
	switch {
	case equal:
	case v == nil:
		return nil, fmt.Errorf("target %s: %w", target, ErrUnverified)
	default:
		if err := v(program, r.graph); err != nil {
			return nil, fmt.Errorf("target %s: its μGraph is not shown to be the program: %w", target, err)
		}
	}
	switch {
	case x != nil:
		if err := x(r.graph.Clone()); err != nil {
			return nil, fmt.Errorf("target %s: run once against float64: %w", target, err)
		}
	case !ran:
		return nil, fmt.Errorf("target %s: %w", target, ErrNotExecuted)
	}
	if memory != nil {
		// A memory that cannot be written costs a verification next time, nothing else.
		_ = memory.MarkVerified(hash)
		if x != nil {
			_ = memory.MarkVerified(executedHash(hash))
		}
	}
	return r, nil
}

// executedHash is what a memory keeps of an execution: another hash than that of the equality.
func executedHash(content string) string {
	h := sha256.Sum256([]byte("executed " + content))
	return hex.EncodeToString(h[:])
}

// ErrNotExecuted is in the chain of the error for a kernel that has never run, where nothing can run it.
var ErrNotExecuted = errors.New("the bundle's record says that its kernels have never run against float64: let morgana run the bundle once, or optimize again")

// ErrUnverified is in the chain of the error for a graph that nobody vouches for.
var ErrUnverified = errors.New("this machine has not verified the bundle, and no verifier was given")
