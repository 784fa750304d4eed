//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

func canMount() bool { return false }

func mountTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	ts.Fatalf("no tmpfs here")
}
