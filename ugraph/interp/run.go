package interp

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// MaxWork bounds the elements computed in one run; a matmul counts the length of its sums.
const MaxWork = 1 << 38

// machine is one run.
type machine[T any] struct {
	ar   Arith[T]
	env  ugraph.Env
	work int64
	defs map[string]*ugraph.Graph // composites by operator, attributes and operand types
}

// spend counts a·b elements of work.
func (m *machine[T]) spend(a, b int64) error {
	if a > 0 && b > (MaxWork-m.work)/a {
		return fmt.Errorf("more than %d elements of work, the interpreter's limit", int64(MaxWork))
	}
	m.work += a * b
	return nil
}

// Run computes the outputs of a program or μGraph, in their order. Inputs are in the order of
// g.Inputs, and env gives a value to each symbol. Errors: an illegal graph, a missing, misshapen or
// mistyped input, a symbol out of its bounds, an index out of range, an operator without meaning in
// the number type (ErrNoMeaning), blocks that overwrite each other's results, and more than MaxElements
// or MaxWork.
func Run[T any](ar Arith[T], g *ugraph.Graph, inputs []*Tensor[T], env ugraph.Env) ([]*Tensor[T], error) {
	if g.Level != ugraph.KernelLevel {
		return nil, fmt.Errorf("run: %s is a %s graph; only kernel-level graphs run by themselves", g.Name, g.Level)
	}
	if err := ugraph.Validate(g); err != nil {
		return nil, err
	}
	for _, s := range g.Symbols {
		v, ok := env[s.Name]
		if !ok {
			return nil, fmt.Errorf("%s: symbol %s has no value", g.Name, s.Name)
		}
		if err := s.Check(v); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if len(inputs) != len(g.Inputs) {
		return nil, fmt.Errorf("%s takes %d inputs, got %d", g.Name, len(g.Inputs), len(inputs))
	}
	m := &machine[T]{ar: ar, env: env, defs: map[string]*ugraph.Graph{}}
	for i, in := range g.Inputs {
		v := &g.Values[in.Value]
		shape, err := ugraph.EvalShape(v.Shape, env)
		if err != nil {
			return nil, fmt.Errorf("%s: input %s: %w", g.Name, v.Name, err)
		}
		x := inputs[i]
		if x == nil || x.DType != v.DType || !equalShape(x.Shape, shape) {
			return nil, fmt.Errorf("%s: input %s must be %s%v", g.Name, v.Name, v.DType, shape)
		}
		n, err := Elements(shape)
		if err != nil {
			return nil, fmt.Errorf("%s: input %s: %w", g.Name, v.Name, err)
		}
		if int64(x.Len()) != n || v.DType.IsFloat() != (x.Data != nil) {
			return nil, fmt.Errorf("%s: input %s holds %d elements of the wrong kind or number for %s%v", g.Name, v.Name, x.Len(), v.DType, shape)
		}
	}
	return m.graph(g, inputs)
}

func equalShape(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// graph runs the nodes of a kernel-level or thread graph in order. A value is dropped after its last
// use, so that no more is alive than has to be.
func (m *machine[T]) graph(g *ugraph.Graph, inputs []*Tensor[T]) ([]*Tensor[T], error) {
	vals := make([]*Tensor[T], len(g.Values))
	for i, in := range g.Inputs {
		vals[in.Value] = inputs[i]
	}
	last := make([]int, len(g.Values))
	for i := range g.Nodes {
		for _, a := range g.Nodes[i].Args {
			last[a] = i
		}
	}
	for _, o := range g.Outputs {
		last[o.Value] = len(g.Nodes)
	}
	alive := int64(0)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if err := m.node(g, n, vals); err != nil {
			return nil, fmt.Errorf("%s: node %d (%s): %w", g.Name, i, n.Op, err)
		}
		for j, r := range n.Results {
			alive += int64(vals[r].Len())
			if g.Level == ugraph.KernelLevel {
				if err := m.checkResult(&g.Values[r], vals[r]); err != nil {
					return nil, fmt.Errorf("%s: node %d (%s), result %d: %w", g.Name, i, n.Op, j, err)
				}
			}
		}
		if alive > MaxElements {
			return nil, fmt.Errorf("%s: node %d (%s): more than %d elements alive, the interpreter's limit", g.Name, i, n.Op, int64(MaxElements))
		}
		for _, a := range n.Args {
			if last[a] == i && vals[a] != nil {
				if g.Values[a].Node >= 0 {
					alive -= int64(vals[a].Len())
				}
				vals[a] = nil
			}
		}
	}
	out := make([]*Tensor[T], len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = vals[o.Value]
	}
	return out, nil
}

// checkResult compares a result with the type that inference gave it.
func (m *machine[T]) checkResult(v *ugraph.Value, t *Tensor[T]) error {
	shape, err := ugraph.EvalShape(v.Shape, m.env)
	if err != nil {
		return err
	}
	if t.DType != v.DType || !equalShape(t.Shape, shape) {
		return fmt.Errorf("gives %s%v, not its type %s%v", t.DType, t.Shape, v.DType, shape)
	}
	return nil
}

// node runs one node that is not block-only and puts its results in vals.
func (m *machine[T]) node(g *ugraph.Graph, n *ugraph.Node, vals []*Tensor[T]) error {
	args := make([]*Tensor[T], len(n.Args))
	for i, a := range n.Args {
		args[i] = vals[a]
		if args[i] == nil {
			return fmt.Errorf("operand %d has no value here", i)
		}
	}
	results, err := m.operator(g, n, args)
	if err != nil {
		return err
	}
	for i, r := range n.Results {
		vals[r] = results[i]
		if dt := results[i].DType; dt == ugraph.F8E4M3 && n.Op.Rounds() {
			if f := m.ar.Cast(dt); f != nil {
				apply(results[i].Data, results[i].Data, f)
			}
		}
		if err := m.spend(int64(results[i].Len()), 1); err != nil {
			return err
		}
	}
	return nil
}

// nominal returns the extents that inference gave a value.
func (m *machine[T]) nominal(g *ugraph.Graph, v ugraph.ValueID) ([]int64, error) {
	return ugraph.EvalShape(g.Values[v].Shape, m.env)
}

func (m *machine[T]) operator(g *ugraph.Graph, n *ugraph.Node, args []*Tensor[T]) ([]*Tensor[T], error) {
	one := func(t *Tensor[T], err error) ([]*Tensor[T], error) { return []*Tensor[T]{t}, err }
	switch n.Op {
	case ugraph.OpKernel:
		return m.kernel(n.Body, args)
	case ugraph.OpThread:
		return m.graph(n.Body, args)
	case ugraph.OpConst:
		return one(m.constant(n))
	case ugraph.OpIota:
		return one(m.iota(n))
	case ugraph.OpMatMul:
		return one(m.matMul(n, args[0], args[1]))
	case ugraph.OpCast:
		return one(m.cast(n, args[0]))
	case ugraph.OpLess, ugraph.OpLessEqual, ugraph.OpEqual, ugraph.OpGreater, ugraph.OpGreaterEqual:
		return one(m.compare(n, args[0], args[1]))
	case ugraph.OpWhere:
		return one(m.where(args[0], args[1], args[2]))
	case ugraph.OpUniform:
		return one(m.uniform(args[0], args[1]))
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin, ugraph.OpArgmax:
		return one(m.reduce(n, args[0]))
	case ugraph.OpTopK:
		return m.topK(n, args[0])
	case ugraph.OpTranspose:
		return one(m.transpose(n, args[0]))
	case ugraph.OpReshape, ugraph.OpBroadcast:
		from, err := m.nominal(g, n.Args[0])
		if err != nil {
			return nil, err
		}
		to, err := m.nominal(g, n.Results[0])
		if err != nil {
			return nil, err
		}
		if n.Op == ugraph.OpReshape {
			return one(m.reshape(args[0], from, to))
		}
		return one(m.broadcast(args[0], from, to))
	case ugraph.OpConcat:
		return one(m.concat(n, args))
	case ugraph.OpSplit:
		return m.split(n, args[0])
	case ugraph.OpSlice:
		return one(m.slice(n, args[0]))
	case ugraph.OpGather:
		return one(m.gather(n, args[0], args[1]))
	case ugraph.OpScatterAdd:
		return one(m.scatterAdd(n, args[0], args[1], args[2]))
	}
	switch {
	case n.Op.Info().Class == ugraph.Composite:
		return m.composite(n, args)
	case len(args) == 1:
		return one(m.unary(n, args[0]))
	case len(args) == 2:
		return one(m.binary(n, args[0], args[1]))
	}
	return nil, fmt.Errorf("%s belongs in block graphs", n.Op)
}

func (m *machine[T]) iota(n *ugraph.Node) (*Tensor[T], error) {
	a, _ := n.Attrs.Get("n")
	extent, err := a.Dims[0].Eval(m.env)
	if err != nil {
		return nil, err
	}
	out, err := New[T](ugraph.I32, []int64{extent})
	if err != nil {
		return nil, err
	}
	for i := range out.Ints {
		out.Ints[i] = int64(i)
	}
	return out, nil
}

// composite runs the definition of the operator for operands of the sizes at hand.
func (m *machine[T]) composite(n *ugraph.Node, args []*Tensor[T]) ([]*Tensor[T], error) {
	var key strings.Builder
	fmt.Fprintf(&key, "%s{%s}", n.Op, n.Attrs)
	types := make([]ugraph.Type, len(args))
	for i, a := range args {
		types[i] = ugraph.Type{DType: a.DType, Shape: ugraph.Ds(a.Shape...)}
		fmt.Fprintf(&key, " %s", types[i])
	}
	def, ok := m.defs[key.String()]
	if !ok {
		var err error
		if def, err = library.Define(n.Op, n.Attrs, types); err != nil {
			return nil, err
		}
		m.defs[key.String()] = def
	}
	return m.graph(def, args)
}
