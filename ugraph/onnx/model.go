package onnx

import "fmt"

// The messages of ONNX, as far as an import reads them, and their field tables. Numbers and meaning are
// those of onnx.proto (IR version 3 to 12).

type modelProto struct {
	irVersion int64
	graph     *graphProto
	opsets    []opsetProto
	functions []functionProto
}

type opsetProto struct {
	domain  string
	version int64
}

type graphProto struct {
	name         string
	nodes        []nodeProto
	initializers []tensorProto
	sparse       int
	inputs       []valueProto
	outputs      []valueProto
	values       []valueProto
}

type functionProto struct {
	domain, name, overload string
}

type nodeProto struct {
	name, opType, domain string
	inputs, outputs      []string
	attrs                []attrProto
}

type attrProto struct {
	name    string
	ref     string
	typ     int64
	f       float32
	i       int64
	s       string
	t       *tensorProto
	graphs  []*graphProto
	floats  []float32
	ints    []int64
	strings []string
	has     bool // anything but a name
}

type tensorProto struct {
	name     string
	dims     []int64
	dataType int64
	segment  bool
	floats   []float32
	int32s   []int32
	int64s   []int64
	doubles  []float64
	uint64s  int
	strings  int
	raw      []byte
	hasRaw   bool
	external map[string]string
	location int64
}

type valueProto struct {
	name   string
	typ    *typeProto
	absent bool
}

type typeProto struct {
	tensor *tensorTypeProto
	other  string // what it is, where it is no dense tensor
}

type tensorTypeProto struct {
	elem     int64
	hasShape bool
	dims     []dimProto
}

type dimProto struct {
	value    int64
	hasValue bool
	param    string
}

type entryProto struct{ key, value string }

// The limits that no model of a program needs and that keep a damaged file from asking for endless work.
const (
	maxNodes   = 1 << 17 // nodes of a graph
	maxRank    = 32      // axes of a tensor
	maxOutputs = 1 << 12 // outputs of a graph
	maxNames   = 1 << 17 // inputs or outputs of a node
)

// sub reads a message within a message.
func sub[M any](d *decoder, v content, table []field[M]) (*M, error) {
	m := new(M)
	return m, decode(d, v.data, table, m)
}

// each appends a message to a list.
func each[M any](d *decoder, v content, table []field[M], list *[]M, limit int) error {
	if len(*list) >= limit {
		return fmt.Errorf("more than %d", limit)
	}
	m, err := sub(d, v, table)
	if err != nil {
		return fmt.Errorf("%d: %w", len(*list), err)
	}
	*list = append(*list, *m)
	return nil
}

// setter wraps an assignment that cannot fail.
func setter[M any](f func(m *M, v content)) func(*decoder, *M, content) error {
	return func(_ *decoder, m *M, v content) error { f(m, v); return nil }
}

// The tables are functions: they refer to one another in a circle.

func modelFields() []field[modelProto] {
	return []field[modelProto]{
		{1, "ir_version", varint, setter(func(m *modelProto, v content) { m.irVersion = v.int() })},
		{7, "graph", message, func(d *decoder, m *modelProto, v content) (err error) {
			m.graph, err = sub(d, v, graphFields())
			return
		}},
		{8, "opset_import", message, func(d *decoder, m *modelProto, v content) error { return each(d, v, opsetFields(), &m.opsets, 1024) }},
		{25, "functions", message, func(d *decoder, m *modelProto, v content) error {
			return each(d, v, functionFields(), &m.functions, maxNodes)
		}},
	}
}

func opsetFields() []field[opsetProto] {
	return []field[opsetProto]{
		{1, "domain", utf8, setter(func(m *opsetProto, v content) { m.domain = v.string() })},
		{2, "version", varint, setter(func(m *opsetProto, v content) { m.version = v.int() })},
	}
}

func functionFields() []field[functionProto] {
	return []field[functionProto]{
		{1, "name", utf8, setter(func(m *functionProto, v content) { m.name = v.string() })},
		{10, "domain", utf8, setter(func(m *functionProto, v content) { m.domain = v.string() })},
		{13, "overload", utf8, setter(func(m *functionProto, v content) { m.overload = v.string() })},
	}
}

func graphFields() []field[graphProto] {
	return []field[graphProto]{
		{1, "node", message, func(d *decoder, m *graphProto, v content) error { return each(d, v, nodeFields(), &m.nodes, maxNodes) }},
		{2, "name", utf8, setter(func(m *graphProto, v content) { m.name = v.string() })},
		{5, "initializer", message, func(d *decoder, m *graphProto, v content) error {
			return each(d, v, tensorFields, &m.initializers, maxNodes)
		}},
		{11, "input", message, func(d *decoder, m *graphProto, v content) error { return each(d, v, valueFields, &m.inputs, maxNodes) }},
		{12, "output", message, func(d *decoder, m *graphProto, v content) error {
			return each(d, v, valueFields, &m.outputs, maxOutputs)
		}},
		{13, "value_info", message, func(d *decoder, m *graphProto, v content) error {
			return each(d, v, valueFields, &m.values, 4*maxNodes)
		}},
		{15, "sparse_initializer", message, setter(func(m *graphProto, _ content) { m.sparse++ })},
	}
}

func nodeFields() []field[nodeProto] {
	return []field[nodeProto]{
		{1, "input", utf8, func(_ *decoder, m *nodeProto, v content) error { return appendName(&m.inputs, v) }},
		{2, "output", utf8, func(_ *decoder, m *nodeProto, v content) error { return appendName(&m.outputs, v) }},
		{3, "name", utf8, setter(func(m *nodeProto, v content) { m.name = v.string() })},
		{4, "op_type", utf8, setter(func(m *nodeProto, v content) { m.opType = v.string() })},
		{5, "attribute", message, func(d *decoder, m *nodeProto, v content) error { return each(d, v, attrFields(), &m.attrs, 1024) }},
		{7, "domain", utf8, setter(func(m *nodeProto, v content) { m.domain = v.string() })},
	}
}

