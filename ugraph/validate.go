package ugraph

import "fmt"

// Rule is one rule of legality. Check returns a description of the first violation, or "".
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

// Validate checks a graph and the graphs in it against every rule, in the order of the table.
func Validate(g *Graph) error {
	for _, r := range Rules {
		applies := r.Levels == nil
		for _, l := range r.Levels {
			applies = applies || l == g.Level
		}
		if !applies {
			continue
		}
		if what := r.Check(g); what != "" {
			return &RuleError{Rule: r.Name, Graph: g.Name, What: what}
		}
	}
	for i := range g.Nodes {
		if b := g.Nodes[i].Body; b != nil {
			if err := Validate(b); err != nil {
				return err
			}
		}
	}
	return nil
}
