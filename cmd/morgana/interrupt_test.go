package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soon is how long a command may take to end once it is interrupted. It is meant to be done within 0.3 s;
// the rest is for other load on the machine.
const soon = 2 * time.Second

// interruptAfter runs the command and sends it a signal after a wait; a command that was hit before it
// listened (killed) or that was done is tried again with twice the wait, up to 20 s.
func interruptAfter(t *testing.T, sig os.Signal, done func(stdout []byte) bool, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	for wait := 200 * time.Millisecond; wait < 20*time.Second; wait *= 2 {
		cmd := exec.Command("morgana", args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.Env = append(os.Environ(), "MORGANA_CACHE="+filepath.Join(t.TempDir(), "store"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Skipf("no interrupts here: %v", err)
		}
		start := time.Now()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != -1 && !done(out.Bytes()) {
			if took := time.Since(start); took > soon {
				t.Errorf("morgana %s ended %v after it was interrupted", strings.Join(args, " "), took)
			}
			return code, out.String(), errs.String()
		}
	}
	t.Fatal("the command was never interrupted at work")
	return 0, "", ""
}

// Ctrl-C and SIGTERM while a command works, also where what it calls does not look at its context: exit
// code 130, nothing on stdout, no file.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.ug")
	if err := os.WriteFile(long, longProgram(30000), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "mha/b16", "--plain", "--json", "--output", "O=" + filepath.Join(dir, "o.npy")},
		{"run", "mha/b16", "--check", "--json"},
		{"verify", long, long, "--json"},
		{"bench", "mha/b16", "--count", "50"},
		{"bench", "--roofline"},
		{"table", "mha"},
		{"fmt", long, long, long, long},
		{"show", long, "--html", filepath.Join(dir, "page.html")},
	} {
		for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			code, stdout, stderr := interruptAfter(t, sig, func(out []byte) bool { return len(out) > 0 }, args...)
			if code != exitInterrupted || stdout != "" || !strings.Contains(stderr, "interrupted") {
				t.Errorf("%v: exit code %d, want %d; stdout %q, stderr %q", args, code, exitInterrupted, stdout, stderr)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files are left: %v %v", entries, err)
	}
}

// Ctrl-C while a search runs: the best so far, if only the input program, is written, and runs.
func TestInterruptOptimize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gqa.morgana")
	answer := struct{ Program, Stop string }{}
	code, stdout, stderr := interruptAfter(t, os.Interrupt, func(out []byte) bool {
		return json.Unmarshal(out, &answer) == nil && answer.Stop != "interrupted"
	}, "optimize", "gqa", "--json", "--top", "50", "--out", dir)
	if code == exitInterrupted && stdout == "" {
		return // before the input program was read
	}
	if code != exitOK || answer.Program != "gqa" || answer.Stop != "interrupted" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if out, err := exec.Command("morgana", "show", dir).CombinedOutput(); err != nil {
		t.Errorf("the bundle does not open: %v\n%s", err, out)
	}
}

// Work that is left behind: await comes back soon, and nothing is changed or printed any more.
func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	deaf := func() int { <-release; return 1 }
	time.AfterFunc(10*time.Millisecond, cancel)
	start := time.Now()
	if _, done := await(ctx, func() bool { return false }, deaf); done {
		t.Error("work that never ends is done")
	}
	if took := time.Since(start); took < grace || took > grace+soon {
		t.Errorf("it took %v", took)
	}
	if n, done := await(ctx, func() bool { return false }, func() int { return 7 }); n != 7 || !done {
		t.Errorf("work that ends within the grace: %d, %v", n, done)
	}
	if n, done := await(ctx, func() bool { return true }, func() int { time.Sleep(2 * grace); return 8 }); n != 8 || !done {
		t.Errorf("work to wait for: %d, %v", n, done)
	}
	defer func() {
		if f, ok := recover().(failure); !ok || f.reason != "broken" || !bytes.Contains(f.stack, []byte("TestAwait")) {
			t.Errorf("recovered %v", f)
		}
	}()
	await(ctx, func() bool { return false }, func() int { panic("broken") })
}

// After its end a command changes no file and prints nothing.
func TestClosed(t *testing.T) {
	var w files
	var stdout, stderr bytes.Buffer
	out := &output{w: &stdout}
	out.Write([]byte("before\n"))
	w.close()
	if code := out.finish(exitInterrupted, &stderr); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if err := w.change(func() error { t.Error("changed"); return nil }); err == nil {
		t.Error("a change after the end is no error")
	}
	out.Write([]byte("after\n"))
	if stdout.String() != "before\n" {
		t.Errorf("stdout %q", stdout.String())
	}
}
