package cpu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
	"github.com/morgana-ml/morgana/ugraph/library"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// The element types that an operator is tried with.
var (
	floats  = []string{"f32", "f64", "f16", "bf16", "f8e4m3"}
	wide    = []string{"f32", "f64", "f16", "bf16"}
	whole   = []string{"i32", "i64", "i8", "u8"}
	bools   = []string{"bool"}
	numbers = append(append([]string(nil), floats...), whole...)
	bitwise = append(append([]string(nil), whole...), bools...)
	every   = append(append([]string(nil), numbers...), bools...)
)

// operatorCase is programs of one operator: T stands for each of the element types. X is (3, 13),
// Y (3, 13), R (13), C (3, 1), Z (2, 3, 5), A (4, 3, 7), B (7, 5); I, an index below 3, is (2, 2).
type operatorCase struct {
	op    ugraph.Op
	types []string
	exprs string // separated by ;
}

var operatorCases = []operatorCase{
	{ugraph.OpConst, numbers, "X + 3; 2 * X"},
	{ugraph.OpIota, []string{"i32"}, "X * iota(n=13); iota(n=13) + R"},
	{ugraph.OpMatMul, append(wide, "i32", "i64"), "matmul(A, B); matmul(A, transpose(B), transpose_b=true); matmul(transpose(A, perm=[0, 2, 1]), B, transpose_a=true); matmul(X, Y, transpose_b=true); matmul(X, Y, transpose_a=true); matmul(Z, transpose(Z, perm=[0, 2, 1])); matmul(C, C, transpose_b=true); matmul(C, C, transpose_a=true); matmul(reshape(R, shape=[1, 13]), reshape(R, shape=[13, 1])); matmul(slice(A, axis=2, start=1, end=6), slice(B, start=2)); matmul(slice(A, axis=1, start=1, end=2), B); matmul(broadcast(slice(A, end=1), shape=[4, 3, 7]), B)"},
	{ugraph.OpExp, floats, "exp(X * 0.5); exp(R)"},
	{ugraph.OpLog, wide, "log(square(X) + 1)"},
	{ugraph.OpSqrt, wide, "sqrt(square(X) + 1); sqrt(abs(transpose(X)))"},
	{ugraph.OpRsqrt, wide, "rsqrt(square(X) + 1)"},
	{ugraph.OpSquare, numbers, "square(X); square(transpose(X))"},
	{ugraph.OpAbs, numbers, "abs(X)"},
	{ugraph.OpNeg, numbers, "neg(X); -slice(X, axis=1, start=2, end=9)"},
	{ugraph.OpSign, numbers, "sign(X); sign(X - X)"},
	{ugraph.OpReciprocal, wide, "reciprocal(square(X) + 1)"},
	{ugraph.OpFloor, floats, "floor(X)"},
	{ugraph.OpSin, wide, "sin(X)"},
	{ugraph.OpCos, wide, "cos(X)"},
	{ugraph.OpTanh, floats, "tanh(X)"},
	{ugraph.OpErf, floats, "erf(X)"},
	{ugraph.OpSigmoid, floats, "sigmoid(X)"},
	{ugraph.OpSilu, floats, "silu(X)"},
	{ugraph.OpRelu, numbers, "relu(X)"},
	{ugraph.OpSoftplus, floats, "softplus(X)"},
	{ugraph.OpGelu, floats, "gelu(X); gelu(X, approximate=tanh)"},
	{ugraph.OpPow, wide, "pow(square(X) + 1, exponent=-1.5); pow(X, exponent=3)"},
	{ugraph.OpClamp, numbers, "clamp(X, min=0); clamp(X, max=1); clamp(X, min=1, max=2)"},
	{ugraph.OpCast, every, "cast(X, to=f32); cast(X, to=f64); cast(X, to=f16); cast(X, to=bf16); cast(X, to=f8e4m3); cast(X, to=i32); cast(X, to=i64); cast(X, to=i8); cast(X, to=u8); cast(X, to=bool)"},
	{ugraph.OpAdd, numbers, "X + Y; X + R; X + C; R + C; R + X; C + X"},
	{ugraph.OpSub, numbers, "X - Y; X - R; C - X; transpose(X) - transpose(Y)"},
	{ugraph.OpMul, numbers, "X * Y; R * X; X * C; X * X; transpose(X) * reshape(R, shape=[13, 1])"},
	{ugraph.OpDiv, wide, "X / (square(Y) + 1); C / (square(X) + 1); X / (square(R) + 1)"},
	{ugraph.OpMaximum, numbers, "maximum(X, Y); maximum(C, R)"},
	{ugraph.OpMinimum, numbers, "minimum(X, Y); minimum(R, X)"},
	{ugraph.OpLess, numbers, "X < Y; R < X; C < X"},
	{ugraph.OpLessEqual, numbers, "X <= Y; X <= X"},
	{ugraph.OpEqual, every, "X == Y; X == X"},
	{ugraph.OpGreater, numbers, "X > Y; X > R"},
	{ugraph.OpGreaterEqual, numbers, "X >= Y; X >= C"},
	{ugraph.OpAnd, bitwise, "and(X, Y); and(X, R)"},
	{ugraph.OpOr, bitwise, "or(X, Y)"},
	{ugraph.OpXor, bitwise, "xor(X, C)"},
	{ugraph.OpNot, bitwise, "not(X)"},
	{ugraph.OpShiftLeft, whole, "shift_left(X, and(Y, X - X + 3)); shift_left(X, Y)"},
	{ugraph.OpShiftRight, whole, "shift_right(X, and(Y, X - X + 3)); shift_right(X, Y)"},
	{ugraph.OpPopcount, whole, "popcount(X)"},
	{ugraph.OpWhere, every, "where(X == Y, X, Y); where(X == R, C, Y)"},
	{ugraph.OpUniform, []string{"i32"}, "uniform(X, Y); uniform(C, R)"},
	{ugraph.OpSum, append(wide, whole...), "sum(X, axis=1); sum(X, axis=0); sum(X); sum(Z, axis=[0, 2]); sum(Z, axis=1, keepdims=true); sum(transpose(X), axis=1); sum(A, axis=[0, 1])"},
	{ugraph.OpMean, wide, "mean(X, axis=1, keepdims=true); mean(X, axis=0); mean(X); mean(Z, axis=[1, 2])"},
	{ugraph.OpMax, numbers, "max(X, axis=1); max(X, axis=0, keepdims=true); max(Z, axis=[0, 2]); max(X)"},
	{ugraph.OpMin, numbers, "min(X, axis=1); min(X, axis=0); min(Z, axis=1)"},
	{ugraph.OpArgmax, numbers, "argmax(X, axis=1); argmax(X, axis=0, keepdims=true); argmax(X); argmax(transpose(X), axis=1)"},
	{ugraph.OpTranspose, every, "transpose(X); transpose(Z, perm=[2, 0, 1]); transpose(Z, perm=[1, 0, 2]); transpose(A, perm=[0, 2, 1])"},
	{ugraph.OpReshape, every, "reshape(X, shape=[39]); reshape(transpose(X), shape=[3, 13]); reshape(Z, shape=[6, 5])"},
	{ugraph.OpBroadcast, every, "broadcast(C, shape=[3, 13]); broadcast(R, shape=[2, 3, 13]); broadcast(transpose(C), shape=[2, 3])"},
	{ugraph.OpConcat, every, "concat(X, Y); concat(X, C, Y, axis=1); concat(Z, Z, axis=1); concat(transpose(X), transpose(Y), axis=1)"},
	{ugraph.OpSplit, every, "split(concat(X, Y), parts=3); split(concat(X, Y, axis=1), parts=2, axis=1)"},
	{ugraph.OpSlice, every, "slice(X, start=1); slice(X, axis=1, start=2, end=9); slice(transpose(X), axis=1, start=1)"},
	{ugraph.OpGather, every, "gather(X, I); gather(transpose(X), I, axis=1); gather(A, I, axis=1)"},
	{ugraph.OpScatterAdd, append(wide, whole...), "scatter_add(X, J, Y); scatter_add(transpose(X), J, transpose(Y), axis=1)"},
	{ugraph.OpTopK, numbers, "topk(X, k=3); topk(X, k=2, axis=0); topk(transpose(X), k=1)"},
	{ugraph.OpSoftmax, floats, "softmax(X); softmax(X, axis=0); softmax(Z, axis=1)"},
	{ugraph.OpLogSoftmax, wide, "log_softmax(X); log_softmax(X, axis=0)"},
	{ugraph.OpLogSumExp, wide, "logsumexp(X); logsumexp(X, axis=0, keepdims=true)"},
	{ugraph.OpRMSNorm, wide, "rms_norm(X); rms_norm(X, R, eps=0.01); rms_norm(X, axis=0)"},
	{ugraph.OpLayerNorm, wide, "layer_norm(X, eps=0.1); layer_norm(X, R, eps=0.1); layer_norm(X, R, R, eps=0.1)"},
	{ugraph.OpRope, []string{"f32", "f64"}, "rope(P, I8); rope(P, I8, style=interleaved)"},
	{ugraph.OpAttention, wide, "attention(P, P, P); attention(P, P, P, causal=true, scale=0.5)"},
}

