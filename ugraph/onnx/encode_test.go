package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A small encoder of ONNX models for tests, independent of the field tables that it tests.

func str(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func num(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

func msg(b []byte, n protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}

// ONNX's element types.
const (
	tFloat, tU8, tI8, tI32, tI64, tBool, tF16, tF64, tBF16 = 1, 2, 3, 6, 7, 9, 10, 11, 16
)

// value encodes a ValueInfoProto; a dimension is an int, a string (dim_param), or nil.
func value(name string, elem int64, dims ...any) []byte {
	var shape []byte
	for _, d := range dims {
		var dim []byte
		switch d := d.(type) {
		case int:
			dim = num(nil, 1, int64(d))
		case string:
			dim = str(nil, 2, d)
		}
		shape = msg(shape, 1, dim)
	}
	tensor := msg(num(nil, 1, elem), 2, shape)
	return msg(str(nil, 1, name), 2, msg(nil, 1, tensor))
}

// floats and ints encode a TensorProto with raw data.
func floats(name string, dims []int64, v ...float64) []byte {
	return rawTensor(name, tFloat, dims, rawBytes(v...))
}

func ints(name string, dims []int64, v ...int64) []byte {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return rawTensor(name, tI64, dims, raw)
}

func rawTensor(name string, elem int64, dims []int64, raw []byte) []byte {
	var b []byte
	for _, d := range dims {
		b = num(b, 1, d)
	}
	b = num(b, 2, elem)
	b = str(b, 8, name)
	return msg(b, 9, raw)
}

// attrs of a node by name.
type attrs map[string]any

func attr(name string, v any) []byte {
	b := str(nil, 1, name)
	switch v := v.(type) {
	case int:
		return num(num(b, 3, int64(v)), 20, 2)
	case float64:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(float32(v)))
		return num(b, 20, 1)
	case string:
		return num(str(b, 4, v), 20, 3)
	case []int64:
		for _, i := range v {
			b = num(b, 8, i)
		}
		return num(b, 20, 7)
	case []float64:
		for _, f := range v {
			b = protowire.AppendFixed32(protowire.AppendTag(b, 7, protowire.Fixed32Type), math.Float32bits(float32(f)))
		}
		return num(b, 20, 6)
	case []byte:
		return num(msg(b, 5, v), 20, 4)
	case graph:
		return num(msg(b, 6, v.encode()), 20, 5)
	}
	panic("an attribute of unknown kind")
}

// op is a node.
type op struct {
	typ     string
	in, out []string
	attrs   attrs
	domain  string
	name    string
}

func (o op) encode() []byte {
	var b []byte
	for _, s := range o.in {
		b = str(b, 1, s)
	}
	for _, s := range o.out {
		b = str(b, 2, s)
	}
	b = str(b, 3, o.name)
	b = str(b, 4, o.typ)
	for _, k := range sortedKeys(o.attrs) {
		b = msg(b, 5, attr(k, o.attrs[k]))
	}
	return str(b, 7, o.domain)
}

// graph is a graph in parts that are encoded already, but for its nodes.
type graph struct {
	nodes                         []op
	inputs, outputs, inits, infos [][]byte
}

func (g graph) encode() []byte {
	var b []byte
	for _, n := range g.nodes {
		b = msg(b, 1, n.encode())
	}
	b = str(b, 2, "main")
	for i, list := range [][][]byte{g.inits, g.inputs, g.outputs, g.infos} {
		for _, v := range list {
			b = msg(b, []protowire.Number{5, 11, 12, 13}[i], v)
		}
	}
	return b
}

// model wraps a graph for an operator set.
func (g graph) model(opset int64) []byte {
	b := num(nil, 1, 8)
	b = msg(b, 7, g.encode())
	return msg(b, 8, num(str(nil, 1, ""), 2, opset))
}

// rawBytes are floats, little-endian.
func rawBytes(v ...float64) []byte {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	return raw
}
