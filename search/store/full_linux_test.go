package store

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
)

// On a disk with no room Put fails, what was stored before is still read, and nothing half-written
// is ever taken for an entry.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1200k"); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	small, large := Key{Program: "small"}, Key{Program: "large"}
	if err := s.Put(small, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(large, bytes.Repeat([]byte("x"), 4<<20)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want no space", err)
	}
	if _, err := s.Get(large); !errors.Is(err, ErrMiss) {
		t.Error(err)
	}
	if got, err := s.Get(small); err != nil || string(got) != "kept" {
		t.Errorf("got %q, %v", got, err)
	}
}
