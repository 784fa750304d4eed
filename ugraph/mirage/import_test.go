package mirage

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// half is the JSON of an f16 tensor.
func half(guid int, dims ...int) string {
	all := append(append([]int{}, dims...), make([]int, 4-len(dims))...)
	return fmt.Sprintf(`{"data_type":921,"dim":%s,"guid":%d,"num_dims":%d}`, strings.ReplaceAll(fmt.Sprint(all), " ", ","), guid, len(dims))
}

func kn(op, in, out string) string {
	return fmt.Sprintf(`{"op_type":"kn_%s_op","input_tensors":[%s],"output_tensors":[%s]}`, op, in, out)
}

func tb(op, in, out string) string {
	return fmt.Sprintf(`{"op_type":"tb_%s_op","input_tensors":[%s],"output_tensors":[%s]}`, op, in, out)
}

func tbInput(outer, tile, gridMap string, loop int) string {
	return fmt.Sprintf(`{"op_type":"tb_input_op","dtensor":%s,"input_map":%s,"forloop_dim":%d,"input_tensors":[],"output_tensors":[%s]}`, outer, gridMap, loop, tile)
}

func tbOutput(outer, tile, gridMap string) string {
	return fmt.Sprintf(`{"op_type":"tb_output_op","dtensor":%s,"output_map":%s,"input_tensors":[%s],"output_tensors":[]}`, outer, gridMap, tile)
}

func customized(in, out, grid string, loop, r int, ops ...string) string {
	return fmt.Sprintf(`{"op_type":"kn_customized_op","input_tensors":[%s],"output_tensors":[%s],"bgraph":{"grid_dim":%s,"forloop_range":%d,"reduction_dimx":%d,"operators":[%s]}}`,
		in, out, grid, loop, r, strings.Join(ops, ","))
}

func file(ops ...string) string { return "[[" + strings.Join(ops, ",") + "]]" }

// rmsLinear is rms_norm(X) @ W, X (2, 12), W (12, 6), in 3 blocks and 4 iterations.
func rmsLinear() string {
	return file(
		kn("input", "", half(1, 2, 12)), kn("input", "", half(2, 12, 6)),
		customized(half(1, 2, 12)+","+half(2, 12, 6), half(3, 2, 6), `{"x":3,"y":1,"z":1}`, 4, 64,
			tbInput(half(1, 2, 12), half(11, 2, 3), `{"x":-1,"y":-1,"z":-1}`, 1),
			tbInput(half(2, 12, 6), half(12, 3, 2), `{"x":1,"y":-1,"z":-1}`, 0),
			tb("matmul", half(11, 2, 3)+","+half(12, 3, 2), half(13, 2, 2)),
			tb("accum_nored", half(13, 2, 2), half(14, 2, 2)),
			tb("accum_red_ld_rms", half(11, 2, 3), half(15, 2, 1)),
			tb("div", half(14, 2, 2)+","+half(15, 2, 1), half(16, 2, 2)),
			tbOutput(half(3, 2, 6), half(16, 2, 2), `{"x":1,"y":-1,"z":-1}`)),
		kn("output", half(3, 2, 6), ""))
}

// softmaxSum stacks partial sums over R entries, and sums them in a second kernel without a loop.
func softmaxSum() string {
	return file(
		kn("input", "", half(1, 2, 16)),
		kn("exp", half(1, 2, 16), half(2, 2, 16)),
		customized(half(2, 2, 16), half(3, 2, 4), `{"x":2,"y":1,"z":1}`, 2, 2,
			tbInput(half(2, 2, 16), half(11, 2, 4), `{"x":1,"y":-1,"z":-1}`, 1),
			tb("accum_redtox_ld_sum", half(11, 2, 4), half(12, 2, 2)),
			tbOutput(half(3, 2, 4), half(12, 2, 2), `{"x":1,"y":-1,"z":-1}`)),
		customized(half(3, 2, 4), half(4, 2, 1), `{"x":1,"y":1,"z":1}`, 1, 2,
			tbInput(half(3, 2, 4), half(21, 2, 4), `{"x":-1,"y":-1,"z":-1}`, -1),
			tb("accum_red_ld_sum", half(21, 2, 4), half(22, 2, 1)),
			tbOutput(half(4, 2, 1), half(22, 2, 1), `{"x":-1,"y":-1,"z":-1}`)),
		kn("div", half(2, 2, 16)+","+half(4, 2, 1), half(5, 2, 16)),
		kn("output", half(5, 2, 16), ""), kn("output", half(4, 2, 1), ""))
}

