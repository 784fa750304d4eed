package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var errDisk = errors.New("no space left on device")

// clean checks that a folder holds nothing but the bundle.
func clean(t *testing.T, parent string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if strings.Join(have, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %v, want %v", have, want)
	}
}

func noExchange(a, b string) error { return errors.ErrUnsupported }

// TestInterruption: whichever step fails, the folder holds the old bundle afterwards, and no trace of
// the new one; with or without a file system that exchanges folders in one step.
func TestInterruption(t *testing.T) {
	for _, name := range []string{"exchange", "two renames"} {
		for step := 0; ; step++ {
			parent := t.TempDir()
			dir := filepath.Join(parent, "b")
			old := sample(t)
			if err := Write(dir, old); err != nil {
				t.Fatal(err)
			}
			fresh := sample(t)
			fresh.Report = []byte("<!doctype html>new")
			calls := 0
			// The step counts every write and rename; the one that fails does so once.
			fail := func() error {
				calls++
				if calls == step+1 {
					return errDisk
				}
				return nil
			}
			s := realSystem
			s.writeFile = func(p string, d []byte) error {
				if err := fail(); err != nil {
					_ = os.WriteFile(p, d[:len(d)/2], 0o644) // a partial file, as a full disk leaves it
					return err
				}
				return realSystem.writeFile(p, d)
			}
			s.rename = func(a, b string) error {
				if err := fail(); err != nil {
					return err
				}
				return realSystem.rename(a, b)
			}
			if name == "two renames" {
				s.exchange = noExchange
			}
			err := s.write(dir, fresh)
			got, openErr := Open(dir)
			if openErr != nil {
				t.Fatalf("%s, step %d: %v", name, step, openErr)
			}
			clean(t, parent, "b")
			if calls <= step {
				if err != nil || string(got.Report) != string(fresh.Report) {
					t.Errorf("%s: %v", name, err)
				}
				if step < 10 {
					t.Errorf("only %d steps were tried", step)
				}
				break
			}
			if !errors.Is(err, errDisk) || string(got.Report) != string(old.Report) {
				t.Errorf("%s, step %d: %v", name, step, err)
			}
		}
	}
}

// TestCrashBetweenRenames: the process ends after the old bundle was moved aside. Open finds the old
// one, and the next Write cleans up.
func TestCrashBetweenRenames(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "b")
	if err := Write(dir, sample(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, previous(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
	fresh := sample(t)
	fresh.Report = []byte("new")
	if err := Write(dir, fresh); err != nil {
		t.Fatal(err)
	}
	if got, err := Open(dir); err != nil || string(got.Report) != "new" {
		t.Error(err)
	}
	clean(t, parent, "b")
}

func TestNewBundleFails(t *testing.T) {
	parent := t.TempDir()
	s := realSystem
	s.rename = func(a, b string) error { return errDisk }
	if err := s.write(filepath.Join(parent, "b"), sample(t)); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	clean(t, parent)
}

func TestRefusesToReplace(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func(dir string) error
	}{
		{"a file", "not a bundle's folder", func(dir string) error { return os.WriteFile(dir, []byte("x"), 0o644) }},
		{"a folder of something else", "not a morgana bundle", func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644))
		}},
		{"another manifest.json", "not a morgana bundle", func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"name":"pwa"}`), 0o644))
		}},
		{"a bundle with a stranger's file", "notes.txt", func(dir string) error {
			return errors.Join(Write(dir, sample(t)), os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644))
		}},
	} {
		dir := filepath.Join(t.TempDir(), "b")
		if err := c.make(dir); err != nil {
			t.Fatal(err)
		}
		if err := Write(dir, sample(t)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--out") {
			t.Errorf("%s: %v", c.name, err)
		}
		clean(t, filepath.Dir(dir), "b")
	}
}

func TestReplaces(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"an empty folder":       func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
		"a damaged bundle":      func(dir string) error { return os.Truncate(filepath.Join(dir, programPath), 3) },
		"a bundle without time": func(dir string) error { return os.Remove(filepath.Join(dir, timingPath)) },
	} {
		dir := filepath.Join(t.TempDir(), "b")
		if err := errors.Join(Write(dir, sample(t)), spoil(dir), Write(dir, sample(t))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Open(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		// Root writes everywhere; a file in the place of the parent refuses everybody.
		parent := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(parent, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Write(filepath.Join(parent, "b"), sample(t)); err == nil {
			t.Error("wrote below a file")
		}
		return
	}
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(parent, "b"), sample(t)); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "b") {
		t.Error(err)
	}
	clean(t, parent)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotBundle) || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	// A link inside a folder leads outside, whatever it points to.
	b := filepath.Join(dir, "b")
	if err := Write(b, sample(t)); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(b, programPath)
	if err := errors.Join(os.Rename(p, filepath.Join(dir, "p")), os.Symlink(filepath.Join(dir, "p"), p)); err != nil {
		t.Skip("no links here: ", err)
	}
	if _, err := Open(b); err == nil || !strings.Contains(err.Error(), "program.ug is not a plain file") {
		t.Error(err)
	}
}

// CheckPlace refuses what Write would refuse, and leaves nothing behind.
func TestCheckPlace(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(mine, "data")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		place string
		ok    bool
	}{
		{filepath.Join(dir, "new"), true},
		{filepath.Join(dir, "deep", "er", "new"), true},
		{mine, false},
		{file, false},
		{filepath.Join(file, "below"), false},
	} {
		if err := CheckPlace(c.place); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.place, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}
