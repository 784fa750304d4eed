package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"

	"github.com/morgana-ml/morgana/ugraph"
)

// elementTypes are ONNX's element types (TensorProto.DataType) and the language's.
var elementTypes = map[int64]ugraph.DType{
	1: ugraph.F32, 2: ugraph.U8, 3: ugraph.I8, 6: ugraph.I32, 7: ugraph.I64, 9: ugraph.Bool, 10: ugraph.F16, 11: ugraph.F64, 16: ugraph.BF16, 17: ugraph.F8E4M3,
}

var elementNames = []string{"undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double", "uint32", "uint64",
	"complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0"}

// elementType returns the language's name for an element type of ONNX.
func elementType(onnx int64) (ugraph.DType, error) {
	if dt, ok := elementTypes[onnx]; ok {
		return dt, nil
	}
	if onnx >= 0 && onnx < int64(len(elementNames)) {
		return ugraph.Invalid, fmt.Errorf("element type %s has no form in .ug", elementNames[onnx])
	}
	return ugraph.Invalid, fmt.Errorf("element type %d is not known", onnx)
}

// Weight is a tensor of the file that a program takes as a const input: an initializer, or a constant
// of more than one element.
type Weight struct {
	Name  string // of the programs' input
	DType ugraph.DType
	Shape []int64

	proto *tensorProto
	ints  []int64 // instead of proto
	nums  []float64
	from  *source
}

// source is where tensors' external data are read from.
type source struct{ folder fs.FS }

// Bytes returns the elements in row-major order, little-endian; bool is a byte.
func (w *Weight) Bytes() ([]byte, error) {
	if w.proto == nil {
		return encode(w.DType, w.ints, w.nums)
	}
	b, err := w.from.bytes(w.proto, w.DType)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", w.proto.name, err)
	}
	return b, nil
}

// shapeOf checks a tensor's dimensions and returns them with the number of elements.
func (t *tensorProto) shapeOf() ([]int64, int64, error) {
	n := int64(1)
	for _, d := range t.dims {
		if d < 0 {
			return nil, 0, fmt.Errorf("a negative dimension %d", d)
		}
		if d > 0 && n > math.MaxInt64/16/d {
			return nil, 0, fmt.Errorf("dims %v are beyond 2^59 elements", t.dims)
		}
		n *= d
	}
	return append([]int64{}, t.dims...), n, nil
}

// check compares the data with the element type and shape, without reading what lies outside the file.
func (s *source) check(t *tensorProto) (ugraph.DType, []int64, error) {
	dt, err := elementType(t.dataType)
	if err != nil {
		return 0, nil, err
	}
	shape, n, err := t.shapeOf()
	if err != nil {
		return 0, nil, err
	}
	if t.segment || t.strings > 0 || t.uint64s > 0 {
		return 0, nil, fmt.Errorf("its data are segments, strings or unsigned 64-bit integers")
	}
	if t.location == 1 || t.external != nil {
		_, _, f, err := s.open(t, n*dt.Size())
		if err != nil {
			return 0, nil, err
		}
		return dt, shape, f.Close()
	}
	have, what := int64(0), "elements"
	switch {
	case t.hasRaw:
		have, what, n = int64(len(t.raw)), "bytes", n*dt.Size()
	case dt == ugraph.F32:
		have = int64(len(t.floats))
	case dt == ugraph.F64:
		have = int64(len(t.doubles))
	case dt == ugraph.I64:
		have = int64(len(t.int64s))
	default:
		have = int64(len(t.int32s))
	}
	if have != n {
		return 0, nil, fmt.Errorf("%s of shape %v needs %d %s, the file has %d", dt, shape, n, what, have)
	}
	return dt, shape, nil
}

// open opens a tensor's external data: a file beside the model, never outside its folder.
func (s *source) open(t *tensorProto, size int64) (offset, length int64, f fs.File, err error) {
	name := t.external["location"]
	if s.folder == nil {
		return 0, 0, nil, fmt.Errorf("its data lie in another file (%q), and none may be read here", name)
	}
	if !fs.ValidPath(name) || name == "." {
		return 0, 0, nil, fmt.Errorf("its data lie in %q, which is no path below the model's folder", name)
	}
	number := func(key string, absent int64) (int64, error) {
		v, ok := t.external[key]
		if !ok {
			return absent, nil
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("external data: %s is %q, not a number of bytes", key, v)
		}
		return n, nil
	}
	if offset, err = number("offset", 0); err != nil {
		return 0, 0, nil, err
	}
	if length, err = number("length", size); err != nil {
		return 0, 0, nil, err
	}
	if length != size {
		return 0, 0, nil, fmt.Errorf("external data: %d bytes, but its shape and type need %d", length, size)
	}
	if f, err = s.folder.Open(name); err != nil {
		return 0, 0, nil, fmt.Errorf("external data: %w", err)
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || offset > info.Size() || length > info.Size()-offset) {
		err = fmt.Errorf("external data: %s has %d bytes; %d from %d on do not lie in it", name, info.Size(), length, offset)
	}
	if err != nil {
		f.Close()
		return 0, 0, nil, err
	}
	return offset, length, f, nil
}

// bytes returns a checked tensor's elements.
func (s *source) bytes(t *tensorProto, dt ugraph.DType) ([]byte, error) {
	switch {
	case t.location == 1 || t.external != nil:
		_, n, err := t.shapeOf()
		if err != nil {
			return nil, err
		}
		offset, length, f, err := s.open(t, n*dt.Size())
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r, ok := f.(io.ReaderAt)
		if !ok {
			return nil, fmt.Errorf("external data: %q cannot be read at an offset", t.external["location"])
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(io.NewSectionReader(r, offset, length), b); err != nil {
			return nil, fmt.Errorf("external data: %w", err)
		}
		return b, nil
	case t.hasRaw:
		return t.raw, nil
	}
	var b []byte
	for _, v := range t.floats {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	for _, v := range t.doubles {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range t.int64s {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	for _, v := range t.int32s { // the narrow types' bits
		switch dt.Size() {
		case 1:
			b = append(b, byte(v))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		default:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
	}
	return b, nil
}
