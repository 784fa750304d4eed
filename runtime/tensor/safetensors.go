package tensor

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// safetensorsHeaderLimit is the format's own bound on the header.
const safetensorsHeaderLimit = 100_000_000

// safetensorsTypes lists the format's element types. Those without one of ours may stand in a file,
// where they are measured but cannot be read.
var safetensorsTypes = []struct {
	name  string
	size  int64
	dtype ugraph.DType
}{
	{"F64", 8, ugraph.F64},
	{"F32", 4, ugraph.F32},
	{"F16", 2, ugraph.F16},
	{"BF16", 2, ugraph.BF16},
	{"F8_E4M3", 1, ugraph.F8E4M3},
	{"I64", 8, ugraph.I64},
	{"I32", 4, ugraph.I32},
	{"I8", 1, ugraph.I8},
	{"U8", 1, ugraph.U8},
	{"BOOL", 1, ugraph.Bool},
	{"F8_E5M2", 1, ugraph.Invalid},
	{"I16", 2, ugraph.Invalid},
	{"U16", 2, ugraph.Invalid},
	{"U32", 4, ugraph.Invalid},
	{"U64", 8, ugraph.Invalid},
	{"C64", 8, ugraph.Invalid},
}

// Entry describes one tensor of a safetensors file.
type Entry struct {
	Name   string
	Type   string       // the file's name of the element type, such as F8_E5M2
	DType  ugraph.DType // Invalid where the language has no such type
	Shape  []int64
	Offset int64 // of the first byte, from the beginning of the file
	Bytes  int64
}

// Safetensors is an open safetensors file; its header has been checked. Reading tensors from
// several goroutines is safe if the reader's ReadAt is.
type Safetensors struct {
	Metadata map[string]string // the header's __metadata__
	entries  []Entry           // in the order of their offsets
	index    map[string]int
	data     io.ReaderAt
}

// ParseSafetensors reads and checks the header of a safetensors file of size bytes: an 8-byte
// little-endian length, that many bytes of JSON, then the tensors' data, row-major and
// little-endian (github.com/huggingface/safetensors, "Format"). Tensors must lie inside the file
// and cover the data without overlap or hole, as the format demands. No tensor is read yet, and
// nothing larger than the file's own header is allocated.
func ParseSafetensors(r io.ReaderAt, size int64) (*Safetensors, error) {
	s, err := parseSafetensors(r, size)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return s, nil
}

func parseSafetensors(r io.ReaderAt, size int64) (*Safetensors, error) {
	var field [8]byte
	if size < 8 {
		return nil, fmt.Errorf("the file has %d bytes, too few for a header's length", size)
	}
	if err := readFullAt(r, field[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(field[:])
	switch {
	case length > safetensorsHeaderLimit:
		return nil, fmt.Errorf("a header of %d bytes (the limit is %d): no safetensors file?", length, safetensorsHeaderLimit)
	case int64(length) > size-8:
		return nil, fmt.Errorf("the header has %d bytes, but the file ends after %d of them", length, size-8)
	}
	header := make([]byte, length)
	if err := readFullAt(r, header, 8); err != nil {
		return nil, err
	}
	s := &Safetensors{data: r}
	if err := s.parseHeader(header); err != nil {
		return nil, err
	}
	return s, s.place(8+int64(length), size)
}

func readFullAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err)
}

// rawEntry is an entry of the header's JSON.
type rawEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets *[]int64 `json:"data_offsets"`
}

