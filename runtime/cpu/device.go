package cpu

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/morgana-ml/morgana/runtime/cpu/pool"
	"github.com/morgana-ml/morgana/runtime/memory"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// Device is a CPU with a set number of threads. Its methods may be called by several goroutines.
type Device struct {
	pool     *pool.Pool
	onKernel func(KernelRun)
}

// New starts a device with that many threads; below 1: GOMAXPROCS.
func New(threads int) *Device { return &Device{pool: pool.New(threads)} }

// Threads is the number of threads.
func (d *Device) Threads() int { return d.pool.Threads() }

// Close ends the threads; no run may be under way.
func (d *Device) Close() { d.pool.Close() }

// Program is a program or μGraph ready to run on a device, for any sizes within its symbols' bounds.
type Program struct {
	dev     *Device
	graph   *ugraph.Graph
	weights []*tensor.Tensor

	mu     sync.Mutex
	idle   map[string][]*instance
	packed map[string]map[packing]*memory.Buffer // by sizes
}

// maxIdle is how many instances of one size are kept for the next runs.
const maxIdle = 16

// Load prepares a program or μGraph. weights gives const inputs by name; those given are packed once
// and must not change afterwards, and Run does not take them again. The caller answers for the graph
// being verified: package bundle never hands out another.
func (d *Device) Load(g *ugraph.Graph, weights map[string]*tensor.Tensor) (*Program, error) {
	if err := ugraph.Validate(g); err != nil {
		return nil, err
	}
	p := &Program{dev: d, graph: g, idle: map[string][]*instance{}, packed: map[string]map[packing]*memory.Buffer{},
		weights: make([]*tensor.Tensor, len(g.Inputs))}
	used := 0
	for i, in := range g.Inputs {
		t, ok := weights[g.Values[in.Value].Name]
		if !ok {
			continue
		}
		used++
		if !in.Const {
			return nil, fmt.Errorf("input %s is not const: give it to Run", g.Values[in.Value].Name)
		}
		p.weights[i] = t
	}
	if used != len(weights) {
		for _, name := range sortedNames(weights) {
			if g.InputByName(name) < 0 {
				return nil, fmt.Errorf("there is no input %q (%s)", name, p.interfaceText())
			}
		}
	}
	return p, nil
}

func sortedNames(m map[string]*tensor.Tensor) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (p *Program) interfaceText() string {
	var s []string
	for _, in := range p.graph.Inputs {
		v := p.graph.Values[in.Value]
		s = append(s, v.Name+": "+v.Type.String())
	}
	return strings.Join(s, ", ")
}

// Graph is the graph that the program runs.
func (p *Program) Graph() *ugraph.Graph { return p.graph }

// Bind finds the symbols' values from the shapes of the inputs, by name, and checks names, element
// types, shapes and bounds. fixed gives values of symbols that no input shows, or nil.
func (p *Program) Bind(inputs map[string]*tensor.Tensor, fixed ugraph.Env) (ugraph.Env, error) {
	all := map[string]*tensor.Tensor{}
	for name, t := range inputs {
		all[name] = t
	}
	for i, in := range p.graph.Inputs {
		if p.weights[i] != nil {
			all[p.graph.Values[in.Value].Name] = p.weights[i]
		}
	}
	return BindShapes(p.graph, all, fixed)
}

