package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
)

// TestEndToEnd is the tiny suite of this repository: one small program is searched, verified, lowered,
// executed, written, read back, verified again, run against float64, shown, and told from a wrong one, in
// under two seconds. `go test -run EndToEnd ./cmd/morgana` is what to run after any change.
func TestEndToEnd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("MORGANA_CACHE", filepath.Join(dir, "store"))
	out := filepath.Join(dir, "tiny.morgana")
	morgana := func(want int, args ...string) []byte {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := Main(args, &stdout, &stderr); code != want {
			t.Fatalf("morgana %v: exit code %d, want %d\n%s%s", args, code, want, stdout.Bytes(), stderr.Bytes())
		}
		return stdout.Bytes()
	}
	var found optimizeJSON
	if err := json.Unmarshal(morgana(exitOK, "optimize", "tiny", "--measure=false", "--json", "-q", "--out", out), &found); err != nil {
		t.Fatal(err)
	}
	if found.Best.Kernels != 1 || found.Baseline.Kernels != 3 || !found.Best.Executed || found.Stop != "exhausted" || found.Verification.ErrorLog2 > -64 {
		t.Errorf("found %+v", found)
	}
	morgana(exitOK, "verify", "tiny", out, "--stable")
	var ran runResult
	if err := json.Unmarshal(morgana(exitOK, "run", out, "--check", "--json"), &ran); err != nil {
		t.Fatal(err)
	}
	if ran.Check == nil || !(ran.Check.MaxRelError < 1e-5) || len(ran.Outputs) != 1 {
		t.Errorf("ran %+v", ran)
	}
	if text := morgana(exitOK, "show", out); !bytes.HasPrefix(text, []byte("ugraph tiny for tiny(")) {
		t.Errorf("shown: %s", text)
	}
	morgana(exitNo, "verify", "tiny", filepath.Join("testdata", "not_tiny.ug"))
	morgana(exitBad, "run", filepath.Join(dir, "missing.ug"))
}
