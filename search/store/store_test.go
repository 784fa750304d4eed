package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testKey = Key{Program: "a1b2", Target: "cpu:avx2", Options: "top=4", Version: "1"}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPutGet(t *testing.T) {
	s := open(t)
	if _, err := s.Get(testKey); err != ErrMiss {
		t.Fatalf("an empty store gives %v", err)
	}
	for _, payload := range []string{"first", "", "second\n\nwith lines"} {
		if err := s.Put(testKey, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(testKey); err != nil || string(got) != payload {
			t.Errorf("got %q, %v, want %q", got, err, payload)
		}
	}
	for _, other := range []Key{
		{"a1b3", "cpu:avx2", "top=4", "1"},
		{"a1b2", "cpu:generic", "top=4", "1"},
		{"a1b2", "cpu:avx2", "top=5", "1"},
		{"a1b2", "cpu:avx2", "top=4", "2"},
		{`a1b2" target="cpu:avx2`, "", "top=4", "1"},
	} {
		if _, err := s.Get(other); err != ErrMiss {
			t.Errorf("%v reads the entry of %v: %v", other, testKey, err)
		}
	}
}

func TestVerified(t *testing.T) {
	s := open(t)
	if ok, err := s.Verified("h"); ok || err != nil {
		t.Error(ok, err)
	}
	if err := s.MarkVerified("h"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := again.Verified("h"); !ok || err != nil {
		t.Error("a mark is forgotten:", ok, err)
	}
	if ok, _ := again.Verified("g"); ok {
		t.Error("another hash counts as verified")
	}
	damageAll(t, s.Dir(), "-d", func(data []byte) []byte { return data[:len(data)-1] })
	var damaged *DamagedError
	if ok, err := again.Verified("h"); ok || !errors.As(err, &damaged) {
		t.Error("a damaged mark counts:", ok, err)
	}
}

// damageAll rewrites the store's files whose names end in suffix.
func damageAll(t *testing.T, dir, suffix string, change func([]byte) []byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"+suffix))
	if err != nil || len(paths) == 0 {
		t.Fatal("no files to damage", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(data), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamageIsAMissWithAMessage(t *testing.T) {
	flip := func(data []byte) []byte {
		data[len(data)/2] ^= 1
		return data
	}
	for _, c := range []struct {
		name, suffix string
		change       func([]byte) []byte
	}{
		{"flipped bit in the data", "-d", flip},
		{"data cut off", "-d", func(data []byte) []byte { return data[:len(data)/2] }},
		{"data emptied", "-d", func([]byte) []byte { return nil }},
		{"data longer", "-d", func(data []byte) []byte { return append(data, 'x') }},
		{"index is something else", "-a", func([]byte) []byte { return []byte("hello") }},
		{"index emptied", "-a", func([]byte) []byte { return nil }},
		{"index of a huge file", "-a", func(data []byte) []byte {
			return bytes.Replace(data, []byte("                 "), []byte(" 9999999999999999"), 1)
		}},
	} {
		s := open(t)
		if err := s.Put(testKey, []byte("payload")); err != nil {
			t.Fatal(err)
		}
		damageAll(t, s.Dir(), c.suffix, c.change)
		_, err := s.Get(testKey)
		var damaged *DamagedError
		if !errors.Is(err, ErrMiss) || !errors.As(err, &damaged) || !strings.Contains(err.Error(), damaged.Path) {
			t.Errorf("%s: got %v, want a miss that names the file", c.name, err)
		}
		if err := s.Put(testKey, []byte("payload")); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, err := s.Get(testKey); err != nil || string(got) != "payload" {
			t.Errorf("%s: Put does not mend it: %q, %v", c.name, got, err)
		}
	}
}

// An index file that stands in another key's place must not pass that key's payload off.
func TestForeignEntryIsAMiss(t *testing.T) {
	s := open(t)
	other := Key{Program: "other"}
	if err := s.cache.PutBytes(actionID(testKey.text()), encodeEntry(other.text(), []byte("kernel of another program"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(testKey); !errors.Is(err, ErrMiss) || !strings.Contains(err.Error(), "belongs to another key") {
		t.Error(err)
	}
	if err := s.cache.PutBytes(actionID(testKey.text()), []byte("anything")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(testKey); !errors.Is(err, ErrMiss) || !strings.Contains(err.Error(), "not an entry") {
		t.Error(err)
	}
}

func TestDataFileGoneIsAPlainMiss(t *testing.T) {
	s := open(t)
	if err := s.Put(testKey, []byte("payload")); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(s.Dir(), "*", "*-d"))
	for _, path := range paths {
		os.Remove(path)
	}
	if _, err := s.Get(testKey); err != ErrMiss {
		t.Error(err)
	}
}

func TestNilStore(t *testing.T) {
	var s *Store
	if _, err := s.Get(testKey); err != ErrMiss {
		t.Error(err)
	}
	ok, err := s.Verified("h")
	if ok || err != nil || s.Put(testKey, nil) != nil || s.MarkVerified("h") != nil || s.Trim() != nil || s.Dir() != "" {
		t.Error("a nil store is not an empty one")
	}
}

func TestUnusableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(file); err == nil || s != nil {
		t.Error("a file is opened as a store")
	}
	s := open(t)
	for i := range 256 {
		sub := filepath.Join(s.Dir(), fmt.Sprintf("%02x", i))
		if err := errors.Join(os.Remove(sub), os.WriteFile(sub, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(testKey, []byte("x")); err == nil {
		t.Error("Put into a store that cannot be written is no error")
	}
	if _, err := s.Get(testKey); !errors.Is(err, ErrMiss) {
		t.Error(err)
	}
}

func TestDefaultDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	t.Setenv("MORGANA_CACHE", dir)
	s, err := Open("")
	if err != nil || s.Dir() != dir {
		t.Fatal(s.Dir(), err)
	}
}

func TestTrim(t *testing.T) {
	s := open(t)
	old, fresh := Key{Program: "old"}, Key{Program: "fresh"}
	if err := errors.Join(s.Put(old, []byte("1")), s.Put(fresh, []byte("2"))); err != nil {
		t.Fatal(err)
	}
	payload := encodeEntry(old.text(), []byte("1"))
	paths, _ := filepath.Glob(filepath.Join(s.Dir(), "*", "*-?"))
	weekAgo := time.Now().Add(-7 * 24 * time.Hour)
	id := fmt.Sprintf("%x-a", actionID(old.text()))
	for _, path := range paths {
		if data, err := os.ReadFile(path); err != nil || filepath.Base(path) == id || bytes.Equal(data, payload) {
			os.Chtimes(path, weekAgo, weekAgo)
		}
	}
	if err := os.Remove(filepath.Join(s.Dir(), "trim.txt")); err != nil { // as if a day had passed
		t.Fatal(err)
	}
	if err := s.Trim(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(old); err != ErrMiss {
		t.Error("an entry that nobody used for a week stays:", err)
	}
	if _, err := s.Get(fresh); err != nil {
		t.Error("a fresh entry is trimmed:", err)
	}
}

// workerDir makes the test binary a worker of TestProcessesShareAStore.
const workerDir = "MORGANA_TEST_STORE_WORKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerDir); dir != "" {
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work reads and writes the same few entries again and again; every payload that it reads must be
// whole and belong to its key.
func work(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	for round := range 40 {
		for k := range 8 {
			key := Key{Program: fmt.Sprint(k)}
			if got, err := s.Get(key); err != nil {
				if err != ErrMiss {
					return err
				}
			} else if !bytes.Equal(got, payloadOf(k)) {
				return fmt.Errorf("round %d: key %d has %d bytes that are not its own", round, k, len(got))
			}
			if err := s.Put(key, payloadOf(k)); err != nil {
				return err
			}
		}
	}
	return nil
}

func payloadOf(k int) []byte { return bytes.Repeat([]byte{byte('a' + k)}, 1000*(k+1)) }

func TestProcessesShareAStore(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var workers []*exec.Cmd
	var logs []*bytes.Buffer
	for range 4 {
		cmd, log := exec.Command(exe), new(bytes.Buffer)
		cmd.Env = append(os.Environ(), workerDir+"="+dir)
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		workers, logs = append(workers, cmd), append(logs, log)
	}
	for i, cmd := range workers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("worker %d: %v: %s", i, err, logs[i])
		}
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for k := range 8 {
		if got, err := s.Get(Key{Program: fmt.Sprint(k)}); err != nil || !bytes.Equal(got, payloadOf(k)) {
			t.Errorf("key %d: %d bytes, %v", k, len(got), err)
		}
	}
}

// badEntries are refused whatever their key.
var badEntries = []string{
	"",
	"morgana store entry",
	"morgana store entry\nformat 2\n",
	"morgana store entry\nformat 1\nkey k\nsize 1\nsha256 00\n\nx",
	"morgana store entry\nformat 1\nkey k\nsize 99999999999999999999\nsha256 00\n\nx",
	"morgana store entry\nformat 1\nkey other\nsize 0\nsha256 00\n\n",
	"morgana store entry\nformat 1\nkey k\nsize 0\nsha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx",
}

func TestBadEntries(t *testing.T) {
	for _, data := range badEntries {
		if got, err := decodeEntry([]byte(data), "k"); err == nil {
			t.Errorf("%q is read as %q", data, got)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(encodeEntry("k", []byte("payload")))
	for _, data := range badEntries {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := decodeEntry(data, "k")
		if err == nil && !bytes.Equal(encodeEntry("k", payload), data) {
			t.Fatalf("two entries for one payload: %q", data)
		}
	})
}
