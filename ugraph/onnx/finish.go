package onnx

import (
	"fmt"
	"maps"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// finish makes the programs: of each level, what its outputs need.
func (im *importer) finish(g *graphProto) (*Result, error) {
	outputs := map[int][]output{}
	last := 0
	for level := range im.programs {
		last = max(last, level)
	}
	taken := map[*tensor]bool{}
	for i := range g.outputs {
		name := g.outputs[i].name
		t := im.tensors[name]
		if t.fault != "" || t.level >= 0 && !im.computed(t) {
			continue // made by an operator between the programs
		}
		level := t.level
		if level < 0 {
			level = last
		}
		v, err := im.outputValue(t, level)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
		outputs[level] = append(outputs[level], output{im.reserved[name], v})
		taken[t] = true
	}
	for _, t := range im.results {
		if im.demanded[t] && !taken[t] {
			taken[t] = true
			outputs[t.level] = append(outputs[t.level], output{t.ident, t.ids[t.level]})
		}
	}
	r := &Result{Symbols: im.symbols, Fixed: im.fixed, Defaulted: im.defaulted, Unsupported: im.unsupported}
	levels := slices.Sorted(maps.Keys(outputs))
	seen := map[*Weight]bool{}
	for i, level := range levels {
		name := im.opts.Name
		if len(levels) > 1 {
			name = fmt.Sprintf("%s_%d", name, i)
		}
		p, err := im.program(name, level, outputs[level], len(im.unsupported) == 0)
		if err != nil {
			return nil, err
		}
		r.Programs = append(r.Programs, p)
		has := map[string]bool{}
		for _, in := range p.Inputs {
			has[p.Values[in.Value].Name] = true
		}
		for _, t := range im.uses[level] {
			if w := t.weight; w != nil && !seen[w] && has[t.ident] {
				seen[w], w.Name = true, t.ident
				r.Weights = append(r.Weights, w)
			}
		}
	}
	if len(r.Programs) == 0 {
		return nil, fmt.Errorf("no program is left: no output is computed by an operator that can be expressed")
	}
	return r, nil
}

type output struct {
	name  string
	value ugraph.ValueID
}

// computed tells whether a node of a program computes the tensor.
func (im *importer) computed(t *tensor) bool {
	v, ok := t.ids[t.level]
	return ok && im.programs[t.level].Values[v].Node >= 0
}

// outputValue is an output's value; one that is known, an input or a weight enters the program for it.
func (im *importer) outputValue(t *tensor, level int) (v ugraph.ValueID, err error) {
	defer func() {
		if r := recover(); r != nil {
			no, ok := r.(refusal)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%s", no.reason)
		}
	}()
	c := &call{im: im, level: level}
	return c.use(t), nil
}

// program copies what the outputs need into a program: literals stand before each of their uses, so that
// they print inside expressions, and a node's results carry the model's names.
func (im *importer) program(name string, level int, outs []output, whole bool) (*ugraph.Graph, error) {
	g := im.programs[level]
	live := make([]bool, len(g.Values))
	for _, o := range outs {
		live[o.value] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		if slices.ContainsFunc(n.Results, func(v ugraph.ValueID) bool { return live[v] }) {
			for _, a := range n.Args {
				live[a] = true
			}
		}
	}
	b := ugraph.NewBuilder(name)
	im.declareSymbols(b, g, live, level, whole)
	ids := make([]ugraph.ValueID, len(g.Values))
	for _, t := range im.inputsOf(level, live, whole) {
		v := ugraph.ValueID(0)
		if t.weight != nil {
			v = b.Weight(t.ident, t.typ.DType, t.typ.Shape)
		} else {
			v = b.Input(t.ident, t.typ.DType, t.typ.Shape)
		}
		if old, ok := t.ids[level]; ok {
			ids[old] = v
		}
	}
	names := im.namesOf(level, g)
	get := func(v ugraph.ValueID) ugraph.ValueID {
		if p := g.Values[v].Node; p >= 0 && g.Nodes[p].Op == ugraph.OpConst {
			return b.Op(ugraph.OpConst, g.Nodes[p].Attrs)
		}
		return ids[v]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == ugraph.OpConst || !slices.ContainsFunc(n.Results, func(v ugraph.ValueID) bool { return live[v] }) {
			continue
		}
		args := make([]ugraph.ValueID, len(n.Args))
		isLiteral := func(a ugraph.ValueID) bool {
			p := g.Values[a].Node
			return p >= 0 && g.Nodes[p].Op == ugraph.OpConst
		}
		for _, literals := range []bool{false, true} { // in the order of the text: literals last
			for j, a := range n.Args {
				if isLiteral(a) == literals {
					args[j] = get(a)
				}
			}
		}
		for j, v := range b.Ops(n.Op, n.Attrs, args...) {
			ids[n.Results[j]] = v
			b.Name(v, names[n.Results[j]])
		}
	}
	for _, o := range outs {
		b.Output(o.name, get(o.value))
	}
	p, err := b.Graph()
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	return p, nil
}

// inputsOf lists a program's inputs: those of the model in its order (all of them where the model is one
// program), what earlier programs computed, then weights.
func (im *importer) inputsOf(level int, live []bool, whole bool) []*tensor {
	var data, weights []*tensor
	for _, t := range im.uses[level] {
		switch {
		case !live[t.ids[level]] && !(whole && t.weight == nil):
		case t.weight != nil:
			weights = append(weights, t)
		case !t.given:
			data = append(data, t)
		}
	}
	var own []*tensor
	for _, t := range im.inputs {
		if v, ok := t.ids[level]; whole || ok && live[v] {
			own = append(own, t)
		}
	}
	return slices.Concat(own, data, weights)
}

// namesOf gives the results of a level's nodes the model's names.
func (im *importer) namesOf(level int, g *ugraph.Graph) []string {
	names := make([]string, len(g.Values))
	for _, t := range im.results {
		if t.level == level && names[t.ids[level]] == "" {
			names[t.ids[level]] = t.ident
		}
	}
	return names
}

// declareSymbols declares the symbols that a program uses, in the order in which the model named them.
func (im *importer) declareSymbols(b *ugraph.Builder, g *ugraph.Graph, live []bool, level int, whole bool) {
	used := map[string]bool{}
	add := func(ds []ugraph.Dim) {
		for _, d := range ds {
			for _, s := range d.Symbols() {
				used[s] = true
			}
		}
	}
	for i := range g.Values {
		if live[i] {
			add(g.Values[i].Shape)
		}
	}
	for i := range g.Nodes {
		if slices.ContainsFunc(g.Nodes[i].Results, func(v ugraph.ValueID) bool { return live[v] }) {
			for _, a := range g.Nodes[i].Attrs {
				add(a.Dims)
			}
			for _, v := range g.Nodes[i].Results {
				add(g.Values[v].Shape)
			}
		}
	}
	for _, t := range im.inputsOf(level, live, whole) {
		add(t.typ.Shape)
	}
	for _, s := range im.symbols {
		if used[s.Name] {
			b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
		}
	}
}