// operatorInputs are the inputs of the cases; T is replaced by the element type.
var operatorInputs = []struct{ name, decl string }{
	{"X", "T[3, 13]"}, {"Y", "T[3, 13]"}, {"R", "T[13]"}, {"C", "T[3, 1]"}, {"Z", "T[2, 3, 5]"}, {"A", "T[4, 3, 7]"}, {"B", "T[7, 5]"},
	{"P", "T[2, 4, 3, 6]"}, {"I", "i32[2, 2]"}, {"J", "i32[3]"}, {"I8", "i32[3]"},
}

// TestOperators runs every operator with every element type that it takes against the reference
// interpreter: by itself in large blocks, by itself in small ragged blocks, and all in one kernel.
func TestOperators(t *testing.T) {
	covered := map[ugraph.Op]bool{}
	devices := []*Device{New(1), New(3)}
	for _, d := range devices {
		defer d.Close()
	}
	for _, c := range operatorCases {
		covered[c.op] = true
		t.Run(c.op.String(), func(t *testing.T) {
			for _, dt := range c.types {
				for _, expr := range strings.Split(c.exprs, ";") {
					testOperator(t, devices, c.op, dt, strings.TrimSpace(expr))
				}
			}
		})
	}
	for _, op := range ugraph.Ops() {
		if class := op.Info().Class; class != ugraph.Holder && class != ugraph.BlockOnly && !covered[op] {
			t.Errorf("no case for %s", op)
		}
	}
}

