package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// decode makes a bundle of its files and checks all of it.
func decode(m *manifest, files map[string][]byte) (*Bundle, error) {
	for _, f := range m.Files {
		if err := checkFile(f, files); err != nil {
			return nil, err
		}
	}
	b := &Bundle{}
	var err error
	if b.Program, err = parseGraph(programPath, files); err != nil {
		return nil, err
	}
	if b.Program.Name != m.Program {
		return nil, fmt.Errorf("%s: the program is called %s, in the manifest %q", programPath, b.Program.Name, m.Program)
	}
	used := map[string]bool{programPath: true, ugraphPath: true}
	for i, mt := range m.Targets {
		t := Target{Name: mt.Name, Executed: mt.Executed}
		if t.Graph, err = b.graph(mt.Folder+"/"+targetGraph, files, used); err != nil {
			return nil, err
		}
		if mt.Lowered {
			if t.Lowered, err = b.graph(mt.Folder+"/"+targetLowered, files, used); err != nil {
				return nil, err
			}
		}
		if i == 0 && !bytes.Equal(files[ugraphPath], files[mt.Folder+"/"+targetGraph]) {
			return nil, fmt.Errorf("%s is not the μGraph of the first target, %s", ugraphPath, mt.Name)
		}
		for _, f := range m.Files {
			if path.Dir(f.Path) == mt.Folder && !used[f.Path] {
				if t.Files == nil {
					t.Files = map[string][]byte{}
				}
				used[f.Path] = true
				t.Files[path.Base(f.Path)] = files[f.Path]
			}
		}
		b.Targets = append(b.Targets, t)
		if content, err := ContentHash(b, mt.Name); err != nil || content != mt.Content {
			return nil, fmt.Errorf("%s: the content hash of target %s is not that of its graphs", manifestPath, mt.Name)
		}
	}
	for _, j := range b.jsonFiles() {
		data, ok := files[j.path]
		if !ok {
			continue
		}
		if !json.Valid(data) {
			return nil, fmt.Errorf("%s is not JSON", j.path)
		}
		*j.data = data
	}
	b.Report = files[reportPath]
	for _, f := range m.Files {
		if strings.HasSuffix(f.Path, ".go") && path.Dir(f.Path) == "." {
			if b.GoFiles == nil {
				b.GoFiles = map[string][]byte{}
			}
			b.GoFiles[f.Path] = files[f.Path]
		}
	}
	return b, nil
}

// checkFile compares a file with what the manifest says of it.
func checkFile(f manifestFile, files map[string][]byte) error {
	data, ok := files[f.Path]
	if !ok {
		return fmt.Errorf("%s is missing", f.Path)
	}
	if int64(len(data)) != f.Size {
		return fmt.Errorf("%s has %d bytes; the manifest says %d: it was cut off or changed", f.Path, len(data), f.Size)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
		return fmt.Errorf("%s was changed: its SHA-256 is not the manifest's", f.Path)
	}
	return nil
}

// graph reads a μGraph that stands for the program.
func (b *Bundle) graph(p string, files map[string][]byte, used map[string]bool) (*ugraph.Graph, error) {
	used[p] = true
	g, err := parseGraph(p, files)
	if err != nil {
		return nil, err
	}
	if err := sameInterface(b.Program, g); err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return g, nil
}

func parseGraph(p string, files map[string][]byte) (*ugraph.Graph, error) {
	data, ok := files[p]
	if !ok {
		return nil, fmt.Errorf("%s is missing", p)
	}
	gs, err := text.Parse(p, data)
	if err != nil {
		return nil, err // begins with the path, line and column
	}
	if len(gs) != 1 {
		return nil, fmt.Errorf("%s: it holds %d graphs, not one", p, len(gs))
	}
	if err := ugraph.Validate(gs[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if gs[0].Level != ugraph.KernelLevel {
		return nil, errors.New(p + ": not a kernel-level graph")
	}
	return gs[0], nil
}
