package programs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// interfaces are the inputs and results of Mirage's programs, by hand from its files: n their number, 2b an
// extent that is twice the batch size, softmax whether the program has one, so that a variant without the
// maximum stands beside it.
var interfaces = []struct {
	n       int
	name    string
	batches []int64
	dtype   string
	shapes  string
	softmax bool
}{
	{1, "gated_mlp", nil, "f16", "8,4096 4096,4096 4096,4096 -> 8,4096", false},
	{2, "group_query_attention", []int64{1, 8, 16}, "f16", "2b,256,64 2b,64,4096 2b,4096,64 -> 2b,256,64", true},
	{3, "multi_head_attention", []int64{1, 8, 16}, "f16", "32b,16,64 32b,64,4096 32b,4096,64 -> 32b,16,64", true},
	{4, "multi_query_attention", []int64{1, 8, 16}, "f16", "1b,1024,64 1b,64,4096 1b,4096,64 -> 1b,1024,64", true},
	{5, "qknorm_gqa", []int64{1, 8, 16}, "f16", "2b,256,64 2b,64,4096 2b,4096,64 -> 2b,256,64", true},
	{6, "lora", nil, "f16", "16,256 256,4096 256,16 16,4096 -> 16,4096", false},
	{7, "moe", nil, "f16", "8,8,4096 8,4096,4096 8,4096,4096 -> 8,8,4096", false},
	{8, "norm_transformer", []int64{1, 8, 16}, "f16", "8b,4096 8b,4096 8b,4096 -> 8b,4096", false},
	{9, "rmsnorm", []int64{1, 8, 16}, "f16", "2b,4096 4096,6144 -> 2b,6144", false},
	{10, "e2e_chameleon/qkv", nil, "f16", "32,4096 4096,12288 -> 32,12288", false},
	{11, "e2e_chameleon/ffn_up", nil, "f16", "32,4096 4096,22016 -> 32,22016", false},
	{12, "e2e_chameleon/attention", nil, "f16", "32,4,128 32,128,4096 32,4096,128 -> 32,4,128", true},
	{13, "e2e_llama/qkv", nil, "f16", "8,4096 4096,6144 -> 8,6144", false},
	{14, "e2e_llama/ffn_up", nil, "f16", "8,4096 4096,28672 -> 8,28672", false},
	{15, "e2e_lora/up", nil, "f16", "8,4096 4096,28672 4096,16 16,28672 -> 8,28672", false},
	{16, "e2e_lora/down", nil, "f16", "8,14336 14336,4096 14336,16 16,4096 -> 8,4096", false},
	{17, "e2e_ngpt/qkv", nil, "f16", "32,4096 4096,4608 -> 32,4608", false},
	{18, "e2e_ngpt/ffn", nil, "f16", "32,4096 4096,8192 32,8192 -> 32,8192", false},
	{19, "demo_rms_norm", nil, "bf16", "1,7168 7168,16384 -> 1,16384", false},
	{20, "demo_lora", nil, "f16", "1,4096 4096,4096 4096,16 16,4096 -> 1,4096", false},
	{21, "demo_llama3_8b/qkv", nil, "f16", "8,4096 4096,6144 -> 8,6144", false},
	{21, "demo_llama3_8b/ffn_up", nil, "f16", "8,4096 4096,28672 -> 8,28672", false},
	{22, "demo_jit", nil, "f16", "12,251 12,251 -> 12,251 12,251", false},
	{23, "reference/gated_mlp", nil, "f16", "16,4096 4096,4096 4096,4096 -> 16,4096", false},
	{24, "reference/group_query_attention", nil, "f16", "2,256,64 2,64,1024 2,1024,64 -> 2,256,64", true},
	{25, "reference/chameleon", nil, "f16", "8,128,64 8,64,4096 8,4096,64 -> 8,128,64", true},
	{26, "reference/chameleon_7b/qkv", nil, "f16", "4,4096 4096,12288 -> 4,12288", false},
	{26, "reference/chameleon_7b/ffn_up", nil, "f16", "4,4096 4096,22016 -> 4,22016", false},
	{26, "reference/chameleon_7b/attention", nil, "f16", "32,4,128 32,128,4096 32,4096,128 -> 32,4,128", true},
	{27, "qwen_mlp", nil, "bf16", "1,3584 1,3584 3584,37888 -> 1,37888", false},
	{27, "qwen_mlp/columns", nil, "bf16", "1,3584 1,3584 37888,3584 -> 1,37888", false},
	{28, "qwen_mlp_part2", nil, "bf16", "1,18944 1,18944 18944,3584 -> 1,3584", false},
	{29, "qwen_prenorm", nil, "bf16", "1,2048 1,2048 2048,2560 -> 1,2560", false},
	{30, "qwen2_5_7b/qkv", nil, "bf16", "1,3584 1,3584 3584,4608 -> 1,4608", false},
	{30, "qwen2_5_3b/ffn_up", nil, "bf16", "1,2048 1,2048 2048,22016 -> 1,22016", false},
	{30, "qwen2_5_3b/ffn_down", nil, "bf16", "1,11008 1,11008 11008,2048 -> 1,2048", false},
	{31, "hopper_fp8_linear", nil, "f8e4m3", "16,4096 4096,4096 -> 16,4096", false},
	{31, "hopper_fp8_linear/widened", nil, "f8e4m3", "16,4096 4096,4096 -> f16:16,4096", false},
	{32, "blackwell/matmul_256x4096x4096", nil, "f16", "256,4096 4096,4096 -> 256,4096", false},
	{32, "blackwell/matmul_512x1024x256", nil, "f16", "512,256 256,1024 -> 512,1024", false},
	{32, "blackwell/rmsnorm", nil, "f16", "512,4096 4096,4096 -> 512,4096", false},
	{33, "profiler_rmsnorm", nil, "f16", "64,4096 4096,4096 -> 64,4096", false},
	{34, "nki_rms_norm", nil, "f16", "16,4096 4096,6144 -> 16,6144", false},
	{35, "cpp/rms", nil, "f16", "8,4096 4096,4096 -> 8,4096", false},
	{36, "cpp/gated_mlp", nil, "f16", "16,4096 4096,4096 4096,4096 -> 16,4096", false},
	{37, "cpp/lora", nil, "f16", "16,256 256,4096 256,16 16,4096 -> 16,4096", false},
	{38, "cpp/mlp", nil, "f16", "16,8192 8192,8 8,8192 -> 16,8192", false},
	{39, "cpp/moe", nil, "f16", "8,8,4096 8,4096,4096 8,4096,4096 -> 8,8,4096", false},
	{40, "cpp/chameleon", []int64{1, 8}, "f16", "2b,256,64 2b,64,4096 2b,4096,64 -> 2b,256,64", true},
	{41, "cpp/group_query_attn_inc_decode", []int64{1, 8}, "f16", "2b,8,64 2b,64,4096 2b,4096,64 -> 2b,8,64", true},
	{42, "cpp/group_query_attn_prefill", []int64{1, 8}, "f16", "2b,256,64 2b,64,4096 2b,4096,64 -> 2b,256,64", true},
	{43, "cpp/multi_head_attn_inc_decode", []int64{1, 8}, "f16", "32b,16,64 32b,64,4096 32b,4096,64 -> 32b,16,64", true},
	{44, "cpp/multi_head_attn_prefill", []int64{1, 8}, "f16", "32b,256,64 32b,64,1024 32b,1024,64 -> 32b,256,64", true},
	{45, "cpp/multi_query_attn_inc_decode", []int64{8}, "f16", "1b,32,64 1b,64,4096 1b,4096,64 -> 1b,32,64", true},
	{46, "cpp/multi_query_attn_prefill", []int64{1, 8}, "f16", "1b,4096,64 1b,64,4096 1b,4096,64 -> 1b,4096,64", true},
	{47, "cpp/multi_query_attn_spec_decode", []int64{1, 8}, "f16", "1b,1024,64 1b,64,4096 1b,4096,64 -> 1b,1024,64", true},
}

