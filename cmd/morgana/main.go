// Command morgana optimizes tensor programs into verified fused kernels, and runs, checks and measures
// them. Exit codes: 0 done; 1 the answer is no; 2 bad usage or input, or something that the
// environment refuses; 3 an internal failure; 130 interrupted before there was a result.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
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
	stdout io.Writer
	stderr io.Writer
	quiet  bool
}

// say writes a line to stderr unless -q is given.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

type cli struct {
	Quiet bool `short:"q" help:"Print no progress on stderr."`

	Optimize optimizeCmd `cmd:"" help:"Search, verify, lower and measure; write a bundle."`
	Verify   verifyCmd   `cmd:"" help:"Is one graph the same program as another, in exact arithmetic?"`
	Run      runCmd      `cmd:"" help:"Run a program, μGraph or bundle."`
	Bench    benchCmd    `cmd:"" help:"Time kernels; prints Go benchmark lines."`
	Show     showCmd     `cmd:"" help:"Show a μGraph as text, with its costs."`
	Import   importCmd   `cmd:"" help:"Read other formats into .ug."`
	Fmt      fmtCmd      `cmd:"" help:"Canonical form of .ug files."`
	Table    tableCmd    `cmd:"" help:"Search and measure programs; print a Markdown table."`
	List     listCmd     `cmd:"" help:"List the embedded programs."`
	Targets  targetsCmd  `cmd:"" help:"List the targets, and whether each is here."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

func main() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) }

// Main runs the command and returns its exit code.
func Main(args []string, stdout, stderr io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the command at once
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "morgana: internal failure: %v\n%s\nThis is a bug. Please report it with the command (%s) and the lines above.\n",
				r, debug.Stack(), strings.Join(args, " "))
			code = exitInternal
		}
	}()
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("morgana"), kong.Description("Turns tensor programs into fused kernels that it has proved equal to them."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code; panic(kongExit{}) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError())
	if err != nil {
		panic(err)
	}
	kctx, err := parse(parser, args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "morgana: %v (morgana --help lists commands and flags)\n", err)
		return exitBad
	}
	if err := checkEnvironment(); err != nil {
		fmt.Fprintf(stderr, "morgana: %v\n", err)
		return exitBad
	}
	out := &output{w: stdout, hold: asJSON(kctx)}
	a := &app{ctx: ctx, stdout: out, stderr: stderr, quiet: c.Quiet}
	return out.finish(a.ended(kctx.Run(a)), stderr)
}

// ended prints why a command ended, and gives its exit code.
func (a *app) ended(err error) int {
	stderr := a.stderr
	switch e := (*exitError)(nil); {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintf(stderr, "morgana: %v\n", e.err)
		}
		return e.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "morgana: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintf(stderr, "morgana: %v\n", err)
		return exitBad
	}
}

// rootContext ends with an interruption; what has no context of its own (verifying a bundle that an
// argument names) runs under it.
var rootContext = context.Background()

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
