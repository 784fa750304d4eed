package programs

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestTableAndFilesAgree(t *testing.T) {
	embedded, err := fs.Glob(files, "*.ug")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, info := range List() {
		listed = append(listed, info.Name+".ug")
		text := base(info.Name)
		if !strings.HasPrefix(text, "// "+info.Summary+"\nprogram "+info.Name+"(\n") {
			t.Errorf("%s: the text does not open with its summary and its own name", info.Name)
		}
	}
	slices.Sort(listed)
	if !slices.Equal(embedded, listed) {
		t.Errorf("embedded %v, in the table %v", embedded, listed)
	}
}

func TestVariants(t *testing.T) {
	for _, c := range []struct {
		name string
		has  []string
		not  []string
	}{
		{"gqa", []string{"Q: f32[2, 256, 64]", "V: f32[2, 4096, 64]"}, []string{"f16"}},
		{"gqa/f16", []string{"Q: f16[2, 256, 64]", "K: f16[2, 64, 4096]"}, []string{"f32"}},
		{"gqa/b8", []string{"Q: f32[16, 256, 64]", "K: f32[16, 64, 4096]", "V: f32[16, 4096, 64]"}, nil},
		{"gqa/f16/b8", []string{"program gqa(", "Q: f16[16, 256, 64]"}, []string{"f32"}},
		{"mqa/b16", []string{"Q: f32[16, 1024, 64]"}, nil},
		{"ntrans/bf16/b16", []string{"alpha: bf16[128, 4096]"}, []string{"f32"}},
		{"rmsnorm_linear/b8", []string{"X: f32[16, 4096]", "W: const f32[4096, 6144]"}, nil},
		{"gated_mlp/f16", []string{"X: f16[8, 4096]", "W1: const f16[4096, 4096]"}, []string{"f32"}},
		{"attention_decode/f16", []string{"K: f16[2, S, 64]", "where S <= 131072"}, []string{"f32"}},
	} {
		text, err := Source(c.name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range c.has {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", c.name, part, text)
			}
		}
		for _, part := range c.not {
			if strings.Contains(text, part) {
				t.Errorf("%s has %q:\n%s", c.name, part, text)
			}
		}
	}
}

func TestUnknownName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"gqaa", "did you mean gqa?"},
		{"gated-mlp", "did you mean gated_mlp?"},
		{"gqa/b8/f16", "did you mean gqa/f16/b8?"},
		{"softmax", "`morgana list softmax` has those"},
		{"qknorm_gqa/f61", "did you mean qknorm_gqa/f16?"},
		{"lora/b8", "did you mean lora"},
		{"completely_else", "`morgana list` has all"},
		{"", "no embedded program"},
	} {
		_, err := Source(c.name)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q in it", c.name, err, c.want)
		}
	}
	for _, name := range []string{"completely_else", "foo", "bar", "test", "mirage/foo"} {
		if _, err := Source(name); strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%s: offers a name that is nothing like it: %v", name, err)
		}
	}
}
