package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// npyMagic opens every .npy file (NumPy enhancement proposal 1; numpy.lib.format).
const npyMagic = "\x93NUMPY"

// npyHeaderLimit bounds the header: NumPy itself refuses more than 10 000 bytes unless told so.
const npyHeaderLimit = 1 << 16

// npyTypes maps the kind and size of a NumPy type to ours. Signed integers of two bytes, unsigned
// ones of more than one, complex numbers, strings and records have no counterpart.
var npyTypes = []struct {
	code  string
	dtype ugraph.DType
}{
	{"f8", ugraph.F64},
	{"f4", ugraph.F32},
	{"f2", ugraph.F16},
	{"i8", ugraph.I64},
	{"i4", ugraph.I32},
	{"i1", ugraph.I8},
	{"u1", ugraph.U8},
	{"b1", ugraph.Bool},
}

// npyHeader is what the header's Python dictionary says.
type npyHeader struct {
	descr   string
	fortran bool
	shape   []int64
}

// ReadNpy reads an array in NumPy's .npy format (versions 1 to 3, C or Fortran order, either byte
// order) from r, which holds size bytes. Types: f2 f4 f8 i1 i4 i8 u1 bool. The result is
// row-major. Errors: another type, a malformed header, and data that are shorter or longer than the
// shape needs; nothing is allocated before the sizes agree.
func ReadNpy(r io.Reader, size int64) (*Tensor, error) {
	header, used, err := readNpyHeader(r)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	dtype, swapped, err := parseNpyType(header.descr)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	n, err := Elements(dtype, header.shape)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if want, have := n*dtype.Size(), size-used; want != have {
		return nil, fmt.Errorf("npy: %v%v takes %d bytes of data, the file has %d", dtype, header.shape, want, have)
	}
	t, err := New(dtype, header.shape...)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if _, err := io.ReadFull(r, t.Data); err != nil {
		return nil, fmt.Errorf("npy: reading the data: %w", err)
	}
	if swapped {
		for at := range slices.Chunk(t.Data, int(dtype.Size())) {
			slices.Reverse(at)
		}
	}
	if dtype == ugraph.Bool {
		normaliseBools(t.Data)
	}
	if header.fortran {
		t = fromFortran(t)
	}
	return t, nil
}

func readNpyHeader(r io.Reader) (header npyHeader, used int64, err error) {
	start := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(npyMagic)]) != npyMagic {
		return header, 0, errors.New("the file does not begin with \\x93NUMPY, so it is no .npy file")
	}
	major := start[len(npyMagic)]
	width := 2
	switch major {
	case 1:
	case 2, 3:
		width = 4
	default:
		return header, 0, fmt.Errorf("format version %d is unknown (1, 2 and 3 are read)", major)
	}
	field := make([]byte, 4)
	if _, err := io.ReadFull(r, field[:width]); err != nil {
		return header, 0, errors.New("the file ends inside the header's length")
	}
	length := binary.LittleEndian.Uint32(field)
	if length > npyHeaderLimit {
		return header, 0, fmt.Errorf("a header of %d bytes; the limit is %d", length, npyHeaderLimit)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return header, 0, fmt.Errorf("the file ends inside the header of %d bytes", length)
	}
	header, err = parseNpyHeader(string(text))
	return header, int64(len(start)+width) + int64(length), err
}

func parseNpyType(descr string) (dtype ugraph.DType, swapped bool, err error) {
	code := descr
	if code != "" && strings.ContainsRune("<>|=", rune(code[0])) {
		code = code[1:]
	}
	for _, row := range npyTypes {
		if code == row.code {
			return row.dtype, descr[0] == '>' && row.dtype.Size() > 1, nil
		}
	}
	codes := make([]string, len(npyTypes))
	for i, row := range npyTypes {
		codes[i] = row.code
	}
	return 0, false, fmt.Errorf("element type %q is not supported (%s are)", descr, strings.Join(codes, " "))
}

// normaliseBools makes every byte 0 or 1, as Tensor promises.
func normaliseBools(data []byte) {
	for i, b := range data {
		if b != 0 {
			data[i] = 1
		}
	}
}

// fromFortran returns the row-major form of t, whose elements lie in column-major order.
func fromFortran(t *Tensor) *Tensor {
	out := &Tensor{DType: t.DType, Shape: t.Shape, Data: make([]byte, len(t.Data))}
	size := int(t.DType.Size())
	index := make([]int64, len(t.Shape))
	stride := make([]int, len(t.Shape)) // of axis in the source, in elements
	step := 1
	for axis, extent := range t.Shape {
		stride[axis] = step
		step *= int(extent)
	}
	from := 0
	for to := 0; to < len(out.Data); to += size {
		copy(out.Data[to:to+size], t.Data[from*size:])
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			from += stride[axis]
			if index[axis] < t.Shape[axis] {
				break
			}
			from -= stride[axis] * int(index[axis])
			index[axis] = 0
		}
	}
	return out
}

