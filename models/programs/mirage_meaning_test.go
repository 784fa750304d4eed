package programs

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// tensor is a batch of matrices.
type tensor struct {
	batch, rows, columns int
	x                    []float64
}

func empty(batch, rows, columns int) tensor {
	return tensor{batch, rows, columns, make([]float64, batch*rows*columns)}
}

func (a tensor) at(b, i, j int) *float64 { return &a.x[(b*a.rows+i)*a.columns+j] }

// each applies f to the elements of tensors of one shape.
func each(f func(x []float64) float64, args ...tensor) tensor {
	out := empty(args[0].batch, args[0].rows, args[0].columns)
	x := make([]float64, len(args))
	for i := range out.x {
		for k, a := range args {
			x[k] = a.x[i%len(a.x)] // one row stands for all
		}
		out.x[i] = f(x)
	}
	return out
}

func times(a, b tensor) tensor {
	out := empty(a.batch, a.rows, b.columns)
	for n := range out.batch {
		for i := range out.rows {
			for j := range out.columns {
				for k := range a.columns {
					*out.at(n, i, j) += *a.at(n, i, k) * *b.at(n, k, j)
				}
			}
		}
	}
	return out
}

func transposed(a tensor) tensor {
	out := empty(a.batch, a.columns, a.rows)
	for n := range a.batch {
		for i := range a.rows {
			for j := range a.columns {
				*out.at(n, j, i) = *a.at(n, i, j)
			}
		}
	}
	return out
}

// byRow divides each row by f of it.
func byRow(a tensor, f func(row []float64) float64) tensor {
	out := empty(a.batch, a.rows, a.columns)
	for i := 0; i < len(a.x); i += a.columns {
		d := f(a.x[i : i+a.columns])
		for j := range a.columns {
			out.x[i+j] = a.x[i+j] / d
		}
	}
	return out
}

func rms(a tensor) tensor {
	return byRow(a, func(row []float64) float64 {
		s := 0.0
		for _, x := range row {
			s += x * x
		}
		return math.Sqrt(s / float64(len(row)))
	})
}

func exponential(a tensor) tensor {
	return each(func(x []float64) float64 { return math.Exp(x[0]) }, a)
}

func attention(q, k, v tensor) tensor {
	return times(byRow(exponential(times(q, k)), func(row []float64) float64 {
		s := 0.0
		for _, x := range row {
			s += x
		}
		return s
	}), v)
}

func add(a, b tensor) tensor { return each(func(x []float64) float64 { return x[0] + x[1] }, a, b) }
func mul(a, b tensor) tensor { return each(func(x []float64) float64 { return x[0] * x[1] }, a, b) }
func silu(a tensor) tensor {
	return each(func(x []float64) float64 { return x[0] / (1 + math.Exp(-x[0])) }, a)
}

