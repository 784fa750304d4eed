package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// system is what Write needs of the file system; tests put failures in.
type system struct {
	writeFile func(path string, data []byte) error
	rename    func(from, to string) error
	exchange  func(a, b string) error // both folders change places in one step; an error where that cannot be done
}

var realSystem = system{
	writeFile: func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) },
	rename:    os.Rename,
	exchange:  exchange,
}

// Write makes dir the bundle b. The new folder is written beside dir and takes its place at the end, so
// an interruption or a failure leaves what was there: the old bundle, or nothing. What a killed process has
// left of its own folder is removed. Write refuses to
// replace anything but a bundle, and a bundle's folder to which somebody added files.
func Write(dir string, b *Bundle) error { return realSystem.write(dir, b) }

func (s system) write(dir string, b *Bundle) (err error) {
	files, err := encode(b)
	if err != nil {
		return fmt.Errorf("bundle %s: %w", dir, err)
	}
	m, err := parseManifest(files[manifestPath])
	if err == nil {
		_, err = decode(m, files)
	}
	if err != nil {
		return fmt.Errorf("bundle %s: what would be written does not load: %w", dir, err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	exists, err := replaceable(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	removeStale(dir, time.Now())
	tmp, err := mkdirNew(filepath.Dir(dir), dir)
	if err != nil {
		return fmt.Errorf("bundle %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	for _, p := range sortedPaths(files) {
		to := filepath.Join(tmp, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := s.writeFile(to, files[p]); err != nil {
			return fmt.Errorf("bundle %s: %w", dir, err)
		}
	}
	return s.place(tmp, dir, exists)
}

// place moves the finished folder to dir. What was in dir ends in tmp, which the caller removes.
func (s system) place(tmp, dir string, exists bool) error {
	if !exists {
		return s.rename(tmp, dir)
	}
	if s.exchange(tmp, dir) == nil {
		return nil
	}
	old := previous(dir)
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := s.rename(dir, old); err != nil {
		return err
	}
	if err := s.rename(tmp, dir); err != nil {
		return errors.Join(err, s.rename(old, dir))
	}
	return os.RemoveAll(old)
}

// previous is where the old bundle lies while the new one takes its place on systems that cannot
// exchange them in one step.
func previous(dir string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".previous")
}

// replaceable tells whether dir exists, and fails if it holds anything but a bundle's own files. A
// bundle of an earlier, later or damaged content may be replaced as long as its manifest says which
// files are its own. An empty folder may be, too.
func replaceable(dir string) (bool, error) {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		// An interruption may have left the old bundle aside: put it back first.
		if _, err := os.Stat(filepath.Join(previous(dir), manifestPath)); err == nil {
			return true, os.Rename(previous(dir), dir)
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !st.IsDir() {
		return false, fmt.Errorf("%s exists and is not a bundle's folder: choose another with --out, or remove it", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(entries) == 0 {
		return true, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, manifestPath))
	if err != nil {
		return false, fmt.Errorf("%s exists and is %w: choose another folder with --out, or remove it", dir, ErrNotBundle)
	}
	own, err := ownFiles(data)
	if err != nil {
		return false, fmt.Errorf("%s: %w: choose another folder with --out, or remove it", dir, err)
	}
	return true, fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || own[p] {
			return err
		}
		return fmt.Errorf("%s holds %s, which is not the bundle's: move it, or choose another folder with --out", dir, p)
	})
}

// CheckPlace tells, before the work is done, whether Write could put a bundle in dir: nothing else is
// there, and a folder can be made where it belongs. It leaves nothing behind.
func CheckPlace(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := replaceable(dir); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	for {
		info, err := os.Stat(parent)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", parent)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent) {
			return err
		}
		parent = filepath.Dir(parent)
	}
	tmp, err := mkdirNew(parent, dir)
	if err != nil {
		var in *fs.PathError
		if errors.As(err, &in) {
			err = in.Err // of the folder that is missing, not of the one that was tried
		}
		return fmt.Errorf("a folder cannot be made in %s: %w", parent, err)
	}
	return os.Remove(tmp)
}
