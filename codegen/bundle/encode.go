package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// encode returns all files of a bundle by path, the manifest among them. Its bytes depend on b alone.
func encode(b *Bundle) (map[string][]byte, error) {
	if b.Program == nil || len(b.Targets) == 0 {
		return nil, errors.New("a bundle needs a program and at least one target")
	}
	files := map[string][]byte{programPath: []byte(text.Print(b.Program))}
	m := manifest{Kind: magic, Format: Format, Program: b.Program.Name}
	for i := range b.Targets {
		t := &b.Targets[i]
		if t.Graph == nil {
			return nil, fmt.Errorf("target %s has no graph", t.Name)
		}
		content, err := ContentHash(b, t.Name)
		if err != nil {
			return nil, err
		}
		mt := manifestTarget{Name: t.Name, Folder: folderOf(t.Name), Executed: t.Executed, Content: content,
			Lowered: t.Lowered != nil && !ugraph.Equal(t.Graph, t.Lowered)}
		graph := []byte(text.Print(t.Graph))
		if i == 0 {
			files[ugraphPath] = graph
		}
		own := map[string][]byte{targetGraph: graph}
		if mt.Lowered {
			own[targetLowered] = []byte(text.Print(t.Lowered))
		}
		for name, data := range t.Files {
			if own[name] != nil {
				return nil, fmt.Errorf("target %s: a file cannot be called %s", t.Name, name)
			}
			own[name] = data
		}
		for name, data := range own {
			files[mt.Folder+"/"+name] = data
		}
		m.Targets = append(m.Targets, mt)
	}
	for _, j := range b.jsonFiles() {
		if *j.data == nil {
			continue
		}
		var buf bytes.Buffer
		if err := json.Indent(&buf, bytes.TrimSpace(*j.data), "", "  "); err != nil {
			return nil, fmt.Errorf("%s: %w", j.path, err)
		}
		buf.WriteByte('\n')
		files[j.path] = buf.Bytes()
	}
	if b.Report != nil {
		files[reportPath] = b.Report
	}
	for name, data := range b.GoFiles {
		if !goName.MatchString(name) {
			return nil, fmt.Errorf("%q is not the name of a Go file of a bundle", name)
		}
		files[name] = data
	}
	for _, p := range sortedPaths(files) {
		if p == timingPath {
			continue
		}
		sum := sha256.Sum256(files[p])
		m.Files = append(m.Files, manifestFile{Path: p, Size: int64(len(files[p])), SHA256: hex.EncodeToString(sum[:])})
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	files[manifestPath] = append(data, '\n')
	return files, nil
}

type jsonFile struct {
	path string
	data *json.RawMessage
}

func (b *Bundle) jsonFiles() []jsonFile {
	return []jsonFile{{verificationPath, &b.Verification}, {searchPath, &b.Search}, {timingPath, &b.Timing}}
}

func sortedPaths(files map[string][]byte) []string {
	paths := make([]string, 0, len(files))
	for p := range files {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return paths
}
