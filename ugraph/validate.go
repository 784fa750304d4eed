package ugraph

import (
	"fmt"
	"slices"
)

// Rule is one rule of legality. Check returns a description of the first violation, or "".
// The rules of symbols see all graphs within a kernel-level one, since only that declares them.
type Rule struct {
	Name   string
	Levels []Level // where it applies; nil: everywhere
	Why    string
	Check  func(g *Graph) string
}

// RuleError is a violation of a rule.
type RuleError struct {
	Rule  string
	Graph string
	What  string
}

func (e *RuleError) Error() string {
	if e.Graph == "" {
		return fmt.Sprintf("%s: %s", e.Rule, e.What)
	}
	return fmt.Sprintf("%s: %s: %s", e.Graph, e.Rule, e.What)
}

// Validate checks a graph and the graphs in it against every rule, in the order of the table. A rule
// may rely on those before it. The error is a *RuleError.
func Validate(g *Graph) error {
	return validate(g)
}

func validate(g *Graph) error {
	for _, r := range Rules {
		if r.Levels != nil && !slices.Contains(r.Levels, g.Level) {
			continue
		}
		if what := r.Check(g); what != "" {
			return &RuleError{Rule: r.Name, Graph: g.Name, What: what}
		}
		if r.Name != structural {
			continue
		}
		// The inner graphs come before the rules that infer types through them.
		for i := range g.Nodes {
			if b := g.Nodes[i].Body; b != nil {
				if err := validate(b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
