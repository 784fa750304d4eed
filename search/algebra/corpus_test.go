package algebra

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/mirage"
)

// The pruner keeps every prefix of Mirage's saved μGraphs that are right: the values of their kernels, read
// without tiles, are admitted one by one, and the whole is the program by the axioms. The attention graphs stack
// partial sums of blocks, which have no reading as a program; prefix_test.go reads their values one by one.
func TestCorpusIsNotPruned(t *testing.T) {
	dir := os.Getenv("MORGANA_CORPUS")
	if dir == "" {
		t.Skip("MORGANA_CORPUS is not set: Mirage's saved graphs are not at hand")
	}
	for _, c := range []struct{ file, program string }{
		{"rmsnorm_bs1", "rmsnorm_linear/f16"}, {"lora", "lora/f16"}, {"gated_mlp", "gated_mlp/f16"}, {"ntrans_bs1", "ntrans/f16"},
	} {
		f, err := os.Open(filepath.Join(dir, "mirage", c.file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		gs, err := mirage.Import(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range gs {
			p, err := untiled(g)
			if err != nil {
				t.Errorf("%s: graph %d: %v", c.file, i, err)
				continue
			}
			checkKept(t, fmt.Sprintf("%s %d", c.file, i), programtest.Program(t, c.program), p)
		}
	}
}

// The same for what the search itself finds, where it has a reading without tiles: no running maximum, and no
// partial results of blocks.
func TestFoundIsNotPruned(t *testing.T) {
	tested := 0
	for _, name := range programtest.Names() {
		src, err := os.ReadFile(filepath.Join("..", "testdata", "golden", name+".ug"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := untiled(programtest.Parse(t, string(src)))
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		checkKept(t, name, programtest.Program(t, name), p)
		tested++
	}
	if tested < 6 {
		t.Errorf("%d of the found μGraphs have a reading without tiles", tested)
	}
}

// checkKept tests that every value of a graph without tiles is a subexpression of the program.
func checkKept(t *testing.T, what string, program, g *ugraph.Graph) {
	t.Helper()
	d, x := exprtest.Lift(t, program), exprtest.Lift(t, g)
	meanOfSum(x)
	for k := range d.Inputs {
		if !slices.Equal(x.Inputs[k].Axes, d.Inputs[k].Axes) {
			t.Errorf("%s: input %d has the axes %v, the program's %v", what, k, x.Inputs[k].Axes, d.Inputs[k].Axes)
			return
		}
	}
	a := newAbstraction()
	target := formOf(a, d)
	a.target(target)
	if got := formOf(a, x); got != target {
		t.Errorf("%s is no program equal by the axioms: %s, the program's is %s", what, a.text(got, d), a.text(target, d))
	}
	for v, n := range x.Nodes {
		if len(n.Args) == 0 {
			continue
		}
		one := x.Clone()
		one.Outputs[0].Node = v
		if form := formOf(a, one); !a.admits(form) {
			t.Errorf("%s: %s is pruned: %s", what, describe(x, v), a.text(form, d))
		}
	}
}

// untiled is a μGraph as a program over whole tensors: a load is its tensor, and a sum over the trips is the
// sum over the whole axis, which its operand then is.
func untiled(g *ugraph.Graph) (*ugraph.Graph, error) {
	b := ugraph.NewBuilder("untiled")
	value := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		value[in.Value] = b.Input(v.Name, v.DType, v.Shape)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpKernel {
			copyOp(b, n, value)
			continue
		}
		inner := make([]ugraph.ValueID, len(n.Body.Values))
		for k, in := range n.Body.Inputs {
			inner[in.Value] = value[n.Args[k]]
		}
		for j := range n.Body.Nodes {
			switch m := &n.Body.Nodes[j]; {
			case m.Op == ugraph.OpLoad, m.Op == ugraph.OpAccum && len(m.Args) == 1:
				inner[m.Results[0]] = inner[m.Args[0]]
			case m.Op == ugraph.OpAccum, m.Op == ugraph.OpReshape, m.Op == ugraph.OpBroadcast:
				return nil, fmt.Errorf("%s has no reading without tiles", m.Op)
			default:
				copyOp(b, m, inner)
			}
		}
		for k, o := range n.Body.Outputs {
			value[n.Results[k]] = inner[o.Value]
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, value[o.Value])
	}
	return b.Graph()
}

func copyOp(b *ugraph.Builder, n *ugraph.Node, value []ugraph.ValueID) {
	var args []ugraph.ValueID
	for _, a := range n.Args {
		args = append(args, value[a])
	}
	for k, r := range b.Ops(n.Op, n.Attrs, args...) {
		value[n.Results[k]] = r
	}
}

// meanOfSum writes a sum over an axis that is divided by the axis' extent as the mean that it is: the
// abstraction knows means, and no numbers.
func meanOfSum(d *expr.DAG) {
	for i, n := range d.Nodes {
		if n.Op != ugraph.OpDiv {
			continue
		}
		sum, by := d.Nodes[n.Args[0]], d.Nodes[n.Args[1]]
		if sum.Op != ugraph.OpSum || by.Op != ugraph.OpConst {
			continue
		}
		extent := int64(1)
		for _, k := range sum.Over.List() {
			e, ok := d.Axes[k].Extent.Const()
			if !ok {
				return
			}
			extent *= e
		}
		if by.Value.Cmp(ugraph.Int(extent)) == 0 {
			n.Op, n.Over, n.Args = ugraph.OpMean, sum.Over, sum.Args
			d.Nodes[i] = n
		}
	}
}
