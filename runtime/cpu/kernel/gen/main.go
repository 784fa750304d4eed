//go:build ignore

// Command gen prints the assembly of package kernel's avx2 level and the Go declarations of its
// functions to the two files named as arguments (see generate.go in the package).
package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// gen is an avo context with the package's constants.
type gen struct {
	*build.Context
	constants map[string]bool
}

// highRegister matches the registers that AVX2 lacks, which avo hands out when the others are taken.
var highRegister = regexp.MustCompile(`\b[XYZ](1[6-9]|[23][0-9])\b`)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: gen ASSEMBLY.s STUBS.go")
	}
	g := &gen{Context: build.NewContext(), constants: map[string]bool{}}
	g.microKernels()
	g.maps()
	g.reductions()
	g.conversions()
	g.transpose()
	g.packFour()
	g.prefetch()
	g.probes()

	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := g.interleave(file); err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "kernel"}
	for i, p := range []printer.Printer{printer.NewGoAsm(cfg), printer.NewStubs(cfg)} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		for _, function := range bytes.Split(text, []byte("\nTEXT "))[1:] {
			if i == 0 && highRegister.Match(function) {
				name, _, _ := bytes.Cut(function, []byte("("))
				return fmt.Errorf("%s needs more than 16 vector registers, which only AVX-512 has: unroll it less", name)
			}
		}
		if err := os.WriteFile(args[i], text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