func appendName(list *[]string, v content) error {
	if len(*list) >= maxNames {
		return fmt.Errorf("more than %d names", maxNames)
	}
	*list = append(*list, v.string())
	return nil
}

func attrFields() []field[attrProto] {
	return []field[attrProto]{
		{1, "name", utf8, setter(func(m *attrProto, v content) { m.name = v.string() })},
		{2, "f", fixed32, setter(func(m *attrProto, v content) { m.f = v.float() })},
		{3, "i", varint, setter(func(m *attrProto, v content) { m.i = v.int() })},
		{4, "s", octets, setter(func(m *attrProto, v content) { m.s = v.string() })},
		{5, "t", message, func(d *decoder, m *attrProto, v content) (err error) { m.t, err = sub(d, v, tensorFields); return }},
		{6, "g", message, attrGraph},
		{7, "floats", fixed32, setter(func(m *attrProto, v content) { m.floats = append(m.floats, v.float()) })},
		{8, "ints", varint, setter(func(m *attrProto, v content) { m.ints = append(m.ints, v.int()) })},
		{9, "strings", octets, setter(func(m *attrProto, v content) { m.strings = append(m.strings, v.string()) })},
		{11, "graphs", message, attrGraph},
		{20, "type", varint, setter(func(m *attrProto, v content) { m.typ = v.int() })},
		{21, "ref_attr_name", utf8, setter(func(m *attrProto, v content) { m.ref = v.string() })},
	}
}

func attrGraph(d *decoder, m *attrProto, v content) error {
	g, err := sub(d, v, graphFields())
	m.graphs = append(m.graphs, g)
	return err
}

var tensorFields = []field[tensorProto]{
	{1, "dims", varint, func(_ *decoder, m *tensorProto, v content) error {
		if len(m.dims) >= maxRank {
			return fmt.Errorf("more than %d axes", maxRank)
		}
		m.dims = append(m.dims, v.int())
		return nil
	}},
	{2, "data_type", varint, setter(func(m *tensorProto, v content) { m.dataType = v.int() })},
	{3, "segment", message, setter(func(m *tensorProto, _ content) { m.segment = true })},
	{4, "float_data", fixed32, setter(func(m *tensorProto, v content) { m.floats = append(m.floats, v.float()) })},
	{5, "int32_data", varint, setter(func(m *tensorProto, v content) { m.int32s = append(m.int32s, int32(v.number)) })},
	{6, "string_data", octets, setter(func(m *tensorProto, _ content) { m.strings++ })},
	{7, "int64_data", varint, setter(func(m *tensorProto, v content) { m.int64s = append(m.int64s, v.int()) })},
	{8, "name", utf8, setter(func(m *tensorProto, v content) { m.name = v.string() })},
	{9, "raw_data", octets, setter(func(m *tensorProto, v content) { m.raw, m.hasRaw = v.data, true })},
	{10, "double_data", fixed64, setter(func(m *tensorProto, v content) { m.doubles = append(m.doubles, v.double()) })},
	{11, "uint64_data", varint, setter(func(m *tensorProto, _ content) { m.uint64s++ })},
	{13, "external_data", message, func(d *decoder, m *tensorProto, v content) error {
		e, err := sub(d, v, entryFields)
		if err != nil {
			return err
		}
		if m.external == nil {
			m.external = map[string]string{}
		}
		m.external[e.key] = e.value
		return nil
	}},
	{14, "data_location", varint, setter(func(m *tensorProto, v content) { m.location = v.int() })},
}

var entryFields = []field[entryProto]{
	{1, "key", utf8, setter(func(m *entryProto, v content) { m.key = v.string() })},
	{2, "value", utf8, setter(func(m *entryProto, v content) { m.value = v.string() })},
}

var valueFields = []field[valueProto]{
	{1, "name", utf8, setter(func(m *valueProto, v content) { m.name = v.string() })},
	{2, "type", message, func(d *decoder, m *valueProto, v content) (err error) { m.typ, err = sub(d, v, typeFields); return }},
}

var typeFields = []field[typeProto]{
	{1, "tensor_type", message, func(d *decoder, m *typeProto, v content) (err error) {
		m.tensor, err = sub(d, v, tensorTypeFields)
		return
	}},
	{4, "sequence_type", message, setter(func(m *typeProto, _ content) { m.other = "a sequence" })},
	{5, "map_type", message, setter(func(m *typeProto, _ content) { m.other = "a map" })},
	{8, "sparse_tensor_type", message, setter(func(m *typeProto, _ content) { m.other = "a sparse tensor" })},
	{9, "optional_type", message, setter(func(m *typeProto, _ content) { m.other = "an optional" })},
}

var tensorTypeFields = []field[tensorTypeProto]{
	{1, "elem_type", varint, setter(func(m *tensorTypeProto, v content) { m.elem = v.int() })},
	{2, "shape", message, func(d *decoder, m *tensorTypeProto, v content) error {
		m.hasShape = true
		return decode(d, v.data, shapeFields, m)
	}},
}

var shapeFields = []field[tensorTypeProto]{
	{1, "dim", message, func(d *decoder, m *tensorTypeProto, v content) error { return each(d, v, dimFields, &m.dims, maxRank) }},
}

var dimFields = []field[dimProto]{
	{1, "dim_value", varint, setter(func(m *dimProto, v content) { m.value, m.hasValue = v.int(), true })},
	{2, "dim_param", utf8, setter(func(m *dimProto, v content) { m.param = v.string() })},
}
