package tensor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// npyFile lays out a .npy file by hand, so that the reader is not tested by its own writer alone.
func npyFile(major byte, header string, data []byte) []byte {
	out := append([]byte(npyMagic), major, 0)
	if major == 1 {
		out = binary.LittleEndian.AppendUint16(out, uint16(len(header)))
	} else {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(header)))
	}
	return append(append(out, header...), data...)
}

func safetensorsFile(header string, data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func readNpy(data []byte) (*Tensor, error) {
	return ReadNpy(bytes.NewReader(data), int64(len(data)))
}

func parse(data []byte) (*Safetensors, error) {
	return ParseSafetensors(bytes.NewReader(data), int64(len(data)))
}

func TestNpyRoundTrip(t *testing.T) {
	for _, dtype := range ugraph.DTypes() {
		for _, shape := range [][]int64{{}, {5}, {2, 3}, {2, 0, 3}, {1, 2, 3, 4}} {
			x := must(t)(Random(dtype, shape, 3, "x", Fill{}))
			var b bytes.Buffer
			if err := WriteNpy(&b, x); err != nil {
				t.Fatal(err)
			}
			if head := b.Len() - len(x.Data); dtype != ugraph.BF16 && dtype != ugraph.F8E4M3 && head%64 != 0 {
				t.Errorf("%v: data begin at %d, which is no multiple of 64", x, head)
			}
			y, err := readNpy(b.Bytes())
			if err != nil {
				t.Fatalf("%v: %v", x, err)
			}
			want := dtype
			if dtype == ugraph.BF16 || dtype == ugraph.F8E4M3 {
				want = ugraph.F32
			}
			if y.DType != want || !slices.Equal(y.Shape, shape) || !slices.Equal(x.Float64s(), y.Float64s()) {
				t.Errorf("%v comes back as %v", x, y)
			}
		}
	}
}

func TestNpyForms(t *testing.T) {
	six := []byte{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		name string
		file []byte
		want []float64
	}{
		{"version 1", npyFile(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }  \n", six), []float64{1, 2, 3, 4, 5, 6}},
		{"version 2", npyFile(2, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}", six), []float64{1, 2, 3, 4, 5, 6}},
		{"version 3", npyFile(3, `{"shape": (6,), "descr": "|u1", "fortran_order": False}`, six), []float64{1, 2, 3, 4, 5, 6}},
		{"column-major", npyFile(1, "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3)}", six), []float64{1, 3, 5, 2, 4, 6}},
		{"column-major, three axes", npyFile(1, "{'descr': '|i1', 'fortran_order': True, 'shape': (1, 3, 2)}", six), []float64{1, 4, 2, 5, 3, 6}},
		{"big-endian", npyFile(1, "{'descr': '>i4', 'fortran_order': False, 'shape': (1L,)}", []byte{0, 0, 1, 2}), []float64{258}},
		{"scalar", npyFile(1, "{'descr': '<f2', 'fortran_order': False, 'shape': ()}", []byte{0, 0x3e}), []float64{1.5}},
		{"bool", npyFile(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", []byte{0, 7}), []float64{0, 1}},
	} {
		x, err := readNpy(c.file)
		if err != nil || !slices.Equal(x.Float64s(), c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, x, err, c.want)
		}
	}
}

// badNpy are files that are refused, each with a part of the message.
var badNpy = []struct {
	name string
	file []byte
	want string
}{
	{"empty", nil, "no .npy file"},
	{"other magic", []byte("\x89PNG\r\n\x1a\n        "), "no .npy file"},
	{"version", npyFile(9, "{}", nil), "format version 9"},
	{"cut in the length", []byte(npyMagic + "\x02\x00\x10"), "inside the header's length"},
	{"cut in the header", npyFile(1, "{'descr': '<f4'", nil)[:15], "inside the header of"},
	{"long header", npyFile(2, "", nil)[:8:8], "inside the header's length"},
	{"header length", []byte(npyMagic + "\x02\x00\xff\xff\xff\xff"), "the limit is"},
	{"no dictionary", npyFile(1, "[1, 2]", nil), `expected "{"`},
	{"keys missing", npyFile(1, "{'descr': '<f4'}", nil), "must all be there"},
	{"key twice", npyFile(1, "{'descr': '<f4', 'descr': '<f4'}", nil), "twice"},
	{"unknown key", npyFile(1, "{'descr': '<f4', 'order': False}", nil), "unknown key"},
	{"open string", npyFile(1, "{'descr", nil), "not closed"},
	{"record type", npyFile(1, "{'descr': [('a', '<f4')], ", nil), "record types"},
	{"complex", npyFile(1, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", make([]byte, 8)), "not supported"},
	{"no type", npyFile(1, "{'descr': '', 'fortran_order': False, 'shape': (1,)}", make([]byte, 8)), "not supported"},
	{"negative extent", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", nil), "expected an extent"},
	{"huge extent", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", nil), "expected an extent"},
	{"overflow", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", nil), "2⁶² bytes"},
	{"more than the file", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}", make([]byte, 8)), "the file has 8"},
	{"less than the file", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", make([]byte, 8)), "takes 4 bytes"},
	{"text after", npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", make([]byte, 4)), "after the dictionary"},
}

func TestBadNpy(t *testing.T) {
	for _, c := range badNpy {
		if _, err := readNpy(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// goodSafetensors has every kind of entry, in another order than their data.
var goodSafetensors = safetensorsFile(
	`{"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]},"__metadata__":{"format":"pt"},`+
		`"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},`+
		`"x":{"dtype":"U16","shape":[1],"data_offsets":[12,14]},"m":{"dtype":"BOOL","shape":[],"data_offsets":[14,15]}}   `,
	[]byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0x80, 0x3f, 0, 0x40, 1, 2, 5})

func TestSafetensors(t *testing.T) {
	s, err := parse(goodSafetensors)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float64{"a": {1, -2}, "b": {1, 2}, "e": {}, "m": {1}} {
		x, err := s.Read(name)
		if err != nil || !slices.Equal(x.Float64s(), want) {
			t.Errorf("%s: got %v, %v, want %v", name, x, err, want)
		}
	}
	var order []string
	for _, e := range s.Entries() {
		order = append(order, e.Name)
	}
	if !slices.Equal(order, []string{"a", "e", "b", "x", "m"}) || s.Metadata["format"] != "pt" {
		t.Error(order, s.Metadata)
	}
	if e, ok := s.Entry("b"); !ok || e.Bytes != 4 || e.DType != ugraph.BF16 || e.Offset != int64(len(goodSafetensors)-7) {
		t.Errorf("%+v", e)
	}
	for name, want := range map[string]string{"x": "U16, which is not supported", "none": `no tensor "none"; the file has "a", "e"`} {
		if _, err := s.Read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func entryJSON(dtype, shape, offsets string) string {
	return fmt.Sprintf(`"t":{"dtype":%q,"shape":%s,"data_offsets":%s}`, dtype, shape, offsets)
}

// badSafetensors are files that are refused, each with a part of the message.
var badSafetensors = []struct {
	name string
	file []byte
	want string
}{
	{"empty", nil, "too few"},
	{"length only", make([]byte, 8), "not a JSON object"},
	{"header beyond the file", []byte("\x40\x00\x00\x00\x00\x00\x00\x00{}"), "ends after 2"},
	{"header beyond the limit", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "the limit is"},
	{"not JSON", safetensorsFile("}{", nil), "not a JSON object"},
	{"an array", safetensorsFile("[]", nil), "not a JSON object"},
	{"JSON cut off", safetensorsFile(`{"t":`, nil), "EOF"},
	{"object not closed", safetensorsFile(`{`, nil), "bad JSON"},
	{"more after the object", safetensorsFile(`{} {}`, nil), "goes on after"},
	{"tensor twice", safetensorsFile("{"+entryJSON("U8", "[1]", "[0,1]")+","+entryJSON("U8", "[1]", "[1,2]")+"}", make([]byte, 2)), "twice"},
	{"metadata twice", safetensorsFile(`{"__metadata__":{},"__metadata__":{}}`, nil), "twice"},
	{"metadata of numbers", safetensorsFile(`{"__metadata__":{"a":1}}`, nil), "__metadata__"},
	{"no offsets", safetensorsFile(`{"t":{"dtype":"U8","shape":[1]}}`, make([]byte, 1)), "data_offsets"},
	{"one offset", safetensorsFile("{"+entryJSON("U8", "[1]", "[0]")+"}", make([]byte, 1)), "data_offsets"},
	{"unknown type", safetensorsFile("{"+entryJSON("F7", "[1]", "[0,1]")+"}", make([]byte, 1)), "unknown element type"},
	{"fractional extent", safetensorsFile("{"+entryJSON("U8", "[1.5]", "[0,1]")+"}", make([]byte, 1)), "is not in its place"},
	{"negative extent", safetensorsFile("{"+entryJSON("U8", "[-1]", "[0,1]")+"}", make([]byte, 1)), "negative"},
	{"overflow", safetensorsFile("{"+entryJSON("F32", "[4294967296,4294967296]", "[0,0]")+"}", nil), "F32[4294967296 4294967296] has 2⁶² bytes"},
	{"offsets reversed", safetensorsFile("{"+entryJSON("U8", "[1]", "[2,1]")+"}", make([]byte, 2)), "no range"},
	{"offset overflow", safetensorsFile("{"+entryJSON("U8", "[1]", "[9223372036854775806,9223372036854775807]")+"}", make([]byte, 1)), "cuts off"},
	{"offsets and shape differ", safetensorsFile("{"+entryJSON("F32", "[2]", "[0,4]")+"}", make([]byte, 4)), "takes 8 bytes"},
	{"truncated", safetensorsFile("{"+entryJSON("F32", "[2]", "[0,8]")+"}", make([]byte, 7)), "truncated"},
	{"overlap", safetensorsFile(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},`+entryJSON("U8", "[2]", "[1,3]")+"}", make([]byte, 3)), "overlap"},
	{"hole", safetensorsFile(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},`+entryJSON("U8", "[1]", "[2,3]")+"}", make([]byte, 3)), "no tensor"},
	{"data after the last", safetensorsFile("{"+entryJSON("U8", "[1]", "[0,1]")+"}", make([]byte, 2)), "at the end of the file"},
}

func TestBadSafetensors(t *testing.T) {
	for _, c := range badSafetensors {
		if _, err := parse(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	one := safetensorsFile("{"+entryJSON("U8", "[1]", "[0,1]")+"}", []byte{3})
	var npy bytes.Buffer
	if err := WriteNpy(&npy, must(t)(FromFloat64(ugraph.F16, []int64{1}, []float64{3}))); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"x.npy": npy.Bytes(), "many.safetensors": goodSafetensors, "one.safetensors": one, "a#b.safetensors": one, "text.txt": nil} {
		if err := os.WriteFile(at(name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("folder.npy"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ spec, want string }{
		{"x.npy", ""},
		{"one.safetensors", ""},
		{"one.safetensors#t", ""},
		{"a#b.safetensors", ""},
		{"x.npy#t", "leave out #t"},
		{"many.safetensors", `name a tensor with #NAME; the file has "a"`},
		{"many.safetensors#q", `many.safetensors: safetensors: no tensor "q"`},
		{"gone.npy", "no such file"},
		{"gone.safetensors#t", "no such file"},
		{"text.txt", "expected FILE.npy"},
		{"folder.npy", "directory"},
	} {
		x, err := Load(at(c.spec))
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.spec, err, c.want)
		case c.want == "" && err != nil:
			t.Error(err)
		case c.want == "" && x.Float64At(0) != 3:
			t.Errorf("%s: got %v", c.spec, x.Float64At(0))
		}
	}
}

func FuzzNpy(f *testing.F) {
	for _, c := range badNpy {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := readNpy(data)
		if err != nil {
			return
		}
		if err := x.Check(); err != nil || len(x.Data) > len(data) {
			t.Fatalf("%v from %d bytes: %v", x, len(data), err)
		}
		var b bytes.Buffer
		if err := WriteNpy(&b, x); err != nil {
			t.Fatal(err)
		}
		y, err := readNpy(b.Bytes())
		if err != nil || y.DType != x.DType || !slices.Equal(x.Shape, y.Shape) || !bytes.Equal(x.Data, y.Data) {
			t.Fatalf("%v is written and read as %v: %v", x, y, err)
		}
	})
}

func FuzzSafetensors(f *testing.F) {
	f.Add(goodSafetensors)
	for _, c := range badSafetensors {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data)
		if err != nil {
			return
		}
		total := int64(0)
		for _, e := range s.Entries() {
			total += e.Bytes
			x, err := s.Read(e.Name)
			if (err == nil) != (e.DType != ugraph.Invalid) {
				t.Fatalf("%+v: %v", e, err)
			}
			if err == nil && (x.Check() != nil || int64(len(x.Data)) != e.Bytes) {
				t.Fatalf("%+v is read as %v", e, x)
			}
		}
		if total > int64(len(data)) {
			t.Fatalf("%d bytes of tensors in %d bytes of file", total, len(data))
		}
	})
}