func importOne(t *testing.T, text string) *ugraph.Graph {
	t.Helper()
	gs, err := Import(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(gs) != 1 {
		t.Fatalf("%d graphs", len(gs))
	}
	return gs[0]
}

func TestImportComputes(t *testing.T) {
	g := importOne(t, rmsLinear())
	if g.InputByName("in1") != 1 || g.OutputByName("out0") != 0 || g.Name != "mirage_0" {
		t.Errorf("names: %s %v %v", g.Name, g.Inputs, g.Outputs)
	}
	body := g.Nodes[0].Body
	if len(body.Grid) != 1 || body.Grid[0].Parts != 3 || body.Loop == nil || body.Loop.Parts != 4 {
		t.Errorf("grid %v, loop %v", body.Grid, body.Loop)
	}
	in := normalInputs(t, g)
	out, err := interp.Run(interp.Float64{}, g, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, w := in[0].Data, in[1].Data
	for i := 0; i < 2; i++ {
		square := 0.0
		for k := 0; k < 12; k++ {
			square += x[i*12+k] * x[i*12+k] / 12
		}
		for j := 0; j < 6; j++ {
			want := 0.0
			for k := 0; k < 12; k++ {
				want += x[i*12+k] / math.Sqrt(square) * w[k*6+j]
			}
			if got := out[0].Data[i*6+j]; math.Abs(got-want) > 1e-12 {
				t.Errorf("(%d, %d) is %v, want %v", i, j, got, want)
			}
		}
	}

	g = importOne(t, softmaxSum())
	if second := g.Nodes[2].Body; len(second.Grid) != 0 || second.Loop != nil {
		t.Errorf("one block and one iteration are kept: grid %v, loop %v", second.Grid, second.Loop)
	}
	in = normalInputs(t, g)
	if out, err = interp.Run(interp.Float64{}, g, in, nil); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ {
		sum := 0.0
		for _, v := range in[0].Data[i*16 : i*16+16] {
			sum += math.Exp(v)
		}
		if got := out[1].Data[i]; math.Abs(got-sum) > 1e-12*sum {
			t.Errorf("sum %d is %v, want %v", i, got, sum)
		}
		if got, want := out[0].Data[i*16+3], math.Exp(in[0].Data[i*16+3])/sum; math.Abs(got-want) > 1e-12 {
			t.Errorf("softmax of row %d: %v, want %v", i, got, want)
		}
	}
}

func TestImportErrors(t *testing.T) {
	in, out := kn("input", "", half(1, 2, 4)), kn("output", half(1, 2, 4), "")
	edit := func(old, with string) string { return strings.Replace(rmsLinear(), old, with, 1) }
	for _, c := range []struct{ what, text, want string }{
		{"empty", "", "byte 0"},
		{"not JSON", "[[{]]", "byte"},
		{"not a list", `{"op_type":"kn_input_op"}`, "a list of graphs"},
		{"text for a number", edit(`"forloop_range":4`, `"forloop_range":"4"`), "byte"},
		{"no list", "null", "has no graphs"},
		{"an empty list", "[]", "has no graphs"},
		{"after the end", file(in, out) + "[]", "byte"},
		{"no output", file(in), "graph 0: it has no kn_output_op"},
		{"unknown operator", file(in, kn("conv", half(1, 2, 4), half(2, 2, 4)), out), "graph 0: operator 1 (kn_conv_op): op_type: kn_conv_op is not known"},
		{"element type", strings.Replace(file(in, out), "921", "920", 1), "data_type: 920"},
		{"num_dims", strings.Replace(file(in, out), `"num_dims":2`, `"num_dims":9`, 1), "num_dims: 9"},
		{"huge", file(kn("input", "", half(1, 1<<40, 1<<40))), "2^48"},
		{"empty tensor", file(kn("input", "", half(1, 2, 0))), "is empty"},
		{"unknown guid", file(in, kn("exp", half(7, 2, 4), half(2, 2, 4)), out), "input_tensors 0: guid 7"},
		{"guid twice", file(in, in, out), "operator 1 (kn_input_op): output_tensors 0: guid 1 is defined twice"},
		{"shape of a use", file(in, kn("exp", half(1, 4, 2), half(2, 2, 4)), out), "the file says f16[4, 2]"},
		{"shape of a result", file(in, kn("exp", half(1, 2, 4), half(2, 4, 2)), out), "output_tensors 0: guid 2 is f16[2, 4]"},
		{"operands", file(in, kn("add", half(1, 2, 4), half(2, 2, 4)), out), "add takes 2 operands"},
		{"no bgraph", file(in, kn("customized", half(1, 2, 4), half(2, 2, 4)), out), "bgraph: it is missing"},
		{"grid", edit(`"x":3`, `"x":0`), "bgraph: grid_dim: x = 0"},
		{"huge grid", edit(`"x":3`, `"x":99999999`), "grid_dim"},
		{"parts do not divide", edit(`"x":3`, `"x":4`), "bgraph: operator 1 (tb_input_op)"},
		{"loop", edit(`"forloop_range":4`, `"forloop_range":-1`), "forloop_range: -1"},
		{"tile", edit(half(11, 2, 3), half(11, 2, 4)), "bgraph: operator 0 (tb_input_op): output_tensors 0"},
		{"input map", edit(`"input_map":{"x":1`, `"input_map":{"x":2`), "input_map: x = 2"},
		{"forloop_dim", edit(`"forloop_dim":0`, `"forloop_dim":2`), "forloop_dim: 2"},
		{"output map", edit(`"output_map":{"x":1`, `"output_map":{"x":-2`), "output_map: x = -2"},
		{"no map", edit(`"output_map":{"x":1,"y":-1,"z":-1},`, ""), "output_map: it is missing"},
		{"other output", edit(tbOutput(half(3, 2, 6), half(16, 2, 2), `{"x":1,"y":-1,"z":-1}`), tbOutput(half(4, 2, 6), half(16, 2, 2), `{"x":1,"y":-1,"z":-1}`)), "tb_output_op 0 writes 4"},
		{"loop and after", edit(tb("div", half(14, 2, 2)+","+half(15, 2, 1), half(16, 2, 2)), tb("div", half(14, 2, 2)+","+half(13, 2, 2), half(16, 2, 2))), "phases"},
		{"reduce to", strings.Replace(softmaxSum(), `"reduction_dimx":2`, `"reduction_dimx":3`, 1), "reduction_dimx: 3"},
	} {
		if _, err := Import(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}

// TestSeeds: the committed seeds of the fuzz target are these graphs and import.
func TestSeeds(t *testing.T) {
	for name, text := range map[string]string{"rms_linear.json": rmsLinear(), "softmax_sum.json": softmaxSum()} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		want, got := importOne(t, text), importOne(t, string(data))
		if d := ugraph.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func FuzzImport(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, s := range seeds {
		data, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		gs, err := Import(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, g := range gs {
			if err := ugraph.Validate(g); err != nil {
				t.Errorf("an illegal graph was imported: %v", err)
			}
		}
	})
}