// ofBatch is an extent that grows with the batch size.
var ofBatch = regexp.MustCompile(`(\d+)b`)

// TestMirageInterfaces checks the types of every program of the family against those of Mirage's, and that
// it has all of them and no more.
func TestMirageInterfaces(t *testing.T) {
	left := map[string]string{}
	for _, info := range Family("mirage") {
		left[info.Name] = info.Summary
	}
	next := 1
	for _, c := range interfaces {
		if c.n != next && c.n != next-1 {
			t.Fatalf("%s is number %d, after %d", c.name, c.n, next-1)
		}
		next = c.n + 1
		names := map[string]int64{c.name: 0}
		if c.batches != nil {
			names = map[string]int64{}
			for _, b := range c.batches {
				names[fmt.Sprintf("%s/b%d", c.name, b)] = b
			}
		}
		for name, b := range names {
			shapes := ofBatch.ReplaceAllStringFunc(c.shapes, func(s string) string {
				n, err := strconv.ParseInt(strings.TrimSuffix(s, "b"), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return strconv.FormatInt(n*b, 10)
			})
			full := []string{"mirage/" + name}
			if c.softmax {
				full = append(full, full[0]+"/nomax")
			}
			for _, name := range full {
				if !strings.HasPrefix(left[name], fmt.Sprintf("Mirage %d, ", c.n)) {
					t.Errorf("%s: the summary is %q, want that of Mirage %d", name, left[name], c.n)
				}
				delete(left, name)
				compareTypes(t, name, c.dtype, shapes)
			}
		}
	}
	if next != 48 {
		t.Errorf("%d programs, want Mirage's 47", next-1)
	}
	for name := range left {
		t.Errorf("%s is none of Mirage's", name)
	}
}

// compareTypes checks a program's inputs and outputs: "8,16 16,4 -> f16:8,4", with a type where it is not dtype.
func compareTypes(t *testing.T, name, dtype, shapes string) {
	t.Helper()
	source, err := Source(name)
	if err != nil {
		t.Error(err)
		return
	}
	g, err := parsed(source)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var got []string
	text := func(y ugraph.Type) string {
		s := ugraph.ShapeString(y.Shape)
		s = strings.ReplaceAll(s[1:len(s)-1], ", ", ",")
		if y.DType.String() != dtype {
			s = y.DType.String() + ":" + s
		}
		return s
	}
	for _, in := range g.Inputs {
		got = append(got, text(g.Values[in.Value].Type))
	}
	got = append(got, "->")
	for i := range g.Outputs {
		y, err := g.OutputType(i)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		got = append(got, text(y))
	}
	if s := strings.Join(got, " "); s != shapes {
		t.Errorf("%s: has %s, want %s", name, s, shapes)
	}
}
