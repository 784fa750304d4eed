package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Load reads a bundle from the root of fsys: os.DirFS of a folder, an embed.FS, or fs.Sub of either.
// It checks the format, every path, size and hash, that nothing unlisted lies there, that the texts
// parse and are legal, and that every μGraph has the program's interface. The error names the file.
// What was loaded is not verified: only Runnable gives a graph to run.
func Load(fsys fs.FS) (*Bundle, error) {
	data, err := readFile(fsys, manifestPath, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no %s", ErrNotBundle, manifestPath)
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, err
	}
	size := map[string]int64{timingPath: maxFile}
	for _, f := range m.Files {
		size[f.Path] = f.Size
	}
	if err := checkTree(fsys, size); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for p := range size {
		// One byte more than is listed, to see that a file is longer.
		data, err := readFile(fsys, p, size[p]+1)
		if errors.Is(err, fs.ErrNotExist) {
			continue // decode says which of the listed ones is missing
		}
		if err != nil {
			return nil, err
		}
		files[p] = data
	}
	return decode(m, files)
}

// checkTree refuses whatever the manifest does not list, and everything that is not a plain file or a
// folder that holds listed files.
func checkTree(fsys fs.FS, size map[string]int64) error {
	folders := map[string]bool{".": true}
	for p := range size {
		for d := parent(p); d != "."; d = parent(d) {
			folders[d] = true
		}
	}
	return fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		_, listed := size[p]
		switch {
		case d.IsDir():
			if !folders[p] {
				return fmt.Errorf("%s: the bundle's manifest lists nothing in this folder", p)
			}
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a plain file (%s)", p, d.Type())
		case !listed && p != manifestPath:
			return fmt.Errorf("%s is not listed in the bundle's manifest", p)
		}
		return nil
	})
}

func parent(p string) string { return path.Dir(p) }

// readFile reads at most limit bytes; only the manifest and timing.json can meet it, since listed
// files are compared with their size.
func readFile(fsys fs.FS, p string, limit int64) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", p)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if int64(len(data)) > limit && (p == manifestPath || p == timingPath) {
		return nil, fmt.Errorf("%s has more than %d bytes", p, limit)
	}
	return data, nil
}

// Open is Load of a folder. Errors begin with its path.
func Open(dir string) (*Bundle, error) {
	st, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, old := os.Stat(filepath.Join(previous(dir), manifestPath)); old == nil {
			dir = previous(dir)
			st, err = os.Stat(dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s: %w: it is not a folder", dir, ErrNotBundle)
	}
	b, err := Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return b, nil
}
