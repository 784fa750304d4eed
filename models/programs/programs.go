package programs

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed *.ug mirage/*.ug morgana/*.ug
var files embed.FS

// table lists the programs in the order of `morgana list`, and whether the batch size is a
// parameter of theirs.
var table = []struct {
	name    string
	batched bool
}{
	{"gated_mlp", false},
	{"gqa", true},
	{"mha", true},
	{"mqa", true},
	{"qknorm_gqa", true},
	{"qvnorm_gqa", true},
	{"lora", false},
	{"moe", false},
	{"ntrans", true},
	{"rmsnorm_linear", true},
	{"softmax_wide", false},
	{"layer_norm", false},
	{"mlp_decode", false},
	{"attention_decode", false},
	{"tiny", false},
}

// dtypes and batches are the parts of a variant's name beside the base's f32 and batch 1.
var (
	dtypes  = []string{"f16", "bf16"}
	batches = []int{8, 16}
)

// Info describes an embedded program.
type Info struct {
	Name     string
	Summary  string   // one line: the comment that opens its text
	Variants []string // full names of its variants, such as gqa/f16/b8
}

// List lists the base programs, Mirage's benchmarks first; All has those of the families too.
func List() []Info {
	list := make([]Info, 0, len(table))
	for _, row := range table {
		text := base(row.name)
		summary, _, _ := strings.Cut(strings.TrimPrefix(text, "// "), "\n")
		list = append(list, Info{Name: row.name, Summary: summary, Variants: variants(row.name, row.batched)})
	}
	return list
}

// variants lists the full names of a program's variants, the base itself not among them.
func variants(name string, batched bool) []string {
	var list []string
	for _, dtype := range append([]string{""}, dtypes...) {
		prefix := name
		if dtype != "" {
			prefix += "/" + dtype
			list = append(list, prefix)
		}
		if batched {
			for _, b := range batches {
				list = append(list, prefix+"/b"+strconv.Itoa(b))
			}
		}
	}
	return list
}

// base is the text of a program in the table, f32 and batch 1.
func base(name string) string {
	text, err := files.ReadFile(name + ".ug")
	if err != nil {
		panic(fmt.Sprintf("programs: the table names %s, which is not embedded: %v", name, err))
	}
	return string(text)
}

// Source returns the .ug text of a base program, a variant of one, or a family's program. An unknown name is an error that offers the
// closest one and says where to see all.
func Source(name string) (string, error) {
	for _, row := range table {
		if name == row.name {
			return base(name), nil
		}
		for _, variant := range variants(row.name, row.batched) {
			if name == variant {
				return substitute(base(row.name), strings.Split(name, "/")[1:]), nil
			}
		}
	}
	for _, f := range families {
		if strings.HasPrefix(name, f.name+"/") {
			return f.source(name)
		}
	}
	return "", unknown(name)
}

var (
	// element matches the element type of a declaration.
	element = regexp.MustCompile(`\bf32\[`)
	// activation matches an input that is no weight, up to its leading extent.
	activation = regexp.MustCompile(`^(\s+\w+: \w+\[)(\d+)`)
)

// substitute makes a variant's text: each part is an element type or b and a batch size.
func substitute(text string, parts []string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "//") {
			continue
		}
		for _, part := range parts {
			batch, err := strconv.ParseInt(strings.TrimPrefix(part, "b"), 10, 64)
			if err != nil {
				line = element.ReplaceAllString(line, part+"[")
				continue
			}
			if m := activation.FindStringSubmatchIndex(line); m != nil {
				extent, _ := strconv.ParseInt(line[m[4]:m[5]], 10, 64) // digits, by the pattern
				line = line[:m[4]] + strconv.FormatInt(extent*batch, 10) + line[m[5]:]
			}
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}
