package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile replaces a file whole: an interrupted write leaves the old one.
func (a *app) writeFile(name string, data []byte) error {
	return a.files.change(func() error {
		tmp := name + ".tmp"
		if err := os.WriteFile(tmp, data, 0o666); err != nil {
			os.Remove(tmp)
			return err
		}
		if err := os.Rename(tmp, name); err != nil {
			os.Remove(tmp)
			return err
		}
		return nil
	})
}

// checkPlace tells, before the work is done, whether a file can be written: its folder is there, and it is
// no folder itself. It leaves nothing behind and an existing file as it is.
func checkPlace(name string) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder; name a file", name)
	case err == nil:
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return f.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+base+".new-*")
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
