package main

import (
	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/codegen/gopkg"
	"github.com/morgana-ml/morgana/search"
)

func renderReport(s subject, rs []*search.Result) ([]byte, error) { return nil, nil }

// goFiles is the Go package that --go adds to a bundle.
func goFiles(b *bundle.Bundle, pkg string) (map[string][]byte, error) { return gopkg.Generate(b, pkg) }
