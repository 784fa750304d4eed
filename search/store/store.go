package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/cache"
)

// ErrMiss is what Get's errors are (errors.Is): there is no usable entry. If the error is a
// *DamagedError too, there was one, and its message should be shown.
var ErrMiss = errors.New("not in the store")

// DamagedError is the miss that a corrupt, foreign or outdated entry is.
type DamagedError struct {
	Path   string // file with the entry
	Reason error
}

// Error says which file was ignored and why.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("ignored a store entry that fails its checks: %s: %v", e.Path, e.Reason)
}

// Is makes a damaged entry a miss.
func (e *DamagedError) Is(target error) bool { return target == ErrMiss }

// Unwrap returns the reason.
func (e *DamagedError) Unwrap() error { return e.Reason }

// Store is an open store. A nil *Store is one that holds nothing and keeps nothing.
type Store struct {
	dir   string
	cache *cache.Cache
}

// DefaultDir is $MORGANA_CACHE, or morgana in the user's cache folder. Without either (no home
// folder) it is an error that says to set MORGANA_CACHE.
func DefaultDir() (string, error) {
	if dir := os.Getenv("MORGANA_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the kernel store: %w; set MORGANA_CACHE", err)
	}
	return filepath.Join(dir, "morgana"), nil
}

// Open opens the store in dir, DefaultDir's if dir is empty, and makes the folder if need be. An
// error (a read-only or full disk, no permission) may be shown and then ignored: the nil *Store that
// comes with it works as an empty one.
func Open(dir string) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("kernel store: %w", err)
	}
	c, err := cache.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("kernel store: %w", err)
	}
	return &Store{dir: dir, cache: c}, nil
}

// Dir is the store's folder; "" for a nil *Store.
func (s *Store) Dir() string {
	if s == nil {
		return ""
	}
	return s.dir
}

// Get returns the payload that Put stored under key. Any error is a miss (ErrMiss); a
// *DamagedError says that there was an entry and why it was not used.
func (s *Store) Get(key Key) ([]byte, error) { return s.get(key.text()) }

// Put stores payload under key, in place of an earlier one. After an error (disk full, read-only)
// the store holds the earlier payload or none; the caller may show the error and go on.
func (s *Store) Put(key Key, payload []byte) error { return s.put(key.text(), payload) }

// MarkVerified remembers that the bundle with this content hash was verified on this machine.
func (s *Store) MarkVerified(hash string) error { return s.put(verifiedKey(hash), nil) }

// Verified tells whether MarkVerified was called with this hash on this machine. An error comes
// only with false: the mark was there, but damaged (*DamagedError).
func (s *Store) Verified(hash string) (bool, error) {
	_, err := s.get(verifiedKey(hash))
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return false, err
	}
	return err == nil, nil
}

// verifiedKey cannot equal the text of a Key, which begins otherwise.
func verifiedKey(hash string) string { return fmt.Sprintf("verified=%q", hash) }

// Trim removes the entries that were not used for five days, if the last trim is a day ago. Put
// calls it.
func (s *Store) Trim() error {
	if s == nil {
		return nil
	}
	return s.cache.Trim()
}

func actionID(key string) cache.ActionID {
	return sha256.Sum256([]byte("morgana store\x00" + key))
}

func (s *Store) put(key string, payload []byte) error {
	if s == nil {
		return nil
	}
	entry := encodeEntry(key, payload)
	if len(entry) > maxEntry {
		return fmt.Errorf("kernel store: an entry of %d bytes; the limit is %d", len(entry), maxEntry)
	}
	// PutNoVerify, since a measured result may differ from the stored one.
	if _, _, err := s.cache.PutNoVerify(actionID(key), bytes.NewReader(entry)); err != nil {
		return fmt.Errorf("kernel store: %w", err)
	}
	if err := s.Trim(); err != nil {
		return fmt.Errorf("kernel store: stored, but old entries stay: %w", err)
	}
	return nil
}

func (s *Store) get(key string) ([]byte, error) {
	if s == nil {
		return nil, ErrMiss
	}
	payload, err := s.read(key)
	// Another process may be writing this very entry; then it is whole in a moment.
	for _, wait := range []time.Duration{time.Millisecond, 10 * time.Millisecond} {
		var damaged *DamagedError
		if !errors.As(err, &damaged) {
			break
		}
		time.Sleep(wait)
		payload, err = s.read(key)
	}
	return payload, err
}

func (s *Store) read(key string) ([]byte, error) {
	id := actionID(key)
	entry, err := s.cache.Get(id)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrMiss
		}
		index := filepath.Join(s.dir, fmt.Sprintf("%02x", id[0]), fmt.Sprintf("%x-a", id))
		return nil, &DamagedError{Path: index, Reason: err}
	}
	path := s.cache.OutputFile(entry.OutputID)
	if entry.Size > maxEntry {
		return nil, &DamagedError{Path: path, Reason: fmt.Errorf("%d bytes; the limit is %d", entry.Size, maxEntry)}
	}
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) { // trimmed before its index file
			return nil, ErrMiss
		}
		return nil, &DamagedError{Path: path, Reason: err}
	}
	if info.Size() != entry.Size {
		return nil, &DamagedError{Path: path, Reason: fmt.Errorf("%d bytes where the index says %d", info.Size(), entry.Size)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &DamagedError{Path: path, Reason: err}
	}
	if sha256.Sum256(data) != entry.OutputID {
		return nil, &DamagedError{Path: path, Reason: errors.New("the content differs from the hash in its name")}
	}
	payload, err := decodeEntry(data, key)
	if err != nil {
		return nil, &DamagedError{Path: path, Reason: err}
	}
	return payload, nil
}
