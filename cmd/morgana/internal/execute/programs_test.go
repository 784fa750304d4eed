package execute

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/lower"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// Extents of the embedded programs and the smaller ones that stand for them.
var (
	even   = map[int64]int64{32768: 128, 8192: 64, 6144: 96, 4096: 64, 2048: 32, 1024: 64, 512: 32, 256: 32, 64: 16}
	ragged = map[int64]int64{32768: 131, 8192: 59, 6144: 91, 4096: 67, 2048: 35, 1024: 61, 512: 29, 256: 37, 64: 13, 16: 11, 8: 5}
)

// randomInputs makes the inputs of a graph: weights keep their operand's scale.
func randomInputs(g *ugraph.Graph, env ugraph.Env) (map[string]*tensor.Tensor, error) {
	return tensor.Inputs(g, env, 1, nil, func(i int) (tensor.Fill, error) {
		if g.Inputs[i].Const {
			return tensor.Fill{Kind: tensor.Weight}, nil
		}
		return tensor.Fill{Kind: tensor.Normal}, nil
	})
}

// sizesOf gives every symbol of a program a size that no tile divides.
func sizesOf(g *ugraph.Graph) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range g.Symbols {
		env[s.Name] = s.At(97)
	}
	return env
}

// candidates are μGraphs of a program: every form of its loop law under drawn tilings, each also with
// its elementwise chains as thread graphs.
func candidates(t testing.TB, program *ugraph.Graph, each int) []*ugraph.Graph {
	t.Helper()
	prim, err := library.Expand(program)
	if err != nil {
		t.Fatal(err)
	}
	dag, err := expr.Lift(prim)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, uint64(len(dag.Nodes))))
	tiles := []int64{1, 2, 3, 5, 8, 16, 24, 64}
	draw := func() int64 { return tiles[r.IntN(len(tiles))] }
	var out []*ugraph.Graph
	for _, f := range loop.Forms(dag) {
		for range each {
			tiling := loop.Tiling{LoopTile: draw()}
			for _, a := range f.Grid.List() {
				if r.IntN(3) > 0 {
					tiling.Grid = append(tiling.Grid, loop.AxisTile{Axis: a, Tile: draw()})
				}
			}
			if f.Loop >= 0 && r.IntN(3) == 0 {
				tiling.Split = &loop.AxisTile{Axis: f.Loop, Tile: tiling.LoopTile * (1 + r.Int64N(3))}
			}
			if f.Check(tiling) != nil {
				continue
			}
			g, err := emit(program, f, tiling)
			if err != nil {
				continue // a tile that the axis cannot take
			}
			out = append(out, g)
			low, _, err := lower.Run(g)
			if err != nil {
				t.Errorf("%s: %v\n%s", program.Name, err, text.Print(g))
				continue
			}
			out = append(out, low)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: no candidate", program.Name)
	}
	return out
}

// emit is a tiling of a form as a μGraph with the program's interface.
func emit(program *ugraph.Graph, f *loop.Form, tiling loop.Tiling) (*ugraph.Graph, error) {
	b := ugraph.NewBuilder(program.Name)
	for _, s := range program.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	reshape := func(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
		if b.Err() != nil || ugraph.SameShape(b.Type(v).Shape, shape) {
			return v
		}
		return b.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
	}
	var ins []ugraph.ValueID
	for i, in := range program.Inputs {
		v := program.Values[in.Value]
		add := b.Input
		if in.Const {
			add = b.Weight
		}
		ins = append(ins, reshape(add(v.Name, v.DType, v.Shape), extents(f.DAG, f.DAG.Inputs[i].Axes)))
	}
	res, err := loop.Emit(b, f, tiling, ins)
	if err != nil {
		return nil, err
	}
	for i, o := range program.Outputs {
		b.Output(o.Name, reshape(res[i], program.Values[o.Value].Shape))
	}
	return b.Graph()
}

// extents are the extents of axes.
func extents(d *expr.DAG, axes []int) []ugraph.Dim {
	var shape []ugraph.Dim
	for _, a := range axes {
		shape = append(shape, d.Axes[a].Extent)
	}
	return shape
}

// runOn runs a graph with its weights packed and returns the outputs.
func runOn(d *cpu.Device, g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	s, err := Open(d, g, env, in)
	if err != nil {
		return nil, err
	}
	return s.Out, s.Run(context.Background())
}

func compare(got, want map[string]*tensor.Tensor) error {
	for name, t := range got {
		d, err := tensor.Compare(t, want[name])
		if err != nil {
			return err
		}
		if bound := Bound(t.DType); !(d.Max <= bound) {
			return fmt.Errorf("output %s at %v is %g, want %g: relative error %.2g, beyond %.2g", name, d.Index, d.Got, d.Want, d.Max, bound)
		}
	}
	return nil
}