// WriteNpy writes t as .npy, version 1.0, row-major, little-endian. bf16 and f8e4m3, which NumPy
// does not know, are written as f4; that loses nothing.
func WriteNpy(w io.Writer, t *Tensor) error {
	if err := t.Check(); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	if t.DType == ugraph.BF16 || t.DType == ugraph.F8E4M3 {
		wide, err := t.Convert(ugraph.F32)
		if err != nil {
			return fmt.Errorf("npy: %w", err)
		}
		t = wide
	}
	var descr string
	for _, row := range npyTypes {
		if row.dtype == t.DType {
			descr = row.code
		}
	}
	order := "<"
	if t.DType.Size() == 1 {
		order = "|"
	}
	var shape strings.Builder
	for _, extent := range t.Shape {
		fmt.Fprintf(&shape, "%d, ", extent)
	}
	dims := strings.TrimSuffix(shape.String(), " ") // Python writes (3,) but (3, 4)
	if len(t.Shape) > 1 {
		dims = strings.TrimSuffix(dims, ",")
	}
	text := fmt.Sprintf("{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }", order, descr, dims)
	const prefix = len(npyMagic) + 2 + 2
	text += strings.Repeat(" ", 63-(prefix+len(text))%64) + "\n" // data begin at a multiple of 64
	if len(text) > 1<<16-1 {
		return fmt.Errorf("npy: %d axes are too many for a header of version 1", len(t.Shape))
	}
	var head bytes.Buffer
	head.WriteString(npyMagic)
	head.Write([]byte{1, 0, byte(len(text)), byte(len(text) >> 8)})
	head.WriteString(text)
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	_, err := w.Write(t.Data)
	return err
}

// ReadNpyFile reads the .npy file at path; errors name it.
func ReadNpyFile(path string) (*Tensor, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := ReadNpy(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// openFile opens a file of tensors and gives its size; a folder is an error.
func openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a directory, not a file of tensors", path)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// parseNpyHeader reads the one Python literal that a header is: a dictionary with the keys descr (a
// string), fortran_order (True or False) and shape (a tuple of integers), each once.
func parseNpyHeader(text string) (npyHeader, error) {
	var h npyHeader
	p := &literal{rest: text}
	seen := map[string]bool{}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		key := p.str()
		p.expect(":")
		if seen[key] {
			p.fail("the key %q stands twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			h.descr = p.str()
		case "fortran_order":
			h.fortran = p.boolean()
		case "shape":
			h.shape = p.tuple()
		default:
			p.fail("unknown key %q", key)
		}
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	if p.err == nil && strings.Trim(p.rest, " \t\n\x00") != "" {
		p.fail("text after the dictionary")
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("descr, fortran_order and shape must all be there")
	}
	return h, p.err
}

// literal is a scanner for Python literals; the first error stays in err.
type literal struct {
	rest string
	err  error
}

func (p *literal) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("bad header: "+format, args...)
	}
}

func (p *literal) accept(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *literal) expect(token string) {
	if !p.accept(token) {
		p.fail("expected %q before %.20q", token, p.rest)
	}
}

func (p *literal) str() string {
	quote := "'"
	if !p.accept(quote) {
		quote = `"`
		if !p.accept(quote) {
			p.fail("expected a string before %.20q (record types are not supported)", p.rest)
			return ""
		}
	}
	s, rest, ok := strings.Cut(p.rest, quote)
	if !ok {
		p.fail("a string is not closed")
		return ""
	}
	p.rest = rest
	return s
}

func (p *literal) boolean() bool {
	if p.accept("True") {
		return true
	}
	if !p.accept("False") {
		p.fail("expected True or False before %.20q", p.rest)
	}
	return false
}

func (p *literal) tuple() []int64 {
	dims := []int64{}
	p.expect("(")
	for p.err == nil && !p.accept(")") {
		p.rest = strings.TrimLeft(p.rest, " \t\n")
		digits := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
		extent, err := strconv.ParseInt(p.rest[:digits], 10, 64)
		if err != nil {
			p.fail("expected an extent of at most 2⁶³−1 before %.20q", p.rest)
			break
		}
		p.rest = p.rest[digits:]
		p.accept("L") // Python 2 wrote long integers so
		dims = append(dims, extent)
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	return dims
}