// BindShapes is Bind for a graph that is not loaded.
func BindShapes(g *ugraph.Graph, inputs map[string]*tensor.Tensor, fixed ugraph.Env) (ugraph.Env, error) {
	env := ugraph.Env{}
	for k, v := range fixed {
		env[k] = v
	}
	for _, name := range sortedNames(inputs) {
		if g.InputByName(name) < 0 {
			var have []string
			for _, in := range g.Inputs {
				have = append(have, g.Values[in.Value].Name)
			}
			return nil, fmt.Errorf("there is no input %q; the inputs are %s", name, strings.Join(have, ", "))
		}
	}
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		t, ok := inputs[v.Name]
		if !ok {
			return nil, fmt.Errorf("input %s (%s) is missing", v.Name, v.Type)
		}
		if err := t.Check(); err != nil {
			return nil, fmt.Errorf("input %s: %w", v.Name, err)
		}
		if t.DType != v.DType || len(t.Shape) != v.Rank() {
			return nil, fmt.Errorf("input %s must be %s, not %s", v.Name, v.Type, t)
		}
		for a, d := range v.Shape {
			if err := BindDim(d, t.Shape[a], env); err != nil {
				return nil, fmt.Errorf("input %s must be %s, not %s: %w", v.Name, v.Type, t, err)
			}
		}
	}
	for _, s := range g.Symbols {
		n, ok := env[s.Name]
		if !ok {
			return nil, fmt.Errorf("symbol %s has no value: no input shows it", s.Name)
		}
		if err := s.Check(n); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// BindDim matches a declared dimension (a number, a symbol, or number·symbol) with a size.
func BindDim(d ugraph.Dim, n int64, env ugraph.Env) error {
	if want, err := d.Eval(env); err == nil {
		if want != n {
			if _, number := d.Const(); number {
				return fmt.Errorf("%d is given where the size is %d", n, want)
			}
			return fmt.Errorf("%s is %d here, not %d", d, want, n)
		}
		return nil
	}
	names := d.Symbols()
	if len(names) != 1 {
		return fmt.Errorf("cannot find the symbols of %s", d)
	}
	// Linear: value at 0 and 1 give offset and slope.
	zero, err0 := d.Eval(ugraph.Env{names[0]: 0})
	one, err1 := d.Eval(ugraph.Env{names[0]: 1})
	if err0 != nil || err1 != nil || one == zero || (n-zero)%(one-zero) != 0 {
		return fmt.Errorf("%d is not a value of %s", n, d)
	}
	env[names[0]] = (n - zero) / (one - zero)
	return nil
}

// Run computes outputs, in the graph's order, from inputs by name. Outputs must have the element types
// and shapes that OutputTensors gives; they must not share memory with an input. Several runs may be
// under way at once. The first run for a size compiles and packs; later ones allocate nothing but the
// binding of names.
func (p *Program) Run(ctx context.Context, inputs map[string]*tensor.Tensor, outputs map[string]*tensor.Tensor) error {
	env, err := p.Bind(inputs, nil)
	if err != nil {
		return err
	}
	c, err := p.Prepare(env)
	if err != nil {
		return err
	}
	defer c.Release()
	ins := make([]*tensor.Tensor, len(p.graph.Inputs))
	for i, in := range p.graph.Inputs {
		if ins[i] = inputs[p.graph.Values[in.Value].Name]; p.weights[i] != nil {
			ins[i] = p.weights[i]
		}
	}
	outs := make([]*tensor.Tensor, len(p.graph.Outputs))
	for i, o := range p.graph.Outputs {
		if outs[i] = outputs[o.Name]; outs[i] == nil {
			return fmt.Errorf("output %s is missing", o.Name)
		}
	}
	if len(outputs) != len(outs) {
		for _, name := range sortedNames(outputs) {
			if p.graph.OutputByName(name) < 0 {
				return fmt.Errorf("there is no output %q", name)
			}
		}
	}
	return c.Run(ctx, ins, outs)
}

// OutputTensors makes zeroed tensors for the outputs at the given sizes.
func (p *Program) OutputTensors(env ugraph.Env) (map[string]*tensor.Tensor, error) {
	out := map[string]*tensor.Tensor{}
	for _, o := range p.graph.Outputs {
		t := p.graph.Values[o.Value].Type
		shape, err := ugraph.EvalShape(t.Shape, env)
		if err != nil {
			return nil, err
		}
		if out[o.Name], err = tensor.New(t.DType, shape...); err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
	}
	return out, nil
}

// Call is a program bound to sizes: what one caller at a time runs without any allocation.
type Call struct {
	p    *Program
	key  string
	inst *instance
}

// Prepare compiles the program for sizes, or takes a compiled instance that is idle.
func (p *Program) Prepare(env ugraph.Env) (*Call, error) {
	key := envKey(p.graph, env)
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.idle[key]; len(list) > 0 {
		inst := list[len(list)-1]
		p.idle[key] = list[:len(list)-1]
		return &Call{p: p, key: key, inst: inst}, nil
	}
	inst, err := p.newInstance(env)
	if err != nil {
		return nil, err
	}
	if err := p.pack(key, inst); err != nil {
		return nil, err
	}
	return &Call{p: p, key: key, inst: inst}, nil
}

// pack gives an instance the packed form of the weights that were given to Load.
func (p *Program) pack(key string, inst *instance) error {
	have := p.packed[key]
	if have == nil {
		have = map[packing]*memory.Buffer{}
		p.packed[key] = have
	}
	for ki, b := range inst.kernels {
		for _, pk := range b.packings {
			input := inst.inputOf(b.args[pk.arg])
			if input < 0 || p.weights[input] == nil {
				continue
			}
			// The same layout of the same tensor is packed once, whichever kernel and instance asks.
			id := *pk
			id.arg = input
			buf := have[id]
			if buf == nil {
				var err error
				if buf, err = pk.pack(dataOf(p.weights[input])); err != nil {
					return fmt.Errorf("kernel %d: %w", ki, err)
				}
				have[id] = buf
			}
			inst.packed[pk] = buf
		}
	}
	return nil
}

// inputOf is the program's input whose memory a kernel-level value shares, or -1.
func (in *instance) inputOf(value int) int {
	for i, vs := range in.inputs {
		for _, v := range vs {
			if v == value {
				return i
			}
		}
	}
	return -1
}

func envKey(g *ugraph.Graph, env ugraph.Env) string {
	var b strings.Builder
	for _, s := range g.Symbols {
		fmt.Fprintf(&b, "%s=%d ", s.Name, env[s.Name])
	}
	return b.String()
}

// Run computes outputs from inputs, both in the graph's order; weights that Load was given may be nil.
func (c *Call) Run(ctx context.Context, inputs, outputs []*tensor.Tensor) (err error) {
	g := c.p.graph
	if len(inputs) != len(g.Inputs) || len(outputs) != len(g.Outputs) {
		return fmt.Errorf("%s takes %d inputs and %d outputs, not %d and %d", g.Name, len(g.Inputs), len(g.Outputs), len(inputs), len(outputs))
	}
	for i, t := range inputs {
		if w := c.p.weights[i]; w != nil {
			inputs[i] = w
			continue
		}
		if err := c.check("input", g.Values[g.Inputs[i].Value].Name, &c.inst.bufs[c.inst.inputs[i][0]], t); err != nil {
			return err
		}
	}
	for i, t := range outputs {
		if err := c.check("output", g.Outputs[i].Name, &c.inst.bufs[c.inst.outputs[i].value], t); err != nil {
			return err
		}
	}
	return c.inst.run(ctx, inputs, outputs)
}

func (c *Call) check(what, name string, b *buffer, t *tensor.Tensor) error {
	if t == nil {
		return fmt.Errorf("%s %s is missing", what, name)
	}
	ok := t.DType == b.dtype && len(t.Shape) == b.rank && len(t.Data) == b.size*int(b.dtype.Size())
	for a := 0; ok && a < b.rank; a++ {
		ok = int(t.Shape[a]) == b.shape[a]
	}
	if !ok {
		return fmt.Errorf("%s %s must be %s%v, not %s", what, name, b.dtype, b.shape[:b.rank], t)
	}
	if len(t.Data) > 0 && uintptr(dataOf(t))%uintptr(b.dtype.Size()) != 0 {
		return fmt.Errorf("%s %s: its memory is not aligned for %s", what, name, b.dtype)
	}
	return nil
}

// Release gives the instance back for the next caller.
func (c *Call) Release() {
	if c.inst == nil {
		return
	}
	c.p.mu.Lock()
	if list := c.p.idle[c.key]; len(list) < maxIdle {
		c.p.idle[c.key] = append(list, c.inst)
	}
	c.p.mu.Unlock()
	c.inst = nil
}
