package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile replaces a file whole.
func (a *app) writeFile(name string, data []byte) error {
	return a.replaceFile(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replaceFile writes a file beside the old one and moves it into its place: a write that fails or is
// interrupted leaves the old one. What is no regular file, a device or a pipe, is written to as it is.
func (a *app) replaceFile(name string, write func(io.Writer) error) error {
	return a.files.change(func() error {
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			return errors.Join(write(f), f.Close())
		}
		tmp := name + ".tmp"
		f, err := os.Create(tmp)
		if err != nil {
			return err
		}
		err = errors.Join(write(f), f.Close())
		if err == nil {
			err = os.Rename(tmp, name)
		}
		if err != nil {
			os.Remove(tmp)
		}
		return err
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
