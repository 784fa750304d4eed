package programs

import (
	"strings"
	"testing"
)

const formula = `// What it does.
program attention(
    Q: f32[2 * B, 1, 64],
    K: f32[2 * B, S, 64],
    at: i32[2 * B * 3],
) -> (O: f32) where B <= 64, 1 <= S <= 4096, S % 16 == 0 {
    // B is the batch.
    P = softmax(matmul(Q, K, transpose_b=true) * 0.125 * 2)
    O = broadcast(P @ K, shape=[2 * B, 3 * 1, 64])
}
`

func TestBind(t *testing.T) {
	got, err := row{sizes: "B=8", dtype: "f16", where: "S >= 32"}.bind(formula, "a_b8")
	want := `// What it does.
program a_b8(
    Q: f16[16, 1, 64],
    K: f16[16, S, 64],
    at: i32[48],
) -> (O: f32) where 32 <= S <= 4096, S % 16 == 0 {
    // B is the batch.
    P = softmax(matmul(Q, K, transpose_b=true) * 0.125 * 2)
    O = broadcast(P @ K, shape=[16, 3, 64])
}
`
	if err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	got, err = row{sizes: "S=48 B=1"}.bind(formula, "a")
	if err != nil || !strings.Contains(got, "(Q: f32[2, 1, 64], K: f32[2, 48, 64], at: i32[6]) -> (O: f32) {\n") {
		t.Errorf("%v, got\n%s", err, got)
	}
}

// A row that does not suit its formula is refused, and told why.
func TestBindRefuses(t *testing.T) {
	for _, c := range []struct {
		row  row
		want string
	}{
		{row{sizes: "B=65"}, "B=65"},
		{row{sizes: "S=24"}, "S=24"},
		{row{sizes: "S=0"}, "want NAME=SIZE"},
		{row{sizes: "S"}, "want NAME=SIZE"},
		{row{sizes: "S=99999999999999999999"}, "out of range"},
		{row{sizes: "T=1"}, "no symbol T"},
		{row{sizes: "B=1 B=2"}, "no symbol B left"},
		{row{where: "S < 8"}, "no size satisfies"},
		{row{where: "T <= 8"}, "T"},
		{row{dtype: "f12"}, "f12"},
	} {
		source, err := c.row.bind(formula, "a")
		if err == nil {
			_, err = parsed(source)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q in it", c.row, err, c.want)
		}
	}
	if _, err := (row{where: "S <= 8"}).bind("program p(X: f32[3]) -> (Y) {\n    Y = -X\n}\n", "p"); err == nil {
		t.Error("conditions on a formula without symbols are taken")
	}
}
