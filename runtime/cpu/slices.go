package cpu

import (
	"context"
	"fmt"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// Slices binds a program's inputs and outputs to slices of Go's types. The shapes follow from the
// symbols' values, so a slice needs only its length: the elements in row-major order. What is bound may
// be run any number of times, by one goroutine at a time; goroutines that run at once have one each.
type Slices struct {
	p       *Program
	env     ugraph.Env
	call    *Call // from the first run on, so that later ones allocate nothing
	inputs  []*tensor.Tensor
	outputs []*tensor.Tensor
}

// Slices starts a binding at the given sizes. It is an error unless env gives every symbol a value
// within its bounds.
func (p *Program) Slices(env ugraph.Env) (*Slices, error) {
	for _, s := range p.graph.Symbols {
		n, ok := env[s.Name]
		if !ok {
			return nil, fmt.Errorf("symbol %s has no value", s.Name)
		}
		if err := s.Check(n); err != nil {
			return nil, err
		}
	}
	return &Slices{p: p, env: env, inputs: make([]*tensor.Tensor, len(p.graph.Inputs)), outputs: make([]*tensor.Tensor, len(p.graph.Outputs))}, nil
}

// BindInput gives the elements of an input. It is an error if there is no such input, if T does not
// store its element type (see tensor.View), or if data is not as long as its shape needs.
func BindInput[T tensor.Native](s *Slices, name string, data []T) error {
	i := s.p.graph.InputByName(name)
	if i < 0 {
		return fmt.Errorf("there is no input %q (%s)", name, s.p.interfaceText())
	}
	v := s.p.graph.Values[s.p.graph.Inputs[i].Value]
	t, err := bindSlice(s.env, v.Type, data)
	if err != nil {
		return fmt.Errorf("input %s (%s): %w", name, v.Type, err)
	}
	s.inputs[i] = t
	return nil
}

// BindOutput says where the elements of an output go. *data is kept if its capacity is enough, else it
// becomes a new slice; its length becomes that of the output. Errors as BindInput's.
func BindOutput[T tensor.Native](s *Slices, name string, data *[]T) error {
	i := s.p.graph.OutputByName(name)
	if i < 0 {
		return fmt.Errorf("there is no output %q", name)
	}
	t := s.p.graph.Values[s.p.graph.Outputs[i].Value].Type
	shape, err := ugraph.EvalShape(t.Shape, s.env)
	if err != nil {
		return fmt.Errorf("output %s: %w", name, err)
	}
	n, err := tensor.Elements(t.DType, shape)
	if err == nil && n*t.DType.Size() > tensor.MaxBytes {
		err = fmt.Errorf("it takes %d bytes; the limit is %d", n*t.DType.Size(), int64(tensor.MaxBytes))
	}
	if err != nil {
		return fmt.Errorf("output %s (%s): %w", name, t, err)
	}
	if int64(cap(*data)) < n {
		*data = make([]T, n)
	}
	*data = (*data)[:n]
	x, err := bindSlice(s.env, t, *data)
	if err != nil {
		return fmt.Errorf("output %s (%s): %w", name, t, err)
	}
	s.outputs[i] = x
	return nil
}

func bindSlice[T tensor.Native](env ugraph.Env, t ugraph.Type, data []T) (*tensor.Tensor, error) {
	shape, err := ugraph.EvalShape(t.Shape, env)
	if err != nil {
		return nil, err
	}
	return tensor.FromSlice(t.DType, shape, data)
}

// Run computes the outputs. Every output and every input that Load was not given as a weight must have
// been bound. Runs after the first allocate nothing.
func (s *Slices) Run(ctx context.Context) error {
	if s.call == nil {
		var err error
		if s.call, err = s.p.Prepare(s.env); err != nil {
			return err
		}
	}
	return s.call.Run(ctx, s.inputs, s.outputs)
}

// Release gives the compiled instance, with its buffers, back for the program's next caller; the next Run takes one
// again. It is for many bindings that come and go: without it the instance lives as long as the Slices.
func (s *Slices) Release() {
	if s.call != nil {
		s.call.Release()
		s.call = nil
	}
}
