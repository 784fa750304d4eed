package mirage

import (
	"fmt"
	"io"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// Import reads a file of Mirage's μGraphs. Inputs are called in0, in1, … in the file's order, outputs
// out0, out1, …; graph i is called mirage_i. Errors begin with the place in the file (graph i, operator
// j, field): bad JSON, unknown operators or element types, guids that name no tensor or another shape
// than the file says, and whatever ugraph.Validate refuses.
func Import(r io.Reader) ([]*ugraph.Graph, error) {
	file, err := decode(r)
	if err != nil {
		return nil, fmt.Errorf("mirage: %w", err)
	}
	out := make([]*ugraph.Graph, len(file))
	for i, ops := range file {
		g, err := importGraph(fmt.Sprintf("mirage_%d", i), ops)
		if err != nil {
			return nil, fmt.Errorf("mirage: graph %d: %w", i, err)
		}
		out[i] = g
	}
	return out, nil
}

// operators are the operators that both levels have, without their prefix kn_ or tb_ and suffix _op.
var operators = map[string]struct {
	op    ugraph.Op
	attrs ugraph.Attrs
}{
	"matmul":      {op: ugraph.OpMatMul},
	"exp":         {op: ugraph.OpExp},
	"silu":        {op: ugraph.OpSilu},
	"gelu":        {op: ugraph.OpGelu},
	"relu":        {op: ugraph.OpRelu},
	"sqrt":        {op: ugraph.OpSqrt},
	"square":      {op: ugraph.OpSquare},
	"add":         {op: ugraph.OpAdd},
	"mul":         {op: ugraph.OpMul},
	"div":         {op: ugraph.OpDiv},
	"reduction_0": {op: ugraph.OpSum, attrs: keep(0)},
	"reduction_1": {op: ugraph.OpSum, attrs: keep(1)},
	"reduction_2": {op: ugraph.OpSum, attrs: keep(2)},
	"rms_norm":    {op: ugraph.OpRMSNorm},
}

// keep is a reduction over one axis, which stays with extent 1.
func keep(axis int64) ugraph.Attrs {
	return ugraph.Attrs{ugraph.IntsAttr("axis", axis), ugraph.BoolAttr("keepdims", true)}
}

// plainName is the operator's name without prefix and suffix.
func plainName(prefix, opType string) string {
	return strings.TrimSuffix(strings.TrimPrefix(opType, prefix), "_op")
}

// scope maps guids to values of one graph and checks them against what the file says of them.
type scope struct {
	b      *ugraph.Builder
	values map[int64]ugraph.ValueID
}

// use returns the value of a tensor that was defined before.
func (s *scope) use(what string, i int, t *tensor) (ugraph.ValueID, error) {
	v, ok := s.values[t.GUID]
	if !ok {
		return 0, fmt.Errorf("%s %d: guid %d names no tensor that was defined before", what, i, t.GUID)
	}
	if err := s.check(v, t); err != nil {
		return 0, fmt.Errorf("%s %d: %w", what, i, err)
	}
	return v, nil
}

// check compares a value's type with the file's.
func (s *scope) check(v ugraph.ValueID, t *tensor) error {
	want, err := t.typeOf()
	if err != nil {
		return err
	}
	if got := s.b.Type(v); got.DType != want.DType || !ugraph.SameShape(got.Shape, want.Shape) {
		return fmt.Errorf("guid %d is %s, but the file says %s", t.GUID, got, want)
	}
	return nil
}

// define gives a tensor its value.
func (s *scope) define(i int, t *tensor, v ugraph.ValueID) error {
	if _, ok := s.values[t.GUID]; ok {
		return fmt.Errorf("output_tensors %d: guid %d is defined twice", i, t.GUID)
	}
	if err := s.check(v, t); err != nil {
		return fmt.Errorf("output_tensors %d: %w", i, err)
	}
	s.values[t.GUID] = v
	return nil
}

// apply imports an operator that both levels have.
func (s *scope) apply(name string, o *operator) error {
	row, ok := operators[name]
	if !ok {
		return fmt.Errorf("op_type: %s is not known", o.Type)
	}
	args, err := s.uses(o)
	if err != nil {
		return err
	}
	if len(o.Outputs) != 1 {
		return fmt.Errorf("output_tensors: %d, not one", len(o.Outputs))
	}
	v := s.b.Op(row.op, row.attrs, args...)
	if err := s.b.Err(); err != nil {
		return err
	}
	return s.define(0, &o.Outputs[0], v)
}

func (s *scope) uses(o *operator) ([]ugraph.ValueID, error) {
	args := make([]ugraph.ValueID, len(o.Inputs))
	for i := range o.Inputs {
		v, err := s.use("input_tensors", i, &o.Inputs[i])
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return args, nil
}

func importGraph(name string, ops []operator) (*ugraph.Graph, error) {
	if len(ops) > maxOperators {
		return nil, fmt.Errorf("%d operators; the limit is %d", len(ops), maxOperators)
	}
	s := &scope{b: ugraph.NewBuilder(name), values: map[int64]ugraph.ValueID{}}
	inputs, outputs := 0, 0
	for i := range ops {
		o := &ops[i]
		var err error
		switch o.Type {
		case "kn_input_op":
			err = s.input(o, fmt.Sprintf("in%d", inputs))
			inputs++
		case "kn_output_op":
			err = s.output(o, fmt.Sprintf("out%d", outputs))
			outputs++
		case "kn_customized_op":
			err = s.kernel(o, fmt.Sprintf("k%d", i))
		default:
			err = s.apply(plainName("kn_", o.Type), o)
		}
		if err != nil {
			return nil, fmt.Errorf("operator %d (%s): %w", i, o.Type, err)
		}
	}
	if outputs == 0 {
		return nil, fmt.Errorf("it has no kn_output_op")
	}
	return s.b.Graph()
}

func (s *scope) input(o *operator, name string) error {
	if len(o.Outputs) != 1 || len(o.Inputs) != 0 {
		return fmt.Errorf("it has %d input_tensors and %d output_tensors, not none and one", len(o.Inputs), len(o.Outputs))
	}
	t, err := o.Outputs[0].typeOf()
	if err != nil {
		return fmt.Errorf("output_tensors 0: %w", err)
	}
	return s.define(0, &o.Outputs[0], s.b.Input(name, t.DType, t.Shape))
}

func (s *scope) output(o *operator, name string) error {
	args, err := s.uses(o)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return fmt.Errorf("input_tensors: %d, not one", len(args))
	}
	s.b.Output(name, args[0])
	return s.b.Err()
}
