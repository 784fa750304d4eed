package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is what a field holds, and so which wire types it may have.
type kind uint8

const (
	varint  kind = iota + 1 // one integer, or several packed
	fixed32                 // one float, or several packed
	fixed64                 // one double, or several packed
	utf8                    // text
	octets                  // bytes, aliasing the file
	message                 // a message in bytes
)

// field is a row of a message's table: which field of the wire format sets what.
type field[M any] struct {
	num  protowire.Number
	name string
	kind kind
	set  func(d *decoder, m *M, v content) error
}

// content is one element of a field: number holds integers and the bits of floats, data text, bytes and
// messages.
type content struct {
	number uint64
	data   []byte
}

func (c content) int() int64      { return int64(c.number) }
func (c content) float() float32  { return math.Float32frombits(uint32(c.number)) }
func (c content) double() float64 { return math.Float64frombits(c.number) }
func (c content) string() string  { return string(c.data) }

// maxDepth bounds how deep messages nest: graphs lie in attributes of nodes of graphs.
const maxDepth = 64

// decoder decodes one file.
type decoder struct{ depth int }

// decode reads a message by its table. Fields that the table lacks are skipped; they may say nothing
// that changes what a model computes.
func decode[M any](d *decoder, b []byte, table []field[M], m *M) error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("messages nest deeper than %d", maxDepth)
	}
	defer func() { d.depth-- }()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("a damaged tag: %w", protowire.ParseError(n))
		}
		b = b[n:]
		var row *field[M]
		for i := range table {
			if table[i].num == num {
				row = &table[i]
			}
		}
		if row == nil {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
			}
			b = b[n:]
			continue
		}
		n, err := row.consume(d, m, typ, b)
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		b = b[n:]
	}
	return nil
}

// consume reads one occurrence of the field and returns its length.
func (f *field[M]) consume(d *decoder, m *M, typ protowire.Type, b []byte) (int, error) {
	if typ == protowire.BytesType {
		data, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		if f.kind >= utf8 {
			return n, f.set(d, m, content{data: data})
		}
		for len(data) > 0 {
			v, k, err := f.kind.number(data)
			if err != nil {
				return 0, err
			}
			if err := f.set(d, m, content{number: v}); err != nil {
				return 0, err
			}
			data = data[k:]
		}
		return n, nil
	}
	if want, ok := wireTypes[f.kind]; !ok || want != typ {
		return 0, fmt.Errorf("wire type %d does not fit the field", typ)
	}
	v, n, err := f.kind.number(b)
	if err != nil {
		return 0, err
	}
	return n, f.set(d, m, content{number: v})
}

var wireTypes = map[kind]protowire.Type{varint: protowire.VarintType, fixed32: protowire.Fixed32Type, fixed64: protowire.Fixed64Type}

// number reads one number.
func (k kind) number(b []byte) (v uint64, n int, err error) {
	switch k {
	case varint:
		v, n = protowire.ConsumeVarint(b)
	case fixed32:
		var w uint32
		w, n = protowire.ConsumeFixed32(b)
		v = uint64(w)
	case fixed64:
		v, n = protowire.ConsumeFixed64(b)
	}
	if n < 0 {
		return 0, 0, protowire.ParseError(n)
	}
	return v, n, nil
}