// parseHeader fills entries with offsets that count from the beginning of the data.
func (s *Safetensors) parseHeader(header []byte) error {
	dec := json.NewDecoder(bytes.NewReader(header))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the header is not a JSON object")
	}
	s.index = map[string]int{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return fmt.Errorf("bad JSON in the header: %w", err)
		}
		name := t.(string) // the keys of an object are strings, or Token fails
		if name == "__metadata__" {
			if s.Metadata != nil {
				return errors.New("__metadata__ stands twice in the header")
			}
			if err := dec.Decode(&s.Metadata); err != nil {
				return fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		var raw rawEntry
		if err := dec.Decode(&raw); err != nil {
			var typed *json.UnmarshalTypeError
			if errors.As(err, &typed) {
				return fmt.Errorf("tensor %q: a JSON %s is not in its place; an entry is {\"dtype\": …, \"shape\": […], \"data_offsets\": [begin, end]}", name, typed.Value)
			}
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		if _, twice := s.index[name]; twice {
			return fmt.Errorf("tensor %q stands twice in the header", name)
		}
		entry, err := checkEntry(name, raw)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		s.index[name] = len(s.entries)
		s.entries = append(s.entries, entry)
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("bad JSON in the header: %w", err)
	}
	if rest := header[dec.InputOffset():]; len(bytes.Trim(rest, " \t\r\n\x00")) > 0 {
		return errors.New("the header goes on after its JSON object")
	}
	return nil
}

func checkEntry(name string, raw rawEntry) (Entry, error) {
	if raw.Shape == nil || raw.Offsets == nil || len(*raw.Offsets) != 2 {
		return Entry{}, errors.New("needs dtype, shape and a pair of data_offsets")
	}
	e := Entry{Name: name, Type: raw.DType, Shape: raw.Shape}
	var size int64
	for _, row := range safetensorsTypes {
		if row.name == raw.DType {
			size, e.DType = row.size, row.dtype
		}
	}
	if size == 0 {
		return Entry{}, fmt.Errorf("unknown element type %q", raw.DType)
	}
	n, err := elements(raw.DType, size, raw.Shape)
	if err != nil {
		return Entry{}, err
	}
	begin, end := (*raw.Offsets)[0], (*raw.Offsets)[1]
	if begin < 0 || end < begin {
		return Entry{}, fmt.Errorf("data_offsets [%d, %d] are no range", begin, end)
	}
	if end-begin != n*size {
		return Entry{}, fmt.Errorf("%s%v takes %d bytes, its data_offsets span %d", raw.DType, raw.Shape, n*size, end-begin)
	}
	e.Offset, e.Bytes = begin, end-begin
	return e, nil
}

// place sorts the entries by offset, demands that they tile the data, from start to the file's end
// at size, and makes their offsets count from the beginning of the file.
func (s *Safetensors) place(start, size int64) error {
	slices.SortFunc(s.entries, func(a, b Entry) int {
		switch {
		case a.Offset != b.Offset:
			return cmp.Compare(a.Offset, b.Offset)
		case a.Bytes != b.Bytes:
			return cmp.Compare(a.Bytes, b.Bytes) // an empty tensor before the one at its place
		}
		return strings.Compare(a.Name, b.Name)
	})
	var at int64
	for i := range s.entries {
		e := &s.entries[i]
		switch {
		case e.Bytes > size-start-e.Offset: // no overflow: all three are at least 0
			return fmt.Errorf("tensor %q ends at byte %d of the data, which the file cuts off at %d (a truncated download?)",
				e.Name, e.Offset+e.Bytes, size-start)
		case e.Offset < at:
			return fmt.Errorf("tensors %q and %q overlap", s.entries[i-1].Name, e.Name)
		case e.Offset > at:
			return fmt.Errorf("%d bytes before tensor %q belong to no tensor", e.Offset-at, e.Name)
		}
		at += e.Bytes
		e.Offset += start
		s.index[e.Name] = i
	}
	if at != size-start {
		return fmt.Errorf("%d bytes at the end of the file belong to no tensor", size-start-at)
	}
	return nil
}

// Entries lists the tensors in the order of their data.
func (s *Safetensors) Entries() []Entry { return s.entries }

// Entry returns the description of one tensor.
func (s *Safetensors) Entry(name string) (Entry, bool) {
	i, ok := s.index[name]
	if !ok {
		return Entry{}, false
	}
	return s.entries[i], true
}

// Read reads one tensor. An unknown name is an error that lists the first names of the file; an
// element type that the language lacks is an error too.
func (s *Safetensors) Read(name string) (*Tensor, error) {
	e, ok := s.Entry(name)
	if !ok {
		return nil, fmt.Errorf("safetensors: no tensor %q; the file has %s", name, s.names())
	}
	if e.DType == ugraph.Invalid {
		return nil, fmt.Errorf("safetensors: tensor %q has element type %s, which is not supported", name, e.Type)
	}
	t, err := New(e.DType, e.Shape...)
	if err != nil {
		return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
	}
	if err := readFullAt(s.data, t.Data, e.Offset); err != nil {
		return nil, fmt.Errorf("safetensors: tensor %q: %w", name, err)
	}
	if e.DType == ugraph.Bool {
		normaliseBools(t.Data)
	}
	return t, nil
}

// names lists the file's tensors for a message, at most eight of them.
func (s *Safetensors) names() string {
	if len(s.entries) == 0 {
		return "none"
	}
	const most = 8
	var names []string
	for _, e := range s.entries[:min(most, len(s.entries))] {
		names = append(names, fmt.Sprintf("%q", e.Name))
	}
	list := strings.Join(names, ", ")
	if more := len(s.entries) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// Load reads a tensor from a file as the command line names it: FILE.npy, or
// FILE.safetensors#TENSOR, where #TENSOR may be left out if the file has just one. A file whose
// own name has a # in it is found as it is. Errors name the file.
func Load(spec string) (*Tensor, error) {
	path, name, named := spec, "", false
	if _, err := os.Stat(spec); err != nil {
		path, name, named = strings.Cut(spec, "#")
	}
	if strings.HasSuffix(path, ".npy") {
		if named {
			return nil, fmt.Errorf("%s: a .npy file has one tensor; leave out #%s", path, name)
		}
		return ReadNpyFile(path)
	}
	if !strings.HasSuffix(path, ".safetensors") {
		return nil, fmt.Errorf("%s: expected FILE.npy or FILE.safetensors#TENSOR", spec)
	}
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := ParseSafetensors(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !named {
		if len(s.entries) != 1 {
			return nil, fmt.Errorf("%s: name a tensor with #NAME; the file has %s", path, s.names())
		}
		name = s.entries[0].Name
	}
	t, err := s.Read(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
