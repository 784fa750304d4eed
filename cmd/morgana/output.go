package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/alecthomas/kong"
)

// output is stdout. It keeps the first failure of a write (a full disk behind a redirection), which
// no command looks at while it prints; and with --json it holds what is written until the exit code is
// known, since stdout has nothing on exit 2 or 3, even where an earlier program of a file had a result.
type output struct {
	w    io.Writer
	hold bool

	mu   sync.Mutex // an interrupted command is left behind while it may still write
	done bool
	held bytes.Buffer
	err  error
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return 0, io.ErrClosedPipe
	}
	if o.hold {
		return o.held.Write(p)
	}
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

// finish writes what was held, if the command has an answer, and gives the exit code to end with. What
// is written later is lost.
func (o *output) finish(code int, stderr io.Writer) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = true
	if o.hold && (code == exitBad || code == exitInternal) {
		return code
	}
	if o.hold {
		_, o.err = o.w.Write(o.held.Bytes())
	}
	if o.err != nil && code != exitBad {
		fmt.Fprintf(stderr, "morgana: stdout: %v\n", o.err)
		return exitBad
	}
	return code
}

// asJSON tells whether --json is given.
func asJSON(ctx *kong.Context) bool {
	for _, f := range ctx.Flags() {
		if f.Name == "json" {
			return ctx.FlagValue(f) == true
		}
	}
	return false
}
