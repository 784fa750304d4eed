package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// interruptAfter runs the command and sends it Ctrl-C after a wait; a command that was hit before it
// listened (killed) or that was done is tried again with twice the wait, up to 20 s.
func interruptAfter(t *testing.T, done func(stdout []byte) bool, args ...string) (code int, stdout, stderr string) {
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
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Skipf("no interrupts here: %v", err)
		}
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != -1 && !done(out.Bytes()) {
			return code, out.String(), errs.String()
		}
	}
	t.Fatal("the command was never interrupted at work")
	return 0, "", ""
}

// Ctrl-C while a program runs: exit code 130, nothing on stdout.
func TestInterruptRun(t *testing.T) {
	code, stdout, stderr := interruptAfter(t, func(out []byte) bool { return len(out) > 0 }, "run", "mha/b16", "--plain", "--json")
	if code != exitInterrupted || stdout != "" || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d, want %d; stdout %q, stderr %q", code, exitInterrupted, stdout, stderr)
	}
}

// Ctrl-C while a search runs: the best so far, if only the input program, is written, and runs.
func TestInterruptOptimize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gqa.morgana")
	answer := struct{ Program, Stop string }{}
	code, stdout, stderr := interruptAfter(t, func(out []byte) bool {
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
