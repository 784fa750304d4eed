package onnx

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// The versions of ONNX's own operator set that the operator table covers.
const (
	minOpset = 13
	maxOpset = 23
)

// DefaultBound is the upper bound of a symbol for which Options give none.
const DefaultBound = 4096

// MaxBytes is the greatest size of a model file, which is protobuf's own.
const MaxBytes = 1<<31 - 1

// Options say how a model is imported.
type Options struct {
	Name    string           // of the program, or the prefix of several
	Bounds  map[string]int64 // upper bounds of symbols; "" stands for all others; else DefaultBound
	Dims    map[string]int64 // symbols that become numbers
	Partial bool             // cut the graph around operators that the language cannot express
	Folder  fs.FS            // where external data lie; nil: they are refused
}

// Result is an imported model.
type Result struct {
	Programs    []*ugraph.Graph // in the order in which they run
	Weights     []*Weight       // the const inputs, in the order of their first use
	Symbols     []ugraph.Symbol // of all programs
	Fixed       map[string]bool // the symbols that Options.Dims made numbers
	Defaulted   []string        // symbols whose bound is DefaultBound
	Unsupported []Unsupported   // with Partial: the operators between the programs
}

// Unsupported is a node of the model that has no form in the language.
type Unsupported struct {
	Node, OpType, Domain string
	Opset                int64
	Reason               string
}

func (u Unsupported) String() string {
	domain := u.Domain
	if domain == "" {
		domain = "ai.onnx"
	}
	return fmt.Sprintf("node %s: %s of %s %d: %s", u.Node, u.OpType, domain, u.Opset, u.Reason)
}

// UnsupportedError lists all nodes of a model that have no form in the language.
type UnsupportedError struct{ List []Unsupported }

func (e *UnsupportedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the model's operators cannot be expressed:", len(e.List))
	for _, u := range e.List {
		b.WriteString("\n  " + u.String())
	}
	return b.String()
}

// importer is one import.
type importer struct {
	opts   Options
	opsets map[string]int64
	from   *source

	tensors  map[string]*tensor
	inputs   []*tensor              // of the model, in its order
	declared map[string]*valueProto // value_info: what the file says of tensors
	programs map[int]*ugraph.Graph  // by level
	uses     map[int][]*tensor      // the tensors that a level takes from outside, in order
	results  []*tensor              // the tensors that nodes of a program computed, in order
	demanded map[*tensor]bool       // by something outside of its program

	symbols []ugraph.Symbol

	declaredSymbols map[string]bool
	fixed           map[string]bool
	defaulted       []string
	idents          map[string]int    // names in programs, and how many were made from each
	reserved        map[string]string // the outputs' names in programs
	unsupported     []Unsupported
}

// Import reads an ONNX model. Errors say where in the file (field, node, tensor): what is no model,
// damaged or contradicts itself; operator sets outside 13 to 23; and, unless Options.Partial, an
// UnsupportedError that lists every operator without a form in the language.
func Import(file []byte, opts Options) (*Result, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("onnx: %d bytes; a model file has at most %d", len(file), MaxBytes)
	}
	m := &modelProto{}
	if err := decode(&decoder{}, file, modelFields(), m); err != nil {
		return nil, fmt.Errorf("onnx: not an ONNX model, or damaged: %w", err)
	}
	im := &importer{opts: opts, opsets: map[string]int64{}, from: &source{opts.Folder}, tensors: map[string]*tensor{}, declared: map[string]*valueProto{},
		programs: map[int]*ugraph.Graph{}, uses: map[int][]*tensor{}, demanded: map[*tensor]bool{}, idents: map[string]int{}, reserved: map[string]string{}, fixed: map[string]bool{}, declaredSymbols: map[string]bool{}}
	r, err := im.model(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return r, nil
}

