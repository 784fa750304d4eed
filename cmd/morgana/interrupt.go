package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// grace is how long work has to end by itself after an interruption. Not all of it looks at its
// context between two long steps; what takes longer is left behind, and ends with the process.
const grace = 150 * time.Millisecond

// await returns what work returns; done is false where ctx ended, work did not end within grace, and it
// is not one to wait for. Work that was left behind goes on, so it may share nothing with what follows
// but what is safe for several goroutines. Where work panics, so does await.
func await[T any](ctx context.Context, waitFor func() bool, work func() T) (result T, done bool) {
	ended := make(chan T, 1)
	failed := make(chan failure, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				failed <- failureOf(r)
			}
		}()
		ended <- work()
	}()
	interrupted, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case result = <-ended:
			return result, true
		case f := <-failed:
			panic(f)
		case <-interrupted:
			interrupted, late = nil, time.After(grace)
		case <-late:
			if !waitFor() {
				return result, false
			}
			late = nil
		}
	}
}

// failure is a panic with where it happened.
type failure struct {
	reason any
	stack  []byte
}

// failureOf is what was recovered here, or in another goroutine and passed on.
func failureOf(recovered any) failure {
	if f, ok := recovered.(failure); ok {
		return f
	}
	return failure{recovered, debug.Stack()}
}

// print says that this is a bug, where, and what to report; the result is the exit code.
func (f failure) print(stderr io.Writer, args []string) int {
	fmt.Fprintf(stderr, "morgana: internal failure: %v\n%s\nThis is a bug. Please report it with the command (%s) and the lines above.\n",
		f.reason, f.stack, strings.Join(args, " "))
	return exitInternal
}

// files lets one change of files happen at a time, and none after close: an interrupted command ends
// between two of them, so it leaves no partial file behind.
type files struct {
	mu     sync.Mutex
	closed bool
}

// change runs f, unless the command has ended.
func (w *files) change(f func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return context.Canceled
	}
	return f()
}

// close waits for the change that is under way; no other begins.
func (w *files) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}
