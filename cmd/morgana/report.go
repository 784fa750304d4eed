package main

import (
	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/search"
)

func renderReport(s subject, rs []*search.Result) ([]byte, error) { return nil, nil }

func goFiles(b *bundle.Bundle, pkg string) (map[string][]byte, error) { return nil, nil }