func (im *importer) model(m *modelProto) (*Result, error) {
	if m.graph == nil {
		return nil, fmt.Errorf("the file has no graph; is it an ONNX model?")
	}
	for _, o := range m.opsets {
		domain := normalDomain(o.domain)
		if _, twice := im.opsets[domain]; twice {
			return nil, fmt.Errorf("opset_import names domain %q twice", domain)
		}
		im.opsets[domain] = o.version
	}
	if v, ok := im.opsets[""]; !ok || v < minOpset || v > maxOpset {
		return nil, fmt.Errorf("operator set %d of ai.onnx; %d to %d can be imported (onnx.version_converter converts others)", v, minOpset, maxOpset)
	}
	g := m.graph
	if g.sparse > 0 {
		return nil, fmt.Errorf("sparse_initializer: sparse tensors have no form in .ug")
	}
	for i := range g.values {
		im.declared[g.values[i].name] = &g.values[i]
	}
	order, err := sortNodes(g)
	if err != nil {
		return nil, err
	}
	if err := im.declare(g); err != nil {
		return nil, err
	}
	for _, n := range order {
		if err := im.node(n); err != nil {
			return nil, err
		}
	}
	if len(im.unsupported) > 0 && !im.opts.Partial {
		return nil, &UnsupportedError{im.unsupported}
	}
	return im.finish(g)
}

func normalDomain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// node imports one node: its handler's results become the node's outputs.
func (im *importer) node(n *nodeProto) error {
	c := &call{im: im, node: n, opset: im.opsets[normalDomain(n.domain)]}
	level, fault := -1, ""
	for _, name := range n.inputs {
		t := im.tensors[name]
		c.in = append(c.in, t)
		if t == nil {
			continue
		}
		level = max(level, t.level)
		if t.fault != "" && fault == "" {
			fault = t.fault
		}
	}
	for _, name := range n.free() {
		if t := im.tensors[name]; t != nil {
			level = max(level, t.level)
		}
	}
	row, err := c.find()
	if err == nil && fault != "" {
		if !im.opts.Partial { // the operator itself may be fine
			im.fail(n, level, fault)
			return nil
		}
		err = fmt.Errorf("%s", fault)
	}
	var out []*tensor
	if err == nil {
		c.level = max(level, 0)
		out, err = c.run(row)
	}
	if err != nil {
		im.unsupported = append(im.unsupported, Unsupported{Node: n.label(), OpType: n.opType, Domain: normalDomain(n.domain), Opset: c.opset, Reason: err.Error()})
		im.fail(n, level, fmt.Sprintf("it needs the result of node %s, whose type the file does not say", n.label()))
		return nil
	}
	for i, name := range n.outputs {
		if name == "" {
			continue
		}
		if i >= len(out) || out[i] == nil {
			return fmt.Errorf("node %s: %s has no output %d (%q)", n.label(), n.opType, i, name)
		}
		if err := im.define(name, out[i]); err != nil {
			return fmt.Errorf("node %s: %w", n.label(), err)
		}
	}
	return nil
}

// define names a node's result. A result that already has a name (of an Identity) keeps it.
func (im *importer) define(name string, t *tensor) error {
	if v := im.declared[name]; v != nil && v.typ != nil && v.typ.tensor != nil {
		if dt, err := elementType(v.typ.tensor.elem); err == nil && dt != t.typ.DType {
			return fmt.Errorf("output %q is %s, but value_info says %s", name, t.typ, dt)
		}
	}
	if t.name == "" {
		t.name = name
		t.ident = im.identifier(name)
	}
	im.tensors[name] = t
	return nil
}

// fail stands inputs of later programs in for the outputs of a node that was left out: as the file
// declares them, or without a type, which fails what uses them.
func (im *importer) fail(n *nodeProto, level int, why string) {
	for _, list := range [][]string{n.inputs, n.free()} {
		for _, name := range list {
			if t := im.tensors[name]; t != nil {
				im.demanded[t] = true
			}
		}
	}
	for _, name := range n.outputs {
		if name == "" {
			continue
		}
		t := &tensor{name: name, level: level + 1, fault: why}
		if v := im.declared[name]; v != nil {
			if typ, err := im.typeOf(v, name); err == nil {
				t.typ, t.fault = typ, ""
				t.ident = im.identifier(name)
			}
		}
		im.tensors[name] = t
	}
}

// label is how messages call a node.
func (n *nodeProto) label() string {
	if n.name != "" {
		return fmt.Sprintf("%q", n.name)
	}
	return fmt.Sprintf("that makes %q", slices.Concat(n.outputs, []string{""})[0])
}
