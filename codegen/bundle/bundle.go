package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Format is the version of the layout that Write makes and the newest that Load reads.
const Format = 1

// Bundle is the content of a bundle folder.
type Bundle struct {
	Program *ugraph.Graph
	Targets []Target // at least one; the first one's μGraph is also ugraph.ug

	// JSON objects; nil ones have no file. Timing alone is outside the hashes: it holds what a clock
	// measured.
	Verification json.RawMessage
	Search       json.RawMessage
	Timing       json.RawMessage

	Report  []byte            // report.html; nil: none
	GoFiles map[string][]byte // NAME.go → source of the Go package; nil: none
}

// Target is what a bundle holds for one target.
type Target struct {
	Name     string            // the row's name, e.g. cpu:avx2
	Graph    *ugraph.Graph     // the μGraph; the program itself where nothing better was found
	Lowered  *ugraph.Graph     // what the target runs; nil: Graph
	Executed bool              // every kernel has run on a small ragged instance and agreed with float64
	Files    map[string][]byte // source, headers, binaries by name (no folders); nil on targets without
}

// Run is the graph that the target runs.
func (t *Target) Run() *ugraph.Graph {
	if t.Lowered != nil {
		return t.Lowered
	}
	return t.Graph
}

// TargetNames lists the targets in the bundle's order.
func (b *Bundle) TargetNames() []string {
	names := make([]string, len(b.Targets))
	for i := range b.Targets {
		names[i] = b.Targets[i].Name
	}
	return names
}

// Target returns the target called name. The error lists what is inside.
func (b *Bundle) Target(name string) (*Target, error) {
	for i := range b.Targets {
		if b.Targets[i].Name == name {
			return &b.Targets[i], nil
		}
	}
	return nil, &TargetError{Want: name, Have: b.TargetNames()}
}

// TargetError reports that a bundle holds nothing for a target.
type TargetError struct {
	Want string
	Have []string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("the bundle holds nothing for target %s; it holds %s: run morgana optimize with --target %s", e.Want, list(e.Have), e.Want)
}

// ContentHash identifies what a verification of one target speaks of: the SHA-256, in hexadecimal, of
// the program and of the graph that the target runs, both as canonical text. It is an error if the
// bundle does not hold the target.
func ContentHash(b *Bundle, target string) (string, error) {
	t, err := b.Target(target)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, s := range []string{text.Print(b.Program), text.Print(t.Run())} {
		fmt.Fprintf(h, "%d\n%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
