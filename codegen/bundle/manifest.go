package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Paths in a bundle folder.
const (
	manifestPath     = "manifest.json"
	programPath      = "program.ug"
	ugraphPath       = "ugraph.ug"
	verificationPath = "verification.json"
	searchPath       = "search.json"
	timingPath       = "timing.json"
	reportPath       = "report.html"
	kernelsDir       = "kernels"
	targetGraph      = "ugraph.ug"
	targetLowered    = "lowered.ug"
)

// magic says that a manifest.json is a bundle's.
const magic = "morgana bundle"

// Limits on what is read, so that a damaged or hostile folder cannot exhaust memory.
const (
	maxManifest = 1 << 20
	maxFile     = 64 << 20
	maxTotal    = 512 << 20
	maxFiles    = 4096
	maxTargets  = 64
)

// manifest is manifest.json.
type manifest struct {
	Kind    string           `json:"kind"`
	Format  int              `json:"format"`
	Program string           `json:"program"`
	Targets []manifestTarget `json:"targets"`
	Files   []manifestFile   `json:"files"` // sorted by path
}

type manifestTarget struct {
	Name     string `json:"name"`
	Folder   string `json:"folder"`
	Lowered  bool   `json:"lowered"` // there is a lowered.ug
	Executed bool   `json:"executed"`
	Content  string `json:"content"` // ContentHash
}

type manifestFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// FormatError reports a bundle of a later format.
type FormatError struct{ Format int }

func (e *FormatError) Error() string {
	return fmt.Sprintf("the bundle has format %d; this version reads up to %d: take a newer morgana, or optimize again with this one", e.Format, Format)
}

// ErrNotBundle is in the chain of errors about a folder without a bundle's manifest.
var ErrNotBundle = errors.New("not a morgana bundle")

// parseManifest reads a manifest and checks everything that can be known without the files. Of a later
// format only the version is looked at.
func parseManifest(data []byte) (*manifest, error) {
	var head struct {
		Kind   string `json:"kind"`
		Format int    `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", manifestPath, ErrNotBundle, err)
	}
	switch {
	case head.Kind != magic:
		return nil, fmt.Errorf("%s: %w: its kind is %q, not %q", manifestPath, ErrNotBundle, head.Kind, magic)
	case head.Format > Format:
		return nil, &FormatError{head.Format}
	case head.Format < 1:
		return nil, fmt.Errorf("%s: format %d; formats start at 1", manifestPath, head.Format)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	m := &manifest{}
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestPath, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestPath, err)
	}
	return m, nil
}

func (m *manifest) check() error {
	if len(m.Targets) < 1 || len(m.Targets) > maxTargets || len(m.Files) > maxFiles {
		return fmt.Errorf("%d targets and %d files; want 1 to %d and at most %d", len(m.Targets), len(m.Files), maxTargets, maxFiles)
	}
	names, folders := map[string]bool{}, map[string]bool{}
	for _, t := range m.Targets {
		if err := checkTargetName(t.Name); err != nil {
			return err
		}
		if t.Folder != folderOf(t.Name) {
			return fmt.Errorf("target %s lies in %q; it must be %q", t.Name, t.Folder, folderOf(t.Name))
		}
		if names[t.Name] || folders[t.Folder] {
			return fmt.Errorf("target %s is listed twice, or shares its folder %s", t.Name, t.Folder)
		}
		names[t.Name], folders[t.Folder] = true, true
	}
	total, last := int64(0), ""
	for _, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		if f.Path <= last {
			return fmt.Errorf("%s stands after %s; paths must be sorted and listed once", f.Path, last)
		}
		last = f.Path
		if f.Size < 0 || f.Size > maxFile {
			return fmt.Errorf("%s has %d bytes; at most %d are read", f.Path, f.Size, maxFile)
		}
		if total += f.Size; total > maxTotal {
			return fmt.Errorf("the files have more than %d bytes together", maxTotal)
		}
		if !folders[path.Dir(f.Path)] && path.Dir(f.Path) != "." {
			return fmt.Errorf("%s lies in no target's folder", f.Path)
		}
	}
	return nil
}

var (
	targetName = regexp.MustCompile(`^[a-z][a-z0-9]*(:[a-z0-9][a-z0-9_.]*)?$`)
	fileName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	goName     = regexp.MustCompile(`^[a-z][a-z0-9_]*\.go$`)
)

func checkTargetName(name string) error {
	if len(name) > 64 || !targetName.MatchString(name) || strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q is not a target's name such as cpu:avx2", name)
	}
	return nil
}

// folderOf is the folder of a target: a colon is not allowed in file names on every system, nor in
// what go:embed takes.
func folderOf(target string) string { return kernelsDir + "/" + strings.ReplaceAll(target, ":", "_") }

// checkPath accepts the paths that a bundle may list: in the folder's root its own files and Go files,
// or a plain name in a folder under kernels. Nothing else can be named, so nothing can lead outside.
func checkPath(p string) error {
	parts := strings.Split(p, "/")
	ok := fs.ValidPath(p) && len(p) <= 255
	switch len(parts) {
	case 1:
		switch p {
		case programPath, ugraphPath, verificationPath, searchPath, reportPath:
		default:
			ok = ok && goName.MatchString(p)
		}
	case 3:
		ok = ok && parts[0] == kernelsDir && fileName.MatchString(parts[1]) && fileName.MatchString(parts[2])
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("%q is not the path of a file of a bundle", p)
	}
	return nil
}

// ownFiles lists the files that belong to a bundle, of whatever format.
func ownFiles(data []byte) (map[string]bool, error) {
	var m struct {
		Kind  string         `json:"kind"`
		Files []manifestFile `json:"files"`
	}
	if err := json.Unmarshal(data, &m); err != nil || m.Kind != magic {
		return nil, ErrNotBundle
	}
	own := map[string]bool{manifestPath: true, timingPath: true}
	for _, f := range m.Files {
		own[f.Path] = true
	}
	return own, nil
}