func testOperator(t *testing.T, devices []*Device, op ugraph.Op, dt, expr string) {
	t.Helper()
	var params []string
	for _, in := range operatorInputs {
		params = append(params, in.name+": "+strings.Replace(in.decl, "T", dt, 1))
	}
	out, body := "O", "O"
	if op == ugraph.OpTopK {
		body, out = "O, N", "O, N"
	} else if op == ugraph.OpSplit {
		parts := strings.Count(expr, "parts=3")
		body = []string{"O, N", "O, N, M"}[parts]
		out = body
	}
	what := fmt.Sprintf("%s: %s", dt, expr)
	gs, err := text.Parse("case", []byte(fmt.Sprintf("program p(%s) -> (%s) {\n %s = %s\n}\n", strings.Join(params, ", "), out, body, expr)))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	g := gs[0]
	in, err := tensor.Inputs(g, nil, 7, nil, func(i int) (tensor.Fill, error) {
		if name := g.Values[g.Inputs[i].Value].Name; strings.HasPrefix(name, "I") || name == "J" {
			return tensor.Fill{Kind: tensor.Index, Limit: 3}, nil
		}
		return tensor.Fill{Kind: tensor.Normal}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := reference(t, g, nil, in)
	expanded, err := library.Expand(g)
	if err != nil {
		t.Fatal(err)
	}
	small, err := unfused(expanded, nil, 8)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for name, form := range map[string]*ugraph.Graph{"plain": g, "small blocks": small, "one kernel": oneKernel(t, expanded)} {
		for _, d := range devices {
			p, err := d.Load(form, nil)
			if err != nil {
				t.Errorf("%s, %s: %v", what, name, err)
				continue
			}
			got, err := p.OutputTensors(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(t.Context(), in, got); err != nil {
				t.Errorf("%s, %s: %v", what, name, err)
				continue
			}
			for _, o := range g.Outputs {
				diff, err := tensor.Compare(got[o.Name], want[o.Name])
				if err != nil {
					t.Fatal(err)
				}
				if !(diff.Max <= bound(got[o.Name].DType)) {
					t.Errorf("%s, %s: %s at %v is %g, want %g", what, name, o.Name, diff.Index, diff.Got, diff.Want)
				}
			}
		}
	}
}

// bound is the largest relative error of a few operators in a row.
func bound(t ugraph.DType) float64 {
	return map[ugraph.DType]float64{ugraph.F64: 1e-13, ugraph.F32: 5e-6, ugraph.F16: 2e-3, ugraph.BF16: 2e-2, ugraph.F8E4M3: 0.13}[t]
}

// oneKernel is a program as one kernel of one block, everything loaded whole.
func oneKernel(t *testing.T, g *ugraph.Graph) *ugraph.Graph {
	t.Helper()
	b := ugraph.NewBuilder(g.Name)
	ids := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		ids[in.Value] = b.Input(v.Name, v.DType, v.Shape)
	}
	used := map[ugraph.ValueID]bool{}
	for _, n := range g.Nodes {
		for _, a := range n.Args {
			used[a] = true
		}
	}
	out := b.Kernel("one", func(k *ugraph.BlockBuilder) {
		for _, in := range g.Inputs {
			if used[in.Value] {
				ids[in.Value] = k.Load(ids[in.Value], nil, -1)
			}
		}
		for i := range g.Nodes {
			n := &g.Nodes[i]
			args := make([]ugraph.ValueID, len(n.Args))
			for j, a := range n.Args {
				args[j] = ids[a]
			}
			res := append([]ugraph.ValueID(nil), k.Ops(n.Op, n.Attrs, args...)...)
			if n.Op == ugraph.OpIota && k.Err() == nil {
				res[0] = k.LoadTile(res[0], nil, -1)
			}
			for j, r := range n.Results {
				if k.Err() == nil {
					ids[r] = res[j]
				}
			}
		}
		for _, o := range g.Outputs {
			k.Store(o.Name, ids[o.Value], ugraph.Store{Loop: -1})
		}
	})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for i, o := range g.Outputs {
		b.Output(o.Name, out[i])
	}
	one, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// reference computes a graph in float64; integers exactly.
func reference(t *testing.T, g *ugraph.Graph, env ugraph.Env, in map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	args := make([]*interp.Tensor[float64], len(g.Inputs))
	for i, x := range g.Inputs {
		v := in[g.Values[x.Value].Name]
		var err error
		if v.DType.IsFloat() {
			args[i], err = interp.FromFloats(v.DType, v.Shape, v.Float64s())
		} else {
			exact := make([]int64, v.Len())
			for j := range exact {
				exact[j] = v.Int64At(j)
			}
			args[i], err = interp.FromInts[float64](v.DType, v.Shape, exact)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	res, err := interp.Run[float64](interp.Float64{}, g, args, env)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*tensor.Tensor{}
	for i, o := range g.Outputs {
		if out[o.Name], err = tensor.FromFloat64(ugraph.F64, res[i].Shape, interp.Floats(res[i])); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