// meanings are Mirage's formulas, at small sizes, no two of them alike.
var meanings = []struct {
	formula, sizes string
	of             func(in []tensor) []tensor
}{
	{"attention", "H=2 T=3 D=4 S=5", func(in []tensor) []tensor { return []tensor{attention(in[0], in[1], in[2])} }},
	{"q_norm_attention", "H=2 T=3 D=4 S=5", func(in []tensor) []tensor { return []tensor{attention(rms(in[0]), in[1], in[2])} }},
	{"v_norm_attention", "H=2 T=3 D=4 S=5", func(in []tensor) []tensor { return []tensor{attention(in[0], in[1], rms(in[2]))} }},
	{"qv_norm_attention", "H=2 T=3 D=4 S=5", func(in []tensor) []tensor { return []tensor{attention(rms(in[0]), in[1], rms(in[2]))} }},
	{"gated_mlp", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{mul(silu(times(in[0], in[1])), times(in[0], in[2]))}
	}},
	{"lora", "M=3 K=4 N=5 R=2", func(in []tensor) []tensor {
		return []tensor{add(times(in[0], in[1]), times(times(in[0], in[2]), in[3]))}
	}},
	{"rms_lora", "M=3 K=4 N=5 R=2", func(in []tensor) []tensor {
		return []tensor{times(rms(in[0]), add(in[1], times(in[2], in[3])))}
	}},
	{"moe", "E=2 M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{times(exponential(times(in[0], in[1])), in[2])}
	}},
	{"mlp", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{times(exponential(times(in[0], in[1])), in[2])}
	}},
	{"norm_transformer", "M=3 N=5", func(in []tensor) []tensor {
		return []tensor{rms(add(in[1], mul(in[2], add(rms(in[0]), in[1]))))}
	}},
	{"linear", "M=3 K=4 N=5", func(in []tensor) []tensor { return []tensor{times(in[0], in[1])} }},
	{"linear_widened", "M=3 K=4 N=5", func(in []tensor) []tensor { return []tensor{times(in[0], in[1])} }},
	{"rms_linear", "M=3 K=4 N=5", func(in []tensor) []tensor { return []tensor{times(rms(in[0]), in[1])} }},
	{"rms_gamma_linear", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{times(mul(rms(in[0]), in[1]), in[2])}
	}},
	{"rms_gamma_linear_columns", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{times(mul(rms(in[0]), in[1]), transposed(in[2]))}
	}},
	{"swiglu_linear", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{times(mul(silu(in[0]), in[1]), in[2])}
	}},
	{"linear_rms", "M=3 K=4 N=5", func(in []tensor) []tensor { return []tensor{rms(times(in[0], in[1]))} }},
	{"linear_rms_scale_rms", "M=3 K=4 N=5", func(in []tensor) []tensor {
		return []tensor{rms(mul(rms(times(in[0], in[1])), in[2]))}
	}},
	{"add_exp", "M=3 N=5", func(in []tensor) []tensor {
		sum := add(in[0], in[1])
		return []tensor{add(in[0], sum), exponential(sum)}
	}},
}

// TestMirageMeanings runs every formula of the family and compares it with plain loops.
func TestMirageMeanings(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range meanings {
		names := []string{c.formula}
		if _, err := files.ReadFile("mirage/" + c.formula + "_nomax.ug"); err == nil {
			names = append(names, c.formula+"_nomax")
		}
		for _, name := range names {
			seen[name] = true
			t.Run(name, func(t *testing.T) { compareValues(t, name, c.sizes, c.of) })
		}
	}
	for _, r := range mirage {
		if !seen[r.formula] {
			t.Errorf("%s: the formula %s is compared with nothing", r.name, r.formula)
		}
	}
}

func compareValues(t *testing.T, name, sizes string, of func([]tensor) []tensor) {
	formula, err := files.ReadFile("mirage/" + name + ".ug")
	if err != nil {
		t.Fatal(err)
	}
	source, err := row{sizes: sizes}.bind(string(formula), name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := parsed(source)
	if err != nil {
		t.Fatal(err)
	}
	draw := rand.New(rand.NewPCG(1, 2))
	var inputs []*interp.Tensor[float64]
	var plain []tensor
	for _, in := range g.Inputs {
		shape, err := ugraph.EvalShape(g.Values[in.Value].Shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		whole := slices.Concat([]int64{1, 1, 1}, shape)[len(shape):]
		x := empty(int(whole[0]), int(whole[1]), int(whole[2]))
		for i := range x.x {
			x.x[i] = draw.NormFloat64()
		}
		in, err := interp.FromFloats(g.Values[in.Value].DType, shape, x.x)
		if err != nil {
			t.Fatal(err)
		}
		plain, inputs = append(plain, x), append(inputs, in)
	}
	outputs, err := interp.Run(interp.Float64{}, g, inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := of(plain)
	if len(outputs) != len(want) {
		t.Fatalf("%d outputs, want %d", len(outputs), len(want))
	}
	for k, out := range outputs {
		got := interp.Floats(out)
		if len(got) != len(want[k].x) {
			t.Fatalf("output %d has %d elements, want %d", k, len(got), len(want[k].x))
		}
		for i, x := range got {
			if d := math.Abs(x - want[k].x[i]); !(d <= 1e-12*(1+math.Abs(x))) {
				t.Fatalf("output %d at %d: %v, want %v", k, i, x, want[k].x[i])
			}
		}
	}
}
