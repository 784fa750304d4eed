package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"morgana": main, "morgana-broken": broken})
}

// broken is the command with a bug: BROKEN_AT tells which write of stdout or stderr (as stdout:1) panics.
func broken() {
	stream, n, _ := strings.Cut(os.Getenv("BROKEN_AT"), ":")
	at, err := strconv.Atoi(n)
	if err != nil {
		panic(err)
	}
	var stdout, stderr io.Writer = os.Stdout, os.Stderr
	if stream == "stdout" {
		stdout = &breaking{w: stdout, at: at}
	} else {
		stderr = &breaking{w: stderr, at: at}
	}
	os.Exit(Main(os.Args[1:], stdout, stderr))
}

// breaking panics at one write, counted from 1.
type breaking struct {
	w  io.Writer
	at int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.at--; b.at == 0 {
		panic("injected")
	}
	return b.w.Write(p)
}

// concurrent are the scripts of commands that run several goroutines beside the one of every command that waits for
// interrupts: the search, the threads of a device. -short runs these.
var concurrent = []string{"bench", "bundle", "optimize"}

// The command from outside. Besides what testscript offers, a script may use
//
//	exits CODE ARGS…       runs morgana, which must end with exactly this code
//	breaks ARGS…           runs morgana with a panic at $BROKEN_AT, which must end with 3 and ask for a report
//	jsonline KEY…          stdout is one JSON object on one line with at least these keys
//	program FILE N         writes a program of N statements
//	damage FILE AT         changes the byte at an offset (negative: from the end)
//	truncate FILE SHARE    keeps that share (0.5: half) of a file
//	tmpfs DIR SIZE         mounts a file system of so many bytes; [tmpfs] tells whether it can
func TestScripts(t *testing.T) {
	params := testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MORGANA_CACHE", filepath.Join(e.WorkDir, ".store"))
			e.Setenv("NO_COLOR", "1")
			samples, err := filepath.Abs("../../ugraph/mirage/testdata")
			e.Setenv("SAMPLES", samples)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "breaks": breaks, "jsonline": jsonLine, "program": writeProgram, "damage": damage, "truncate": truncate, "tmpfs": mountTmpfs,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "tmpfs" {
				return canMount(), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	}
	if testing.Short() {
		params.Dir, params.Files = "", nil
		for _, name := range concurrent {
			params.Files = append(params.Files, filepath.Join("testdata", "script", name+".txtar"))
		}
	}
	testscript.Run(t, params)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec("morgana", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("morgana %s: %v", strings.Join(args[1:], " "), err)
		}
		code = exit.ExitCode()
	}
	// The Go runtime's own exit code for a crash is 2 too.
	if stderr := ts.ReadFile("stderr"); strings.Contains(stderr, "internal failure") || strings.Contains(stderr, "goroutine ") {
		ts.Fatalf("morgana %s: an internal failure", strings.Join(args[1:], " "))
	}
	if (code == want) == neg {
		ts.Fatalf("morgana %s: exit code %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

func breaks(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("morgana-broken", args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInternal {
		ts.Fatalf("morgana %s: %v, want exit code %d", strings.Join(args, " "), err, exitInternal)
	}
	stderr := ts.ReadFile("stderr")
	for _, want := range []string{"internal failure: injected", "script_test.go", "Please report it", strings.Join(args, " ")} {
		if !strings.Contains(stderr, want) {
			ts.Fatalf("stderr does not say %q:\n%s", want, stderr)
		}
	}
}

func jsonLine(ts *testscript.TestScript, neg bool, keys []string) {
	out := ts.ReadFile("stdout")
	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		ts.Fatalf("stdout is not one line: %q", out)
	}
	var v map[string]any
	ts.Check(json.Unmarshal([]byte(out), &v))
	for _, k := range keys {
		var at any = v
		for _, part := range strings.Split(k, ".") {
			m, _ := at.(map[string]any)
			next, ok := m[part]
			if !ok {
				ts.Fatalf("the object has no %s: %s", k, out)
			}
			at = next
		}
	}
}

func writeProgram(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), longProgram(n), 0o666))
}

// longProgram is a program of n statements.
func longProgram(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "program long(X: f32[4]) -> (V%d) {\n    V1 = exp(X)\n", n)
	for i := 2; i <= n; i++ {
		fmt.Fprintf(&b, "    V%d = V%d * 1.0001\n", i, i-1)
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := os.ReadFile(file)
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0x55
	ts.Check(os.WriteFile(file, data, 0o666))
}

func truncate(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	share, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	info, err := os.Stat(file)
	ts.Check(err)
	ts.Check(os.Truncate(file, int64(share*float64(info.Size()))))
}
