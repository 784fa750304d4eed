package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// format is the version of the entry's layout; an entry of another one is a miss.
const format = 1

// magic is an entry's first line.
const magic = "morgana store entry"

// maxEntry bounds what is read into memory for one entry, 256 MiB; a bundle takes far less.
const maxEntry = 256 << 20

// Key names one entry. All parts count; two keys are the same entry only if every part is equal.
type Key struct {
	Program string // structural hash of the program (edges, attributes, element types, bounds)
	Target  string // row of the target table, such as cpu:avx2
	Options string // the options that may change the result, in one canonical spelling
	Version string // version of what made the payload: a new search must not read an old one's results
}

// text is the key in its one spelling: a line per part, quoted, so that no part can imitate another.
func (k Key) text() string {
	return fmt.Sprintf("program=%q target=%q options=%q version=%q", k.Program, k.Target, k.Options, k.Version)
}

// encodeEntry lays out an entry: lines of header, an empty line, the payload.
//
//	morgana store entry
//	format 1
//	key program="…" target="…" options="…" version="…"
//	size 1234
//	sha256 9f86d0…
func encodeEntry(key string, payload []byte) []byte {
	sum := sha256.Sum256(payload)
	head := fmt.Sprintf("%s\nformat %d\nkey %s\nsize %d\nsha256 %x\n\n", magic, format, key, len(payload), sum)
	return append([]byte(head), payload...)
}

// decodeEntry returns the payload of an entry after checking everything that its header says. The
// payload shares data's memory.
func decodeEntry(data []byte, key string) ([]byte, error) {
	line := func(name string) (string, error) {
		text, rest, ok := bytes.Cut(data, []byte("\n"))
		value, named := strings.CutPrefix(string(text), name)
		if !ok || !named {
			return "", fmt.Errorf("no line %q where the header needs it", strings.TrimSpace(name))
		}
		data = rest
		return value, nil
	}
	if rest, err := line(magic); err != nil || rest != "" {
		return nil, errors.New("not an entry of Morgana's store")
	}
	version, err := line("format ")
	if err != nil {
		return nil, err
	}
	if version != strconv.Itoa(format) {
		return nil, fmt.Errorf("format %q; this program reads format %d", version, format)
	}
	echo, err := line("key ")
	if err != nil {
		return nil, err
	}
	if echo != key {
		return nil, fmt.Errorf("belongs to another key: %s", echo)
	}
	size, err := line("size ")
	if err != nil {
		return nil, err
	}
	sum, err := line("sha256 ")
	if err != nil {
		return nil, err
	}
	if rest, err := line(""); err != nil || rest != "" {
		return nil, errors.New("no empty line after the header")
	}
	if size != strconv.Itoa(len(data)) {
		return nil, fmt.Errorf("a payload of %d bytes where the header says %s", len(data), size)
	}
	if have := sha256.Sum256(data); sum != hex.EncodeToString(have[:]) {
		return nil, errors.New("the payload's SHA-256 differs from the header's")
	}
	return data, nil
}
