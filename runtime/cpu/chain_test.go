package cpu

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// TestProductsThatAreAdded: products and quotients that a sum takes at once, with operands of the
// tile's shape, of a row's and of a column's, divisors without a reciprocal, and one product read twice.
func TestProductsThatAreAdded(t *testing.T) {
	x, z := random(t, 1, 6, 1100), random(t, 2, 6, 1100)
	row, col := random(t, 3, 1100), random(t, 4, 6, 1)
	for i, s := range []float32{0, 1e-40, float32(math.Inf(-1)), 1e38} {
		col.SetFloat64(i, float64(s))
	}
	at := func(x *tensor.Tensor, i, j int) float64 {
		switch len(x.Shape) {
		case 1:
			return x.Float64At(j)
		default:
			return x.Float64At(i*int(x.Shape[1]) + j%int(x.Shape[1]))
		}
	}
	for _, c := range []struct {
		formula string
		want    func(x, z, row, col float64) float64
	}{
		{"x * z + row", func(x, z, row, _ float64) float64 { return x*z + row }},
		{"row + z * x", func(x, z, row, _ float64) float64 { return x*z + row }},
		{"x * row + x * z", func(x, z, row, _ float64) float64 { return x*row + x*z }},
		{"x / col + z", func(x, z, _, col float64) float64 { return x/col + z }},
		{"col / x + z", func(x, z, _, col float64) float64 { return col/x + z }},
		{"x * col + z", func(x, z, _, col float64) float64 { return x*col + z }},
		{"x / z + col", func(x, z, _, col float64) float64 { return x/z + col }},
		{"(x * z + row) * col + (x * z + row)", func(x, z, row, col float64) float64 { return (x*z+row)*col + (x*z + row) }},
	} {
		all := map[string]*tensor.Tensor{"x": x, "z": z, "row": row, "col": col}
		in, tiles := map[string]*tensor.Tensor{}, ""
		var names, params []string
		for _, name := range strings.FieldsFunc(c.formula, func(r rune) bool { return strings.ContainsRune(" ()+*/", r) }) {
			if in[name] != nil {
				continue
			}
			in[name] = all[name]
			names, params = append(names, name), append(params, fmt.Sprintf("%s: %s", name, all[name]))
			cut := ", a=0"
			if name == "row" {
				cut = ""
			}
			tiles += fmt.Sprintf("  t%s = load(%s%s)\n", name, name, cut)
		}
		formula := strings.NewReplacer("x", "tx", "z", "tz", "row", "trow", "col", "tcol").Replace(c.formula)
		src := fmt.Sprintf("ugraph p for p(%s) -> (y) {\n y = kernel p(%s) grid(a: 6 by 2) {\n%s  store y(a=0) = %s\n }\n}",
			strings.Join(params, ", "), strings.Join(names, ", "), tiles, formula)
		gs, err := text.Parse("p.ug", []byte(src))
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		got := runGraph(t, gs[0], 1, in, nil)["y"]
		for i := range 6 {
			for j := range 1100 {
				want := c.want(at(x, i, j), at(z, i, j), at(row, i, j), at(col, i, j))
				g := got.Float64At(i*1100 + j)
				parts := math.Abs(at(x, i, j)*at(z, i, j)) + math.Abs(at(row, i, j)) + math.Abs(at(z, i, j)) + math.Abs(want)
				same := math.IsNaN(want) && math.IsNaN(g) || float64(float32(want)) == g || math.Abs(g-want) <= 0x1p-20*parts*max(1, math.Abs(at(col, i, j)))
				if !same {
					t.Fatalf("%s at (%d, %d): got %g, want %g", c.formula, i, j, g, want)
				}
			}
		}
	}
}
