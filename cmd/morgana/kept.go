package main

import (
	"context"
	"fmt"
	"time"

	"github.com/morgana-ml/morgana/codegen/bundle"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// keepPatience bounds the checks of what stands there.
const keepPatience = 5 * time.Second

// keepBetter looks at the bundle that stands where the results of searches are to be written. Where a search was
// ended early, the kernel that the bundle holds for the same program and target stays if it is predicted to be faster
// at the size of the result: it takes the place of what was found, after every check that a candidate has to pass.
// The result then says so in kept. Whatever stands there and is no such bundle is replaced, as always.
func keepBetter(a *app, dir string, s subject, rs []*found, m search.Measurer, opt search.Options) {
	b, err := bundle.Open(dir)
	if err != nil || ugraph.Hash(b.Program) != ugraph.Hash(s.graph) || interfaceKey(b.Program) != interfaceKey(s.graph) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), keepPatience) // Ctrl-C, too, ends a search early
	defer cancel()
	for _, f := range rs {
		t, err := b.Target(f.Row.Name)
		if f.Stop == "exhausted" || err != nil || ugraph.Equal(t.Run(), b.Program) {
			continue
		}
		old, err := check(ctx, text.Print(t.Graph), text.Print(t.Run()), s.graph, f.Env, f.Row, m, opt)
		if err != nil {
			a.warn("%s: its kernel for %s is replaced: %v", dir, f.Row.Name, err)
			continue
		}
		if old.Cost.US >= f.Best.Cost.US {
			continue
		}
		f.kept = fmt.Sprintf("the bundle that was there holds a verified kernel of %.1f µs predicted; this search, ended by its %s, found one of %.1f; --force replaces it", old.Cost.US, f.Stop, f.Best.Cost.US)
		old.Derivation = "kept from the bundle that was there"
		f.Best, f.Reason, f.bestUS, f.Near = old, "", nil, nil
	}
}

// allKept tells whether a bundle has nothing new to hold.
func allKept(rs []*found) bool {
	for _, f := range rs {
		if f.kept == "" {
			return false
		}
	}
	return true
}
