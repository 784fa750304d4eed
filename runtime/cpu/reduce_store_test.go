package cpu

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// reduceStores combine the tiles of blocks: of every storage, whole tiles of a cut axis among them.
var reduceStores = []string{
	"Y: f32[4] (16 by 4) sum load(X, r=0) * 2",
	"Y: f32[4] (16 by 4) max load(X, r=0)",
	"Y: f16[8] (16 by 8) sum cast(load(X, r=0), to=f16)",
	"Y: f64[4] (16 by 4) min cast(load(X, r=0), to=f64)",
	"Y: i32[1] (16 by 4) sum sum(load(I, r=0), axis=[0], keepdims=true)",
	"Y: i32[1] (16 by 1) max load(I, r=0)",
	"Y: i8[4] (16 by 4) max cast(load(I, r=0), to=i8)",
	"Y: u8[4] (16 by 4) sum cast(load(I, r=0), to=u8)",
	"Y: i64[2] (16 by 2) min cast(load(I, r=0), to=i64)",
}

func TestStoresThatCombineBlocks(t *testing.T) {
	devices := []*Device{New(1), New(3)}
	for _, d := range devices {
		defer d.Close()
	}
	index, err := tensor.New(ugraph.I32, 16)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		index.SetFloat64(i, float64(i*7%16+100*(i%2)))
	}
	in := map[string]*tensor.Tensor{"X": random(t, 3, 16), "I": index}
	for _, c := range reduceStores {
		m := regexp.MustCompile(`^Y: (\S+) \(([^)]*)\) (\S+) (.*)$`).FindStringSubmatch(c)
		input := "X: f32[16]"
		if strings.Contains(m[4], "I") {
			input = "I: i32[16]"
		}
		name := input[:1]
		gs, err := text.Parse("case", fmt.Appendf(nil, "ugraph p for p(%s) -> (Y) {\n Y = kernel k(%s) grid(r: %s) {\n store Y(reduce=%s) = %s\n }\n}\n", input, name, m[2], m[3], m[4]))
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]*tensor.Tensor{name: in[name]}
		want := reference(t, gs[0], nil, given)
		for _, d := range devices {
			p, err := d.Load(gs[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.OutputTensors(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run(t.Context(), given, got); err != nil {
				t.Fatal(err)
			}
			diff, err := tensor.Compare(got["Y"], want["Y"])
			if err != nil {
				t.Fatal(err)
			}
			if !(diff.Max <= bound(got["Y"].DType)) {
				t.Errorf("%s: %v is %g, want %g", c, diff.Index, diff.Got, diff.Want)
			}
		}
	}
}
