package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// The exit codes.
const (
	exitOK          = 0
	exitNo          = 1
	exitBad         = 2
	exitInternal    = 3
	exitInterrupted = 130
)

// exitError ends the command with a code and a message; an empty message prints nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// no is the answer no: exit code 1.
func no(format string, args ...any) error { return &exitError{exitNo, fmt.Errorf(format, args...)} }

// app is what every command gets: where it writes, and its interruption.
type app struct {
	ctx    context.Context
	args   []string
	stdout io.Writer
	stderr io.Writer
	quiet  bool
	files  files

	answers atomic.Bool // the command has an answer to give although it was interrupted: it ends itself
}

// say writes a line to stderr unless -q is given.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// warn writes a line to stderr that is no progress: -q does not hide it.
func (a *app) warn(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

type cli struct {
	Quiet bool `short:"q" help:"Print no progress on stderr."`

	Optimize  optimizeCmd  `cmd:"" help:"Search, verify, lower and measure; write a bundle."`
	Verify    verifyCmd    `cmd:"" help:"Is one graph the same program as another, in exact arithmetic?"`
	Run       runCmd       `cmd:"" help:"Run a program, μGraph or bundle."`
	Bench     benchCmd     `cmd:"" help:"Time kernels; prints Go benchmark lines."`
	Show      showCmd      `cmd:"" help:"Show a μGraph as text, with its costs."`
	Import    importCmd    `cmd:"" help:"Read other formats into .ug."`
	Fmt       fmtCmd       `cmd:"" help:"Canonical form of .ug files."`
	Table     tableCmd     `cmd:"" help:"Search and measure programs; print a Markdown table."`
	Schedules schedulesCmd `cmd:"" help:"Draw, verify and measure schedules; print how well the cost model ranks them."`
	List      listCmd      `cmd:"" help:"List the embedded programs."`
	Targets   targetsCmd   `cmd:"" help:"List the targets, and whether each is here."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

func main() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) }

// Main runs the command and returns its exit code.
func Main(args []string, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer func() {
		if r := recover(); r != nil {
			code = failureOf(r).print(stderr, args)
		}
	}()
	if os.Getenv("MORGANA_THREADS") == "" { // set to nothing is not set; kong would read it as a number
		os.Unsetenv("MORGANA_THREADS")
	}
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("morgana"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code; panic(kongExit{}) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError())
	if err != nil {
		panic(err)
	}
	kctx, err := parse(parser, arguments(args))
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "morgana: %v\n", usageError(err))
		return exitBad
	}
	if err := checkEnvironment(); err != nil {
		fmt.Fprintf(stderr, "morgana: %v\n", err)
		return exitBad
	}
	out := &output{w: stdout, hold: asJSON(kctx)}
	a := &app{ctx: ctx, args: args, stdout: out, stderr: stderr, quiet: c.Quiet}
	code, done := await(ctx, a.answers.Load, func() int { return a.ended(kctx.Run(a)) })
	if !done {
		a.files.close()
		code = a.ended(ctx.Err())
	}
	return out.finish(code, stderr)
}

// closeDevice ends a device's threads; those of an interrupted command may still be at work, and end with
// the process.
func (a *app) closeDevice(d *cpu.Device) {
	if a.ctx.Err() == nil {
		d.Close()
	}
}

// ended prints why a command ended, and gives its exit code.
func (a *app) ended(err error) int {
	stderr := a.stderr
	e, bug, places := (*exitError)(nil), (*search.InternalError)(nil), (text.ErrorList)(nil)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bug):
		return failure{bug.Reason, bug.Stack}.print(stderr, a.args)
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintf(stderr, "morgana: %v\n", e.err)
		}
		return e.code
	case errors.Is(err, context.Canceled), a.ctx.Err() != nil && !a.answers.Load(): // whatever the work said of it
		fmt.Fprintln(stderr, "morgana: interrupted")
		return exitInterrupted
	case errors.As(err, &places) && err.Error() == places.Error(): // each begins its line with its place, as editors read it
		fmt.Fprintln(stderr, places)
		return exitBad
	default:
		fmt.Fprintf(stderr, "morgana: %v\n", err)
		return exitBad
	}
}

type kongExit struct{}

// parse is kong's parse; --help leaves it by a panic of kongExit.
func parse(p *kong.Kong, args []string) (ctx *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(kongExit); !ok {
				panic(r)
			}
		}
	}()
	return p.Parse(args)
}