// eachProgram calls f for every embedded program and variant, those of larger batches on demand, at
// both sets of extents.
func eachProgram(t *testing.T, batches bool, f func(t *testing.T, g *ugraph.Graph, env ugraph.Env, in, want map[string]*tensor.Tensor)) {
	for _, info := range programs.List() {
		names := append([]string{info.Name}, info.Variants...)
		if testing.Short() {
			names = names[:min(2, len(names))]
		} else if !batches {
			names = slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, "/b") && !strings.HasSuffix(n, "/bf16") })
		}
		for _, name := range names {
			for size, by := range map[string]map[int64]int64{"even": even, "ragged": ragged} {
				t.Run(name+"/"+size, func(t *testing.T) {
					g := programtest.Resized(t, name, by)
					env := sizesOf(g)
					in, err := randomInputs(g, env)
					if err != nil {
						t.Fatal(err)
					}
					want, err := Reference(g, env, in)
					if err != nil {
						t.Fatal(err)
					}
					f(t, g, env, in, want)
				})
			}
		}
	}
}

// TestPrograms runs every program plainly, with 1 to 8 threads: within the bound of float64, and the
// same bytes whatever the number of threads and whether the weights were packed.
func TestPrograms(t *testing.T) {
	var devices []*cpu.Device
	for threads := 1; threads <= 8; threads++ {
		devices = append(devices, cpu.New(threads))
		defer devices[threads-1].Close()
	}
	eachProgram(t, true, func(t *testing.T, g *ugraph.Graph, env ugraph.Env, in, want map[string]*tensor.Tensor) {
		sameForAllThreads(t, devices, g, env, in, want)
	})
}

// TestCandidates runs μGraphs of every program in the same way.
func TestCandidates(t *testing.T) {
	var devices []*cpu.Device
	for _, threads := range []int{1, 2, 3, 8} {
		d := cpu.New(threads)
		defer d.Close()
		devices = append(devices, d)
	}
	each := 2
	if testing.Short() {
		each = 1
	}
	eachProgram(t, false, func(t *testing.T, g *ugraph.Graph, env ugraph.Env, in, want map[string]*tensor.Tensor) {
		for _, c := range candidates(t, g, each) {
			sameForAllThreads(t, devices, c, env, in, want)
			if t.Failed() {
				return
			}
		}
	})
}

func sameForAllThreads(t *testing.T, devices []*cpu.Device, g *ugraph.Graph, env ugraph.Env, in, want map[string]*tensor.Tensor) {
	t.Helper()
	var first map[string]*tensor.Tensor
	for _, d := range devices {
		got, err := runOn(d, g, env, in)
		if err == nil {
			err = compare(got, want)
		}
		if err != nil {
			t.Errorf("%d threads: %v\n%s", d.Threads(), err, text.Print(g))
			return
		}
		if first == nil {
			first = got
		}
		for name := range got {
			if string(got[name].Data) != string(first[name].Data) {
				t.Errorf("%s differs between %d and %d threads\n%s", name, devices[0].Threads(), d.Threads(), text.Print(g))
				return
			}
		}
	}
}

// TestConcurrentRuns lets several goroutines run one program with their own inputs and outputs.
func TestConcurrentRuns(t *testing.T) {
	d := cpu.New(3)
	defer d.Close()
	g := programtest.Resized(t, "mlp_decode", ragged)
	weights := map[string]*tensor.Tensor{}
	base, err := randomInputs(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range g.Inputs {
		if name := g.Values[x.Value].Name; x.Const {
			weights[name] = base[name]
		}
	}
	p, err := d.Load(g, weights)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		x, err := tensor.Random(ugraph.F32, base["x"].Shape, int64(i), "x", tensor.Fill{})
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]*tensor.Tensor{"x": x}
		for k, v := range weights {
			all[k] = v
		}
		want, err := Reference(g, nil, all)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range 20 {
				out, err := p.OutputTensors(nil)
				if err == nil {
					err = p.Run(context.Background(), map[string]*tensor.Tensor{"x": x}, out)
				}
				if err == nil {
					err = compare(out, want)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestRunsWithoutAllocation: after its first run a call allocates nothing.
func TestRunsWithoutAllocation(t *testing.T) {
	if testing.Short() {
		t.Skip("the other tests run the same graphs")
	}
	for _, name := range []string{"gqa", "gated_mlp", "layer_norm", "moe/f16", "qknorm_gqa", "softmax_wide", "lora"} {
		for _, threads := range []int{1, 2} {
			d := cpu.New(threads)
			defer d.Close()
			g := programtest.Resized(t, name, ragged)
			in, err := randomInputs(g, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range append(candidates(t, g, 1), g) {
				s, err := Open(d, c, nil, in)
				if err != nil {
					t.Fatal(err)
				}
				run := func() {
					if err := s.Run(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
				for range 20 { // every thread has met every block
					run()
				}
				if n := testing.AllocsPerRun(20, run); n != 0 {
					t.Fatalf("%s, %d threads: %v allocations a run\n%s", name, threads, n, text.Print(c))
				}
			}
		}
	}
}

// TestExecuteShrunk runs the search's own check on full-sized μGraphs.
func TestExecuteShrunk(t *testing.T) {
	d := cpu.New(2)
	defer d.Close()
	c := &CPU{Device: d, Inputs: randomInputs}
	for _, name := range []string{"gqa", "gated_mlp", "rmsnorm_linear/bf16", "attention_decode", "ntrans"} {
		for _, g := range candidates(t, programtest.Program(t, name), 1) {
			if _, err := c.Execute(t.Context(), g); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text.Print(g))
			}
		}
	}
}
